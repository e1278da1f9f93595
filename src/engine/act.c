/* Reverting: the intent is stored with the transition, then the push, or the pull request, is asked for until its fate
 * is known. */
#include "core.h"

#include <errno.h>
#include <string.h>

static int ask_check(struct turn *t, struct open *o) {
        struct rv_git_request *request = request_new(RV_GIT_CHECK);

        if (!request)
                return -ENOMEM;
        request->commit = o->i->plan->commit;
        return ask_git(t, o, request);
}

static int ask_push(struct turn *t, struct open *o) {
        bool is_proposed = o->i->mode == RV_MODE_PROPOSE;
        struct rv_git_request *request = request_new(is_proposed ? RV_GIT_PROPOSE : RV_GIT_PUSH);

        if (!request)
                return -ENOMEM;
        request->commit = o->i->plan->commit;
        if (rv_revert_spec_copy(&request->spec, &o->i->plan->spec) < 0) {
                rv_git_request_free(request);
                return -ENOMEM;
        }
        return ask_git(t, o, request);
}

/* Nothing is pushed while paused. A push that was asked for before may have arrived: look. */
static int ask(struct turn *t, struct open *o) {
        o->is_first_push = false;
        if (pause_covers(t->engine, o->i->rule, o->i->repository, t->now_usec))
                return ask_check(t, o);
        return ask_push(t, o);
}

int act(struct turn *t, struct open *o) {
        enum rv_reason reason = guards_check(t, o);
        int r;

        if (reason == RV_REASON_MAX)
                return -ENOMEM;
        if (reason != RV_REASON_NONE)
                return incident_decline(t, o, reason);
        r = ledger_put(t, o);
        if (r == 0)
                r = incident_move(t, o, RV_INCIDENT_REVERTING, RV_REASON_NONE, NULL);
        o->i->deadline_usec = t->now_usec + PUSH_PATIENCE_USEC;
        o->is_first_push = true;
        return r < 0 ? r : ask_push(t, o);
}

int act_arrived(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        o->i->times.pushed_usec = t->now_usec;
        o->i->head = reply->head;
        return converge_enter(t, o);
}

/* By another commit than the plan's: that of a plan whose answer was lost, or what a forge merged it as. */
static int already(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        if (*reply->commit.hex)
                o->i->plan->commit = reply->commit;
        return act_arrived(t, o, reply);
}

static bool is_our_revert(const struct rv_engine *engine, const struct rv_oid *id) {
        struct open *o, *next;

        HASH_ITER (hh, engine->open, o, next)
                if (o->i->plan && strcmp(rv_incident_revert(o->i)->hex, id->hex) == 0)
                        return true;
        return false;
}

/* Only others count as a race that may be lost for good: of many incidents at once each makes one push, so that they
 * come to an end by themselves. */
static int on_moved(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        if (!is_our_revert(t->engine, &reply->head) && o->i->moves++ >= MOVES_MAX)
                return incident_move(t, o, RV_INCIDENT_FAILED, RV_REASON_MOVED, reply->message);
        return attribute_enter(t, o);
}

static int git(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        bool handled;
        int r;

        if (reply && reply->outcome == RV_GIT_OK && o->asked == RV_GIT_CHECK) {
                if (reply->contained)
                        return act_arrived(t, o, reply);
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_PAUSED, NULL);
        }
        r = handle_failure(t, o, reply, &handled);
        if (handled)
                return r;
        switch (reply->outcome) {
        case RV_GIT_OK:
                return o->asked == RV_GIT_PROPOSE ? propose_enter(t, o, reply) : act_arrived(t, o, reply);
        case RV_GIT_ALREADY:
                return already(t, o, reply);
        case RV_GIT_MOVED:
                return on_moved(t, o, reply);
        case RV_GIT_REFUSED:
                return incident_move(t, o, RV_INCIDENT_FAILED, RV_REASON_PUSH_REFUSED, reply->message);
        default:
                return incident_move(t, o, RV_INCIDENT_FAILED, RV_REASON_GIT_FAILED, reply->message);
        }
}

static int expired(struct turn *t, struct open *o) {
        return end_unavailable(t, o, "it is not known whether the revert arrived");
}

/* Well again while the push is under way: it goes on, and the recovery is proven as any other. */
const struct state state_reverting = {
        .ask = ask,
        .git = git,
        .expired = expired,
        .patience_usec = PUSH_PATIENCE_USEC,
        .waits = true,
};
