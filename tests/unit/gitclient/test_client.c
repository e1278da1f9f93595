#include "revertd/gitclient.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

#define HELLO "printf '{\"version\":3,\"repository\":\"fleet\"}\\n' >&3\n"
#define READ "read -r line <&3 || exit 0\n"
/* Answers with the request's id. */
#define ANSWER                                                                                                         \
        "id=${line#*\\\"id\\\":}; id=${id%%[,\\}]*}\n"                                                                 \
        "printf '{\"id\":%s,\"outcome\":\"ok\",\"message\":\"%s\"}\\n' \"$id\" \"$$\" >&3\n"
#define SERVE HELLO "while :; do\n" READ ANSWER "done\n"

struct world {
        char folder[64];
        char program[96];
        char notes[96]; /* a file that a worker writes to */
        sd_event *event;
        struct rv_gitclient *client;
        unsigned expected, answered, lost;
        char last[RV_ERROR_TEXT_MAX]; /* message of the answer, or the error */
        char order[64];
        char told[128]; /* of progress */
};

static int set_up(void **state) {
        struct world *world = calloc(1, sizeof(*world));

        strcpy(world->folder, "/tmp/revertd-gitclient-XXXXXX");
        assert_non_null(mkdtemp(world->folder));
        snprintf(world->program, sizeof(world->program), "%s/worker", world->folder);
        snprintf(world->notes, sizeof(world->notes), "%s/notes", world->folder);
        assert_true(sd_event_new(&world->event) >= 0);
        *state = world;
        return 0;
}

static int tear_down(void **state) {
        struct world *world = *state;

        rv_gitclient_free(world->client);
        sd_event_unref(world->event);
        unlink(world->program);
        unlink(world->notes);
        rmdir(world->folder);
        free(world);
        return 0;
}

static void write_worker(struct world *world, const char *script) {
        char temporary[128];
        FILE *file;

        snprintf(temporary, sizeof(temporary), "%s.new", world->program);
        file = fopen(temporary, "we");
        assert_non_null(file);
        fprintf(file, "#!/bin/sh\nnotes=%s\n%s", world->notes, script);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(chmod(temporary, 0700), 0);
        assert_int_equal(rename(temporary, world->program), 0);
}

static void on_progress(void *userdata) {
        struct world *world = userdata;
        const char *progress = rv_gitclient_progress(world->client);
        size_t n = strlen(world->told);

        snprintf(world->told + n, sizeof(world->told) - n, "%s|", progress ? progress : "");
}

static void make_client_that_waits(struct world *world, const char *script, int64_t end_usec) {
        struct rv_gitclient_options options = {
                .program = world->program,
                .config_file = "/nonexistent",
                .repository = "fleet",
                .state_directory = world->folder,
                .timeout_usec = 20 * RV_USEC_PER_SEC,
                .end_usec = end_usec,
                .on_progress = on_progress,
                .userdata = world,
        };
        struct rv_error err = {};

        write_worker(world, script);
        assert_int_equal(rv_gitclient_new(&world->client, world->event, &options, &err), 0);
}

static void make_client(struct world *world, const char *script) {
        make_client_that_waits(world, script, 0);
}

static void on_answer(const struct rv_git_reply *reply, const struct rv_error *err, void *userdata) {
        struct world *world = userdata;

        if (reply) {
                world->answered++;
                snprintf(world->last, sizeof(world->last), "%s", reply->message ? reply->message : "");
        } else {
                world->lost++;
                snprintf(world->last, sizeof(world->last), "%s", err->text);
        }
}

static void note_order(struct world *world, char c) {
        char text[] = {c, '\0'};

        strcat(world->order, text);
}

static void on_urgent(const struct rv_git_reply *reply, const struct rv_error *err, void *userdata) {
        note_order(userdata, 'U');
        on_answer(reply, err, userdata);
}

static void on_poll(const struct rv_git_reply *reply, const struct rv_error *err, void *userdata) {
        note_order(userdata, 'p');
        on_answer(reply, err, userdata);
}

static void ask_within(struct world *world, bool urgent, rv_git_callback callback, int64_t timeout_usec) {
        struct rv_git_request *request = calloc(1, sizeof(*request));
        struct rv_error err = {};

        assert_non_null(request);
        request->op = RV_GIT_SYNC;
        request->timeout_usec = timeout_usec;
        assert_int_equal(rv_gitclient_ask(world->client, request, urgent, callback, world, &err), 0);
        world->expected++;
}

static void ask(struct world *world) {
        ask_within(world, false, on_answer, 0);
}

/* Until every question so far has its answer. */
static void settle(struct world *world) {
        while (world->answered + world->lost < world->expected)
                assert_true(sd_event_run(world->event, UINT64_MAX) >= 0);
}

static void test_one_worker_answers_many(void **state) {
        struct world *world = *state;

        make_client(world, SERVE);
        for (int i = 0; i < 20; i++)
                ask(world);
        settle(world);
        assert_int_equal(world->answered, 20);
        assert_int_equal(rv_gitclient_get_metrics(world->client)->starts, 1);
        assert_int_equal(rv_gitclient_get_metrics(world->client)->requests[RV_GIT_SYNC], 20);
        assert_int_equal(rv_gitclient_get_metrics(world->client)->queued, 0);
}

static void test_no_callback_before_the_loop(void **state) {
        struct world *world = *state;

        make_client(world, "exit 1\n");
        ask(world);
        assert_int_equal(world->answered + world->lost, 0);
        settle(world);
        assert_int_equal(world->lost, 1);
}

static void test_urgent_goes_first(void **state) {
        struct world *world = *state;

        make_client(world, SERVE);
        ask_within(world, false, on_poll, 0);
        ask_within(world, false, on_poll, 0);
        ask_within(world, true, on_urgent, 0);
        ask_within(world, true, on_urgent, 0);
        settle(world);
        assert_string_equal(world->order, "UUpp");
}

static void test_the_dead_worker_loses_only_its_request(void **state) {
        struct world *world = *state;

        /* The first one dies of the request, the next serves. */
        make_client(world, "if [ ! -e $notes ]; then : > $notes; " HELLO READ "kill -9 $$; fi\n" SERVE);
        ask_within(world, true, on_answer, 0);
        ask_within(world, true, on_answer, 0);
        settle(world);
        assert_int_equal(world->lost, 1);
        assert_int_equal(world->answered, 1);
        assert_int_equal(rv_gitclient_get_metrics(world->client)->starts, 2);
        assert_int_equal(rv_gitclient_get_metrics(world->client)->lost, 1);
}

static void test_the_exit_status_is_told(void **state) {
        struct world *world = *state;

        make_client(world, HELLO READ "exit 75\n");
        ask(world);
        settle(world);
        assert_string_equal(world->last, "the worker did not answer by its deadline");
}

static void test_a_signal_is_told(void **state) {
        struct world *world = *state;

        make_client(world, HELLO READ "kill -SEGV $$\n");
        ask(world);
        settle(world);
        assert_string_equal(world->last, "the worker was killed by signal 11");
}

static void test_an_idle_death_is_not_noticed(void **state) {
        struct world *world = *state;

        make_client(world, HELLO READ ANSWER "exit 0\n");
        ask(world);
        settle(world);
        /* The next request may meet the dying one; none after that does. */
        ask_within(world, true, on_answer, 0);
        settle(world);
        ask_within(world, true, on_answer, 0);
        settle(world);
        assert_true(world->answered >= 2);
}

static void test_a_silent_worker_is_killed_with_its_children(void **state) {
        struct world *world = *state;
        char text[32] = "";
        FILE *file;
        pid_t child;

        make_client(world, HELLO READ "sleep 1000 & echo $! > $notes.new; mv $notes.new $notes; wait\n");
        ask_within(world, false, on_answer, 1);
        settle(world);
        assert_string_equal(world->last, "the worker did not answer in time");
        file = fopen(world->notes, "re");
        assert_non_null(file);
        assert_non_null(fgets(text, sizeof(text), file));
        fclose(file);
        child = (pid_t)strtol(text, NULL, 10);
        assert_true(child > 1);
        /* Killed; somebody else reaps it. */
        for (int64_t end = rv_clock_monotonic_usec() + 10 * RV_USEC_PER_SEC;
             kill(child, 0) == 0 && rv_clock_monotonic_usec() < end;) {
                char path[64], line[256] = "";
                FILE *stat;

                snprintf(path, sizeof(path), "/proc/%d/stat", child);
                stat = fopen(path, "re");
                if (stat && fgets(line, sizeof(line), stat) && strstr(line, ") Z")) {
                        fclose(stat);
                        return;
                }
                if (stat)
                        fclose(stat);
        }
        assert_int_not_equal(kill(child, 0), 0);
}

static void test_progress_moves_the_deadline(void **state) {
        struct world *world = *state;

        make_client(world, HELLO READ "id=${line#*\\\"id\\\":}; id=${id%%[,\\}]*}\n"
                                      "printf '{\"id\":%s,\"outcome\":\"ok\",\"progress\":true}\\n' $id $id $id >&3\n"
                                      "printf '{\"id\":%s,\"outcome\":\"ok\",\"message\":\"done\"}\\n' $id >&3\n" READ);
        ask(world);
        settle(world);
        assert_int_equal(world->answered, 1);
        assert_string_equal(world->last, "done");
}

/* On one line, whatever the worker says; and nothing once the answer is there. */
static void test_progress_is_told_until_the_end(void **state) {
        struct world *world = *state;

        make_client(world, HELLO READ "id=${line#*\\\"id\\\":}; id=${id%%[,\\}]*}\n"
                                      "printf '{\"id\":%s,\"outcome\":\"ok\",\"progress\":true,\"message\":"
                                      "\"half\\\\u000aX=1\"}\\n' $id >&3\n"
                                      "printf '{\"id\":%s,\"outcome\":\"ok\"}\\n' $id >&3\n" READ);
        assert_null(rv_gitclient_progress(world->client));
        ask(world);
        settle(world);
        assert_int_equal(world->answered, 1);
        assert_string_equal(world->told, "half X=1||");
        assert_null(rv_gitclient_progress(world->client));
}

static void test_nonsense_ends_the_worker(void **state) {
        static const char *const scripts[] = {
                "printf 'SSH-2.0-OpenSSH\\n' >&3\nread -r line <&3\n",
                "printf '{\"version\":2,\"repository\":\"fleet\"}\\n' >&3\nread -r line <&3\n",
                "printf '{\"version\":3,\"repository\":\"other\"}\\n' >&3\nread -r line <&3\n",
                "printf '{\"version\":3,\"repository\":\"fleet\",\"error\":\"no such repository\"}\\n' >&3\n",
                HELLO READ "printf '{\"id\":999,\"outcome\":\"ok\"}\\n' >&3\nread -r line <&3\n",
                HELLO READ "printf '[]\\n' >&3\nread -r line <&3\n",
                HELLO READ "head -c 9000000 /dev/zero | tr '\\0' x >&3\nread -r line <&3\n",
        };
        static const char *const said[] = {
                "hello: ",          "another version", "another repository", "no such repository",
                "it was not asked", "reply: ",         "too long",
        };
        struct world *world = *state;

        for (size_t i = 0; i < RV_ARRAY_SIZE(scripts); i++) {
                make_client(world, scripts[i]);
                ask(world);
                settle(world);
                assert_int_equal(world->lost, i + 1);
                assert_non_null(strstr(world->last, said[i]));
                world->client = rv_gitclient_free(world->client);
        }
}

static void test_urgent_is_tried_during_backoff(void **state) {
        struct world *world = *state;

        make_client(world, "exit 1\n");
        ask(world);
        settle(world);
        assert_int_equal(world->lost, 1);
        /* A poll now waits for the backoff; an urgent one does not, and takes the poll along. */
        write_worker(world, SERVE);
        ask_within(world, false, on_poll, 0);
        ask_within(world, true, on_urgent, 0);
        settle(world);
        assert_int_equal(world->answered, 2);
        assert_string_equal(world->order, "Up");
        assert_int_equal(rv_gitclient_get_metrics(world->client)->starts, 2);
}

static void test_a_poll_is_tried_after_backoff(void **state) {
        struct world *world = *state;

        make_client(world, "exit 1\n");
        ask(world);
        settle(world);
        write_worker(world, SERVE);
        ask(world);
        settle(world);
        assert_int_equal(world->answered, 1);
}

static void test_a_missing_program_is_an_error(void **state) {
        struct world *world = *state;

        make_client(world, SERVE);
        assert_int_equal(unlink(world->program), 0);
        ask(world);
        settle(world);
        assert_int_equal(world->lost, 1);
        assert_non_null(strstr(world->last, "No such file"));
}

static void test_the_queue_is_bounded(void **state) {
        struct world *world = *state;
        struct rv_git_request *request;
        struct rv_error err = {};

        make_client(world, SERVE);
        for (int i = 0; i < RV_GITCLIENT_QUEUE_MAX; i++)
                ask(world);
        request = calloc(1, sizeof(*request));
        assert_int_equal(rv_gitclient_ask(world->client, request, true, on_answer, world, &err), -EBUSY);
        settle(world);
        assert_int_equal(world->answered, RV_GITCLIENT_QUEUE_MAX);
}

static void on_answer_free(const struct rv_git_reply *reply, const struct rv_error *err, void *userdata) {
        struct world *world = userdata;

        world->client = rv_gitclient_free(world->client);
        on_answer(reply, err, userdata);
}

static void test_the_callback_may_free_the_client(void **state) {
        struct world *world = *state;

        make_client(world, SERVE);
        ask_within(world, false, on_answer_free, 0);
        settle(world);
        assert_int_equal(world->answered, 1);
        make_client(world, "exit 1\n");
        ask_within(world, false, on_answer_free, 0);
        settle(world);
        assert_int_equal(world->lost, 1);
        assert_null(world->client);
}

static void test_freed_while_asking(void **state) {
        struct world *world = *state;

        make_client(world, HELLO READ ": > $notes\nsleep 1000\n");
        ask(world);
        while (access(world->notes, F_OK) < 0)
                assert_true(sd_event_run(world->event, 10000) >= 0);
        world->client = rv_gitclient_free(world->client);
        assert_int_equal(world->answered + world->lost, 0);
}

static void test_an_idle_worker_may_tidy_up(void **state) {
        struct world *world = *state;

        make_client_that_waits(world, HELLO "while read -r line <&3; do\n" ANSWER "done\nsleep 0.1\n: > $notes\n",
                               20 * RV_USEC_PER_SEC);
        ask(world);
        settle(world);
        world->client = rv_gitclient_free(world->client);
        assert_int_equal(access(world->notes, F_OK), 0);
}

static void test_a_worker_that_stays_is_killed(void **state) {
        struct world *world = *state;
        int64_t start_usec = rv_clock_monotonic_usec();

        make_client_that_waits(world, HELLO READ ANSWER "exec sleep 1000\n", 50 * RV_USEC_PER_MSEC);
        ask(world);
        settle(world);
        world->client = rv_gitclient_free(world->client);
        assert_int_equal(kill(atoi(world->last), 0), -1);
        assert_true(rv_clock_monotonic_usec() - start_usec < 20 * RV_USEC_PER_SEC);
}

static void test_a_socket_unit_serves(void **state) {
        struct world *world = *state;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct rv_gitclient_options options = {
                .config_file = "/nonexistent",
                .repository = "fleet",
                .state_directory = world->folder,
                .socket = world->notes,
        };
        static const char hello[] = "{\"version\":3,\"repository\":\"fleet\"}\n";
        static const char reply[] = "{\"id\":1,\"outcome\":\"ok\",\"message\":\"from the unit\"}\n";
        _cleanup_close_ int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct rv_error err = {};
        char request[4096];
        int peer;

        strcpy(address.sun_path, world->notes);
        assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(rv_gitclient_new(&world->client, world->event, &options, &err), 0);
        ask(world);
        assert_true(sd_event_run(world->event, UINT64_MAX) >= 0);
        peer = accept(listener, NULL, NULL);
        assert_true(peer >= 0);
        assert_int_equal(write(peer, hello, strlen(hello)), (ssize_t)strlen(hello));
        assert_true(sd_event_run(world->event, UINT64_MAX) >= 0);
        assert_true(read(peer, request, sizeof(request)) > 0);
        assert_int_equal(write(peer, reply, strlen(reply)), (ssize_t)strlen(reply));
        settle(world);
        assert_string_equal(world->last, "from the unit");
        /* It goes away in the middle of the next. */
        ask(world);
        assert_true(sd_event_run(world->event, UINT64_MAX) >= 0);
        close(peer);
        settle(world);
        assert_int_equal(world->lost, 1);
        assert_string_equal(world->last, "the worker closed the connection");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_one_worker_answers_many),
                TEST(test_no_callback_before_the_loop),
                TEST(test_urgent_goes_first),
                TEST(test_the_dead_worker_loses_only_its_request),
                TEST(test_the_exit_status_is_told),
                TEST(test_a_signal_is_told),
                TEST(test_an_idle_death_is_not_noticed),
                TEST(test_a_silent_worker_is_killed_with_its_children),
                TEST(test_progress_moves_the_deadline),
                TEST(test_progress_is_told_until_the_end),
                TEST(test_nonsense_ends_the_worker),
                TEST(test_urgent_is_tried_during_backoff),
                TEST(test_a_poll_is_tried_after_backoff),
                TEST(test_a_missing_program_is_an_error),
                TEST(test_the_queue_is_bounded),
                TEST(test_the_callback_may_free_the_client),
                TEST(test_freed_while_asking),
                TEST(test_an_idle_worker_may_tidy_up),
                TEST(test_a_worker_that_stays_is_killed),
                TEST(test_a_socket_unit_serves),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
