/* An incident: one breach of one rule for one label set, from onset to end; or a revert asked for by hand. Pure. */
#pragma once

#include "revertd/config.h"
#include "revertd/gitwire.h"
#include "revertd/labels.h"
#include "revertd/plan.h"
#include "revertd/suspect.h"

/* X(NAME, name, is_end, "what it means") */
#define RV_INCIDENT_STATES(X)                                                                                          \
        X(CONFIRMING, "confirming", 0, "the breach is looked at a second time")                                        \
        X(ATTRIBUTING, "attributing", 0, "the change that did it is searched for, and the revert computed")            \
        X(HOLDING, "holding", 0, "the plan is complete and waits: for a person, or for its hold time")                 \
        X(REVERTING, "reverting", 0, "the intent is stored; the revert is being pushed")                               \
        X(PROPOSED, "proposed", 0, "a pull request with the revert is open, and waits to be merged")                   \
        X(CONVERGING, "converging", 0,                                                                                 \
          "pushed; it is read back from the branch, and an operator that is asked must apply it")                      \
        X(VERIFYING, "verifying", 0, "it must now prove to be well")                                                   \
        X(RECOVERED, "recovered", 1, "reverted, and proven to be well again")                                          \
        X(REVERTED, "reverted", 1, "reverted by hand; no rule was named that could prove recovery")                    \
        X(CLEARED, "cleared", 1, "the breach went away before anything was done")                                      \
        X(DECLINED, "declined", 1, "nothing was changed in Git; the reason says why")                                  \
        X(REJECTED, "rejected", 1, "a person said no")                                                                 \
        X(UNRECOVERED, "unrecovered", 1, "reverted, but not proven to be well again")                                  \
        X(FAILED, "failed", 1, "the revert was not made, not pushed or not applied; the reason says why")

enum rv_incident_state {
#define X(name, str, end, doc) RV_INCIDENT_##name,
        RV_INCIDENT_STATES(X)
#undef X
                RV_INCIDENT_STATE_MAX
};
const char *rv_incident_state_to_string(enum rv_incident_state state);
int rv_incident_state_from_string(const char *s, enum rv_incident_state *ret) RV_MUST_CHECK;
bool rv_incident_state_is_end(enum rv_incident_state state);

/* Why nothing (more) was done. Stored, shown, counted in the metrics, documented in docs/reasons.md (a test holds it
 * to this list). X(NAME, name, "for people") */
#define RV_REASONS(X)                                                                                                  \
        X(NONE, "none", "")                                                                                            \
        X(PAUSED, "paused", "revertd is paused")                                                                       \
        X(NOT_CONFIRMED, "not_confirmed", "the second look did not confirm the breach")                                \
        X(SILENCED, "silenced", "the alert is silenced in Alertmanager")                                               \
        X(INHIBITED, "inhibited", "the alert is inhibited by another one")                                             \
        X(BAD_SCOPE, "bad_scope", "the labels give no safe path in the repository, or no application")                 \
        X(NO_CANDIDATE, "no_candidate", "no commit touched the scope in the rule's window before the onset")           \
        X(AFTER_ONSET, "after_onset",                                                                                  \
          "the only commits in the scope came after the onset, so they cannot be the cause")                           \
        X(ALREADY_REVERTED, "already_reverted",                                                                        \
          "the commit was reverted already, or something else in the scope since the onset")                           \
        X(IN_PROGRESS, "in_progress", "another incident is reverting the same commit, or made it")                     \
        X(AMBIGUOUS, "ambiguous", "the suspect is not sure enough for this rule")                                      \
        X(IS_REVERT, "is_revert", "the commit is itself a revert")                                                     \
        X(IS_OURS, "is_ours", "the commit was made by revertd")                                                        \
        X(OPTED_OUT, "opted_out", "the commit's message says \"Revertd: skip\"")                                       \
        X(PROTECTED, "protected", "the commit's author or paths are protected")                                        \
        X(REAPPLIED, "reapplied", "what revertd had reverted was brought back")                                        \
        X(IMAGE_UPDATER, "image_updater", "the commit was made by an image updater, which would write it again")       \
        X(AMID_BREACH, "amid_breach", "the commit came amid the breach before this one, or shortly after")             \
        X(OUTSIDE_SCOPE, "outside_scope", "the commit touches paths outside of the scope too")                         \
        X(TOO_OLD, "too_old", "the commit has been live for longer than max_age")                                      \
        X(TOO_LARGE, "too_large", "more files (max_files) or commits would be taken back than may be")                 \
        X(DEPENDENTS, "dependents", "later commits changed lines beside those of the commit")                          \
        X(EMPTIES_SCOPE, "empties_scope", "the revert would leave nothing in the scope")                               \
        X(SHARED_CAUSE, "shared_cause", "many other scopes broke at once, without a change in common")                 \
        X(COOLDOWN, "cooldown", "the scope had a revert a short while ago")                                            \
        X(BUDGET, "budget", "the budget of pushes in 24 hours is used up")                                             \
        X(OBSERVE, "observe", "it was only looked at: this is what would have been done")                              \
        X(APPROVAL_EXPIRED, "approval_expired", "nobody approved in time")                                             \
        X(REJECTED_BY_PERSON, "rejected", "a person said no")                                                          \
        X(PROPOSAL_CLOSED, "proposal_closed", "the pull request was closed, and not merged")                           \
        X(PROPOSAL_EXPIRED, "proposal_expired", "nobody merged the pull request in time")                              \
        X(CONFLICT, "conflict", "later changes touch the same lines")                                                  \
        X(EMPTY, "empty", "the branch already is as the revert would make it")                                         \
        X(POLICY, "policy", "the Git worker's own policy forbids it")                                                  \
        X(MOVED, "moved", "the branch moved while the revert was pushed, or looked at")                                \
        X(PUSH_REFUSED, "push_refused", "the server refused the push")                                                 \
        X(REMOTE_UNAVAILABLE, "remote_unavailable", "the Git remote could not be reached")                             \
        X(GIT_FAILED, "git_failed", "the Git worker failed")                                                           \
        X(NOT_FOUND, "not_found", "there is no such commit on the branch")                                             \
        X(RULE_GONE, "rule_gone", "the rule or its repository is no longer configured")                                \
        X(NOT_APPLIED, "not_applied", "the operator did not apply the revert in time")                                 \
        X(NOT_RECOVERED, "not_recovered", "no recovery was seen in time")                                              \
        X(REVERT_LOST, "revert_lost", "the revert is no longer on the branch")                                         \
        X(TOO_MANY, "too_many", "too many incidents are open")

enum rv_reason {
#define X(name, str, doc) RV_REASON_##name,
        RV_REASONS(X)
#undef X
                RV_REASON_MAX
};
const char *rv_reason_to_string(enum rv_reason reason);
const char *rv_reason_explain(enum rv_reason reason);
int rv_reason_from_string(const char *s, enum rv_reason *ret) RV_MUST_CHECK;

_Static_assert(RV_REASON_MAX <= 64, "a bit for each reason");

enum {
        RV_INCIDENT_ID_MAX = 17, /* 16 hex digits and NUL */
        RV_INCIDENTS_OPEN_MAX = 1000,
};

/* The times that the record shows; 0: not reached. */
struct rv_incident_times {
        int64_t onset_usec;     /* first breach, or the alert's startsAt */
        int64_t detected_usec;  /* the incident was opened */
        int64_t decided_usec;   /* the plan was complete and the guards had passed */
        int64_t proposed_usec;  /* the pull request was open */
        int64_t pushed_usec;    /* it was on the branch: pushed by the worker, or a pull request merged */
        int64_t landed_usec;    /* the remote ref was re-read, and holds it */
        int64_t applied_usec;   /* the operator has applied it; where none is asked: as landed_usec */
        int64_t recovered_usec; /* the first ok of the run that proved it */
        int64_t ended_usec;
        int64_t earlier_usec;     /* onset of the breach of the label set before this one, if not long ago */
        int64_t earlier_end_usec; /* its end; that of this onset: it is the same one, and there was a short ok */
};

struct rv_incident {
        char id[RV_INCIDENT_ID_MAX];
        int64_t version; /* of its record */
        enum rv_incident_state state;
        enum rv_reason reason;
        /* For people, of the reason or of the state: paths in conflict, a server's words; sanitised; NULL: none. */
        char *detail;
        char *rule; /* name; NULL: by hand without a rule */
        struct rv_labels *labels;
        char *summary;    /* expanded; NULL: none */
        char *repository; /* name */
        char **scope;     /* expanded path patterns; by hand: may be empty, then everything */
        size_t n_scope;
        char *applied_by;          /* the operator that is asked; NULL: none, and application and space too */
        char *application, *space; /* as it calls it; space NULL: in its own namespace */
        enum rv_mode mode;         /* as when it was opened, or as fallback = "propose" makes it; by hand: enforce */
        bool by_hand;
        char *actor;       /* who asked or approved; NULL: nobody yet */
        char *note;        /* their reason; NULL: none */
        bool force;        /* by hand: the guards that a person may override are overridden */
        double value;      /* at detection; NaN: none */
        double last_value; /* the newest */
        json_t *samples;   /* [[usec, value, verdict]…]: what the rule saw until then, oldest first; NULL: not kept */
        struct rv_incident_times times;

        struct rv_suspect *suspects; /* newest first, at most RV_SUSPECTS_MAX */
        size_t n_suspects;
        struct rv_plan *plan;        /* NULL: none yet */
        struct rv_proposal proposal; /* number 0: none */
        struct rv_oid head;          /* the branch, as last read for it */
        struct rv_oid last_good;     /* the newest head at which the scope was proven ok; none: not known */

        /* The revert of an earlier incident of the same breach was in vain: that incident, and the oldest commit that it
         * undid. "" and none: this is the first. */
        char after[RV_INCIDENT_ID_MAX];
        struct rv_oid ruled_out;
        char next[RV_INCIDENT_ID_MAX]; /* the one of which this is the `after`; "": none */
        struct rv_oid
                aside; /* no suspect, but what a person would ask about, and a detail names; none: there is none */

        char **revisions; /* by hand: what to undo, as asked for; none: attribute by the rule. With `to`: the ids of what
                           * that may undo, newest first; none: whatever it is */
        size_t n_revisions;
        char *to; /* by hand: what the scope is to go back to, as asked for; NULL: nothing is to */
        /* What the scope goes back to: then the suspects are all commits that this undoes. None: they are reverted. */
        struct rv_oid restore;
        char *conflict; /* why the culprits could not be reverted, which led to a restore; sanitised; NULL: it did not */
        uint64_t guards_asked, guards_objecting; /* bits 1 << reason: what each said when they were asked last */
        struct rv_oid released; /* the culprit for which the wait in `holding` is over; none: no wait is over */

        /* What it waits for. */
        uint64_t token;         /* of the request under way; 0: none. Not stored: a restart asks again */
        unsigned attempts;      /* of the state's request, for backoff; stored */
        unsigned moves;         /* times the branch moved under the push; stored */
        int64_t retry_usec;     /* when the request is made (again); 0: not waiting */
        int64_t deadline_usec;  /* of the state; 0: none */
        int64_t ok_usec;        /* verifying: first ok of the present run; 0: not ok. Proposed: when the breach was
                                 * first over; 0: it never was */
        unsigned n_transitions; /* numbers the audit records */
};

struct rv_incident *rv_incident_free(struct rv_incident *incident);

/* {"id", "state", "reason", "detail", "rule", "labels": {}, "summary", "repository", "scope": [], "operator",
 *  "application", "namespace", "mode", "by_hand", "actor", "note", "force", "value", "last_value", "samples",
 *  "times": {"onset_usec", "detected_usec", "decided_usec", "proposed_usec", "pushed_usec", "landed_usec",
 *  "applied_usec", "recovered_usec", "ended_usec", "earlier_usec", "earlier_end_usec"}, "suspects":
 *  [rv_suspect_to_json()…], "plan": rv_plan_to_json(), "proposal": rv_proposal_to_json(), "head", "last_good",
 *  "revisions": [], "after", "ruled_out", "next", "aside", "to",
 *  "restore", "conflict", "released", "attempts", "guards": {"<reason>": objects…, in the order in which they are
 *  asked}, "moves", "retry_usec", "deadline_usec", "ok_usec", "n_transitions"}
 * What is missing is null, an object id that is missing "", a time not reached 0. Values are numbers, or null for NaN,
 * or "+Inf" and "-Inf". The version is the record's and stands there. */
json_t *rv_incident_to_json(const struct rv_incident *incident);
int rv_incident_from_json(struct rv_incident **ret, const json_t *json, struct rv_error *err) RV_MUST_CHECK;

/* The commit on the branch that holds the revert, once there is one: the plan's, or the one that a pull request was
 * merged as. NULL: no plan. */
const struct rv_oid *rv_incident_revert(const struct rv_incident *incident);

/* One change of state, as audited. */
struct rv_transition {
        char incident[RV_INCIDENT_ID_MAX];
        unsigned number;                 /* from 1 */
        enum rv_incident_state from, to; /* the first has from == to */
        enum rv_reason reason;
        int64_t at_usec;
        char *actor;  /* "revertd", "uid 1000 (ana)", "token", … */
        char *detail; /* NULL: none */
};
void rv_transition_done(struct rv_transition *transition);
json_t *rv_transition_to_json(const struct rv_transition *transition);
/* {"incident", "number", "from", "to", "reason", "at_usec", "actor", "detail"} */
int rv_transition_from_json(struct rv_transition *ret, const json_t *json, struct rv_error *err) RV_MUST_CHECK;

/* Whether a person may override this guard with --force. */
bool rv_guard_is_forceable(enum rv_reason reason);

/* Facts that the guards judge. */
struct rv_guard_facts {
        bool paused;
        const struct rv_suspect *culprit;  /* NULL: none */
        double confidence;                 /* that the cause is among all that is undone; 0: the culprit's own */
        bool only_after_onset;             /* without culprit: there are commits, but all came after the onset */
        bool answered;                     /* something in the scope was reverted since the onset: somebody is at it */
        bool amid_breach;                  /* it came amid the breach before this one, or shortly after */
        bool in_progress;                  /* another incident holds the same culprit, or made it */
        const struct rv_rule_config *rule; /* NULL: by hand without one */
        const struct rv_repository_config *repository; /* NULL: not known */
        size_t n_scopes_breached;                      /* others, at about the same time */
        int64_t now_usec;
        int64_t max_age_usec;                   /* 0: no bound */
        int64_t cooldown_usec;                  /* 0: none */
        int64_t scope_act_usec;                 /* newest push for the scope; 0: none */
        int acts_repository, budget_repository; /* in 24 h */
        int acts_all, budget_all;
        bool by_hand, force;
        bool is_restore; /* the culprit goes with all that touched the scope since */
        bool has_plan;   /* it was computed, and has so many dependents */
        size_t n_dependents;
        bool empties; /* nothing would be left in the scope */
};
/* What of a commit is protected, lent by it; both NULL: nothing, or not all of its paths are known. */
struct rv_protection {
        const char *author, *path;
};
struct rv_protection rv_protected_by(const struct rv_repository_config *repository, const struct rv_commit *commit);

/* Whether the commit is one of an image updater's. */
bool rv_is_image_update(const struct rv_repository_config *repository, const struct rv_commit *commit);

/* The first guard that says no, in the order of the documentation; RV_REASON_NONE: all pass. */
enum rv_reason rv_guards_check(const struct rv_guard_facts *facts);

/* What each of them says; those that ask about a culprit or a plan are left out where there is none. Added to the bits
 * that are there: of several culprits, one that is objected to is enough. */
void rv_guards_tell(const struct rv_guard_facts *facts, uint64_t *asked, uint64_t *objecting);
/* The i-th in that order; RV_REASON_NONE after the last. */
enum rv_reason rv_guard_at(size_t i);

/* Pushes intended: the ledger behind cooldown and budget. */
struct rv_act {
        char incident[RV_INCIDENT_ID_MAX];
        char *repository;
        char *scope; /* rv_act_scope(): the key of the cooldown */
        int64_t at_usec;
        struct rv_oid culprit;
        struct rv_oid merged; /* the commit on the branch that a pull request was merged as; none: it was not */
};
void rv_act_done(struct rv_act *act);
json_t *rv_act_to_json(const struct rv_act *act);
int rv_act_from_json(struct rv_act *ret, const json_t *json, struct rv_error *err) RV_MUST_CHECK;

/* The patterns, one a line; caller frees; NULL: out of memory. */
char *rv_act_scope(char *const *scope, size_t n);

/* Whether two scopes could have a path in common; judged by what stands before the first wildcard, so that in doubt
 * they have. No pattern is everything. */
bool rv_scope_overlaps(char *const *a, size_t n_a, char *const *b, size_t n_b);

/* JSON has no NaN and no infinity: null, "+Inf", "-Inf". */
json_t *rv_value_to_json(double value);
double rv_value_from_json(const json_t *json); /* NaN for what is no value */
