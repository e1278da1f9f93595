#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/error.h"
#include "revertd/text.h"

#include <errno.h>
#include <string.h>

static void grows_to_the_left(void **state) {
        struct rv_error err = {0};

        (void)state;
        assert_int_equal(rv_error_set(&err, -EACCES, "refused by the server: %s", "protected branch"), -EACCES);
        assert_int_equal(rv_error_prefix(&err, -EACCES, "push"), -EACCES);
        assert_int_equal(rv_error_prefix(&err, -EACCES, "repository %s", "fleet"), -EACCES);
        assert_string_equal(err.text, "repository fleet: push: refused by the server: protected branch");
}

static void takes_no_error(void **state) {
        (void)state;
        assert_int_equal(rv_error_set(NULL, -EIO, "%d", 1), -EIO);
        assert_int_equal(rv_error_prefix(NULL, -EIO, "x"), -EIO);
        assert_int_equal(rv_error_oom(NULL), -ENOMEM);
}

static void own_text_as_argument(void **state) {
        struct rv_error err = {0};

        (void)state;
        rv_error_set(&err, -EIO, "inner");
        rv_error_set(&err, -EIO, "outer (%s)", err.text);
        assert_string_equal(err.text, "outer (inner)");
}

static void prefix_without_text_names_the_code(void **state) {
        struct rv_error err = {0};

        (void)state;
        rv_error_prefix(&err, -ENOENT, "mirror");
        assert_string_equal(err.text, "mirror: No such file or directory");
}

static void cut_between_characters(void **state) {
        char text[2 * RV_ERROR_TEXT_MAX];

        (void)state;
        for (size_t shift = 0; shift < 4; shift++) {
                struct rv_error err = {0};
                memset(text, 'x', shift);
                for (size_t i = shift; i + 4 < sizeof(text); i += 4)
                        memcpy(text + i, "\xF0\x9F\x92\xA5", 5);
                rv_error_set(&err, -EIO, "%s", text);
                assert_true(strlen(err.text) >= RV_ERROR_TEXT_MAX - 4);
                assert_true(rv_text_is_utf8(err.text, strlen(err.text)));
                rv_error_prefix(&err, -EIO, "a longer prefix");
                assert_true(strncmp(err.text, "a longer prefix: ", 17) == 0);
                assert_true(rv_text_is_utf8(err.text, strlen(err.text)));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(grows_to_the_left),      cmocka_unit_test(takes_no_error),
                cmocka_unit_test(own_text_as_argument),   cmocka_unit_test(prefix_without_text_names_the_code),
                cmocka_unit_test(cut_between_characters),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
