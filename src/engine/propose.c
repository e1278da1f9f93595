/* Proposed: the pull request is followed until it is merged or closed. Merged, it is the incident's push. */
#include "core.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

#define POLL_USEC_MIN (10 * RV_USEC_PER_SEC)
#define POLL_USEC_MAX (5 * RV_USEC_PER_MINUTE)

static int ask(struct turn *t, struct open *o) {
        struct rv_git_request *request = request_new(RV_GIT_PROPOSAL);

        if (!request)
                return -ENOMEM;
        request->commit = o->i->plan->commit;
        request->number = o->i->proposal.number;
        return ask_git(t, o, request);
}

/* Without a rule (it went) it is followed for a day. */
static int64_t patience(const struct rv_engine *engine, const struct open *o) {
        const struct rv_rule_config *rule = rule_config(engine, o->rule);

        return rule ? rule->proposal_timeout_usec : RV_USEC_PER_DAY;
}

/* Soon at first, for an automatic merge; later a person has to come by. */
static int poll_later(struct turn *t, struct open *o) {
        int64_t waited_usec = t->now_usec - o->i->times.proposed_usec, delay_usec = waited_usec / 4;

        if (t->now_usec >= o->i->deadline_usec)
                return state_of(o)->expired(t, o);
        if (delay_usec < POLL_USEC_MIN)
                delay_usec = POLL_USEC_MIN;
        if (delay_usec > POLL_USEC_MAX)
                delay_usec = POLL_USEC_MAX;
        o->i->retry_usec = t->now_usec + delay_usec;
        if (o->i->retry_usec > o->i->deadline_usec)
                o->i->retry_usec = o->i->deadline_usec;
        incident_touch(t, o);
        return 0;
}

static int take(struct rv_proposal *ret, const struct rv_proposal *proposal) {
        char *url = proposal->url ? strdup(proposal->url) : NULL;

        if (proposal->url && !url)
                return -ENOMEM;
        rv_proposal_done(ret);
        *ret = *proposal;
        ret->url = url;
        return 0;
}

static int merged(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        int r = ledger_put(t, o);

        return r < 0 ? r : act_arrived(t, o, reply);
}

static int say_and_poll_later(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        int r = reply->message ? incident_note(t, o, reply->message) : 0;

        if (r == 0)
                r = poll_later(t, o);
        if (r == 0)
                wait_as_asked(t, o, reply);
        return r;
}

static int follow(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        if (reply->proposal.number == 0) /* nothing is said */
                return poll_later(t, o);
        if (take(&o->i->proposal, &reply->proposal) < 0)
                return -ENOMEM;
        switch (o->i->proposal.state) {
        case RV_PROPOSAL_MERGED:
                return merged(t, o, reply);
        case RV_PROPOSAL_CLOSED:
                return incident_move(t, o, RV_INCIDENT_REJECTED, RV_REASON_PROPOSAL_CLOSED, o->i->proposal.url);
        default:
                return poll_later(t, o);
        }
}

/* Where it is, and what else there is to say of it. NULL: out of memory. */
static char *describe(const struct rv_proposal *proposal, const char *message) {
        char *text = NULL;

        if (asprintf(&text, "%s%s%s", proposal->url ? proposal->url : "the forge names no page", message ? "; " : "",
                     message ? message : "") < 0)
                return NULL;
        return text;
}

int propose_enter(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        _cleanup_free_ char *detail = describe(&reply->proposal, reply->message);
        int r;

        if (!detail)
                return -ENOMEM;
        if (reply->proposal.number == 0)
                return incident_move(t, o, RV_INCIDENT_FAILED, RV_REASON_GIT_FAILED,
                                     "the worker does not say which pull request it is");
        if (take(&o->i->proposal, &reply->proposal) < 0) /* first, for the notice of the move says which it is */
                return -ENOMEM;
        o->i->times.proposed_usec = t->now_usec;
        o->i->ok_usec = 0;
        r = incident_move(t, o, RV_INCIDENT_PROPOSED, RV_REASON_NONE, detail);
        o->i->deadline_usec = t->now_usec + patience(t->engine, o);
        return r < 0 ? r : follow(t, o, reply);
}

/* A forge that cannot be asked for hours says nothing about the request. That it is not there may be a token that has
 * lost its rights, or a project's wrong name. */
static int git(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        if (!reply)
                return poll_later(t, o);
        switch (reply->outcome) {
        case RV_GIT_OK:
                return follow(t, o, reply);
        case RV_GIT_POLICY:
                return incident_move(t, o, RV_INCIDENT_FAILED, RV_REASON_POLICY, reply->message);
        default:
                return say_and_poll_later(t, o, reply);
        }
}

static int expired(struct turn *t, struct open *o) {
        _cleanup_free_ char *detail = describe(&o->i->proposal, "no longer followed; it may still be merged");

        if (!detail)
                return -ENOMEM;
        return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_PROPOSAL_EXPIRED, detail);
}

/* Over, and not by the request: whether it is still wanted is for people, who are told once. */
static int verdict(struct turn *t, struct open *o, enum rv_verdict verdict, int64_t at_usec) {
        int64_t deadline_usec = o->i->deadline_usec, retry_usec = o->i->retry_usec;
        uint64_t token = o->i->token;
        int r;

        (void)at_usec;
        if (verdict != RV_VERDICT_OK || o->i->ok_usec > 0 || (o->series && o->series->s.latched))
                return 0;
        r = incident_move(t, o, RV_INCIDENT_PROPOSED, RV_REASON_NONE,
                          "the breach is over; the pull request is still open");
        o->i->ok_usec = t->now_usec;
        o->i->deadline_usec = deadline_usec;
        o->i->retry_usec = retry_usec;
        o->i->token = token;
        return r;
}

const struct state state_proposed = {
        .ask = ask,
        .git = git,
        .expired = expired,
        .verdict = verdict,
        .patience = patience,
        .waits = true,
};
