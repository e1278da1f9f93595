/* revertctl backtest */
#include "ctl/verbs.h"

#include "ctl/asker.h"
#include "ctl/paint.h"
#include "ctl/say.h"
#include "ctl/table.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/lab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EVALUATIONS_MAX = 2000000 };
#define ALERTS_EVERY_USEC (15 * RV_USEC_PER_SEC)

struct plan {
        const struct args *args;
        struct rv_backtest *b; /* the asker's */
        bool *rules;
};

/* -- what is meant -- */

static int parse_time(const char *option, const char *text, int64_t *ret, struct rv_error *err) {
        _cleanup_free_ char *day = NULL;

        if (asprintf(&day, "%sT00:00:00Z", text) < 0) {
                day = NULL;
                return rv_error_oom(err);
        }
        if (rv_time_parse(text, ret) == 0 || rv_time_parse(day, ret) == 0)
                return 0;
        return rv_error_set(err, -EINVAL, "--%s: not a time such as 2026-03-01 or 2026-03-01T10:00:00Z: %s", option,
                            text);
}

static int find_times(struct plan *a, struct rv_error *err) {
        int64_t now_usec = rv_clock_realtime_usec(), span_usec;
        int r = 0;

        a->b->to_usec = now_usec;
        if (a->args->to)
                r = parse_time("to", a->args->to, &a->b->to_usec, err);
        if (r < 0)
                return r;
        if (!a->args->from == !a->args->last)
                return rv_error_set(err, -EINVAL, "say either --from or --last: where the range begins");
        if (a->args->from)
                r = parse_time("from", a->args->from, &a->b->from_usec, err);
        else if (rv_duration_parse(a->args->last, &span_usec) < 0 || span_usec > a->b->to_usec)
                r = rv_error_set(err, -EINVAL, "--last: not a duration such as 30d: %s", a->args->last);
        else
                a->b->from_usec = a->b->to_usec - span_usec;
        if (r < 0)
                return r;
        if (a->b->to_usec > now_usec)
                return rv_error_set(err, -EINVAL, "the range ends in the future");
        if (a->b->from_usec >= now_usec)
                return rv_error_set(err, -EINVAL, "the range begins in the future");
        if (a->b->from_usec >= a->b->to_usec)
                return rv_error_set(err, -EINVAL, "the range ends before it begins");
        a->b->from_usec -= a->b->from_usec % RV_USEC_PER_SEC;
        return 0;
}

static int take_rule(struct plan *a, size_t i, bool is_named, size_t *n, struct rv_error *err) {
        struct rv_rule_config *rule = &a->b->config->rules[i];

        if (rv_lab_alerts_server(a->b->config, i) < 0) {
                if (is_named)
                        return rv_error_set(err, -EINVAL,
                                            "rule %s is fed by alerts, and it is not known which Prometheus has them",
                                            rule->name);
                fputs("Left out, for it is fed by alerts, and it is not known which Prometheus has them: ", stderr);
                paint_text(stderr, rule->name);
                fputc('\n', stderr);
                return 0;
        }
        if (rule->interval_usec <= 0)
                rule->interval_usec = ALERTS_EVERY_USEC;
        if (a->args->step_usec > 0)
                rule->interval_usec = a->args->step_usec;
        if ((a->b->to_usec - a->b->from_usec) / rule->interval_usec > EVALUATIONS_MAX)
                return rv_error_set(err, -E2BIG, "rule %s: more than %d evaluations; say a longer --step", rule->name,
                                    EVALUATIONS_MAX);
        a->rules[i] = true;
        ++*n;
        return 0;
}

static int find_rules(struct plan *a, struct rv_error *err) {
        size_t n = 0;
        int r = 0;

        for (int k = 0; r == 0 && k < a->args->n_operands; k++) {
                int index = rv_config_find_rule(a->b->config, a->args->operand[k]);
                r = index < 0 ? rv_error_set(err, -ENOENT, "no rule is named %s", a->args->operand[k])
                              : take_rule(a, (size_t)index, true, &n, err);
        }
        for (size_t i = 0; r == 0 && a->args->n_operands == 0 && i < a->b->config->n_rules; i++)
                r = take_rule(a, i, false, &n, err);
        return r == 0 && n == 0 ? rv_error_set(err, -ENOENT, "there is no rule that can be run") : r;
}

/* -- what the person sees -- */

static void put_summary(FILE *f, const json_t *report) {
        const json_t *sum = json_object_get(report, "summary"), *n;
        char a[RV_DURATION_TEXT_MAX], b[PAINT_TIME_MAX];
        const char *reason;

        fprintf(f, "%sBacktest%s from %s", paint_begin(f, BOLD), paint_end(f, BOLD),
                paint_time(rv_json_int(report, "from_usec", 0), b));
        fprintf(f, " to %s\n\n", paint_time(rv_json_int(report, "to_usec", 0), b));
        long long n_breaches = rv_json_int(sum, "breaches", 0);
        fprintf(f, "  %lld %s: %lld would have been reverted, %lld declined\n", n_breaches,
                n_breaches == 1 ? "breach" : "breaches", (long long)rv_json_int(sum, "reverted", 0),
                (long long)rv_json_int(sum, "declined", 0));
        json_object_foreach ((json_t *)json_object_get(sum, "reasons"), reason, n) {
                enum rv_reason known;
                fprintf(f, "    %lld %s: %s\n", (long long)json_integer_value(n), reason,
                        rv_reason_from_string(reason, &known) == 0 ? rv_reason_explain(known) : "");
        }
        fprintf(f, "  In breach for %s in all", rv_duration_humanize(rv_json_int(sum, "breach_usec", 0), a));
        fprintf(f, "; reverts would have saved %s\n\n", rv_duration_humanize(rv_json_int(sum, "saved_usec", 0), a));
        fprintf(f,
                "  Assumed: a commit is live when it is committed; a revert works %s after its push; every rule\n"
                "  enforces, and nobody rejects, approves or pauses.\n",
                rv_duration_humanize(rv_json_int(report, "apply_usec", 0), a));
}

/* An empty answer is neither health nor a breach. */
static void put_holes(FILE *f, const json_t *report) {
        const json_t *rule;
        char first[PAINT_TIME_MAX], last[PAINT_TIME_MAX];
        size_t i;

        json_array_foreach (json_object_get(report, "rules"), i, rule) {
                int64_t n = rv_json_int(rule, "evaluations", 0), n_answered = rv_json_int(rule, "answered", n);

                if (n_answered == n)
                        continue;
                fprintf(f, "  %sNo values%s for ", paint_begin(f, YELLOW), paint_end(f, YELLOW));
                paint_text(f, rv_json_string(rule, "name", ""));
                fprintf(f, " in %lld of %lld evaluations", (long long)(n - n_answered), (long long)n);
                if (n_answered > 0)
                        fprintf(f, "; the first are of %s, the last of %s",
                                paint_time(rv_json_int(rule, "first_usec", 0), first),
                                paint_time(rv_json_int(rule, "last_usec", 0), last));
                if (rv_json_int(rule, "failed", 0) > 0) {
                        fprintf(f, "; %lld failed: ", (long long)rv_json_int(rule, "failed", 0));
                        paint_text(f, rv_json_string(rule, "failure", ""));
                }
                fputs(".\n", f);
        }
}

static void put_breach(struct table *table, const json_t *breach) {
        static const char dash[] = "-";
        const json_t *incident = json_object_get(breach, "incident");
        const json_t *suspect = json_array_get(json_object_get(incident, "suspects"), 0);
        const json_t *commit = json_object_get(suspect, "commit");
        _cleanup_free_ char *labels = labels_text(json_object_get(breach, "labels"));
        int64_t onset_usec = rv_json_int(breach, "onset_usec", 0), end_usec = rv_json_int(breach, "end_usec", 0);
        int64_t saved_usec = rv_json_int(breach, "saved_usec", 0);
        const char *outcome = rv_json_string(breach, "outcome", "?"), *undone = rv_json_string(breach, "undone_by", "");
        const char *reason = rv_json_string(incident, "reason", "none");
        char buf[PAINT_TIME_MAX], number[RV_NUMBER_TEXT_MAX];

        table_add(table, PLAIN, paint_time(onset_usec, buf));
        table_add(table, PLAIN, rv_json_string(breach, "rule", ""));
        table_add(table, PLAIN, labels ? labels : "");
        table_addf(table, PLAIN, "%s%s", end_usec ? "" : "over ",
                   rv_duration_humanize(rv_json_int(breach, "until_usec", 0) - onset_usec, buf));
        table_addf(table, strcmp(outcome, "reverted") == 0 ? GREEN : YELLOW, "%s%s%s%s", outcome,
                   strcmp(reason, "none") != 0 && strcmp(outcome, "declined") == 0 ? " (" : "",
                   strcmp(outcome, "declined") == 0 ? reason : "", strcmp(outcome, "declined") == 0 ? ")" : "");
        if (commit) {
                table_addf(table, PLAIN, "%.10s %.40s", rv_json_string(commit, "id", ""),
                           rv_json_string(commit, "subject", ""));
                table_add(table, PLAIN, confidence_text(suspect, number));
        } else {
                table_add(table, PLAIN, dash);
                table_add(table, PLAIN, dash);
        }
        table_add(table, PLAIN, saved_usec > 0 ? rv_duration_humanize(saved_usec, buf) : dash);
        table_addf(table, PLAIN, "%.10s", *undone ? undone : dash);
}

static int print_text(FILE *f, const json_t *report) {
        static const char *const titles[] = {"ONSET",   "RULE",       "LABELS", "LASTED",   "WOULD BE",
                                             "CULPRIT", "CONFIDENCE", "SAVED",  "UNDONE BY"};
        struct table *table;
        const json_t *breach;
        size_t i;
        int r;

        put_summary(f, report);
        put_holes(f, report);
        if (json_array_size(json_object_get(report, "breaches")) == 0)
                return 0;
        table = table_new(titles, RV_ARRAY_SIZE(titles));
        if (!table)
                return -ENOMEM;
        json_array_foreach (json_object_get(report, "breaches"), i, breach)
                put_breach(table, breach);
        fputc('\n', f);
        r = table_print(table, f, 0);
        table_free(table);
        fputs("\nUNDONE BY is a commit that really reverted the suspect: where people made it, it speaks for the "
              "choice.\n",
              f);
        return r;
}

/* What cannot be written is known before the run; what was there stays until there is something in its place. */
static int open_report(const struct args *args, FILE **ret, struct rv_error *err) {
        *ret = args->file ? fopen(args->file, "ae") : stdout;
        return *ret ? 0 : rv_error_set(err, -errno, "%s: %s", args->file, strerror(errno));
}

static int print_report(const struct args *args, FILE *f, const json_t *report, struct rv_error *err) {
        int r = 0;

        /* A pipe or a terminal has no length. */
        if (args->file && ftruncate(fileno(f), 0) < 0 && errno != EINVAL)
                return rv_error_set(err, -errno, "%s: %s", args->file, strerror(errno));
        if (args->output == CTL_JSON) {
                r = json_dumpf(report, f, JSON_COMPACT | JSON_ENSURE_ASCII);
                fputc('\n', f);
        } else if (args->output == CTL_HTML)
                backtest_print_html(f, report);
        else
                r = print_text(f, report);
        if (r < 0)
                rv_error_oom(err);
        if (ferror(f) || fflush(f) != 0)
                return rv_error_set(err, -errno, "%s: %s", args->file ? args->file : "standard output",
                                    strerror(errno));
        return r;
}

static int run(struct plan *a, json_t **ret, struct rv_error *err) {
        int r = find_rules(a, err);

        return r == 0 ? rv_lab_backtest(a->b, ret, err) : r;
}

int verb_backtest(const struct args *args) {
        struct plan a = {.args = args};
        _cleanup_json_ json_t *report = NULL;
        struct rv_error err = {0};
        struct asker *asker;
        FILE *f = NULL;

        if (asker_new(&asker, args, &a.b, &a.rules, &err) < 0)
                return ctl_fail(&err);
        if (find_times(&a, &err) < 0) {
                asker_free(asker);
                return args_complain(args, "%s", err.text);
        }
        int r = open_report(args, &f, &err);
        if (r == 0)
                r = run(&a, &report, &err);
        asker_free(asker);
        if (r == 0)
                r = print_report(args, f, report, &err);
        if (f && args->file)
                fclose(f);
        return r < 0 ? ctl_fail(&err) : CTL_OK;
}
