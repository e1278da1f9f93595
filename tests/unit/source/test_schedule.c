/* Polled rules against a server that speaks as Prometheus does. */

#include "../http/loop.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/source.h"

#include <errno.h>
#include <inttypes.h>

enum rule { OK, EMPTY, BAD, BUSY, HANG, ECHO, BOTH, REQUIRE_BAD, REQUIRE_HANG_EXPR_BAD, SKEWED, N_RULES };
static struct rv_rule_config rules[N_RULES] = {
        [OK] = {.name = (char *)"ok", .expr = (char *)"ok"},
        [EMPTY] = {.name = (char *)"empty", .expr = (char *)"empty"},
        [BAD] = {.name = (char *)"bad", .expr = (char *)"bad"},
        [BUSY] = {.name = (char *)"busy", .expr = (char *)"busy"},
        [HANG] = {.name = (char *)"hang", .expr = (char *)"hang"},
        [ECHO] = {.name = (char *)"echo", .expr = (char *)"echo{a=~\"x+y&z=%\"} / ü > 1"},
        [BOTH] = {.name = (char *)"both", .expr = (char *)"ok", .require = (char *)"empty"},
        [REQUIRE_BAD] = {.name = (char *)"require-bad", .expr = (char *)"ok", .require = (char *)"bad"},
        [REQUIRE_HANG_EXPR_BAD] = {.name = (char *)"expr-bad", .expr = (char *)"bad", .require = (char *)"hang"},
        [SKEWED] = {.name = (char *)"skewed", .expr = (char *)"skewed"},
};
static struct rv_prometheus_config server = {
        .name = (char *)"prod", .delay_usec = 2 * RV_USEC_PER_SEC, .max_skew_usec = 30 * RV_USEC_PER_SEC};
static struct rv_config config = {
        .refs = 1, .prometheus = &server, .n_prometheus = 1, .rules = rules, .n_rules = N_RULES};

static sd_event *event;
static struct rv_http_client *client;
static struct rv_prometheus *prometheus;
static struct rv_schedule *schedule;
static struct program fake;
static char url[64];

struct evaluated {
        unsigned calls, failures;
        size_t n, n_require;
        bool has_require;
        int64_t at_usec;
        char error[RV_ERROR_TEXT_MAX];
        char echo_query[128], echo_time[64], echo_timeout[64];
};
static struct evaluated evaluated[N_RULES];

static void on_evaluated(size_t rule, int64_t at_usec, const struct rv_samples *samples,
                         const struct rv_samples *require, const struct rv_error *err, void *userdata) {
        struct evaluated *e = &evaluated[rule];

        assert_ptr_equal(userdata, &config);
        assert_true(at_usec > e->at_usec);
        e->calls++;
        e->at_usec = at_usec;
        e->failures += !samples;
        assert_true(samples ? !err : err && err->text[0]);
        if (!samples) {
                snprintf(e->error, sizeof(e->error), "%s", err->text);
                return;
        }
        e->n = samples->n;
        e->has_require = require;
        e->n_require = require ? require->n : 0;
        if (rule == ECHO && samples->n == 1) {
                const struct rv_labels *labels = samples->sample[0].labels;
                snprintf(e->echo_query, sizeof(e->echo_query), "%s", rv_labels_get(labels, "query"));
                snprintf(e->echo_time, sizeof(e->echo_time), "%s", rv_labels_get(labels, "time"));
                snprintf(e->echo_timeout, sizeof(e->echo_timeout), "%s", rv_labels_get(labels, "timeout"));
        }
}

static int setup(void **state) {
        char command[512], line[32];
        struct rv_error err;

        (void)state;
        snprintf(command, sizeof(command), "exec /usr/bin/python3 %s/tests/unit/source/fake_prometheus.py",
                 RV_SOURCE_DIR);
        program_start(&fake, command);
        program_first_line(&fake, line, sizeof(line));
        snprintf(url, sizeof(url), "http://127.0.0.1:%d/prefix", atoi(line));
        server.endpoint.url = url;
        server.endpoint.timeout_usec = 20 * RV_USEC_PER_SEC;
        memset(evaluated, 0, sizeof(evaluated));
        for (size_t i = 0; i < N_RULES; i++)
                rules[i].interval_usec = 100 * RV_USEC_PER_MSEC;
        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(rv_http_client_new(&client, event, "test"), 0);
        assert_int_equal(rv_prometheus_new(&prometheus, &config, client, &err), 0);
        return rv_schedule_new(&schedule, &config, event, prometheus, on_evaluated, &config, &err);
}

static int teardown(void **state) {
        (void)state;
        schedule = rv_schedule_free(schedule);
        prometheus = rv_prometheus_free(prometheus);
        client = rv_http_client_free(client);
        sd_event_unref(event);
        program_stop(&fake);
        server.healthy = NULL;
        return 0;
}

/* Until every rule but the one that hangs was evaluated so often. */
static void run_until(unsigned calls) {
        for (size_t i = 0; i < N_RULES; i++)
                while (i != HANG && evaluated[i].calls < calls)
                        assert_true(sd_event_run(event, UINT64_MAX) >= 0);
}

static void rules_are_evaluated(void **state) {
        (void)state;
        run_until(3);
        assert_int_equal(evaluated[OK].n, 1);
        assert_false(evaluated[OK].has_require);
        assert_int_equal(evaluated[EMPTY].n, 0);
        assert_int_equal(evaluated[EMPTY].failures, 0);
        assert_int_equal(evaluated[BAD].failures, evaluated[BAD].calls);
        assert_string_equal(evaluated[BAD].error, "prometheus prod: status 400: bad_data: parse");
        assert_int_equal(evaluated[BUSY].failures, evaluated[BUSY].calls);
        assert_int_equal(evaluated[BOTH].n, 1);
        assert_true(evaluated[BOTH].has_require);
        assert_int_equal(evaluated[BOTH].n_require, 0);
        assert_string_equal(evaluated[REQUIRE_BAD].error, "require: prometheus prod: status 400: bad_data: parse");
        assert_int_equal(evaluated[REQUIRE_HANG_EXPR_BAD].failures, evaluated[REQUIRE_HANG_EXPR_BAD].calls);

        assert_int_equal(evaluated[SKEWED].failures, evaluated[SKEWED].calls);
        assert_non_null(strstr(evaluated[SKEWED].error, "prometheus prod: its clock is "));
        assert_non_null(strstr(evaluated[SKEWED].error, " s behind ours"));

        const struct evaluated *echo = &evaluated[ECHO];
        assert_string_equal(echo->echo_query, rules[ECHO].expr);
        assert_string_equal(echo->echo_timeout, "20000ms");
        char wanted[64];
        snprintf(wanted, sizeof(wanted), "%" PRId64 ".%03d", echo->at_usec / RV_USEC_PER_SEC,
                 (int)(echo->at_usec / 1000 % 1000));
        assert_string_equal(echo->echo_time, wanted);
        assert_true(echo->at_usec < rv_clock_realtime_usec() - server.delay_usec);
}

/* What a server says that is not well is no evidence, and its rules learn why. */
static void only_a_server_that_is_well_is_believed(void **state) {
        const struct rv_prometheus_metrics *metrics = rv_prometheus_get_metrics(prometheus, 0);

        (void)state;
        run_until(3);
        if (strcmp(server.healthy, "ok") == 0) {
                assert_int_equal(evaluated[OK].failures, 0);
                assert_false(metrics->is_unwell);
                return;
        }
        assert_int_equal(evaluated[OK].failures, evaluated[OK].calls);
        assert_true(metrics->is_unwell);
        assert_string_equal(evaluated[OK].error, strcmp(server.healthy, "empty") == 0
                                                         ? "prometheus prod: it is not well: healthy has no series"
                                                         : "prometheus prod: healthy: status 400: "
                                                           "bad_data: parse");
}

/* It never answers: nothing is evaluated, and all can be called off. */
static void a_server_that_does_not_say_is_waited_for(void **state) {
        (void)state;
        while (rv_schedule_get_metrics(schedule)->missed < 5)
                assert_true(sd_event_run(event, UINT64_MAX) >= 0);
        for (size_t i = 0; i < N_RULES; i++)
                assert_int_equal(evaluated[i].calls, 0);
}

static int setup_ok(void **state) {
        server.healthy = (char *)"ok";
        return setup(state);
}

static int setup_empty(void **state) {
        server.healthy = (char *)"empty";
        return setup(state);
}

static int setup_bad(void **state) {
        server.healthy = (char *)"bad";
        return setup(state);
}

static int setup_hang(void **state) {
        server.healthy = (char *)"hang";
        return setup(state);
}

static void a_rule_that_still_runs_is_skipped(void **state) {
        (void)state;
        run_until(5);
        assert_int_equal(evaluated[HANG].calls, 0);
        assert_true(rv_schedule_get_metrics(schedule)->missed >= 3);
}

static void health_is_kept(void **state) {
        int64_t at_usec, duration_usec;
        const char *error;

        (void)state;
        rv_schedule_rule_health(schedule, OK, &at_usec, &duration_usec, &error);
        assert_int_equal(at_usec, 0);
        run_until(2);
        rv_schedule_rule_health(schedule, OK, &at_usec, &duration_usec, &error);
        assert_true(at_usec > 0 && duration_usec > 0);
        assert_null(error);
        rv_schedule_rule_health(schedule, BAD, &at_usec, &duration_usec, &error);
        assert_string_equal(error, evaluated[BAD].error);

        unsigned calls = 0, failures = 0;
        for (size_t i = 0; i < N_RULES; i++) {
                calls += evaluated[i].calls;
                failures += evaluated[i].failures;
        }
        assert_int_equal(rv_schedule_get_metrics(schedule)->evaluations, calls);
        assert_int_equal(rv_schedule_get_metrics(schedule)->failures, failures);
        assert_true(rv_prometheus_get_metrics(prometheus, 0)->queries > calls);
        assert_true(rv_prometheus_get_metrics(prometheus, 0)->failures >= failures);
}

static void a_server_that_is_gone_is_an_error(void **state) {
        (void)state;
        run_until(1);
        kill(-fake.pid, SIGKILL);
        memset(evaluated, 0, sizeof(evaluated));
        run_until(2);
        for (size_t i = 0; i < N_RULES; i++)
                assert_true(evaluated[i].failures > 0);
}

static unsigned answers;
static void on_answer(const struct rv_samples *samples, const struct rv_error *err, void *userdata) {
        (void)userdata;
        assert_non_null(samples);
        assert_null(err);
        answers++;
}

static void single_queries(void **state) {
        struct rv_error err;

        (void)state;
        answers = 0;
        assert_int_equal(rv_prometheus_query(prometheus, 0, "ok", RV_USEC_PER_SEC, on_answer, NULL, &err), 0);
        assert_int_equal(answers, 0);
        while (answers == 0)
                assert_true(sd_event_run(event, UINT64_MAX) >= 0);
        /* Dropped when the servers are freed, without a word. */
        assert_int_equal(rv_prometheus_query(prometheus, 0, "hang", RV_USEC_PER_SEC, on_answer, NULL, &err), 0);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(rules_are_evaluated),
                T(a_rule_that_still_runs_is_skipped),
                T(health_is_kept),
                T(a_server_that_is_gone_is_an_error),
                T(single_queries),
                cmocka_unit_test_setup_teardown(only_a_server_that_is_well_is_believed, setup_ok, teardown),
                cmocka_unit_test_setup_teardown(only_a_server_that_is_well_is_believed, setup_empty, teardown),
                cmocka_unit_test_setup_teardown(only_a_server_that_is_well_is_believed, setup_bad, teardown),
                cmocka_unit_test_setup_teardown(a_server_that_does_not_say_is_waited_for, setup_hang, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
