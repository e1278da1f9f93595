/* What the API takes, what it refuses, and how precisely it says why. */
#include "fixture.h"

#define DELIVERY                                                                                                       \
        "{\"version\":\"4\",\"groupKey\":\"{}:{}\",\"truncatedAlerts\":%d,\"status\":\"firing\",\"receiver\":"         \
        "\"revertd\","                                                                                                 \
        "\"alerts\":[{\"status\":\"firing\",\"labels\":{\"alertname\":\"A\",\"severity\":\"%s\",\"app\":\"checkout\"}" \
        ","                                                                                                            \
        "\"annotations\":{},\"startsAt\":\"2026-03-01T10:00:00Z\",\"endsAt\":\"0001-01-01T00:00:00Z\"}]}"

static void test_alerts(void **state) {
        struct fixture *f = *state;
        char delivery[1024];

        snprintf(delivery, sizeof(delivery), DELIVERY, 3, "page");
        expect(f, "POST", "/webhooks/alertmanager", delivery, 200, "{\"matched\":1}");
        assert_int_equal(f->counters.alerts_received, 1);
        assert_int_equal(f->counters.alerts_matched, 1);
        assert_int_equal(f->counters.alerts_truncated, 3);

        snprintf(delivery, sizeof(delivery), DELIVERY, 0, "info");
        expect(f, "POST", "/webhooks/alertmanager", delivery, 200, "{\"matched\":0}");
        assert_int_equal(f->counters.alerts_matched, 1);

        /* An incident was stored before the answer. */
        expect(f, "GET", "/api/v1/incidents?state=open", "", 200, "\"rule\":\"page\"");
        expect(f, "GET", "/api/v1/incidents?state=ended", "", 200, "{\"incidents\":[]}");
        expect(f, "GET", "/api/v1/incidents?rule=polled", "", 200, "{\"incidents\":[]}");
}

static void test_alerts_refused(void **state) {
        struct fixture *f = *state;
        char delivery[1024];
        _cleanup_free_ char *answer = NULL;

        snprintf(delivery, sizeof(delivery), DELIVERY, 0, "page");
        assert_int_equal(ask(f, "POST", "/webhooks/alertmanager", "Content-Type: text/plain\r\n", delivery, &answer),
                         415);
        expect(f, "POST", "/webhooks/alertmanager", "{\"version\":", 400, "error");
        expect(f, "POST", "/webhooks/alertmanager", "[]", 400, "error");
        expect(f, "POST", "/webhooks/alertmanager", "{\"version\":\"4\",\"alerts\":7}", 400, "error");
        expect(f, "GET", "/webhooks/alertmanager", "", 405, "");

        expect(f, "POST", "/webhooks/grafana", "{\"version\":\"1\",\"alerts\":[]}", 400, "orgId");
        expect(f, "PUT", "/webhooks/grafana", "{\"version\":\"1\",\"orgId\":1,\"alerts\":[]}", 200, "{\"matched\":0}");

        /* It may do later: Alertmanager must try again. */
        f->submit_error = -EAGAIN;
        expect(f, "POST", "/webhooks/alertmanager", delivery, 503, "as the test wants it");
        f->submit_error = -ENOMEM;
        expect(f, "POST", "/webhooks/alertmanager", delivery, 503, "error");
        assert_int_equal(f->counters.alerts_received, 0);
}

#define CHAOS "/webhooks/event/chaos"

static void test_events(void **state) {
        struct fixture *f = *state;
        _cleanup_free_ char *answer = NULL;

        expect(f, "POST", CHAOS, "{\"verdict\":\"Awaited\",\"app\":\"web\"}", 200, "{\"matched\":0}");
        expect(f, "POST", CHAOS, "{\"verdict\":\"Exploded\",\"app\":\"web\"}", 200, "{\"matched\":0}");
        expect(f, "GET", "/api/v1/incidents", "", 200, "{\"incidents\":[]}");
        expect(f, "PUT", CHAOS, "{\"verdict\":\"Fail\",\"app\":\"web\"}", 200, "{\"matched\":1}");
        expect(f, "GET", "/api/v1/incidents?state=open", "", 200, "\"event\":\"chaos\"");
        expect(f, "POST", CHAOS, "{\"verdict\":\"Pass\",\"app\":\"web\"}", 200, "{\"matched\":1}");
        expect(f, "GET", "/api/v1/incidents?state=cleared", "", 200, "\"event\":\"chaos\"");

        /* Nothing of it is taken where a part does not fit. */
        expect(f, "POST", CHAOS, "[{\"verdict\":\"Fail\",\"app\":\"api\"},{\"verdict\":\"Fail\"}]", 400,
               "item /1: label app: there is nothing at /app");
        expect(f, "GET", "/api/v1/incidents?state=open", "", 200, "{\"incidents\":[]}");
        assert_int_equal(f->counters.events_firing, 1);
        assert_int_equal(f->counters.events_ok, 1);
        assert_int_equal(f->counters.events_inconclusive, 2);
        assert_int_equal(f->counters.events_unknown, 1);
        assert_int_equal(f->counters.alerts_received, 4);

        expect(f, "POST", "/webhooks/event/none", "{}", 404, "no event source is named \\\"none\\\"");
        expect(f, "POST", "/webhooks/event/", "{}", 404, "no event source");
        expect(f, "POST", "/webhooks/event/chaos/x", "{}", 404, "no event source");
        expect(f, "GET", CHAOS, "", 405, "");
        assert_int_equal(ask(f, "POST", CHAOS, "Content-Type: text/plain\r\n", "{}", &answer), 415);
        free(answer);
        assert_int_equal(ask(f, "POST", CHAOS, "Content-Type: application/cloudevents+json; charset=utf-8\r\n",
                             "{\"verdict\":\"Pass\",\"app\":\"web\"}", &answer),
                         200);
        f->submit_error = -EAGAIN;
        expect(f, "POST", CHAOS, "{\"verdict\":\"Exploded\",\"app\":\"web\"}", 503, "as the test wants it");
        assert_int_equal(f->counters.events_unknown, 1);
}

static void test_pauses(void **state) {
        struct fixture *f = *state;

        expect(f, "GET", "/api/v1/pauses", "", 200, "{\"pauses\":[]}");
        expect(f, "POST", "/api/v1/pauses", "{\"scope\":\"rule:page\",\"duration\":\"2h\",\"note\":\"migration\"}", 200,
               "migration");
        expect(f, "POST", "/api/v1/pauses", "", 200, "\"scope\":\"\"");
        expect(f, "GET", "/api/v1/status", "", 200, "migration");
        expect(f, "DELETE", "/api/v1/pauses?scope=rule:page", "", 200, "\"scope\":\"\"");
        expect(f, "DELETE", "/api/v1/pauses", "", 200, "{\"pauses\":[]}");
        expect(f, "DELETE", "/api/v1/pauses", "", 404, "error");

        expect(f, "POST", "/api/v1/pauses", "{\"scope\":\"rule:none\"}", 404, "no rule is named \\\"none\\\"");
        expect(f, "POST", "/api/v1/pauses", "{\"scope\":\"repository:none\"}", 404, "no repository");
        expect(f, "POST", "/api/v1/pauses", "{\"scope\":\"everything\"}", 400, "scope");
        expect(f, "POST", "/api/v1/pauses", "{\"duration\":\"soon\"}", 400, "duration");
        expect(f, "POST", "/api/v1/pauses", "{\"duration\":\"0\"}", 400, "duration");
        expect(f, "POST", "/api/v1/pauses", "{\"duration\":7200}", 400, "\\\"duration\\\" must be a string");
        expect(f, "POST", "/api/v1/pauses", "{\"for\":\"2h\"}", 400, "unknown member \\\"for\\\"");
        expect(f, "POST", "/api/v1/pauses", "[]", 400, "object");
        expect(f, "GET", "/api/v1/pauses", "", 200, "{\"pauses\":[]}");
}

static void test_reverts(void **state) {
        struct fixture *f = *state;
        char body[4096] = "{\"repository\":\"fleet\",\"revisions\":[\"";

        expect(f, "POST", "/api/v1/reverts",
               "{\"repository\":\"fleet\",\"revisions\":[\"9c1e2ab\"],\"note\":\"bad deploy\",\"labels\":null}", 202,
               "{\"incident\":\"");
        expect(f, "GET", "/api/v1/incidents", "", 200, "bad deploy");

        expect(f, "POST", "/api/v1/reverts", "", 400, "is required");
        expect(f, "POST", "/api/v1/reverts", "{\"repository\":\"fleet\"}", 400, "\\\"revisions\\\" are required");
        expect(f, "POST", "/api/v1/reverts", "{\"repository\":\"none\",\"revisions\":[\"a\"]}", 404, "no repository");
        expect(f, "POST", "/api/v1/reverts", "{\"rule\":\"none\"}", 404, "no rule");
        expect(f, "POST", "/api/v1/reverts", "{\"rule\":\"page\",\"repository\":\"other\"}", 400, "another repository");
        expect(f, "POST", "/api/v1/reverts", "{\"repository\":\"fleet\",\"revisions\":[7]}", 400, "array of strings");
        expect(f, "POST", "/api/v1/reverts", "{\"repository\":\"fleet\",\"revisions\":[\"\"]}", 400, "empty");
        expect(f, "POST", "/api/v1/reverts", "{\"repository\":\"fleet\",\"revisions\":\"a\"}", 400, "array of strings");
        expect(f, "POST", "/api/v1/reverts", "{\"repository\":\"fleet\",\"revisions\":[\"a\"],\"force\":1}", 400,
               "\\\"force\\\" must be true or false");
        expect(f, "POST", "/api/v1/reverts", "{\"repository\":\"fleet\",\"revisions\":[\"a\"],\"scope\":[\"../x\"]}",
               400, "\\\"scope\\\"");
        expect(f, "POST", "/api/v1/reverts", "{\"rule\":\"page\",\"labels\":{\"app\":7}}", 400, "\\\"labels\\\"");
        expect(f, "POST", "/api/v1/reverts", "{\"rule\":\"page\",\"rule\":\"polled\"}", 400, "error");

        memset(body + strlen(body), 'a', 1025);
        strcat(body, "\"]}");
        expect(f, "POST", "/api/v1/reverts", body, 400, "longer than 1024");
}

static void test_restores(void **state) {
        struct fixture *f = *state;

        expect(f, "POST", "/api/v1/restores",
               "{\"repository\":\"fleet\",\"to\":\"9c1e2ab\",\"scope\":[\"apps/**\"],\"note\":\"back to Friday\"}", 202,
               "{\"incident\":\"");
        expect(f, "GET", "/api/v1/incidents", "", 200, "back to Friday");
        expect(f, "POST", "/api/v1/restores", "{\"repository\":\"fleet\",\"scope\":[\"a\"]}", 400,
               "\\\"to\\\" is required");
        expect(f, "POST", "/api/v1/restores",
               "{\"repository\":\"fleet\",\"to\":\"9c1e2ab\",\"scope\":[\"a\"],\"undoes\":[]}", 400,
               "\\\"undoes\\\" must not be empty");
        expect(f, "POST", "/api/v1/restores", "{\"repository\":\"fleet\",\"to\":\"9c1e2ab\"}", 400,
               "\\\"scope\\\" is required");
        expect(f, "POST", "/api/v1/restores", "{\"repository\":\"fleet\",\"to\":\"--x\",\"scope\":[\"a\"]}", 400,
               "no revision");
        expect(f, "POST", "/api/v1/restores", "{\"repository\":\"fleet\",\"to\":\"a\",\"revisions\":[\"b\"]}", 400,
               "unknown member");
        expect(f, "POST", "/api/v1/reverts", "{\"repository\":\"fleet\",\"to\":\"a\",\"revisions\":[\"b\"]}", 400,
               "unknown member");
}

static void test_incidents(void **state) {
        struct fixture *f = *state;
        _cleanup_free_ char *answer = NULL;
        char path[128], id[RV_INCIDENT_ID_MAX];

        assert_int_equal(ask(f, "POST", "/api/v1/reverts", AS_JSON, "{\"repository\":\"fleet\",\"revisions\":[\"a1\"]}",
                             &answer),
                         202);
        assert_int_equal(sscanf(answer, "{\"incident\":\"%16[0-9a-f]\"}", id), 1);

        snprintf(path, sizeof(path), "/api/v1/incidents/%s", id);
        expect(f, "GET", path, "", 200, "\"transitions\":[{");
        snprintf(path, sizeof(path), "/api/v1/incidents/%.6s", id);
        expect(f, "GET", path, "", 200, id);
        expect(f, "POST", path, "", 405, "GET");
        snprintf(path, sizeof(path), "/api/v1/incidents/%.6s/approve", id);
        expect(f, "POST", path, "{\"note\":\"go\"}", 409, "error");
        expect(f, "GET", path, "", 405, "POST");
        expect(f, "POST", path, "{\"reason\":\"go\"}", 400, "unknown member");
        snprintf(path, sizeof(path), "/api/v1/incidents/%.6s/delete", id);
        expect(f, "POST", path, "", 404, "error");

        expect(f, "GET", "/api/v1/incidents/ffff0000ffff0000", "", 404, "no incident");
        expect(f, "GET", "/api/v1/incidents/", "", 404, "no incident");
        expect(f, "GET", "/api/v1/incidents/%25%2e", "", 404, "no incident");
        expect(f, "POST", "/api/v1/incidents/%2e%2e%2f/approve", "{}", 404, "error");
        expect(f, "GET", "/api/v1/incidents?state=ill", "", 400, "state");
        expect(f, "GET", "/api/v1/incidents?limit=0", "", 400, "limit");
        expect(f, "GET", "/api/v1/incidents?limit=-1", "", 400, "limit");
        expect(f, "GET", "/api/v1/incidents?limit=501", "", 400, "limit");
        expect(f, "GET", "/api/v1/incidents?limit=1", "", 200, id);
}

/* A second incident, so that "" is the beginning of both: only a unique beginning names one. */
static void test_ambiguous(void **state) {
        struct fixture *f = *state;
        char id[2][RV_INCIDENT_ID_MAX], body[128], path[64];
        int n = 0;

        /* Seventeen ids have two that begin with the same digit. */
        char seen[16][RV_INCIDENT_ID_MAX] = {};
        for (; n < 17; n++) {
                _cleanup_free_ char *answer = NULL;
                snprintf(body, sizeof(body), "{\"repository\":\"fleet\",\"revisions\":[\"a%d\"]}", n);
                assert_int_equal(ask(f, "POST", "/api/v1/reverts", AS_JSON, body, &answer), 202);
                assert_int_equal(sscanf(answer, "{\"incident\":\"%16[0-9a-f]\"}", id[0]), 1);
                char digit[2] = {id[0][0]};
                char *other = seen[strtol(digit, NULL, 16)];
                if (other[0])
                        break;
                strcpy(other, id[0]);
        }
        assert_true(n < 17);
        snprintf(path, sizeof(path), "/api/v1/incidents/%.1s", id[0]);
        expect(f, "GET", path, "", 409, "more than one incident");
}

static void test_lifecycle(void **state) {
        struct fixture *f = *state;

        expect(f, "GET", "/-/healthy", "", 200, "OK");
        expect(f, "GET", "/-/ready", "", 200, "OK");
        f->context.not_ready = "the store is failing";
        expect(f, "GET", "/-/ready", "", 503, "the store is failing");
        expect(f, "GET", "/-/healthy", "", 200, "OK");
        expect(f, "GET", "/api/v1/status", "", 200, "\"ready\":false");

        /* Without an engine what is stored can still be read. */
        f->context.engine = NULL;
        expect(f, "GET", "/api/v1/status", "", 200, "\"reason\":\"the store is failing\"");
        expect(f, "GET", "/api/v1/rules", "", 503, "the store is failing");
        expect(f, "GET", "/api/v1/pauses", "", 503, "the store is failing");
        expect(f, "GET", "/api/v1/incidents", "", 200, "incidents");
        expect(f, "GET", "/metrics", "", 200, "revertd_ready 0");

        expect(f, "POST", "/-/reload", "", 200, "");
        expect(f, "PUT", "/-/reload", "", 200, "");
        expect(f, "GET", "/-/reload", "", 405, "");
        f->reload_error = "revertd.conf:3: unknown key\nrevertd.conf:9: bad duration\n";
        expect(f, "POST", "/-/reload", "", 500, "revertd.conf:3: unknown key\nrevertd.conf:9: bad duration\n");
}

static void test_shown(void **state) {
        struct fixture *f = *state;

        expect(f, "GET", "/", "", 200, "<h1>revertd");
        expect(f, "GET", "/api/v1/status", "", 200, "\"ready\":true");
        expect(f, "GET", "/api/v1/rules", "", 200, "\"last_evaluation\":null");
        expect(f, "GET", "/api/v1/rules", "", 200, "\"name\":\"page\"");
        expect(f, "GET", "/api/v2/rules", "", 404, "");
}

/* A page in the browser of someone at this machine can reach loopback. */
static void test_other_origins(void **state) {
        struct fixture *f = *state;
        const char *delivery = "{\"version\":\"4\",\"alerts\":[]}";
        static const char *const foreign[] = {
                AS_JSON "Origin: https://evil.example\r\n",
                AS_JSON "Origin: null\r\n",
                AS_JSON "Origin: http://127.0.0.1.evil.example\r\n",
        };

        for (size_t i = 0; i < RV_ARRAY_SIZE(foreign); i++) {
                _cleanup_free_ char *answer = NULL;
                assert_int_equal(ask(f, "POST", "/webhooks/alertmanager", foreign[i], delivery, &answer), 403);
        }
        _cleanup_free_ char *answer = NULL;
        assert_int_equal(
                ask(f, "POST", "/webhooks/alertmanager", AS_JSON "Origin: http://127.0.0.1\r\n", delivery, &answer),
                200);

        /* Or by a name of its own that it made to point here. */
        static const char rebound[] =
                "GET /api/v1/status HTTP/1.1\r\nHost: evil.example:9798\r\nConnection: close\r\n\r\n";
        _cleanup_free_ char *refused = fixture_exchange(f, rebound, strlen(rebound));
        assert_non_null(strstr(refused, " 403 "));
        static const char named[] = "GET /api/v1/status HTTP/1.1\r\nHost: [::1]:9798\r\nConnection: close\r\n\r\n";
        _cleanup_free_ char *taken = fixture_exchange(f, named, strlen(named));
        assert_non_null(strstr(taken, " 200 "));
}

static void test_explain(void **state) {
        struct fixture *f = *state;

        expect(f, "GET", "/api/v1/explain?rule=page&labels=%7B%22app%22%3A%22checkout%22%7D", "", 202, "{\"id\":\"");
        expect(f, "GET", "/api/v1/incidents", "", 200, "{\"incidents\":[]}");
        expect(f, "GET", "/api/v1/explain", "", 400, "is required");
        expect(f, "GET", "/api/v1/explain?rule=none", "", 404, "no rule");
        expect(f, "GET", "/api/v1/explain?rule=page&labels=%7B", "", 400, "labels");
        expect(f, "GET", "/api/v1/explain?rule=page&labels=%7B%22app%22%3A1%7D", "", 400, "labels");
        expect(f, "GET", "/api/v1/explain/0123", "", 404, "no look");
        expect(f, "POST", "/api/v1/explain?rule=page", "{}", 405, "");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_alerts),  TEST(test_alerts_refused), TEST(test_pauses),    TEST(test_reverts),
                TEST(test_events),  TEST(test_restores),       TEST(test_incidents), TEST(test_ambiguous),
                TEST(test_explain), TEST(test_lifecycle),      TEST(test_shown),     TEST(test_other_origins),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
