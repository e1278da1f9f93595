/* Which commit did it, where the operator says when each went live. */
#include "world.h"

#define RULE                                                                                                           \
        POLLED("errors", "mode = \"enforce\"; window = \"10m\"; max_age = \"6h\"; good_after = \"10m\"; "              \
                         "application = \"{{ $labels.app }}\";")

static void deployed(struct world *w, const struct rv_oid *revision, int64_t at_usec) {
        w->applied.words = (char *)"Synced";
        w->applied.n_revisions = 0;
        rv_applied_add_revision(&w->applied, revision);
        rv_applied_add_deployment(&w->applied, &(struct rv_deployment){*revision, at_usec - 5 * SEC, at_usec});
}

/* A commit that a poll saw arrive right away. */
static struct rv_oid arrives(struct world *w) {
        struct rv_oid id;

        world_poll(w);
        w->now_usec += 15 * SEC;
        id = world_commit(w)->id;
        world_poll(w);
        return id;
}

static struct world *with_first(void) {
        struct world *w = world_new(RULE);
        struct rv_oid first;

        w->now_usec -= 5 * HOUR;
        first = world_commit(w)->id;
        world_poll(w);
        deployed(w, &first, w->now_usec);
        w->now_usec += HOUR;
        return w;
}

static void breaks(struct world *w) {
        world_evaluate(w, 0.4);
        world_settle_to(w, RV_INCIDENT_CONVERGING);
}

/* Somebody syncs by hand what was on the branch for hours. */
static void applied_long_after_it_arrived(void **state) {
        struct world *w = with_first();
        struct rv_oid bad = arrives(w);
        const struct rv_suspect *culprit;
        int64_t applied_usec;

        (void)state;
        w->now_usec += 3 * HOUR;
        applied_usec = w->now_usec - MINUTE;
        deployed(w, &bad, applied_usec);
        breaks(w);
        culprit = &world_open(w)->suspects[0];
        assert_string_equal(culprit->commit.id.hex, bad.hex);
        assert_true(culprit->live.applied && culprit->live.observed);
        assert_true(culprit->live.seen_usec == applied_usec);
        assert_true(culprit->live.not_before_usec == applied_usec - 5 * SEC);
        assert_true(culprit->evidence & 1u << RV_EVIDENCE_CLOSE);
        world_free(w);
}

/* The newest is on the branch and not in the cluster: what it runs broke by the one below. */
static void what_is_not_applied_cannot_be_it(void **state) {
        struct world *w = with_first();
        struct rv_oid bad = arrives(w);

        (void)state;
        deployed(w, &bad, w->now_usec);
        w->now_usec += MINUTE;
        arrives(w);
        w->now_usec += MINUTE;
        breaks(w);
        assert_int_equal(world_open(w)->n_suspects, 1);
        assert_string_equal(world_open(w)->plan->spec.commits[0].hex, bad.hex);
        world_free(w);
}

/* One alone that is not applied: it came after the onset, as far as the cluster is concerned. */
static void nothing_is_applied_of_it(void **state) {
        struct world *w = with_first();

        (void)state;
        arrives(w);
        w->now_usec += MINUTE;
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_ended(w, DECLINED, AFTER_ONSET);
        world_free(w);
}

/* Two polls saw two arrivals; the operator applied them in one go. */
static void applied_together(void **state) {
        struct world *w = with_first();
        struct rv_oid one = arrives(w), two;

        (void)state;
        w->now_usec += MINUTE;
        two = arrives(w);
        w->now_usec += MINUTE;
        deployed(w, &two, w->now_usec);
        w->now_usec += MINUTE;
        breaks(w);
        assert_int_equal(world_open(w)->plan->spec.n_commits, 2);
        assert_string_equal(world_open(w)->plan->spec.commits[0].hex, two.hex);
        assert_string_equal(world_open(w)->plan->spec.commits[1].hex, one.hex);
        world_free(w);
}

/* The operator is silent, or speaks of what is not on the branch: then the branch has to do. */
static void without_its_word_the_branch_counts(void **state) {
        static const struct rv_oid elsewhere = {"ffffffffffffffffffffffffffffffffffffffff"};

        (void)state;
        for (int silent = 0; silent < 2; silent++) {
                struct world *w = with_first();
                struct rv_oid bad = arrives(w);

                w->now_usec += MINUTE;
                if (silent)
                        w->applied = (struct rv_applied){0};
                else
                        deployed(w, &elsewhere, w->now_usec);
                breaks(w);
                assert_string_equal(world_open(w)->plan->spec.commits[0].hex, bad.hex);
                assert_false(world_open(w)->suspects[0].live.applied);
                assert_true(world_open(w)->suspects[0].live.observed);
                world_free(w);
        }
}

/* A head that was never applied stands on the branch while all is well, which seems to prove it. */
static void what_was_not_applied_is_not_proven(void **state) {
        struct world *w = with_first();
        struct rv_oid bad = arrives(w);

        (void)state;
        world_evaluate_for(w, 0.01, 40 * MINUTE);
        assert_int_equal(world_count(w, RV_RECORD_GOOD), 1);
        deployed(w, &bad, w->now_usec);
        world_pass(w, MINUTE);
        breaks(w);
        assert_string_equal(world_open(w)->last_good.hex, bad.hex);
        assert_string_equal(world_open(w)->plan->spec.commits[0].hex, bad.hex);
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(applied_long_after_it_arrived),
                cmocka_unit_test(what_is_not_applied_cannot_be_it),
                cmocka_unit_test(nothing_is_applied_of_it),
                cmocka_unit_test(applied_together),
                cmocka_unit_test(without_its_word_the_branch_counts),
                cmocka_unit_test(what_was_not_applied_is_not_proven),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
