/* Converging: the remote ref is read again, and must hold the revert. Where the rule has an operator, that must apply it
 * then (apply.c). */
#include "core.h"

#include <errno.h>

static int ask(struct turn *t, struct open *o) {
        struct rv_git_request *request;

        if (o->i->times.landed_usec > 0)
                return apply_ask(t, o);
        request = request_new(RV_GIT_CHECK);
        if (!request)
                return -ENOMEM;
        request->commit = *rv_incident_revert(o->i);
        return ask_git(t, o, request);
}

int converge_enter(struct turn *t, struct open *o) {
        int r = incident_move(t, o, RV_INCIDENT_CONVERGING, RV_REASON_NONE, NULL);

        o->i->deadline_usec = t->now_usec + CONVERGE_PATIENCE_USEC;
        return r < 0 ? r : ask(t, o);
}

static int git(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        bool failed = reply && (reply->outcome == RV_GIT_FAILED || reply->outcome == RV_GIT_POLICY);

        if (!reply || reply->outcome == RV_GIT_UNAVAILABLE || (failed && ++o->failures < FAILURES_MAX))
                return retry_later(t, o);
        if (failed)
                return incident_move(t, o, RV_INCIDENT_FAILED, RV_REASON_GIT_FAILED, reply->message);
        if (reply->outcome != RV_GIT_OK || !reply->contained)
                return incident_move(t, o, RV_INCIDENT_FAILED, RV_REASON_REVERT_LOST, reply->message);
        o->i->head = reply->head;
        return o->i->times.landed_usec > 0 ? apply_checked(t, o, reply) : apply_enter(t, o);
}

static int expired(struct turn *t, struct open *o) {
        if (o->i->times.landed_usec > 0)
                return apply_expired(t, o);
        return end_unavailable(t, o, "the revert was pushed, but the branch could not be read again");
}

static int64_t patience(const struct rv_engine *engine, const struct open *o) {
        const struct rv_rule_config *rule = rule_config(engine, o->rule);

        return o->i->times.landed_usec > 0 && rule ? rule->apply_timeout_usec : CONVERGE_PATIENCE_USEC;
}

const struct state state_converging = {
        .ask = ask,
        .git = git,
        .applied = apply_answered,
        .expired = expired,
        .patience = patience,
        .waits = true,
};
