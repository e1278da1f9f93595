/* The last good head of a scope: what proves it, what does not, and what it keeps from being suspected. */
#include "world.h"

#include "revertd/cleanup.h"
#include "revertd/json.h"

#define SCOPE "fleet/apps/web/**"
#define RULE POLLED("errors", "mode = \"enforce\"; good_after = \"10m\";")

/* "" for none. */
static struct rv_oid last_good(struct world *w) {
        json_t *record = world_count(w, RV_RECORD_GOOD) > 0 ? world_record(w, RV_RECORD_GOOD, SCOPE) : NULL;
        struct rv_oid id = {0};

        strcpy(id.hex, rv_json_string(record, "head", ""));
        json_decref(record);
        return id;
}

static struct world *one_head(const char *rules, struct rv_oid *ret) {
        struct world *w = world_new(rules);

        world_commit(w);
        world_poll(w);
        *ret = world_head_oid(w);
        return w;
}

static void ok_for_long_enough_proves(void **state) {
        struct rv_oid first;
        struct world *w = one_head(RULE, &first);

        (void)state;
        world_evaluate(w, 0.01);
        world_evaluate_for(w, 0.01, 10 * MINUTE - 15 * SEC);
        assert_string_equal(last_good(w).hex, "");
        world_evaluate_for(w, 0.01, 15 * SEC);
        assert_string_equal(last_good(w).hex, first.hex);
        world_free(w);
}

/* Without the key, the window. */
static void the_window_is_the_default(void **state) {
        struct rv_oid first;
        struct world *w = one_head(POLLED("errors", "window = \"20m\";"), &first);

        (void)state;
        world_evaluate_for(w, 0.01, 20 * MINUTE);
        assert_string_equal(last_good(w).hex, "");
        world_evaluate_for(w, 0.01, MINUTE);
        assert_string_equal(last_good(w).hex, first.hex);
        world_free(w);
}

static void anything_but_ok_begins_anew(void **state) {
        static const double values[] = {NAN, 0.4};

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                struct rv_oid first;
                struct world *w = one_head(RULE, &first);

                world_evaluate_for(w, 0.01, 9 * MINUTE);
                world_pass(w, 15 * SEC);
                world_evaluate(w, values[i]);
                world_evaluate_for(w, 0.01, 9 * MINUTE);
                assert_string_equal(last_good(w).hex, "");
                world_evaluate_for(w, 0.01, 2 * MINUTE);
                assert_string_equal(last_good(w).hex, first.hex);
                world_free(w);
        }
}

/* Nobody looked: neither ok nor not. So does a clock that jumps. */
static void a_gap_begins_anew(void **state) {
        static const int64_t jumps[] = {HOUR, -HOUR, 3650 * 24 * HOUR, -3650 * 24 * HOUR};

        (void)state;
        for (size_t i = 0; i < 4; i++) {
                struct rv_oid first;
                struct world *w = one_head(RULE, &first);

                world_evaluate_for(w, 0.01, 9 * MINUTE);
                w->now_usec += jumps[i];
                world_evaluate_for(w, 0.01, 9 * MINUTE);
                assert_string_equal(last_good(w).hex, "");
                world_free(w);
        }
}

static void newest_head_that_stood_long_enough(void **state) {
        struct rv_oid first, second;
        struct world *w = one_head(RULE, &first);

        (void)state;
        world_evaluate_for(w, 0.01, 6 * MINUTE);
        world_commit(w);
        world_poll(w);
        second = world_head_oid(w);
        world_evaluate_for(w, 0.01, 6 * MINUTE);
        assert_string_equal(last_good(w).hex, first.hex);
        world_evaluate_for(w, 0.01, 6 * MINUTE);
        assert_string_equal(last_good(w).hex, second.hex);
        world_free(w);
}

static void never_past_last_good(void **state) {
        struct rv_oid first;
        struct world *w =
                one_head(POLLED("errors", "mode = \"enforce\"; suspects = \"all\"; good_after = \"5m\";"), &first);
        struct rv_oid second;

        (void)state;
        world_evaluate_for(w, 0.01, 2 * MINUTE);
        world_commit(w);
        world_poll(w);
        second = world_head_oid(w);
        world_evaluate_for(w, 0.01, 10 * MINUTE);
        assert_string_equal(last_good(w).hex, second.hex);
        world_commit(w);
        world_poll(w);
        world_restart(w);
        world_poll(w);
        world_evaluate_for(w, 0.4, MINUTE + 15 * SEC);
        world_settle_to(w, RV_INCIDENT_VERIFYING);
        assert_int_equal(world_open(w)->n_suspects, 1);
        assert_string_equal(world_open(w)->last_good.hex, second.hex);
        world_free(w);
}

/* A clock that was ahead when the head was proven must not make later commits look older than it. */
static void a_clock_set_back_hides_no_suspect(void **state) {
        struct rv_oid first, bad;
        struct world *w =
                one_head(POLLED("errors", "mode = \"enforce\"; window = \"2h\"; good_after = \"10m\";"), &first);

        (void)state;
        world_evaluate_for(w, 0.01, 11 * MINUTE);
        assert_string_equal(last_good(w).hex, first.hex);
        w->now_usec -= HOUR;
        world_poll(w);
        world_commit(w);
        w->now_usec += 15 * SEC;
        world_poll(w);
        bad = world_head_oid(w);
        world_evaluate_for(w, NAN, HOUR + 20 * MINUTE);
        world_evaluate_for(w, 0.4, 2 * MINUTE);
        world_settle_to(w, RV_INCIDENT_VERIFYING);
        assert_string_equal(world_open(w)->suspects[0].commit.id.hex, bad.hex);
        world_free(w);
}

static void alerts_prove_nothing_but_dispute(void **state) {
        struct rv_oid first;
        struct world *w = one_head(RULE ", " ALERTS("page", "mode = \"observe\";"), &first);

        (void)state;
        world_evaluate_for(w, 0.01, 9 * MINUTE);
        world_alert(w, "web", true, w->now_usec);
        world_evaluate_for(w, 0.01, 9 * MINUTE);
        assert_string_equal(last_good(w).hex, "");
        world_alert(w, "web", false, w->now_usec - 9 * MINUTE);
        world_evaluate_for(w, 0.01, 9 * MINUTE);
        assert_string_equal(last_good(w).hex, "");
        world_evaluate_for(w, 0.01, 2 * MINUTE);
        assert_string_equal(last_good(w).hex, first.hex);
        world_free(w);
}

/* Which of the scope's paths an incident is about makes no difference. */
static void incident_of_any_path_disputes(void **state) {
        static const char *const paths[] = {"\"apps/web/**\", \"shared/**\"", "\"shared/**\", \"apps/web/**\"",
                                            "\"apps/web\", \"shared\""};

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                _cleanup_free_ char *rules = NULL;
                struct rv_oid first;
                struct world *w;

                assert_true(asprintf(&rules,
                                     "{ name = \"errors\"; expr = \"up\"; breach = \"> 0.05\"; paths = [ %s ]; "
                                     "good_after = \"10m\"; }, { name = \"page\"; match = [ \"severity=page\" ]; "
                                     "alertmanager = \"\"; paths = [ \"shared/**\" ]; mode = \"approve\"; }",
                                     paths[i]) > 0);
                w = one_head(rules, &first);
                world_evaluate_for(w, 0.01, 9 * MINUTE);
                world_alert(w, "web", true, w->now_usec);
                world_settle_to(w, RV_INCIDENT_HOLDING);
                world_evaluate_for(w, 0.01, 5 * MINUTE);
                assert_int_equal(world_open(w)->state, RV_INCIDENT_HOLDING);
                assert_int_equal(world_count(w, RV_RECORD_GOOD), 0);
                world_free(w);
        }
}

static void unchanged_head_writes_nothing(void **state) {
        struct rv_oid first;
        struct world *w = one_head(RULE, &first);
        json_t *before, *after;

        (void)state;
        world_evaluate_for(w, 0.01, 11 * MINUTE);
        before = world_record(w, RV_RECORD_GOOD, SCOPE);
        world_evaluate_for(w, 0.01, HOUR);
        after = world_record(w, RV_RECORD_GOOD, SCOPE);
        assert_true(json_equal(before, after));
        json_decref(before);
        json_decref(after);
        world_free(w);
}

static void retention_forgets(void **state) {
        struct rv_oid first;
        struct world *w = one_head(RULE, &first);

        (void)state;
        world_evaluate_for(w, 0.01, 11 * MINUTE);
        world_restart(w);
        w->now_usec += 89 * 24 * HOUR;
        world_tick(w);
        assert_int_equal(world_count(w, RV_RECORD_GOOD), 1);
        w->now_usec += 2 * 24 * HOUR;
        world_tick(w);
        assert_int_equal(world_count(w, RV_RECORD_GOOD), 0);
        world_free(w);
}

/* Thousands of scopes are not written at once. */
static void many_scopes_in_batches(void **state) {
        enum { APPS = 600 };
        struct rv_oid first;
        struct world *w = one_head(RULE, &first);
        struct rv_sample sample[APPS];
        struct rv_samples samples = {.sample = sample, .n = APPS};
        size_t most = 0, all = 0;

        (void)state;
        for (size_t i = 0; i < APPS; i++) {
                char app[16];

                snprintf(app, sizeof(app), "app%zu", i);
                sample[i] = (struct rv_sample){.labels = world_labels(app, NULL), .value = 0.01};
        }
        for (int64_t usec = 0; usec <= 11 * MINUTE; usec += 15 * SEC) {
                size_t n;

                world_do(w, &(struct rv_event){.kind = RV_EVENT_EVALUATED,
                                               .evaluated = {.at_usec = w->now_usec, .samples = &samples}});
                n = world_count(w, RV_RECORD_GOOD);
                most = n - all > most ? n - all : most;
                all = n;
                w->now_usec += 15 * SEC;
        }
        assert_int_equal(all, APPS);
        assert_true(most <= 256);
        for (size_t i = 0; i < APPS; i++)
                rv_labels_unref(sample[i].labels);
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ok_for_long_enough_proves),
                cmocka_unit_test(the_window_is_the_default),
                cmocka_unit_test(anything_but_ok_begins_anew),
                cmocka_unit_test(a_gap_begins_anew),
                cmocka_unit_test(newest_head_that_stood_long_enough),
                cmocka_unit_test(never_past_last_good),
                cmocka_unit_test(a_clock_set_back_hides_no_suspect),
                cmocka_unit_test(alerts_prove_nothing_but_dispute),
                cmocka_unit_test(incident_of_any_path_disputes),
                cmocka_unit_test(unchanged_head_writes_nothing),
                cmocka_unit_test(retention_forgets),
                cmocka_unit_test(many_scopes_in_batches),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
