/* Rules and repositories by name, so that a reload may add, move and take away. */
#include "core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct rv_rule_config *rule_config(const struct rv_engine *engine, const struct rule *rule) {
        return rule && rule->index >= 0 ? &engine->config->rules[rule->index] : NULL;
}

const struct rv_repository_config *repository_config(const struct rv_engine *engine,
                                                     const struct repository *repository) {
        return repository && repository->index >= 0 ? &engine->config->repositories[repository->index] : NULL;
}

struct rule *rule_find(const struct rv_engine *engine, const char *name) {
        struct rule *rule;

        HASH_FIND_STR(engine->rules, name, rule);
        return rule;
}

struct repository *repository_find(const struct rv_engine *engine, const char *name) {
        struct repository *repository;

        HASH_FIND_STR(engine->repositories, name, repository);
        return repository;
}

static void rule_free(struct rv_engine *engine, struct rule *rule) {
        HASH_DEL(engine->rules, rule);
        free(rule->name);
        free(rule);
}

static void repository_free(struct rv_engine *engine, struct repository *repository) {
        HASH_DEL(engine->repositories, repository);
        history_done(repository);
        free(repository->name);
        free(repository);
}

/* One that is not in the configuration yet (index -1). */
static struct rule *rule_get(struct rv_engine *engine, const char *name) {
        struct rule *rule = rule_find(engine, name);

        if (rule)
                return rule;
        rule = calloc(1, sizeof(*rule));
        if (!rule)
                return NULL;
        rule->index = -1;
        rule->name = strdup(name);
        if (rule->name)
                HASH_ADD_KEYPTR(hh, engine->rules, rule->name, strlen(rule->name), rule);
        if (!rule->name || !rule->hh.tbl) {
                free(rule->name);
                free(rule);
                return NULL;
        }
        return rule;
}

static struct repository *repository_get(struct rv_engine *engine, const char *name) {
        struct repository *repository = repository_find(engine, name);

        if (repository)
                return repository;
        repository = calloc(1, sizeof(*repository));
        if (!repository)
                return NULL;
        repository->index = -1;
        repository->name = strdup(name);
        if (repository->name)
                HASH_ADD_KEYPTR(hh, engine->repositories, repository->name, strlen(repository->name), repository);
        if (!repository->name || !repository->hh.tbl) {
                free(repository->name);
                free(repository);
                return NULL;
        }
        return repository;
}

int names_apply(struct rv_engine *engine, struct rv_config *config) {
        struct rule **rules = calloc(config->n_rules + 1, sizeof(struct rule *)), *rule, *next_rule;
        struct repository **repositories = calloc(config->n_repositories + 1, sizeof(struct repository *)), *repository,
                          *next_repository;

        /* What a failure leaves behind here has index -1 and goes with the next sweep. */
        engine->is_swept = false;
        if (!rules || !repositories)
                goto fail;
        for (size_t i = 0; i < config->n_rules; i++) {
                rules[i] = rule_get(engine, config->rules[i].name);
                if (!rules[i])
                        goto fail;
        }
        for (size_t i = 0; i < config->n_repositories; i++) {
                repositories[i] = repository_get(engine, config->repositories[i].name);
                if (!repositories[i])
                        goto fail;
        }

        HASH_ITER (hh, engine->rules, rule, next_rule)
                rule->index = -1;
        HASH_ITER (hh, engine->repositories, repository, next_repository)
                repository->index = -1;
        for (size_t i = 0; i < config->n_rules; i++)
                rules[i]->index = (ssize_t)i;
        for (size_t i = 0; i < config->n_repositories; i++)
                repositories[i]->index = (ssize_t)i;
        free(engine->rule);
        free(engine->repository);
        engine->rule = rules;
        engine->repository = repositories;
        rv_config_unref(engine->config);
        engine->config = rv_config_ref(config);
        good_unbind(engine);
        return 0;
fail:
        free(rules);
        free(repositories);
        return -ENOMEM;
}

/* The incident's rule or repository went. Before the push: it ends. A push that is under way comes to its end, as far
 * as there still is a repository to ask. */
static int end_orphan(struct turn *t, struct open *o) {
        switch (o->i->state) {
        case RV_INCIDENT_REVERTING:
                return o->repository ? 0 : incident_move(t, o, RV_INCIDENT_FAILED, RV_REASON_RULE_GONE, NULL);
        case RV_INCIDENT_PROPOSED:
                return o->repository ? 0 : incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_RULE_GONE, NULL);
        case RV_INCIDENT_CONVERGING:
                if (o->repository)
                        return 0;
                return incident_move(t, o, RV_INCIDENT_REVERTED, RV_REASON_RULE_GONE, NULL);
        case RV_INCIDENT_VERIFYING:
                if (o->rule)
                        return 0;
                return incident_move(t, o, RV_INCIDENT_REVERTED, RV_REASON_RULE_GONE, NULL);
        default:
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_RULE_GONE, NULL);
        }
}

static int sweep_incidents(struct turn *t) {
        struct open *o, *next;

        HASH_ITER (hh, t->engine->open, o, next) {
                bool rule_went = o->rule ? o->rule->index < 0 : o->i->rule != NULL;
                bool repository_went = !o->repository || o->repository->index < 0;
                int r;

                if (o->is_over || (!rule_went && !repository_went))
                        continue;
                if (rule_went)
                        o->rule = NULL;
                if (repository_went)
                        o->repository = NULL;
                r = end_orphan(t, o);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int forget_repository(struct turn *t, struct repository *repository) {
        struct seen *seen, *next;
        int r = rv_batch_delete(&t->step->batch, RV_RECORD_HEAD, repository->name);

        HASH_ITER (hh, repository->seen, seen, next) {
                char key[512];

                snprintf(key, sizeof(key), "%s/%s", repository->name, seen->id.hex);
                if (r == 0)
                        r = rv_batch_delete(&t->step->batch, RV_RECORD_SEEN, key);
        }
        return r;
}

int names_sweep(struct turn *t) {
        struct rv_engine *engine = t->engine;
        struct rule *rule, *next_rule;
        struct repository *repository, *next_repository;
        int r;

        if (engine->is_swept)
                return 0;
        r = sweep_incidents(t);
        HASH_ITER (hh, engine->rules, rule, next_rule) {
                if (r < 0)
                        return r;
                if (rule->index >= 0)
                        continue;
                r = series_drop_rule(t, rule);
                rule_free(engine, rule);
        }
        HASH_ITER (hh, engine->repositories, repository, next_repository) {
                if (r < 0)
                        return r;
                if (repository->index >= 0)
                        continue;
                r = forget_repository(t, repository);
                repository_free(engine, repository);
        }
        engine->is_swept = r == 0;
        return r;
}

void names_done(struct rv_engine *engine) {
        struct rule *rule, *next_rule;
        struct repository *repository, *next_repository;

        HASH_ITER (hh, engine->rules, rule, next_rule)
                rule_free(engine, rule);
        HASH_ITER (hh, engine->repositories, repository, next_repository)
                repository_free(engine, repository);
        free(engine->rule);
        free(engine->repository);
        rv_config_unref(engine->config);
}
