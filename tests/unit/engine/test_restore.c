/* A scope that goes back to a commit: after a conflict, with several suspects, and by hand. */
#include "world.h"

#define FALLS_BACK POLLED("errors", "mode = \"enforce\"; fallback = \"restore\";")

/* A bad change, its breach, and another change that stands in its revert's way. */
static struct commit *world_entangle(struct world *w) {
        struct commit *bad = world_bad_commit(w);

        w->outcome[RV_GIT_PLAN] = RV_GIT_CONFLICT;
        world_evaluate(w, 0.4);
        w->now_usec += 30 * SEC;
        world_commit(w)->commit_usec = w->now_usec;
        return bad;
}

static void goes_back_after_a_conflict(void **state) {
        struct world *w = world_new(FALLS_BACK);
        struct commit *bad = world_entangle(w);
        const struct rv_incident *i;
        char revision[RV_OID_HEX_MAX + 3];

        (void)state;
        world_answer(w);
        assert_int_equal(w->asked[0].request->op, RV_GIT_PLAN);
        world_answer(w);
        assert_int_equal(w->asked[0].request->op, RV_GIT_HISTORY);
        snprintf(revision, sizeof(revision), "%s~1", bad->id.hex);
        assert_string_equal(w->asked[0].request->revision, revision);
        world_settle(w);
        assert_state(w, VERIFYING);
        i = world_open(w);
        assert_string_equal(i->restore.hex, w->branch[0].id.hex);
        assert_string_equal(i->conflict, "said the world: apps/web/values.yaml");
        assert_int_equal(i->n_suspects, 2);
        assert_int_equal(i->suspects[0].evidence, 1u << RV_EVIDENCE_PASSED);
        assert_int_equal(i->plan->spec.n_commits, 2);
        assert_string_equal(i->plan->spec.commits[1].hex, bad->id.hex);
        assert_int_equal(w->n_pushes, 1);
        world_evaluate_for(w, 0.01, 2 * MINUTE);
        assert_state(w, RECOVERED);
        world_free(w);
}

/* Before each answer: what is found anew is the same, and is pushed once. */
static void a_restart_at_any_time(void **state) {
        (void)state;
        for (int at = 0; at < 6; at++) {
                struct world *w = world_new(FALLS_BACK);

                world_entangle(w);
                for (int i = 0; i < at; i++)
                        world_answer(w);
                world_restart(w);
                world_settle(w);
                assert_state(w, VERIFYING);
                assert_string_equal(world_open(w)->restore.hex, w->branch[0].id.hex);
                assert_int_equal(w->n_pushes, 1);
                assert_int_equal(world_count(w, RV_RECORD_ACT), 1);
                world_free(w);
        }
}

/* Lost where only a restore asks: it begins anew, with the revert. */
static void a_lost_answer(void **state) {
        struct world *w = world_new(FALLS_BACK);

        (void)state;
        world_entangle(w);
        world_answer(w);
        world_answer(w);
        w->lost[RV_GIT_HISTORY] = true;
        world_answer(w);
        w->lost[RV_GIT_HISTORY] = false;
        assert_state(w, ATTRIBUTING);
        world_pass(w, 5 * SEC);
        world_settle(w);
        assert_state(w, VERIFYING);
        assert_string_equal(world_open(w)->restore.hex, w->branch[0].id.hex);
        assert_int_equal(w->n_pushes, 1);
        world_free(w);
}

static void more_than_are_undone_at_once(void **state) {
        struct world *w = world_new(FALLS_BACK);

        (void)state;
        world_entangle(w);
        for (int i = 0; i < RV_SUSPECTS_MAX; i++)
                world_commit(w)->commit_usec = w->now_usec;
        world_settle(w);
        assert_ended(w, DECLINED, TOO_LARGE);
        assert_non_null(strstr(w->detail, "34 commits touched the scope"));
        assert_int_equal(w->n_pushes, 0);
        world_free(w);
}

static void the_commit_before_is_not_there(void **state) {
        struct world *w = world_new(FALLS_BACK);

        (void)state;
        world_commit(w);
        w->outcome[RV_GIT_PLAN] = RV_GIT_CONFLICT;
        w->now_usec += MINUTE;
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_ended(w, DECLINED, NOT_FOUND);
        world_free(w);
}

static void by_hand_only_what_was_shown(void **state) {
        struct world *w = world_new(FALLS_BACK);
        const char *scope = "apps/web/**", *seen[2], *unsafe = "--output=x";
        struct rv_event event = {
                .kind = RV_EVENT_REVERT,
                .revert = {.rule = -1, .actor = "ana", .scope = &scope, .n_scope = 1, .revisions = seen}};

        (void)state;
        seen[0] = world_bad_commit(w)->id.hex;
        event.revert.to = unsafe;
        assert_int_equal(world_try(w, &event), -EINVAL);
        event.revert.to = w->branch[0].id.hex;
        event.revert.n_scope = 0;
        assert_int_equal(world_try(w, &event), -EINVAL); /* never everything */
        event.revert.n_scope = 1;
        event.revert.n_revisions = 1;
        world_commit(w);
        assert_int_equal(world_try(w, &event), 0);
        world_settle(w);
        assert_ended(w, DECLINED, MOVED);
        seen[1] = seen[0];
        seen[0] = w->branch[2].id.hex;
        event.revert.n_revisions = 2;
        assert_int_equal(world_try(w, &event), 0);
        world_settle(w);
        assert_state(w, REVERTED);
        assert_int_equal(w->n_pushes, 1);
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(goes_back_after_a_conflict),
                cmocka_unit_test(a_restart_at_any_time),
                cmocka_unit_test(a_lost_answer),
                cmocka_unit_test(more_than_are_undone_at_once),
                cmocka_unit_test(the_commit_before_is_not_there),
                cmocka_unit_test(by_hand_only_what_was_shown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
