/* Converging where the rule has an operator: until that has applied the revert, and is healthy. */
#include "world.h"

#define APPLIED                                                                                                        \
        POLLED("errors", "mode = \"enforce\"; application = \"{{ $labels.app }}\"; namespace = \"shop\"; "             \
                         "apply_timeout = \"10m\";")

static void says(struct world *w, const struct rv_oid *revision, bool is_settled, const char *words) {
        w->applied = (struct rv_applied){.is_settled = is_settled, .words = (char *)words};
        if (revision)
                rv_applied_add_revision(&w->applied, revision);
}

/* Pushed, and seen on the branch. */
static struct world *pushed(const char *rules) {
        struct world *w = world_new(rules);

        world_bad_commit(w);
        says(w, NULL, false, "OutOfSync");
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_state(w, CONVERGING);
        assert_int_equal(w->n_pushes, 1);
        return w;
}

static struct rv_oid revert_of(struct world *w) {
        return world_open(w)->plan->commit;
}

static void waits_for_the_operator(void **state) {
        struct world *w = pushed(APPLIED);
        int64_t landed_usec = world_open(w)->times.landed_usec;
        struct rv_oid revert = revert_of(w), before = w->branch[w->n_commits - 2].id;

        (void)state;
        assert_true(landed_usec > 0);
        assert_int_equal(world_open(w)->times.applied_usec, 0);
        assert_string_equal(world_open(w)->detail, "argo: shop/web: OutOfSync");
        world_pass(w, MINUTE);
        says(w, &before, true, "Synced at the bad one");
        world_pass(w, MINUTE);
        assert_state(w, CONVERGING);
        says(w, &revert, false, "Synced, Progressing");
        world_pass(w, MINUTE);
        assert_state(w, CONVERGING);
        world_evaluate(w, 0.01); /* no proof yet: what is seen before the operator is done says nothing */
        says(w, &revert, true, "Synced, Healthy");
        world_pass(w, MINUTE);
        assert_state(w, VERIFYING);
        assert_true(world_open(w)->times.applied_usec > landed_usec + 3 * MINUTE);
        assert_int_equal(world_open(w)->times.landed_usec, landed_usec);
        assert_null(world_open(w)->detail);
        world_evaluate_for(w, 0.01, MINUTE);
        assert_state(w, RECOVERED);
        world_free(w);
}

/* At first every 5 seconds, then every 30. */
static void asks_at_a_pace(void **state) {
        struct world *w = pushed(APPLIED);

        (void)state;
        w->n_applied_asked = 0;
        world_pass(w, 5 * SEC);
        assert_int_equal(w->n_applied_asked, 1);
        world_pass(w, 10 * SEC + 20 * SEC + 30 * SEC);
        assert_int_equal(w->n_applied_asked, 4);
        world_pass(w, 5 * MINUTE);
        assert_int_equal(w->n_applied_asked, 14);
        assert_int_equal(w->n_nudges, 1);
        world_free(w);
}

/* Somebody committed meanwhile, and that is what is applied; it holds the revert. One that does not is asked about once. */
static void what_descends_from_the_revert_will_do(void **state) {
        struct world *w = pushed(APPLIED);
        struct rv_oid before = w->branch[w->n_commits - 2].id;
        size_t n_checks = 0;

        (void)state;
        says(w, &before, true, "Synced");
        for (int i = 0; i < 10; i++) {
                w->now_usec = rv_engine_deadline(w->engine);
                world_tick(w);
                while (w->n_asked > 0) {
                        n_checks += w->asked[0].kind == RV_EFFECT_GIT;
                        world_answer(w);
                }
        }
        assert_int_equal(n_checks, 1);
        assert_state(w, CONVERGING);
        says(w, &world_commit(w)->id, true, "Synced");
        world_pass(w, MINUTE);
        assert_state(w, VERIFYING);
        world_free(w);
}

/* The answer to what a revision holds is lost: it is asked for again. */
static void looks_again_where_git_did_not_answer(void **state) {
        struct world *w = pushed(APPLIED);

        (void)state;
        says(w, &world_commit(w)->id, true, "Synced");
        w->outcome[RV_GIT_CHECK] = RV_GIT_UNAVAILABLE;
        world_pass(w, 2 * MINUTE);
        assert_state(w, CONVERGING);
        w->outcome[RV_GIT_CHECK] = RV_GIT_OK;
        world_pass(w, MINUTE);
        assert_state(w, VERIFYING);
        world_free(w);
}

static void ends_with_the_operators_last_words(void **state) {
        static const char *const words[] = {"OutOfSync at 9c1e; operation Failed: one or more objects failed", NULL};

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(words); i++) {
                struct world *w = pushed(APPLIED);

                says(w, NULL, false, words[i]);
                world_pass(w, 9 * MINUTE);
                assert_state(w, CONVERGING);
                world_pass(w, 2 * MINUTE);
                assert_ended(w, FAILED, NOT_APPLIED);
                assert_non_null(strstr(w->detail, words[i] ? words[i] : "status 503"));
                assert_int_equal(world_count(w, RV_RECORD_ACT), 1); /* it was pushed */
                world_free(w);
        }
}

/* The branch loses the revert while the operator is waited for. */
static void sees_a_revert_that_is_lost(void **state) {
        struct world *w = pushed(APPLIED);

        (void)state;
        w->ref_lost = true;
        says(w, &world_commit(w)->id, true, "Synced");
        world_pass(w, MINUTE);
        assert_ended(w, FAILED, REVERT_LOST);
        world_free(w);
}

static void goes_on_after_a_restart(void **state) {
        struct world *w = pushed(APPLIED);
        int64_t landed_usec = world_open(w)->times.landed_usec, deadline_usec = world_open(w)->deadline_usec;
        struct rv_oid revert = revert_of(w);

        (void)state;
        world_pass(w, 2 * MINUTE);
        world_restart(w);
        world_settle(w);
        assert_int_equal(world_open(w)->deadline_usec, deadline_usec);
        assert_int_equal(world_open(w)->times.landed_usec, landed_usec);
        assert_string_equal(world_open(w)->detail, "argo: shop/web: OutOfSync");
        says(w, &revert, true, "Synced");
        world_pass(w, MINUTE);
        assert_state(w, VERIFYING);
        world_free(w);
}

/* Without a word of the operator nothing waits any more. */
static void a_reload_takes_the_operator_away(void **state) {
        struct world *w = pushed(APPLIED);

        (void)state;
        rv_config_unref(w->config);
        w->config = world_config(POLLED("errors", "mode = \"enforce\";"));
        assert_int_equal(rv_engine_reconfigure(w->engine, w->config), 0);
        world_pass(w, MINUTE);
        assert_state(w, VERIFYING);
        world_free(w);
}

static void without_an_operator_nobody_is_asked(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\";"));
        const struct rv_incident *i;

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        i = world_open(w);
        assert_state(w, VERIFYING);
        assert_int_equal(i->times.landed_usec, i->times.applied_usec);
        assert_int_equal(w->n_applied_asked, 0);
        world_free(w);
}

static void labels_that_name_no_application(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; application = \"x{{ $labels.more }}\";"));
        struct rv_labels *labels = world_labels("web", "Upper_Case");
        struct rv_samples samples = world_samples(labels, 0.4);

        (void)state;
        world_bad_commit(w);
        world_do(w, &(struct rv_event){.kind = RV_EVENT_EVALUATED,
                                       .evaluated = {.at_usec = w->now_usec, .samples = &samples}});
        assert_ended(w, DECLINED, BAD_SCOPE);
        assert_string_equal(w->detail, "application: 'xUpper_Case' is no name of an object");
        rv_samples_done(&samples);
        rv_labels_unref(labels);
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(waits_for_the_operator),
                cmocka_unit_test(asks_at_a_pace),
                cmocka_unit_test(what_descends_from_the_revert_will_do),
                cmocka_unit_test(looks_again_where_git_did_not_answer),
                cmocka_unit_test(ends_with_the_operators_last_words),
                cmocka_unit_test(sees_a_revert_that_is_lost),
                cmocka_unit_test(goes_on_after_a_restart),
                cmocka_unit_test(a_reload_takes_the_operator_away),
                cmocka_unit_test(without_an_operator_nobody_is_asked),
                cmocka_unit_test(labels_that_name_no_application),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
