/* What Alertmanager's answers mean for one alert. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/source.h"

#include <errno.h>
#include <string.h>

#define ALERT(labels, status)                                                                                          \
        "{\"annotations\":{},\"endsAt\":\"2026-03-01T10:05:00.000Z\",\"fingerprint\":\"0\",\"receivers\":[{\"name\":"  \
        "\"revertd\"}],\"startsAt\":\"2026-03-01T10:00:00.000Z\",\"status\":{" status                                  \
        "},\"updatedAt\":\"2026-03-01T10:01:00.000Z\",\"generatorURL\":\"\",\"labels\":{" labels "}}"
#define OURS "\"alertname\":\"Errors\",\"app\":\"checkout\""
#define ACTIVE "\"inhibitedBy\":[],\"silencedBy\":[],\"state\":\"active\""

static struct rv_labels *labels;
static struct rv_error err;

static int set_up(void **state) {
        const struct rv_label pairs[] = {{"alertname", "Errors"}, {"app", "checkout"}};

        (void)state;
        return rv_labels_new(&labels, pairs, 2, &err);
}

static int tear_down(void **state) {
        (void)state;
        rv_labels_unref(labels);
        return 0;
}

static enum rv_alert_state parse(const char *body) {
        struct rv_http_response response = {.status = 200, .body = body, .body_bytes = strlen(body)};
        enum rv_alert_state state;

        assert_int_equal(rv_alert_lookup_parse(&response, labels, &state, &err), 0);
        return state;
}

static void states(void **state) {
        (void)state;
        assert_int_equal(parse("[]"), RV_ALERT_ABSENT);
        assert_int_equal(parse("[" ALERT(OURS, ACTIVE) "]"), RV_ALERT_ACTIVE);
        assert_int_equal(
                parse("[" ALERT(OURS, "\"inhibitedBy\":[],\"silencedBy\":[\"id\"],\"state\":\"suppressed\"") "]"),
                RV_ALERT_SILENCED);
        assert_int_equal(parse("[" ALERT(OURS, "\"inhibitedBy\":[],\"silencedBy\":[],\"mutedBy\":[\"nights\"],"
                                               "\"state\":\"suppressed\"") "]"),
                         RV_ALERT_SILENCED);
        assert_int_equal(
                parse("[" ALERT(OURS, "\"inhibitedBy\":[\"id\"],\"silencedBy\":[],\"state\":\"suppressed\"") "]"),
                RV_ALERT_INHIBITED);
        assert_int_equal(parse("[" ALERT(OURS, "\"inhibitedBy\":[],\"silencedBy\":[],\"state\":\"unprocessed\"") "]"),
                         RV_ALERT_UNKNOWN);
}

/* A filter by our labels also matches alerts that have more. */
static void only_exactly_these_labels_count(void **state) {
        (void)state;
        assert_int_equal(parse("[" ALERT(OURS ",\"pod\":\"a\"", ACTIVE) "]"), RV_ALERT_ABSENT);
        assert_int_equal(parse("[" ALERT(OURS ",\"pod\":\"a\"", ACTIVE) "," ALERT(
                                 OURS, "\"inhibitedBy\":[],\"silencedBy\":[\"id\"],\"state\":\"suppressed\"") "]"),
                         RV_ALERT_SILENCED);
}

static void what_is_no_answer(void **state) {
        static const struct rv_http_response bad[] = {
                {.result = -ETIMEDOUT, .error = "it took too long"},
                {.status = 503, .body = "", .body_bytes = 0},
                {.status = 200, .body = "{}", .body_bytes = 2},
                {.status = 200, .body = "[{\"labels\":7}]", .body_bytes = 14},
                {.status = 200, .body = "[", .body_bytes = 1},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                enum rv_alert_state it = RV_ALERT_ACTIVE;

                assert_true(rv_alert_lookup_parse(&bad[i], labels, &it, &err) < 0);
                assert_int_not_equal(it, RV_ALERT_ACTIVE);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(states),
                cmocka_unit_test(only_exactly_these_labels_count),
                cmocka_unit_test(what_is_no_answer),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
