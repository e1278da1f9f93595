#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/cleanup.h"
#include "revertd/text.h"

#include <string.h>

static void check_line(const char *in, size_t max_bytes, const char *out) {
        _cleanup_free_ char *text = rv_text_line(in, max_bytes);

        assert_string_equal(text, out);
}

static void check_block(const char *in, size_t max_bytes, const char *out) {
        _cleanup_free_ char *text = rv_text_block(in, max_bytes);

        assert_string_equal(text, out);
}

static void knows_utf8(void **state) {
        static const char *const good[] = {"",
                                           "abc",
                                           "\xC2\x80",
                                           "\xDF\xBF",
                                           "\xE0\xA0\x80",
                                           "\xED\x9F\xBF",
                                           "\xEE\x80\x80",
                                           "\xEF\xBF\xBF",
                                           "\xF0\x90\x80\x80",
                                           "\xF4\x8F\xBF\xBF"};
        static const char *const bad[] = {
                "\x80",
                "\xBF",
                "\xC0\x80",
                "\xC1\xBF",
                "\xC2",
                "\xC2x",
                "\xE0\x80\x80",
                "\xE0\x9F\xBF",
                "\xED\xA0\x80",
                "\xED\xBF\xBF",
                "\xE2\x82",
                "\xF0\x80\x80\x80",
                "\xF0\x8F\xBF\xBF",
                "\xF4\x90\x80\x80",
                "\xF5\x80\x80\x80",
                "\xFF",
                "\xFE",
                "ab\xF0\x9F\x92",
                "\xF8\x88\x80\x80\x80",
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(good); i++)
                assert_true(rv_text_is_utf8(good[i], strlen(good[i])));
        for (size_t i = 0; i < RV_ARRAY_SIZE(bad); i++)
                assert_false(rv_text_is_utf8(bad[i], strlen(bad[i])));
        assert_false(rv_text_is_utf8("\xC3\xA4", 1));
}

static void one_line(void **state) {
        (void)state;
        check_line("fix: lower the limit \xE2\x80\x93 ä", 100, "fix: lower the limit \xE2\x80\x93 ä");
        check_line("a\nb\r\nc\td", 100, "a b  c d");
        check_line("\x1B[31mred\x1B[0m\x07\x08\x7F", 100, " [31mred [0m   ");
        check_line("a\xC2\x9B"
                   "31m",
                   100, "a 31m"); /* C1: CSI */
        check_line("a\xE2\x80\xA8"
                   "b\xE2\x80\xA9"
                   "c\xC2\x85",
                   100, "a b c "); /* U+2028, U+2029, NEL */
        check_line("user\xE2\x80\xAEgpj.exe\xE2\x81\xA6x\xE2\x81\xA9", 100, "usergpj.exex");
        check_line("a\xE2\x80\x8B\xE2\x80\x8D\xEF\xBB\xBF\xC2\xAD"
                   "b\xF3\xA0\x81\x81",
                   100, "ab");
        check_line("a\xFF\xC0\xAF"
                   "b",
                   100,
                   "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
                   "b");
        check_line("\xED\xA0\x80", 100, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
        check_line("", 100, "");
        check_line(NULL, 100, "");
}

static void a_block(void **state) {
        (void)state;
        check_block("+a\n-\tb\r\nc\rd\x1B[0m\n", 100, "+a\n-\tb\nc d [0m\n");
        check_block("a\xE2\x80\xA8"
                    "b",
                    100, "a b");
}

static void cuts(void **state) {
        static const char text[] = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x92\xA5 and then some";

        (void)state;
        check_line("abcdef", 6, "abcdef");
        check_line("abcdefg", 6, "abc\xE2\x80\xA6");
        check_line("abcdefg", 3, "\xE2\x80\xA6");
        check_line("abcdefg", 2, "");
        check_line("abcdefg", 0, "");
        check_line("\xF0\x9F\x92\xA5\xF0\x9F\x92\xA5", 7, "\xF0\x9F\x92\xA5\xE2\x80\xA6");
        check_line("\xFF\xFF\xFF\xFF", 7, "\xEF\xBF\xBD\xE2\x80\xA6");
        for (size_t max = 0; max <= sizeof(text); max++) {
                _cleanup_free_ char *line = rv_text_line(text, max);
                assert_true(strlen(line) <= max);
                assert_true(rv_text_is_utf8(line, strlen(line)));
        }
}

/* Whatever the bytes, what comes out is UTF-8 without controls, and safe text comes out as it went in. */
static void any_bytes(void **state) {
        unsigned seed = 20260301;

        (void)state;
        for (int round = 0; round < 20000; round++) {
                char bytes[24] = "";
                for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
                        seed = seed * 1103515245U + 12345U;
                        bytes[i] = (char)(seed >> 16 | (seed >> 28 > 8 ? 0x80 : 1));
                }
                _cleanup_free_ char *line = rv_text_line(bytes, sizeof(bytes));
                _cleanup_free_ char *again = rv_text_line(line, 1000);
                assert_true(rv_text_is_utf8(line, strlen(line)));
                for (const char *c = line; *c; c++)
                        assert_true((unsigned char)*c >= 0x20 && *c != 0x7F);
                assert_string_equal(line, again);
        }
}

static void compares_secrets(void **state) {
        (void)state;
        assert_true(rv_text_equal_secret("", ""));
        assert_true(rv_text_equal_secret("s3cret", "s3cret"));
        assert_false(rv_text_equal_secret("s3cret", "s3creT"));
        assert_false(rv_text_equal_secret("s3cret", "s3cre"));
        assert_false(rv_text_equal_secret("s3cre", "s3cret"));
        assert_false(rv_text_equal_secret("", "s"));
        assert_false(rv_text_equal_secret("s", ""));
}

static bool has(const char *text, const char *word) {
        return rv_text_has_word(text, strlen(text), word);
}

static void whole_words(void **state) {
        (void)state;
        assert_true(has("v1.2", "v1.2"));
        assert_true(has("image: shop:v1.2@sha256:00", "v1.2"));
        assert_false(has("v1.20", "v1.2"));
        assert_false(has("v1.2.1", "v1.2"));
        assert_false(has("rc-v1.2", "v1.2"));
        assert_true(has("v1.20 v1.2", "v1.2"));
        assert_true(has("tag: 1.2", "v1.2"));
        assert_true(has("tag: v1.2", "1.2"));
        assert_false(has("tag: rev1.2", "1.2"));
        assert_false(has("tag: vv1.2", "1.2"));
        assert_true(has("valve", "valve"));
        assert_false(has("alve", "valve"));
        assert_false(has("", "1.2"));
        assert_false(has("anything", ""));
        assert_false(rv_text_has_word("v1.2", 3, "v1.2"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(knows_utf8),  cmocka_unit_test(one_line),  cmocka_unit_test(a_block),
                cmocka_unit_test(cuts),        cmocka_unit_test(any_bytes), cmocka_unit_test(compares_secrets),
                cmocka_unit_test(whole_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
