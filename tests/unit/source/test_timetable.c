/* When rules are due: aligned, spread, and sane when clocks are not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/clock.h"
#include "source/timetable.h"

#include <stdio.h>
#include <string.h>

enum { N = 1000 };
static const int64_t start_usec = INT64_C(1772359200) * RV_USEC_PER_SEC;
static const int64_t interval_usec = 10 * RV_USEC_PER_SEC;

static struct rv_rule_config rules[N];
static char names[N][16];
static struct rv_config config = {.refs = 1, .rules = rules, .n_rules = N};
static struct timetable timetable;

static int setup(void **state) {
        (void)state;
        for (size_t i = 0; i < N; i++) {
                snprintf(names[i], sizeof(names[i]), "rule-%zu", i);
                rules[i] =
                        (struct rv_rule_config){.name = names[i], .expr = (char *)"up", .interval_usec = interval_usec};
        }
        return timetable_init(&timetable, &config, start_usec);
}

static int teardown(void **state) {
        (void)state;
        timetable_done(&timetable);
        return 0;
}

/* Run from one time to another in steps, as a timer would; how often each rule was evaluated. */
static void run(int64_t from_usec, int64_t to_usec, int64_t step_usec, unsigned count[N], uint64_t *missed) {
        for (int64_t now = from_usec; now <= to_usec; now += step_usec) {
                size_t rule;
                int64_t at_usec, last_usec = INT64_MIN;
                uint64_t some;
                while (timetable_pop(&timetable, now, &rule, &at_usec, &some)) {
                        *missed += some;
                        if (at_usec == 0)
                                continue;
                        assert_true(at_usec <= now && at_usec > now - interval_usec);
                        assert_true(at_usec >= last_usec);
                        assert_int_equal(at_usec % RV_USEC_PER_MSEC, 0);
                        last_usec = at_usec;
                        count[rule]++;
                }
                assert_true(timetable_next_usec(&timetable) > now);
        }
}

static void each_rule_once_an_interval(void **state) {
        unsigned count[N] = {0};
        uint64_t missed = 0;

        (void)state;
        run(start_usec, start_usec + 60 * RV_USEC_PER_SEC, 7000, count, &missed);
        for (size_t i = 0; i < N; i++)
                assert_true(count[i] >= 5 && count[i] <= 7);
        assert_int_equal(missed, 0);
}

static void times_are_aligned_and_spread(void **state) {
        int64_t at_usec[N] = {0}, now;
        unsigned per_second[10] = {0};
        struct timetable other;
        size_t rule;
        uint64_t missed;

        (void)state;
        for (now = start_usec; now <= start_usec + interval_usec; now += RV_USEC_PER_MSEC) {
                int64_t at;
                while (timetable_pop(&timetable, now, &rule, &at, &missed)) {
                        if (at_usec[rule] == 0)
                                per_second[at / RV_USEC_PER_SEC % 10]++;
                        at_usec[rule] = at;
                }
        }
        for (int i = 0; i < 10; i++)
                assert_true(per_second[i] > N / 20 && per_second[i] < N / 5);

        /* A replica that starts at another time asks for the same times. */
        assert_int_equal(timetable_init(&other, &config, start_usec + 123456789), 0);
        for (size_t i = 0; i < other.n; i++)
                assert_int_equal((other.entry[i].next_usec - at_usec[other.entry[i].rule]) % interval_usec, 0);
        timetable_done(&other);
}

static void a_long_stall_is_not_made_up_for(void **state) {
        unsigned count[N] = {0};
        uint64_t missed = 0;

        (void)state;
        run(start_usec, start_usec + interval_usec, 7000, count, &missed);
        memset(count, 0, sizeof(count));
        int64_t later_usec = start_usec + 100 * interval_usec;
        run(later_usec, later_usec, 1, count, &missed);
        for (size_t i = 0; i < N; i++)
                assert_int_equal(count[i], 0);
        assert_true(missed > 98 * N && missed < 101 * N);
        run(later_usec, later_usec + interval_usec, 7000, count, &missed);
        for (size_t i = 0; i < N; i++)
                assert_true(count[i] == 1 || count[i] == 2);
}

static void a_short_stall_is_made_up_for_once(void **state) {
        unsigned count[N] = {0};
        uint64_t missed = 0;

        (void)state;
        int64_t later_usec = start_usec + interval_usec - 1;
        run(later_usec, later_usec, 1, count, &missed);
        for (size_t i = 0; i < N; i++)
                assert_true(count[i] <= 1);
        assert_int_equal(missed, 0);
}

static void a_jump_of_the_clock_starts_anew(void **state) {
        static const int64_t jumps_usec[] = {-RV_USEC_PER_HOUR, RV_USEC_PER_HOUR, -3650 * RV_USEC_PER_DAY,
                                             3650 * RV_USEC_PER_DAY, -100 * 365 * RV_USEC_PER_DAY};

        (void)state;
        for (size_t j = 0; j < sizeof(jumps_usec) / sizeof(jumps_usec[0]); j++) {
                unsigned count[N] = {0};
                uint64_t missed = 0;
                int64_t now_usec = start_usec + jumps_usec[j];
                timetable_resync(&timetable, now_usec);
                run(now_usec, now_usec, 1, count, &missed);
                for (size_t i = 0; i < N; i++)
                        assert_int_equal(count[i], 0);
                assert_true(timetable_next_usec(&timetable) <= now_usec + interval_usec);
                run(now_usec, now_usec + interval_usec, 7000, count, &missed);
                for (size_t i = 0; i < N; i++)
                        assert_true(count[i] == 1 || count[i] == 2);
        }
}

static void rules_of_alerts_are_never_due(void **state) {
        (void)state;
        timetable_done(&timetable);
        for (size_t i = 0; i < N; i++)
                rules[i].expr = NULL;
        assert_int_equal(timetable_init(&timetable, &config, start_usec), 0);
        assert_true(timetable_next_usec(&timetable) == RV_USEC_INFINITY);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(each_rule_once_an_interval),      T(times_are_aligned_and_spread),
                T(a_long_stall_is_not_made_up_for), T(a_short_stall_is_made_up_for_once),
                T(a_jump_of_the_clock_starts_anew), T(rules_of_alerts_are_never_due),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
