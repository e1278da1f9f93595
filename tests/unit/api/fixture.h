/* The API on a real server, engine and store; what the engine wants done outside is not done. */
#pragma once

#include "revertd/api.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after the above */
#include <cmocka.h>

struct fixture {
        char directory[64];
        char config_file[96];
        struct rv_config *config;
        sd_event *event;
        struct rv_store *store;
        struct rv_engine *engine;
        struct rv_http_client *client;
        struct rv_prometheus *prometheus;
        struct rv_schedule *schedule;
        struct rv_outbox *outbox;
        struct rv_gitclient *gitclient;
        struct rv_api_repository repository;
        struct rv_http_server *server;
        struct rv_counters counters;
        struct rv_api_context context;
        struct sockaddr_in address;
        const char *reload_error; /* NULL: reloads succeed */
        int submit_error;         /* what submit answers instead */
};

static const char fixture_config[] =
        "listen: { address = \"127.0.0.1:0\"; socket = \"\"; };\n"
        "repositories: ( { name = \"fleet\"; url = \"/nonexistent/fleet.git\"; },\n"
        "                { name = \"other\"; url = \"/nonexistent/other.git\"; } );\n"
        "prometheus: ( { name = \"prod\"; url = \"http://127.0.0.1:1\"; } );\n"
        "events: ( { name = \"chaos\"; verdict = \"/verdict\"; firing = \"Fail\"; ok = \"Pass\";\n"
        "            inconclusive = \"Awaited\"; labels = [ \"severity=page\", \"app=/app\" ]; } );\n"
        "rules: (\n"
        "  { name = \"polled\"; prometheus = \"prod\"; expr = \"up\"; breach = \"> 0.05\";\n"
        "    interval = \"1h\"; repository = \"fleet\"; paths = [ \"apps/**\" ]; },\n"
        "  { name = \"page\"; match = [ \"severity=page\" ]; repository = \"fleet\";\n"
        "    paths = [ \"apps/{{ $labels.app }}/**\" ]; } );\n";

static int fixture_submit(const struct rv_event *event, struct rv_api_outcome *ret, struct rv_error *err,
                          void *userdata) {
        struct fixture *f = userdata;
        struct rv_step step = {};

        if (f->submit_error)
                return rv_error_set(err, f->submit_error, "as the test wants it");
        int r = rv_engine_handle(f->engine, event, rv_clock_realtime_usec(), &step, err);
        if (r >= 0 && step.batch.n > 0)
                r = rv_store_commit(f->store, &step.batch, err);
        if (r >= 0) {
                ret->n_alerts_matched = step.n_alerts_matched;
                memcpy(ret->incident, step.incident, sizeof(ret->incident));
        }
        rv_step_done(&step);
        return r;
}

static int fixture_reload(char **ret_errors, void *userdata) {
        struct fixture *f = userdata;
        if (!f->reload_error)
                return 0;
        *ret_errors = strdup(f->reload_error);
        return -EINVAL;
}

/* A socket of the kernel's choice, handed to the server as systemd would. */
static int fixture_listen(struct fixture *f) {
        socklen_t n = sizeof(f->address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        f->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        assert_int_equal(bind(fd, (struct sockaddr *)&f->address, sizeof(f->address)), 0);
        assert_int_equal(listen(fd, 16), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&f->address, &n), 0);
        return fd;
}

static void must(int r, const struct rv_error *err) {
        if (r < 0)
                fail_msg("%s: %s", strerror(-r), err->text);
}

static int fixture_setup(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));
        struct rv_config_errors errors = {};
        struct rv_error err = {};

        strcpy(f->directory, "/tmp/revertd-api-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        snprintf(f->config_file, sizeof(f->config_file), "%s/revertd.conf", f->directory);
        FILE *file = fopen(f->config_file, "w");
        fputs(fixture_config, file);
        fclose(file);

        if (rv_config_load(&f->config, f->config_file, &errors) < 0)
                fail_msg("%s", errors.text[0]);
        must(sd_event_new(&f->event), &err);
        must(rv_store_open_memory(&f->store, &err), &err);
        must(rv_engine_new(&f->engine, f->config), &err);
        must(rv_http_client_new(&f->client, f->event, "test"), &err);
        must(rv_prometheus_new(&f->prometheus, f->config, f->client, &err), &err);
        must(rv_outbox_new(&f->outbox, f->config, f->event, f->client, f->store, &err), &err);
        f->context = (struct rv_api_context){.config = f->config,
                                             .prometheus = f->prometheus,
                                             .outbox = f->outbox,
                                             .engine = f->engine,
                                             .store = f->store,
                                             .counters = &f->counters,
                                             .started_usec = rv_clock_realtime_usec(),
                                             .submit = fixture_submit,
                                             .reload = fixture_reload,
                                             .userdata = f};
        must(rv_schedule_new(&f->schedule, f->config, f->event, f->prometheus, NULL, f, &err), &err);
        f->context.schedule = f->schedule;

        struct rv_gitclient_options options = {.config_file = f->config_file,
                                               .repository = "fleet",
                                               .state_directory = f->directory,
                                               .timeout_usec = RV_USEC_PER_SEC};
        must(rv_gitclient_new(&f->gitclient, f->event, &options, &err), &err);
        static struct rv_api_repository repositories[2];
        repositories[0] = repositories[1] = (struct rv_api_repository){.client = f->gitclient};
        f->context.repositories = repositories;

        int fd = fixture_listen(f);
        must(rv_http_server_new(&f->server, f->event, &f->config->listen, NULL, &fd, 1, rv_api_routes, rv_api_n_routes,
                                &f->context, &err),
             &err);
        close(fd); /* the server has a copy */
        f->context.server = f->server;
        *state = f;
        return 0;
}

static int fixture_teardown(void **state) {
        struct fixture *f = *state;

        rv_http_server_free(f->server);
        rv_schedule_free(f->schedule);
        rv_gitclient_free(f->gitclient);
        rv_outbox_free(f->outbox);
        rv_prometheus_free(f->prometheus);
        rv_http_client_free(f->client);
        rv_engine_free(f->engine);
        rv_store_close(f->store);
        sd_event_unref(f->event);
        rv_config_unref(f->config);
        unlink(f->config_file);
        rmdir(f->directory);
        free(f);
        return 0;
}

/* Sends the request and turns the loop until the server has closed. Caller frees. */
static char *fixture_exchange(struct fixture *f, const char *request, size_t n) {
        enum { ANSWER_MAX = 1 << 20 };
        char *answer = calloc(1, ANSWER_MAX);
        size_t got = 0;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(connect(fd, (struct sockaddr *)&f->address, sizeof(f->address)), 0);
        assert_int_equal(write(fd, request, n), n);
        assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
        for (;;) {
                assert_true(sd_event_run(f->event, 20000) >= 0);
                ssize_t k = read(fd, answer + got, ANSWER_MAX - 1 - got);
                if (k == 0 || (k < 0 && errno != EAGAIN))
                        break;
                got += k > 0 ? (size_t)k : 0;
        }
        close(fd);
        return answer;
}

/* headers: further ones, each with its CRLF. Returns the status; *ret_body is the caller's. */
static int ask(struct fixture *f, const char *method, const char *path, const char *headers, const char *body,
               char **ret_body) {
        _cleanup_free_ char *request = NULL;
        int n = asprintf(&request,
                         "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n%s",
                         method, path, headers, strlen(body), body);
        _cleanup_free_ char *answer = fixture_exchange(f, request, (size_t)n);
        int status = 0;

        assert_int_equal(sscanf(answer, "HTTP/1.1 %d", &status), 1);
        const char *split = strstr(answer, "\r\n\r\n");
        assert_non_null(split);
        *ret_body = strdup(split + 4);
        return status;
}

#define AS_JSON "Content-Type: application/json\r\n"

/* Asks with a JSON body, and wants the status and a text in the answer. */
__attribute__((unused)) static void expect(struct fixture *f, const char *method, const char *path, const char *body,
                                           int status, const char *text) {
        _cleanup_free_ char *answer = NULL;
        int got = ask(f, method, path, body[0] ? AS_JSON : "", body, &answer);

        if (got != status || !strstr(answer, text))
                fail_msg("%s %s %s: wanted %d with \"%s\", got %d: %s", method, path, body, status, text, got, answer);
}
