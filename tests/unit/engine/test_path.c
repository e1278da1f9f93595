/* The main path, polled and by alerts, and each thing that can happen on it. */
#include "world.h"

#define ENFORCE POLLED("errors", "mode = \"enforce\";")

static void finds_pushes_and_proves(void **state) {
        struct world *w = world_new(ENFORCE);
        struct commit *bad = world_bad_commit(w);
        const struct rv_incident *i;
        json_t *record, *times;

        (void)state;
        world_evaluate(w, 0.4);
        assert_state(w, ATTRIBUTING);
        assert_int_equal(w->asked[0].request->op, RV_GIT_HISTORY);
        assert_string_equal(w->asked[0].request->scope[0], "apps/web/**");
        assert_true(w->asked[0].request->timeout_usec > 0);
        world_settle_to(w, RV_INCIDENT_REVERTING);
        assert_int_equal(world_count(w, RV_RECORD_ACT), 1); /* before the push has been asked for */
        assert_int_equal(w->n_pushes, 0);
        world_settle(w);
        assert_state(w, VERIFYING);
        assert_int_equal(w->n_pushes, 1);
        i = world_open(w);
        assert_string_equal(i->suspects[0].commit.id.hex, bad->id.hex);
        assert_true(i->suspects[0].live.observed);
        assert_non_null(strstr(i->plan->spec.message, i->id));
        assert_int_equal(i->plan->spec.time_usec % SEC, 0);

        world_evaluate_for(w, 0.4, MINUTE);
        assert_state(w, VERIFYING);
        world_evaluate_for(w, 0.01, MINUTE);
        assert_state(w, RECOVERED);
        record = world_record(w, RV_RECORD_INCIDENT, w->incident);
        times = json_object_get(record, "times");
        assert_true(rv_json_int(times, "recovered_usec", 0) > rv_json_int(times, "applied_usec", 0));
        assert_true(rv_json_int(times, "ended_usec", 0) - rv_json_int(times, "recovered_usec", 0) >= 30 * SEC);
        json_decref(record);
        assert_null(world_open(w));
        assert_int_equal(world_count(w, RV_RECORD_SERIES), 0);
        world_free(w);
}

/* A bad commit, and others that the same look sees arrive after it. */
static struct commit *world_push_together(struct world *w, size_t n_more) {
        struct commit *bad;

        w->now_usec -= HOUR;
        world_commit(w);
        w->now_usec += HOUR - MINUTE - 15 * SEC;
        world_poll(w);
        w->now_usec += 15 * SEC;
        bad = world_commit(w);
        while (n_more-- > 0)
                world_commit(w);
        world_poll(w);
        w->now_usec += MINUTE;
        return bad;
}

static void what_arrived_together_goes_back_together(void **state) {
        struct world *w = world_new(ENFORCE);
        const struct rv_incident *i;
        struct commit *bad;

        (void)state;
        bad = world_push_together(w, 1);
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_state(w, VERIFYING);
        i = world_open(w);
        assert_int_equal(i->n_suspects, 2);
        assert_int_equal(i->plan->spec.n_commits, 2);
        assert_string_equal(i->plan->spec.commits[0].hex, bad[1].id.hex);
        assert_string_equal(i->plan->spec.commits[1].hex, bad->id.hex);
        assert_non_null(strstr(i->plan->spec.message, "these 2 changes, which cannot be told apart, for the cause"));
        assert_int_equal(w->n_pushes, 1);
        world_free(w);
}

static void objection_to_one_that_arrived_declines_all(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_push_together(w, 1)->skip = true;
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_ended(w, DECLINED, OPTED_OUT);
        assert_int_equal(w->n_push_requests, 0);
        world_free(w);
}

static void too_many_that_arrived_are_left_alone(void **state) {
        static const char *const rule[] = {ENFORCE, POLLED("errors", "mode = \"enforce\"; suspects = \"all\";")};

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(rule); i++)
                for (size_t n = RV_SUSPECTS_MAX; n <= RV_SUSPECTS_MAX + 1; n++) {
                        struct world *w = world_new(rule[i]);

                        world_push_together(w, n - 1);
                        world_evaluate(w, 0.4);
                        world_settle(w);
                        if (n == RV_SUSPECTS_MAX) {
                                assert_state(w, VERIFYING);
                                assert_int_equal(world_open(w)->plan->spec.n_commits, n);
                        } else {
                                assert_ended(w, DECLINED, AMBIGUOUS);
                                assert_non_null(strstr(w->detail, "33 commits"));
                                assert_int_equal(w->n_push_requests, 0);
                        }
                        world_free(w);
                }
}

/* The store holds one incident, its transitions in order, and a notice for each but the silent ones. */
static void records_and_tells(void **state) {
        struct world *w = world_new(ENFORCE);
        static const char *const to[] = {"attributing", "reverting", "converging", "verifying", "recovered"};
        char key[64];

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        world_evaluate_for(w, 0.01, MINUTE);
        assert_int_equal(world_count(w, RV_RECORD_INCIDENT), 1);
        assert_int_equal(world_count(w, RV_RECORD_TRANSITION), 5);
        assert_int_equal(world_count(w, RV_RECORD_OUTBOX), 4);
        for (size_t i = 0; i < RV_ARRAY_SIZE(to); i++) {
                json_t *record;

                snprintf(key, sizeof(key), "%s/%06zu", w->incident, i + 1);
                record = world_record(w, RV_RECORD_TRANSITION, key);
                assert_string_equal(rv_json_string(record, "to", ""), to[i]);
                assert_string_equal(rv_json_string(record, "actor", ""), "revertd");
                json_decref(record);
                if (i == 0)
                        continue;
                snprintf(key, sizeof(key), "deploys/%s/%06zu", w->incident, i + 1);
                record = world_record(w, RV_RECORD_OUTBOX, key);
                assert_string_equal(rv_json_string(json_object_get(record, "incident"), "state", ""), to[i]);
                assert_string_equal(rv_json_string(json_object_get(record, "rule"), "threshold", ""), "> 0.05");
                assert_null(json_object_get(json_object_get(json_object_get(record, "incident"), "plan"), "diff"));
                json_decref(record);
        }
        world_free(w);
}

static void one_breach_is_one_incident(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        world_evaluate_for(w, 0.4, 20 * MINUTE);
        assert_ended(w, UNRECOVERED, NOT_RECOVERED);
        world_evaluate_for(w, 0.4, HOUR);
        assert_int_equal(w->n_opened, 1);
        world_evaluate(w, 0.01);
        world_evaluate(w, 0.4);
        assert_int_equal(w->n_opened, 2);
        world_settle(w);
        assert_ended(w, DECLINED, IS_OURS);
        world_free(w);
}

static void breach_while_verifying_takes_the_proof(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        world_evaluate_for(w, 0.01, 30 * SEC);
        world_evaluate(w, 0.4);
        world_evaluate_for(w, 0.01, 30 * SEC);
        assert_state(w, VERIFYING);
        world_evaluate_for(w, 0.01, 15 * SEC);
        assert_state(w, RECOVERED);
        world_free(w);
}

/* Neither an empty answer, NaN, a failed query nor a partial answer proves recovery. */
static void missing_data_proves_nothing(void **state) {
        struct world *w = world_new(ENFORCE);
        struct rv_samples none = {0};

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        for (int i = 0; i < 8; i++) {
                world_pass(w, 15 * SEC);
                world_do(w, &(struct rv_event){.kind = RV_EVENT_EVALUATED,
                                               .evaluated = {.at_usec = w->now_usec, .samples = &none}});
                world_pass(w, 15 * SEC);
                world_do(w, &(struct rv_event){.kind = RV_EVENT_EVALUATED, .evaluated = {.at_usec = w->now_usec}});
                world_evaluate(w, NAN);
        }
        assert_state(w, VERIFYING);
        world_evaluate(w, 0.01); /* one ok, and again nothing: no time is proven */
        for (int i = 0; i < 8; i++) {
                world_pass(w, 15 * SEC);
                world_evaluate(w, NAN);
                world_evaluate(w, 0.01);
        }
        assert_state(w, VERIFYING);
        world_free(w);
}

static void evaluations_from_before_the_push_prove_nothing(void **state) {
        struct world *w = world_new(ENFORCE);
        int64_t before_usec;

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        before_usec = w->now_usec - MINUTE;
        world_settle(w);
        for (int i = 0; i < 4; i++)
                world_evaluate_at(w, 0, "web", 0.01, before_usec + i * 14 * SEC);
        assert_state(w, VERIFYING);
        assert_int_equal(world_open(w)->ok_usec, 0);
        world_free(w);
}

static void missing_data_opens_nothing(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; require = \"traffic\";"));
        struct rv_labels *labels = world_labels("web", NULL);
        struct rv_samples samples = world_samples(labels, 0.4), none = {0};

        (void)state;
        world_bad_commit(w);
        world_do(w, &(struct rv_event){.kind = RV_EVENT_EVALUATED,
                                       .evaluated = {.at_usec = w->now_usec, .samples = &samples, .require = &none}});
        world_do(w, &(struct rv_event){.kind = RV_EVENT_EVALUATED,
                                       .evaluated = {.at_usec = w->now_usec, .samples = &samples}});
        samples.is_partial = true;
        world_do(w,
                 &(struct rv_event){.kind = RV_EVENT_EVALUATED,
                                    .evaluated = {.at_usec = w->now_usec, .samples = &samples, .require = &samples}});
        assert_int_equal(w->n_opened, 0);
        assert_int_equal(world_count(w, RV_RECORD_SERIES), 0);
        samples.is_partial = false;
        world_do(w,
                 &(struct rv_event){.kind = RV_EVENT_EVALUATED,
                                    .evaluated = {.at_usec = w->now_usec, .samples = &samples, .require = &samples}});
        assert_int_equal(w->n_opened, 1);
        rv_samples_done(&samples);
        rv_labels_unref(labels);
        world_free(w);
}

static void healthy_rules_write_nothing(void **state) {
        struct world *w = world_new(ENFORCE);
        struct rv_labels *labels = world_labels("web", NULL);
        struct rv_samples samples = world_samples(labels, 0.01);
        struct rv_step step = {0};

        (void)state;
        for (int i = 0; i < 100; i++) {
                w->now_usec += 15 * SEC;
                assert_int_equal(
                        rv_engine_handle(w->engine,
                                         &(struct rv_event){.kind = RV_EVENT_EVALUATED,
                                                            .evaluated = {.at_usec = w->now_usec, .samples = &samples}},
                                         w->now_usec, &step, &w->err),
                        0);
                assert_int_equal(step.batch.n, 0);
                rv_step_done(&step);
        }
        rv_samples_done(&samples);
        rv_labels_unref(labels);
        world_free(w);
}

static void one_rule_serves_every_label_set(void **state) {
        struct world *w = world_new(ENFORCE);
        struct rv_engine_counts counts;

        (void)state;
        world_bad_commit(w);
        world_evaluate_at(w, 0, "web", 0.4, w->now_usec);
        world_evaluate_at(w, 0, "api", 0.4, w->now_usec);
        assert_int_equal(w->n_opened, 2);
        assert_string_equal(w->asked[0].request->scope[0], "apps/web/**");
        assert_string_equal(w->asked[1].request->scope[0], "apps/api/**");
        rv_engine_count(w->engine, &counts);
        assert_int_equal(counts.open[RV_INCIDENT_ATTRIBUTING], 2);
        assert_int_equal(counts.latched, 2);
        world_free(w);
}

/* -- modes -- */

static void observe_says_what_would_be_done(void **state) {
        struct world *w = world_new(POLLED("errors", ""));
        json_t *record;

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_ended(w, DECLINED, OBSERVE);
        record = world_record(w, RV_RECORD_INCIDENT, w->incident);
        assert_string_equal(rv_json_string(json_object_get(record, "plan"), "diff", ""), "-bad\n+good\n");
        json_decref(record);
        assert_int_equal(w->n_push_requests, 0);
        assert_int_equal(world_count(w, RV_RECORD_ACT), 0);
        world_free(w);
}

static void approve(struct world *w, const char *incident, int expected) {
        assert_int_equal(world_try(w, &(struct rv_event){.kind = RV_EVENT_APPROVE,
                                                         .person = {incident, "uid 1000 (ana)", "go"}}),
                         expected);
}

static void reject(struct world *w, const char *incident, int expected) {
        assert_int_equal(
                world_try(w, &(struct rv_event){.kind = RV_EVENT_REJECT, .person = {incident, "token", "known"}}),
                expected);
}

static void approval_is_waited_for(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"approve\";"));
        char prefix[5] = {0};

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        approve(w, w->incident, -EBUSY);
        world_settle(w);
        assert_state(w, HOLDING);
        approve(w, "", -ENOENT);
        approve(w, "nosuch", -ENOENT);
        memcpy(prefix, w->incident, 4);
        approve(w, prefix, 0);
        assert_string_equal(w->actor, "uid 1000 (ana)");
        world_settle(w);
        assert_state(w, VERIFYING);
        assert_int_equal(w->n_pushes, 1);
        approve(w, w->incident, -EBUSY);
        reject(w, w->incident, -EBUSY);
        world_free(w);
}

static void approval_expires(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"approve\"; approval_timeout = \"1h\";"));

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        world_pass(w, HOUR - SEC);
        assert_state(w, HOLDING);
        world_pass(w, SEC);
        assert_ended(w, DECLINED, APPROVAL_EXPIRED);
        assert_int_equal(w->n_push_requests, 0);
        world_free(w);
}

static void rejection_ends(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"approve\";"));

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        reject(w, w->incident, 0);
        assert_ended(w, REJECTED, REJECTED_BY_PERSON);
        assert_string_equal(w->detail, "known");
        assert_string_equal(w->actor, "token");
        reject(w, w->incident, -ENOENT);
        world_free(w);
}

/* The branch moved while a person thought: the same culprit is not asked about twice. */
static void approval_outlives_a_moved_branch(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"approve\";"));

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        world_pass(w, MINUTE);
        world_commit(w);
        approve(w, w->incident, 0);
        world_settle(w);
        assert_state(w, VERIFYING);
        assert_int_equal(w->n_pushes, 1);
        assert_int_equal(w->n_push_requests, 2);
        assert_int_equal(world_count(w, RV_RECORD_ACT), 1);
        world_free(w);
}

static void hold_waits_and_clears(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; hold = \"30s\";"));

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_state(w, HOLDING);
        world_pass(w, 15 * SEC);
        world_evaluate(w, 0.01);
        assert_state(w, CLEARED);
        assert_int_equal(w->n_push_requests, 0);

        world_evaluate(w, 0.4);
        world_settle(w);
        world_pass(w, 29 * SEC);
        assert_state(w, HOLDING);
        world_pass(w, SEC);
        assert_state(w, VERIFYING);
        world_free(w);
}

static void clears_while_attributing(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_evaluate(w, 0.01);
        assert_state(w, CLEARED);
        world_settle(w); /* a late answer */
        assert_state(w, CLEARED);
        assert_int_equal(w->n_push_requests, 0);
        world_free(w);
}

static void well_again_during_the_push_goes_on(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle_to(w, RV_INCIDENT_REVERTING);
        world_evaluate(w, 0.01);
        assert_state(w, REVERTING);
        world_settle(w);
        world_evaluate_for(w, 0.01, MINUTE);
        assert_state(w, RECOVERED);
        assert_int_equal(w->n_pushes, 1);
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(finds_pushes_and_proves),
                cmocka_unit_test(what_arrived_together_goes_back_together),
                cmocka_unit_test(objection_to_one_that_arrived_declines_all),
                cmocka_unit_test(too_many_that_arrived_are_left_alone),
                cmocka_unit_test(records_and_tells),
                cmocka_unit_test(one_breach_is_one_incident),
                cmocka_unit_test(breach_while_verifying_takes_the_proof),
                cmocka_unit_test(missing_data_proves_nothing),
                cmocka_unit_test(evaluations_from_before_the_push_prove_nothing),
                cmocka_unit_test(missing_data_opens_nothing),
                cmocka_unit_test(healthy_rules_write_nothing),
                cmocka_unit_test(one_rule_serves_every_label_set),
                cmocka_unit_test(observe_says_what_would_be_done),
                cmocka_unit_test(approval_is_waited_for),
                cmocka_unit_test(approval_expires),
                cmocka_unit_test(rejection_ends),
                cmocka_unit_test(approval_outlives_a_moved_branch),
                cmocka_unit_test(hold_waits_and_clears),
                cmocka_unit_test(clears_while_attributing),
                cmocka_unit_test(well_again_during_the_push_goes_on),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
