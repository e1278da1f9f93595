/* A crash at any instant: what was stored is loaded, what was under way is asked for again, nothing is done twice. */
#include "world.h"

#define ENFORCE POLLED("errors", "mode = \"enforce\";")

static void resumes_in_each_state(void **state) {
        (void)state;
        /* One restart after each number of answers, with a lost reply to what was under way. */
        for (int after = 0; after < 5; after++)
                for (int lost = 0; lost < 2; lost++) {
                        struct world *w = world_new(ENFORCE);

                        world_bad_commit(w);
                        world_evaluate(w, 0.4);
                        for (int i = 0; i < after && w->n_asked > 0; i++)
                                world_answer(w);
                        if (lost && w->n_asked > 0) {
                                struct rv_git_reply *reply = world_reply(w, w->asked[0].request);

                                rv_git_reply_free(reply); /* done, but nobody heard of it */
                        }
                        world_restart(w);
                        world_settle(w);
                        assert_state(w, VERIFYING);
                        assert_int_equal(w->n_pushes, 1);
                        assert_int_equal(w->n_opened, 1);
                        assert_int_equal(world_count(w, RV_RECORD_ACT), 1);
                        world_restart(w);
                        world_evaluate_for(w, 0.01, MINUTE);
                        assert_state(w, RECOVERED);
                        world_restart(w);
                        world_evaluate_for(w, 0.01, MINUTE);
                        assert_int_equal(w->n_opened, 1);
                        assert_int_equal(w->n_pushes, 1);
                        world_free(w);
                }
}

static void holding_keeps_its_deadline(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"approve\"; approval_timeout = \"1h\";"));

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        world_pass(w, HOUR / 2);
        world_restart(w);
        assert_int_equal(w->n_asked, 0);
        world_pass(w, HOUR / 2 - SEC);
        assert_state(w, HOLDING);
        world_pass(w, SEC);
        assert_ended(w, DECLINED, APPROVAL_EXPIRED);
        world_free(w);
}

/* A deadline that a clock far ahead has set is no wait of years. */
static void deadline_of_a_wrong_clock_is_bounded(void **state) {
        (void)state;
        for (int restart = 0; restart < 2; restart++) {
                struct world *w = world_new(POLLED("errors", "mode = \"approve\"; approval_timeout = \"1h\";"));

                w->now_usec += 3650 * RV_USEC_PER_DAY;
                world_bad_commit(w);
                world_evaluate(w, 0.4);
                world_settle(w);
                assert_state(w, HOLDING);
                w->now_usec -= 3650 * RV_USEC_PER_DAY;
                if (restart)
                        world_restart(w);
                else
                        world_tick(w);
                world_pass(w, HOUR);
                assert_ended(w, DECLINED, APPROVAL_EXPIRED);
                world_free(w);
        }
}

static void recovery_is_proven_on_a_clock_set_back(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        w->now_usec -= HOUR;
        world_evaluate_for(w, 0.01, MINUTE);
        assert_state(w, RECOVERED);
        world_free(w);
}

static void for_survives_a_restart(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; for = \"10m\";"));
        int64_t onset_usec;

        (void)state;
        world_bad_commit(w);
        onset_usec = w->now_usec;
        world_evaluate(w, 0.4);
        assert_int_equal(world_count(w, RV_RECORD_SERIES), 1);
        for (int i = 0; i < 3; i++) {
                world_evaluate_for(w, 0.4, 3 * MINUTE);
                assert_int_equal(w->n_opened, 0);
                world_restart(w);
        }
        world_evaluate_for(w, 0.4, MINUTE);
        assert_int_equal(w->n_opened, 1);
        assert_int_equal(world_open(w)->times.onset_usec, onset_usec);
        world_free(w);
}

static void latch_survives_a_restart(void **state) {
        struct world *w = world_new(POLLED("errors", ""));

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_ended(w, DECLINED, OBSERVE);
        world_restart(w);
        world_evaluate_for(w, 0.4, 30 * MINUTE);
        assert_int_equal(w->n_opened, 1);
        world_evaluate(w, 0.01);
        world_restart(w);
        world_evaluate(w, 0.4);
        assert_int_equal(w->n_opened, 2);
        world_free(w);
}

static void arrival_of_commits_survives_a_restart(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"approve\";"));
        struct commit *bad = world_bad_commit(w);

        (void)state;
        bad->commit_usec -= 2 * HOUR; /* made long before it was pushed */
        world_restart(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_state(w, HOLDING);
        assert_true(world_open(w)->suspects[0].live.observed);
        world_free(w);
}

static void tokens_of_an_engine_before_are_not_taken(void **state) {
        struct world *w = world_new(ENFORCE);
        struct rv_git_reply reply = {.outcome = RV_GIT_POLICY};
        uint64_t token;

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        token = w->asked[0].token;
        w->now_usec += SEC;
        world_restart(w);
        assert_int_not_equal(w->asked[0].token, token);
        world_do(w, &(struct rv_event){.kind = RV_EVENT_GIT, .git = {token, &reply}});
        assert_state(w, ATTRIBUTING);
        world_free(w);
}

static void damaged_records_are_refused(void **state) {
        static const struct {
                enum rv_record_kind kind;
                const char *key, *value;
        } record[] = {
                {RV_RECORD_INCIDENT, "x", "{}"},
                {RV_RECORD_INCIDENT, "x", "{\"id\": \"0123456789abcdef\", \"state\": \"sleeping\"}"},
                {RV_RECORD_SERIES, "x", "[]"},
                {RV_RECORD_SERIES, "errors/1", "{\"rule\": \"errors\", \"labels\": {\"a\": 1}}"},
                {RV_RECORD_ACT, "x", "{\"incident\": \"0123456789abcdef\"}"},
                {RV_RECORD_PAUSE, "x", "{}"},
                {RV_RECORD_HEAD, "fleet", "{}"},
                {RV_RECORD_SEEN, "fleet/", "{}"},
                {RV_RECORD_KIND_MAX, "x", "{}"},
        };
        struct world *w = world_new(ENFORCE);

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(record); i++) {
                struct rv_record r = {record[i].kind, (char *)record[i].key, 0, 1,
                                      json_loads(record[i].value, 0, NULL)};
                struct rv_error err = {0};

                assert_int_equal(rv_engine_load(w->engine, &r, &err), -EINVAL);
                assert_non_null(strstr(err.text, record[i].key));
                json_decref(r.value);
        }
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(resumes_in_each_state),
                cmocka_unit_test(holding_keeps_its_deadline),
                cmocka_unit_test(deadline_of_a_wrong_clock_is_bounded),
                cmocka_unit_test(recovery_is_proven_on_a_clock_set_back),
                cmocka_unit_test(for_survives_a_restart),
                cmocka_unit_test(latch_survives_a_restart),
                cmocka_unit_test(arrival_of_commits_survives_a_restart),
                cmocka_unit_test(tokens_of_an_engine_before_are_not_taken),
                cmocka_unit_test(damaged_records_are_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
