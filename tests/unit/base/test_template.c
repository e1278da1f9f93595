#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/cleanup.h"
#include "revertd/labels.h"
#include "revertd/template.h"
#include "revertd/text.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static char *expand(const char *text, enum rv_template_use use, const struct rv_label *label, size_t n, double value,
                    int expected) {
        _cleanup_labels_ struct rv_labels *labels = NULL;
        struct rv_template *t = NULL;
        struct rv_error err = {0};
        char *result = NULL;

        assert_int_equal(rv_labels_new(&labels, label, n, NULL), 0);
        if (rv_template_compile(&t, text, &err) < 0)
                fail_msg("%s: %s", text, err.text);
        int r = rv_template_expand(t, use, labels, value, &result, &err);
        if (r != expected)
                fail_msg("%s: %d instead of %d: %s", text, r, expected, err.text);
        assert_true((r < 0) == (result == NULL));
        assert_true((r < 0) == (err.text[0] != '\0'));
        rv_template_free(t);
        return result;
}

static void check_value(const char *text, double value, const char *expected) {
        _cleanup_free_ char *result = expand(text, RV_TEMPLATE_TEXT, NULL, 0, value, 0);

        assert_string_equal(result, expected);
}

static void check_path(const char *label_value, int expected) {
        const struct rv_label label = {"app", label_value};

        free(expand("apps/{{ $labels.app }}/**", RV_TEMPLATE_PATH, &label, 1, 0, expected));
}

static void expands(void **state) {
        const struct rv_label label[] = {{"app", "checkout"}, {"_x1", "y"}};
        _cleanup_free_ char *result =
                expand("{{ $labels.app }}{{$labels._x1}}: {{ $value | humanizePercentage }} } }} {", RV_TEMPLATE_TEXT,
                       label, 2, 0.0534, 0);

        (void)state;
        assert_string_equal(result, "checkouty: 5.34% } }} {");
}

static void plain_text_stays(void **state) {
        (void)state;
        check_value("", 1, "");
        check_value("no action { here } $value", 1, "no action { here } $value");
        check_value("{{$value}}{{ $value}}{{\t$value\n}}", 1, "111");
}

static void humanizes(void **state) {
        static const struct {
                double value;
                const char *text;
        } cases[] = {
                {0, "0"},
                {1, "1"},
                {1234567, "1.235M"},
                {0.001, "1m"},
                {-1234567, "-1.235M"},
                {999, "999"},
                {1000, "1k"},
                {999.96, "1000"},
                {12.34567, "12.35"},
                {0.0000123, "12.3u"},
                {1e30, "1e+06Y"},
                {1e-30, "1e-06y"},
                {1e24, "1Y"},
                {NAN, "NaN"},
                {INFINITY, "+Inf"},
                {-INFINITY, "-Inf"},
                {0.5, "500m"},
                {-0.25, "-250m"},
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++)
                check_value("{{ $value | humanize }}", cases[i].value, cases[i].text);
}

static void humanizes_percentages(void **state) {
        (void)state;
        check_value("{{ $value | humanizePercentage }}", 0.05, "5%");
        check_value("{{ $value | humanizePercentage }}", 0.123456, "12.35%");
        check_value("{{ $value | humanizePercentage }}", -0.05, "-5%");
        check_value("{{ $value | humanizePercentage }}", 123.45678, "1.235e+04%");
        check_value("{{ $value | humanizePercentage }}", NAN, "NaN%");
        check_value("{{ $value | humanizePercentage }}", INFINITY, "+Inf%");
}

static void humanizes_durations(void **state) {
        static const struct {
                double value;
                const char *text;
        } cases[] = {
                {0, "0s"},
                {1, "1s"},
                {60, "1m 0s"},
                {3600, "1h 0m 0s"},
                {86400, "1d 0h 0m 0s"},
                {899.99, "14m 59s"},
                {.1, "100ms"},
                {.0001, "100us"},
                {.12345, "123.5ms"},
                {60.1, "1m 0s"},
                {12.345, "12.35s"},
                {-1, "-1s"},
                {-86461, "-1d 0h 1m 1s"},
                {-.1, "-100ms"},
                {NAN, "NaN"},
                {INFINITY, "+Inf"},
                {59.999, "60s"},
                {1e300, "1e+300s"},
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++)
                check_value("{{ $value | humanizeDuration }}", cases[i].value, cases[i].text);
}

static void missing_labels(void **state) {
        const struct rv_label empty = {"app", ""};
        _cleanup_free_ char *text = expand("a{{ $labels.nope }}b", RV_TEMPLATE_TEXT, NULL, 0, 0, 0);

        (void)state;
        assert_string_equal(text, "ab");
        free(expand("apps/{{ $labels.nope }}/**", RV_TEMPLATE_PATH, NULL, 0, 0, -EINVAL));
        free(expand("apps/{{ $labels.app }}", RV_TEMPLATE_PATH, &empty, 1, 0, -EINVAL));
        free(expand("up{app=\"{{ $labels.nope }}\"}", RV_TEMPLATE_PROMQL, NULL, 0, 0, -EINVAL));
}

static void labels_cannot_leave_the_path(void **state) {
        static const char *const bad[] = {
                "..",
                ".",
                "../x",
                "a/b",
                "/",
                "/etc",
                "a/../..",
                ".git",
                ".hidden",
                "-rf",
                "*",
                "**",
                "a*",
                "a?",
                "[a]",
                "a\\b",
                "a\nb",
                "a\rb",
                "a\tb",
                "\x1B[31m",
                "a\x7F",
                "a\xC2\x85",
                "{a,b}",
                "a\xE2\x80\xAEgpj.exe",
                "a\xE2\x80\xA8"
                "b",
                "a\xE2\x80\x8B"
                "b",
                "\xEF\xBB\xBF"
                "a",
        };
        static const char *const good[] = {"checkout", "a.b", "a-b", "a..b", "v1.2.3", "a b",
                                           "\xC3\xA4", "a:b", "~",   "$x",   "a..",    "日本"};
        char longest[257];

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(bad); i++)
                check_path(bad[i], -EINVAL);
        for (size_t i = 0; i < RV_ARRAY_SIZE(good); i++)
                check_path(good[i], 0);
        memset(longest, 'x', sizeof(longest));
        longest[256] = '\0';
        check_path(longest, -EINVAL);
        longest[255] = '\0';
        check_path(longest, 0);
}

static void values_in_paths(void **state) {
        (void)state;
        free(expand("a/{{ $value }}", RV_TEMPLATE_PATH, NULL, 0, -1, -EINVAL));
        free(expand("a/{{ $value }}", RV_TEMPLATE_PATH, NULL, 0, 1, 0));
        free(expand("/a/{{ $value }}", RV_TEMPLATE_PATH, NULL, 0, 1, -EINVAL));
        free(expand("../{{ $value }}", RV_TEMPLATE_PATH, NULL, 0, 1, -EINVAL));
}

static void labels_cannot_end_a_promql_string(void **state) {
        const struct rv_label label = {"app", "x\"} or vector(1) # \\ ' ` \n"};
        _cleanup_free_ char *text =
                expand("up{app=\"{{ $labels.app }}\"} > {{ $value }}", RV_TEMPLATE_PROMQL, &label, 1, 2, 0);

        (void)state;
        assert_string_equal(text, "up{app=\"x\\\"} or vector(1) # \\\\ \\x27 \\x60 \\x0a\"} > 2");
}

static void a_label_is_no_template(void **state) {
        const struct rv_label label = {"app", "{{ $value }}%s%n"};
        _cleanup_free_ char *text = expand("{{ $labels.app }}", RV_TEMPLATE_TEXT, &label, 1, 2, 0);

        (void)state;
        assert_string_equal(text, "{{ $value }}%s%n");
}

static void refuses_what_is_no_template(void **state) {
        static const struct {
                const char *text, *message;
        } bad[] = {
                {"ab {{ $labels.app", "column 18: \"{{\" without \"}}\""},
                {"{{", "column 3: expected $labels.NAME or $value"},
                {"{{}}", "column 3: expected $labels.NAME or $value"},
                {"{{ $labels. }}", "column 12: expected a label's name after \"$labels.\""},
                {"{{ $labels.9x }}", "column 12: expected a label's name after \"$labels.\""},
                {"{{ .Labels.x }}", "column 4: expected $labels.NAME or $value"},
                {"{{ $values }}", "column 4: expected $labels.NAME or $value"},
                {"{{ $value | nope }}",
                 "column 13: expected humanize, humanizePercentage or humanizeDuration after \"|\""},
                {"{{ $value | humanizeX }}",
                 "column 13: expected humanize, humanizePercentage or humanizeDuration after \"|\""},
                {"{{ $value | humanize | humanize }}", "column 22: expected \"}}\""},
                {"{{ $labels.x | humanize }}", "column 16: a label cannot be piped to a function"},
                {"{{ $value }", "column 11: expected \"}}\""},
                {"{{ $labels.x-y }}", "column 13: expected \"}}\""},
                {"{{ if true }}x{{ end }}", "column 4: expected $labels.NAME or $value"},
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(bad); i++) {
                struct rv_template *t = NULL;
                struct rv_error err = {0};
                assert_int_equal(rv_template_compile(&t, bad[i].text, &err), -EINVAL);
                assert_null(t);
                assert_string_equal(err.text, bad[i].message);
        }
}

static void caps(void **state) {
        _cleanup_free_ char *text = calloc(1, RV_TEMPLATE_BYTES_MAX + 2);
        char value[RV_LABEL_VALUE_BYTES_MAX + 1] = "";
        const struct rv_label label = {"l", value};
        struct rv_template *t = NULL;

        (void)state;
        memset(text, 'x', RV_TEMPLATE_BYTES_MAX + 1);
        assert_int_equal(rv_template_compile(&t, text, NULL), -EINVAL);
        text[RV_TEMPLATE_BYTES_MAX] = '\0';
        assert_int_equal(rv_template_compile(&t, text, NULL), 0);
        assert_string_equal(rv_template_source(t), text);
        rv_template_free(t);

        text[0] = '\0';
        for (size_t i = 0; i < 64; i++)
                memcpy(text + 13 * i, "{{$labels.l}}", 14);
        memset(value, 'v', RV_LABEL_VALUE_BYTES_MAX);
        free(expand(text, RV_TEMPLATE_TEXT, &label, 1, 0, -E2BIG));
        assert_null(rv_template_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(expands),
                cmocka_unit_test(plain_text_stays),
                cmocka_unit_test(humanizes),
                cmocka_unit_test(humanizes_percentages),
                cmocka_unit_test(humanizes_durations),
                cmocka_unit_test(missing_labels),
                cmocka_unit_test(labels_cannot_leave_the_path),
                cmocka_unit_test(values_in_paths),
                cmocka_unit_test(labels_cannot_end_a_promql_string),
                cmocka_unit_test(a_label_is_no_template),
                cmocka_unit_test(refuses_what_is_no_template),
                cmocka_unit_test(caps),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
