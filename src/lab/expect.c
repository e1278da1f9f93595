/* What a test expects, against what the engine stored. */
#include "lab/lab.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

struct looking {
        struct lab_world *world;
        const struct lab_expectation *e;
        json_t *failures;
};

static int miss(const struct looking *l, const char *fmt, ...) RV_PRINTF(2, 3);
static int miss(const struct looking *l, const char *fmt, ...) {
        char when[RV_DURATION_TEXT_MAX + 1];
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int n;

        va_start(ap, fmt);
        n = vasprintf(&text, fmt, ap);
        va_end(ap);
        if (n < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return json_array_append_new(l->failures, json_sprintf("%s:%u: at %s: %s", l->world->script->file, l->e->line,
                                                               lab_when(l->world, l->world->now_usec, when), text)) < 0
                       ? -ENOMEM
                       : 0;
}

static bool is_meant(const struct looking *l, const json_t *incident) {
        const json_t *labels = json_object_get(incident, "labels");
        const char *rule = rv_json_string(incident, "rule", "");

        if (l->e->rule >= 0 && strcmp(rule, l->world->script->config->rules[l->e->rule].name) != 0)
                return false;
        for (size_t i = 0; i < l->e->labels->n; i++)
                if (strcmp(rv_json_string(labels, l->e->labels->label[i].name, ""), l->e->labels->label[i].value) != 0)
                        return false;
        return true;
}

/* The commit's name in the test; else its id. */
static const char *name_of(const struct looking *l, const char *hex) {
        for (size_t i = 0; i < l->world->script->n_commits; i++)
                if (strcmp(l->world->script->commit[i].id.hex, hex) == 0)
                        return l->world->script->commit[i].name;
        return *hex ? "a revert" : "none";
}

static const char *suspect_name(const struct looking *l, const json_t *suspect) {
        return name_of(l, rv_json_string(json_object_get(suspect, "commit"), "id", ""));
}

/* Names with commas between them. Caller frees; NULL: out of memory. */
static char *join(const char *list, const char *name) {
        char *text;

        return asprintf(&text, "%s%s%s", list ? list : "", list && *list ? ", " : "", name) < 0 ? NULL : text;
}

static char *join_expected(const config_setting_t *list) {
        char *text = strdup("");

        for (int i = 0; text && i < config_setting_length(list); i++) {
                char *longer = join(text, config_setting_get_string_elem(list, i));
                free(text);
                text = longer;
        }
        return text;
}

static char *join_suspects(const struct looking *l, const json_t *incident) {
        const json_t *suspects = json_object_get(incident, "suspects"), *suspect;
        char *text = strdup("");
        size_t i;

        json_array_foreach (suspects, i, suspect) {
                char *longer = text ? join(text, suspect_name(l, suspect)) : NULL;
                free(text);
                text = longer;
        }
        return text;
}

static char *join_pushed(const struct looking *l) {
        char *text = strdup("");

        for (size_t b = 0; b < l->world->script->config->n_repositories; b++)
                for (size_t i = 0; i < l->world->branch[b].n; i++) {
                        const struct lab_change *change = &l->world->branch[b].change[i];
                        for (size_t k = 0; !change->commit && k < change->spec.n_commits; k++) {
                                char *longer = text ? join(text, name_of(l, change->spec.commits[k].hex)) : NULL;
                                free(text);
                                text = longer;
                        }
                }
        return text;
}

/* Takes got. */
static int compare_lists(const struct looking *l, const char *what, const config_setting_t *wanted, char *got) {
        _cleanup_free_ char *mine = got, *expected = wanted ? join_expected(wanted) : NULL;

        if (!wanted)
                return 0;
        if (!mine || !expected)
                return -ENOMEM;
        return strcmp(mine, expected) == 0 ? 0 : miss(l, "%s: [%s] instead of [%s]", what, mine, expected);
}

static int check_state(const struct looking *l, const json_t *incident) {
        const char *state = incident ? rv_json_string(incident, "state", "") : "none";
        const char *reason = incident ? rv_json_string(incident, "reason", "none") : "none";
        const char *wanted_state = l->e->state ? l->e->state : state;
        const char *wanted_reason = l->e->reason ? l->e->reason : reason;

        if (strcmp(state, wanted_state) == 0 && strcmp(reason, wanted_reason) == 0)
                return 0;
        return miss(l, "%s (%s) instead of %s%s%s%s", state, reason, wanted_state, l->e->reason ? " (" : "",
                    l->e->reason ? wanted_reason : "", l->e->reason ? ")" : "");
}

static bool compares(enum rv_breach_op op, double value, double to) {
        struct rv_rule_config rule = {.breach_op = op, .breach_value = to};

        return rv_rule_judge(&rule, value) == RV_VERDICT_BREACH;
}

/* By its name; or a value that the commit added, as "version=v2.4.1 in apps/shop/values.yaml". */
static bool has_evidence(const json_t *suspect, const char *name) {
        const json_t *list = json_object_get(suspect, "evidence"), *one;
        size_t i;

        json_array_foreach (list, i, one)
                if (strcmp(json_string_value(one), name) == 0)
                        return true;
        json_array_foreach (json_object_get(json_object_get(suspect, "commit"), "values"), i, one) {
                _cleanup_free_ char *text = rv_value_added_text(one);

                if (text && strcmp(text, name) == 0)
                        return true;
        }
        return false;
}

static int miss_confidence(const struct looking *l, double confidence) {
        char wanted[RV_CONDITION_TEXT_MAX], is[RV_NUMBER_TEXT_MAX];

        rv_condition_format(l->e->confidence_op, l->e->confidence, wanted);
        return miss(l, "confidence: %s instead of %s", rv_number_format_judged(confidence, wanted, is), wanted);
}

static int check_culprit(const struct looking *l, const json_t *incident) {
        const json_t *suspect = json_array_get(json_object_get(incident, "suspects"), 0);
        double confidence = rv_json_real(suspect, "confidence", 0);
        int r = 0;

        if (l->e->culprit && strcmp(suspect_name(l, suspect), l->e->culprit) != 0)
                r = miss(l, "culprit: %s instead of %s", suspect_name(l, suspect), l->e->culprit);
        /* Sums of a few decimals: what is meant is not their last bit. */
        if (r == 0 && l->e->has_confidence &&
            !compares(l->e->confidence_op, (double)(int64_t)(confidence * 1e6 + 0.5) / 1e6, l->e->confidence))
                r = miss_confidence(l, confidence);
        for (int i = 0; r == 0 && l->e->evidence && i < config_setting_length(l->e->evidence); i++) {
                const char *name = config_setting_get_string_elem(l->e->evidence, i);
                if (!has_evidence(suspect, name))
                        r = miss(l, "evidence: %s is not among it", name);
        }
        return r;
}

static int check_incident(const struct looking *l, const json_t *incident) {
        const char *detail = rv_json_string(incident, "detail", "");
        int64_t files = rv_json_int(json_object_get(incident, "plan"), "files", 0);
        const char *restored = name_of(l, rv_json_string(incident, "restore", ""));
        int r = check_state(l, incident);

        if (r == 0)
                r = check_culprit(l, incident);
        if (r == 0 && l->e->suspects)
                r = compare_lists(l, "suspects", l->e->suspects, join_suspects(l, incident));
        if (r == 0 && l->e->restored && strcmp(restored, l->e->restored) != 0)
                r = miss(l, "restored: %s instead of %s", restored, l->e->restored);
        if (r == 0 && l->e->files >= 0 && files != l->e->files)
                r = miss(l, "files: %lld instead of %lld", (long long)files, (long long)l->e->files);
        if (r == 0 && l->e->detail && !strstr(detail, l->e->detail))
                r = miss(l, "detail: \"%s\" does not hold \"%s\"", detail, l->e->detail);
        return r;
}

int lab_expect(struct lab_world *world, const struct lab_expectation *e, json_t *failures) {
        const struct looking l = {world, e, failures};
        const json_t *newest = NULL;
        int64_t n = 0;
        int r = 0;

        for (size_t i = 0; i < world->n_seen; i++)
                if (is_meant(&l, world->seen[i].record)) {
                        newest = world->seen[i].record;
                        n++;
                }
        if (e->incidents >= 0 && n != e->incidents)
                r = miss(&l, "incidents: %lld instead of %lld", (long long)n, (long long)e->incidents);
        if (r == 0)
                r = check_incident(&l, newest);
        if (r == 0 && e->pushed)
                r = compare_lists(&l, "pushed", e->pushed, join_pushed(&l));
        return r;
}
