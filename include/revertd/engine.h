/* The engine: the pure core put together. One event and the time go in; a batch for the store, effects, and what
 * changed come out. It does no I/O, reads no clock and draws no random numbers, so the daemon, the simulator and
 * `revertctl explain` run the same one.
 *
 * The order that the shell must keep: commit step.batch; if that fails, throw the engine away and load a new one from
 * the store when it works again; if it succeeds, start step.effects and report step.transitions. Nothing else makes a
 * crash at any instant harmless. */
#pragma once

#include "revertd/applied.h"
#include "revertd/incident.h"
#include "revertd/rule.h"
#include "revertd/signal.h"
#include "revertd/store.h"

struct rv_engine;

enum rv_event_kind {
        RV_EVENT_START,     /* once, after the load: resume what was under way */
        RV_EVENT_TICK,      /* the deadline of rv_engine_deadline() is over */
        RV_EVENT_EVALUATED, /* a polled rule was evaluated */
        RV_EVENT_ALERTS,    /* a delivery of alerts */
        RV_EVENT_QUERIED,   /* answer to RV_EFFECT_QUERY */
        RV_EVENT_LOOKED_UP, /* answer to RV_EFFECT_LOOK_UP */
        RV_EVENT_APPLIED,   /* answer to RV_EFFECT_APPLIED */
        RV_EVENT_GIT,       /* answer to RV_EFFECT_GIT, or NULL: the worker was lost */
        RV_EVENT_SYNCED,    /* a branch was polled (RV_GIT_SYNC) */
        RV_EVENT_APPROVE,
        RV_EVENT_REJECT,
        RV_EVENT_PAUSE,
        RV_EVENT_RESUME,
        RV_EVENT_REVERT, /* by hand */
        RV_EVENT_CLOCK,  /* before START, and whenever rv_engine_clock_agrees() no more */
        RV_EVENT_KIND_MAX
};

enum { RV_BOOT_ID_MAX = 40 }; /* with NUL */

struct rv_event {
        enum rv_event_kind kind;
        union {
                struct {
                        size_t rule;
                        int64_t at_usec;                  /* the query's time */
                        const struct rv_samples *samples; /* NULL: the query failed */
                        const struct rv_samples *require; /* NULL: the rule has none, or it failed with samples NULL */
                } evaluated;
                const struct rv_alerts *alerts;
                struct {
                        uint64_t token;
                        const struct rv_samples *samples; /* NULL: the query failed */
                } queried;
                struct {
                        uint64_t token;
                        enum rv_alert_state state;
                        const char *words; /* by what it is silenced or inhibited; NULL: not known */
                } looked_up;
                struct {
                        uint64_t token;
                        const struct rv_applied *applied; /* NULL: there is no answer */
                        const char *error;                /* why; NULL: not known */
                } applied;
                struct {
                        uint64_t token;
                        const struct rv_git_reply *reply; /* NULL: lost */
                } git;
                struct {
                        size_t repository;
                        const struct rv_git_reply *reply;
                } synced;
                struct {
                        const char *incident; /* a prefix of the id will do, if it is the only one */
                        const char *actor;
                        const char *note; /* NULL: none */
                } person;                 /* APPROVE, REJECT */
                struct {
                        const char *boot_id; /* not "" */
                        int64_t offset_usec; /* wall time − time since boot */
                } clock;
                struct {
                        const char *scope; /* "" everything; "rule:<name>"; "repository:<name>" */
                        const char *actor;
                        const char *note;      /* NULL: none */
                        int64_t duration_usec; /* 0: until resumed */
                } pause;                       /* PAUSE, RESUME */
                struct {
                        size_t repository;
                        int rule;                       /* −1: none */
                        const struct rv_labels *labels; /* with a rule */
                        const char *const *revisions;   /* to undo; none: attribute by the rule, onset now; in a dry run
                                                         * that of the breach, if there is one. With `to`: the ids of
                                                         * what that may undo, newest first; none: whatever it is */
                        size_t n_revisions;
                        const char *to;           /* restore: a revision to go back to; NULL: revert */
                        const char *const *scope; /* patterns; n_scope = 0: the rule's, else everything */
                        size_t n_scope;
                        const char *actor;
                        const char *note;
                        bool force;
                        bool is_look; /* a dry run that leaves no record: see rv_engine_explain_json() */
                        bool dry_run; /* compute and record the plan, then end as declined (observe); nobody is told */
                } revert;
        };
};

enum rv_effect_kind {
        RV_EFFECT_QUERY,
        RV_EFFECT_LOOK_UP, /* what Alertmanager makes of an alert */
        RV_EFFECT_APPLIED, /* what an operator has applied */
        RV_EFFECT_GIT,
};

/* Answered by an event with the same token. Effects are lost in a crash; the engine asks again at START. */
struct rv_effect {
        enum rv_effect_kind kind;
        uint64_t token;
        char incident[RV_INCIDENT_ID_MAX];
        size_t prometheus; /* QUERY: index */
        char *expr;
        size_t alertmanager; /* LOOK_UP: index */
        struct rv_labels *labels;
        size_t applied_by; /* APPLIED: index of the operator */
        char *application, *space;
        bool nudge;        /* and tell it that there is something new */
        size_t repository; /* GIT: index */
        struct rv_git_request *request;
};

void rv_effect_done(struct rv_effect *effect);

struct rv_step {
        struct rv_batch batch;
        struct rv_effect *effect;
        size_t n_effects;
        struct rv_transition *transition; /* for the log and the metrics */
        size_t n_transitions;
        char incident[RV_INCIDENT_ID_MAX]; /* REVERT, APPROVE, REJECT: which */
        size_t n_alerts_matched;           /* ALERTS */
        size_t n_alerts_late;              /* ALERTS: left out of a rule, as copies of what was over */
};
void rv_step_done(struct rv_step *step); /* leaves it empty and usable */

/* Keeps a reference to config. */
int rv_engine_new(struct rv_engine **ret, struct rv_config *config) RV_MUST_CHECK;
struct rv_engine *rv_engine_free(struct rv_engine *engine);

/* Give it one record of the store, in any order; then START. Unknown or damaged records are an error. */
int rv_engine_load(struct rv_engine *engine, const struct rv_record *record, struct rv_error *err) RV_MUST_CHECK;

/* A new configuration: rules, repositories and so on are matched by name. Incidents whose rule is gone end at the next
 * event. On failure nothing has changed. */
int rv_engine_reconfigure(struct rv_engine *engine, struct rv_config *config) RV_MUST_CHECK;

/* 0: done, step is filled (perhaps with nothing). Negative: a caller's mistake or out of memory; for APPROVE, REJECT,
 * RESUME and REVERT also -ENOENT, -EBUSY (not in a state for it), -EINVAL; for ALERTS -ENOBUFS (a rule would have more
 * firing than can be followed: the sender must come again); with err; nothing has changed. After -ENOMEM the engine is
 * of no use any more: load a new one from the store. */
int rv_engine_handle(struct rv_engine *engine, const struct rv_event *event, int64_t now_usec, struct rv_step *step,
                     struct rv_error *err) RV_MUST_CHECK;

/* Whether the engine knows the clock as it is. Else *ret_by_usec is by how much it was set; 0: not known, for that was
 * in another boot. */
bool rv_engine_clock_agrees(const struct rv_engine *engine, const char *boot_id, int64_t offset_usec,
                            int64_t *ret_by_usec);

/* When TICK is due; RV_USEC_INFINITY: never. */
int64_t rv_engine_deadline(const struct rv_engine *engine);

/* Views, for the API and the metrics. Lent until the next event. */
struct rv_engine_counts {
        size_t open[RV_INCIDENT_STATE_MAX];
        size_t series, pending, latched;
};
size_t rv_engine_open_count(const struct rv_engine *engine); /* at no cost; rv_engine_count() looks at every series */
void rv_engine_count(const struct rv_engine *engine, struct rv_engine_counts *ret);
const struct rv_incident *rv_engine_incident(const struct rv_engine *engine, const char *id); /* open ones; NULL */
json_t *rv_engine_rules_json(const struct rv_engine *engine, int64_t now_usec);
json_t *rv_engine_pauses_json(const struct rv_engine *engine, int64_t now_usec);
/* The newest head that a look at the branch has brought; empty before the first. What came since is fresh to the next. */
struct rv_oid rv_engine_head(const struct rv_engine *engine, size_t repository);
json_t *rv_engine_repositories_json(const struct rv_engine *engine, int64_t now_usec); /* head, budget used */
/* A look (RV_EVENT_REVERT with is_look) by its id, while it is under way and for some time after; NULL: not known.
 * {"id", "done", "rule": as in rv_engine_rules_json() without "series", "series": the one of its labels or null,
 *  "incident": as recorded, but that it is not} */
json_t *rv_engine_explain_json(const struct rv_engine *engine, const char *id, int64_t now_usec);
int rv_engine_budget_used(const struct rv_engine *engine, int64_t now_usec); /* of all repositories together */

/* Whether a pause covers this rule (and its repository). rule −1: everything. */
bool rv_engine_paused(const struct rv_engine *engine, int rule, int64_t now_usec);
