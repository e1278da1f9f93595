/* Verdicts become firing. */
#include "revertd/clock.h"
#include "revertd/rule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SEC RV_USEC_PER_SEC
#define START_USEC (INT64_C(1000000) * SEC)

static const struct rv_rule_config rule = {.interval_usec = 15 * SEC, .for_usec = 60 * SEC};

static enum rv_series_change at(struct rv_series *series, enum rv_verdict verdict, int64_t seconds) {
        return rv_series_advance(series, &rule, verdict, 0.5, START_USEC + seconds * SEC);
}

static void fires_when_it_lasted(void **state) {
        struct rv_series s = {0};

        (void)state;
        assert_int_equal(at(&s, RV_VERDICT_OK, 0), RV_SERIES_SAME);
        assert_int_equal(at(&s, RV_VERDICT_BREACH, 15), RV_SERIES_PENDING);
        assert_int_equal(at(&s, RV_VERDICT_BREACH, 74), RV_SERIES_SAME);
        assert_int_equal(at(&s, RV_VERDICT_BREACH, 75), RV_SERIES_FIRED);
        assert_int_equal(s.onset_usec, START_USEC + 15 * SEC);
        assert_int_equal(at(&s, RV_VERDICT_BREACH, 90), RV_SERIES_SAME);
        assert_true(s.latched);
        assert_int_equal(at(&s, RV_VERDICT_OK, 105), RV_SERIES_OVER);
        assert_false(s.latched);
        assert_int_equal(s.ok_usec, START_USEC + 105 * SEC);
        assert_int_equal(at(&s, RV_VERDICT_OK, 120), RV_SERIES_SAME);
        assert_int_equal(s.ok_usec, START_USEC + 105 * SEC);
}

static void fires_at_once_without_for(void **state) {
        const struct rv_rule_config now = {.interval_usec = 15 * SEC};
        struct rv_series s = {0};

        (void)state;
        assert_int_equal(rv_series_advance(&s, &now, RV_VERDICT_BREACH, 1, START_USEC), RV_SERIES_FIRED);
}

static void ok_starts_again(void **state) {
        struct rv_series s = {0};

        (void)state;
        at(&s, RV_VERDICT_BREACH, 0);
        assert_int_equal(at(&s, RV_VERDICT_OK, 30), RV_SERIES_OVER);
        assert_int_equal(at(&s, RV_VERDICT_BREACH, 45), RV_SERIES_PENDING);
        assert_int_equal(at(&s, RV_VERDICT_BREACH, 60), RV_SERIES_SAME);
}

/* They end no run, they fire nothing, and they unlatch nothing. */
static void other_verdicts_change_nothing(void **state) {
        static const enum rv_verdict other[] = {RV_VERDICT_NO_DATA, RV_VERDICT_ERROR, RV_VERDICT_INCONCLUSIVE};

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                struct rv_series s = {0};

                assert_int_equal(at(&s, other[i], 0), RV_SERIES_SAME);
                at(&s, RV_VERDICT_BREACH, 15);
                assert_int_equal(at(&s, other[i], 100), RV_SERIES_SAME);
                assert_int_equal(s.onset_usec, START_USEC + 15 * SEC);
                assert_int_equal(s.verdict, other[i]);
                assert_int_equal(at(&s, RV_VERDICT_BREACH, 115), RV_SERIES_FIRED);
                assert_int_equal(at(&s, other[i], 130), RV_SERIES_SAME);
                assert_true(s.latched);
        }
}

static void far_apart_are_two_runs(void **state) {
        struct rv_series s = {0};

        (void)state;
        at(&s, RV_VERDICT_BREACH, 0);
        assert_int_equal(at(&s, RV_VERDICT_BREACH, 301), RV_SERIES_PENDING);
        assert_int_equal(s.onset_usec, START_USEC + 301 * SEC);
        s = (struct rv_series){0};
        at(&s, RV_VERDICT_BREACH, 0);
        assert_int_equal(at(&s, RV_VERDICT_BREACH, 300), RV_SERIES_FIRED);
}

static void clock_set_back_does_not_lengthen(void **state) {
        struct rv_series s = {0};

        (void)state;
        at(&s, RV_VERDICT_BREACH, 3600);
        assert_int_equal(at(&s, RV_VERDICT_BREACH, 0), RV_SERIES_SAME);
        assert_int_equal(at(&s, RV_VERDICT_BREACH, 59), RV_SERIES_SAME);
        assert_int_equal(at(&s, RV_VERDICT_BREACH, 60), RV_SERIES_FIRED);
}

/* b: breach, o: ok, n: no data; each 15 s after the one before. Gives what the last one did. */
static enum rv_series_change play(struct rv_series *s, const struct rv_rule_config *config, const char *verdicts,
                                  int64_t *at_usec) {
        enum rv_series_change change = RV_SERIES_SAME;

        for (const char *v = verdicts; *v; v++, *at_usec += 15 * SEC)
                change = rv_series_advance(s, config,
                                           *v == 'b'   ? RV_VERDICT_BREACH
                                           : *v == 'o' ? RV_VERDICT_OK
                                                       : RV_VERDICT_NO_DATA,
                                           0.5, *at_usec);
        return change;
}

static void fires_by_count(void **state) {
        static const struct rv_rule_config config = {.interval_usec = 15 * SEC, .breaches = {3, 5}};
        static const struct {
                const char *verdicts;
                enum rv_series_change last;
        } cases[] = {
                {"b", RV_SERIES_PENDING},   {"bb", RV_SERIES_PENDING},     {"bbb", RV_SERIES_FIRED},
                {"bobob", RV_SERIES_FIRED}, {"bnbnnnb", RV_SERIES_FIRED},  {"boobob", RV_SERIES_PENDING},
                {"booooo", RV_SERIES_OVER}, {"bbbo", RV_SERIES_SAME},      {"bbboo", RV_SERIES_SAME},
                {"bbbooo", RV_SERIES_OVER}, {"bbbnnnnnn", RV_SERIES_SAME}, {"oooo", RV_SERIES_SAME},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct rv_series s = {0};
                int64_t at_usec = START_USEC;
                enum rv_series_change last = play(&s, &config, cases[i].verdicts, &at_usec);

                if (last != cases[i].last)
                        fail_msg("%s: %d instead of %d", cases[i].verdicts, last, cases[i].last);
        }
}

static void counts_anew_after_the_end(void **state) {
        static const struct rv_rule_config config = {.interval_usec = 15 * SEC, .breaches = {2, 3}};
        struct rv_series s = {0};
        int64_t at_usec = START_USEC;

        (void)state;
        assert_int_equal(play(&s, &config, "bboo", &at_usec), RV_SERIES_OVER);
        assert_int_equal(play(&s, &config, "b", &at_usec), RV_SERIES_PENDING);
        assert_int_equal(play(&s, &config, "b", &at_usec), RV_SERIES_FIRED);
}

static void a_reload_from_count_to_time_begins_anew(void **state) {
        static const struct rv_rule_config config = {.interval_usec = 15 * SEC, .breaches = {3, 5}};
        struct rv_series s = {0};
        int64_t at_usec = START_USEC;

        (void)state;
        assert_int_equal(play(&s, &config, "boob", &at_usec), RV_SERIES_PENDING);
        assert_int_equal(play(&s, &rule, "b", &at_usec), RV_SERIES_PENDING); /* 60 s after the first */
        assert_int_equal(play(&s, &rule, "o", &at_usec), RV_SERIES_OVER);
        assert_int_equal(play(&s, &rule, "bbbbb", &at_usec), RV_SERIES_FIRED);
}

static void stays_latched_while_kept_firing(void **state) {
        static const struct rv_rule_config config = {.interval_usec = 15 * SEC, .keep_firing_usec = 60 * SEC};
        struct rv_series s = {0};
        int64_t at_usec = START_USEC;

        (void)state;
        assert_int_equal(play(&s, &config, "b", &at_usec), RV_SERIES_FIRED);
        assert_int_equal(play(&s, &config, "o", &at_usec), RV_SERIES_LEAVING);
        assert_int_equal(play(&s, &config, "ooo", &at_usec), RV_SERIES_SAME);
        assert_int_equal(play(&s, &config, "b", &at_usec), RV_SERIES_SAME); /* and all over again */
        assert_int_equal(play(&s, &config, "oooo", &at_usec), RV_SERIES_SAME);
        assert_true(s.latched);
        assert_int_equal(play(&s, &config, "o", &at_usec), RV_SERIES_OVER);
        assert_false(s.latched);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fires_when_it_lasted),
                cmocka_unit_test(fires_at_once_without_for),
                cmocka_unit_test(ok_starts_again),
                cmocka_unit_test(fires_by_count),
                cmocka_unit_test(counts_anew_after_the_end),
                cmocka_unit_test(a_reload_from_count_to_time_begins_anew),
                cmocka_unit_test(stays_latched_while_kept_firing),
                cmocka_unit_test(other_verdicts_change_nothing),
                cmocka_unit_test(far_apart_are_two_runs),
                cmocka_unit_test(clock_set_back_does_not_lengthen),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
