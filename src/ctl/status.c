/* revertctl status */
#include "ctl/verbs.h"

#include "ctl/api.h"
#include "ctl/say.h"
#include "ctl/table.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <string.h>

static void print_daemon(const json_t *status, int64_t now_usec) {
        bool is_ready = rv_json_bool(status, "ready", false);
        enum colour colour = is_ready ? GREEN : RED;
        char buf[RV_DURATION_TEXT_MAX];
        int64_t started_usec = 0;

        fputs("revertd ", stdout);
        paint_text(stdout, rv_json_string(status, "version", "?"));
        fputs(" (revision ", stdout);
        paint_text(stdout, rv_json_string(status, "revision", "?"));
        fputs(")", stdout);
        if (rv_time_parse(rv_json_string(status, "started", ""), &started_usec) == 0 && started_usec > 0 &&
            now_usec > started_usec)
                printf(", up %s", rv_duration_humanize(now_usec - started_usec, buf));
        printf(": %s%s%s", paint_begin(stdout, colour), is_ready ? "ready" : "not ready", paint_end(stdout, colour));
        const char *reason = rv_json_string(status, "reason", NULL);
        if (reason) {
                fputs(": ", stdout);
                paint_text(stdout, reason);
        }
        putchar('\n');
}

static void print_failure(const char *what, const char *name, const char *error) {
        printf("%s%s", paint_begin(stdout, RED), what);
        paint_text(stdout, name);
        printf("%s: ", paint_end(stdout, RED));
        paint_text(stdout, error);
        putchar('\n');
}

/* What revertd does not see or cannot tell: it is ready all the same, and no incident is what it would show. */
static void print_failures(const json_t *status) {
        const json_t *rules = json_object_get(status, "rules"), *part;
        long long failing = rv_json_int(rules, "failing", 0), all = rv_json_int(rules, "count", 0);
        size_t i;

        if (failing > 0) {
                printf("%s%lld of %lld rule%s cannot be evaluated%s: ", paint_begin(stdout, RED), failing, all,
                       all == 1 ? "" : "s", paint_end(stdout, RED));
                paint_text(stdout, rv_json_string(rules, "failing_rule", "?"));
                fputs(": ", stdout);
                paint_text(stdout, rv_json_string(rules, "failing_error", "?"));
                puts(failing > 1 ? " (revertctl rules shows all)" : "");
        }
        json_array_foreach (json_object_get(status, "repositories"), i, part)
                if (rv_json_string(part, "error", NULL))
                        print_failure("Cannot read repository ", rv_json_string(part, "name", "?"),
                                      rv_json_string(part, "error", NULL));
        json_array_foreach (json_object_get(status, "repositories"), i, part)
                if (rv_json_string(part, "progress", NULL)) {
                        fputs("Fetching repository ", stdout);
                        paint_text(stdout, rv_json_string(part, "name", "?"));
                        fputs(": ", stdout);
                        paint_text(stdout, rv_json_string(part, "progress", NULL));
                        putchar('\n');
                }
        json_array_foreach (json_object_get(status, "receivers"), i, part)
                if (rv_json_string(part, "error", NULL))
                        print_failure("Cannot notify receiver ", rv_json_string(part, "name", "?"),
                                      rv_json_string(part, "error", NULL));
}

static void print_open(const json_t *counts) {
        const char *state, *separator = "";
        json_t *count;
        json_int_t all = 0;

        json_object_foreach ((json_t *)counts, state, count)
                all += json_integer_value(count);
        if (all == 0) {
                puts("No incident is open.");
                return;
        }
        printf("%s%lld open:%s ", paint_begin(stdout, BOLD), (long long)all, paint_end(stdout, BOLD));
        json_object_foreach ((json_t *)counts, state, count) {
                if (json_integer_value(count) == 0)
                        continue;
                printf("%s%lld ", separator, (long long)json_integer_value(count));
                paint_text(stdout, state);
                separator = ", ";
        }
        puts(" (revertctl incidents --state open)");
}

static int print_repositories(const json_t *repositories, int64_t now_usec) {
        static const char *const titles[] = {"REPOSITORY", "BRANCH", "HEAD", "READ", "BUDGET", "STATE"};
        struct table *table = table_new(titles, RV_ARRAY_SIZE(titles));
        const json_t *r;
        size_t i;

        if (!table)
                return -1;
        json_array_foreach (repositories, i, r) {
                const char *error = rv_json_string(r, "error", NULL);
                bool is_paused = rv_json_bool(r, "paused", false);
                char ago[PAINT_TIME_MAX];
                int64_t read_usec = 0;

                if (rv_time_parse(rv_json_string(r, "last_sync", ""), &read_usec) < 0)
                        read_usec = 0;
                table_add(table, PLAIN, rv_json_string(r, "name", NULL));
                table_add(table, PLAIN, rv_json_string(r, "branch", NULL));
                table_addf(table, PLAIN, "%.10s", rv_json_string(r, "head", ""));
                table_add(table, PLAIN, paint_ago(read_usec, now_usec, ago));
                table_addf(table, PLAIN, "%lld of %lld used", (long long)rv_json_int(r, "budget_used", 0),
                           (long long)rv_json_int(r, "budget", 0));
                table_add(table,
                          error       ? RED
                          : is_paused ? YELLOW
                                      : GREEN,
                          error       ? "failing"
                          : is_paused ? "paused"
                                      : "ok");
        }
        int status = table_print(table, stdout, 0);
        table_free(table);
        return status;
}

static int print_receivers(const json_t *receivers) {
        static const char *const titles[] = {"RECEIVER", "QUEUED", "UNDELIVERABLE"};
        struct table *table = table_new(titles, RV_ARRAY_SIZE(titles));
        const json_t *r;
        size_t i;

        if (!table)
                return -1;
        json_array_foreach (receivers, i, r) {
                long long lost = rv_json_int(r, "undeliverable", 0);
                table_add(table, PLAIN, rv_json_string(r, "name", NULL));
                table_addf(table, PLAIN, "%lld", (long long)rv_json_int(r, "queued", 0));
                table_addf(table, lost > 0 ? RED : PLAIN, "%lld", lost);
        }
        int status = table_print(table, stdout, 0);
        table_free(table);
        return status;
}

int verb_status(const struct args *args) {
        _cleanup_json_ json_t *status = NULL;
        struct rv_error err = {0};
        int64_t now_usec = rv_clock_realtime_usec();

        if (api_call(args, "GET", "/api/v1/status", NULL, &status, &err) < 0)
                return ctl_fail(&err);
        if (args->output == CTL_JSON)
                return ctl_print_json(status);
        print_daemon(status, now_usec);
        print_failures(status);
        pauses_print(json_object_get(status, "pauses"), now_usec);
        print_open(json_object_get(status, "incidents"));
        putchar('\n');
        if (print_repositories(json_object_get(status, "repositories"), now_usec) < 0)
                return ctl_oom();
        printf("All repositories together: %lld of %lld pushes in 24 hours used.\n",
               (long long)rv_json_int(status, "budget_used", 0), (long long)rv_json_int(status, "budget", 0));
        if (json_array_size(json_object_get(status, "receivers")) > 0) {
                putchar('\n');
                if (print_receivers(json_object_get(status, "receivers")) < 0)
                        return ctl_oom();
        }
        return CTL_OK;
}
