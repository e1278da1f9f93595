/* Converging, once the branch holds the revert: the operator must say that it has applied it, and is healthy. It is asked
 * at a pace, and a revision that it names is looked up in Git: the revert itself, or what descends from it. */
#include "core.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACE_USEC_MIN (5 * RV_USEC_PER_SEC)
#define PACE_USEC_MAX (30 * RV_USEC_PER_SEC)

static int done(struct turn *t, struct open *o) {
        o->i->times.applied_usec = t->now_usec;
        return verify_enter(t, o);
}

int apply_enter(struct turn *t, struct open *o) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);

        o->i->times.landed_usec = t->now_usec;
        if (!applied_is_wanted(t->engine, o))
                return done(t, o);
        o->i->attempts = o->failures = 0;
        o->i->deadline_usec = t->now_usec + rule->apply_timeout_usec;
        incident_touch(t, o);
        return apply_ask(t, o);
}

int apply_ask(struct turn *t, struct open *o) {
        return applied_is_wanted(t->engine, o) ? ask_applied(t, o, !o->is_nudged) : done(t, o);
}

static int later(struct turn *t, struct open *o) {
        return retry_after(t, o, PACE_USEC_MIN, PACE_USEC_MAX);
}

/* The newest words stand in the record while it waits, and say why when it ends. */
static int say(struct turn *t, struct open *o, const struct rv_applied *applied, const char *error) {
        const struct rv_incident *i = o->i;
        _cleanup_free_ char *text = NULL;

        if (!applied)
                return error ? incident_note(t, o, error) : 0;
        if (asprintf(&text, "%s: %s%s%s: %s", i->applied_by, i->space ? i->space : "", i->space ? "/" : "",
                     i->application, applied->words) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return incident_note(t, o, text);
}

/* What was looked up already need not be again: a revision holds what it holds. */
static bool is_behind(const struct open *o, const struct rv_applied *applied) {
        for (size_t i = 0; i < applied->n_revisions; i++) {
                bool known = false;

                for (size_t k = 0; k < o->n_behind; k++)
                        known |= strcmp(o->behind[k].hex, applied->revision[i].hex) == 0;
                if (!known)
                        return false;
        }
        return true;
}

static int ask_check(struct turn *t, struct open *o, const struct rv_applied *applied) {
        struct rv_git_request *request = request_new(RV_GIT_CHECK);

        if (!request)
                return -ENOMEM;
        request->commit = *rv_incident_revert(o->i);
        request->deployed = calloc(applied->n_revisions, sizeof(*request->deployed));
        if (!request->deployed) {
                rv_git_request_free(request);
                return -ENOMEM;
        }
        request->n_deployed = applied->n_revisions;
        memcpy(request->deployed, applied->revision, applied->n_revisions * sizeof(*request->deployed));
        memcpy(o->behind, applied->revision, applied->n_revisions * sizeof(*o->behind));
        o->n_looked_up = applied->n_revisions;
        o->n_behind = 0;
        return ask_git(t, o, request);
}

int apply_answered(struct turn *t, struct open *o, const struct rv_applied *applied, const char *error) {
        int r;

        if (!applied_is_wanted(t->engine, o))
                return done(t, o);
        r = say(t, o, applied, error);
        if (r < 0)
                return r;
        o->is_nudged |= applied != NULL;
        if (!applied || !applied->is_settled)
                return later(t, o);
        if (rv_applied_is_at(applied, rv_incident_revert(o->i)))
                return done(t, o);
        return is_behind(o, applied) ? later(t, o) : ask_check(t, o, applied);
}

int apply_checked(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        if (reply->deployed)
                return done(t, o);
        o->n_behind = o->n_looked_up;
        return later(t, o);
}

int apply_expired(struct turn *t, struct open *o) {
        _cleanup_free_ char *words = o->i->detail ? strdup(o->i->detail) : NULL;

        if (o->i->detail && !words)
                return -ENOMEM;
        return incident_move(t, o, RV_INCIDENT_FAILED, RV_REASON_NOT_APPLIED, words ? words : "it gave no answer");
}
