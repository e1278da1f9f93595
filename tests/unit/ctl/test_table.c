#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ctl/table.h"
#include "revertd/cleanup.h"

#include <stdlib.h>
#include <string.h>

static const char *const titles[] = {"ID", "SUBJECT", "STATE"};

static char *print(const struct table *table, size_t width) {
        char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);

        assert_non_null(f);
        assert_int_equal(table_print(table, f, width), 0);
        fclose(f);
        return text;
}

static struct table *make(const char *const (*rows)[3], size_t n) {
        struct table *table = table_new(titles, 3);

        assert_non_null(table);
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < 3; k++)
                        table_add(table, PLAIN, rows[i][k]);
        return table;
}

static void aligns(void **state) {
        static const char *const rows[][3] = {{"7f3c", "a longer one", "open"}, {"1", "b", "recovered"}};
        struct table *table = make(rows, 2);
        _cleanup_free_ char *text = print(table, 0);

        (void)state;
        assert_string_equal(text, "ID    SUBJECT       STATE\n"
                                  "7f3c  a longer one  open\n"
                                  "1     b             recovered\n");
        table_free(table);
}

/* A character may be two bytes and one column, or three and two. */
static void counts_columns_not_bytes(void **state) {
        static const char *const rows[][3] = {{"ä", "日本", "x"}, {"bb", "abcd", "y"}};
        struct table *table = make(rows, 2);
        _cleanup_free_ char *text = print(table, 0);

        (void)state;
        assert_string_equal(text, "ID  SUBJECT  STATE\n"
                                  "ä   日本     x\n"
                                  "bb  abcd     y\n");
        table_free(table);
}

static void empty_cells_have_a_dash(void **state) {
        static const char *const rows[][3] = {{NULL, "", "x"}};
        struct table *table = make(rows, 1);
        _cleanup_free_ char *text = print(table, 0);

        (void)state;
        assert_string_equal(text, "ID  SUBJECT  STATE\n"
                                  "-   -        x\n");
        table_free(table);
}

static void hostile_cells_stay_in_theirs(void **state) {
        static const char *const rows[][3] = {{"1\n2", "\x1B[31mred\x1B[2J\xE2\x80\xAE", "a\tb\r\x07"}};
        struct table *table = make(rows, 1);
        _cleanup_free_ char *text = print(table, 0);

        (void)state;
        assert_string_equal(text, "ID   SUBJECT       STATE\n"
                                  "1 2   [31mred [2J  a b  \n");
        table_free(table);
}

static void cuts_lines(void **state) {
        static const char *const rows[][3] = {{"7f3c", "a longer one", "recovered"}, {"8", "日本日本日本", "x"}};
        struct table *table = make(rows, 2);

        (void)state;
        for (size_t width = 1; width < 40; width++) {
                _cleanup_free_ char *text = print(table, width);
                for (char *rest = text, *line; (line = strsep(&rest, "\n")) && *line;) {
                        size_t columns = 0;
                        for (const unsigned char *c = (unsigned char *)line; *c; c++)
                                columns += (*c & 0xC0) == 0x80 ? 0 : *c >= 0xE3 ? 2 : 1;
                        if (columns > width)
                                fail_msg("%zu columns instead of %zu: %s", columns, width, line);
                }
        }
        _cleanup_free_ char *text = print(table, 20);
        assert_string_equal(text, "ID    SUBJECT\n"
                                  "7f3c  a longer one\n"
                                  "8     日本日本日本\n");
        table_free(table);
}

static void many_rows(void **state) {
        struct table *table = table_new(titles, 3);
        size_t n = 0;

        (void)state;
        for (int i = 0; i < 3 * 1000; i++)
                table_addf(table, PLAIN, "%d", i);
        _cleanup_free_ char *text = print(table, 0);
        for (const char *c = text; *c; c++)
                n += *c == '\n';
        assert_int_equal(n, 1001);
        assert_non_null(strstr(text, "2997  2998     2999\n"));
        table_free(table);
        assert_null(table_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(aligns),
                cmocka_unit_test(counts_columns_not_bytes),
                cmocka_unit_test(empty_cells_have_a_dash),
                cmocka_unit_test(hostile_cells_stay_in_theirs),
                cmocka_unit_test(cuts_lines),
                cmocka_unit_test(many_rows),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
