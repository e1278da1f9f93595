/* Records go both ways; damaged ones are refused; the words of states and reasons are one to one and documented. */
#include "revertd/cleanup.h"
#include "revertd/incident.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char full[] =
        "{\"id\": \"0123456789abcdef\", \"state\": \"holding\", \"reason\": \"none\", \"detail\": \"why\","
        " \"rule\": \"errors\", \"labels\": {\"app\": \"web\"}, \"summary\": \"bad\", \"repository\": \"fleet\","
        " \"scope\": [\"apps/web/**\"], \"operator\": \"argo\", \"application\": \"web\", \"namespace\": \"shop\","
        " \"mode\": \"approve\", \"by_hand\": false, \"actor\": \"ana\", \"note\": "
        "\"go\","
        " \"force\": true, \"value\": 0.5, \"last_value\": \"+Inf\","
        " \"samples\": [[1, 0.5, \"breach\"]],"
        " \"times\": {\"onset_usec\": 1, \"detected_usec\": 2, \"decided_usec\": 3, \"proposed_usec\": 8, "
        "\"pushed_usec\": 4,"
        "             \"landed_usec\": 14, \"applied_usec\": 5, \"recovered_usec\": 6, \"ended_usec\": 7, "
        "\"earlier_usec\": 15, "
        "             \"earlier_end_usec\": 16},"
        " \"suspects\": [], \"plan\": null, \"proposal\": {\"number\": 7,"
        " \"url\": \"https://forge.example.com/7\", \"state\": \"merged\", \"merged\": "
        "\"0123456789012345678901234567890123456789\"}, \"head\": \"aa\", \"last_good\": \"dd\", \"after\": "
        "\"fedcba9876543210\","
        " \"ruled_out\": \"ff\", \"next\": \"0011223344556677\", \"aside\": \"ab\", \"revisions\": [\"bb\"], "
        " \"to\": \"HEAD~2\", \"restore\": \"ee\", \"conflict\": \"1 path was changed since\", "
        "\"released\": \"cc\","
        " \"guards\": {\"paused\": false, \"is_ours\": true, \"budget\": false},"
        " \"attempts\": 8, \"moves\": 9, \"retry_usec\": 10, \"deadline_usec\": 11, \"ok_usec\": 12,"
        " \"n_transitions\": 13}";

static void incident_goes_both_ways(void **state) {
        json_t *json = json_loads(full, 0, NULL), *back;
        struct rv_incident *i;

        (void)state;
        assert_int_equal(rv_incident_from_json(&i, json, NULL), 0);
        assert_true(isinf(i->last_value));
        assert_int_equal(i->moves, 9);
        assert_int_equal(i->guards_objecting, UINT64_C(1) << RV_REASON_IS_OURS);
        back = rv_incident_to_json(i);
        assert_true(json_equal(json, back));
        i->value = NAN;
        json_decref(back);
        back = rv_incident_to_json(i);
        assert_true(json_is_null(json_object_get(back, "value")));
        rv_incident_free(i);
        assert_int_equal(rv_incident_from_json(&i, back, NULL), 0);
        assert_true(isnan(i->value));
        rv_incident_free(i);
        json_decref(back);
        json_decref(json);
}

static void damage_is_refused(void **state) {
        static const struct {
                const char *key, *value;
        } damage[] = {
                {"id", "\"0123\""},       {"state", "\"asleep\""}, {"reason", "1"},  {"mode", "null"},
                {"repository", "null"},   {"labels", "[]"},        {"scope", "[1]"}, {"attempts", "-1"},
                {"moves", "99999999999"}, {"suspects", "[{}]"},    {"plan", "{}"},
        };

        (void)state;
        for (size_t k = 0; k < RV_ARRAY_SIZE(damage); k++) {
                json_t *json = json_loads(full, 0, NULL);
                struct rv_incident *i = NULL;
                struct rv_error err = {0};

                json_object_set_new(json, damage[k].key, json_loads(damage[k].value, JSON_DECODE_ANY, NULL));
                assert_int_equal(rv_incident_from_json(&i, json, &err), -EINVAL);
                assert_null(i);
                assert_int_equal(strncmp(err.text, "incident: ", 10), 0);
                json_decref(json);
        }
}

static void transition_goes_both_ways(void **state) {
        struct rv_transition t = {.incident = "0123456789abcdef",
                                  .number = 3,
                                  .from = RV_INCIDENT_HOLDING,
                                  .to = RV_INCIDENT_DECLINED,
                                  .reason = RV_REASON_PAUSED,
                                  .at_usec = 5,
                                  .actor = (char *)"ana"},
                             back;
        json_t *json = rv_transition_to_json(&t);

        (void)state;
        assert_int_equal(rv_transition_from_json(&back, json, NULL), 0);
        assert_int_equal(back.to, t.to);
        assert_int_equal(back.reason, t.reason);
        assert_string_equal(back.actor, "ana");
        assert_null(back.detail);
        rv_transition_done(&back);
        json_object_set_new(json, "to", json_string("nowhere"));
        assert_int_equal(rv_transition_from_json(&back, json, NULL), -EINVAL);
        json_decref(json);
}

static void act_goes_both_ways(void **state) {
        struct rv_act act = {.incident = "0123456789abcdef",
                             .repository = (char *)"fleet",
                             .scope = (char *)"a\nb",
                             .at_usec = 5,
                             .culprit = {"aa"},
                             .merged = {"bb"}},
                      back;
        json_t *json = rv_act_to_json(&act);

        (void)state;
        assert_int_equal(rv_act_from_json(&back, json, NULL), 0);
        assert_string_equal(back.scope, act.scope);
        assert_int_equal(back.at_usec, 5);
        assert_string_equal(back.merged.hex, "bb");
        rv_act_done(&back);
        json_object_del(json, "scope");
        assert_int_equal(rv_act_from_json(&back, json, NULL), -EINVAL);
        json_decref(json);
}

static void words_are_one_to_one(void **state) {
        enum rv_incident_state s;
        enum rv_reason r;

        (void)state;
        for (unsigned i = 0; i < RV_INCIDENT_STATE_MAX; i++) {
                assert_int_equal(rv_incident_state_from_string(rv_incident_state_to_string(i), &s), 0);
                assert_int_equal(s, i);
        }
        for (unsigned i = 0; i < RV_REASON_MAX; i++) {
                assert_int_equal(rv_reason_from_string(rv_reason_to_string(i), &r), 0);
                assert_int_equal(r, i);
        }
        assert_true(rv_incident_state_is_end(RV_INCIDENT_FAILED));
        assert_false(rv_incident_state_is_end(RV_INCIDENT_VERIFYING));
}

/* docs/reasons.md has a heading for each reason, and none for what is no reason. */
static void reasons_are_documented(void **state) {
        _cleanup_fclose_ FILE *f = fopen(RV_SOURCE_DIR "/docs/reasons.md", "r");
        _cleanup_free_ char *line = NULL;
        unsigned seen[RV_REASON_MAX] = {0};
        size_t size = 0;

        (void)state;
        assert_non_null(f);
        while (getline(&line, &size, f) > 0) {
                enum rv_reason reason;

                if (strncmp(line, "### `", 5) != 0)
                        continue;
                *strchrnul(line + 5, '`') = '\0';
                if (rv_reason_from_string(line + 5, &reason) < 0)
                        fail_msg("docs/reasons.md: %s is no reason", line + 5);
                seen[reason]++;
        }
        for (unsigned i = RV_REASON_NONE + 1; i < RV_REASON_MAX; i++)
                if (seen[i] != 1)
                        fail_msg("docs/reasons.md: %s has %u headings", rv_reason_to_string(i), seen[i]);
        assert_int_equal(seen[RV_REASON_NONE], 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(incident_goes_both_ways),   cmocka_unit_test(damage_is_refused),
                cmocka_unit_test(transition_goes_both_ways), cmocka_unit_test(act_goes_both_ways),
                cmocka_unit_test(words_are_one_to_one),      cmocka_unit_test(reasons_are_documented),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
