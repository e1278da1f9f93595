/* Mode propose: a pull request, followed until it is merged or closed. */
#include "world.h"

#define PROPOSES POLLED("errors", "mode = \"propose\"; proposal_timeout = \"2h\";")

static struct world *proposed(const char *rules) {
        struct world *w = world_new(rules);

        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_state(w, PROPOSED);
        return w;
}

static void merged_it_is_the_push(void **state) {
        struct world *w = proposed(PROPOSES);
        const struct rv_incident *i = world_open(w);

        (void)state;
        assert_int_equal(i->proposal.number, 7);
        assert_string_equal(i->proposal.url, "https://forge.example.com/7");
        assert_string_equal(w->detail, "https://forge.example.com/7");
        assert_int_equal(i->times.proposed_usec, w->now_usec);
        assert_int_equal(i->times.pushed_usec, 0);
        assert_int_equal(w->n_pushes, 0);
        assert_int_equal(world_count(w, RV_RECORD_ACT), 1);

        world_pass(w, 10 * MINUTE);
        assert_state(w, PROPOSED);
        assert_in_range(w->n_proposals_asked, 3, 20);
        world_merge(w);
        world_pass(w, 5 * MINUTE);
        assert_state(w, VERIFYING);
        i = world_open(w);
        assert_string_equal(rv_incident_revert(i)->hex, w->merged.hex);
        assert_true(i->times.pushed_usec > i->times.proposed_usec);
        world_evaluate_for(w, 0.01, MINUTE);
        assert_state(w, RECOVERED);
        world_free(w);
}

static void closed_it_is_a_no(void **state) {
        struct world *w = proposed(PROPOSES);

        (void)state;
        w->proposal_state = RV_PROPOSAL_CLOSED;
        world_pass(w, MINUTE);
        assert_ended(w, REJECTED, PROPOSAL_CLOSED);
        assert_int_equal(world_count(w, RV_RECORD_ACT), 1); /* it counts, as a push does */
        world_free(w);

        w = proposed(PROPOSES);
        w->outcome[RV_GIT_PROPOSAL] = RV_GIT_NOT_FOUND; /* to a token that may not see it, for one */
        world_pass(w, HOUR);
        assert_state(w, PROPOSED);
        assert_string_equal(world_open(w)->detail, "said the world");
        w->outcome[RV_GIT_PROPOSAL] = RV_GIT_OK;
        world_merge(w);
        world_pass(w, 5 * MINUTE);
        assert_state(w, VERIFYING);
        world_free(w);
}

static void nobody_comes(void **state) {
        struct world *w = proposed(PROPOSES);

        (void)state;
        world_pass(w, HOUR);
        w->outcome[RV_GIT_PROPOSAL] = RV_GIT_UNAVAILABLE;
        world_pass(w, 59 * MINUTE);
        assert_state(w, PROPOSED);
        world_pass(w, MINUTE);
        assert_ended(w, DECLINED, PROPOSAL_EXPIRED);
        assert_non_null(strstr(w->detail, "https://forge.example.com/7"));
        world_free(w);
}

static void the_forge_is_left_alone(void **state) {
        struct world *w = world_new(PROPOSES);
        size_t n;

        (void)state;
        w->outcome[RV_GIT_PROPOSE] = RV_GIT_UNAVAILABLE;
        w->wait_usec = 3 * MINUTE;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        w->outcome[RV_GIT_PROPOSE] = RV_GIT_OK;
        world_pass(w, 3 * MINUTE - SEC);
        assert_state(w, REVERTING);
        world_pass(w, SEC);
        assert_state(w, PROPOSED);

        w->outcome[RV_GIT_PROPOSAL] = RV_GIT_UNAVAILABLE;
        w->wait_usec = 40 * MINUTE;
        world_pass(w, MINUTE);
        w->outcome[RV_GIT_PROPOSAL] = RV_GIT_OK;
        n = w->n_proposals_asked;
        world_pass(w, 39 * MINUTE);
        assert_int_equal(w->n_proposals_asked, n);
        world_pass(w, MINUTE);
        assert_int_equal(w->n_proposals_asked, n + 1);
        w->outcome[RV_GIT_PROPOSAL] = RV_GIT_UNAVAILABLE;
        w->wait_usec = HOUR;
        world_pass(w, HOUR + 20 * MINUTE);
        assert_ended(w, DECLINED, PROPOSAL_EXPIRED); /* it does not ask for more time than there is */
        world_free(w);
}

static void the_forge_says_no(void **state) {
        static const struct {
                enum rv_git_outcome outcome;
                enum rv_incident_state to;
                enum rv_reason reason;
                size_t n_acts;
        } table[] = {
                {RV_GIT_REFUSED, RV_INCIDENT_FAILED, RV_REASON_PUSH_REFUSED, 0},
                {RV_GIT_EMPTY, RV_INCIDENT_DECLINED, RV_REASON_EMPTY, 1},
                {RV_GIT_POLICY, RV_INCIDENT_FAILED, RV_REASON_POLICY, 0},
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(table); i++) {
                struct world *w = world_new(PROPOSES);

                w->outcome[RV_GIT_PROPOSE] = table[i].outcome;
                world_bad_commit(w);
                world_evaluate(w, 0.4);
                world_settle(w);
                assert_int_equal(w->state, table[i].to);
                assert_int_equal(w->reason, table[i].reason);
                assert_int_equal(world_count(w, RV_RECORD_ACT), table[i].n_acts);
                world_free(w);
        }
}

/* Told once, and followed still. */
static void the_breach_is_over_before(void **state) {
        struct world *w = proposed(PROPOSES);
        int64_t deadline_usec = world_open(w)->deadline_usec;
        size_t n = w->n_transitions;

        (void)state;
        world_evaluate_for(w, 0.01, 5 * MINUTE);
        assert_state(w, PROPOSED);
        assert_int_equal(w->n_transitions, n + 1);
        assert_non_null(strstr(w->detail, "the breach is over"));
        assert_int_equal(world_open(w)->deadline_usec, deadline_usec);
        world_restart(w);
        world_settle(w);
        world_evaluate_for(w, 0.4, MINUTE);
        world_evaluate_for(w, 0.01, MINUTE);
        assert_int_equal(w->n_transitions, n + 1);
        world_merge(w);
        world_pass(w, 5 * MINUTE);
        assert_state(w, VERIFYING);
        world_free(w);
}

static void a_restart_at_any_time(void **state) {
        (void)state;
        for (int at = 0; at < 6; at++) {
                struct world *w = world_new(PROPOSES);

                world_bad_commit(w);
                world_evaluate(w, 0.4);
                for (int i = 0; i < at && w->n_asked > 0; i++)
                        world_answer(w);
                world_restart(w);
                world_settle(w);
                assert_state(w, PROPOSED);
                world_restart(w);
                world_settle(w);
                world_merge(w);
                world_pass(w, 5 * MINUTE);
                assert_state(w, VERIFYING);
                assert_int_equal(world_count(w, RV_RECORD_ACT), 1);
                world_free(w);
        }
}

static struct world *answer_lost(void) {
        struct world *w = world_new(PROPOSES);

        world_bad_commit(w);
        w->lost[RV_GIT_PROPOSE] = w->reply_lost_after_push = true;
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_state(w, REVERTING);
        assert_true(*w->proposed.hex);
        w->lost[RV_GIT_PROPOSE] = false;
        return w;
}

/* Squashed, say: the branch holds it by another name than the plan's. */
static void merged_before_it_was_heard_of(void **state) {
        struct world *w = answer_lost();

        (void)state;
        world_merge(w);
        world_pass(w, MINUTE);
        assert_state(w, VERIFYING);
        assert_string_equal(rv_incident_revert(world_open(w))->hex, w->merged.hex);
        world_restart(w);
        world_settle(w);
        world_evaluate_for(w, 0.01, MINUTE);
        assert_state(w, RECOVERED);
        world_free(w);
}

/* Nobody knows whether there is a request that may be merged: it stays counted. */
static void ended_before_it_was_heard_of(void **state) {
        struct world *w = answer_lost();

        (void)state;
        w->outcome[RV_GIT_PROPOSE] = RV_GIT_REFUSED;
        world_pass(w, MINUTE);
        assert_ended(w, FAILED, PUSH_REFUSED);
        assert_int_equal(world_count(w, RV_RECORD_ACT), 1);
        world_free(w);

        w = answer_lost();
        world_do(w, &(struct rv_event){.kind = RV_EVENT_PAUSE, .pause = {"", "ana", "migration", HOUR}});
        world_pass(w, MINUTE);
        assert_ended(w, DECLINED, PAUSED);
        assert_int_equal(world_count(w, RV_RECORD_ACT), 1);
        world_free(w);
}

/* The forge's words for it have no trailer: it is known by the ledger. */
static void what_was_merged_is_ours(void **state) {
        struct world *w = proposed(POLLED("errors", "mode = \"propose\"; unrecovered = \"stop\";"));

        (void)state;
        world_merge(w);
        world_pass(w, 5 * MINUTE);
        assert_state(w, VERIFYING);
        world_evaluate_for(w, 0.01, 2 * MINUTE);
        assert_state(w, RECOVERED);
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_ended(w, DECLINED, IS_OURS);
        world_free(w);
}

static void a_person_goes_to_the_forge(void **state) {
        struct world *w = proposed(PROPOSES);
        struct rv_event event = {.kind = RV_EVENT_REJECT, .person = {.incident = w->incident, .actor = "ana"}};

        (void)state;
        assert_int_equal(world_try(w, &event), -EBUSY);
        assert_non_null(strstr(w->err.text, "close its pull request, https://forge.example.com/7"));
        event.kind = RV_EVENT_APPROVE;
        assert_int_equal(world_try(w, &event), -EBUSY);
        assert_non_null(strstr(w->err.text, "merge its pull request"));
        assert_state(w, PROPOSED);
        world_free(w);
}

/* A request that waits for people is not in the way of a rule that pushes. */
static void another_rule_may_push(void **state) {
        struct world *w = proposed(PROPOSES ", " POLLED("sure", "mode = \"enforce\";"));

        (void)state;
        world_evaluate_at(w, 1, "web", 0.4, w->now_usec);
        world_settle_to(w, RV_INCIDENT_VERIFYING);
        assert_int_equal(w->n_pushes, 1);
        world_free(w);
}

/* The restore, where a conflict led to it, is for people to merge. */
static void a_restore_is_proposed_after_a_conflict(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; fallback = \"propose\";"));

        (void)state;
        world_bad_commit(w);
        w->outcome[RV_GIT_PLAN] = RV_GIT_CONFLICT;
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_state(w, PROPOSED);
        assert_int_equal(world_open(w)->mode, RV_MODE_PROPOSE);
        assert_int_equal(w->n_pushes, 0);
        assert_true(*w->proposed_spec.restore.hex);
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(merged_it_is_the_push),
                cmocka_unit_test(closed_it_is_a_no),
                cmocka_unit_test(nobody_comes),
                cmocka_unit_test(the_forge_is_left_alone),
                cmocka_unit_test(the_forge_says_no),
                cmocka_unit_test(the_breach_is_over_before),
                cmocka_unit_test(a_restart_at_any_time),
                cmocka_unit_test(merged_before_it_was_heard_of),
                cmocka_unit_test(ended_before_it_was_heard_of),
                cmocka_unit_test(what_was_merged_is_ours),
                cmocka_unit_test(a_person_goes_to_the_forge),
                cmocka_unit_test(another_rule_may_push),
                cmocka_unit_test(a_restore_is_proposed_after_a_conflict),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
