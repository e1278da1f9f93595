/* The outbox against a stand-in for Slack: every notice arrives, in order, whatever it answers in between. */
#include "revertd/outbox.h"

#include "config/load.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/incident.h"
#include "revertd/json.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after the above */
#include <cmocka.h>

#define AT INT64_C(1772359200000000)
enum { REQUESTS_MAX = 32, WAIT_SEC_MAX = 60 };

struct stub {
        pid_t pid;
        int fd;
        unsigned port;
};

struct fixture {
        char directory[64];
        struct stub stub;
        struct rv_store *store;
        sd_event *event;
        struct rv_http_client *client;
        struct rv_outbox *outbox;
        json_t *requests[REQUESTS_MAX];
        size_t n;
        sd_event_source *reader;
        char line[65536];
        size_t line_bytes;
};

/* -- The stand-in -- */

static void stub_start(struct stub *stub, unsigned port, const char *const *answers) {
        int fd[2];
        char port_text[16];
        const char *argv[40] = {"/usr/bin/python3", RV_SOURCE_DIR "/tests/unit/notify/slack_stub.py", port_text};
        size_t n = 3;
        snprintf(port_text, sizeof(port_text), "%u", port);
        while (answers && *answers && n < RV_ARRAY_SIZE(argv) - 1)
                argv[n++] = *answers++;
        assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
        stub->pid = fork();
        if (stub->pid == 0) {
                dup2(fd[1], STDOUT_FILENO);
                execv(argv[0], (char *const *)argv);
                _exit(127);
        }
        close(fd[1]);
        stub->fd = fd[0];
        char line[64] = "";
        for (size_t i = 0; i < sizeof(line) - 1 && read(stub->fd, &line[i], 1) == 1 && line[i] != '\n'; i++)
                ;
        assert_int_equal(sscanf(line, "port %u", &stub->port), 1);
        assert_int_equal(fcntl(stub->fd, F_SETFL, O_NONBLOCK), 0);
}

static void stub_stop(struct stub *stub) {
        kill(stub->pid, SIGKILL);
        waitpid(stub->pid, NULL, 0);
        close(stub->fd);
}

static int on_line(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct fixture *f = userdata;
        (void)events;
        for (char c; read(fd, &c, 1) == 1;) {
                assert_true(f->line_bytes < sizeof(f->line));
                f->line[f->line_bytes++] = c;
                if (c != '\n')
                        continue;
                assert_true(f->n < REQUESTS_MAX);
                assert_int_equal(rv_json_parse(&f->requests[f->n++], f->line, f->line_bytes, 10000, NULL), 0);
                f->line_bytes = 0;
        }
        if (events & (EPOLLHUP | EPOLLERR))
                sd_event_source_set_enabled(source, SD_EVENT_OFF);
        return 0;
}

static void stub_watch(struct fixture *f) {
        f->reader = sd_event_source_disable_unref(f->reader);
        assert_true(sd_event_add_io(f->event, &f->reader, f->stub.fd, EPOLLIN, on_line, f) >= 0);
}

/* -- The outbox under test -- */

static void write_file(struct fixture *f, const char *name, const char *text) {
        _cleanup_free_ char *path = NULL;
        assert_true(asprintf(&path, "%s/%s", f->directory, name) > 0);
        _cleanup_fclose_ FILE *file = fopen(path, "we");
        assert_non_null(file);
        fputs(text, file);
}

static void outbox_start(struct fixture *f, const char *receiver) {
        char text[4096], url[128];
        snprintf(url, sizeof(url), "http://127.0.0.1:%u/services/T/B/X", f->stub.port);
        write_file(f, "hook", url);
        write_file(f, "token", "xoxb-1");
        snprintf(text, sizeof(text),
                 "credentials_directory = \"%s\"; receivers: ({ type = \"slack\"; timeout = \"1s\"; "
                 "api_url = \"http://127.0.0.1:%u/api\"; %s });",
                 f->directory, f->stub.port, receiver);
        struct rv_config *config;
        struct rv_config_errors errors = {0};
        if (rv_config_load_text(&config, "test.conf", text, strlen(text), &errors) < 0)
                fail_msg("%s", errors.text[0]);
        struct rv_error err = {0};
        if (rv_outbox_new(&f->outbox, config, f->event, f->client, f->store, &err) < 0)
                fail_msg("%s", err.text);
        rv_config_unref(config);
}

#define BOT "name = \"deploys\"; credential = \"token\"; channel = \"deploys\";"
#define WEBHOOK "name = \"hook\"; credential = \"hook\";"

static int setup(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));
        strcpy(f->directory, "/tmp/revertd-outbox-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        assert_int_equal(rv_store_open(&f->store, f->directory, NULL), 0);
        assert_true(sd_event_new(&f->event) >= 0);
        assert_int_equal(rv_http_client_new(&f->client, f->event, "revertd-test"), 0);
        *state = f;
        return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st, (void)type, (void)ftw;
        return remove(path);
}

static int teardown(void **state) {
        struct fixture *f = *state;
        rv_outbox_free(f->outbox);
        sd_event_source_disable_unref(f->reader);
        rv_http_client_free(f->client);
        sd_event_unref(f->event);
        rv_store_close(f->store);
        if (f->stub.pid > 0)
                stub_stop(&f->stub);
        for (size_t i = 0; i < f->n; i++)
                json_decref(f->requests[i]);
        nftw(f->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        free(f);
        return 0;
}

static void begin(struct fixture *f, const char *receiver, const char *const *answers) {
        stub_start(&f->stub, 0, answers);
        stub_watch(f);
        outbox_start(f, receiver);
}

static json_t *make_notice(const char *receiver, const char *id, unsigned number, enum rv_incident_state to) {
        struct rv_incident incident = {.state = to,
                                       .rule = (char *)"ratio",
                                       .repository = (char *)"fleet",
                                       .n_transitions = number,
                                       .times.detected_usec = AT};
        struct rv_transition transition = {.number = number, .to = to, .at_usec = AT, .actor = (char *)"revertd"};
        strcpy(incident.id, id);
        strcpy(transition.incident, id);
        json_t *notice = json_pack("{s:s, s:o, s:o, s:n, s:n, s:I}", "receiver", receiver, "incident",
                                   rv_incident_to_json(&incident), "transition", rv_transition_to_json(&transition),
                                   "rule", "commit_url", "queued_usec", (json_int_t)AT);
        assert_non_null(notice);
        return notice;
}

static void put(struct fixture *f, const char *receiver, const char *id, unsigned number, enum rv_incident_state to,
                int64_t sort) {
        struct rv_batch batch = {0};
        char key[128];
        snprintf(key, sizeof(key), "%s/%s/%06u", receiver, id, number);
        assert_int_equal(rv_batch_put(&batch, RV_RECORD_OUTBOX, key, sort, 0, make_notice(receiver, id, number, to)),
                         0);
        assert_int_equal(rv_store_commit(f->store, &batch, NULL), 0);
        rv_batch_done(&batch);
}

static size_t count(struct fixture *f, enum rv_record_kind kind) {
        size_t n;
        assert_int_equal(rv_store_count(f->store, kind, "", &n, NULL), 0);
        return n;
}

static int on_overdue(sd_event_source *source, uint64_t usec, void *userdata) {
        (void)source, (void)usec;
        *(bool *)userdata = true;
        return 0;
}

static void run_until(struct fixture *f, size_t requests, size_t outbox) {
        bool is_overdue = false;
        sd_event_source *timer = NULL;
        assert_true(sd_event_add_time_relative(f->event, &timer, CLOCK_BOOTTIME,
                                               WAIT_SEC_MAX * (uint64_t)RV_USEC_PER_SEC, 0, on_overdue,
                                               &is_overdue) >= 0);
        while (f->n < requests || count(f, RV_RECORD_OUTBOX) != outbox) {
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
                if (is_overdue)
                        fail_msg("%zu of %zu requests, %zu notices left", f->n, requests, count(f, RV_RECORD_OUTBOX));
        }
        sd_event_source_disable_unref(timer);
        assert_int_equal(f->n, requests);
}

static const char *path_of(struct fixture *f, size_t i) {
        return rv_json_string(f->requests[i], "path", "");
}
static const char *body_of(struct fixture *f, size_t i, const char *key) {
        return rv_json_string(json_object_get(f->requests[i], "body"), key, "");
}

#define ONE "7f3c000000000001"
#define TWO "7f3c000000000002"

/* -- A bot: one message an incident, kept up to date, news in its thread -- */

static void test_thread(void **state) {
        struct fixture *f = *state;
        begin(f, BOT, NULL);
        put(f, "deploys", ONE, 1, RV_INCIDENT_HOLDING, AT);
        rv_outbox_wake(f->outbox);
        run_until(f, 1, 0);
        assert_string_equal(path_of(f, 0), "/api/chat.postMessage");
        assert_string_equal(rv_json_string(f->requests[0], "authorization", ""), "Bearer xoxb-1");
        assert_string_equal(body_of(f, 0, "channel"), "deploys");
        assert_string_equal(body_of(f, 0, "thread_ts"), "");
        assert_int_equal(count(f, RV_RECORD_THREAD), 1);

        put(f, "deploys", ONE, 2, RV_INCIDENT_VERIFYING, AT + 1);
        put(f, "deploys", ONE, 3, RV_INCIDENT_RECOVERED, AT + 2);
        rv_outbox_wake(f->outbox);
        run_until(f, 5, 0);
        for (size_t i = 1; i < 5; i += 2) {
                assert_string_equal(path_of(f, i), "/api/chat.update");
                assert_string_equal(body_of(f, i, "channel"), "C0RESOLVED");
                assert_string_equal(body_of(f, i, "ts"), "1503435956.000001");
                assert_string_equal(path_of(f, i + 1), "/api/chat.postMessage");
                assert_string_equal(body_of(f, i + 1, "thread_ts"), "1503435956.000001");
        }
        assert_non_null(strstr(body_of(f, 4, "text"), "Recovered"));
        assert_int_equal(count(f, RV_RECORD_THREAD), 0); /* it has ended: nothing follows */
        assert_int_equal(rv_outbox_get_metrics(f->outbox, 0)->sent, 3);
        assert_int_equal(rv_outbox_get_metrics(f->outbox, 0)->queued, 0);
}

static void test_message_was_deleted(void **state) {
        struct fixture *f = *state;
        begin(f, BOT, (const char *const[]){"ok", "error:message_not_found", "ok", "error:cant_update_message", NULL});
        put(f, "deploys", ONE, 1, RV_INCIDENT_HOLDING, AT);
        put(f, "deploys", ONE, 2, RV_INCIDENT_REVERTING, AT);
        put(f, "deploys", ONE, 3, RV_INCIDENT_VERIFYING, AT);
        rv_outbox_wake(f->outbox);
        run_until(f, 5, 0);
        assert_string_equal(path_of(f, 2), "/api/chat.postMessage"); /* a new one */
        assert_string_equal(body_of(f, 2, "thread_ts"), "");
        assert_string_equal(path_of(f, 3), "/api/chat.update"); /* can no longer be changed: still a thread */
        assert_string_equal(body_of(f, 4, "thread_ts"), "1503435956.000002");
}

/* -- A webhook: one message a notice -- */

static void test_webhook(void **state) {
        struct fixture *f = *state;
        begin(f, WEBHOOK, NULL);
        put(f, "hook", ONE, 1, RV_INCIDENT_REVERTING, AT);
        put(f, "hook", TWO, 1, RV_INCIDENT_DECLINED, AT - 1);
        rv_outbox_wake(f->outbox);
        run_until(f, 2, 0);
        assert_string_equal(path_of(f, 0), "/services/T/B/X");
        assert_non_null(strstr(body_of(f, 0, "text"), "Not reverted")); /* the older one first */
        assert_non_null(strstr(body_of(f, 1, "text"), "Reverting"));
        assert_string_equal(body_of(f, 0, "channel"), "");
        assert_int_equal(count(f, RV_RECORD_THREAD), 0);
}

/* -- Failures that pass -- */

static void test_passing_failures(void **state) {
        struct fixture *f = *state;
        static const char *const answers[] = {"429:1", "500", "hang", "drop", "page", "error:internal_error", NULL};
        begin(f, BOT, answers);
        put(f, "deploys", ONE, 1, RV_INCIDENT_HOLDING, AT);
        /* Each failure doubles the delay: two notices' worth of three keep the test short. */
        rv_outbox_wake(f->outbox);
        run_until(f, 4, 1);
        rv_outbox_free(f->outbox); /* a restart forgets the delays */
        outbox_start(f, BOT);
        rv_outbox_wake(f->outbox);
        run_until(f, 7, 0);
        for (size_t i = 0; i < 7; i++)
                assert_string_equal(path_of(f, i), "/api/chat.postMessage");
        assert_int_equal(count(f, RV_RECORD_UNDELIVERABLE), 0);
        assert_int_equal(rv_outbox_get_metrics(f->outbox, 0)->sent, 1);
}

static void test_refused_connection_and_restart(void **state) {
        struct fixture *f = *state;
        begin(f, WEBHOOK, NULL);
        unsigned port = f->stub.port;
        f->reader = sd_event_source_disable_unref(f->reader);
        stub_stop(&f->stub);
        put(f, "hook", ONE, 1, RV_INCIDENT_REVERTING, AT);
        rv_outbox_wake(f->outbox);
        while (rv_outbox_get_metrics(f->outbox, 0)->failed < 2)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        assert_int_equal(count(f, RV_RECORD_OUTBOX), 1);

        /* Everything but the store is lost. */
        rv_outbox_free(f->outbox);
        rv_store_close(f->store);
        assert_int_equal(rv_store_open(&f->store, f->directory, NULL), 0);
        stub_start(&f->stub, port, NULL);
        stub_watch(f);
        outbox_start(f, WEBHOOK);
        assert_int_equal(rv_outbox_get_metrics(f->outbox, 0)->queued, 1);
        rv_outbox_wake(f->outbox);
        run_until(f, 1, 0);
}

/* -- Failures that do not -- */

static int expect_error(const struct rv_record *record, void *userdata) {
        assert_string_equal(rv_json_string(record->value, "error", ""), userdata);
        assert_true(rv_json_int(record->value, "given_up_usec", 0) > 0);
        assert_non_null(json_object_get(record->value, "incident"));
        return 0;
}

static void test_permanent(void **state) {
        struct fixture *f = *state;
        begin(f, BOT, (const char *const[]){"error:channel_not_found", NULL});
        put(f, "deploys", ONE, 1, RV_INCIDENT_DECLINED, AT);
        put(f, "deploys", TWO, 1, RV_INCIDENT_DECLINED, AT + 1);
        rv_outbox_wake(f->outbox);
        run_until(f, 2, 0);
        assert_int_equal(count(f, RV_RECORD_UNDELIVERABLE), 1);
        assert_int_equal(rv_store_list(f->store, RV_RECORD_UNDELIVERABLE, "deploys/" ONE, false, 0, expect_error,
                                       (void *)"Slack: channel_not_found", NULL),
                         0);
        assert_int_equal(rv_outbox_get_metrics(f->outbox, 0)->undeliverable, 1);
        assert_int_equal(rv_outbox_get_metrics(f->outbox, 0)->sent, 1);
}

static void test_webhook_permanent(void **state) {
        struct fixture *f = *state;
        begin(f, WEBHOOK, (const char *const[]){"404:channel_not_found", NULL});
        put(f, "hook", ONE, 1, RV_INCIDENT_DECLINED, AT);
        rv_outbox_wake(f->outbox);
        run_until(f, 1, 0);
        assert_int_equal(rv_store_list(f->store, RV_RECORD_UNDELIVERABLE, "", false, 0, expect_error,
                                       (void *)"HTTP 404: channel_not_found", NULL),
                         0);
        assert_int_equal(count(f, RV_RECORD_UNDELIVERABLE), 1);
}

static void test_receiver_is_gone(void **state) {
        struct fixture *f = *state;
        begin(f, WEBHOOK, NULL);
        for (unsigned i = 0; i < RV_UNDELIVERABLE_MAX + 5; i++)
                put(f, "gone", ONE, i, RV_INCIDENT_DECLINED, AT);
        put(f, "hook", ONE, 1, RV_INCIDENT_DECLINED, AT);
        rv_outbox_wake(f->outbox);
        run_until(f, 1, 0);
        assert_int_equal(count(f, RV_RECORD_UNDELIVERABLE), RV_UNDELIVERABLE_MAX);
}

static void test_damaged_notice(void **state) {
        struct fixture *f = *state;
        begin(f, WEBHOOK, NULL);
        struct rv_batch batch = {0};
        assert_int_equal(
                rv_batch_put(&batch, RV_RECORD_OUTBOX, "hook/x/000001", 0, 0, json_pack("{s:i}", "incident", 1)), 0);
        assert_int_equal(rv_store_commit(f->store, &batch, NULL), 0);
        rv_batch_done(&batch);
        put(f, "hook", ONE, 1, RV_INCIDENT_DECLINED, AT);
        rv_outbox_wake(f->outbox);
        run_until(f, 1, 0);
        assert_int_equal(count(f, RV_RECORD_UNDELIVERABLE), 1);
}

int main(void) {
        signal(SIGPIPE, SIG_IGN);
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_thread, setup, teardown),
                cmocka_unit_test_setup_teardown(test_message_was_deleted, setup, teardown),
                cmocka_unit_test_setup_teardown(test_webhook, setup, teardown),
                cmocka_unit_test_setup_teardown(test_passing_failures, setup, teardown),
                cmocka_unit_test_setup_teardown(test_refused_connection_and_restart, setup, teardown),
                cmocka_unit_test_setup_teardown(test_permanent, setup, teardown),
                cmocka_unit_test_setup_teardown(test_webhook_permanent, setup, teardown),
                cmocka_unit_test_setup_teardown(test_receiver_is_gone, setup, teardown),
                cmocka_unit_test_setup_teardown(test_damaged_notice, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
