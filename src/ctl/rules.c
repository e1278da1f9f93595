/* revertctl rules */
#include "ctl/verbs.h"

#include "ctl/api.h"
#include "ctl/say.h"
#include "ctl/table.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/incident.h"
#include "revertd/labels.h"
#include "revertd/number.h"

#include <math.h>
#include <string.h>

enum { SHORT_COMMIT = RV_OID_SHORT };

char *labels_text(const json_t *object) {
        _cleanup_labels_ struct rv_labels *labels = NULL;

        return rv_labels_from_json(&labels, object, NULL, NULL) == 0 ? rv_labels_format(labels) : strdup("?");
}

const json_t *rules_find(const json_t *rules, const char *name) {
        const json_t *rule;
        size_t i;

        json_array_foreach (rules, i, rule)
                if (strcmp(rv_json_string(rule, "name", ""), name) == 0)
                        return rule;
        return NULL;
}

void print_arguments(FILE *f, const char *rule, const json_t *labels) {
        const json_t *value;
        const char *name;

        paint_text(f, rule);
        json_object_foreach ((json_t *)labels, name, value) {
                fputc(' ', f);
                paint_text(f, name);
                fputc('=', f);
                paint_quoted(f, json_string_value(value));
        }
}

/* "> 0.05", or of a rule that is fed by alerts what it matches. */
static void add_condition(struct table *table, const json_t *rule) {
        const char *breach = rv_json_string(rule, "breach", NULL);
        _cleanup_free_ char *text = NULL;
        const json_t *matcher;
        size_t i, n;

        if (breach) {
                table_add(table, PLAIN, breach);
                return;
        }
        FILE *f = open_memstream(&text, &n);
        if (!f)
                return;
        json_array_foreach (json_object_get(rule, "match"), i, matcher)
                fprintf(f, "%s%s", i > 0 ? ", " : "", json_is_string(matcher) ? json_string_value(matcher) : "?");
        fclose(f);
        table_add(table, PLAIN, text);
}

/* "2 breach, 40 ok" */
static void add_verdicts(struct table *table, const json_t *verdicts) {
        _cleanup_free_ char *text = NULL;
        const char *name;
        json_t *count;
        size_t n;
        FILE *f = open_memstream(&text, &n);
        bool is_first = true;

        if (!f)
                return;
        json_object_foreach ((json_t *)verdicts, name, count) {
                if (json_integer_value(count) == 0)
                        continue;
                fprintf(f, "%s%lld %s", is_first ? "" : ", ", (long long)json_integer_value(count), name);
                is_first = false;
        }
        fclose(f);
        table_add(table, json_integer_value(json_object_get(verdicts, "breach")) > 0 ? RED : PLAIN, text);
}

static int print_rules(const json_t *rules, int64_t now_usec) {
        static const char *const titles[] = {"RULE", "MODE", "REPOSITORY", "BREACH", "VERDICTS", "EVALUATED", "HEALTH"};
        struct table *table = table_new(titles, RV_ARRAY_SIZE(titles));
        const json_t *rule;
        size_t i;

        if (!table)
                return -1;
        json_array_foreach (rules, i, rule) {
                const char *error = rv_json_string(rule, "last_error", NULL);
                bool is_paused = rv_json_bool(rule, "paused", false);
                char ago[PAINT_TIME_MAX];
                int64_t at_usec = 0;

                if (rv_time_parse(rv_json_string(rule, "last_evaluation", ""), &at_usec) < 0)
                        at_usec = 0;
                table_add(table, BOLD, rv_json_string(rule, "name", NULL));
                table_add(table, PLAIN, rv_json_string(rule, "mode", NULL));
                table_add(table, PLAIN, rv_json_string(rule, "repository", NULL));
                add_condition(table, rule);
                add_verdicts(table, json_object_get(rule, "verdicts"));
                table_add(table, PLAIN,
                          strcmp(rv_json_string(rule, "kind", ""), "alerts") == 0 ? "by alerts"
                                                                                  : paint_ago(at_usec, now_usec, ago));
                table_add(table, error ? RED : is_paused ? YELLOW : GREEN, error ? error : is_paused ? "paused" : "ok");
        }
        int status = table_print(table, stdout, table_terminal_width(stdout));
        table_free(table);
        return status;
}

static void add_series(struct table *table, const json_t *rule, const json_t *series, int64_t now_usec) {
        _cleanup_free_ char *labels = labels_text(json_object_get(series, "labels"));
        const char *state = rv_json_string(series, "state", "");
        double value = rv_value_from_json(json_object_get(series, "value"));
        const char *good = rv_json_string(series, "last_good", NULL);
        char number[RV_NUMBER_TEXT_MAX], ago[PAINT_TIME_MAX], short_commit[SHORT_COMMIT + 1];

        snprintf(short_commit, sizeof(short_commit), "%s", good ? good : "");
        table_add(table, PLAIN, rv_json_string(rule, "name", NULL));
        table_add(table, PLAIN, labels);
        table_add(table, strcmp(state, "firing") == 0 ? RED : strcmp(state, "pending") == 0 ? YELLOW : PLAIN, state);
        table_add(table, PLAIN, rv_json_string(series, "verdict", NULL));
        table_add(table, PLAIN,
                  isnan(value) ? NULL : rv_number_format_judged(value, rv_json_string(rule, "breach", NULL), number));
        table_add(table, PLAIN, paint_ago(rv_json_int(series, "onset_usec", 0), now_usec, ago));
        table_add(table, PLAIN, rv_json_string(series, "incident", NULL));
        table_add(table, PLAIN, good ? short_commit : NULL);
}

/* Of one rule all; of all rules those that are not well. */
static int print_series(const json_t *rules, bool with_all, int64_t now_usec) {
        static const char *const titles[] = {"RULE",  "LABELS", "STATE",    "VERDICT",
                                             "VALUE", "ONSET",  "INCIDENT", "LAST GOOD"};
        struct table *table = table_new(titles, RV_ARRAY_SIZE(titles));
        const json_t *rule, *series;
        size_t i, k, n = 0, n_known = 0;
        int status = 0;

        if (!table)
                return -1;
        json_array_foreach (rules, i, rule) {
                n_known += (size_t)rv_json_int(rule, "n_series", 0);
                json_array_foreach (json_object_get(rule, "series"), k, series)
                        if (with_all || strcmp(rv_json_string(series, "state", "inactive"), "inactive") != 0) {
                                add_series(table, rule, series, now_usec);
                                n++;
                        }
        }
        if (n > 0) {
                putchar('\n');
                status = table_print(table, stdout, table_terminal_width(stdout));
        }
        table_free(table);
        if (with_all && n_known > n)
                printf("\n%zu of %zu label sets are shown.\n", n, n_known);
        return status;
}

/* In place: only the rule of that name stays. */
static bool keep_one(json_t *rules, const char *name) {
        for (size_t i = json_array_size(rules); i > 0; i--)
                if (strcmp(rv_json_string(json_array_get(rules, i - 1), "name", ""), name) != 0)
                        json_array_remove(rules, i - 1);
        return json_array_size(rules) > 0;
}

int verb_rules(const struct args *args) {
        _cleanup_json_ json_t *answer = NULL;
        struct rv_error err = {0};
        int64_t now_usec = rv_clock_realtime_usec();

        if (api_call(args, "GET", "/api/v1/rules", NULL, &answer, &err) < 0)
                return ctl_fail(&err);
        json_t *rules = json_object_get(answer, "rules");
        if (args->n_operands > 0 && !keep_one(rules, args->operand[0])) {
                rv_error_set(&err, -1, "no rule is named %s", args->operand[0]);
                return ctl_fail(&err);
        }
        if (args->output == CTL_JSON)
                return ctl_print_json(answer);
        if (json_array_size(rules) == 0) {
                puts("No rules are configured.");
                return CTL_OK;
        }
        if (print_rules(rules, now_usec) < 0 || print_series(rules, args->n_operands > 0, now_usec) < 0)
                return ctl_oom();
        return CTL_OK;
}
