/* What is kept, for how long; and the finer points of time. */
#include "world.h"

#define ENFORCE POLLED("errors", "mode = \"enforce\";")

/* Made before the onset, pushed after it: a look at the branch in between did not have it. */
static void pushed_after_the_onset_is_no_cause(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; for = \"2m\";"));

        (void)state;
        world_commit(w);
        w->now_usec += HOUR;
        world_poll(w);
        world_evaluate(w, 0.4);
        w->now_usec += MINUTE;
        world_poll(w);
        w->now_usec += 30 * SEC;
        world_commit(w)->commit_usec -= 10 * MINUTE;
        world_poll(w);
        w->now_usec += 30 * SEC;
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_ended(w, DECLINED, AFTER_ONSET);
        world_free(w);
}

/* The first look at a branch is no arrival of all that is on it. */
static void first_look_observes_nothing(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"approve\";"));

        (void)state;
        for (int i = 0; i < 3; i++) {
                world_commit(w);
                w->now_usec += MINUTE;
        }
        world_poll(w);
        assert_int_equal(world_count(w, RV_RECORD_HEAD), 1);
        assert_int_equal(world_count(w, RV_RECORD_SEEN), 0);
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_state(w, HOLDING);
        assert_false(world_open(w)->suspects[0].live.observed);
        assert_int_equal(world_open(w)->n_suspects, 3);
        world_free(w);
}

static void old_arrivals_are_forgotten(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_commit(w);
        world_poll(w);
        world_commit(w);
        world_poll(w);
        assert_int_equal(world_count(w, RV_RECORD_SEEN), 1);
        w->now_usec += 24 * HOUR; /* and the window and max_age: 6 h 30 min more */
        world_commit(w);
        world_poll(w);
        assert_int_equal(world_count(w, RV_RECORD_SEEN), 2);
        w->now_usec += 7 * HOUR;
        world_commit(w);
        world_poll(w);
        assert_int_equal(world_count(w, RV_RECORD_SEEN), 2);
        world_free(w);
}

static void unchanged_branch_writes_nothing(void **state) {
        struct world *w = world_new(ENFORCE);
        struct rv_git_reply reply = {.outcome = RV_GIT_OK};
        struct rv_step step = {0};

        (void)state;
        world_commit(w);
        world_poll(w);
        reply.head = world_head_oid(w);
        w->now_usec += MINUTE;
        assert_int_equal(rv_engine_handle(w->engine,
                                          &(struct rv_event){.kind = RV_EVENT_SYNCED, .synced = {.reply = &reply}},
                                          w->now_usec, &step, &w->err),
                         0);
        assert_int_equal(step.batch.n, 0);
        rv_step_done(&step);
        world_free(w);
}

/* Acts are needed for as long as budget or cooldown look back. */
static void old_acts_are_forgotten(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; cooldown = \"2d\";"));

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        world_evaluate_for(w, 0.01, MINUTE);
        assert_state(w, RECOVERED);
        w->now_usec += 47 * HOUR;
        world_evaluate(w, 0.01);
        assert_int_equal(world_count(w, RV_RECORD_ACT), 1);
        w->now_usec += 2 * HOUR;
        world_evaluate(w, 0.01);
        assert_int_equal(world_count(w, RV_RECORD_ACT), 0);
        world_free(w);
}

static size_t n_series(struct world *w) {
        struct rv_engine_counts counts;

        rv_engine_count(w->engine, &counts);
        return counts.series;
}

static void healthy_series_are_forgotten_latched_ones_are_not(void **state) {
        struct world *w = world_new(ENFORCE ", " ALERTS("page", ""));

        (void)state;
        world_evaluate(w, 0.01);
        world_alert(w, "web", true, w->now_usec);
        world_settle(w);
        assert_ended(w, DECLINED, NO_CANDIDATE);
        assert_int_equal(n_series(w), 2);
        w->now_usec += 2 * HOUR;
        world_tick(w);
        assert_int_equal(n_series(w), 1);
        w->now_usec += 20 * RV_USEC_PER_DAY;
        world_tick(w);
        assert_int_equal(n_series(w), 1);
        assert_int_equal(world_count(w, RV_RECORD_SERIES), 1);
        w->now_usec += 20 * RV_USEC_PER_DAY;
        world_tick(w);
        assert_int_equal(n_series(w), 0);
        assert_int_equal(world_count(w, RV_RECORD_SERIES), 0);
        world_free(w);
}

static void label_set_counts_once_in_an_answer(void **state) {
        struct world *w = world_new(ENFORCE);
        struct rv_labels *labels = world_labels("web", NULL);
        struct rv_sample sample[] = {{labels, 0.4, false}, {labels, 0.01, false}};
        struct rv_samples samples = {.sample = sample, .n = 2};

        (void)state;
        world_bad_commit(w);
        world_do(w, &(struct rv_event){.kind = RV_EVENT_EVALUATED,
                                       .evaluated = {.at_usec = w->now_usec, .samples = &samples}});
        assert_state(w, ATTRIBUTING);
        rv_labels_unref(labels);
        world_free(w);
}

/* Two oks far apart say nothing of what lay between them. */
static void gap_between_evaluations_proves_nothing(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        world_evaluate(w, 0.01);
        w->now_usec += 5 * MINUTE;
        world_evaluate(w, 0.01);
        assert_state(w, VERIFYING);
        world_evaluate_for(w, 0.01, 30 * SEC);
        assert_state(w, RECOVERED);
        world_free(w);
}

static void retries_are_never_further_apart_than_a_minute(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        w->outcome[RV_GIT_HISTORY] = RV_GIT_UNAVAILABLE;
        world_settle(w);
        world_pass(w, 8 * MINUTE);
        w->outcome[RV_GIT_HISTORY] = RV_GIT_OK;
        world_pass(w, MINUTE);
        assert_state(w, VERIFYING);
        world_free(w);
}

/* The views hold what the API promises. */
static void views_show_what_is(void **state) {
        struct world *w = world_new(ENFORCE ", " ALERTS("page", "mode = \"observe\";"));
        json_t *rules, *repositories, *series;

        (void)state;
        world_bad_commit(w);
        world_evaluate_at(w, 0, "api", 0.01, w->now_usec);
        world_evaluate(w, 0.4);
        rules = rv_engine_rules_json(w->engine, w->now_usec);
        assert_int_equal(json_array_size(rules), 2);
        assert_string_equal(rv_json_string(json_array_get(rules, 0), "kind", ""), "polled");
        assert_string_equal(rv_json_string(json_array_get(rules, 0), "breach", ""), "> 0.05");
        assert_string_equal(rv_json_string(json_array_get(rules, 1), "kind", ""), "alerts");
        assert_string_equal(json_string_value(json_array_get(json_object_get(json_array_get(rules, 1), "match"), 0)),
                            "severity=page");
        series = json_object_get(json_array_get(rules, 0), "series");
        assert_int_equal(json_array_size(series), 2);
        assert_string_equal(rv_json_string(json_array_get(series, 0), "state", ""), "firing"); /* first */
        assert_string_equal(rv_json_string(json_array_get(series, 0), "incident", ""), w->incident);
        json_decref(rules);
        world_settle(w);
        repositories = rv_engine_repositories_json(w->engine, w->now_usec);
        assert_int_equal(rv_json_int(json_array_get(repositories, 0), "budget_used", 0), 1);
        assert_int_equal(rv_engine_budget_used(w->engine, w->now_usec), 1);
        assert_int_equal(rv_engine_budget_used(w->engine, w->now_usec + RV_USEC_PER_DAY), 0);
        assert_string_equal(rv_json_string(json_array_get(repositories, 0), "branch", ""), "main");
        json_decref(repositories);
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(pushed_after_the_onset_is_no_cause),
                cmocka_unit_test(first_look_observes_nothing),
                cmocka_unit_test(old_arrivals_are_forgotten),
                cmocka_unit_test(unchanged_branch_writes_nothing),
                cmocka_unit_test(old_acts_are_forgotten),
                cmocka_unit_test(healthy_series_are_forgotten_latched_ones_are_not),
                cmocka_unit_test(label_set_counts_once_in_an_answer),
                cmocka_unit_test(gap_between_evaluations_proves_nothing),
                cmocka_unit_test(retries_are_never_further_apart_than_a_minute),
                cmocka_unit_test(views_show_what_is),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
