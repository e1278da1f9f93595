/* What the engine shows of itself. */
#include "core.h"

#include "revertd/cleanup.h"
#include "revertd/json.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum { SERIES_SHOWN_MAX = 100 };

size_t rv_engine_open_count(const struct rv_engine *engine) {
        size_t n = HASH_COUNT(engine->open);
        struct open *o, *next;

        HASH_ITER (hh, engine->open, o, next)
                n -= o->is_look;
        return n;
}

void rv_engine_count(const struct rv_engine *engine, struct rv_engine_counts *ret) {
        struct rv_engine_counts counts = {.series = engine->n_series};
        struct series *series, *next_series;
        struct open *o, *next;

        HASH_ITER (hh, engine->open, o, next)
                counts.open[o->i->state] += !o->is_look;
        HASH_ITER (hh, engine->series, series, next_series) {
                counts.latched += series->s.latched;
                counts.pending += !series->s.latched && series->s.onset_usec > 0;
        }
        *ret = counts;
}

const struct rv_incident *rv_engine_incident(const struct rv_engine *engine, const char *id) {
        struct open *o;

        HASH_FIND_STR(engine->open, id, o);
        return o ? o->i : NULL;
}

json_t *view_series(const struct series *series) {
        const struct rv_series *s = &series->s;
        const char *state = s->latched ? "firing" : s->onset_usec > 0 ? "pending" : "inactive";

        return json_pack("{s:o, s:s, s:o, s:s, s:I, s:I, s:b, s:s?, s:s?}", "labels", rv_labels_to_json(s->labels),
                         "verdict", rv_verdict_to_string(s->verdict), "value", rv_value_to_json(s->value), "state",
                         state, "seen_usec", (json_int_t)s->seen_usec, "onset_usec", (json_int_t)s->onset_usec,
                         "latched", s->latched, "incident", series->open ? series->open->i->id : NULL, "last_good",
                         series->good && *series->good->head.hex ? series->good->head.hex : NULL);
}

/* Those that are not well first: of a rule with many label sets, these must not be cut off. */
static int append_series(json_t *array, const struct rule *rule, bool well) {
        const struct series *series;

        DL_FOREACH (rule->series, series)
                if (series_is_over(series) == well && json_array_size(array) < SERIES_SHOWN_MAX &&
                    json_array_append_new(array, view_series(series)) < 0)
                        return -1;
        return 0;
}

static json_t *series_json(const struct rule *rule) {
        json_t *array = json_array();

        if (array && append_series(array, rule, false) == 0 && append_series(array, rule, true) == 0)
                return array;
        json_decref(array);
        return NULL;
}

static json_t *verdicts_json(const struct rule *rule) {
        json_int_t count[RV_VERDICT_MAX] = {0};
        json_t *object = json_object();
        const struct series *series;

        DL_FOREACH (rule->series, series)
                count[series->s.verdict]++;
        for (unsigned i = 0; object && i < RV_VERDICT_MAX; i++)
                if (json_object_set_new(object, rv_verdict_to_string(i), json_integer(count[i])) < 0) {
                        json_decref(object);
                        return NULL;
                }
        return object;
}

static json_t *match_json(const struct rv_rule_config *config) {
        static const char *const op[] = {"=", "!=", "=~", "!~"};
        json_t *array = json_array();

        for (size_t i = 0; array && i < config->n_match; i++)
                if (json_array_append_new(array, json_sprintf("%s%s%s", config->match[i].name, op[config->match[i].op],
                                                              config->match[i].value)) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array;
}

json_t *view_rule(const struct rv_engine *engine, const struct rule *rule, bool with_series, int64_t now_usec) {
        const struct rv_rule_config *config = rule_config(engine, rule);
        char breach[RV_CONDITION_TEXT_MAX];

        rv_condition_format(config->breach_op, config->breach_value, breach);
        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:s?, s:o, s:b, s:I, s:o, s:o*}", "name", config->name,
                         "kind", config->expr ? "polled" : "alerts", "mode", rv_mode_to_string(config->mode),
                         "fallback", rv_fallback_to_string(config->fallback), "repository",
                         engine->config->repositories[config->repository].name, "expr", config->expr, "breach",
                         config->expr || config->confirm ? breach : NULL, "match",
                         config->expr ? json_null() : match_json(config), "paused",
                         rv_engine_paused(engine, (int)rule->index, now_usec), "n_series", (json_int_t)rule->n_series,
                         "verdicts", verdicts_json(rule), "series", with_series ? series_json(rule) : NULL);
}

json_t *rv_engine_rules_json(const struct rv_engine *engine, int64_t now_usec) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < engine->config->n_rules; i++)
                if (json_array_append_new(array, view_rule(engine, engine->rule[i], true, now_usec)) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array;
}

int rv_engine_budget_used(const struct rv_engine *engine, int64_t now_usec) {
        return ledger_count(engine, NULL, NULL, now_usec);
}

struct rv_oid rv_engine_head(const struct rv_engine *engine, size_t repository) {
        return engine->repository[repository]->head;
}

static json_t *repository_json(const struct rv_engine *engine, const struct repository *repository, int64_t now_usec) {
        const struct rv_repository_config *config = repository_config(engine, repository);

        return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:b}", "name", config->name, "url", config->url, "branch",
                         config->branch, "head", repository->head.hex, "budget", config->budget, "budget_used",
                         ledger_count(engine, config->name, NULL, now_usec), "paused",
                         pause_covers(engine, NULL, config->name, now_usec));
}

json_t *rv_engine_repositories_json(const struct rv_engine *engine, int64_t now_usec) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < engine->config->n_repositories; i++)
                if (json_array_append_new(array, repository_json(engine, engine->repository[i], now_usec)) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array;
}
