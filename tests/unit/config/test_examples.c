/* Every example configuration that people can copy is one that loads: contrib/examples and the blocks of the guides. */
#include "config/load.h"

#include "revertd/cleanup.h"

#include "../guide.h"

#include <glob.h>

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
                _cleanup_free_ char *text = guide_read(found.gl_pathv[i]);
                assert_loads(found.gl_pathv[i], text);
        }
        globfree(&found);
}

static void assert_block_loads(const char *page, const char *block) {
        _cleanup_free_ char *text = guide_complete(block);
        assert_loads(page, text);
}

static void assert_page_loads(const char *page, size_t at_least) {
        _cleanup_free_ char *path = NULL;
        assert_true(asprintf(&path, RV_SOURCE_DIR "/docs/%s", page) > 0);
        _cleanup_free_ char *text = guide_read(path);
        size_t blocks = 0;
        char *p = text;
        for (char *block; (block = guide_block(&p, "\n```conf", "\n```\n", NULL)); blocks++)
                assert_block_loads(page, block);
        assert_true(blocks >= at_least);
}

static void test_guides(void **state) {
        (void)state;
        assert_page_loads("../README.md", 1);
        assert_page_loads("configuration.md", 7);
        assert_page_loads("rules.md", 6);
        assert_page_loads("events.md", 3);
}

static void assert_manual_loads(const char *page, size_t blocks) {
        _cleanup_free_ char *path = NULL;
        assert_true(asprintf(&path, RV_SOURCE_DIR "/docs/man/%s", page) > 0);
        _cleanup_free_ char *text = guide_read(path);
        char *p = text;
        for (char *block; (block = guide_manual_block(&p)); blocks--)
                assert_block_loads(page, block);
        assert_int_equal(blocks, 0);
}

static void test_manual_pages(void **state) {
        (void)state;
        assert_manual_loads("revertd.conf.5", 2);
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
