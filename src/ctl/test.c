/* revertctl test */
#include "ctl/verbs.h"

#include "ctl/paint.h"
#include "ctl/say.h"

#include "revertd/cleanup.h"
#include "revertd/lab.h"

static void print_lines(const json_t *lines, const char *indent) {
        const json_t *line;
        size_t i;

        json_array_foreach (lines, i, line) {
                fputs(indent, stdout);
                paint_text(stdout, json_string_value(line));
                putchar('\n');
        }
}

/* Of a test that failed: what was missed, and what happened instead. */
static void print_failed(const json_t *test) {
        fputs("  ", stdout);
        paint_text(stdout, rv_json_string(test, "name", ""));
        putchar('\n');
        print_lines(json_object_get(test, "failures"), "    ");
        if (json_array_size(json_object_get(test, "story")) > 0)
                puts("    What happened:");
        print_lines(json_object_get(test, "story"), "      ");
}

/* What people would read of each incident, as it was when the test ended. */
static void print_incidents(const struct args *args, const json_t *test) {
        const json_t *seen;
        size_t i;

        printf("\n%s# ", paint_begin(stdout, BOLD));
        paint_text(stdout, rv_json_string(test, "name", ""));
        printf("%s\n", paint_end(stdout, BOLD));
        if (json_array_size(json_object_get(test, "incidents")) == 0)
                puts("\nNo incident.");
        json_array_foreach (json_object_get(test, "incidents"), i, seen) {
                putchar('\n');
                incident_print(stdout, json_object_get(seen, "incident"), json_object_get(seen, "transitions"),
                               rv_json_string(seen, "breach", NULL), args->diff, rv_json_int(test, "end_usec", 0));
        }
}

static bool is_good(const json_t *report) {
        return rv_json_int(report, "failed", 0) == 0 && json_array_size(json_object_get(report, "errors")) == 0;
}

static void print_report(const struct args *args, const json_t *report) {
        const json_t *tests = json_object_get(report, "tests"), *test;
        bool good = is_good(report);
        size_t i;

        fputs("Testing ", stdout);
        paint_text(stdout, rv_json_string(report, "file", ""));
        printf("  %s%s%s", paint_begin(stdout, good ? GREEN : RED), good ? "SUCCESS" : "FAILED",
               paint_end(stdout, good ? GREEN : RED));
        if (json_array_size(tests) > 0)
                printf("  %lld of %zu", (long long)rv_json_int(report, "passed", 0), json_array_size(tests));
        putchar('\n');
        print_lines(json_object_get(report, "errors"), "  ");
        json_array_foreach (tests, i, test) {
                if (json_array_size(json_object_get(test, "failures")) > 0)
                        print_failed(test);
                if (args->show)
                        print_incidents(args, test);
        }
}

int verb_test(const struct args *args) {
        _cleanup_json_ json_t *all = json_array();
        struct rv_error err = {0};
        int n_bad = 0;

        if (!all)
                return ctl_oom();
        for (int i = 0; i < args->n_operands; i++) {
                _cleanup_json_ json_t *report = NULL;

                if (rv_lab_test_file(args->operand[i], &report, &err) < 0)
                        return ctl_fail(&err);
                n_bad += !is_good(report);
                if (args->output == CTL_JSON && json_array_append(all, report) < 0)
                        return ctl_oom();
                if (args->output != CTL_JSON)
                        print_report(args, report);
        }
        return ctl_end_files(args->output == CTL_JSON ? all : NULL, n_bad, args->n_operands, "failed");
}
