/* Incidents are opened, and taken up again after a restart. */
#include "core.h"

#include "revertd/cleanup.h"
#include "revertd/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a, 64 bits, of each string with its NUL. */
static uint64_t hash_text(uint64_t hash, const char *text) {
        do {
                hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
        } while (*text++);
        return hash;
}

static uint64_t hash_number(uint64_t hash, uint64_t number) {
        for (int i = 0; i < 8; i++, number >>= 8)
                hash = (hash ^ (number & 0xff)) * UINT64_C(0x100000001b3);
        return hash;
}

/* Ids are read and typed by people, by their first digits: these must differ well (the finalizer of SplitMix64). */
static uint64_t mix(uint64_t hash) {
        hash = (hash ^ (hash >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        hash = (hash ^ (hash >> 27)) * UINT64_C(0x94d049bb133111eb);
        return hash ^ (hash >> 31);
}

static void make_id(struct turn *t, struct rv_incident *i) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        hash = hash_text(hash, i->rule ? i->rule : "");
        hash = hash_text(hash, i->repository);
        hash = hash_number(hash, i->labels ? i->labels->fingerprint : 0);
        if (*t->engine->boot_id)
                hash = hash_text(hash, t->engine->boot_id);
        /* The time since boot, for a wall clock that was set back shows the same time twice. */
        hash = hash_number(hash, (uint64_t)(t->now_usec - t->engine->clock_offset_usec));
        hash = hash_number(hash, (uint64_t)i->times.onset_usec);
        for (size_t k = 0; k < i->n_revisions; k++)
                hash = hash_text(hash, i->revisions[k]);
        do {
                snprintf(i->id, sizeof(i->id), "%016" PRIx64, mix(hash_number(hash, t->engine->opened++)));
        } while (rv_engine_incident(t->engine, i->id));
}

static int add(struct rv_engine *engine, struct rv_incident *i, struct rule *rule, struct repository *repository,
               struct series *series, struct open **ret) {
        struct open *o = calloc(1, sizeof(*o));

        if (!o) {
                rv_incident_free(i);
                return -ENOMEM;
        }
        o->i = i;
        o->rule = rule;
        o->repository = repository;
        HASH_ADD_KEYPTR(hh, engine->open, i->id, strlen(i->id), o);
        if (!o->hh.tbl) {
                rv_incident_free(i);
                free(o);
                return -ENOMEM;
        }
        if (series) {
                o->series = series;
                series->open = o;
        }
        *ret = o;
        return 0;
}

int incident_add(struct turn *t, struct rv_incident *i, struct rule *rule, struct repository *repository,
                 struct series *series, struct open **ret) {
        make_id(t, i);
        i->times.detected_usec = t->now_usec;
        return add(t->engine, i, rule, repository, series, ret);
}

struct open *open_free(struct rv_engine *engine, struct open *o) {
        if (o->series)
                o->series->open = NULL;
        HASH_DEL(engine->open, o);
        rv_incident_free(o->i);
        others_forget(o);
        free(o->aside);
        free(o);
        return NULL;
}

/* -ENOMEM, or -EINVAL: the labels give no safe path; err says why. */
static int expand_scope(struct rv_incident *i, const struct rv_rule_config *rule, struct rv_error *err) {
        i->scope = calloc(rule->n_paths + 1, sizeof(*i->scope));
        if (!i->scope)
                return -ENOMEM;
        for (size_t k = 0; k < rule->n_paths; k++) {
                int r = rv_template_expand(rule->paths[k], RV_TEMPLATE_PATH, i->labels, i->value, &i->scope[k], err);

                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        return -EINVAL;
                i->n_scope++;
                if (!rv_text_is_utf8(i->scope[k], strlen(i->scope[k])))
                        return rv_error_set(err, -EINVAL, "the path is not UTF-8");
        }
        return 0;
}

static int expand_summary(struct rv_incident *i, const struct rv_rule_config *rule) {
        _cleanup_free_ char *text = NULL, *other = NULL;
        int r = rv_template_expand(rule->summary, RV_TEMPLATE_TEXT, i->labels, i->value, &text, NULL);

        if (r == 0 && isnan(i->value))
                r = rv_template_expand(rule->summary, RV_TEMPLATE_TEXT, i->labels, 0, &other, NULL);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || (other && strcmp(text, other) != 0)) /* it tells of a value, and there is none */
                return 0;
        i->summary = rv_text_line(text, TEXT_BYTES_MAX);
        return i->summary ? 0 : -ENOMEM;
}

int incident_describe(struct rv_incident *i, const struct rv_rule_config *rule, bool with_scope, struct rv_error *err) {
        i->rule = strdup(rule->name);
        if (!i->rule || expand_summary(i, rule) < 0)
                return -ENOMEM;
        return with_scope ? expand_scope(i, rule, err) : 0;
}

int incident_about(const struct series *series, const struct rv_rule_config *rule, struct rv_incident **ret) {
        struct rv_incident *about = calloc(1, sizeof(*about));
        int r;

        if (!about)
                return -ENOMEM;
        about->labels = rv_labels_ref(series->s.labels);
        about->value = series->s.value;
        r = incident_describe(about, rule, true, NULL);
        if (r < 0)
                rv_incident_free(about);
        else
                *ret = about;
        return r;
}

/* Also -EINVAL: the labels give no name. */
static int expand_name(const struct rv_incident *i, const struct rv_template *template, const char *what, char **ret,
                       struct rv_error *err) {
        int r;

        if (!template)
                return 0;
        r = rv_template_expand(template, RV_TEMPLATE_PATH, i->labels, i->value, ret, err);
        if (r == 0 && !rv_config_is_object_name(*ret))
                r = rv_error_set(err, -EINVAL, "'%s' is no name of an object", *ret);
        return r == 0 || r == -ENOMEM ? r : rv_error_prefix(err, -EINVAL, "%s", what);
}

int incident_find_application(const struct rv_engine *engine, struct rv_incident *i, const struct rv_rule_config *rule,
                              struct rv_error *err) {
        int r;

        if (!rule->application)
                return 0;
        r = expand_name(i, rule->application, "application", &i->application, err);
        if (r == 0)
                r = expand_name(i, rule->space, "namespace", &i->space, err);
        if (r < 0)
                return r;
        i->applied_by = strdup(engine->config->operators[rule->applied_by].name);
        return i->applied_by ? 0 : -ENOMEM;
}

static int open_for(struct turn *t, struct series *series, int64_t onset_usec, struct rv_incident *before) {
        struct rule *rule = (struct rule *)series->key.rule;
        const struct rv_rule_config *config = rule_config(t->engine, rule);
        struct repository *repository = t->engine->repository[config->repository];
        bool is_confirmed = config->confirm || config->alertmanager >= 0;
        bool is_too_many = HASH_COUNT(t->engine->open) >= RV_INCIDENTS_OPEN_MAX;
        struct rv_incident *i = calloc(1, sizeof(*i));
        struct rv_error err = {0};
        struct open *o;
        int scope, r;

        if (!i)
                return -ENOMEM;
        i->labels = rv_labels_ref(series->s.labels);
        i->mode = config->mode;
        i->value = i->last_value = series->s.value;
        i->times.onset_usec = onset_usec;
        if (before) {
                i->times.earlier_usec = before->times.earlier_usec;
                i->times.earlier_end_usec = before->times.earlier_end_usec;
                memcpy(i->after, before->id, sizeof(i->after));
                i->ruled_out = before->plan->spec.commits[before->plan->spec.n_commits - 1];
        } else
                earlier_tell(series, config, onset_usec, &i->times);
        i->repository = strdup(repository->name);
        scope = incident_describe(i, config, true, &err);
        if (scope == 0)
                scope = incident_find_application(t->engine, i, config, &err);
        if (!i->repository || recent_tell(series, i) < 0 || scope == -ENOMEM) {
                rv_incident_free(i);
                return -ENOMEM;
        }
        r = incident_add(t, i, rule, repository, series, &o);
        if (r < 0)
                return r;
        if (before)
                memcpy(before->next, o->i->id, sizeof(before->next));
        r = incident_begin(t, o, is_confirmed ? RV_INCIDENT_CONFIRMING : RV_INCIDENT_ATTRIBUTING);
        if (r < 0)
                return r;
        if (is_too_many)
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_TOO_MANY, NULL);
        if (scope < 0)
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_BAD_SCOPE, err.text);
        return is_confirmed ? confirm_enter(t, o) : attribute_enter(t, o);
}

int incident_open(struct turn *t, struct series *series, int64_t onset_usec) {
        return open_for(t, series, onset_usec, NULL);
}

int incident_open_after(struct turn *t, struct series *series, struct rv_incident *before) {
        return open_for(t, series, before->times.onset_usec, before);
}

/* -- after a restart -- */

int open_load(struct rv_engine *engine, const struct rv_record *record, struct rv_error *err) {
        struct rv_incident *i;
        struct rule *rule;
        struct open *o;
        int r = rv_incident_from_json(&i, record->value, err);

        if (r < 0)
                return r;
        if (rv_incident_state_is_end(i->state)) {
                rv_incident_free(i);
                return 0;
        }
        if (rv_engine_incident(engine, i->id)) {
                rv_incident_free(i);
                return rv_error_set(err, -EINVAL, "it was loaded already");
        }
        i->version = record->version;
        rule = i->rule ? rule_find(engine, i->rule) : NULL;
        r = add(engine, i, rule, repository_find(engine, i->repository), NULL, &o);
        if (r == 0 && (!o->repository || (i->rule && !rule)))
                engine->is_swept = false;
        return r;
}

int open_bind(struct turn *t, struct open *o) {
        bool is_dry_run = o->i->by_hand && o->i->mode == RV_MODE_OBSERVE;
        struct series *series;
        int r;

        if (!o->rule || o->rule->index < 0 || is_dry_run || o->series)
                return 0;
        r = series_get(t->engine, o->rule, o->i->labels, &series);
        if (r == -ENOSPC) /* its recovery cannot be followed, and its deadline ends it */
                return 0;
        if (r < 0)
                return r;
        if (!series->open) {
                o->series = series;
                series->open = o;
        }
        return 0;
}
