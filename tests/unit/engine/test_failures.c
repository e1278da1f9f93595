/* What Git may answer, or not answer, in each state; and the deadlines that end each wait. */
#include "world.h"

#define ENFORCE POLLED("errors", "mode = \"enforce\";")

static struct world *breached(void) {
        struct world *w = world_new(ENFORCE);

        world_bad_commit(w);
        world_evaluate(w, 0.4);
        return w;
}

static size_t acts(struct world *w) {
        return world_count(w, RV_RECORD_ACT);
}

/* What a request is answered ends the incident so. */
static void answers_end_incidents(void **state) {
        static const struct {
                enum rv_git_op op;
                enum rv_git_outcome outcome;
                enum rv_incident_state to;
                enum rv_reason reason;
                size_t n_acts; /* kept: it is not certain that nothing was pushed */
        } table[] = {
                {RV_GIT_HISTORY, RV_GIT_POLICY, RV_INCIDENT_FAILED, RV_REASON_POLICY, 0},
                {RV_GIT_HISTORY, RV_GIT_NOT_FOUND, RV_INCIDENT_DECLINED, RV_REASON_NOT_FOUND, 0},
                {RV_GIT_PLAN, RV_GIT_CONFLICT, RV_INCIDENT_DECLINED, RV_REASON_CONFLICT, 0},
                {RV_GIT_PLAN, RV_GIT_EMPTY, RV_INCIDENT_DECLINED, RV_REASON_EMPTY, 0},
                {RV_GIT_PLAN, RV_GIT_POLICY, RV_INCIDENT_FAILED, RV_REASON_POLICY, 0},
                {RV_GIT_PLAN, RV_GIT_NOT_FOUND, RV_INCIDENT_DECLINED, RV_REASON_NOT_FOUND, 0},
                {RV_GIT_PLAN, RV_GIT_MOVED, RV_INCIDENT_FAILED, RV_REASON_GIT_FAILED, 0},
                {RV_GIT_PUSH, RV_GIT_REFUSED, RV_INCIDENT_FAILED, RV_REASON_PUSH_REFUSED, 0},
                {RV_GIT_PUSH, RV_GIT_POLICY, RV_INCIDENT_FAILED, RV_REASON_POLICY, 0},
                {RV_GIT_PUSH, RV_GIT_CONFLICT, RV_INCIDENT_DECLINED, RV_REASON_CONFLICT, 1},
                {RV_GIT_PUSH, RV_GIT_EMPTY, RV_INCIDENT_DECLINED, RV_REASON_EMPTY, 1},
                {RV_GIT_CHECK, RV_GIT_NOT_FOUND, RV_INCIDENT_FAILED, RV_REASON_REVERT_LOST, 1},
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(table); i++) {
                struct world *w = breached();

                w->outcome[table[i].op] = table[i].outcome;
                world_settle(w);
                assert_int_equal(w->state, table[i].to);
                assert_string_equal(rv_reason_to_string(w->reason), rv_reason_to_string(table[i].reason));
                assert_non_null(strstr(w->detail, "said the world"));
                if (table[i].outcome == RV_GIT_CONFLICT)
                        assert_non_null(strstr(w->detail, "apps/web/values.yaml"));
                assert_int_equal(acts(w), table[i].n_acts);
                world_free(w);
        }
}

/* Unreachable, lost, or failing for good: retried with patience, then given up. */
static void silence_ends_with_a_reason(void **state) {
        static const struct {
                enum rv_git_op op;
                int64_t patience_usec;
                size_t n_acts;
        } table[] = {
                {RV_GIT_HISTORY, 10 * MINUTE, 0},
                {RV_GIT_PLAN, 10 * MINUTE, 0},
                {RV_GIT_PUSH, 10 * MINUTE, 1},
                {RV_GIT_CHECK, 30 * MINUTE, 1},
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(table); i++)
                for (int lost = 0; lost < 2; lost++) {
                        struct world *w = breached();

                        if (lost)
                                w->lost[table[i].op] = true;
                        else
                                w->outcome[table[i].op] = RV_GIT_UNAVAILABLE;
                        world_settle(w);
                        assert_false(rv_incident_state_is_end(w->state));
                        if (!lost && table[i].op != RV_GIT_CHECK) /* why it waits is shown meanwhile */
                                assert_string_equal(world_open(w)->detail, "said the world");
                        world_pass(w, table[i].patience_usec - MINUTE);
                        assert_false(rv_incident_state_is_end(w->state));
                        world_pass(w, 2 * MINUTE);
                        assert_ended(w, FAILED, REMOTE_UNAVAILABLE);
                        assert_int_equal(acts(w), table[i].n_acts);
                        world_free(w);
                }
}

static void failure_is_believed_at_the_third_time(void **state) {
        static const enum rv_git_op op[] = {RV_GIT_HISTORY, RV_GIT_PLAN, RV_GIT_PUSH, RV_GIT_CHECK};

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(op); i++) {
                struct world *w = breached();

                w->outcome[op[i]] = RV_GIT_FAILED;
                world_settle(w);
                assert_false(rv_incident_state_is_end(w->state));
                world_pass(w, MINUTE);
                assert_ended(w, FAILED, GIT_FAILED);
                world_free(w);
        }
}

static void goes_on_when_the_remote_is_back(void **state) {
        static const enum rv_git_op op[] = {RV_GIT_HISTORY, RV_GIT_PLAN, RV_GIT_PUSH, RV_GIT_CHECK};

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(op); i++) {
                struct world *w = breached();

                w->outcome[op[i]] = RV_GIT_UNAVAILABLE;
                world_settle(w);
                world_pass(w, 3 * MINUTE);
                w->outcome[op[i]] = RV_GIT_OK;
                world_pass(w, 2 * MINUTE);
                assert_state(w, VERIFYING);
                assert_int_equal(w->n_pushes, 1);
                world_free(w);
        }
}

/* The push arrived, its answer did not: asked again, it is there already. */
static void lost_reply_is_no_second_push(void **state) {
        struct world *w = breached();

        (void)state;
        w->lost[RV_GIT_PUSH] = w->reply_lost_after_push = true;
        world_settle(w);
        assert_state(w, REVERTING);
        assert_int_equal(w->n_pushes, 1);
        w->lost[RV_GIT_PUSH] = false;
        world_pass(w, 5 * SEC);
        assert_state(w, VERIFYING);
        assert_int_equal(w->n_pushes, 1);
        assert_int_equal(w->n_push_requests, 2);
        world_free(w);
}

/* An answer that never comes, not even as lost. */
static void forgotten_answer_counts_as_lost(void **state) {
        struct world *w = breached();

        (void)state;
        world_forget_asked(w);
        w->now_usec += 10 * MINUTE;
        assert_true(rv_engine_deadline(w->engine) <= w->now_usec);
        world_pass(w, SEC);
        assert_ended(w, FAILED, REMOTE_UNAVAILABLE);
        world_free(w);
}

static void moved_branch_is_looked_at_afresh(void **state) {
        struct world *w = breached();

        (void)state;
        world_settle_to(w, RV_INCIDENT_REVERTING);
        w->now_usec += SEC;
        world_commit(w);
        world_answer(w);
        assert_state(w, ATTRIBUTING);
        world_settle(w);
        assert_state(w, VERIFYING);
        assert_int_equal(w->n_pushes, 1);
        assert_int_equal(acts(w), 1);
        world_free(w);
}

/* While the branch moved, a person reverted it: nothing was pushed, and no act is counted. */
static void moved_branch_may_bring_a_revert(void **state) {
        struct world *w = breached();
        struct rv_oid bad;

        (void)state;
        world_settle_to(w, RV_INCIDENT_REVERTING);
        bad = world_head_oid(w);
        w->now_usec += SEC;
        world_commit(w)->reverts = bad;
        world_settle(w);
        assert_ended(w, DECLINED, ALREADY_REVERTED);
        assert_int_equal(acts(w), 0);
        world_free(w);
}

static void branch_that_keeps_moving_is_given_up(void **state) {
        struct world *w = breached();

        (void)state;
        w->move_under_push = true;
        world_settle(w);
        assert_ended(w, FAILED, MOVED);
        assert_int_equal(w->n_push_requests, 6);
        assert_int_equal(acts(w), 0);
        world_free(w);
}

/* Each push moves the branch under all the others that wait for theirs. */
static void many_at_once_do_not_lose_to_each_other(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        w->config->budget = w->config->repositories[0].budget = 100;
        world_bad_commit(w);
        for (char app[] = "a"; *app <= 'l'; ++*app) {
                struct commit *bad = world_commit(w);

                bad->commit_usec -= MINUTE;
                assert_true(asprintf(&bad->scope, "apps/%s/**", app) > 0);
        }
        for (char app[] = "a"; *app <= 'l'; ++*app)
                world_evaluate_at(w, 0, app, 0.4, w->now_usec);
        for (int i = 0; w->n_asked > 0; i++) {
                assert_true(i < 2000);
                world_answer(w);
                assert_false(w->reason == RV_REASON_MOVED);
        }
        assert_int_equal(w->n_pushes, 12);
        world_free(w);
}

/* The worker says no before it looks, and the push before may have arrived: also that of a daemon that died since. */
static void refusal_after_a_lost_push_keeps_the_act(void **state) {
        (void)state;
        for (int died = 0; died < 2; died++) {
                struct world *w = breached();

                world_settle_to(w, RV_INCIDENT_REVERTING);
                w->lost[RV_GIT_PUSH] = w->reply_lost_after_push = true;
                world_answer(w);
                assert_int_equal(w->n_pushes, 1);
                w->lost[RV_GIT_PUSH] = false;
                w->outcome[RV_GIT_PUSH] = RV_GIT_POLICY;
                if (died)
                        world_restart(w);
                world_pass(w, 2 * SEC);
                world_settle(w);
                assert_ended(w, FAILED, POLICY);
                assert_int_equal(acts(w), 1);
                world_free(w);
        }
}

static void revert_that_vanished_is_lost(void **state) {
        struct world *w = breached();

        (void)state;
        w->ref_lost = true;
        world_settle(w);
        assert_ended(w, FAILED, REVERT_LOST);
        assert_int_equal(acts(w), 1);
        world_free(w);
}

/* Forced back to where it was, or to something else. */
static void revert_that_vanishes_later_is_lost(void **state) {
        (void)state;
        for (int is_back = 0; is_back < 2; is_back++) {
                struct world *w = breached();

                world_settle(w);
                assert_state(w, VERIFYING);
                world_pass(w, MINUTE);
                if (is_back)
                        world_drop_newest(w);
                else
                        w->branch[w->n_commits - 1].id = world_oid(4711);
                world_poll(w);
                world_settle(w);
                assert_state(w, VERIFYING); /* one look may be at a copy that lags */
                world_poll(w);
                world_settle(w);
                assert_ended(w, FAILED, REVERT_LOST);
                assert_int_equal(acts(w), 1);
                world_free(w);
        }
}

/* A merge may put it beside the first-parent line. */
static void revert_beside_the_line_is_not_lost(void **state) {
        struct world *w = breached();

        (void)state;
        world_settle(w);
        world_commit(w);
        w->outcome[RV_GIT_HISTORY] = RV_GIT_NOT_FOUND;
        world_poll(w);
        assert_int_equal(w->n_asked, 1);
        world_settle(w);
        assert_state(w, VERIFYING);
        world_poll(w);
        assert_int_equal(w->n_asked, 0); /* of this head it is known */
        world_free(w);
}

static void hostile_words_of_a_server_are_made_safe(void **state) {
        struct world *w = breached();
        struct rv_git_reply reply = {.outcome = RV_GIT_REFUSED,
                                     .message = (char *)"no \x1b[31m<!channel>\u202e entry\n"};

        (void)state;
        world_settle_to(w, RV_INCIDENT_REVERTING);
        world_do(w, &(struct rv_event){.kind = RV_EVENT_GIT, .git = {w->asked[0].token, &reply}});
        assert_ended(w, FAILED, PUSH_REFUSED);
        assert_null(strchr(w->detail, '\x1b'));
        assert_null(strstr(w->detail, "\u202e"));
        world_free(w);
}

static void stale_answers_are_ignored(void **state) {
        struct world *w = breached();
        struct rv_git_reply reply = {.outcome = RV_GIT_POLICY};
        struct rv_samples none = {0};

        (void)state;
        world_do(w, &(struct rv_event){.kind = RV_EVENT_GIT, .git = {w->asked[0].token + 1, &reply}});
        world_do(w, &(struct rv_event){.kind = RV_EVENT_GIT, .git = {0, &reply}});
        world_do(w, &(struct rv_event){.kind = RV_EVENT_QUERIED, .queried = {w->asked[0].token, &none}});
        assert_state(w, ATTRIBUTING);
        world_settle(w);
        assert_state(w, VERIFYING);
        world_free(w);
}

static void caller_mistakes_change_nothing(void **state) {
        struct world *w = world_new(ENFORCE ", " ALERTS("page", ""));
        struct rv_samples none = {0};
        const struct rv_event mistake[] = {
                {.kind = RV_EVENT_EVALUATED, .evaluated = {.rule = 2, .samples = &none}},
                {.kind = RV_EVENT_EVALUATED, .evaluated = {.rule = 1, .samples = &none}},
                {.kind = RV_EVENT_SYNCED, .synced = {.repository = 2}},
                {.kind = RV_EVENT_KIND_MAX},
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(mistake); i++)
                assert_int_equal(world_try(w, &mistake[i]), -EINVAL);
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(answers_end_incidents),
                cmocka_unit_test(silence_ends_with_a_reason),
                cmocka_unit_test(failure_is_believed_at_the_third_time),
                cmocka_unit_test(goes_on_when_the_remote_is_back),
                cmocka_unit_test(lost_reply_is_no_second_push),
                cmocka_unit_test(forgotten_answer_counts_as_lost),
                cmocka_unit_test(moved_branch_is_looked_at_afresh),
                cmocka_unit_test(moved_branch_may_bring_a_revert),
                cmocka_unit_test(branch_that_keeps_moving_is_given_up),
                cmocka_unit_test(many_at_once_do_not_lose_to_each_other),
                cmocka_unit_test(refusal_after_a_lost_push_keeps_the_act),
                cmocka_unit_test(revert_that_vanished_is_lost),
                cmocka_unit_test(revert_that_vanishes_later_is_lost),
                cmocka_unit_test(revert_beside_the_line_is_not_lost),
                cmocka_unit_test(hostile_words_of_a_server_are_made_safe),
                cmocka_unit_test(stale_answers_are_ignored),
                cmocka_unit_test(caller_mistakes_change_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
