/* The label sets of rules: found, kept in the store while they matter, forgotten when they do not. */
#include "core.h"

#include "revertd/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define HEALTHY_KEPT_USEC RV_USEC_PER_HOUR       /* since a source last spoke of it */
#define LATCHED_KEPT_USEC (30 * RV_USEC_PER_DAY) /* an alert whose end was never told */

bool series_is_over(const struct series *series) {
        return !series->s.latched && series->s.onset_usec == 0 && !series->open;
}

struct series *series_find(const struct rv_engine *engine, const struct rule *rule, const struct rv_labels *labels) {
        struct series *series, probe = {.key = {rule, labels->fingerprint}};

        HASH_FIND(hh, engine->series, &probe.key, sizeof(probe.key), series);
        return series;
}

struct series *series_free(struct rv_engine *engine, struct series *series) {
        struct rule *rule = (struct rule *)series->key.rule;

        if (series->open)
                series->open->series = NULL;
        DL_DELETE(rule->series, series);
        rule->n_series--;
        engine->n_series--;
        HASH_DEL(engine->series, series);
        rv_labels_unref(series->s.labels);
        free(series->recent);
        free(series);
        return NULL;
}

/* Room for one more, if need be by forgetting a healthy one that the newest answer did not have. */
static bool make_room(struct rv_engine *engine, struct rule *rule) {
        struct series *series, *next;

        if (rule->n_series < SERIES_PER_RULE_MAX)
                return engine->n_series < SERIES_MAX || rule_config(engine, rule)->n_match > 0;
        DL_FOREACH_SAFE(rule->series, series, next)
        if (series_is_over(series) && series->round != engine->round) {
                series_free(engine, series);
                return true;
        }
        return false;
}

int series_get(struct rv_engine *engine, struct rule *rule, const struct rv_labels *labels, struct series **ret) {
        struct series *series = series_find(engine, rule, labels);

        if (!series) {
                if (!make_room(engine, rule))
                        return -ENOSPC;
                series = calloc(1, sizeof(*series));
                if (!series)
                        return -ENOMEM;
                series->key.rule = rule;
                series->key.fingerprint = labels->fingerprint;
                HASH_ADD(hh, engine->series, key, sizeof(series->key), series);
                if (!series->hh.tbl) {
                        free(series);
                        return -ENOMEM;
                }
                series->s.labels = rv_labels_ref((struct rv_labels *)labels);
                series->s.value = NAN;
                series->s.verdict = RV_VERDICT_NO_DATA;
                DL_APPEND(rule->series, series);
                rule->n_series++;
                engine->n_series++;
        }
        *ret = series;
        return 0;
}

static int make_key(const struct series *series, char **ret) {
        return asprintf(ret, "%s/%016" PRIx64, series->key.rule->name, series->key.fingerprint) < 0 ? -ENOMEM : 0;
}

int series_store(struct turn *t, struct series *series) {
        char *key;
        int r = make_key(series, &key);

        if (r < 0)
                return r;
        series->stored_usec = series->s.breach_usec > 0 ? series->s.breach_usec : t->now_usec;
        r = rv_batch_put(&t->step->batch, RV_RECORD_SERIES, key, series->s.onset_usec, -1,
                         json_pack("{s:s, s:o, s:o, s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b}",
                                   "rule", series->key.rule->name, "labels", rv_labels_to_json(series->s.labels),
                                   "value", rv_value_to_json(series->s.value), "onset_usec",
                                   (json_int_t)series->s.onset_usec, "breach_usec", (json_int_t)series->s.breach_usec,
                                   "latched", series->s.latched, "ended_usec", (json_int_t)series->ended_usec, "recent",
                                   (json_int_t)series->s.recent, "left_usec", (json_int_t)series->s.left_usec,
                                   "earlier_usec", (json_int_t)series->earlier_usec, "earlier_end_usec",
                                   (json_int_t)series->earlier_end_usec, "starts_usec", (json_int_t)series->starts_usec,
                                   "resolve_after_usec", (json_int_t)series->resolve_after_usec, "is_unlisted",
                                   series->is_unlisted, "is_event", series->is_event));
        free(key);
        return r;
}

int series_forget(struct turn *t, struct series *series) {
        char *key;
        int r;

        if (series->stored_usec == 0)
                return 0;
        r = make_key(series, &key);
        if (r < 0)
                return r;
        series->stored_usec = 0;
        series->ended_usec = 0;
        r = rv_batch_delete(&t->step->batch, RV_RECORD_SERIES, key);
        free(key);
        return r;
}

static bool is_stale(const struct turn *t, const struct series *series) {
        const struct rv_rule_config *rule = rule_config(t->engine, series->key.rule);
        int64_t kept = HEALTHY_KEPT_USEC;

        if (series->open || !rule)
                return false;
        if (series->s.latched)
                kept = LATCHED_KEPT_USEC;
        if (kept < 4 * rule->interval_usec)
                kept = 4 * rule->interval_usec;
        if (kept < earlier_kept_usec(series, rule))
                kept = earlier_kept_usec(series, rule);
        return t->now_usec - series->answered_usec > kept;
}

int series_prune(struct turn *t) {
        struct series *series, *next;

        HASH_ITER (hh, t->engine->series, series, next) {
                int r;

                if (!is_stale(t, series))
                        continue;
                r = series_forget(t, series);
                if (r < 0)
                        return r;
                series_free(t->engine, series);
        }
        return 0;
}

int series_drop_rule(struct turn *t, struct rule *rule) {
        struct series *series, *next;

        DL_FOREACH_SAFE(rule->series, series, next) {
                int r = series_forget(t, series);

                if (r < 0)
                        return r;
                series_free(t->engine, series);
        }
        return 0;
}

int series_load(struct rv_engine *engine, const struct rv_record *record, struct rv_error *err) {
        const json_t *json = record->value;
        const char *name = rv_json_string(json, "rule", NULL);
        struct rule *rule = name ? rule_find(engine, name) : NULL;
        struct rv_labels *labels;
        struct series *series;
        int r;

        if (!name)
                return rv_error_set(err, -EINVAL, "rule: missing");
        if (!rule)
                return rv_batch_delete(&engine->leftovers, RV_RECORD_SERIES, record->key);
        r = rv_labels_from_json(&labels, json_object_get(json, "labels"), NULL, err);
        if (r < 0)
                return rv_error_prefix(err, r, "labels");
        r = series_get(engine, rule, labels, &series);
        rv_labels_unref(labels);
        if (r < 0)
                return rv_error_set(err, r, "cannot be kept");
        series->s.value = rv_value_from_json(json_object_get(json, "value"));
        series->earlier_usec = rv_json_int(json, "earlier_usec", 0);
        series->earlier_end_usec = rv_json_int(json, "earlier_end_usec", 0);
        series->s.onset_usec = rv_json_int(json, "onset_usec", 0);
        series->s.breach_usec = series->s.seen_usec = rv_json_int(json, "breach_usec", 0);
        series->s.latched = rv_json_bool(json, "latched", false);
        series->ended_usec = rv_json_int(json, "ended_usec", 0);
        series->s.recent = (uint64_t)rv_json_int(json, "recent", 0);
        series->s.left_usec = rv_json_int(json, "left_usec", 0);
        series->starts_usec = rv_json_int(json, "starts_usec", 0);
        series->resolve_after_usec = rv_json_int(json, "resolve_after_usec", 0);
        series->is_unlisted = rv_json_bool(json, "is_unlisted", false);
        series->is_event = rv_json_bool(json, "is_event", false);
        series->fired_usec = series->s.latched ? series->s.onset_usec : 0;
        series->s.verdict = RV_VERDICT_BREACH;
        series->answered_usec = series->s.breach_usec;
        series->stored_usec = series->s.breach_usec > 0 ? series->s.breach_usec : 1;
        return 0;
}
