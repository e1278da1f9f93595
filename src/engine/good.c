/* The last good head of each scope: the newest head of the branch that had stood, while the scope was ok at each
 * evaluation, for the rule's good_after. Only ok proves it; an alert that is silent proves nothing, but one that fires
 * keeps a head from being proven. */
#include "core.h"

#include "revertd/cleanup.h"
#include "revertd/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
        STOOD_MAX = 256,           /* heads remembered of a repository; then every second one is forgotten */
        PROVEN_PER_TURN_MAX = 256, /* the others follow with the next evaluations */
};
#define REPROVEN_USEC (5 * RV_USEC_PER_MINUTE) /* a busy branch writes no more often for a scope */
#define RENEWED_USEC RV_USEC_PER_DAY           /* the same head is written again, so that retention sees it in use */

/* -- heads -- */

int good_stand(struct repository *repository, const struct rv_oid *head, int64_t since_usec) {
        size_t n = repository->n_stood;

        if (n > 0 && strcmp(repository->stood[n - 1].head.hex, head->hex) == 0)
                return 0;
        if (!repository->stood) {
                repository->stood = calloc(STOOD_MAX, sizeof(*repository->stood));
                if (!repository->stood)
                        return -ENOMEM;
        }
        if (n == STOOD_MAX) {
                for (size_t i = 0; i < STOOD_MAX / 2; i++)
                        repository->stood[i] = repository->stood[2 * i + 1];
                repository->n_stood = n = STOOD_MAX / 2;
        }
        repository->stood[n] = (struct stood){*head, since_usec};
        repository->n_stood = n + 1;
        return 0;
}

static const struct stood *newest_before(const struct repository *repository, int64_t usec) {
        for (size_t i = repository->n_stood; i-- > 0;)
                if (repository->stood[i].since_usec <= usec)
                        return &repository->stood[i];
        return NULL;
}

/* -- the ledger -- */

static char *make_key(const char *repository, char *const *scope, size_t n) {
        char *text = rv_act_scope(scope, n), *key = NULL;

        if (text && asprintf(&key, "%s/%s", repository, text) < 0)
                key = NULL;
        free(text);
        return key;
}

static struct good *find(const struct rv_engine *engine, const char *key) {
        struct good *good;

        HASH_FIND_STR(engine->goods, key, good);
        return good;
}

static void take_out(struct rv_engine *engine, struct good *good) {
        HASH_DEL(engine->goods, good);
        free(good->key);
        free(good->repository);
        free(good);
}

/* Takes key, also on failure. */
static int get(struct rv_engine *engine, char *key, const char *repository, struct good **ret) {
        struct good *good = find(engine, key);

        if (good) {
                free(key);
                *ret = good;
                return 0;
        }
        good = calloc(1, sizeof(*good));
        if (!good) {
                free(key);
                return -ENOMEM;
        }
        good->key = key;
        good->repository = strdup(repository);
        if (good->repository)
                HASH_ADD_KEYPTR(hh, engine->goods, good->key, strlen(good->key), good);
        if (!good->repository || !good->hh.tbl) {
                free(good->key);
                free(good->repository);
                free(good);
                return -ENOMEM;
        }
        *ret = good;
        return 0;
}

int64_t good_span_usec(const struct rv_rule_config *rule) {
        return rule->good_after_usec > 0 ? rule->good_after_usec : rule->window_usec;
}

const struct good *good_find(const struct rv_engine *engine, const char *repository, char *const *scope, size_t n) {
        char *key = make_key(repository, scope, n);
        const struct good *good = key ? find(engine, key) : NULL;

        free(key);
        return good && *good->head.hex ? good : NULL;
}

/* -- of a label set -- */

/* The scope of the label set. It keeps its place until the next reload; labels that give no safe path have none. */
static int bind(struct turn *t, struct series *series) {
        const struct rv_rule_config *rule = rule_config(t->engine, series->key.rule);
        struct rv_incident *about;
        const char *name;
        char *key;
        int r;

        if (series->good || series->has_no_scope || !rule)
                return 0;
        r = incident_about(series, rule, &about);
        series->has_no_scope = r == -EINVAL;
        if (r < 0)
                return series->has_no_scope ? 0 : r;
        name = t->engine->config->repositories[rule->repository].name;
        key = make_key(name, about->scope, about->n_scope);
        r = key ? get(t->engine, key, name, &series->good) : -ENOMEM;
        rv_incident_free(about);
        return r;
}

int good_breach(struct turn *t, struct series *series) {
        int r = bind(t, series);

        series->well_usec = 0;
        if (r == 0 && series->good)
                series->good->breach_usec = t->now_usec;
        return r;
}

/* The key has the paths of the scope as lines. */
static bool is_about(const struct open *o, const struct good *good) {
        _cleanup_free_ char *lines = strdup(good->key + strlen(good->repository) + 1);
        char *path, *at = lines;

        if (!lines)
                return true;
        while ((path = strsep(&at, "\n")))
                if (rv_scope_overlaps(o->i->scope, o->i->n_scope, &path, 1))
                        return true;
        return false;
}

int good_overlaps(struct turn *t, struct series *series, const struct open *o, bool *ret) {
        int r = bind(t, series);

        *ret = r == 0 && series->good && strcmp(o->i->repository, series->good->repository) == 0 &&
               is_about(o, series->good);
        return r;
}

/* An incident of the scope, of whatever rule, is under way: who knows what ails it? */
static bool is_disputed(const struct rv_engine *engine, const struct good *good) {
        struct open *o, *next;

        HASH_ITER (hh, engine->open, o, next)
                if (!o->is_over && !o->is_look && strcmp(o->i->repository, good->repository) == 0 && is_about(o, good))
                        return true;
        return false;
}

static int store(struct turn *t, const struct good *good) {
        return rv_batch_put(&t->step->batch, RV_RECORD_GOOD, good->key, good->proven_usec, -1,
                            json_pack("{s:s, s:s, s:I, s:I}", "repository", good->repository, "head", good->head.hex,
                                      "since_usec", (json_int_t)good->since_usec, "proven_usec",
                                      (json_int_t)good->proven_usec));
}

static int prove(struct turn *t, struct series *series, int64_t at_usec) {
        const struct rv_rule_config *rule = rule_config(t->engine, series->key.rule);
        int64_t from_usec = at_usec - good_span_usec(rule);
        const struct stood *stood = newest_before(t->engine->repository[rule->repository], from_usec);
        struct good *good = series->good;
        int64_t age_usec;

        if (!good || !stood || series->well_usec > from_usec || !series_is_over(series) ||
            good->breach_usec > from_usec || stood->since_usec < good->since_usec)
                return 0;
        age_usec = t->now_usec - good->proven_usec;
        if (age_usec < (strcmp(stood->head.hex, good->head.hex) == 0 ? RENEWED_USEC : REPROVEN_USEC) ||
            t->n_proven >= PROVEN_PER_TURN_MAX || is_disputed(t->engine, good))
                return 0;
        t->n_proven++;
        good->head = stood->head;
        good->since_usec = stood->since_usec;
        good->proven_usec = t->now_usec;
        return store(t, good);
}

int good_note(struct turn *t, struct series *series, int64_t at_usec) {
        const struct rv_rule_config *rule = rule_config(t->engine, series->key.rule);
        int64_t step_usec = at_usec - series->well_last_usec;
        int r;

        if (series->s.verdict == RV_VERDICT_BREACH)
                return good_breach(t, series);
        if (series->s.verdict != RV_VERDICT_OK) {
                series->well_usec = 0;
                return 0;
        }
        if (series->well_usec == 0 || step_usec < 0 || step_usec > 4 * rule->interval_usec)
                series->well_usec = at_usec;
        series->well_last_usec = at_usec;
        r = bind(t, series);
        return r < 0 ? r : prove(t, series, at_usec);
}

/* -- attribution -- */

/* A head counts for a rule only if it had stood before the onset for as long as that rule asks for. */
const struct good *good_counting(const struct turn *t, const struct open *o) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);
        const struct good *good = good_find(t->engine, o->i->repository, o->i->scope, o->i->n_scope);

        return good && rule && good->since_usec <= o->i->times.onset_usec - good_span_usec(rule) ? good : NULL;
}

static bool is_below(const struct good *good, const struct open *o, const struct rv_commit *commit) {
        struct rv_live seen = history_live(commit, o->repository);

        return strcmp(commit->id.hex, good->head.hex) == 0 || (seen.observed && seen.seen_usec <= good->since_usec);
}

/* A head stands on the branch when it is seen there. What the operator applied later than that was not in the cluster
 * while the head was proven, and so is not proven by it. */
size_t good_cut(const struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        const struct good *good = good_counting(t, o);
        struct live facts = {o, reply, t->now_usec};
        bool below = false;

        o->good_is_late = false;
        for (size_t i = 0; good && i < reply->n_commits; i++) {
                struct rv_live live = live_of(&reply->commits[i], &facts);

                below = below || is_below(good, o, &reply->commits[i]);
                if (!below)
                        continue;
                if (!live.applied ||
                    live.seen_usec <= good->proven_usec - good_span_usec(rule_config(t->engine, o->rule)))
                        return i;
                o->good_is_late = true;
        }
        return reply->n_commits;
}

/* -- upkeep -- */

void good_unbind(struct rv_engine *engine) {
        struct series *series, *next;

        HASH_ITER (hh, engine->series, series, next) {
                series->good = NULL;
                series->has_no_scope = false;
        }
}

/* What a clock that was ahead has written: later commits must not look older than it. */
int good_bound(struct turn *t) {
        struct repository *repository, *next_repository;
        struct good *good, *next;

        HASH_ITER (hh, t->engine->repositories, repository, next_repository)
                for (size_t i = 0; i < repository->n_stood; i++)
                        if (repository->stood[i].since_usec > t->now_usec)
                                repository->stood[i].since_usec = t->now_usec;
        HASH_ITER (hh, t->engine->goods, good, next) {
                int r;

                if (good->breach_usec > t->now_usec)
                        good->breach_usec = t->now_usec;
                if (good->since_usec <= t->now_usec && good->proven_usec <= t->now_usec)
                        continue;
                if (good->since_usec > t->now_usec)
                        good->since_usec = t->now_usec;
                good->proven_usec = t->now_usec;
                r = store(t, good);
                if (r < 0)
                        return r;
        }
        return 0;
}

int good_prune(struct turn *t) {
        int64_t kept_usec = t->engine->config->retention_usec;
        struct good *good, *next;
        bool has_gone = false;

        HASH_ITER (hh, t->engine->goods, good, next) {
                int r = 0;

                if (repository_find(t->engine, good->repository) &&
                    (t->now_usec - good->proven_usec <= kept_usec || t->now_usec - good->breach_usec <= kept_usec))
                        continue;
                /* Not proven yet, and in use: it costs no record. */
                if (*good->head.hex)
                        r = rv_batch_delete(&t->step->batch, RV_RECORD_GOOD, good->key);
                if (r < 0)
                        return r;
                if (!has_gone)
                        good_unbind(t->engine);
                has_gone = true;
                take_out(t->engine, good);
        }
        return 0;
}

int good_load(struct rv_engine *engine, const struct rv_record *record, struct rv_error *err) {
        const char *repository = rv_json_string(record->value, "repository", "");
        const char *head = rv_json_string(record->value, "head", "");
        size_t n = strlen(repository);
        struct good *good;
        char *key;

        if (strncmp(record->key, repository, n) != 0 || record->key[n] != '/')
                return rv_error_set(err, -EINVAL, "key: not of its repository");
        if (!*head || strlen(head) > RV_OID_HEX_MAX)
                return rv_error_set(err, -EINVAL, "head: not an object id");
        if (!repository_find(engine, repository))
                return rv_batch_delete(&engine->leftovers, RV_RECORD_GOOD, record->key);
        key = strdup(record->key);
        if (!key || get(engine, key, repository, &good) < 0)
                return -ENOMEM;
        snprintf(good->head.hex, sizeof(good->head.hex), "%s", head);
        good->since_usec = rv_json_int(record->value, "since_usec", 0);
        good->proven_usec = rv_json_int(record->value, "proven_usec", 0);
        return 0;
}

void good_done(struct rv_engine *engine) {
        struct good *good, *next;

        HASH_ITER (hh, engine->goods, good, next)
                take_out(engine, good);
}
