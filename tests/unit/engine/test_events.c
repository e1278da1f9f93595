/* Events: alerts that start when they are said, and that may be over by nothing more being said. */
#include "world.h"

#define ENFORCE ALERTS("page", "mode = \"enforce\";")
#define RESOLVE_AFTER (10 * MINUTE)

static void say_for(struct world *w, bool firing, int64_t at_usec, int64_t resolve_after_usec) {
        struct rv_alert alert = {.labels = world_labels("web", NULL),
                                 .firing = firing,
                                 .is_event = true,
                                 .is_unlisted = true,
                                 .starts_usec = at_usec,
                                 .ends_usec = firing ? 0 : at_usec,
                                 .resolve_after_usec = firing ? resolve_after_usec : 0};
        struct rv_alerts alerts = {.alert = &alert, .n = 1};

        world_do(w, &(struct rv_event){.kind = RV_EVENT_ALERTS, .alerts = &alerts});
        rv_labels_unref(alert.labels);
}

static void say(struct world *w, bool firing, int64_t at_usec) {
        say_for(w, firing, at_usec, RESOLVE_AFTER);
}

static void an_event_reverts_and_its_silence_proves(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w);
        say(w, true, 0);
        world_settle(w);
        assert_state(w, VERIFYING);
        int64_t onset_usec = world_open(w)->times.onset_usec;
        world_pass(w, 9 * MINUTE);
        say(w, true, 0); /* once more, and the time begins anew */
        world_pass(w, 9 * MINUTE);
        assert_int_equal(w->n_opened, 1);
        world_pass(w, 2 * MINUTE);
        assert_ended(w, UNRECOVERED, NOT_RECOVERED); /* in the fifteen minutes that it had */
        assert_string_equal(w->detail, "no event has said that it is over");
        assert_int_equal(w->n_pushes, 1);

        w->now_usec += HOUR;
        world_bad_commit(w);
        say(w, true, 0);
        world_settle(w);
        assert_int_equal(w->n_opened, 2);
        assert_true(onset_usec < world_open(w)->times.onset_usec);
        world_pass(w, 10 * MINUTE + 29 * SEC);
        assert_state(w, VERIFYING);
        world_pass(w, SEC);
        assert_state(w, RECOVERED);
        assert_int_equal(world_count(w, RV_RECORD_SERIES), 0);
        world_free(w);
}

static void its_end_may_be_told(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w);
        say(w, true, w->now_usec);
        world_settle(w);
        say(w, false, w->now_usec);
        world_pass(w, 30 * SEC);
        assert_state(w, RECOVERED);
        world_pass(w, 20 * MINUTE);
        assert_int_equal(w->n_opened, 1);
        world_free(w);
}

static int64_t shown_onset(struct world *w) {
        json_t *rules = rv_engine_rules_json(w->engine, w->now_usec);
        json_t *series = json_array_get(json_object_get(json_array_get(rules, 0), "series"), 0);
        int64_t onset_usec = json_integer_value(json_object_get(series, "onset_usec"));

        json_decref(rules);
        return onset_usec;
}

/* Each has a time of its own; only an end in between makes another episode. */
static void more_of_the_same_is_the_same(void **state) {
        struct world *w = world_new(ALERTS("page", "mode = \"observe\";"));
        int64_t first_usec;

        (void)state;
        world_bad_commit(w);
        first_usec = w->now_usec;
        say(w, true, first_usec);
        world_settle(w);
        assert_ended(w, DECLINED, OBSERVE);
        for (int i = 0; i < 5; i++) {
                world_pass(w, 9 * MINUTE);
                say(w, true, w->now_usec);
                world_restart(w);
        }
        assert_int_equal(w->n_opened, 1);
        assert_int_equal(shown_onset(w), first_usec);
        say(w, false, w->now_usec);
        world_pass(w, MINUTE);
        say(w, true, w->now_usec);
        assert_int_equal(w->n_opened, 2);
        world_settle(w);
        world_pass(w, RESOLVE_AFTER); /* nobody is told, for nothing is open; but it is over */
        say(w, true, w->now_usec);
        assert_int_equal(w->n_opened, 3);
        world_free(w);
}

/* The event after it is another episode's also where it comes before the tick that ends the first. */
static void silence_is_over_before_the_tick(void **state) {
        struct world *w = world_new(ALERTS("page", "mode = \"observe\";"));

        (void)state;
        say(w, true, w->now_usec);
        world_settle(w);
        w->now_usec += RESOLVE_AFTER;
        say(w, true, w->now_usec);
        assert_int_equal(w->n_opened, 2);
        world_free(w);
}

/* A reload changed it; the sender's clock may be behind. */
static void a_new_time_outlives_a_restart(void **state) {
        struct world *w = world_new(ALERTS("page", "mode = \"observe\";"));

        (void)state;
        say(w, true, w->now_usec);
        world_settle(w);
        say_for(w, true, w->now_usec - MINUTE, HOUR);
        world_restart(w);
        world_pass(w, 30 * MINUTE);
        say(w, true, w->now_usec);
        assert_int_equal(w->n_opened, 1);
        world_free(w);
}

static void late_ones_change_nothing(void **state) {
        struct world *w = world_new(ENFORCE);
        int64_t first_usec, well_usec;

        (void)state;
        world_bad_commit(w);
        first_usec = w->now_usec;
        say(w, true, first_usec);
        world_settle(w);
        world_pass(w, MINUTE);
        well_usec = w->now_usec;
        world_pass(w, MINUTE);
        say(w, true, w->now_usec);
        say(w, false, well_usec); /* before it fired once more */
        world_pass(w, MINUTE);
        assert_state(w, VERIFYING);
        say(w, false, w->now_usec);
        say(w, true, first_usec);
        world_pass(w, 30 * SEC);
        assert_state(w, RECOVERED);

        say(w, true, w->now_usec);
        assert_int_equal(w->n_opened, 2);
        int64_t said_usec = w->now_usec;
        world_pass(w, RESOLVE_AFTER);
        say(w, true, said_usec);
        assert_int_equal(w->n_opened, 2);
        assert_int_equal(w->n_alerts_late, 2);
        world_free(w);
}

/* One wrong stamp must not deafen it for the right ones. */
static void from_the_future_is_from_now(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w);
        say(w, true, w->now_usec + 1000 * HOUR);
        world_settle(w);
        assert_state(w, VERIFYING);
        world_pass(w, MINUTE);
        say(w, false, w->now_usec);
        world_pass(w, 30 * SEC);
        assert_state(w, RECOVERED);
        say(w, true, w->now_usec);
        say(w, false, w->now_usec + 1000 * HOUR);
        world_pass(w, MINUTE);
        say(w, true, w->now_usec);
        assert_int_equal(w->n_opened, 3);
        world_free(w);
}

/* While it does not run it hears nothing, so that the silence is its own. */
static void the_time_begins_anew_at_the_start(void **state) {
        struct world *w = world_new(ALERTS("page", "mode = \"enforce\"; verify_timeout = \"1h\";"));

        (void)state;
        world_bad_commit(w);
        say(w, true, 0);
        world_settle(w);
        assert_state(w, VERIFYING);
        world_pass(w, 9 * MINUTE);
        w->now_usec += 20 * MINUTE;
        world_restart(w);
        world_pass(w, 9 * MINUTE);
        assert_state(w, VERIFYING);
        world_pass(w, 2 * MINUTE);
        assert_state(w, RECOVERED);
        world_free(w);
}

static void a_clock_that_is_set_ends_nothing(void **state) {
        struct world *w = world_new(ALERTS("page", "mode = \"enforce\"; verify_timeout = \"1h\";"));
        int64_t offset_usec = w->now_usec - 24 * HOUR;

        (void)state;
        world_do(w, &(struct rv_event){.kind = RV_EVENT_CLOCK, .clock = {"boot", offset_usec}});
        world_bad_commit(w);
        say(w, true, 0);
        world_settle(w);
        w->now_usec += HOUR;
        world_do(w, &(struct rv_event){.kind = RV_EVENT_CLOCK, .clock = {"boot", offset_usec + HOUR}});
        world_pass(w, 9 * MINUTE);
        assert_state(w, VERIFYING);
        w->now_usec -= 2 * HOUR;
        world_do(w, &(struct rv_event){.kind = RV_EVENT_CLOCK, .clock = {"boot", offset_usec - HOUR}});
        world_pass(w, 2 * MINUTE);
        assert_state(w, RECOVERED);
        world_free(w);
}

static void no_alertmanager_is_asked(void **state) {
        struct world *w = world_new(LOOKED_UP("page", "mode = \"approve\";"));

        (void)state;
        w->alert_state = RV_ALERT_ABSENT;
        world_bad_commit(w);
        say(w, true, 0);
        world_settle(w);
        assert_state(w, HOLDING);
        world_restart(w);
        world_do(w, &(struct rv_event){.kind = RV_EVENT_APPROVE, .person = {w->incident, "token", NULL}});
        world_settle(w);
        assert_state(w, VERIFYING);
        assert_int_equal(w->n_lookups, 0);
        world_free(w);
}

static void before_the_push_it_clears(void **state) {
        struct world *w = world_new(ALERTS("page", "mode = \"approve\";"));

        (void)state;
        world_bad_commit(w);
        say(w, true, 0);
        world_settle(w);
        assert_state(w, HOLDING);
        world_pass(w, RESOLVE_AFTER);
        assert_state(w, CLEARED);
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_event_reverts_and_its_silence_proves),
                cmocka_unit_test(its_end_may_be_told),
                cmocka_unit_test(more_of_the_same_is_the_same),
                cmocka_unit_test(silence_is_over_before_the_tick),
                cmocka_unit_test(a_new_time_outlives_a_restart),
                cmocka_unit_test(late_ones_change_nothing),
                cmocka_unit_test(from_the_future_is_from_now),
                cmocka_unit_test(the_time_begins_anew_at_the_start),
                cmocka_unit_test(a_clock_that_is_set_ends_nothing),
                cmocka_unit_test(no_alertmanager_is_asked),
                cmocka_unit_test(before_the_push_it_clears),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
