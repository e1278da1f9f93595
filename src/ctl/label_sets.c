/* Which label set of a rule is meant, where not all of its labels were given. */
#include "ctl/api.h"
#include "ctl/paint.h"
#include "ctl/say.h"
#include "ctl/verbs.h"

#include "revertd/cleanup.h"
#include "revertd/number.h"

#include <math.h>

enum { SETS_SHOWN_MAX = 20 };

static bool is_within(const json_t *given, const json_t *whole) {
        const json_t *value;
        const char *name;

        json_object_foreach ((json_t *)given, name, value)
                if (!json_equal(value, json_object_get(whole, name)))
                        return false;
        return true;
}

/* Those that have all labels that were given; *ret_is_exact: one has just these. */
static json_t *candidates(const json_t *rule, const json_t *given, bool *ret_is_exact) {
        json_t *found = json_array();
        const json_t *series;
        size_t i;

        *ret_is_exact = false;
        json_array_foreach (json_object_get(rule, "series"), i, series) {
                const json_t *labels = json_object_get(series, "labels");

                *ret_is_exact |= json_equal(given, labels);
                if (is_within(given, labels) && json_array_append(found, (json_t *)series) < 0) {
                        json_decref(found);
                        return NULL;
                }
        }
        return found;
}

/* The commands to choose from, the label sets that are bad first. */
static void list(const char *rule, const json_t *found, const json_t *known) {
        const json_t *series;
        size_t i;

        fprintf(stderr, "revertctl: error: the rule has %zu such label sets; explain one of them:\n",
                json_array_size(found));
        json_array_foreach (found, i, series) {
                double value = rv_value_from_json(json_object_get(series, "value"));
                char number[RV_NUMBER_TEXT_MAX];

                if (i == SETS_SHOWN_MAX)
                        break;
                fputs("  revertctl explain ", stderr);
                print_arguments(stderr, rule, json_object_get(series, "labels"));
                fputs("  # ", stderr);
                paint_text(stderr, rv_json_string(series, "verdict", "?"));
                if (!isnan(value))
                        fprintf(stderr, ": %s",
                                rv_number_format_judged(value, rv_json_string(known, "breach", NULL), number));
                fputc('\n', stderr);
        }
        if (json_array_size(found) > SETS_SHOWN_MAX) {
                fputs("  …, and what revertctl rules ", stderr);
                paint_text(stderr, rule);
                fputs(" lists\n", stderr);
        }
}

int label_sets_complete(const json_t *known, json_t *labels) {
        bool is_exact;
        _cleanup_json_ json_t *found = candidates(known, labels, &is_exact);

        if (!found)
                return ctl_oom();
        if (is_exact || json_array_size(found) == 0)
                return -1;
        if (json_array_size(found) > 1) {
                list(rv_json_string(known, "name", ""), found, known);
                return CTL_FAILED;
        }
        return json_object_update(labels, json_object_get(json_array_get(found, 0), "labels")) < 0 ? ctl_oom() : -1;
}

int label_sets_ask(const struct args *args, const char *rule, json_t *labels) {
        _cleanup_json_ json_t *answer = NULL;

        if (api_call(args, "GET", "/api/v1/rules", NULL, &answer, NULL) < 0)
                return -1; /* what is asked for next says what is wrong */
        return label_sets_complete(rules_find(json_object_get(answer, "rules"), rule), labels);
}
