/* Attributing: the history of the scope, the culprit, the guards, and the plan. */
#include "core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A commit may be pushed long after it was made; the worker looks at commits by the time they were made. */
#define HISTORY_MARGIN_USEC RV_USEC_PER_DAY
/* And where the operator says when, it may have been on the branch for long before it was applied. */
#define APPLIED_MARGIN_USEC (30 * RV_USEC_PER_DAY)

/* Candidates that are judged, the newest; reading more from the worker would hold up all else. */
enum { CANDIDATES_MAX = 1000 };

static void forget_findings(struct rv_incident *i) {
        for (size_t k = 0; k < i->n_suspects; k++)
                rv_suspect_done(&i->suspects[k]);
        free(i->suspects);
        i->suspects = NULL;
        i->n_suspects = 0;
        i->plan = rv_plan_free(i->plan);
}

struct rv_git_request *request_history(const struct open *o, int64_t since_usec) {
        struct rv_git_request *request = request_new(RV_GIT_HISTORY);

        if (!request)
                return NULL;
        request->known = o->repository->head;
        request->since_usec = since_usec;
        request->max_commits = RV_COMMITS_MAX;
        request->max_touching = CANDIDATES_MAX;
        if (copy_strings(&request->scope, &request->n_scope, (const char *const *)o->i->scope, o->i->n_scope) == 0)
                return request;
        return rv_git_request_free(request);
}

static int64_t window_usec(const struct turn *t, const struct open *o) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);

        return rule ? rule->window_usec : 0;
}

/* By hand, a person has named the commits; the history from the oldest of them says what became of them since. */
static int64_t since_usec(const struct turn *t, const struct open *o) {
        const struct rv_incident *i = o->i;
        int64_t since = i->times.onset_usec - window_usec(t, o);

        for (size_t k = 0; i->n_revisions > 0 && k < i->n_suspects; k++)
                if (i->suspects[k].commit.commit_usec < since)
                        since = i->suspects[k].commit.commit_usec;
        return since - (o->has_applied ? APPLIED_MARGIN_USEC : HISTORY_MARGIN_USEC);
}

static int ask_history(struct turn *t, struct open *o) {
        struct rv_git_request *request = request_history(o, since_usec(t, o));

        if (!request)
                return -ENOMEM;
        if (live_request(o, request) < 0) {
                rv_git_request_free(request);
                return -ENOMEM;
        }
        request->until_usec = o->i->times.onset_usec;
        if (o->i->n_revisions == 0 &&
            rv_values_pick(o->i->labels, o->i->scope, o->i->n_scope, &request->values, &request->n_values) < 0) {
                rv_git_request_free(request);
                return -ENOMEM;
        }
        return ask_git(t, o, request);
}

/* Always from the start: what was found before may be out of date. */
static int ask(struct turn *t, struct open *o) {
        forget_findings(o->i);
        restore_forget(o);
        live_note(o, NULL);
        if (o->i->to)
                return restore_by_hand(t, o);
        if (o->i->n_revisions > 0)
                return manual_show(t, o);
        return applied_is_wanted(t->engine, o) ? ask_applied(t, o, false) : ask_history(t, o);
}

/* Without an answer the branch has to do: nothing waits for an operator before a push. */
static int applied(struct turn *t, struct open *o, const struct rv_applied *applied, const char *error) {
        (void)error;
        live_note(o, applied);
        return ask_history(t, o);
}

int attribute_enter(struct turn *t, struct open *o) {
        int r = 0;

        if (o->i->state != RV_INCIDENT_ATTRIBUTING)
                r = incident_move(t, o, RV_INCIDENT_ATTRIBUTING, RV_REASON_NONE, NULL);
        if (r == 0 && o->i->rule && !o->rule) /* it went while a push was under way, and the branch moved */
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_RULE_GONE, NULL);
        o->i->deadline_usec = t->now_usec + ATTRIBUTE_PATIENCE_USEC;
        return r < 0 ? r : ask(t, o);
}

static int ask_plan(struct turn *t, struct open *o) {
        struct rv_git_request *request = request_new(RV_GIT_PLAN);

        if (!request)
                return -ENOMEM;
        request->want_diff = true;
        if (rv_revert_spec_copy(&request->spec, &o->i->plan->spec) < 0) {
                rv_git_request_free(request);
                return -ENOMEM;
        }
        return ask_git(t, o, request);
}

static int make_plan(struct turn *t, struct open *o) {
        struct rv_incident *i = o->i;
        const struct rv_commit *commits[RV_SUSPECTS_MAX];
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);
        bool is_whole = rule && rule->outside == RV_OUTSIDE_WHOLE && i->n_revisions == 0 && !is_restore(i);
        size_t n = n_culprits(t->engine, o);
        int r;

        for (size_t k = 0; k < n; k++)
                commits[k] = &i->suspects[k].commit;
        i->times.decided_usec = t->now_usec;
        i->plan = rv_plan_free(i->plan);
        r = rv_plan_new(&i->plan, &(struct rv_plan_facts){
                                          .incident = i->id,
                                          .rule = i->rule,
                                          .labels = i->labels,
                                          .summary = i->summary,
                                          .by_hand = i->by_hand,
                                          .actor = i->actor,
                                          .note = i->note,
                                          .commits = commits,
                                          .n_commits = n,
                                          .arrived_together = n == rv_suspects_together(i->suspects, i->n_suspects),
                                          .restore = i->restore,
                                          .conflict = i->conflict,
                                          .scope = (const char *const *)i->scope,
                                          .n_scope = is_whole ? 0 : i->n_scope,
                                          .base = i->head,
                                          .time_usec = i->times.decided_usec,
                                  });
        return r < 0 ? r : ask_plan(t, o);
}

/* Ends the incident, unless all guards pass. *ret_passed says so. */
static int pass_guards(struct turn *t, struct open *o, bool only_after_onset, bool *ret_passed) {
        enum rv_reason reason;

        *ret_passed = false;
        if (o->i->n_suspects == 0 && only_after_onset)
                reason = guards_check_without_culprit(t, o, true);
        else
                reason = guards_check(t, o);
        if (reason == RV_REASON_MAX)
                return -ENOMEM;
        if (reason != RV_REASON_NONE)
                return incident_decline(t, o, reason);
        *ret_passed = true;
        return 0;
}

/* More culprits than are kept: to revert a part of them would make a state that never was. */
static int decline_too_many(struct turn *t, struct open *o, size_t n) {
        char detail[128];

        o->i->guards_objecting |= UINT64_C(1) << RV_REASON_AMBIGUOUS;
        snprintf(detail, sizeof(detail), "%zu commits could be the cause together; at most %d are reverted at once", n,
                 RV_SUSPECTS_MAX);
        return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_AMBIGUOUS, detail);
}

/* The same, where not even their number is known. */
static int decline_incomplete(struct turn *t, struct open *o) {
        o->i->guards_objecting |= UINT64_C(1) << RV_REASON_AMBIGUOUS;
        return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_AMBIGUOUS,
                             "so many commits are in the window that the oldest could not be looked at");
}

/* A forge may leave the trailers out where it merges a request of ours: what it made of it is ours all the same. */
static int claim_merged(const struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        struct rv_incident *i = o->i;

        for (size_t k = 0; k < reply->n_commits; k++) {
                const char *incident = ledger_merged_for(t->engine, &reply->commits[k].id);

                o->is_answered |= incident && strcmp(incident, i->after) != 0 &&
                                  history_live(&reply->commits[k], o->repository).seen_usec > i->times.onset_usec;
        }
        for (size_t k = 0; k < i->n_suspects; k++) {
                struct rv_commit *commit = &i->suspects[k].commit;
                const char *incident = commit->incident ? NULL : ledger_merged_for(t->engine, &commit->id);

                if (incident && !(commit->incident = strdup(incident)))
                        return -ENOMEM;
        }
        return 0;
}

struct found {
        bool only_after_onset;
        bool is_incomplete; /* there may be more culprits */
        size_t n_culprits;
};

static int find_suspects(struct turn *t, struct open *o, const struct rv_git_reply *reply, struct found *ret) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);
        size_t n = good_cut(t, o, reply);
        struct live live = {o, reply, t->now_usec};
        struct rv_attribution a;
        int r = rv_attribute(&(struct rv_attribution_facts){.history = reply->commits,
                                                            .n_history = n,
                                                            .is_cut = reply->truncated && n == reply->n_commits,
                                                            .onset_usec = o->i->times.onset_usec,
                                                            .window_usec = window_usec(t, o),
                                                            .labels = o->i->labels,
                                                            .live = live_of,
                                                            .userdata = &live,
                                                            .after = o->i->after,
                                                            .ruled_out = o->i->ruled_out,
                                                            .is_whole = rule && rule->outside == RV_OUTSIDE_WHOLE},
                             &a);

        if (r < 0)
                return r;
        o->i->suspects = a.suspects;
        o->i->n_suspects = a.n_suspects;
        o->is_answered = a.is_answered;
        ret->only_after_onset = a.n_suspects == 0 && a.n_after_onset > 0;
        ret->n_culprits = rule && rule->suspects != RV_SUSPECTS_NEWEST ? a.n_candidates : a.n_together;
        ret->is_incomplete = a.is_incomplete && ret->n_culprits == a.n_candidates &&
                             (a.n_candidates != 1 || a.suspects[0].live.observed);
        r = decline_note(t, o, &a);
        return r < 0 ? r : claim_merged(t, o, reply);
}

int attribute_note(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        const struct good *good = good_find(t->engine, o->i->repository, o->i->scope, o->i->n_scope);

        o->i->head = reply->head;
        o->i->last_good = good ? good->head : (struct rv_oid){0};
        return history_note(t, o->repository, reply, o->asked_usec);
}

int attribute_plan(struct turn *t, struct open *o) {
        bool passed;
        int r = pass_guards(t, o, false, &passed);

        return r < 0 || !passed ? r : make_plan(t, o);
}

/* One alone is reverted. */
static bool wants_restore(const struct turn *t, const struct open *o) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);

        return rule && rule->suspects == RV_SUSPECTS_RESTORE && o->i->n_revisions == 0 && o->i->n_suspects > 1;
}

static int on_history(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        struct found found = {0};
        bool passed;
        int r = attribute_note(t, o, reply);

        if (r < 0)
                return r;
        r = o->i->n_revisions > 0 ? manual_order(o, reply) : find_suspects(t, o, reply, &found);
        if (r < 0)
                return r;
        incident_touch(t, o);
        if (found.n_culprits <= RV_SUSPECTS_MAX && !found.is_incomplete && wants_restore(t, o))
                return restore_past(t, o, o->i->n_suspects);
        r = pass_guards(t, o, found.only_after_onset, &passed);
        if (r < 0 || !passed)
                return r;
        if (found.n_culprits > RV_SUSPECTS_MAX)
                return decline_too_many(t, o, found.n_culprits);
        return found.is_incomplete ? decline_incomplete(t, o) : make_plan(t, o);
}

static int take_dependents(struct rv_plan *plan, const struct rv_git_reply *reply) {
        plan->dependents = calloc(reply->n_commits + 1, sizeof(*plan->dependents));
        for (size_t k = 0; plan->dependents && k < reply->n_commits; k++) {
                if (rv_commit_copy(&plan->dependents[k], &reply->commits[k]) < 0)
                        return -ENOMEM;
                plan->n_dependents++;
        }
        return plan->dependents ? 0 : -ENOMEM;
}

/* What only the plan tells is asked about before anybody else is. */
static int on_plan(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        struct rv_plan *plan = o->i->plan;
        bool passed = true;
        int r;

        plan->commit = reply->commit;
        plan->n_files = reply->n_files;
        plan->n_insertions = reply->n_insertions;
        plan->n_deletions = reply->n_deletions;
        plan->empties = reply->empties;
        r = copy_strings(&plan->paths, &plan->n_paths, (const char *const *)reply->paths, reply->n_paths);
        if (r == 0 && reply->diff) {
                plan->diff = strdup(reply->diff);
                r = plan->diff ? 0 : -ENOMEM;
        }
        if (r == 0)
                r = take_dependents(plan, reply);
        o->i->guards_asked |= UINT64_C(1) << RV_REASON_DEPENDENTS | UINT64_C(1) << RV_REASON_EMPTIES_SCOPE;
        if (r == 0 && (plan->n_dependents > 0 || plan->empties))
                r = pass_guards(t, o, false, &passed);
        return r < 0 || !passed ? r : hold_or_act(t, o);
}

static int git(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        bool handled;
        int r;

        if (reply && reply->outcome == RV_GIT_CONFLICT && o->asked == RV_GIT_PLAN && restore_is_fallback(t, o))
                return restore_after_conflict(t, o, reply);
        r = handle_failure(t, o, reply, &handled);

        if (handled)
                return r;
        if (reply->outcome != RV_GIT_OK)
                return incident_move(t, o, RV_INCIDENT_FAILED, RV_REASON_GIT_FAILED, reply->message);
        switch (o->asked) {
        case RV_GIT_SHOW:
                r = manual_shown(t, o, reply);
                if (r < 0 || o->is_over || o->i->token > 0)
                        return r;
                return ask_history(t, o);
        case RV_GIT_HISTORY:
                return o->is_restoring ? restore_on_history(t, o, reply) : on_history(t, o, reply);
        default:
                return on_plan(t, o, reply);
        }
}

static int expired(struct turn *t, struct open *o) {
        return end_unavailable(t, o, "");
}

const struct state state_attributing = {
        .ask = ask,
        .git = git,
        .applied = applied,
        .expired = expired,
        .verdict = clear_on_ok,
        .patience_usec = ATTRIBUTE_PATIENCE_USEC,
        .waits = true,
};
