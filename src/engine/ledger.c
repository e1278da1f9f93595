/* The ledger of pushes intended: what cooldown and budget are counted from. An incident counts once, however often it
 * had to push; one that proposes, from its pull request, and again from when that was merged. */
#include "core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static ssize_t find(const struct rv_engine *engine, const char *incident) {
        for (size_t i = 0; i < engine->n_acts; i++)
                if (strcmp(engine->act[i].incident, incident) == 0)
                        return (ssize_t)i;
        return -1;
}

static int append(struct rv_engine *engine, struct rv_act *act) {
        struct rv_act *grown = reallocarray(engine->act, engine->n_acts + 1, sizeof(*grown));

        if (!grown) {
                rv_act_done(act);
                return -ENOMEM;
        }
        engine->act = grown;
        grown[engine->n_acts++] = *act;
        return 0;
}

static void take_out(struct rv_engine *engine, size_t at) {
        rv_act_done(&engine->act[at]);
        memmove(&engine->act[at], &engine->act[at + 1], (engine->n_acts - at - 1) * sizeof(*engine->act));
        engine->n_acts--;
}

int ledger_put(struct turn *t, struct open *o) {
        struct rv_act act = {
                .at_usec = t->now_usec,
                .culprit = o->i->suspects[0].commit.id,
                .merged = o->i->proposal.merged,
                .repository = strdup(o->i->repository),
                .scope = rv_act_scope(o->i->scope, o->i->n_scope),
        };
        ssize_t at = find(t->engine, o->i->id);
        int r = -ENOMEM;

        memcpy(act.incident, o->i->id, sizeof(act.incident));
        if (act.repository && act.scope)
                r = rv_batch_put(&t->step->batch, RV_RECORD_ACT, act.incident, act.at_usec, -1, rv_act_to_json(&act));
        if (r < 0) {
                rv_act_done(&act);
                return r;
        }
        if (at >= 0)
                take_out(t->engine, (size_t)at);
        return append(t->engine, &act);
}

const char *ledger_merged_for(const struct rv_engine *engine, const struct rv_oid *commit) {
        for (size_t i = 0; i < engine->n_acts; i++)
                if (*commit->hex && strcmp(engine->act[i].merged.hex, commit->hex) == 0)
                        return engine->act[i].incident;
        return NULL;
}

int ledger_drop(struct turn *t, const char *incident) {
        ssize_t at = find(t->engine, incident);

        if (at < 0)
                return 0;
        take_out(t->engine, (size_t)at);
        return rv_batch_delete(&t->step->batch, RV_RECORD_ACT, incident);
}

/* Those later than then, of the ones that the budget counts. */
static int count_since(const struct rv_engine *engine, const char *repository, const char *but, int64_t then_usec) {
        int n = 0;

        for (size_t i = 0; i < engine->n_acts; i++) {
                const struct rv_act *act = &engine->act[i];

                n += act->at_usec > then_usec && !(but && strcmp(act->incident, but) == 0) &&
                     (!repository || strcmp(act->repository, repository) == 0);
        }
        return n;
}

int ledger_count(const struct rv_engine *engine, const char *repository, const char *but, int64_t now_usec) {
        return count_since(engine, repository, but, now_usec - BUDGET_PERIOD_USEC);
}

/* At the end of the period of one of the acts: the first end after which few enough are left. */
int64_t ledger_free_usec(const struct rv_engine *engine, const char *repository, const char *but, int budget,
                         int64_t now_usec) {
        int64_t free_usec = 0;

        if (budget <= 0)
                return 0;
        if (ledger_count(engine, repository, but, now_usec) < budget)
                return now_usec;
        for (size_t i = 0; i < engine->n_acts; i++) {
                int64_t end_usec = engine->act[i].at_usec + BUDGET_PERIOD_USEC;

                if (end_usec > now_usec && (free_usec == 0 || end_usec < free_usec) &&
                    ledger_count(engine, repository, but, end_usec) < budget)
                        free_usec = end_usec;
        }
        return free_usec;
}

int ledger_prune(struct turn *t) {
        int64_t kept_usec = BUDGET_PERIOD_USEC;

        for (size_t i = 0; i < t->engine->config->n_rules; i++)
                if (t->engine->config->rules[i].cooldown_usec > kept_usec)
                        kept_usec = t->engine->config->rules[i].cooldown_usec;
        for (size_t i = t->engine->n_acts; i-- > 0;) {
                int r;

                if (t->now_usec - t->engine->act[i].at_usec <= kept_usec ||
                    rv_engine_incident(t->engine, t->engine->act[i].incident))
                        continue;
                r = rv_batch_delete(&t->step->batch, RV_RECORD_ACT, t->engine->act[i].incident);
                if (r < 0)
                        return r;
                take_out(t->engine, i);
        }
        return 0;
}

int ledger_load(struct rv_engine *engine, const struct rv_record *record, struct rv_error *err) {
        struct rv_act act;
        int r = rv_act_from_json(&act, record->value, err);

        if (r < 0)
                return r;
        if (find(engine, act.incident) >= 0) {
                rv_act_done(&act);
                return rv_error_set(err, -EINVAL, "it was loaded already");
        }
        return append(engine, &act);
}

void ledger_done(struct rv_engine *engine) {
        for (size_t i = 0; i < engine->n_acts; i++)
                rv_act_done(&engine->act[i]);
        free(engine->act);
}
