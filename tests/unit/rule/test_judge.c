/* Samples become verdicts. */
#include "revertd/cleanup.h"
#include "revertd/rule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct rv_samples make(const char *const *app, const double *value, size_t n) {
        struct rv_samples samples = {.sample = calloc(n + 1, sizeof(*samples.sample)), .n = n};

        for (size_t i = 0; i < n; i++) {
                assert_int_equal(rv_labels_new(&samples.sample[i].labels, &(struct rv_label){"app", app[i]}, 1, NULL),
                                 0);
                samples.sample[i].value = value[i];
        }
        return samples;
}

static void thresholds(void **state) {
        static const struct {
                enum rv_breach_op op;
                bool below, at, above;
        } table[] = {
                {RV_BREACH_GT, false, false, true}, {RV_BREACH_GE, false, true, true},
                {RV_BREACH_LT, true, false, false}, {RV_BREACH_LE, true, true, false},
                {RV_BREACH_EQ, false, true, false}, {RV_BREACH_NE, true, false, true},
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(table); i++) {
                struct rv_rule_config rule = {.breach_op = table[i].op, .breach_value = 0.05};

                assert_int_equal(rv_rule_judge(&rule, 0.04), table[i].below);
                assert_int_equal(rv_rule_judge(&rule, 0.05), table[i].at);
                assert_int_equal(rv_rule_judge(&rule, 0.06), table[i].above);
                assert_int_equal(rv_rule_judge(&rule, INFINITY), table[i].above);
                assert_int_equal(rv_rule_judge(&rule, NAN), RV_VERDICT_NO_DATA);
        }
}

static void too_little_traffic_decides_nothing(void **state) {
        static const char *const app[] = {"a", "b", "c", "d", "e"};
        static const double value[] = {0.9, 0.9, 0.9, 0.01, NAN}, traffic[] = {5, 0, NAN, 0, 5};
        const struct rv_rule_config rule = {.breach_op = RV_BREACH_GT, .breach_value = 0.05};
        struct rv_samples samples = make(app, value, 5), require = make(app, traffic, 5);
        enum rv_verdict verdict[5];

        (void)state;
        rv_rule_judge_all(&rule, &samples, &require, verdict);
        assert_int_equal(verdict[0], RV_VERDICT_BREACH);
        assert_int_equal(verdict[1], RV_VERDICT_INCONCLUSIVE);
        assert_int_equal(verdict[2], RV_VERDICT_INCONCLUSIVE);
        assert_int_equal(verdict[3], RV_VERDICT_INCONCLUSIVE);
        assert_int_equal(verdict[4], RV_VERDICT_NO_DATA);

        require.n = 1; /* the others are missing */
        rv_rule_judge_all(&rule, &samples, &require, verdict);
        assert_int_equal(verdict[0], RV_VERDICT_BREACH);
        assert_int_equal(verdict[1], RV_VERDICT_INCONCLUSIVE);
        require.n = 5;
        rv_samples_done(&samples);
        rv_samples_done(&require);
}

static void scalar_require_is_for_all(void **state) {
        static const char *const app[] = {"a", "b"};
        static const double value[] = {0.9, 0.01}, one[] = {1}, zero[] = {0};
        const struct rv_rule_config rule = {.breach_op = RV_BREACH_GT, .breach_value = 0.05};
        struct rv_samples samples = make(app, value, 2), met = make((const char *const[]){""}, one, 1),
                          unmet = make((const char *const[]){""}, zero, 1);
        enum rv_verdict verdict[2];

        (void)state;
        met.is_scalar = unmet.is_scalar = true;
        rv_rule_judge_all(&rule, &samples, &met, verdict);
        assert_int_equal(verdict[0], RV_VERDICT_BREACH);
        assert_int_equal(verdict[1], RV_VERDICT_OK);
        rv_rule_judge_all(&rule, &samples, &unmet, verdict);
        assert_int_equal(verdict[0], RV_VERDICT_INCONCLUSIVE);
        assert_int_equal(verdict[1], RV_VERDICT_INCONCLUSIVE);
        rv_samples_done(&samples);
        rv_samples_done(&met);
        rv_samples_done(&unmet);
}

static void parts_and_histograms_are_errors(void **state) {
        static const char *const app[] = {"a"};
        static const double value[] = {0.9};
        const struct rv_rule_config rule = {.breach_op = RV_BREACH_GT, .breach_value = 0.05};
        struct rv_samples samples = make(app, value, 1), require = make(app, value, 1);
        enum rv_verdict verdict[1];

        (void)state;
        samples.is_partial = true;
        rv_rule_judge_all(&rule, &samples, NULL, verdict);
        assert_int_equal(verdict[0], RV_VERDICT_ERROR);
        samples.is_partial = false;
        require.is_partial = true;
        rv_rule_judge_all(&rule, &samples, &require, verdict);
        assert_int_equal(verdict[0], RV_VERDICT_ERROR);
        samples.sample[0].is_histogram = true;
        rv_rule_judge_all(&rule, &samples, NULL, verdict);
        assert_int_equal(verdict[0], RV_VERDICT_ERROR);
        rv_samples_done(&samples);
        rv_samples_done(&require);
}

static void names_go_both_ways(void **state) {
        enum rv_verdict verdict;

        (void)state;
        for (unsigned i = 0; i < RV_VERDICT_MAX; i++) {
                assert_int_equal(rv_verdict_from_string(rv_verdict_to_string(i), &verdict), 0);
                assert_int_equal(verdict, i);
        }
        assert_true(rv_verdict_from_string("well", &verdict) < 0);
}

static void between_bad_and_clear_decides_nothing(void **state) {
        const struct rv_rule_config rule = {.breach_op = RV_BREACH_GT,
                                            .breach_value = 0.05,
                                            .has_clear = true,
                                            .clear_op = RV_BREACH_LT,
                                            .clear_value = 0.02};

        (void)state;
        assert_int_equal(rv_rule_settle(&rule, RV_VERDICT_OK, 0.03, true), RV_VERDICT_INCONCLUSIVE);
        assert_int_equal(rv_rule_settle(&rule, RV_VERDICT_OK, 0.03, false), RV_VERDICT_OK);
        assert_int_equal(rv_rule_settle(&rule, RV_VERDICT_OK, 0.01, true), RV_VERDICT_OK);
        assert_int_equal(rv_rule_settle(&rule, RV_VERDICT_BREACH, 0.06, true), RV_VERDICT_BREACH);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(between_bad_and_clear_decides_nothing), cmocka_unit_test(thresholds),
                cmocka_unit_test(too_little_traffic_decides_nothing),    cmocka_unit_test(scalar_require_is_for_all),
                cmocka_unit_test(parts_and_histograms_are_errors),       cmocka_unit_test(names_go_both_ways),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
