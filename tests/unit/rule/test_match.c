/* Matchers, as in amtool. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "revertd/rule.h"

#include <pcre2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool matches(const char *name, enum rv_match_op op, const char *value, const char *actual) {
        struct rv_matcher matcher = {.name = (char *)name, .op = op, .value = (char *)value};
        const struct rv_rule_config rule = {.match = &matcher, .n_match = 1};
        struct rv_labels *labels;
        PCRE2_SIZE offset;
        int error;
        bool r;

        if (op == RV_MATCH_RE || op == RV_MATCH_NRE)
                matcher.regex = pcre2_compile((PCRE2_SPTR)value, PCRE2_ZERO_TERMINATED, 0, &error, &offset, NULL);
        assert_int_equal(rv_labels_new(&labels, &(struct rv_label){"app", actual}, 1, NULL), 0);
        r = rv_rule_matches(&rule, labels);
        rv_labels_unref(labels);
        pcre2_code_free(matcher.regex);
        return r;
}

static void operators(void **state) {
        (void)state;
        assert_true(matches("app", RV_MATCH_EQ, "web", "web"));
        assert_false(matches("app", RV_MATCH_EQ, "web", "webs"));
        assert_false(matches("app", RV_MATCH_NE, "web", "web"));
        assert_true(matches("app", RV_MATCH_NE, "web", "api"));
        assert_true(matches("app", RV_MATCH_RE, "w.b|api", "web"));
        assert_false(matches("app", RV_MATCH_NRE, "w.b|api", "api"));
}

static void anchored_at_both_ends(void **state) {
        (void)state;
        assert_false(matches("app", RV_MATCH_RE, "web", "webs"));
        assert_false(matches("app", RV_MATCH_RE, "web", "a-web"));
        assert_false(matches("app", RV_MATCH_RE, "w|web", "webs"));
        assert_true(matches("app", RV_MATCH_RE, "w|web", "web"));
        assert_true(matches("app", RV_MATCH_NRE, "web", "webs"));
}

static void missing_counts_as_empty(void **state) {
        (void)state;
        assert_true(matches("zone", RV_MATCH_EQ, "", "web"));
        assert_true(matches("zone", RV_MATCH_NE, "a", "web"));
        assert_false(matches("zone", RV_MATCH_RE, ".+", "web"));
        assert_true(matches("zone", RV_MATCH_RE, ".*", "web"));
        assert_true(matches("zone", RV_MATCH_NRE, ".+", "web"));
}

/* A value that makes a pattern backtrack for ever matches neither way. */
static void hostile_value_decides_nothing(void **state) {
        char value[4001];

        (void)state;
        memset(value, 'a', sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        assert_false(matches("app", RV_MATCH_RE, "(a|aa)+[bc]", value));
        assert_false(matches("app", RV_MATCH_NRE, "(a|aa)+[bc]", value));
}

static void polled_rules_match_no_alert(void **state) {
        const struct rv_rule_config rule = {0};
        struct rv_labels *labels;

        (void)state;
        assert_int_equal(rv_labels_new(&labels, NULL, 0, NULL), 0);
        assert_false(rv_rule_matches(&rule, labels));
        rv_labels_unref(labels);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(operators),
                cmocka_unit_test(anchored_at_both_ends),
                cmocka_unit_test(missing_counts_as_empty),
                cmocka_unit_test(hostile_value_decides_nothing),
                cmocka_unit_test(polled_rules_match_no_alert),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
