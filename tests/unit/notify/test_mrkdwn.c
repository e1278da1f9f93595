/* Slack's text: hostile parts neutralised, cut on whole characters and entities. */
#include "notify/mrkdwn.h"

#include "revertd/text.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the above */
#include <cmocka.h>

static void expect_text(const char *s, size_t max, const char *expected) {
        struct mrkdwn m;
        mrkdwn_init(&m, 100);
        mrkdwn_text(&m, s, max);
        assert_string_equal(m.text, expected);
}

static void expect_code(const char *s, size_t max, const char *expected) {
        struct mrkdwn m;
        mrkdwn_init(&m, 12);
        mrkdwn_code(&m, s, max);
        assert_string_equal(m.text, expected);
}

static void test_escaping(void **state) {
        (void)state;
        expect_text("a & b < c > d", 100, "a &amp; b &lt; c &gt; d");
        expect_text("<!channel> &lt;", 100, "&lt;!channel&gt; &amp;lt;");
        expect_text("<https://evil.example|ok>", 100, "&lt;https://evil.example|ok&gt;");
        expect_text("one\ntwo\r\n\x1b[31mthree", 100, "one two   [31mthree");
        expect_text("`x` ana@example.com", 100, "'x' ana@example.com");
        expect_text("@channel @HERE @everyone", 100,
                    "@\xe2\x80\x8b"
                    "channel @\xe2\x80\x8bHERE @\xe2\x80\x8b"
                    "everyone");
        expect_text("a\xe2\x80\xae"
                    "b",
                    100, "ab");
        expect_text(NULL, 100, "");
        expect_text("", 100, "");
}

static void test_cutting(void **state) {
        (void)state;
        expect_text("abcdef", 6, "abcdef");
        expect_text("abcdefg", 6, "abc\xe2\x80\xa6");
        expect_text("ab&&", 7, "ab\xe2\x80\xa6"); /* one entity would fit, but not the sign that there is more */
        expect_text("&", 4, "\xe2\x80\xa6");
        expect_text("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 7, "\xc3\xa4\xc3\xa4\xe2\x80\xa6");
        expect_text("abc", 2, "");
        expect_code("abc", 100, "`abc`");
        expect_code("0123456789", 100, "`0123456789`");
        expect_code("0123456789a", 100, "`0123456\xe2\x80\xa6`");
        expect_code("`", 100, "`'`");
        expect_code("", 100, "");
}

static void test_markup_is_whole_or_nothing(void **state) {
        (void)state;
        struct mrkdwn m;
        mrkdwn_init(&m, 10);
        assert_true(mrkdwn_markup(&m, "*%s* ", "bold"));
        assert_false(mrkdwn_markup(&m, "*%s*", "more"));
        assert_string_equal(m.text, "*bold* ");
        mrkdwn_time(&m, 0);
        assert_string_equal(m.text, "*bold* ");
}

static void expect_link(const char *url, const char *label, const char *expected) {
        struct mrkdwn m;
        mrkdwn_init(&m, 200);
        mrkdwn_link(&m, url, label, 20);
        assert_string_equal(m.text, expected);
}

static void test_links(void **state) {
        (void)state;
        expect_link("https://git.example.com/c/1?a=1&b=2", "1", "`<https://git.example.com/c/1?a=1&amp;b=2|1>`");
        expect_link("https://x/ >|<!channel>", "a|b>", "`<https://x/%20%3E%7C%3C!channel%3E|a|b&gt;>`");
        expect_link("javascript:alert(1)", "1", "`1`");
        expect_link(NULL, "1", "`1`");
}

/* Every length around every kind of boundary: what comes out is whole, and within the bound. */
static void test_every_bound(void **state) {
        (void)state;
        static const char hostile[] = "&<>\xf0\x9f\x98\x80\xc3\xa4`@here\xe2\x82\xac&&&x<<<\xf0\x9f\x98\x80>>>";
        for (size_t max = 0; max < 100; max++) {
                struct mrkdwn m;
                mrkdwn_init(&m, max);
                mrkdwn_text(&m, hostile, max);
                assert_true(m.n <= max && m.n == strlen(m.text));
                assert_true(rv_text_is_utf8(m.text, m.n));
                for (const char *p = strchr(m.text, '&'); p; p = strchr(p + 1, '&'))
                        assert_true(strncmp(p, "&amp;", 5) == 0 || strncmp(p, "&lt;", 4) == 0 ||
                                    strncmp(p, "&gt;", 4) == 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_escaping),
                cmocka_unit_test(test_cutting),
                cmocka_unit_test(test_markup_is_whole_or_nothing),
                cmocka_unit_test(test_links),
                cmocka_unit_test(test_every_bound),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
