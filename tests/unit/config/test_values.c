/* What single values may look like: names, remotes, branches, addresses, headers, matchers. */
#include "config/matcher.h"
#include "config/values.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef int (*check)(const char *s, struct rv_error *err);

static void expect(check fn, const char *const *good, const char *const *bad) {
        for (const char *const *s = good; *s; s++) {
                struct rv_error err = {0};
                if (fn(*s, &err) != 0)
                        fail_msg("'%s' is refused: %s", *s, err.text);
        }
        for (const char *const *s = bad; *s; s++) {
                struct rv_error err = {0};
                if (fn(*s, &err) != -EINVAL)
                        fail_msg("'%s' is taken", *s);
                assert_true(err.text[0] != '\0');
        }
}
#define GOOD(...) ((const char *const[]){__VA_ARGS__, NULL})
#define BAD(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_names(void **state) {
        char long_name[RV_CONFIG_NAME_BYTES_MAX + 2];
        (void)state;
        memset(long_name, 'x', sizeof(long_name) - 1);
        long_name[sizeof(long_name) - 1] = '\0';
        expect(rv_value_check_name, GOOD("fleet", "a.b-c_D9", "9x", "_x", long_name + 1),
               BAD("", ".", "..", ".x", "-x", "a/b", "a b", "\xc3\xa9", "a\n", "a:b", long_name));
}

static void test_texts(void **state) {
        (void)state;
        expect(rv_value_check_text, GOOD("x", "J\xc3\xb6rg"), BAD("", "  ", "a\nb", "a\x1b[1m", "\xff", "a\x7f"));
        expect(rv_value_check_expression, GOOD("up\n\t> 0", "up"), BAD("", " \n", "a\x01", "\xc3"));
}

static void test_urls(void **state) {
        (void)state;
        expect(rv_value_check_url,
               GOOD("http://p", "https://p:9090/prefix", "http://[::1]:9090", "http://10.0.0.1", "http://a_b.c-d"),
               BAD("p:9090", "ftp://p", "http://", "http:///x", "http://u@p", "http://u:p@p", "http://p:0",
                   "http://p:65536", "http://p:x", "http://p:", "http://p x", "http://[::1", "http://[::g]",
                   "http://-p", "http://p?q", "http://p#f", "http://p\n", "HTTP://p", "http://[::1]x"));
        expect(rv_value_check_page, GOOD("https://p/x?a=b#c"), BAD("javascript:alert(1)", "https://p/\"x"));
        expect(rv_value_check_link, GOOD("https://p/{}", "https://p/{}?x=1"),
               BAD("https://p/", "https://p/{}/{}", "ftp://p/{}"));
}

static void test_remotes(void **state) {
        static const char *const ssh[] = {"ssh://git@h/x.git", "ssh://h:22/x", "git@h:x.git", "h:x",
                                          "ssh://git@[::1]:22/x"};
        static const char *const other[] = {"https://h/x.git", "http://h:8080/x", "/srv/x.git", "/srv/a:b"};
        (void)state;
        expect(rv_value_check_remote, GOOD(ssh[0], ssh[1], ssh[2], ssh[3], ssh[4]),
               BAD("", "x", "./x", "file:///x", "git://h/x", "ssh://h", "ssh://-oProxyCommand=x/y",
                   "-oProxyCommand=x:y", "git@-h:x", "-u@h:x", "ssh://git:secret@h/x", "https://token@h/x",
                   "https://u:p@h/x", "h:", ":x", "git@:x", "ssh://h/x y", "ssh://h/$(id)", "h:`id`", "ext::sh -c id",
                   "https://h/x?y", "ssh://h:0/x"));
        expect(rv_value_check_remote, GOOD(other[0], other[1], other[2], other[3]), BAD("\x01"));
        for (size_t i = 0; i < RV_ARRAY_SIZE(ssh); i++)
                assert_true(rv_remote_is_ssh(ssh[i]));
        for (size_t i = 0; i < RV_ARRAY_SIZE(other); i++)
                assert_false(rv_remote_is_ssh(other[i]));
}

static void test_branches(void **state) {
        (void)state;
        expect(rv_value_check_branch, GOOD("main", "env/prod", "release-1.2", "a@b", "x.lock.y"),
               BAD("", "refs/heads/main", "HEAD", "@", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b",
                   "/a", "a/", "a//b", ".a", "a/.b", "a.", "a.lock", "a.lock/b", "a@{1}", "-a", "a\n"));
}

static void test_addresses(void **state) {
        static const char *const loopback[] = {"127.0.0.1:9798", "127.8.8.8:1", "[::1]:9798", "localhost:0"};
        static const char *const open[] = {":9798", "0.0.0.0:9798", "[::]:9798", "10.0.0.1:1", "128.0.0.1:1"};
        (void)state;
        expect(rv_value_check_address, GOOD(loopback[0], loopback[1], loopback[2], loopback[3], open[0], open[2]),
               BAD("", "9798", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", "::1:80", "[::1]",
                   "[::1]80", "host:80", "127.1:80", "[127.0.0.1]:80", "127.0.0.1:99999999999", "[::1:80"));
        for (size_t i = 0; i < RV_ARRAY_SIZE(loopback); i++)
                assert_true(rv_address_is_loopback(loopback[i]));
        for (size_t i = 0; i < RV_ARRAY_SIZE(open); i++)
                assert_false(rv_address_is_loopback(open[i]));
}

static void test_headers(void **state) {
        (void)state;
        expect(rv_value_check_header, GOOD("X-Scope-OrgID: a|b", "X-Empty:"),
               BAD("X-Scope-OrgID", ": x", "X Y: z", "X: a\r\nY: b", "authorization: Bearer x", "Cookie: x", "host: x",
                   "Content-Length: 3"));
}

static void test_matchers(void **state) {
        static const struct {
                const char *text, *name, *value;
                enum rv_match_op op;
        } good[] = {
                {"severity=page", "severity", "page", RV_MATCH_EQ},
                {"severity!=\"a b\"", "severity", "a b", RV_MATCH_NE},
                {" app =~ .+ ", "app", ".+", RV_MATCH_RE},
                {"app!~a|b", "app", "a|b", RV_MATCH_NRE},
                {"app=", "app", "", RV_MATCH_EQ},
                {"app=\"\"", "app", "", RV_MATCH_EQ},
                {"app=\"a\\\"b\\\\c\\nd\"", "app", "a\"b\\c\nd", RV_MATCH_EQ},
                {"app==x", "app", "=x", RV_MATCH_EQ},
        };
        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(good); i++) {
                struct rv_matcher matcher;
                struct rv_error err = {0};
                if (rv_matcher_parse(&matcher, good[i].text, &err) != 0)
                        fail_msg("'%s': %s", good[i].text, err.text);
                assert_string_equal(matcher.name, good[i].name);
                assert_string_equal(matcher.value, good[i].value);
                assert_int_equal(matcher.op, good[i].op);
                assert_int_equal(matcher.regex != NULL, matcher.op == RV_MATCH_RE || matcher.op == RV_MATCH_NRE);
                rv_matcher_done(&matcher);
        }
        static const char *const bad[] = {"",       "app",        "=x",         "1app=x",     "app~x",
                                          "app=~(", "app=~a)|(b", "app=\"x",    "app=\"x\"y", "app=\"x\\\"",
                                          "a b=x",  "app=~*",     "app=~[z-a]", "app=~\\C"};
        for (size_t i = 0; i < RV_ARRAY_SIZE(bad); i++) {
                struct rv_matcher matcher;
                struct rv_error err = {0};
                if (rv_matcher_parse(&matcher, bad[i], &err) != -EINVAL)
                        fail_msg("'%s' is taken", bad[i]);
                assert_true(err.text[0] != '\0');
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),   cmocka_unit_test(test_texts),    cmocka_unit_test(test_urls),
                cmocka_unit_test(test_remotes), cmocka_unit_test(test_branches), cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_headers), cmocka_unit_test(test_matchers),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
