/* Converging: the remote ref is read again, and must hold the revert. */
#include "core.h"

#include <errno.h>

static int ask(struct turn *t, struct open *o) {
        struct rv_git_request *request = request_new(RV_GIT_CHECK);

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
        o->i->times.applied_usec = t->now_usec;
        return verify_enter(t, o);
}

static int expired(struct turn *t, struct open *o) {
        return incident_move(t, o, RV_INCIDENT_FAILED, RV_REASON_REMOTE_UNAVAILABLE,
                             "the revert was pushed, but the branch could not be read again");
}

const struct state state_converging = {
        .ask = ask,
        .git = git,
        .expired = expired,
        .patience_usec = CONVERGE_PATIENCE_USEC,
        .waits = true,
};
