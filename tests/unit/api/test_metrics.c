/* The metrics: what promtool takes, with the values that were counted. */
#include "fixture.h"

#include "api/metrics_text.h"

#include <math.h>
#include <sys/wait.h>

static int promtool_status(const char *text, size_t n) {
        FILE *promtool = popen("promtool check metrics 2>&1", "w");
        assert_non_null(promtool);
        assert_int_equal(fwrite(text, 1, n, promtool), n);
        return WEXITSTATUS(pclose(promtool));
}

static void test_promtool(void **state) {
        struct fixture *f = *state;
        _cleanup_free_ char *text = NULL;
        size_t n = 0;

        assert_int_equal(rv_api_metrics_text(&f->context, &text, &n), 0);
        assert_int_equal(strlen(text), n);
        assert_int_equal(promtool_status(text, n), 0);

        static const char broken[] = "# TYPE a_total counter\na_total{x=\"1} 3\n";
        assert_int_not_equal(promtool_status(broken, strlen(broken)), 0);
}

static void has(const char *text, const char *line) {
        _cleanup_free_ char *whole = NULL;
        assert_true(asprintf(&whole, "\n%s\n", line) > 0);
        if (!strstr(text, whole))
                fail_msg("no line \"%s\"", line);
}

static void test_values(void **state) {
        struct fixture *f = *state;
        _cleanup_free_ char *text = NULL;
        size_t n = 0;

        f->counters.alerts_received = 7;
        f->counters.events_ok = 5;
        f->counters.events_unknown = 3;
        f->counters.last_reload_ok = true;
        f->counters.ended[RV_INCIDENT_DECLINED][RV_REASON_BUDGET] = 2;
        rv_histogram_observe(&f->counters.phase[RV_PHASE_PUSH], 20 * RV_USEC_PER_MSEC);
        rv_histogram_observe(&f->counters.phase[RV_PHASE_PUSH], 90 * RV_USEC_PER_SEC);
        rv_histogram_observe(&f->counters.phase[RV_PHASE_PUSH], 2 * RV_USEC_PER_HOUR);
        assert_int_equal(rv_api_metrics_text(&f->context, &text, &n), 0);

        has(text, "revertd_ready 1");
        has(text, "revertd_config_last_reload_successful 1");
        has(text, "revertd_rules 2");
        has(text, "revertd_alerts_received_total 7");
        has(text, "revertd_events_received_total{verdict=\"firing\"} 0");
        has(text, "revertd_events_received_total{verdict=\"ok\"} 5");
        has(text, "revertd_events_unknown_verdicts_total 3");
        has(text, "revertd_incidents_ended_total{state=\"declined\",reason=\"budget\"} 2");
        has(text, "revertd_incidents_ended_total{state=\"recovered\",reason=\"none\"} 0");
        has(text, "revertd_incidents_open{state=\"verifying\"} 0");
        has(text, "revertd_paused 0");
        has(text, "revertd_budget_used{repository=\"other\"} 0");
        has(text, "revertd_git_requests_total{repository=\"fleet\",op=\"push\"} 0");
        has(text, "revertd_prometheus_queries_total{prometheus=\"prod\"} 0");

        has(text, "revertd_incident_phase_duration_seconds_bucket{phase=\"push\",le=\"0.01\"} 0");
        has(text, "revertd_incident_phase_duration_seconds_bucket{phase=\"push\",le=\"0.05\"} 1");
        has(text, "revertd_incident_phase_duration_seconds_bucket{phase=\"push\",le=\"60\"} 1");
        has(text, "revertd_incident_phase_duration_seconds_bucket{phase=\"push\",le=\"120\"} 2");
        has(text, "revertd_incident_phase_duration_seconds_bucket{phase=\"push\",le=\"3600\"} 2");
        has(text, "revertd_incident_phase_duration_seconds_bucket{phase=\"push\",le=\"+Inf\"} 3");
        has(text, "revertd_incident_phase_duration_seconds_count{phase=\"push\"} 3");
}

static void test_paused_repository(void **state) {
        struct fixture *f = *state;
        _cleanup_free_ char *text = NULL;
        struct rv_api_outcome outcome;
        size_t n = 0;

        assert_int_equal(fixture_submit(&(struct rv_event){.kind = RV_EVENT_PAUSE,
                                                           .pause = {.scope = "repository:fleet", .actor = "ana"}},
                                        &outcome, &(struct rv_error){0}, f),
                         0);
        assert_int_equal(rv_api_metrics_text(&f->context, &text, &n), 0);
        has(text, "revertd_paused 0");
        has(text, "revertd_repository_paused{repository=\"fleet\"} 1");
        has(text, "revertd_repository_paused{repository=\"other\"} 0");
}

static void test_text(void **state) {
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);
        (void)state;

        rv_metric_family(f, "a_total", RV_METRIC_COUNTER, "one \\ two\nthree");
        rv_metric(f, "a_total", 1, "name", "quote \" slash \\ line\nend", "none", NULL, "code", "2xx", NULL);
        rv_metric_single(f, "b", RV_METRIC_GAUGE, "values", NAN);
        rv_metric(f, "b", INFINITY, NULL);
        rv_metric(f, "b", 0.1, NULL);
        fclose(f);
        assert_string_equal(text, "# HELP a_total one \\\\ two\\nthree\n"
                                  "# TYPE a_total counter\n"
                                  "a_total{name=\"quote \\\" slash \\\\ line\\nend\",code=\"2xx\"} 1\n"
                                  "# HELP b values\n# TYPE b gauge\nb NaN\nb +Inf\nb 0.10000000000000001\n");
        free(text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_promtool, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_values, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_paused_repository, fixture_setup, fixture_teardown),
                cmocka_unit_test(test_text),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
