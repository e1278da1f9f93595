/* The facts that the guards judge. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

size_t n_culprits(const struct open *o) {
        if (o->i->n_revisions > 0)
                return o->i->n_suspects;
        return o->i->n_suspects > 0 ? 1 : 0;
}

/* An incident stands in the way of another if it pushes, or is about to with at least the same right: a rule that
 * waits for a person must not keep one that acts from acting. */
static bool is_ahead(const struct open *other, const struct open *o) {
        if (other->is_over || other == o || !other->i->plan)
                return false;
        return other->i->state >= RV_INCIDENT_REVERTING ||
               (other->i->mode != RV_MODE_OBSERVE && other->i->mode >= o->i->mode);
}

static bool is_in_progress(const struct rv_engine *engine, const struct open *o, const struct rv_oid *culprit) {
        struct open *other, *next;

        HASH_ITER (hh, engine->open, other, next) {
                if (!is_ahead(other, o) || strcmp(other->i->repository, o->i->repository) != 0 ||
                    !rv_scope_overlaps(other->i->scope, other->i->n_scope, o->i->scope, o->i->n_scope))
                        continue;
                for (size_t k = 0; k < other->i->plan->spec.n_commits; k++)
                        if (strcmp(other->i->plan->spec.commits[k].hex, culprit->hex) == 0)
                                return true;
        }
        return false;
}

static int64_t newest_act_usec(const struct rv_engine *engine, const struct open *o, const char *scope) {
        int64_t newest = 0;

        for (size_t k = 0; k < engine->n_acts; k++) {
                const struct rv_act *act = &engine->act[k];

                if (strcmp(act->incident, o->i->id) != 0 && strcmp(act->repository, o->i->repository) == 0 &&
                    strcmp(act->scope, scope) == 0 && act->at_usec > newest)
                        newest = act->at_usec;
        }
        return newest;
}

static int gather(struct turn *t, struct open *o, struct rv_guard_facts *ret) {
        const struct rv_engine *engine = t->engine;
        const struct rv_rule_config *rule = rule_config(engine, o->rule);
        char *scope = rv_act_scope(o->i->scope, o->i->n_scope);

        if (!scope)
                return -1;
        *ret = (struct rv_guard_facts){
                .paused = pause_covers(engine, o->i->rule, o->i->repository, t->now_usec),
                .now_usec = t->now_usec,
                .max_age_usec = rule ? rule->max_age_usec : 0,
                .cooldown_usec = rule ? rule->cooldown_usec : 0,
                .scope_act_usec = newest_act_usec(engine, o, scope),
                .acts_repository = ledger_count(engine, o->i->repository, o->i->id, t->now_usec),
                .budget_repository = repository_config(engine, o->repository)->budget,
                .acts_all = ledger_count(engine, NULL, o->i->id, t->now_usec),
                .budget_all = engine->config->budget,
                .by_hand = o->i->by_hand,
                .force = o->i->force,
        };
        free(scope);
        return 0;
}

enum rv_reason guards_check_without_culprit(struct turn *t, struct open *o, bool only_after_onset) {
        struct rv_guard_facts facts;

        if (gather(t, o, &facts) < 0)
                return RV_REASON_MAX;
        facts.only_after_onset = only_after_onset;
        return rv_guards_check(&facts);
}

enum rv_reason guards_check(struct turn *t, struct open *o) {
        struct rv_guard_facts facts;
        size_t n = n_culprits(o);

        if (n == 0)
                return guards_check_without_culprit(t, o, false);
        if (gather(t, o, &facts) < 0)
                return RV_REASON_MAX;
        for (size_t k = 0; k < n; k++) {
                enum rv_reason reason;

                facts.culprit = &o->i->suspects[k];
                facts.in_progress = is_in_progress(t->engine, o, &facts.culprit->commit.id);
                reason = rv_guards_check(&facts);
                if (reason != RV_REASON_NONE)
                        return reason;
        }
        return RV_REASON_NONE;
}
