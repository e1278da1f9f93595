/* What Alertmanager's answers mean for one alert. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/source.h"

#include <errno.h>
#include <stdlib.h>
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

static struct rv_alert_standing standing_of(const char *body) {
        struct rv_http_response response = {.status = 200, .body = body, .body_bytes = strlen(body)};
        struct rv_alert_standing standing;

        assert_int_equal(rv_alert_lookup_parse(&response, labels, &standing, &err), 0);
        return standing;
}

static enum rv_alert_state parse(const char *body) {
        struct rv_alert_standing standing = standing_of(body);
        enum rv_alert_state state = standing.state;

        rv_alert_standing_done(&standing);
        return state;
}

/* Of an alert of this status, and this answer (NULL: none) to the second question, if there is one. */
static void says(const char *status_body, const char *path, const char *body, const char *words) {
        struct rv_alert_standing standing = standing_of(status_body);
        struct rv_http_response response = {.status = body ? 200 : 500,
                                            .body = body ? body : "\"silence not found\"",
                                            .body_bytes = body ? strlen(body) : 19};
        char *asked = rv_alert_words_path(&standing), *said = rv_alert_words(&standing, path ? &response : NULL);

        if (path)
                assert_string_equal(asked, path);
        else
                assert_null(asked);
        if (words)
                assert_string_equal(said, words);
        else
                assert_null(said);
        free(asked);
        free(said);
        rv_alert_standing_done(&standing);
}

#define SILENCED(id) "[" ALERT(OURS, "\"silencedBy\":[\"" id "\"],\"state\":\"suppressed\"") "]"

static void words(void **state) {
        static const char inhibited[] = "[" ALERT(OURS, "\"inhibitedBy\":[\"ab12\"],\"state\":\"suppressed\"") "]";

        (void)state;
        says("[" ALERT(OURS, ACTIVE) "]", NULL, NULL, NULL);
        says("[]", NULL, NULL, NULL);
        says(SILENCED("5b1c-aa"), "/api/v2/silence/5b1c-aa",
             "{\"createdBy\":\"ana\",\"endsAt\":\"2026-03-01T10:30:00.000Z\",\"comment\":\"moving\\nthe "
             "\\u001bdatabase\"}",
             "by the silence 5b1c-aa, by ana, until 2026-03-01T10:30:00.000Z: moving the  database");
        says(SILENCED("5b1c-aa"), "/api/v2/silence/5b1c-aa", "[]", "by the silence 5b1c-aa");
        says(SILENCED("5b1c-aa"), "/api/v2/silence/5b1c-aa", "{\"createdBy\":7", "by the silence 5b1c-aa");
        says(SILENCED("5b1c-aa"), "/api/v2/silence/5b1c-aa", NULL, "by the silence 5b1c-aa");
        says(SILENCED("../../-/reload"), NULL, NULL, "by the silence ../../-/reload");
        says("[" ALERT(OURS, "\"silencedBy\":[7],\"state\":\"suppressed\"") "]", NULL, NULL, NULL);
        says("[" ALERT(OURS, "\"silencedBy\":[],\"mutedBy\":[\"nights\"],\"state\":\"suppressed\"") "]", NULL, NULL,
             "by the time interval nights");
        says(inhibited, "/api/v2/alerts",
             "[{\"fingerprint\":\"00\",\"labels\":{\"a\":\"b\"}},{\"fingerprint\":\"ab12\",\"labels\":{\"alertname\":"
             "\"Down\"}}]",
             "by the alert {alertname=\"Down\"}");
        says(inhibited, "/api/v2/alerts", "[{\"fingerprint\":\"ab12\",\"labels\":7}]",
             "by the alert with the fingerprint ab12");
        says(inhibited, "/api/v2/alerts", NULL, "by the alert with the fingerprint ab12");
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
                struct rv_alert_standing it = {.state = RV_ALERT_ACTIVE};

                assert_true(rv_alert_lookup_parse(&bad[i], labels, &it, &err) < 0);
                assert_int_equal(it.state, RV_ALERT_UNKNOWN);
                rv_alert_standing_done(&it);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(states),
                cmocka_unit_test(only_exactly_these_labels_count),
                cmocka_unit_test(what_is_no_answer),
                cmocka_unit_test(words),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
