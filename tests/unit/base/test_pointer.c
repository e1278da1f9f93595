#include "revertd/pointer.h"

#include "revertd/cleanup.h"
#include "revertd/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The examples of RFC 6901, section 5, and what points nowhere. */
static void test_get(void **state) {
        static const char document[] = "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,"
                                       "\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8,\"o\":{\"p\":{\"~1\":9}}}";
        static const struct {
                const char *pointer;
                int value; /* -1: there is nothing */
        } cases[] = {{"/", 0},        {"/a~1b", 1},           {"/c%d", 2},    {"/e^f", 3},      {"/g|h", 4},
                     {"/i\\j", 5},    {"/k\"l", 6},           {"/ ", 7},      {"/m~0n", 8},     {"/o/p/~01", 9},
                     {"/none", -1},   {"/foo/2", -1},         {"/foo/-", -1}, {"/foo/", -1},    {"/foo/00", -1},
                     {"/foo/01", -1}, {"/foo/0x", -1},        {"/o/p/", -1},  {"/foo/bar", -1}, {"/ /x", -1},
                     {"//", -1},      {"/foo/9999999999", -1}};
        _cleanup_json_ json_t *root = NULL;
        (void)state;

        assert_int_equal(rv_json_parse(&root, document, strlen(document), 100, NULL), 0);
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++) {
                assert_int_equal(rv_pointer_check(cases[i].pointer, NULL), 0);
                const json_t *found = rv_pointer_get(root, cases[i].pointer);
                if ((found != NULL) != (cases[i].value >= 0) || (found && json_integer_value(found) != cases[i].value))
                        fail_msg("%s", cases[i].pointer);
        }
        assert_ptr_equal(rv_pointer_get(root, ""), root);
        assert_string_equal(json_string_value(rv_pointer_get(root, "/foo/0")), "bar");
        assert_int_equal(json_array_size(rv_pointer_get(root, "/foo")), 2);
}

static void test_check(void **state) {
        static const char *const wrong[] = {"a", "a/b", "/a~", "/a~2", "/~~0"};
        char text[RV_POINTER_BYTES_MAX + 2];
        struct rv_error err;
        (void)state;

        for (size_t i = 0; i < RV_ARRAY_SIZE(wrong); i++) {
                assert_int_equal(rv_pointer_check(wrong[i], &err), -EINVAL);
                assert_non_null(strstr(err.text, wrong[i]));
        }
        memset(text, 'a', sizeof(text));
        text[0] = '/';
        text[sizeof(text) - 1] = '\0';
        assert_int_equal(rv_pointer_check(text, &err), -EINVAL);
        text[sizeof(text) - 2] = '\0';
        assert_int_equal(rv_pointer_check(text, &err), 0);
        assert_null(rv_pointer_get(NULL, text));
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_get), cmocka_unit_test(test_check)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
