#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/cleanup.h"
#include "revertd/json.h"
#include "revertd/labels.h"
#include "revertd/number.h"
#include "revertd/template.h"

#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <string.h>

static void check_formats(void) {
        static const struct {
                double value;
                const char *text;
        } cases[] = {
                {0, "0"},
                {-0.0, "-0"},
                {1, "1"},
                {0.1, "0.1"},
                {0.05341, "0.05341"},
                {-2.5, "-2.5"},
                {100, "100"},
                {1234567, "1234567"},
                {0.0001, "0.0001"},
                {0.00001, "1e-05"},
                {1.5e-7, "1.5e-07"},
                {1e20, "100000000000000000000"},
                {1.2345678901234567e20, "123456789012345670000"},
                {1e21, "1e+21"},
                {-1.25e300, "-1.25e+300"},
                {5e-324, "5e-324"},
                {DBL_MAX, "1.7976931348623157e+308"},
                {0.1 + 0.2, "0.30000000000000004"},
                {1.0 / 3, "0.3333333333333333"},
                {123456.789, "123456.789"},
                {NAN, "NaN"},
                {-NAN, "NaN"},
                {INFINITY, "+Inf"},
                {-INFINITY, "-Inf"},
        };
        char buf[RV_NUMBER_TEXT_MAX];

        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++)
                assert_string_equal(rv_number_format(cases[i].value, buf), cases[i].text);
        assert_string_equal(rv_number_format_4g(1234.5, buf), "1234");
        assert_string_equal(rv_number_format_4g(0.0123456, buf), "0.01235");
        assert_string_equal(rv_number_format_4g(123456, buf), "1.235e+05");
        assert_string_equal(rv_number_format_4g(-INFINITY, buf), "-Inf");
        assert_string_equal(rv_number_format_short(0.7000000000000001, buf), "0.7");
        assert_string_equal(rv_number_format_short(-1234.56789, buf), "-1234.57");
        assert_string_equal(rv_number_format_short(1234567.5, buf), "1234570");
        assert_string_equal(rv_number_format_short(1234567, buf), "1234567");
        assert_string_equal(rv_number_format_short(0.00001234567, buf), "1.23457e-05");
        assert_string_equal(rv_number_format_short(0, buf), "0");
        assert_string_equal(rv_number_format_short(NAN, buf), "NaN");
}

static void reads_as_it_was_judged(void) {
        char buf[RV_NUMBER_TEXT_MAX];

        assert_string_equal(rv_number_format_judged(0.0731234567, "> 0.05", buf), "0.0731235");
        assert_string_equal(rv_number_format_judged(0.050000049, "> 0.05", buf), "0.05000005");
        assert_string_equal(rv_number_format_judged(0.049999951, "> 0.05", buf), "0.04999995");
        assert_string_equal(rv_number_format_judged(0.05, "> 0.05", buf), "0.05");
        assert_string_equal(rv_number_format_judged(0.0999999999999, "< 0.1", buf), "0.0999999999999");
        assert_string_equal(rv_number_format_judged(0.1 + 0.2, "== 0.3", buf), "0.30000000000000004");
        assert_string_equal(rv_number_format_judged(5, "> 4.99999999", buf), "5");
        assert_string_equal(rv_number_format_judged(0.0500000001, NULL, buf), "0.05");
        assert_string_equal(rv_number_format_judged(NAN, "> 0.05", buf), "NaN");
        assert_string_equal(rv_number_format_judged(INFINITY, "> 0.05", buf), "+Inf");

        assert_string_equal(rv_percent_format(0.65, NAN, buf), "65 %");
        assert_string_equal(rv_percent_format(0.5 / 3, NAN, buf), "16.7 %");
        assert_string_equal(rv_percent_format(1, NAN, buf), "100 %");
        assert_string_equal(rv_percent_format(0.99996, NAN, buf), "99.996 %");
        assert_string_equal(rv_percent_format(0.996, 0.999, buf), "99.6 %");
        assert_string_equal(rv_percent_format(0.999, 0.996, buf), "99.9 %");
        assert_string_equal(rv_percent_format(0.64996, 0.65004, buf), "64.996 %"); /* both are 65.00 with two digits */
        assert_string_equal(rv_percent_format(0.65004, 0.64996, buf), "65.004 %");
        assert_string_equal(rv_percent_format(0.85, 0.5 + 0.2 + 0.15, buf), "85 %");
        assert_string_equal(rv_percent_format(0.1 + 0.2, 0.3, buf), "30 %");
}

static void check_parses(void) {
        static const struct {
                const char *text;
                double value;
        } good[] = {
                {"0", 0},          {"1.5", 1.5},
                {"-2", -2},        {"+3", 3},
                {".5", 0.5},       {"5.", 5},
                {"1e-07", 1e-7},   {"1E+21", 1e21},
                {"0.05", 0.05},    {"+Inf", INFINITY},
                {"Inf", INFINITY}, {"-Inf", -INFINITY},
                {"1e-400", 0},     {"1772359200.540", 1772359200.540},
        };
        static const char *const bad[] = {"",      " 1",    "1 ",    "1,5", "0x10", "1e",   "e5",
                                          ".",     "-",     "+",     "--1", "nan",  "inf",  "infinity",
                                          "1.2.3", "1e5.5", "1_000", "1\n", "-NaN", "1e+-5"};
        double value;

        for (size_t i = 0; i < RV_ARRAY_SIZE(good); i++) {
                assert_int_equal(rv_number_parse(good[i].text, &value), 0);
                assert_true(value == good[i].value);
        }
        for (size_t i = 0; i < RV_ARRAY_SIZE(bad); i++)
                if (rv_number_parse(bad[i], &value) != -EINVAL)
                        fail_msg("\"%s\" was taken for a number", bad[i]);
        assert_int_equal(rv_number_parse("1e999", &value), -ERANGE);
        assert_int_equal(rv_number_parse("-1e999", &value), -ERANGE);
        assert_int_equal(rv_number_parse("NaN", &value), 0);
        assert_true(isnan(value));
}

static void formats(void **state) {
        (void)state;
        check_formats();
        reads_as_it_was_judged();
}

static void parses(void **state) {
        (void)state;
        check_parses();
}

static void reads_back_what_it_wrote(void **state) {
        char buf[RV_NUMBER_TEXT_MAX];
        uint64_t bits = 1;

        (void)state;
        for (int i = 0; i < 20000; i++) {
                double value, back;
                bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                memcpy(&value, &bits, sizeof(value));
                if (!isfinite(value))
                        continue;
                rv_number_format(value, buf);
                assert_true(strlen(buf) < RV_NUMBER_TEXT_MAX);
                assert_int_equal(rv_number_parse(buf, &back), 0);
                assert_memory_equal(&back, &value, sizeof(value));
        }
}

/* The same with a decimal comma: the locale is compiled into a folder of our own, for few machines have it. */
static void locale_does_not_matter(void **state) {
        char folder[] = "/tmp/revertd-test-XXXXXX", command[256], printed[8];
        _cleanup_labels_ struct rv_labels *labels = NULL;
        struct rv_template *t = NULL;
        char *text = NULL;
        json_t *json = NULL;

        (void)state;
        assert_non_null(mkdtemp(folder));
        snprintf(command, sizeof(command), "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 2>/dev/null", folder);
        bool made = system(command) == 0;
        setenv("LOCPATH", folder, 1);
        bool set = made && setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
        snprintf(command, sizeof(command), "rm -r %s", folder);
        assert_int_equal(system(command), 0);
        if (!set)
                skip();
        snprintf(printed, sizeof(printed), "%.1f", 0.5);
        assert_string_equal(printed, "0,5"); /* so the locale is really in force */

        check_formats();
        reads_as_it_was_judged();
        check_parses();
        assert_int_equal(rv_labels_new(&labels, NULL, 0, NULL), 0);
        assert_int_equal(rv_template_compile(&t,
                                             "{{ $value }} {{ $value | humanize }} {{ $value | humanizePercentage }} "
                                             "{{ $value | humanizeDuration }}",
                                             NULL),
                         0);
        assert_int_equal(rv_template_expand(t, RV_TEMPLATE_TEXT, labels, 1.25, &text, NULL), 0);
        assert_string_equal(text, "1.25 1.25 125% 1.25s");
        free(text);
        rv_template_free(t);
        assert_int_equal(rv_json_parse(&json, "[0.5]", 5, 10, NULL), 0);
        text = rv_json_dump(json);
        assert_string_equal(text, "[0.5]");
        free(text);
        json_decref(json);
        snprintf(printed, sizeof(printed), "%.1f", 0.5);
        assert_string_equal(printed, "0,5"); /* and was given back to the program */
        setlocale(LC_ALL, "C");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(formats),
                cmocka_unit_test(parses),
                cmocka_unit_test(reads_back_what_it_wrote),
                cmocka_unit_test(locale_does_not_matter),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
