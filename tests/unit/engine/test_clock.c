/* The wall clock is set, while things wait: by little, by much, and with a restart in between. */
#include "world.h"

#define YEARS(n) ((n)*365 * RV_USEC_PER_DAY)

static const int64_t steps[] = {HOUR, -HOUR, YEARS(10), -YEARS(10)};

static int64_t offset_usec; /* of the wall clock; the time since boot is w->now_usec without it */

static void tell_clock(struct world *w, const char *boot) {
        world_do(w, &(struct rv_event){.kind = RV_EVENT_CLOCK, .clock = {boot, offset_usec}});
}

static struct world *world_with_clock(const char *rules) {
        struct world *w = world_new(rules);

        offset_usec = 0;
        tell_clock(w, "one");
        return w;
}

static void step(struct world *w, int64_t by_usec) {
        w->now_usec += by_usec;
        offset_usec += by_usec;
}

/* As the daemon does it: the clock is told before all else. */
static void restart(struct world *w, const char *boot) {
        world_reload(w);
        tell_clock(w, boot);
        world_do(w, &(struct rv_event){.kind = RV_EVENT_START});
}

/* By a running revertd, or found at its start. */
static void set_clock(struct world *w, int64_t by_usec, bool while_down) {
        step(w, by_usec);
        if (while_down)
                restart(w, "one");
        else
                tell_clock(w, "one");
}

static void push_one(struct world *w) {
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_state(w, VERIFYING);
        world_evaluate_for(w, 0.01, MINUTE);
        assert_state(w, RECOVERED);
}

static void for_each_step(void (*test)(int64_t by_usec, bool while_down)) {
        for (size_t i = 0; i < RV_ARRAY_SIZE(steps); i++) {
                test(steps[i], false);
                test(steps[i], true);
        }
}

static void budget_after(int64_t by_usec, bool while_down) {
        struct world *w = world_with_clock(POLLED("errors", "mode = \"enforce\";"));
        int64_t pushed_usec = w->now_usec;

        push_one(w);
        push_one(w);
        set_clock(w, by_usec, while_down);
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_ended(w, DECLINED, BUDGET);
        world_evaluate(w, 0.01);

        w->now_usec = pushed_usec + offset_usec + RV_USEC_PER_DAY + HOUR;
        push_one(w);
        assert_int_equal(w->n_pushes, 3);
        world_free(w);
}

static void budget(void **state) {
        (void)state;
        for_each_step(budget_after);
}

static void cooldown_after(int64_t by_usec, bool while_down) {
        struct world *w = world_with_clock(POLLED("errors", "mode = \"enforce\"; cooldown = \"30m\";"));

        push_one(w);
        set_clock(w, by_usec, while_down);
        w->now_usec += 20 * MINUTE;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_ended(w, DECLINED, COOLDOWN);
        world_evaluate(w, 0.01);
        w->now_usec += 20 * MINUTE;
        push_one(w);
        world_free(w);
}

static void cooldown(void **state) {
        (void)state;
        for_each_step(cooldown_after);
}

static void hold_after(int64_t by_usec, bool while_down) {
        struct world *w = world_with_clock(POLLED("errors", "mode = \"enforce\"; hold = \"10m\"; window = \"30m\";"));

        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_state(w, HOLDING);
        w->now_usec += 4 * MINUTE;
        set_clock(w, by_usec, while_down);
        world_settle(w);
        world_tick(w);
        assert_state(w, HOLDING);
        w->now_usec += 5 * MINUTE;
        world_tick(w);
        world_settle(w);
        assert_state(w, HOLDING);
        assert_int_equal(w->n_pushes, 0);
        w->now_usec += 61 * SEC;
        world_tick(w);
        world_settle(w);
        assert_int_equal(w->n_pushes, 1);
        world_free(w);
}

static void hold(void **state) {
        (void)state;
        for_each_step(hold_after);
}

static void pause_after(int64_t by_usec, bool while_down) {
        struct world *w = world_with_clock(POLLED("errors", "mode = \"enforce\";"));

        world_do(w, &(struct rv_event){.kind = RV_EVENT_PAUSE, .pause = {.scope = "", .duration_usec = 30 * MINUTE}});
        set_clock(w, by_usec, while_down);
        w->now_usec += 29 * MINUTE;
        world_tick(w);
        assert_true(rv_engine_paused(w->engine, -1, w->now_usec));
        w->now_usec += 2 * MINUTE;
        world_tick(w);
        assert_false(rv_engine_paused(w->engine, -1, w->now_usec));
        world_free(w);
}

static void pauses(void **state) {
        (void)state;
        for_each_step(pause_after);
}

/* `for` takes as long as it says, by whatever clock. */
static void run_after(int64_t by_usec, bool while_down) {
        struct world *w = world_with_clock(POLLED("errors", "mode = \"enforce\"; for = \"4m\";"));

        world_bad_commit(w);
        world_evaluate(w, 0.4);
        set_clock(w, by_usec, while_down);
        w->now_usec += 3 * MINUTE;
        world_evaluate(w, 0.4);
        assert_int_equal(w->n_opened, 0);
        world_free(w);
}

static void runs(void **state) {
        (void)state;
        for_each_step(run_after);
        run_after(2 * MINUTE, false); /* within the gap that a run may have */
        run_after(2 * MINUTE, true);
}

/* Our clock was wrong, and is put right: a commit of before is still a candidate for a breach of after. */
static void attribution(void **state) {
        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(steps); i++) {
                struct world *w = world_with_clock(POLLED("errors", "mode = \"enforce\";"));

                world_commit(w);
                world_poll(w);
                w->now_usec += MINUTE;
                world_bad_commit(w);
                world_poll(w);
                w->now_usec += MINUTE;
                set_clock(w, steps[i], false);
                w->branch[w->n_commits - 1].commit_usec += steps[i]; /* its author's clock was right */
                world_evaluate(w, 0.4);
                world_settle(w);
                assert_int_equal(w->n_pushes, 1);
                world_free(w);
        }
}

/* What a clock that was ahead has written is not moved further away. */
static void the_future_stays(void **state) {
        struct world *w = world_with_clock(POLLED("errors", "mode = \"enforce\"; cooldown = \"30m\";"));

        (void)state;
        push_one(w);
        step(w, -YEARS(1));
        offset_usec = 0;
        restart(w, "two"); /* it starts in the past, as machines without a battery do */
        step(w, YEARS(1)); /* until the network tells the time */
        tell_clock(w, "two");
        w->now_usec += 31 * MINUTE;
        push_one(w);
        assert_int_equal(w->n_pushes, 2);
        world_free(w);
}

/* The same label set, at a time that the clock shows for the second time. */
static void ids_stay_apart(void **state) {
        struct world *w = world_with_clock(POLLED("errors", "mode = \"observe\";"));
        char first[RV_INCIDENT_ID_MAX];

        (void)state;
        world_evaluate(w, 0.4);
        world_settle(w);
        memcpy(first, w->incident, sizeof(first));
        w->now_usec += MINUTE;
        world_evaluate(w, 0.01);
        set_clock(w, -MINUTE, false);
        restart(w, "one");
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_int_equal(w->n_opened, 2);
        assert_string_not_equal(first, w->incident);
        world_free(w);
}

static void same_clock_writes_nothing(void **state) {
        struct world *w = world_with_clock(POLLED("errors", ""));
        struct rv_step nothing = {0};
        int64_t by_usec;

        (void)state;
        assert_true(rv_engine_clock_agrees(w->engine, "one", RV_USEC_PER_SEC / 2, &by_usec));
        assert_false(rv_engine_clock_agrees(w->engine, "one", 2 * RV_USEC_PER_SEC, &by_usec));
        assert_int_equal(by_usec, 2 * RV_USEC_PER_SEC);
        assert_false(rv_engine_clock_agrees(w->engine, "two", 0, &by_usec));
        assert_int_equal(by_usec, 0);
        assert_int_equal(rv_engine_handle(w->engine, &(struct rv_event){.kind = RV_EVENT_CLOCK, .clock = {"one", 0}},
                                          w->now_usec, &nothing, &w->err),
                         0);
        assert_int_equal(nothing.batch.n, 0);
        rv_step_done(&nothing);
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(budget),
                cmocka_unit_test(cooldown),
                cmocka_unit_test(hold),
                cmocka_unit_test(pauses),
                cmocka_unit_test(runs),
                cmocka_unit_test(attribution),
                cmocka_unit_test(the_future_stays),
                cmocka_unit_test(ids_stay_apart),
                cmocka_unit_test(same_clock_writes_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
