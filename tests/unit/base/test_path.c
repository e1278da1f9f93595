#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/cleanup.h"
#include "revertd/path.h"

#include <errno.h>
#include <unistd.h>

static void expect_at(const char *directory, const char *path, const char *expected) {
        _cleanup_free_ char *found = NULL;

        assert_int_equal(chdir(directory), 0);
        assert_int_equal(rv_path_absolute(path, &found, NULL), 0);
        assert_string_equal(found, expected);
}

static void begins_at_the_root(void **state) {
        (void)state;
        expect_at("/usr", "/var/lib/revertd", "/var/lib/revertd");
        expect_at("/usr", "not-there/state", "/usr/not-there/state");
        expect_at("/usr", "./state", "/usr/state");
        expect_at("/usr", ".//./state", "/usr/state");
        expect_at("/usr", "../state", "/usr/../state");
        expect_at("/usr", ".state", "/usr/.state");
        expect_at("/usr", ".", "/usr/.");
        expect_at("/", "state", "/state");
}

static void refuses_nothing(void **state) {
        struct rv_error err = {0};
        char *found = NULL;

        (void)state;
        assert_int_equal(rv_path_absolute("", &found, &err), -EINVAL);
        assert_null(found);
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(begins_at_the_root), cmocka_unit_test(refuses_nothing)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
