/* The plot of a breach: whatever its values are, it can be drawn, and says when they are bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ctl/verbs.h"

#include "revertd/cleanup.h"

#include <stdlib.h>
#include <string.h>

static void plots(const char *op, const char *threshold, const char *first, const char *second, const char *wanted) {
        _cleanup_free_ char *text = NULL, *page = NULL;
        _cleanup_json_ json_t *report = NULL;
        size_t n;

        assert_true(
                asprintf(&text,
                         "{\"breaches\":[{\"rule\":\"r\",\"breach\":\"%s\",\"threshold\":%s,\"points\":[[60000000,%s],"
                         "[120000000,%s]]}]}",
                         op, threshold, first, second) > 0);
        report = json_loads(text, 0, NULL);
        assert_non_null(report);
        FILE *f = open_memstream(&page, &n);
        assert_non_null(f);
        backtest_print_html(f, report);
        fclose(f);
        const char *plot = strstr(page, "<svg");
        assert_non_null(plot);
        if (!strstr(plot, wanted) || strstr(plot, "nan") || strstr(plot, "inf"))
                fail_msg("not \"%s\", or no numbers, in:\n%s", wanted, plot);
}

static void every_value_can_be_drawn(void **state) {
        (void)state;
        plots(">", "0.05", "0.01", "0.4", "From 0.01 to 0.4, bad when &gt; 0.05;");
        plots("<=", "3", "5", "2", "From 2 to 5, bad when &lt;= 3;");
        plots(">=", "1e18", "1e18", "1e18", "bad when &gt;= 1000000000000000000;");
        plots("!=", "0", "0", "0", "From 0 to 0, bad when != 0;");
        plots("<", "1e308", "-1.7e308", "1.7e308", "From -1.7e+308 to 1.7e+308, bad when &lt; 1e+308;");
        plots(">", "1", "\"+Inf\"", "\"NaN\"", "From 1 to 1, bad when &gt; 1;");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_value_can_be_drawn),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
