/* A revert in vain: the suspect before the one that was reverted. */
#include "world.h"

#define GOES_ON POLLED("errors", "mode = \"enforce\"; unrecovered = \"further_back\"; cooldown = \"1h\";")

/* Two changes, and the newer of them is reverted in vain. */
static struct rv_oid revert_in_vain(struct world *w) {
        struct rv_oid older = world_bad_commit(w)->id;

        world_evaluate(w, 0.01);
        world_settle(w);
        w->now_usec += MINUTE;
        world_commit(w)->commit_usec = w->now_usec;
        w->now_usec += MINUTE;
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_state(w, VERIFYING);
        world_evaluate_for(w, 0.4, 14 * MINUTE);
        assert_state(w, VERIFYING);
        return older;
}

static void the_next_suspect_is_reverted(void **state) {
        struct world *w = world_new(GOES_ON);
        struct rv_oid older = revert_in_vain(w);
        int64_t onset_usec = world_open(w)->times.onset_usec;
        char first[RV_INCIDENT_ID_MAX];
        const struct rv_incident *i;

        (void)state;
        memcpy(first, w->incident, sizeof(first));
        world_evaluate_for(w, 0.4, 2 * MINUTE);
        world_settle(w);
        assert_state(w, VERIFYING);
        assert_int_equal(w->n_opened, 2);
        assert_int_equal(w->n_pushes, 2);
        assert_int_equal(world_count(w, RV_RECORD_ACT), 2);
        i = world_open(w);
        assert_string_equal(i->after, first);
        assert_int_equal(i->times.onset_usec, onset_usec);
        assert_string_equal(i->suspects[0].commit.id.hex, older.hex);
        assert_string_equal(i->plan->spec.commits[0].hex, older.hex);
        world_evaluate_for(w, 0.01, 2 * MINUTE);
        assert_state(w, RECOVERED);
        world_free(w);
}

static void only_one_step(void **state) {
        struct world *w = world_new(GOES_ON);

        (void)state;
        revert_in_vain(w);
        for (int k = 0; k < 20; k++) {
                world_evaluate_for(w, 0.4, 2 * MINUTE);
                world_settle(w);
        }
        assert_ended(w, UNRECOVERED, NOT_RECOVERED);
        assert_int_equal(w->n_opened, 2);
        assert_int_equal(w->n_pushes, 2);
        world_free(w);
}

/* What it knows of the first is in its record. */
static void a_restart_in_between(void **state) {
        struct world *w = world_new(GOES_ON);
        struct rv_oid older = revert_in_vain(w);

        (void)state;
        world_evaluate_for(w, 0.4, 2 * MINUTE);
        world_restart(w);
        world_settle(w);
        assert_state(w, VERIFYING);
        assert_int_equal(w->n_pushes, 2);
        assert_string_equal(world_open(w)->plan->spec.commits[0].hex, older.hex);
        world_free(w);
}

static void not_unless_the_breach_is_seen(void **state) {
        struct world *w = world_new(GOES_ON);

        (void)state;
        revert_in_vain(w);
        w->now_usec += 2 * MINUTE;
        world_evaluate(w, NAN);
        world_tick(w);
        assert_ended(w, UNRECOVERED, NOT_RECOVERED);
        assert_int_equal(w->n_opened, 1);
        world_free(w);

        w = world_new(GOES_ON);
        revert_in_vain(w);
        w->now_usec += 2 * MINUTE;
        world_restart(w);
        world_tick(w);
        assert_ended(w, UNRECOVERED, NOT_RECOVERED);
        assert_int_equal(w->n_opened, 1);
        world_free(w);
}

/* Somebody else reverts too, or nothing older is left, or the rule does not ask for it. */
static void not_where_something_is_in_the_way(void **state) {
        struct world *w = world_new(GOES_ON);

        (void)state;
        revert_in_vain(w);
        w->branch[w->n_commits - 1].commit_usec = w->now_usec;
        world_commit(w)->reverts = w->branch[0].id;
        world_evaluate_for(w, 0.4, 2 * MINUTE);
        world_settle(w);
        assert_ended(w, DECLINED, ALREADY_REVERTED);
        assert_int_equal(w->n_pushes, 1);
        world_free(w);

        w = world_new(GOES_ON);
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        world_evaluate_for(w, 0.4, 16 * MINUTE);
        world_settle(w);
        assert_ended(w, DECLINED, NO_CANDIDATE);
        assert_int_equal(w->n_pushes, 1);
        world_free(w);

        w = world_new(POLLED("errors", "mode = \"enforce\";"));
        revert_in_vain(w);
        world_evaluate_for(w, 0.4, 2 * MINUTE);
        world_settle(w);
        assert_ended(w, UNRECOVERED, NOT_RECOVERED);
        assert_int_equal(w->n_opened, 1);
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_next_suspect_is_reverted),
                cmocka_unit_test(only_one_step),
                cmocka_unit_test(a_restart_in_between),
                cmocka_unit_test(not_unless_the_breach_is_seen),
                cmocka_unit_test(not_where_something_is_in_the_way),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
