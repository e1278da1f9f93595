/* The facts that the guards judge. */
#include "core.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Those of the plan, once there is one: a reload must not part what is checked from what is pushed. */
size_t n_culprits(const struct rv_engine *engine, const struct open *o) {
        const struct rv_rule_config *rule = rule_config(engine, o->rule);
        bool is_all = o->i->n_revisions > 0 || (rule && rule->suspects != RV_SUSPECTS_NEWEST);

        if (is_restore(o->i))
                return o->i->n_suspects;
        if (o->i->plan && o->i->plan->spec.n_commits <= o->i->n_suspects)
                return o->i->plan->spec.n_commits;
        return is_all ? o->i->n_suspects : rv_suspects_together(o->i->suspects, o->i->n_suspects);
}

/* An incident stands in the way of another if it pushes, or is about to with at least the same right: a rule that
 * waits for a person, to approve or to merge, must not keep one that acts from acting. */
static bool is_ahead(const struct open *other, const struct open *o) {
        if (other->is_over || other == o || !other->i->plan)
                return false;
        return (other->i->state >= RV_INCIDENT_REVERTING && other->i->state != RV_INCIDENT_PROPOSED) ||
               (other->i->mode != RV_MODE_OBSERVE && other->i->mode >= o->i->mode);
}

/* What would be pushed for it may be more than its scope. */
static bool acts_on_all(const struct rv_engine *engine, const struct open *o) {
        const struct rv_rule_config *rule = rule_config(engine, o->rule);

        return rule && !is_restore(o->i) && rule->outside == RV_OUTSIDE_WHOLE;
}

const struct rv_incident *incident_ahead(const struct rv_engine *engine, const struct open *o,
                                         const struct rv_commit *culprit) {
        const struct rv_incident *maker = culprit->incident ? rv_engine_incident(engine, culprit->incident) : NULL;
        struct open *other, *next;

        if (maker && maker != o->i && !o->i->by_hand && !rv_incident_state_is_end(maker->state))
                return maker;

        HASH_ITER (hh, engine->open, other, next) {
                if (!is_ahead(other, o) || strcmp(other->i->repository, o->i->repository) != 0 ||
                    !rv_scope_overlaps(other->i->plan->spec.scope, other->i->plan->spec.n_scope, o->i->scope,
                                       acts_on_all(engine, o) ? 0 : o->i->n_scope))
                        continue;
                for (size_t k = 0; k < other->i->plan->spec.n_commits; k++)
                        if (strcmp(other->i->plan->spec.commits[k].hex, culprit->id.hex) == 0)
                                return other->i;
        }
        return NULL;
}

const struct rv_act *newest_act(const struct rv_engine *engine, const struct open *o, const char *scope) {
        const struct rv_act *newest = NULL;

        for (size_t k = 0; k < engine->n_acts; k++) {
                const struct rv_act *act = &engine->act[k];

                if (strcmp(act->incident, o->i->id) != 0 && strcmp(act->incident, o->i->after) != 0 &&
                    strcmp(act->repository, o->i->repository) == 0 && strcmp(act->scope, scope) == 0 &&
                    (!newest || act->at_usec > newest->at_usec))
                        newest = act;
        }
        return newest;
}

/* -- how many others -- */

#define SHARED_USEC (5 * RV_USEC_PER_MINUTE)

void others_forget(struct open *o) {
        while (o->n_others > 0)
                free(o->others[--o->n_others]);
        free(RV_TAKE(o->others));
}

static int note_other(struct open *o, const struct rv_incident *about) {
        char *scope = rv_act_scope(about->scope, about->n_scope);

        if (!scope)
                return -ENOMEM;
        for (size_t i = 0; i < o->n_others; i++)
                if (strcmp(o->others[i], scope) == 0) {
                        free(scope);
                        return 0;
                }
        o->others[o->n_others++] = scope;
        return 0;
}

/* A label set in breach since about the same time, in the same repository: what is its scope? */
static int look_at(const struct rv_engine *engine, struct open *o, const struct series *series) {
        const struct rv_rule_config *rule = rule_config(engine, series->key.rule);
        int64_t apart = series->s.onset_usec - o->i->times.onset_usec;
        struct rv_incident *about;
        int r;

        if (series->s.onset_usec == 0 || series->s.verdict != RV_VERDICT_BREACH || !rule || series == o->series ||
            apart > SHARED_USEC || apart < -SHARED_USEC || rule->repository != o->repository->index)
                return 0;
        r = incident_about(series, rule, &about);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        if (!rv_scope_overlaps(about->scope, about->n_scope, o->i->scope, o->i->n_scope))
                r = note_other(o, about);
        rv_incident_free(about);
        return r;
}

/* At most as many as matter. */
static int find_others(const struct rv_engine *engine, struct open *o, const struct rv_rule_config *rule) {
        size_t wanted = rule && o->i->n_revisions == 0 && !o->i->to ? (size_t)rule->shared_cause : 0;
        struct series *series, *next;
        int r = 0;

        others_forget(o);
        o->others = calloc(wanted + 1, sizeof(*o->others));
        if (!o->others)
                return -ENOMEM;
        HASH_ITER (hh, engine->series, series, next) {
                if (o->n_others >= wanted || r < 0)
                        break;
                r = look_at(engine, o, series);
        }
        return r;
}

static int gather(struct turn *t, struct open *o, struct rv_guard_facts *ret) {
        const struct rv_engine *engine = t->engine;
        const struct rv_rule_config *rule = rule_config(engine, o->rule);
        _cleanup_free_ char *scope = rv_act_scope(o->i->scope, o->i->n_scope);
        const struct rv_act *act;

        if (!scope || find_others(engine, o, rule) < 0)
                return -1;
        act = newest_act(engine, o, scope);
        *ret = (struct rv_guard_facts){
                .paused = pause_covers(engine, o->i->rule, o->i->repository, t->now_usec),
                .rule = rule,
                .repository = repository_config(engine, o->repository),
                .n_scopes_breached = o->n_others,
                .now_usec = t->now_usec,
                .max_age_usec = rule ? rule->max_age_usec : 0,
                .cooldown_usec = rule ? rule->cooldown_usec : 0,
                .scope_act_usec = act ? act->at_usec : 0,
                .acts_repository = ledger_count(engine, o->i->repository, o->i->id, t->now_usec),
                .budget_repository = repository_config(engine, o->repository)->budget,
                .acts_all = ledger_count(engine, NULL, o->i->id, t->now_usec),
                .budget_all = engine->config->budget,
                .by_hand = o->i->by_hand,
                .force = o->i->force,
                .is_restore = is_restore(o->i),
                .answered = o->is_answered,
                .has_plan = o->i->plan && o->i->plan->commit.hex[0],
                .n_dependents = o->i->plan ? o->i->plan->n_dependents : 0,
                .empties = o->i->plan && o->i->plan->empties,
        };
        return 0;
}

/* Where all go back, what counts is that the cause is among them. */
double confidence_in(const struct rv_incident *i, const struct rv_suspect *culprit) {
        double sum = 0;

        if (!is_restore(i))
                return culprit->confidence;
        for (size_t k = 0; k < i->n_suspects; k++)
                sum += i->suspects[k].confidence;
        return sum < 1 ? sum : 1;
}

static void set_culprit(const struct turn *t, const struct open *o, const struct rv_suspect *culprit,
                        struct rv_guard_facts *facts) {
        facts->culprit = culprit;
        facts->confidence = confidence_in(o->i, culprit);
        facts->amid_breach = earlier_holds(&o->i->times, &culprit->live);
        facts->in_progress = incident_ahead(t->engine, o, &culprit->commit) != NULL;
}

int guard_culprit(struct turn *t, struct open *o, enum rv_reason guard, const struct rv_suspect **ret) {
        struct rv_guard_facts facts;
        size_t n = n_culprits(t->engine, o);

        if (gather(t, o, &facts) < 0)
                return -ENOMEM;
        *ret = NULL;
        for (size_t k = 0; k < n && !*ret; k++) {
                uint64_t asked = 0, objecting = 0;

                set_culprit(t, o, &o->i->suspects[k], &facts);
                rv_guards_tell(&facts, &asked, &objecting);
                if (objecting & UINT64_C(1) << guard)
                        *ret = facts.culprit;
        }
        return 0;
}

enum rv_reason guards_check_without_culprit(struct turn *t, struct open *o, bool only_after_onset) {
        struct rv_guard_facts facts;

        if (gather(t, o, &facts) < 0)
                return RV_REASON_MAX;
        facts.only_after_onset = only_after_onset;
        o->i->guards_asked = o->i->guards_objecting = 0;
        rv_guards_tell(&facts, &o->i->guards_asked, &o->i->guards_objecting);
        return rv_guards_check(&facts);
}

enum rv_reason guards_check(struct turn *t, struct open *o) {
        enum rv_reason first = RV_REASON_NONE;
        struct rv_guard_facts facts;
        size_t n = n_culprits(t->engine, o);

        if (n == 0)
                return guards_check_without_culprit(t, o, false);
        if (gather(t, o, &facts) < 0)
                return RV_REASON_MAX;
        o->i->guards_asked = o->i->guards_objecting = 0;
        for (size_t k = 0; k < n; k++) {
                enum rv_reason reason;

                set_culprit(t, o, &o->i->suspects[k], &facts);
                rv_guards_tell(&facts, &o->i->guards_asked, &o->i->guards_objecting);
                reason = rv_guards_check(&facts);
                if (first == RV_REASON_NONE)
                        first = reason;
        }
        return first;
}
