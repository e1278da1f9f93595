#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/cleanup.h"
#include "revertd/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static char first[] = "/tmp/revertd-test-XXXXXX", second[] = "/tmp/revertd-test-XXXXXX";

static void put(const char *directory, const char *name, const char *bytes, size_t n) {
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(bytes, 1, n, f), n);
        assert_int_equal(fclose(f), 0);
}

static void check(const char *directory, const char *name, int expected, const char *secret) {
        struct rv_error err = {0};
        char *got = NULL;

        int r = rv_credential_read(directory, name, &got, &err);
        if (r != expected)
                fail_msg("%s: %d instead of %d: %s", name, r, expected, err.text);
        if (r == 0)
                assert_string_equal(got, secret);
        else
                assert_non_null(strstr(err.text, r == -EINVAL && strchr(name, '/') ? "name" : name));
        rv_credential_free(got);
}

static int make_directories(void **state) {
        (void)state;
        return mkdtemp(first) && mkdtemp(second) ? setenv("CREDENTIALS_DIRECTORY", first, 1) : -1;
}

static int remove_directories(void **state) {
        char command[256];

        (void)state;
        snprintf(command, sizeof(command), "rm -r %s %s", first, second);
        return system(command);
}

static void names(void **state) {
        static const char *const good[] = {"a", "slack-token", "A.b_c-9", "-x"};
        static const char *const bad[] = {"",    ".",   "..", ".x",   "a/b", "../x", "/etc/passwd",
                                          "a b", "a\n", "ä",  "a\x1B"};
        char longest[130];

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(good); i++)
                assert_int_equal(rv_credential_check_name(good[i], NULL), 0);
        for (size_t i = 0; i < RV_ARRAY_SIZE(bad); i++)
                assert_int_equal(rv_credential_check_name(bad[i], NULL), -EINVAL);
        memset(longest, 'x', sizeof(longest));
        longest[129] = '\0';
        assert_int_equal(rv_credential_check_name(longest, NULL), -EINVAL);
        longest[128] = '\0';
        assert_int_equal(rv_credential_check_name(longest, NULL), 0);
        check(second, "../x", -EINVAL, NULL);
}

static void reads(void **state) {
        (void)state;
        put(first, "a", "s3cret\n", 7);
        put(first, "two", "line 1\nline 2\n\n", 15);
        put(second, "b", "other", 5);
        put(second, "a", "never read", 10);
        check(second, "a", 0, "s3cret");
        check(second, "two", 0, "line 1\nline 2\n");
        check(second, "b", 0, "other");
        check(NULL, "b", -ENOENT, NULL);
        check(second, "none", -ENOENT, NULL);
}

static void refuses(void **state) {
        _cleanup_free_ char *big = calloc(1, RV_CREDENTIAL_BYTES_MAX + 2);
        char path[256];

        (void)state;
        put(first, "empty", "", 0);
        put(first, "newline", "\n", 1);
        put(first, "nul", "a\0b", 3);
        memset(big, 'x', RV_CREDENTIAL_BYTES_MAX + 1);
        put(first, "big", big, RV_CREDENTIAL_BYTES_MAX + 1);
        put(first, "largest", big, RV_CREDENTIAL_BYTES_MAX);
        snprintf(path, sizeof(path), "%s/fifo", first);
        assert_int_equal(mkfifo(path, 0600), 0);
        snprintf(path, sizeof(path), "%s/folder", first);
        assert_int_equal(mkdir(path, 0700), 0);
        snprintf(path, sizeof(path), "%s/device", first);
        assert_int_equal(symlink("/dev/zero", path), 0);
        check(NULL, "empty", -EINVAL, NULL);
        check(NULL, "newline", -EINVAL, NULL);
        check(NULL, "nul", -EINVAL, NULL);
        check(NULL, "big", -E2BIG, NULL);
        check(NULL, "fifo", -EINVAL, NULL); /* and does not wait for a writer */
        check(NULL, "folder", -EINVAL, NULL);
        check(NULL, "device", -EINVAL, NULL);
        big[RV_CREDENTIAL_BYTES_MAX] = '\0';
        check(NULL, "largest", 0, big);
}

static void paths(void **state) {
        _cleanup_free_ char *path = NULL;
        struct rv_error err = {0};
        char expected[256];

        (void)state;
        put(second, "key", "k", 1);
        assert_int_equal(rv_credential_path(second, "key", &path, &err), 0);
        snprintf(expected, sizeof(expected), "%s/key", second);
        assert_string_equal(path, expected);
        unsetenv("CREDENTIALS_DIRECTORY");
        char *none = NULL;
        assert_int_equal(rv_credential_path(NULL, "key", &none, &err), -ENOENT);
        assert_non_null(strstr(err.text, "$CREDENTIALS_DIRECTORY"));
        setenv("CREDENTIALS_DIRECTORY", first, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names),
                cmocka_unit_test(reads),
                cmocka_unit_test(refuses),
                cmocka_unit_test(paths),
        };

        return cmocka_run_group_tests(tests, make_directories, remove_directories);
}
