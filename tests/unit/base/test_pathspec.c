#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/cleanup.h"
#include "revertd/pathspec.h"

#include <errno.h>
#include <string.h>

static void checks(void **state) {
        static const char *const good[] = {"a",   "apps/checkout/**", "**",  "*/x", "a..b",
                                           "...", ".hidden",          "a b", "ä/ö"};
        static const char *const bad[] = {"",     "/",    "/a",     "a/",  "a//b",  ".",    "..",    "a/.",
                                          "a/..", "../a", "a/../b", "./a", "a/./b", "a\nb", "a\x7F", "\x1B[31m"};
        char longest[4098];

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(good); i++)
                assert_int_equal(rv_pathspec_check(good[i], NULL), 0);
        for (size_t i = 0; i < RV_ARRAY_SIZE(bad); i++) {
                struct rv_error err = {0};
                if (rv_pathspec_check(bad[i], &err) != -EINVAL)
                        fail_msg("\"%s\" was taken", bad[i]);
                assert_true(err.text[0] != '\0');
        }
        memset(longest, 'x', sizeof(longest));
        longest[4097] = '\0';
        assert_int_equal(rv_pathspec_check(longest, NULL), -EINVAL);
        longest[4096] = '\0';
        assert_int_equal(rv_pathspec_check(longest, NULL), 0);
}

static void matches(void **state) {
        static const struct {
                const char *pattern, *path;
                bool match;
        } cases[] = {
                {"apps/checkout/**", "apps/checkout/deploy.yaml", true},
                {"apps/checkout/**", "apps/checkout/a/b/c", true},
                {"apps/checkout/**", "apps/checkout", false},
                {"apps/checkout/**", "apps/checkout2/a", false},
                {"apps/checkout/**", "x/apps/checkout/a", false},
                {"apps/checkout", "apps/checkout", true},
                {"apps/checkout", "apps/checkout/a/b", true},
                {"apps/checkout", "apps/checkout2", false},
                {"apps/checkout", "apps", false},
                {"**", "a", true},
                {"**", "a/b/c", true},
                {"**/a", "a", true},
                {"**/a", "x/y/a", true},
                {"**/a", "x/a/y", false},
                {"a/**/b", "a/b", true},
                {"a/**/b", "a/x/y/b", true},
                {"a/**/b", "a/x/y/bb", false},
                {"a/**/b", "a", false},
                {"a/**/b/**", "a/x/b/y", true},
                {"a/**/b/**", "a/x/b", false},
                {"a/**/b/**", "a/b/b", true},
                {"**/x/**/y", "x/y/x/z/y", true},
                {"**/x/**/y", "x/y/x/z/z", false},
                {"**/**", "a", true},
                {"a/**/**/b", "a/b", true},
                {"apps/*/deploy.yaml", "apps/x/deploy.yaml", true},
                {"apps/*/deploy.yaml", "apps/x/y/deploy.yaml", false},
                {"apps/*", "apps/x", true},
                {"apps/*", "apps/x/y", false},
                {"apps/*", "apps/.hidden", true},
                {"apps/v?", "apps/v1", true},
                {"apps/v?", "apps/v12", false},
                {"apps/[ab]", "apps/a", true},
                {"apps/[!ab]", "apps/a", false},
                {"apps/\\*", "apps/*", true},
                {"apps/\\*", "apps/x", false},
                {"a**", "abc", true},
                {"a**", "a/b", false},
                {"*", "a", true},
                {"*", "a/b", false},
                {"apps/*", "apps/a\xFF", true},
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++)
                if (rv_pathspec_match(cases[i].pattern, cases[i].path) != cases[i].match)
                        fail_msg("%s and %s", cases[i].pattern, cases[i].path);
}

static void descends(void **state) {
        static const struct {
                const char *pattern, *dir;
                bool could;
        } cases[] = {
                {"apps/checkout/**", "", true},
                {"apps/checkout/**", "apps", true},
                {"apps/checkout/**", "apps/checkout", true},
                {"apps/checkout/**", "apps/checkout/a/b", true},
                {"apps/checkout/**", "apps/other", false},
                {"apps/checkout/**", "infra", false},
                {"apps/checkout", "apps", true},
                {"apps/checkout", "apps/checkout", true},
                {"apps/checkout", "apps/checkout/x", true},
                {"apps/checkout", "apps/checkoutx", false},
                {"apps/*", "apps", true},
                {"apps/*", "apps/x", false},
                {"apps/*/y", "apps/x", true},
                {"**/a", "x/y/z", true},
                {"a/**/b", "a/x", true},
                {"a/**/b", "b", false},
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++)
                if (rv_pathspec_could_match_below(cases[i].pattern, cases[i].dir) != cases[i].could)
                        fail_msg("%s below %s", cases[i].pattern, cases[i].dir);
}

/* could_match_below() may never say no where something below matches. */
static void descends_wherever_it_matches(void **state) {
        static const char *const patterns[] = {"a",   "a/b", "**", "**/b",  "a/**",   "a/**/b",
                                               "*/b", "a/*", "*",  "a/?/b", "**/b/**"};
        static const char *const names[] = {"a", "b"};
        char path[16], dir[16];

        (void)state;
        for (unsigned depth = 1; depth <= 4; depth++)
                for (unsigned bits = 0; bits < 1U << depth; bits++) {
                        path[0] = '\0';
                        for (unsigned i = 0; i < depth; i++) {
                                strcat(path, i > 0 ? "/" : "");
                                strcat(path, names[bits >> i & 1]);
                        }
                        for (size_t p = 0; p < RV_ARRAY_SIZE(patterns); p++) {
                                if (!rv_pathspec_match(patterns[p], path))
                                        continue;
                                strcpy(dir, path);
                                while (strrchr(dir, '/')) {
                                        *strrchr(dir, '/') = '\0';
                                        if (!rv_pathspec_could_match_below(patterns[p], dir))
                                                fail_msg("%s matches %s but not below %s", patterns[p], path, dir);
                                }
                        }
                }
}

static void long_and_many(void **state) {
        enum { N = 2000 };
        _cleanup_free_ char *path = calloc(1, 2 * N + 6000);
        char pattern[4096] = "";

        (void)state;
        for (size_t i = 0; i < N; i++)
                memcpy(path + 2 * i, "a/", 2);
        for (size_t i = 0; i < 800; i++)
                memcpy(pattern + 5 * i, "**/a/", 5);
        memcpy(pattern + 4000, "b", 2);
        strcat(path, "a");
        assert_false(rv_pathspec_match(pattern, path)); /* and does not take for ever */
        memset(path, 'x', 5000);
        path[5000] = '\0';
        assert_false(rv_pathspec_match("*", path)); /* a name that no pattern can be as long as */
        assert_true(rv_pathspec_match("**", path));
}

static void any(void **state) {
        static const char *const patterns[] = {"a/**", "b"};

        (void)state;
        assert_true(rv_pathspec_match_any(patterns, 2, "b/x"));
        assert_false(rv_pathspec_match_any(patterns, 1, "b/x"));
        assert_false(rv_pathspec_match_any(NULL, 0, "b/x"));
        assert_true(rv_pathspec_could_match_below_any(patterns, 2, "b"));
        assert_false(rv_pathspec_could_match_below_any(patterns, 2, "c"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(checks),        cmocka_unit_test(matches),
                cmocka_unit_test(descends),      cmocka_unit_test(descends_wherever_it_matches),
                cmocka_unit_test(long_and_many), cmocka_unit_test(any),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
