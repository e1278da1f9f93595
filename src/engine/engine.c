/* The entry: one event in, one step out. */
#include "core.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PRUNE_USEC RV_USEC_PER_HOUR

void rv_effect_done(struct rv_effect *effect) {
        free(effect->expr);
        rv_labels_unref(effect->labels);
        free(effect->application);
        free(effect->space);
        rv_git_request_free(effect->request);
}

void rv_step_done(struct rv_step *step) {
        rv_batch_done(&step->batch);
        for (size_t i = 0; i < step->n_effects; i++)
                rv_effect_done(&step->effect[i]);
        free(step->effect);
        for (size_t i = 0; i < step->n_transitions; i++)
                rv_transition_done(&step->transition[i]);
        free(step->transition);
        *step = (struct rv_step){0};
}

int rv_engine_new(struct rv_engine **ret, struct rv_config *config) {
        struct rv_engine *engine = calloc(1, sizeof(*engine));

        if (!engine)
                return -ENOMEM;
        if (names_apply(engine, config) < 0) {
                rv_engine_free(engine);
                return -ENOMEM;
        }
        *ret = engine;
        return 0;
}

struct rv_engine *rv_engine_free(struct rv_engine *engine) {
        struct open *o, *next;
        struct series *series, *next_series;

        if (!engine)
                return NULL;
        HASH_ITER (hh, engine->open, o, next)
                open_free(engine, o);
        looks_done(engine);
        HASH_ITER (hh, engine->series, series, next_series)
                series_free(engine, series);
        while (engine->pauses) {
                struct pause *pause = engine->pauses;

                engine->pauses = pause->next;
                pause_free(pause);
        }
        ledger_done(engine);
        good_done(engine);
        rv_batch_done(&engine->leftovers);
        rv_step_done(&engine->owed);
        names_done(engine);
        free(engine);
        return NULL;
}

int rv_engine_reconfigure(struct rv_engine *engine, struct rv_config *config) {
        return names_apply(engine, config);
}

static int load(struct rv_engine *engine, const struct rv_record *record, struct rv_error *err) {
        switch (record->kind) {
        case RV_RECORD_INCIDENT:
                return open_load(engine, record, err);
        case RV_RECORD_SERIES:
                return series_load(engine, record, err);
        case RV_RECORD_ACT:
                return ledger_load(engine, record, err);
        case RV_RECORD_GOOD:
                return good_load(engine, record, err);
        case RV_RECORD_PAUSE:
                return pause_load(engine, record, err);
        case RV_RECORD_SEEN:
        case RV_RECORD_HEAD:
                return history_load(engine, record, err);
        case RV_RECORD_CLOCK:
                return clock_load(engine, record, err);
        case RV_RECORD_TRANSITION:
        case RV_RECORD_OUTBOX:
        case RV_RECORD_THREAD:
        case RV_RECORD_UNDELIVERABLE:
                return 0;
        case RV_RECORD_KIND_MAX:
                break;
        }
        return rv_error_set(err, -EINVAL, "unknown kind of record");
}

int rv_engine_load(struct rv_engine *engine, const struct rv_record *record, struct rv_error *err) {
        int r = load(engine, record, err);

        if (r == -ENOMEM)
                return rv_error_oom(err);
        return r < 0 ? rv_error_prefix(err, r, "record %s", record->key) : 0;
}

/* -- time -- */

/* A deadline that is further off than its state ever waits comes from a clock that was ahead. */
static void bound_deadline(struct turn *t, struct open *o) {
        struct rv_incident *i = o->i;
        int64_t latest_usec = t->now_usec + state_patience(t->engine, o);

        if (i->deadline_usec > latest_usec)
                i->deadline_usec = latest_usec;
        if (i->retry_usec > latest_usec)
                i->retry_usec = latest_usec;
        if (o->asked_usec > t->now_usec)
                o->asked_usec = t->now_usec;
        if (i->state == RV_INCIDENT_VERIFYING)
                verify_restart(t, o);
}

static int note_clock(struct turn *t) {
        bool is_set_back = t->now_usec < t->engine->now_usec;
        struct open *o, *next;

        if (is_set_back)
                HASH_ITER (hh, t->engine->open, o, next)
                        bound_deadline(t, o);
        t->engine->now_usec = t->now_usec;
        return is_set_back ? good_bound(t) : 0;
}

static bool is_lost(const struct open *o, int64_t now_usec) {
        return o->i->token > 0 && now_usec - o->asked_usec >= ANSWER_PATIENCE_USEC;
}

static bool is_expired(const struct open *o, int64_t now_usec) {
        if (o->i->deadline_usec == 0 || now_usec < o->i->deadline_usec)
                return false;
        return o->i->token == 0 || !state_of(o)->waits;
}

static int lose_answer(struct turn *t, struct open *o) {
        const struct state *state = state_of(o);

        o->i->token = 0;
        if (state->git)
                return state->git(t, o, NULL);
        return state->queried ? state->queried(t, o, NULL) : retry_later(t, o);
}

static int tick_one(struct turn *t, struct open *o) {
        if (is_lost(o, t->now_usec))
                return lose_answer(t, o);
        if (is_expired(o, t->now_usec))
                return state_of(o)->expired(t, o);
        if (o->i->retry_usec > 0 && t->now_usec >= o->i->retry_usec) {
                o->i->retry_usec = 0;
                return state_of(o)->ask(t, o);
        }
        return 0;
}

static int tick(struct turn *t) {
        struct open *o, *next;
        int r;

        HASH_ITER (hh, t->engine->open, o, next) {
                r = o->is_over ? 0 : tick_one(t, o);
                if (r < 0)
                        return r;
        }
        r = alerts_expire(t);
        return r < 0 ? r : pause_expire(t);
}

static int64_t earlier(int64_t a, int64_t b) {
        return a < b ? a : b;
}

int64_t rv_engine_deadline(const struct rv_engine *engine) {
        int64_t deadline = RV_USEC_INFINITY;
        struct open *o, *next;

        if (!engine->is_swept || engine->owed.batch.n > 0)
                return 0;
        HASH_ITER (hh, engine->open, o, next) {
                if (o->i->retry_usec > 0)
                        deadline = earlier(deadline, o->i->retry_usec);
                if (o->i->token > 0)
                        deadline = earlier(deadline, o->asked_usec + ANSWER_PATIENCE_USEC);
                if (o->i->deadline_usec > 0 && (o->i->token == 0 || !state_of(o)->waits))
                        deadline = earlier(deadline, o->i->deadline_usec);
        }
        if (engine->expiry_usec > 0)
                deadline = earlier(deadline, engine->expiry_usec);
        for (const struct pause *p = engine->pauses; p; p = p->next)
                if (p->until_usec > 0)
                        deadline = earlier(deadline, p->until_usec);
        return deadline;
}

/* -- events -- */

static int resume(struct turn *t) {
        struct open *o, *next;
        int r;

        /* Answers to what an engine before this one asked must not be taken for answers to this one. */
        if (t->engine->token < (uint64_t)t->now_usec)
                t->engine->token = (uint64_t)t->now_usec;
        history_sort(t->engine);
        alerts_resume(t);
        r = good_bound(t);
        if (r < 0)
                return r;
        HASH_ITER (hh, t->engine->open, o, next) {

                if (o->is_over)
                        continue;
                r = open_bind(t, o);
                if (r < 0)
                        return r;
                bound_deadline(t, o);
                if (o->i->state == RV_INCIDENT_VERIFYING)
                        verify_restart(t, o);
                o->i->retry_usec = 0;
                r = state_of(o)->ask(t, o);
                if (r < 0)
                        return r;
        }
        return 0;
}

static struct open *find_token(const struct rv_engine *engine, uint64_t token) {
        struct open *o, *next;

        HASH_ITER (hh, engine->open, o, next)
                if (token > 0 && !o->is_over && o->i->token == token)
                        return o;
        return NULL;
}

static int on_git(struct turn *t, const struct rv_event *event) {
        struct open *o = find_token(t->engine, event->git.token);

        if (!o || !state_of(o)->git)
                return 0;
        o->i->token = 0;
        return state_of(o)->git(t, o, event->git.reply);
}

static int on_queried(struct turn *t, const struct rv_event *event) {
        struct open *o = find_token(t->engine, event->queried.token);

        if (!o || !state_of(o)->queried)
                return 0;
        o->i->token = 0;
        return state_of(o)->queried(t, o, event->queried.samples);
}

static int on_looked_up(struct turn *t, const struct rv_event *event) {
        struct open *o = find_token(t->engine, event->looked_up.token);

        if (!o || !state_of(o)->looked_up)
                return 0;
        o->i->token = 0;
        return event->looked_up.state == RV_ALERT_UNKNOWN
                       ? retry_later(t, o)
                       : state_of(o)->looked_up(t, o, event->looked_up.state, event->looked_up.words);
}

static int on_applied(struct turn *t, const struct rv_event *event) {
        struct open *o = find_token(t->engine, event->applied.token);

        if (!o || !state_of(o)->applied)
                return 0;
        o->i->token = 0;
        return state_of(o)->applied(t, o, event->applied.applied, event->applied.error);
}

static int on_synced(struct turn *t, const struct rv_event *event) {
        struct repository *repository;
        struct open *o, *next;
        int r;

        if (event->synced.repository >= t->engine->config->n_repositories)
                return rv_error_set(t->err, -EINVAL, "there is no repository %zu", event->synced.repository);
        if (!event->synced.reply || event->synced.reply->outcome != RV_GIT_OK)
                return 0;
        repository = t->engine->repository[event->synced.repository];
        r = history_note(t, repository, event->synced.reply, t->now_usec);
        if (r == 0)
                r = pause_obey_file(t, repository);
        HASH_ITER (hh, t->engine->open, o, next)
                if (r == 0 && o->repository == repository)
                        r = undone_look(t, o);
        return r;
}

static int dispatch(struct turn *t, const struct rv_event *event) {
        switch (event->kind) {
        case RV_EVENT_START:
                return resume(t);
        case RV_EVENT_TICK:
                return tick(t);
        case RV_EVENT_EVALUATED:
                return evaluate(t, event);
        case RV_EVENT_ALERTS:
                return alerts(t, event);
        case RV_EVENT_QUERIED:
                return on_queried(t, event);
        case RV_EVENT_LOOKED_UP:
                return on_looked_up(t, event);
        case RV_EVENT_APPLIED:
                return on_applied(t, event);
        case RV_EVENT_GIT:
                return on_git(t, event);
        case RV_EVENT_SYNCED:
                return on_synced(t, event);
        case RV_EVENT_APPROVE:
                return approve(t, event);
        case RV_EVENT_REJECT:
                return reject(t, event);
        case RV_EVENT_PAUSE:
                return pause_put(t, event);
        case RV_EVENT_RESUME:
                return pause_end(t, event);
        case RV_EVENT_REVERT:
                return manual_revert(t, event);
        case RV_EVENT_CLOCK:
                return 0; /* followed before all else */
        case RV_EVENT_KIND_MAX:
                break;
        }
        return rv_error_set(t->err, -EINVAL, "unknown kind of event");
}

/* What is owed whatever the event is. */
static int prepare(struct turn *t) {
        struct rv_engine *engine = t->engine;
        int r;

        for (; engine->leftovers.n > 0; engine->leftovers.n--) {
                struct rv_write *write = &engine->leftovers.write[engine->leftovers.n - 1];

                r = rv_batch_delete(&t->step->batch, write->kind, write->key);
                if (r < 0)
                        return r;
                free(write->key);
        }
        r = note_clock(t);
        if (r == 0)
                r = names_sweep(t);
        if (r < 0 || (t->now_usec >= engine->pruned_usec && t->now_usec - engine->pruned_usec < PRUNE_USEC))
                return r;
        engine->pruned_usec = t->now_usec;
        r = ledger_prune(t);
        if (r == 0)
                r = good_prune(t);
        return r < 0 ? r : series_prune(t);
}

int rv_engine_handle(struct rv_engine *engine, const struct rv_event *event, int64_t now_usec, struct rv_step *step,
                     struct rv_error *err) {
        struct turn t = {.engine = engine, .now_usec = now_usec, .step = step, .err = err};
        int refused = 0, r;

        if (engine->is_broken)
                return rv_error_oom(err);
        *step = engine->owed;
        engine->owed = (struct rv_step){0};
        r = event->kind == RV_EVENT_CLOCK ? clock_follow(&t, event) : 0;
        if (r == 0)
                r = prepare(&t);
        if (r == 0)
                r = dispatch(&t, event);
        /* A refused event changes nothing; what was due whatever the event goes out with the next one. */
        if (r == -EINVAL || r == -ENOENT || r == -EBUSY || r == -ENOBUFS) {
                refused = r;
                r = 0;
        }
        if (r == 0)
                r = incidents_flush(&t);
        if (r < 0) {
                engine->is_broken = true;
                rv_step_done(step);
                return rv_error_oom(err);
        }
        if (refused < 0) {
                engine->owed = *step;
                *step = (struct rv_step){0};
        }
        return refused;
}
