/* Each guard, in the engine: at the attribution, and again before the intent is stored. */
#include "world.h"

#define ENFORCE POLLED("errors", "mode = \"enforce\";")

static void breach(struct world *w, const char *app) {
        world_evaluate_at(w, 0, app, 0.4, w->now_usec);
        world_settle(w);
}

static void declines(struct world *w) {
        assert_int_equal(w->n_push_requests, 0);
        assert_int_equal(world_count(w, RV_RECORD_ACT), 0);
        world_free(w);
}

static void pause_scope(struct world *w, const char *scope, int64_t duration_usec) {
        world_do(w, &(struct rv_event){.kind = RV_EVENT_PAUSE, .pause = {scope, "token", "migration", duration_usec}});
}

/* Learned with the very history that the culprit is found in; kept over a restart; gone with the file. */
static void paused_by_a_file(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\";"));
        json_t *pauses;

        (void)state;
        world_bad_commit(w);
        w->pause_file = "freeze until Monday";
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_ended(w, DECLINED, PAUSED);
        assert_string_equal(w->detail, ".revertd/pause on the branch: freeze until Monday");
        assert_int_equal(w->n_push_requests, 0);
        world_restart(w);
        assert_true(rv_engine_paused(w->engine, 0, w->now_usec));
        pauses = rv_engine_pauses_json(w->engine, w->now_usec);
        assert_int_equal(json_array_size(pauses), 1);
        json_decref(pauses);
        w->pause_file = NULL;
        world_poll(w);
        assert_false(rv_engine_paused(w->engine, 0, w->now_usec));
        world_free(w);
}

/* An empty file pauses too. */
static void a_file_ends_what_waits(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"approve\";"));

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle_to(w, RV_INCIDENT_HOLDING);
        w->pause_file = "";
        world_poll(w);
        assert_ended(w, DECLINED, PAUSED);
        world_free(w);
}

static void paused(void **state) {
        static const char *const scope[] = {"", "rule:errors", "repository:fleet"};

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(scope); i++) {
                struct world *w = world_new(ENFORCE);

                world_bad_commit(w);
                pause_scope(w, scope[i], 0);
                breach(w, "web");
                assert_ended(w, DECLINED, PAUSED);
                assert_string_equal(w->detail, "by token: migration");
                declines(w);
        }
}

static void no_candidate(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_commit(w);
        w->now_usec += HOUR; /* the window is half of it */
        breach(w, "web");
        assert_ended(w, DECLINED, NO_CANDIDATE);
        declines(w);
}

/* What the detail names can be looked up in the record. */
static void names_what_came_too_late(void **state) {
        struct world *w = world_new(ENFORCE);
        json_t *record;

        (void)state;
        world_commit(w);
        w->now_usec += HOUR;
        world_poll(w);
        w->now_usec += MINUTE;
        world_evaluate_at(w, 0, "web", 0.4, w->now_usec - 30 * SEC);
        world_commit(w);
        world_settle(w);
        assert_ended(w, DECLINED, AFTER_ONSET);
        assert_non_null(strstr(w->detail, "the first of them, "));
        record = world_record(w, RV_RECORD_INCIDENT, w->incident);
        assert_string_equal(rv_json_string(record, "aside", ""), world_oid(2).hex);
        json_decref(record);
        world_free(w);
}

static void after_onset(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; for = \"2m\";"));

        (void)state;
        world_commit(w);
        w->now_usec += HOUR;
        world_poll(w);
        world_evaluate(w, 0.4);
        w->now_usec += MINUTE;
        world_commit(w);
        world_poll(w);
        w->now_usec += MINUTE;
        breach(w, "web");
        assert_ended(w, DECLINED, AFTER_ONSET);
        declines(w);
}

/* A poll that saw the branch without the commit before the onset, and the onset itself, fall between: the commit's own
 * time tells a cause from a fix. */
static void came_between_two_polls(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; for = \"1m\";"));

        (void)state;
        world_commit(w);
        w->now_usec += HOUR;
        world_poll(w);
        w->now_usec += 30 * SEC;
        world_evaluate(w, 0.4);
        w->now_usec += 15 * SEC;
        world_commit(w); /* someone's fix */
        w->now_usec += 45 * SEC;
        breach(w, "web");
        assert_ended(w, DECLINED, AFTER_ONSET);
        declines(w);
}

static void is_revert(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w)->reverts = world_oid(1);
        breach(w, "web");
        assert_ended(w, DECLINED, IS_REVERT);
        declines(w);
}

static void is_ours(void **state) {
        struct world *w = world_new(ENFORCE);
        struct commit *c = world_bad_commit(w);

        (void)state;
        c->reverts = world_oid(1);
        c->incident = strdup("00112233445566ff");
        breach(w, "web");
        assert_ended(w, DECLINED, IS_OURS);
        declines(w);
}

static void opted_out(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w)->skip = true;
        breach(w, "web");
        assert_ended(w, DECLINED, OPTED_OUT);
        declines(w);
}

/* Between two characters, and so that it is seen. */
static void a_long_subject_is_cut(void **state) {
        struct world *w = world_new(ENFORCE);
        struct commit *bad = world_bad_commit(w);

        (void)state;
        bad->skip = true;
        bad->subject = "Raise the pool size of the checkout services and of all that stands behind it — für Zoë";
        breach(w, "web");
        assert_ended(w, DECLINED, OPTED_OUT);
        assert_non_null(strstr(w->detail, "(Ana: Raise the pool size of the checkout services and of all that stands "
                                          "behind it…)"));
        declines(w);
}

/* Whoever is asked is told what to do first. */
static void image_updater(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w)->author = "argocd-image-updater";
        breach(w, "web");
        assert_ended(w, DECLINED, IMAGE_UPDATER);
        assert_non_null(strstr(w->detail, "argocd-image-updater"));
        assert_non_null(strstr(w->detail, "pin the version"));
        declines(w);
}

static void reapplied(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; image_updates = \"revert\";"));
        struct commit *c = world_bad_commit(w);

        (void)state;
        c->author = "argocd-image-updater";
        c->reapplies = world_oid(1);
        breach(w, "web");
        assert_ended(w, DECLINED, REAPPLIED);
        assert_non_null(strstr(w->detail, "pin the version"));
        declines(w);
}

/* Known with the plan, and asked about before a person or a hold is waited for. */
static void dependents(void **state) {
        static const char *const rules[] = {POLLED("errors", "mode = \"enforce\";"),
                                            POLLED("errors", "mode = \"approve\";"),
                                            POLLED("errors", "mode = \"observe\";")};

        (void)state;
        for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
                struct world *w = world_new(rules[i]);

                world_bad_commit(w);
                w->has_dependent = true;
                breach(w, "web");
                assert_ended(w, DECLINED, DEPENDENTS);
                assert_non_null(strstr(w->detail, "(Ana: Change something) changed lines beside"));
                declines(w);
        }
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; dependents = \"allow\";"));
        world_bad_commit(w);
        w->has_dependent = true;
        breach(w, "web");
        assert_int_equal(w->n_pushes, 1);
        world_free(w);
}

/* A person was faster, after the onset. */
static void already_reverted(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; for = \"1m\";"));
        struct commit *bad = world_bad_commit(w);

        (void)state;
        world_evaluate(w, 0.4);
        w->now_usec += 30 * SEC;
        world_commit(w)->reverts = bad->id;
        world_poll(w);
        w->now_usec += 30 * SEC;
        breach(w, "web");
        assert_ended(w, DECLINED, ALREADY_REVERTED);
        declines(w);
}

/* Two rules, the same scope and commit. */
static void in_progress(void **state) {
        struct world *w = world_new(ENFORCE ", " POLLED("latency", "mode = \"enforce\";"));

        (void)state;
        world_bad_commit(w);
        world_evaluate_at(w, 0, "web", 0.4, w->now_usec);
        world_settle_to(w, RV_INCIDENT_REVERTING);
        world_evaluate_at(w, 1, "web", 0.4, w->now_usec);
        while (w->state == RV_INCIDENT_ATTRIBUTING || w->state == RV_INCIDENT_REVERTING) {
                struct rv_effect last = w->asked[w->n_asked - 1]; /* the second one's answer comes first */

                memmove(&w->asked[1], &w->asked[0], (w->n_asked - 1) * sizeof(w->asked[0]));
                w->asked[0] = last;
                world_answer(w);
        }
        assert_ended(w, DECLINED, IN_PROGRESS);
        assert_non_null(strstr(w->detail, " of rule errors is reverting"));
        world_settle(w);
        assert_state(w, VERIFYING);
        assert_int_equal(w->n_pushes, 1);
        world_free(w);
}

/* Other paths of the same commit are another matter. */
static void other_scope_is_not_in_progress(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w);
        world_evaluate_at(w, 0, "web", 0.4, w->now_usec);
        world_settle_to(w, RV_INCIDENT_REVERTING);
        world_evaluate_at(w, 0, "api", 0.4, w->now_usec);
        world_settle_to(w, RV_INCIDENT_ATTRIBUTING);
        world_settle(w);
        assert_int_not_equal(w->reason, RV_REASON_IN_PROGRESS);
        world_free(w);
}

static void too_old(void **state) {
        struct world *w =
                world_new(POLLED("errors", "mode = \"approve\"; max_age = \"1h\"; approval_timeout = \"3h\";"));

        (void)state;
        world_bad_commit(w);
        breach(w, "web");
        world_pass(w, HOUR - 2 * MINUTE); /* a person takes their time */
        assert_state(w, HOLDING);
        w->now_usec += 2 * MINUTE;
        world_do(w, &(struct rv_event){.kind = RV_EVENT_APPROVE, .person = {w->incident, "token", NULL}});
        assert_ended(w, DECLINED, TOO_OLD);
        declines(w);
}

static void next_change(struct world *w) {
        world_evaluate_for(w, 0.01, 11 * MINUTE);
        world_poll(w);
        w->now_usec += 15 * SEC;
        world_commit(w);
        world_poll(w);
        w->now_usec += MINUTE;
}

static void one_more(struct world *w) {
        world_commit(w);
        world_poll(w);
        w->now_usec += MINUTE;
}

/* All candidates are meant, and not even their number is known; the newest is. */
static void ambiguous_where_the_history_is_cut(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; suspects = \"all\";"));

        (void)state;
        w->history_cut = true;
        one_more(w);
        one_more(w);
        breach(w, "web");
        assert_ended(w, DECLINED, AMBIGUOUS);
        declines(w);

        w = world_new(ENFORCE);
        w->history_cut = true;
        one_more(w);
        one_more(w);
        breach(w, "web");
        assert_state(w, VERIFYING);
        world_free(w);
}

static void cooldown(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; cooldown = \"20m\";"));

        (void)state;
        world_bad_commit(w);
        breach(w, "web");
        next_change(w);
        breach(w, "web");
        assert_ended(w, DECLINED, COOLDOWN);
        assert_int_equal(w->n_pushes, 1);

        w->now_usec += 10 * MINUTE;
        next_change(w);
        breach(w, "web");
        assert_state(w, VERIFYING);
        assert_int_equal(w->n_pushes, 2);
        world_free(w);
}

static void budget_of_the_repository(void **state) {
        struct world *w = world_new(ENFORCE);
        char time[RV_TIME_TEXT_MAX], detail[200];
        int64_t first_usec;

        (void)state;
        world_bad_commit(w);
        first_usec = w->now_usec;
        breach(w, "web");
        next_change(w);
        breach(w, "web");
        assert_state(w, VERIFYING);
        next_change(w);
        breach(w, "web");
        assert_ended(w, DECLINED, BUDGET);
        assert_int_equal(w->n_pushes, 2);
        rv_time_format(first_usec + RV_USEC_PER_DAY, time);
        snprintf(detail, sizeof(detail),
                 "repository fleet: 2 of 2 pushes in 24 hours are used, the next is free at %.19sZ", time);
        assert_string_equal(w->detail, detail);

        world_restart(w); /* counted from the store */
        next_change(w);
        breach(w, "web");
        assert_ended(w, DECLINED, BUDGET);

        w->now_usec = first_usec + RV_USEC_PER_DAY + SEC;
        next_change(w);
        breach(w, "web");
        assert_state(w, VERIFYING);
        assert_int_equal(w->n_pushes, 3);
        world_free(w);
}

static void budget_of_all(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        w->config->budget = 0;
        world_bad_commit(w);
        breach(w, "web");
        assert_ended(w, DECLINED, BUDGET);
        assert_string_equal(w->detail, "all repositories together: 0 of 0 pushes in 24 hours are used");
        declines(w);
}

/* Many at once: the check and the record of the intent are one step. */
static void budget_holds_under_concurrency(void **state) {
        struct world *w = world_new(ENFORCE);
        size_t n_declined = 0;

        (void)state;
        world_bad_commit(w);
        for (char app[] = "a"; *app <= 'h'; ++*app)
                world_evaluate_at(w, 0, app, 0.4, w->now_usec);
        while (w->n_asked > 0) {
                size_t before = w->n_transitions;

                world_answer(w);
                n_declined += w->n_transitions > before && w->reason == RV_REASON_BUDGET;
        }
        assert_int_equal(world_count(w, RV_RECORD_ACT), 2);
        assert_true(w->n_pushes <= 2);
        assert_int_equal(n_declined, 6);
        world_free(w);
}

/* What changed while a person thought counts too. */
static void guards_are_asked_again_before_the_push(void **state) {
        struct world *w =
                world_new(POLLED("errors", "mode = \"approve\";") ", " POLLED("other", "mode = \"enforce\";"));
        char waiting[RV_INCIDENT_ID_MAX];

        (void)state;
        world_bad_commit(w);
        breach(w, "web");
        assert_state(w, HOLDING);
        memcpy(waiting, w->incident, sizeof(waiting));
        for (char app[] = "a"; *app <= 'b'; ++*app) {
                world_evaluate_at(w, 1, app, 0.4, w->now_usec);
                world_settle_to(w, RV_INCIDENT_REVERTING);
        }
        world_do(w, &(struct rv_event){.kind = RV_EVENT_APPROVE, .person = {waiting, "token", NULL}});
        assert_string_equal(w->incident, waiting);
        assert_ended(w, DECLINED, BUDGET);
        world_free(w);
}

static void clock_set_back_frees_no_budget(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; cooldown = \"10m\";"));

        (void)state;
        world_bad_commit(w);
        breach(w, "web");
        assert_int_equal(w->n_pushes, 1);
        world_evaluate_for(w, 0.01, MINUTE);
        assert_state(w, RECOVERED);
        w->now_usec -= 20 * HOUR;
        world_bad_commit(w);
        world_evaluate(w, 0.01);
        breach(w, "web");
        assert_ended(w, DECLINED, COOLDOWN);
        assert_int_equal(w->n_pushes, 1);
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(paused),
                cmocka_unit_test(paused_by_a_file),
                cmocka_unit_test(a_file_ends_what_waits),
                cmocka_unit_test(no_candidate),
                cmocka_unit_test(after_onset),
                cmocka_unit_test(came_between_two_polls),
                cmocka_unit_test(names_what_came_too_late),
                cmocka_unit_test(is_revert),
                cmocka_unit_test(is_ours),
                cmocka_unit_test(opted_out),
                cmocka_unit_test(a_long_subject_is_cut),
                cmocka_unit_test(image_updater),
                cmocka_unit_test(dependents),
                cmocka_unit_test(reapplied),
                cmocka_unit_test(already_reverted),
                cmocka_unit_test(in_progress),
                cmocka_unit_test(other_scope_is_not_in_progress),
                cmocka_unit_test(too_old),
                cmocka_unit_test(ambiguous_where_the_history_is_cut),
                cmocka_unit_test(cooldown),
                cmocka_unit_test(budget_of_the_repository),
                cmocka_unit_test(budget_of_all),
                cmocka_unit_test(budget_holds_under_concurrency),
                cmocka_unit_test(guards_are_asked_again_before_the_push),
                cmocka_unit_test(clock_set_back_frees_no_budget),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
