/* Pauses: of everything, of a rule, of a repository. While one covers it, nothing is pushed. */
#include "core.h"

#include "revertd/json.h"
#include "revertd/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PERSON_BYTES_MAX = 1000 };

static const char rule_prefix[] = "rule:", repository_prefix[] = "repository:";

void pause_free(struct pause *pause) {
        if (!pause)
                return;
        free(pause->scope);
        free(pause->actor);
        free(pause->note);
        free(pause);
}

static const char *after(const char *text, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

static bool covers(const struct pause *pause, const char *rule, const char *repository) {
        const char *name;

        if (!*pause->scope)
                return true;
        name = after(pause->scope, rule_prefix);
        if (name)
                return rule && strcmp(name, rule) == 0;
        name = after(pause->scope, repository_prefix);
        return name && repository && strcmp(name, repository) == 0;
}

static bool is_current(const struct pause *pause, int64_t now_usec) {
        return pause->until_usec == 0 || now_usec < pause->until_usec;
}

bool pause_covers(const struct rv_engine *engine, const char *rule, const char *repository, int64_t now_usec) {
        const struct repository *tracked = repository ? repository_find(engine, repository) : NULL;

        for (const struct pause *p = engine->pauses; p; p = p->next)
                if (is_current(p, now_usec) && covers(p, rule, repository))
                        return true;
        return tracked && tracked->pause;
}

/* The file on the branch, or the first pause of a person's that covers it. */
int pause_detail(const struct turn *t, const struct open *o, char **ret) {
        const struct pause *p = t->engine->pauses;
        int r = 0;

        *ret = NULL;
        while (p && !(is_current(p, t->now_usec) && covers(p, o->i->rule, o->i->repository)))
                p = p->next;
        if (o->repository && o->repository->pause)
                r = asprintf(ret, ".revertd/pause on the branch: %s", o->repository->pause);
        else if (p)
                r = asprintf(ret, "by %s%s%s", p->actor ? p->actor : "a person", p->note ? ": " : "",
                             p->note ? p->note : "");
        if (r >= 0)
                return 0;
        *ret = NULL;
        return -ENOMEM;
}

bool rv_engine_paused(const struct rv_engine *engine, int rule, int64_t now_usec) {
        const struct rv_rule_config *config;

        if (rule < 0 || (size_t)rule >= engine->config->n_rules)
                return pause_covers(engine, NULL, NULL, now_usec);
        config = &engine->config->rules[rule];
        return pause_covers(engine, config->name, engine->config->repositories[config->repository].name, now_usec);
}

static struct pause **find(struct rv_engine *engine, const char *scope) {
        struct pause **p = &engine->pauses;

        while (*p && strcmp((*p)->scope, scope) != 0)
                p = &(*p)->next;
        return p;
}

static void take_out(struct pause **p) {
        struct pause *pause = *p;

        *p = pause->next;
        pause_free(pause);
}

static bool is_scope(const struct rv_engine *engine, const char *scope) {
        const char *rule = after(scope, rule_prefix), *repository = after(scope, repository_prefix);

        if (rule)
                return rv_config_find_rule(engine->config, rule) >= 0;
        if (repository)
                return rv_config_find_repository(engine->config, repository) >= 0;
        return !*scope;
}

/* The file on a branch, as a pause of its repository. */
static int append_file(json_t *array, const struct repository *repository) {
        return json_array_append_new(array,
                                     json_pack("{s:o, s:s, s:s, s:I, s:I}", "scope",
                                               json_sprintf("%s%s", repository_prefix, repository->name), "actor",
                                               ".revertd/pause on the branch", "note", repository->pause, "since_usec",
                                               (json_int_t)0, "until_usec", (json_int_t)0));
}

static json_t *pause_to_json(const struct pause *p) {
        return json_pack("{s:s, s:s?, s:s?, s:I, s:I}", "scope", p->scope, "actor", p->actor, "note", p->note,
                         "since_usec", (json_int_t)p->since_usec, "until_usec", (json_int_t)p->until_usec);
}

static int copy_line(char **ret, const char *text) {
        if (!text || !*text)
                return 0;
        *ret = rv_text_line(text, PERSON_BYTES_MAX);
        return *ret ? 0 : -ENOMEM;
}

static struct pause *pause_new(const char *scope, const char *actor, const char *note, int64_t since_usec,
                               int64_t until_usec) {
        struct pause *pause = calloc(1, sizeof(*pause));

        if (!pause)
                return NULL;
        pause->since_usec = since_usec;
        pause->until_usec = until_usec;
        pause->scope = strdup(scope);
        if (pause->scope && copy_line(&pause->actor, actor) == 0 && copy_line(&pause->note, note) == 0)
                return pause;
        pause_free(pause);
        return NULL;
}

/* What has not been asked of Git yet ends here, at once: who pauses wants to see that nothing is left that would act. */
static int decline_covered(struct turn *t, const struct pause *pause) {
        struct open *o, *next;

        HASH_ITER (hh, t->engine->open, o, next) {
                int r;

                if (o->is_over || o->i->state >= RV_INCIDENT_REVERTING || !covers(pause, o->i->rule, o->i->repository))
                        continue;
                r = incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_PAUSED, pause->note);
                if (r < 0)
                        return r;
        }
        return 0;
}

int pause_obey_file(struct turn *t, const struct repository *repository) {
        struct pause pause = {.note = repository->pause};
        int r;

        if (!repository->pause)
                return 0;
        if (asprintf(&pause.scope, "%s%s", repository_prefix, repository->name) < 0)
                return -ENOMEM;
        r = decline_covered(t, &pause);
        free(pause.scope);
        return r;
}

int pause_put(struct turn *t, const struct rv_event *event) {
        int64_t duration_usec = event->pause.duration_usec;
        const char *scope = event->pause.scope;
        struct pause *pause, **old;
        int r;

        if (!is_scope(t->engine, scope))
                return rv_error_set(t->err, -EINVAL, "there is no such rule or repository to pause");
        if (duration_usec < 0 || duration_usec > RV_USEC_INFINITY - t->now_usec)
                return rv_error_set(t->err, -EINVAL, "the duration is out of range");
        pause = pause_new(scope, event->pause.actor, event->pause.note, t->now_usec,
                          duration_usec > 0 ? t->now_usec + duration_usec : 0);
        if (!pause)
                return -ENOMEM;
        old = find(t->engine, scope);
        if (*old)
                take_out(old);
        pause->next = t->engine->pauses;
        t->engine->pauses = pause;
        t->actor = pause->actor;
        r = rv_batch_put(&t->step->batch, RV_RECORD_PAUSE, scope, t->now_usec, -1, pause_to_json(pause));
        return r < 0 ? r : decline_covered(t, pause);
}

static bool is_by_file(const struct rv_engine *engine, const char *scope) {
        const char *name = after(scope, repository_prefix);
        const struct repository *repository = name ? repository_find(engine, name) : NULL;

        return repository && repository->pause;
}

int pause_end(struct turn *t, const struct rv_event *event) {
        struct pause **p = find(t->engine, event->pause.scope);

        if (!*p)
                return rv_error_set(t->err, -ENOENT, "nothing is paused there%s",
                                    is_by_file(t->engine, event->pause.scope)
                                            ? " but by .revertd/pause on the branch: take the file away there"
                                            : "");
        take_out(p);
        return rv_batch_delete(&t->step->batch, RV_RECORD_PAUSE, event->pause.scope);
}

/* The clock was set: what is paused for so long stays so for as long. */
int pause_move(struct turn *t, int64_t by_usec) {
        int r = 0;

        for (struct pause *p = t->engine->pauses; p && r == 0; p = p->next) {
                if (p->until_usec == 0 || __builtin_add_overflow(p->until_usec, by_usec, &p->until_usec))
                        continue;
                if (p->until_usec < 1)
                        p->until_usec = 1;
                r = rv_batch_put(&t->step->batch, RV_RECORD_PAUSE, p->scope, t->now_usec, -1, pause_to_json(p));
        }
        return r;
}

int pause_expire(struct turn *t) {
        struct pause **p = &t->engine->pauses;

        while (*p) {
                int r;

                if (is_current(*p, t->now_usec)) {
                        p = &(*p)->next;
                        continue;
                }
                r = rv_batch_delete(&t->step->batch, RV_RECORD_PAUSE, (*p)->scope);
                if (r < 0)
                        return r;
                take_out(p);
        }
        return 0;
}

int pause_load(struct rv_engine *engine, const struct rv_record *record, struct rv_error *err) {
        const json_t *json = record->value;
        const char *scope = rv_json_string(json, "scope", NULL);
        struct pause *pause;

        if (!scope)
                return rv_error_set(err, -EINVAL, "scope: missing");
        pause = pause_new(scope, rv_json_string(json, "actor", NULL), rv_json_string(json, "note", NULL),
                          rv_json_int(json, "since_usec", 0), rv_json_int(json, "until_usec", 0));
        if (!pause)
                return rv_error_oom(err);
        pause->next = engine->pauses;
        engine->pauses = pause;
        return 0;
}

json_t *rv_engine_pauses_json(const struct rv_engine *engine, int64_t now_usec) {
        json_t *array = json_array();

        for (const struct pause *p = engine->pauses; array && p; p = p->next)
                if (is_current(p, now_usec) && json_array_append_new(array, pause_to_json(p)) < 0) {
                        json_decref(array);
                        return NULL;
                }
        for (size_t i = 0; array && i < engine->config->n_repositories; i++)
                if (engine->repository[i]->pause && append_file(array, engine->repository[i]) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array;
}
