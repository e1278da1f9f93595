/* Every example configuration that people can copy is one that loads: contrib/examples and the blocks of the guides. */
#include "config/load.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char *read_file(const char *path) {
        char *text = NULL;
        size_t n = 0;
        FILE *f = fopen(path, "re");
        if (!f)
                fail_msg("%s: %s", path, strerror(errno));
        ssize_t k = getdelim(&text, &n, '\0', f);
        fclose(f);
        assert_true(k > 0);
        return text;
}

static void assert_loads(const char *name, const char *text) {
        struct rv_config *config = NULL;
        struct rv_config_errors errors = {0};
        int r = rv_config_load_text(&config, name, text, strlen(text), &errors);
        for (size_t i = 0; i < errors.n; i++)
                print_error("%s\n", errors.text[i]);
        rv_config_errors_done(&errors);
        if (r < 0)
                fail_msg("%s:\n%s", name, text);
        rv_config_unref(config);
}

static void test_contrib_examples(void **state) {
        glob_t found;
        (void)state;
        assert_int_equal(glob(RV_SOURCE_DIR "/contrib/examples/*.conf", 0, NULL, &found), 0);
        for (size_t i = 0; i < found.gl_pathc; i++) {
                _cleanup_free_ char *text = read_file(found.gl_pathv[i]);
                assert_loads(found.gl_pathv[i], text);
        }
        globfree(&found);
}

/* What a block may leave out. */
static const struct {
        const char *key, *text;
} rest[] = {
        {"repositories:", "repositories: ( { name = \"fleet\"; url = \"/srv/fleet.git\"; } );\n"},
        {"prometheus:", "prometheus: ( { name = \"prod\"; url = \"http://127.0.0.1:9090\"; } );\n"},
};

static void assert_block_loads(const char *page, const char *block) {
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);
        assert_non_null(f);
        fputs(block, f);
        for (size_t i = 0; i < RV_ARRAY_SIZE(rest); i++)
                if (!strstr(block, rest[i].key))
                        fputs(rest[i].text, f);
        fclose(f);
        assert_loads(page, text);
        free(text);
}

static void assert_page_loads(const char *page, size_t at_least) {
        static const char fence[] = "\n```conf\n", end[] = "\n```\n";
        _cleanup_free_ char *path = NULL;
        assert_true(asprintf(&path, RV_SOURCE_DIR "/docs/%s", page) > 0);
        _cleanup_free_ char *text = read_file(path);
        size_t blocks = 0;
        for (char *p = strstr(text, fence); p; p = strstr(p, fence)) {
                p += strlen(fence);
                char *stop = strstr(p, end);
                assert_non_null(stop);
                *stop = '\0';
                assert_block_loads(page, p);
                p = stop + 1;
                blocks++;
        }
        assert_true(blocks >= at_least);
}

static void test_guides(void **state) {
        (void)state;
        assert_page_loads("../README.md", 1);
        assert_page_loads("configuration.md", 7);
        assert_page_loads("rules.md", 5);
}

/* The manual pages' examples, between .Bd -literal and .Ed in EXAMPLES. */
static void assert_manual_loads(const char *page, size_t blocks) {
        _cleanup_free_ char *path = NULL;
        assert_true(asprintf(&path, RV_SOURCE_DIR "/docs/man/%s", page) > 0);
        _cleanup_free_ char *text = read_file(path);
        char *p = strstr(text, ".Sh EXAMPLES\n");
        assert_non_null(p);
        for (p = strstr(p, ".Bd -literal\n"); p; p = strstr(p, ".Bd -literal\n")) {
                p += strlen(".Bd -literal\n");
                char *stop = strstr(p, ".Ed\n");
                assert_non_null(stop);
                *stop = '\0';
                /* \e is the backslash of a manual page. */
                for (char *e = strstr(p, "\\e"); e; e = strstr(e + 1, "\\e"))
                        memmove(e + 1, e + 2, strlen(e + 2) + 1);
                assert_block_loads(page, p);
                p = stop + 1;
                blocks--;
        }
        assert_int_equal(blocks, 0);
}

static void test_manual_pages(void **state) {
        (void)state;
        assert_manual_loads("revertd.conf.5", 1);
        assert_manual_loads("revertd.rules.5", 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_contrib_examples),
                cmocka_unit_test(test_guides),
                cmocka_unit_test(test_manual_pages),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
