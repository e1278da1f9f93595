/* Alertmanager's webhooks: what it sends, and what it would never send. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/source.h"

#include <errno.h>
#include <string.h>

static struct rv_alerts alerts;
static struct rv_error err;

static int parse(const char *body) {
        rv_alerts_done(&alerts);
        err.text[0] = '\0';
        return rv_alertmanager_parse(body, strlen(body), &alerts, &err);
}

static int teardown(void **state) {
        (void)state;
        rv_alerts_done(&alerts);
        return 0;
}

#define ALERT "\"labels\":{\"alertname\":\"A\"},\"startsAt\":\"2026-03-01T10:00:00Z\""

static void as_sent_by_0_34(void **state) {
        (void)state;
        assert_int_equal(
                parse("{\"version\":\"4\",\"groupKey\":\"{}/{team=\\\"pay\\\"}:{alertname=\\\"ErrRate\\\"}\","
                      "\"truncatedAlerts\":3,\"status\":\"firing\",\"receiver\":\"rev\\\\.ertd\","
                      "\"notification_reason\":\"first notification\","
                      "\"groupLabels\":{\"alertname\":\"ErrRate\"},\"commonLabels\":{\"alertname\":\"ErrRate\"},"
                      "\"commonAnnotations\":{},\"routeLabels\":{},\"externalURL\":\"https://am.example\","
                      "\"alerts\":[{\"status\":\"firing\",\"labels\":{\"alertname\":\"ErrRate\",\"service\":\"pay\"},"
                      "\"annotations\":{\"summary\":\"5xx above 2%\"},\"startsAt\":\"2026-03-01T10:00:00.540634831Z\","
                      "\"endsAt\":\"0001-01-01T00:00:00Z\",\"generatorURL\":\"https://prom/graph\","
                      "\"fingerprint\":\"88c4502580aab542\"},"
                      "{\"status\":\"resolved\",\"labels\":{\"alertname\":\"ErrRate\",\"service\":\"cart\"},"
                      "\"annotations\":{},\"startsAt\":\"2026-03-01T12:00:00+02:00\","
                      "\"endsAt\":\"2026-03-01T10:05:00Z\",\"generatorURL\":\"\",\"fingerprint\":\"0\"}]}\n"),
                0);
        assert_int_equal(alerts.n, 2);
        assert_int_equal(alerts.truncated, 3);
        assert_string_equal(alerts.receiver, "rev\\.ertd");
        assert_non_null(strstr(alerts.group_key, "ErrRate"));
        const struct rv_alert *firing = &alerts.alert[0], *resolved = &alerts.alert[1];
        assert_true(firing->firing);
        assert_false(firing->is_unlisted);
        assert_string_equal(rv_labels_get(firing->labels, "service"), "pay");
        assert_string_equal(rv_labels_get(firing->annotations, "summary"), "5xx above 2%");
        assert_int_equal(firing->starts_usec, INT64_C(1772359200540634));
        assert_int_equal(firing->ends_usec, 0);
        assert_string_equal(firing->generator_url, "https://prom/graph");
        assert_false(resolved->firing);
        assert_int_equal(resolved->starts_usec, INT64_C(1772359200000000));
        assert_int_equal(resolved->ends_usec, INT64_C(1772359500000000));
}

static void as_sent_by_0_25(void **state) {
        (void)state;
        assert_int_equal(parse("{\"receiver\":\"x\",\"status\":\"firing\",\"alerts\":[{\"status\":\"firing\"," ALERT
                               ",\"annotations\":null,\"endsAt\":\"0001-01-01T00:00:00Z\"}],\"groupLabels\":{},"
                               "\"commonLabels\":{},\"commonAnnotations\":{},\"externalURL\":\"\",\"version\":\"4\","
                               "\"groupKey\":\"{}:{}\",\"truncatedAlerts\":0}"),
                         0);
        assert_int_equal(alerts.n, 1);
        assert_int_equal(alerts.alert[0].annotations->n, 0);
        assert_null(alerts.alert[0].generator_url);
}

#define GRAFANA(alerts)                                                                                                \
        "{\"receiver\":\"revertd\",\"status\":\"firing\",\"orgId\":1,\"alerts\":[" alerts "],\"groupLabels\":{},"      \
        "\"commonLabels\":{},\"commonAnnotations\":{},\"externalURL\":\"http://localhost:3000/\",\"version\":\"1\","   \
        "\"groupKey\":\"{}:{}\",\"truncatedAlerts\":0,\"title\":\"[FIRING:1]\",\"state\":\"alerting\",\"message\":"    \
        "\"\"}"
#define GRAFANA_ALERT(status, name, annotations) GRAFANA_VALUES(status, name, annotations, "\"B\":-1,\"C\":1")
#define GRAFANA_VALUES(status, name, annotations, values)                                                              \
        "{\"status\":\"" status "\",\"labels\":{\"alertname\":\"" name                                                 \
        "\",\"grafana_folder\":\"prod\"},\"annotations\":{" annotations "},\"startsAt\":\"2026-03-01T10:00:00Z\","     \
        "\"endsAt\":\"0001-01-01T00:00:00Z\",\"generatorURL\":\"\",\"fingerprint\":\"0\",\"silenceURL\":\"\","         \
        "\"dashboardURL\":\"\",\"panelURL\":\"\",\"values\":{" values "},\"valueString\":\"\",\"orgId\":1}"

static void as_sent_by_grafana(void **state) {
        static const char *undecided[] = {
                GRAFANA(GRAFANA_ALERT("firing", "DatasourceNoData", "")),
                GRAFANA(GRAFANA_ALERT("firing", "DatasourceError", "")),
                GRAFANA(GRAFANA_ALERT("firing", "Errors", "\"grafana_state_reason\":\"NoData\"")),
                GRAFANA(GRAFANA_ALERT("firing", "Errors", "\"grafana_state_reason\":\"Error, KeepLast\"")),
                GRAFANA(GRAFANA_ALERT("resolved", "Errors", "\"grafana_state_reason\":\"MissingSeries\"")),
                GRAFANA(GRAFANA_VALUES("firing", "Errors", "", "\"B\":-1,\"C\":-1")),
                GRAFANA(GRAFANA_VALUES("firing", "Errors", "", "\"B\":-1.0,\"C\":null")),
                GRAFANA(GRAFANA_VALUES("resolved", "Errors", "", "\"B\":-1")),
                /* By way of an Alertmanager. */
                "{\"version\":\"4\",\"alerts\":[" GRAFANA_ALERT("firing", "Errors",
                                                                "\"grafana_state_reason\":\"NoData\"") "]}",
                "{\"version\":\"4\",\"alerts\":[" GRAFANA_ALERT("firing", "DatasourceError\",\"rulename\":\"Errors",
                                                                "") "]}",
        };
        static const char *decided[] = {
                GRAFANA(GRAFANA_VALUES("firing", "Errors", "", "\"B\":44.2,\"C\":1")),
                GRAFANA(GRAFANA_VALUES("firing", "Errors", "", "\"B\":-1,\"C\":0")),
                GRAFANA(GRAFANA_VALUES("resolved", "Errors", "", "\"B\":null,\"C\":null")),
                GRAFANA(GRAFANA_VALUES("resolved", "Errors", "", "")),
                GRAFANA(GRAFANA_VALUES("firing", "Errors", "", "\"B\":\"-1\"")),
                /* In Alertmanager's own these are labels and members as any other. */
                "{\"version\":\"4\",\"alerts\":[" GRAFANA_VALUES("firing", "DatasourceError", "", "\"B\":-1") "]}",
        };

        (void)state;
        assert_int_equal(parse(GRAFANA(GRAFANA_ALERT("firing", "Errors", "\"summary\":\"it fails\""))), 0);
        assert_int_equal(alerts.n, 1);
        assert_true(alerts.alert[0].firing && alerts.alert[0].is_unlisted);
        assert_false(alerts.alert[0].is_undecided);
        assert_string_equal(rv_labels_get(alerts.alert[0].labels, "grafana_folder"), "prod");
        for (size_t i = 0; i < RV_ARRAY_SIZE(undecided); i++) {
                assert_int_equal(parse(undecided[i]), 0);
                assert_true(alerts.alert[0].is_undecided);
        }
        for (size_t i = 0; i < RV_ARRAY_SIZE(decided); i++) {
                assert_int_equal(parse(decided[i]), 0);
                assert_false(alerts.alert[0].is_undecided);
        }
        assert_int_equal(parse("{\"version\":\"1\",\"alerts\":[]}"), -EPROTONOSUPPORT);
}

static void few_members_are_enough(void **state) {
        (void)state;
        assert_int_equal(parse("{\"version\":\"4\",\"alerts\":[]}"), 0);
        assert_int_equal(alerts.n, 0);
        assert_int_equal(parse("{\"version\":\"4\",\"alerts\":[],\"receiver\":null,\"truncatedAlerts\":null}"), 0);
        assert_int_equal(parse("{\"version\":\"4\",\"alerts\":[{\"status\":\"firing\"," ALERT "}],\"new\":[{}]}"), 0);
        assert_int_equal(alerts.n, 1);
        /* Firing, whatever the time at which it would end. */
        assert_int_equal(parse("{\"version\":\"4\",\"alerts\":[{\"status\":\"firing\"," ALERT
                               ",\"endsAt\":\"2026-03-01T10:05:00Z\"}]}"),
                         0);
        assert_int_equal(alerts.alert[0].ends_usec, 0);
}

static void what_is_wrong_is_named(void **state) {
        static const struct {
                const char *body, *text;
                int code;
        } cases[] = {
                {"", "line 1", -EINVAL},
                {"[]", "not a JSON object", -EINVAL},
                {"{}", "version: missing", -EINVAL},
                {"{\"version\":4}", "version: not a string", -EINVAL},
                {"{\"version\":\"1\"}", "version: only", -EPROTONOSUPPORT},
                {"{\"version\":\"1\",\"orgId\":1}", "alerts: missing", -EINVAL},
                {"{\"version\":\"4\",\"version\":\"4\"}", "duplicate", -EINVAL},
                {"{\"version\":\"4\"}", "alerts: missing", -EINVAL},
                {"{\"version\":\"4\",\"alerts\":null}", "alerts: missing", -EINVAL},
                {"{\"version\":\"4\",\"alerts\":{}}", "alerts: not an array", -EINVAL},
                {"{\"version\":\"4\",\"truncatedAlerts\":-1}", "truncatedAlerts", -EINVAL},
                {"{\"version\":\"4\",\"truncatedAlerts\":1.5}", "truncatedAlerts", -EINVAL},
                {"{\"version\":\"4\",\"receiver\":1}", "receiver: not a string", -EINVAL},
                {"{\"version\":\"4\",\"alerts\":[{\"status\":\"firing\"," ALERT "},1]}", "alerts[1]: not an object",
                 -EINVAL},
                {"{\"version\":\"4\",\"alerts\":[{" ALERT "}]}", "alerts[0]: status", -EINVAL},
                {"{\"version\":\"4\",\"alerts\":[{\"status\":\"suppressed\"," ALERT "}]}", "alerts[0]: status",
                 -EINVAL},
                {"{\"version\":\"4\",\"alerts\":[{\"status\":\"firing\",\"startsAt\":\"2026-03-01T10:00:00Z\"}]}",
                 "alerts[0]: labels", -EINVAL},
                {"{\"version\":\"4\",\"alerts\":[{\"status\":\"firing\",\"labels\":{\"a\":1}}]}",
                 "alerts[0]: labels: label a", -EINVAL},
                {"{\"version\":\"4\",\"alerts\":[{\"status\":\"firing\",\"labels\":{\"a\":\"b\"}}]}",
                 "alerts[0]: startsAt", -EINVAL},
                {"{\"version\":\"4\",\"alerts\":[{\"status\":\"firing\",\"labels\":{\"a\":\"b\"},"
                 "\"startsAt\":\"yesterday\"}]}",
                 "alerts[0]: startsAt: not a time", -EINVAL},
                {"{\"version\":\"4\",\"alerts\":[{\"status\":\"resolved\"," ALERT ",\"endsAt\":1}]}",
                 "alerts[0]: endsAt: not a string", -EINVAL},
                {"{\"version\":\"4\"} x", "line 1", -EINVAL},
                {"{\"version\":\"4\",\"x\":\"\\ud800\"}", "line 1", -EINVAL},
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++) {
                int r = parse(cases[i].body);
                if (r != cases[i].code || !strstr(err.text, cases[i].text))
                        fail_msg("%s: %d, %s", cases[i].body, r, err.text);
                assert_null(alerts.alert);
        }
}

static void hostile_sizes_are_refused(void **state) {
        enum { N = 512 * 1024 };
        _cleanup_free_ char *body = malloc(N + 1);

        (void)state;
        body[N] = '\0';
        memset(body, '[', N);
        assert_int_equal(parse(body), -EINVAL);
        assert_non_null(strstr(err.text, "deep"));
        strcpy(body, "{\"version\":\"4\",\"x\":[{}");
        for (size_t n = strlen(body); n + 3 < N; n += 3)
                memcpy(body + n, ",{}", 4);
        assert_int_equal(parse(body), -EINVAL);
        assert_non_null(strstr(err.text, "values"));
}

int main(void) {
#define T(name) cmocka_unit_test_teardown(name, teardown)
        const struct CMUnitTest tests[] = {
                T(as_sent_by_0_34),        T(as_sent_by_0_25),        T(as_sent_by_grafana),
                T(few_members_are_enough), T(what_is_wrong_is_named), T(hostile_sizes_are_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
