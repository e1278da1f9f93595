/* Tests of rules: the notation of values, and that what is wrong is found. */
#include "lab/lab.h"

#include "revertd/cleanup.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void reads_values(void **state) {
        struct lab_points p;

        (void)state;
        assert_int_equal(lab_points_parse("1 0+0.5x2 _x2 3x1 NaN error -1-1x1 1e-3 stale warning", &p, NULL), 0);
        const double wanted[] = {1, 0, 0.5, 1, NAN, NAN, 3, 3, NAN, NAN, -1, -2, 0.001, NAN, NAN};
        assert_int_equal(p.n, RV_ARRAY_SIZE(wanted));
        for (size_t i = 0; i < p.n; i++)
                if (!isnan(wanted[i]))
                        assert_true(fabs(p.point[i].value - wanted[i]) < 1e-12);
        assert_int_equal(p.point[4].kind, LAB_ABSENT);
        assert_int_equal(p.point[8].kind, LAB_VALUE); /* NaN is a value */
        assert_int_equal(p.point[9].kind, LAB_FAILS);
        assert_int_equal(p.point[13].kind, LAB_ABSENT);
        assert_int_equal(p.point[14].kind, LAB_WARNS);
        assert_int_equal(lab_points_at(&p, 100).kind, LAB_WARNS); /* it stays as it was */
        assert_int_equal(lab_points_at(&p, -1).kind, LAB_ABSENT);
        lab_points_done(&p);
}

static void refuses_values(void **state) {
        static const char *const bad[] = {"", " ", "x3", "1x", "1x-1", "1x99999999", "one", "1+x3", "1x2x", "_y"};
        struct lab_points p;
        struct rv_error err;

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(bad); i++)
                if (lab_points_parse(bad[i], &p, &err) == 0)
                        fail_msg("'%s' was taken", bad[i]);
}

/* The report on a file with these tests. */
static json_t *run(const char *tests) {
        char path[] = "/tmp/revertd-lab-XXXXXX";
        int fd = mkstemp(path);
        FILE *f = fdopen(fd, "w");
        struct rv_error err;
        json_t *report;

        fprintf(f,
                "repositories: ( { name = \"fleet\"; url = \"/srv/fleet.git\"; } );\n"
                "prometheus: ( { name = \"prod\"; url = \"http://127.0.0.1:9090\"; } );\n"
                "defaults: { mode = \"enforce\"; };\n"
                "rules: ( { name = \"errors\"; expr = \"up\"; breach = \"> 0.5\"; paths = [ \"a/**\" ]; } );\n"
                "tests: ( %s );\n",
                tests);
        fclose(f);
        if (rv_lab_test_file(path, &report, &err) < 0)
                fail_msg("%s", err.text);
        unlink(path);
        return report;
}

#define BAD_COMMIT "commits: ( { id = \"bad\"; at = \"1m\"; paths = [ \"a/b\" ]; } ); "
#define BREACH "series: ( { values = \"0x8 1\"; then = \"0\"; } ); "

static void runs_what_is_right(void **state) {
        _cleanup_json_ json_t *report = run("{ name = \"x\"; " BREACH BAD_COMMIT
                                            "expect: ( { state = \"recovered\"; pushed = [ \"bad\" ]; } ); }");

        (void)state;
        assert_int_equal(rv_json_int(report, "passed", 0), 1);
        assert_int_equal(rv_json_int(report, "failed", -1), 0);
}

/* Each expectation is one that does not come true. */
static void finds_what_is_not_so(void **state) {
        static const struct {
                const char *expect, *told;
        } cases[] = {
                {"incidents = 0;", "incidents: 1 instead of 0"},
                {"state = \"none\";", "recovered (none) instead of none"},
                {"state = \"recovered\"; reason = \"paused\";", "recovered (none) instead of recovered (paused)"},
                {"culprit = \"other\";", "culprit: bad instead of other"},
                {"suspects = [ ];", "suspects: [bad] instead of []"},
                {"pushed = [ ];", "pushed: [bad] instead of []"},
                {"evidence = [ \"named\" ];", "evidence: named is not among it"},
                {"confidence = \"< 0.5\";", "confidence: 0.85 instead of < 0.5"},
                {"detail = \"what\";", "detail: \"\" does not hold \"what\""},
                {"at = \"2m\"; state = \"holding\";", "none (none) instead of holding"},
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *text = NULL;
                assert_true(asprintf(&text, "{ name = \"x\"; " BREACH BAD_COMMIT "expect: ( { %s } ); }",
                                     cases[i].expect) > 0);
                _cleanup_json_ json_t *report = run(text);
                const json_t *test = json_array_get(json_object_get(report, "tests"), 0);
                const char *failure = json_string_value(json_array_get(json_object_get(test, "failures"), 0));
                assert_int_equal(rv_json_int(report, "failed", 0), 1);
                if (!failure || !strstr(failure, cases[i].told) || !strstr(failure, ":5: at "))
                        fail_msg("%s: %s", cases[i].expect, failure);
                assert_true(json_array_size(json_object_get(test, "story")) > 3);
        }
}

static void says_what_is_wrong_with_a_file(void **state) {
        static const struct {
                const char *tests, *told;
        } cases[] = {
                {"", ":5: tests: a list of groups is wanted"},
                {"{ }", ":5: name is missing"},
                {"{ name = \"x\"; }", ":5: x: expects nothing"},
                {"{ name = \"x\"; serie: ( ); }", ":5: serie: unknown key"},
                {"{ name = \"x\"; expect: ( { stat = \"none\"; } ); }", ":5: stat: unknown key"},
                {"{ name = \"x\"; expect: ( { state = \"well\"; } ); }",
                 ":5: state: 'well' is no state, which is one of: confirming "},
                {"{ name = \"x\"; expect: ( { state = \"covered\"; } ); }", " failed none"},
                {"{ name = \"x\"; expect: ( { state = \"cleared declined\"; } ); }", "is no state"},
                {"{ name = \"x\"; expect: ( { reason = \"\"; } ); }", "is no reason"},
                {"{ name = \"x\"; expect: ( { reason = \"luck\"; } ); }",
                 ":5: reason: 'luck' is no reason, which is one of: none paused "},
                {"{ name = \"x\"; expect: ( { reason = \"luck\"; } ); }", " revert_lost too_many"},
                {"{ name = \"x\"; expect: ( { evidence = [ \"newest\", \"luck\" ]; } ); }",
                 ":5: evidence: 'luck' is no evidence, which is one of: in_scope "},
                {"{ name = \"x\"; expect: ( { at = \"2h\"; } ); }", ":5: at: is after the end of the test"},
                {"{ name = \"x\"; series: ( { values = \"one\"; } ); }", ":5: values: 'one' is no value"},
                {"{ name = \"x\"; series: ( { query = \"require\"; values = \"1\"; } ); }",
                 ":5: rule errors has no require"},
                {"{ name = \"x\"; commits: ( { at = \"1m\"; } ); }", ":5: id is missing"},
                {"{ name = \"x\"; commits: ( { id = \"c\"; at = \"soon\"; } ); }", ":5: at: 'soon' is no time"},
                {"{ name = \"x\"; events: ( { do = \"dance\"; } ); }", ":5: do is one of"},
                {"{ name = \"x\"; events: ( { do = \"git\"; answers = \"moved\"; } ); }",
                 ":5: answers: 'moved' is nothing that the worker says by itself, which is one of: ok conflict "},
                {"{ name = \"x\"; alerts: ( { labels: { app = 1; }; } ); }", ":5: app: the value of a label"},
                {"{ name = \"x\"; series: ( 3 ); }", ":5: a group { } is wanted"},
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++) {
                _cleanup_json_ json_t *report = run(cases[i].tests);
                const char *error = json_string_value(json_array_get(json_object_get(report, "errors"), 0));
                if (!error || !strstr(error, cases[i].told))
                        fail_msg("%s: %s", cases[i].tests, error);
                assert_int_equal(json_array_size(json_object_get(report, "tests")), 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_values),
                cmocka_unit_test(refuses_values),
                cmocka_unit_test(runs_what_is_right),
                cmocka_unit_test(finds_what_is_not_so),
                cmocka_unit_test(says_what_is_wrong_with_a_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
