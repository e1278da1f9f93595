#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/cleanup.h"
#include "revertd/json.h"

#include <errno.h>
#include <string.h>

static json_t *parse(const char *text, size_t max_values, int expected) {
        json_t *json = NULL;
        struct rv_error err = {0};

        int r = rv_json_parse(&json, text, strlen(text), max_values, &err);
        if (r != expected)
                fail_msg("%.60s: %d instead of %d: %s", text, r, expected, err.text);
        assert_true((r == 0) == (json != NULL));
        assert_true((r == 0) == (err.text[0] == '\0'));
        return json;
}

static void good(void **state) {
        static const char *const texts[] = {
                "{}", "[]", "[1,2.5,\"a\",null,true]", " {\"a\":{\"b\":[]}} \n", "\"bare\"", "12", "null"};

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(texts); i++)
                json_decref(parse(texts[i], 100, 0));
}

static void bad(void **state) {
        static const char *const texts[] = {
                "",
                " ",
                "{",
                "}",
                "[1,]",
                "{\"a\":1,\"a\":2}",
                "{\"a\":{\"b\":1,\"b\":1}}",
                "{a:1}",
                "[1] x",
                "[1][2]",
                "\"\\u0000\"",
                "\"\\ud800\"",
                "\"\xC0\xAF\"",
                "99999999999999999999",
                "[1e999]",
                "NaN",
                "'a'",
                "\"a",
                "\"\\",
                "[\"\\",
                "{\"a\" 1}",
                "//x\n1",
                "]]]]{",
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(texts); i++)
                parse(texts[i], 100, -EINVAL);
}

static void bytes_are_counted_not_read_as_a_string(void **state) {
        json_t *json = NULL;

        (void)state;
        assert_int_equal(rv_json_parse(&json, "[1]garbage", 3, 10, NULL), 0);
        json_decref(json);
        assert_int_equal(rv_json_parse(&json, "[1]\0", 4, 10, NULL), -EINVAL);
        assert_int_equal(rv_json_parse(&json, "{\"a\0b\":1}", 9, 10, NULL), -EINVAL);
}

static void depth_bombs(void **state) {
        char text[4 * RV_JSON_DEPTH_MAX] = "";

        (void)state;
        memset(text, '[', RV_JSON_DEPTH_MAX);
        memset(text + RV_JSON_DEPTH_MAX, ']', RV_JSON_DEPTH_MAX);
        json_decref(parse(text, 1000, 0));
        memset(text, '[', RV_JSON_DEPTH_MAX + 1);
        memset(text + RV_JSON_DEPTH_MAX + 1, ']', RV_JSON_DEPTH_MAX + 1);
        parse(text, 1000, -E2BIG);
        _cleanup_free_ char *bomb = calloc(1, (1 << 20) + 1);
        memset(bomb, '[', 1 << 20);
        parse(bomb, 1 << 21, -E2BIG);
        parse("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{"
              "\"a\":{\"a\":{\"a\":"
              "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{"
              "\"a\":{\"a\":",
              1000, -E2BIG);
}

static void value_bombs(void **state) {
        _cleanup_free_ char *bomb = calloc(1, (1 << 20) + 1);

        (void)state;
        for (size_t i = 0; i < 1 << 20; i += 4)
                memcpy(bomb + i, "[{},", 4);
        bomb[0] = '[';
        parse(bomb, 10000, -E2BIG);
        json_decref(parse("[1,2,3]", 4, 0)); /* itself and three: one opening, two commas, one for the document */
        parse("[1,2,3]", 3, -E2BIG);
        parse("[{},{},{}]", 5, -E2BIG);
}

static void strings_do_not_count(void **state) {
        json_t *json = parse("[\"[[[[{{{{,,,,\\\"[[[[,,,,\\\\\"]", 2, 0);

        (void)state;
        assert_string_equal(json_string_value(json_array_get(json, 0)), "[[[[{{{{,,,,\"[[[[,,,,\\");
        json_decref(json);
}

static void members(void **state) {
        _cleanup_json_ json_t *o = parse("{\"s\":\"x\",\"i\":-7,\"r\":2.5,\"b\":true,\"n\":null,\"f\":false}", 100, 0);

        (void)state;
        assert_string_equal(rv_json_string(o, "s", "d"), "x");
        assert_string_equal(rv_json_string(o, "i", "d"), "d");
        assert_null(rv_json_string(o, "n", NULL));
        assert_null(rv_json_string(NULL, "n", NULL));
        assert_int_equal(rv_json_int(o, "i", 3), -7);
        assert_int_equal(rv_json_int(o, "r", 3), 3);
        assert_int_equal(rv_json_int(o, "s", 3), 3);
        assert_true(rv_json_real(o, "r", 1) == 2.5);
        assert_true(rv_json_real(o, "i", 1) == -7.0);
        assert_true(rv_json_real(o, "s", 1) == 1.0);
        assert_true(rv_json_bool(o, "b", false));
        assert_false(rv_json_bool(o, "f", true));
        assert_true(rv_json_bool(o, "n", true));
        assert_true(rv_json_bool(o, "i", true));
}

static void dumps(void **state) {
        _cleanup_json_ json_t *o = parse("{ \"b\" : [1, 2.5], \"a\" : \"x\\n\" }", 100, 0);
        _cleanup_free_ char *text = rv_json_dump(o);
        _cleanup_json_ json_t *s = json_string("bare");
        _cleanup_free_ char *bare = rv_json_dump(s);

        (void)state;
        assert_string_equal(text, "{\"b\":[1,2.5],\"a\":\"x\\n\"}");
        assert_string_equal(bare, "\"bare\"");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good),        cmocka_unit_test(bad),
                cmocka_unit_test(depth_bombs), cmocka_unit_test(bytes_are_counted_not_read_as_a_string),
                cmocka_unit_test(value_bombs), cmocka_unit_test(strings_do_not_count),
                cmocka_unit_test(members),     cmocka_unit_test(dumps),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
