/* The engine's inside. One event is one turn: the functions below change the engine and append to the turn's step. They
 * return 0 or -ENOMEM, which leaves the engine unusable, unless their comment says more. */
#pragma once

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION HASH_FNV /* the default one falls through its cases, which clang warns about */
#include "revertd/clock.h"
#include "revertd/engine.h"

#include <uthash.h>

enum {
        SERIES_PER_RULE_MAX = 10000,
        SERIES_MAX = 100000, /* of all polled rules; an alert is never turned away by it */
        SEEN_MAX = 20000,    /* commits remembered per repository */
        MOVES_MAX = 5,
        FAILURES_MAX = 3, /* answers "failed" of a worker before it is believed */
        TEXT_BYTES_MAX = 4096,
};

#define ATTRIBUTE_PATIENCE_USEC (10 * RV_USEC_PER_MINUTE)
#define CONFIRM_PATIENCE_USEC (2 * RV_USEC_PER_MINUTE)
#define PUSH_PATIENCE_USEC (10 * RV_USEC_PER_MINUTE)
#define CONVERGE_PATIENCE_USEC (30 * RV_USEC_PER_MINUTE)
#define ANSWER_PATIENCE_USEC (10 * RV_USEC_PER_MINUTE) /* an effect unanswered for this long counts as lost */
#define RETRY_USEC_MAX RV_USEC_PER_MINUTE
#define BUDGET_PERIOD_USEC RV_USEC_PER_DAY
#define CONFIRM_INTERVAL_USEC (15 * RV_USEC_PER_SEC) /* verifying by `confirm`, where the rule has no interval */

struct open;
struct recent;

/* A label set of a rule. In the store (RV_RECORD_SERIES) while pending or latched. */
struct series {
        struct {
                const struct rule *rule;
                uint64_t fingerprint;
        } key;
        struct rv_series s;
        struct open *open;          /* the incident that it belongs to; NULL: none */
        uint64_t round;             /* the newest evaluation that had it */
        int64_t answered_usec;      /* when a source last spoke of it */
        int64_t stored_usec;        /* s.breach_usec as stored; 0: not stored */
        int64_t ended_usec;         /* its last incident ended then, while in breach; 0: none did */
        int64_t starts_usec;        /* alerts: startsAt of the newest episode, by the sender's clock */
        int64_t resolved_usec;      /* alerts: startsAt of the newest episode that is over */
        int64_t resolved_at_usec;   /* alerts: when that was told */
        bool is_unlisted;           /* alerts: no Alertmanager can be asked about it */
        bool is_event;              /* alerts: it is told by events */
        int64_t resolve_after_usec; /* alerts: over when not told again for that long; 0: when its end is told */
        int64_t expires_usec;       /* which is then; 0: never, or not heard of since the start */
        int64_t fired_usec;   /* latched: onset of the run that fired; s.onset_usec moves over a gap in the data */
        bool is_mended;       /* latched: a revert for its scope has proved right meanwhile */
        int64_t earlier_usec; /* onset of its newest breach that is over; 0: none is known */
        int64_t earlier_end_usec;
        int64_t well_usec; /* first of the run of evaluations that all were ok; 0: the newest was not */
        int64_t well_last_usec;
        struct good *good;     /* of its scope; NULL: not looked up yet */
        bool has_no_scope;     /* its labels give no safe path */
        struct recent *recent; /* what was seen lately; NULL: all ok */
        struct series *prev, *next;
        UT_hash_handle hh;
};

/* A rule by name; outlives a reload. */
struct rule {
        char *name;
        ssize_t index; /* in the configuration; -1: gone */
        struct series *series;
        size_t n_series;
        UT_hash_handle hh;
};

/* A commit whose arrival was seen. */
struct seen {
        struct rv_oid id;
        int64_t first_usec, not_before_usec;
        UT_hash_handle hh;
};

/* A head of the branch, and since when. */
struct stood {
        struct rv_oid head;
        int64_t since_usec;
};

/* The last good head of a scope. In the store (RV_RECORD_GOOD) once there is one. */
struct good {
        char *key; /* repository/scope, the latter as rv_act_scope() has it */
        char *repository;
        struct rv_oid head;  /* none: not proven yet */
        int64_t since_usec;  /* when it was seen to be the head */
        int64_t proven_usec; /* when it was last written */
        int64_t breach_usec; /* the newest breach of any rule with this scope; 0: none since the start */
        UT_hash_handle hh;
};

struct repository {
        char *name;
        ssize_t index; /* in the configuration; -1: gone */
        struct rv_oid head;
        int64_t synced_usec; /* the newest successful look at the branch; 0: none */
        struct seen *seen;   /* oldest first, once sorted at the start */
        char *pause;         /* what .revertd/pause on the branch says; NULL: there is none */
        struct stood *stood; /* heads since the start, oldest first */
        size_t n_stood;
        UT_hash_handle hh;
};

struct pause {
        char *scope, *actor, *note;
        int64_t since_usec, until_usec; /* until 0: until resumed */
        struct pause *next;
};

/* An incident under way. */
struct open {
        struct rv_incident *i;
        struct rule *rule;             /* NULL: by hand without one, or gone */
        struct repository *repository; /* NULL: gone */
        struct series *series;         /* NULL: by hand without a rule, or a dry run */
        enum rv_git_op asked;          /* what i->token stands for; RV_GIT_OP_MAX: a query */
        int64_t asked_usec;
        int64_t verify_from_usec;                       /* verifying: verdicts of an earlier time prove nothing */
        int64_t ok_last_usec;                           /* verifying: newest ok */
        int64_t ok_proven_usec;                         /* verifying: how long it is known to have been ok */
        bool ok_unbroken;                               /* verifying: the newest verdict was ok */
        struct rv_oid behind[RV_APPLIED_REVISIONS_MAX]; /* converging: applied, and known not to hold the revert */
        size_t n_behind, n_looked_up;                   /* the latter: of them being looked up */
        struct rv_applied applied;                      /* attributing: what the operator said, without words */
        bool has_applied;
        bool good_is_late;    /* attributing: some of what the last good head holds went live too late to be proven */
        bool is_nudged;       /* converging: the operator has heard of it; not after a restart */
        bool is_first_push;   /* reverting: asked for once, so that the answer tells all; not after a restart */
        unsigned failures;    /* answers "failed" in this state */
        bool is_answered;     /* somebody reverts in the scope already, by the newest history */
        bool is_restoring;    /* attributing: i->token asks for what a restore would undo */
        struct rv_oid looked; /* verifying: the newest head that was looked at for what brings the change back */
        bool is_missed;       /* verifying: the newest look did not find the revert on the branch */
        bool is_dirty, is_over;
        char *aside; /* attributing: a commit in the history that is no candidate, in words; NULL: not looked */
        /* Other scopes that went into breach at about the same time, each as rv_act_scope() has it, at most as many as
         * its rule counts; as the guards were asked last. */
        char **others;
        size_t n_others;
        bool is_look; /* nothing of it is stored, counted or told */
        struct open *next_dirty;
        UT_hash_handle hh;
};

struct rv_engine {
        struct rv_config *config;
        struct rule *rules; /* by name; those of the configuration and those that just went */
        struct rule **rule; /* by index in the configuration */
        struct repository *repositories;
        struct repository **repository;
        struct series *series;
        size_t n_series;
        struct open *open;
        struct rv_act *act; /* the ledger */
        size_t n_acts;
        struct pause *pauses;
        struct good *goods;
        struct rv_step owed;       /* of a turn whose event was refused: goes out with the next */
        struct rv_batch leftovers; /* records of what is configured no more: deleted at the next turn */
        struct look *looks;        /* that are over, newest first */
        uint64_t token, round, opened;
        char boot_id[RV_BOOT_ID_MAX]; /* "": not told yet */
        int64_t clock_offset_usec;    /* of the wall clock from the time since that boot */
        int64_t now_usec;             /* of the newest turn */
        int64_t pruned_usec, too_many_told_usec;
        int64_t expiry_usec; /* no series expires before; 0: none does */
        bool is_swept;       /* what went with a reload has been dealt with */
        bool is_broken;      /* out of memory in the middle of a turn */
};

struct turn {
        struct rv_engine *engine;
        int64_t now_usec;
        struct rv_step *step;
        struct rv_error *err;
        const char *actor; /* whose doing it is; NULL: revertd's */
        struct open *dirty;
        size_t n_proven; /* scopes that got another last good head */
};

/* -- names.c -- */
const struct rv_rule_config *rule_config(const struct rv_engine *engine, const struct rule *rule); /* NULL: gone */
const struct rv_repository_config *repository_config(const struct rv_engine *engine,
                                                     const struct repository *repository); /* NULL: gone */
struct rule *rule_find(const struct rv_engine *engine, const char *name);
struct repository *repository_find(const struct rv_engine *engine, const char *name);
int names_apply(struct rv_engine *engine, struct rv_config *config); /* all or nothing */
int names_sweep(struct turn *t); /* ends what hung on rules and repositories that went */
void names_done(struct rv_engine *engine);

/* -- series.c -- */
struct series *series_find(const struct rv_engine *engine, const struct rule *rule, const struct rv_labels *labels);
/* -ENOSPC: too many. */
int series_get(struct rv_engine *engine, struct rule *rule, const struct rv_labels *labels, struct series **ret);
struct series *series_free(struct rv_engine *engine, struct series *series);
int series_store(struct turn *t, struct series *series);
int series_forget(struct turn *t, struct series *series); /* the record */
bool series_is_over(const struct series *series);         /* neither pending, latched nor bound to an incident */
int series_prune(struct turn *t);
int series_drop_rule(struct turn *t, struct rule *rule);
int series_load(struct rv_engine *engine, const struct rv_record *record, struct rv_error *err);

/* -- look.c -- */
int look_check(struct turn *t); /* also -EBUSY: too many are under way */
int look_keep(struct rv_engine *engine, const struct open *o);
void looks_done(struct rv_engine *engine);

/* -- view.c -- */
json_t *view_rule(const struct rv_engine *engine, const struct rule *rule, bool with_series, int64_t now_usec);
json_t *view_series(const struct series *series);

/* -- recent.c -- */
int recent_note(struct series *series, enum rv_verdict verdict, double value, int64_t at_usec); /* before it counts */
int recent_tell(const struct series *series, struct rv_incident *incident);

/* -- evaluate.c, alerts.c: what the sources say -- */
int evaluate(struct turn *t, const struct rv_event *event);
int alerts(struct turn *t, const struct rv_event *event); /* also -ENOBUFS: too many fire */
void alerts_resume(struct turn *t);                       /* nobody could be heard while this did not run */
int alerts_expire(struct turn *t);                        /* what was not told again for as long as it may be */

/* -- open.c -- */
int incident_open(struct turn *t, struct series *series, int64_t onset_usec);
/* Of the same breach, which the revert of the one before has not ended; that one is still to be written. */
int incident_open_after(struct turn *t, struct series *series, struct rv_incident *before);
/* With its id and its place; the rest is the caller's. Takes i, also on failure. */
int incident_add(struct turn *t, struct rv_incident *i, struct rule *rule, struct repository *repository,
                 struct series *series, struct open **ret);
/* Rule, summary and, if asked for, scope. -EINVAL: the labels give no safe path; err says why; the rest is there. */
int incident_describe(struct rv_incident *i, const struct rv_rule_config *rule, bool with_scope, struct rv_error *err);
/* What the rule's operator, if it has one, is asked for. -EINVAL: the labels give no name; err says why. */
int incident_find_application(const struct rv_engine *engine, struct rv_incident *i, const struct rv_rule_config *rule,
                              struct rv_error *err);
/* What an incident of the label set would be about, with its scope. -EINVAL: the labels give no safe path. */
int incident_about(const struct series *series, const struct rv_rule_config *rule, struct rv_incident **ret);
struct open *open_free(struct rv_engine *engine, struct open *o);
int open_bind(struct turn *t, struct open *o); /* to its series, after a restart */
int open_load(struct rv_engine *engine, const struct rv_record *record, struct rv_error *err);

/* -- state.c: the one place where an incident changes its state, and who handles what in each -- */
int incident_begin(struct turn *t, struct open *o, enum rv_incident_state first);
int incident_move(struct turn *t, struct open *o, enum rv_incident_state to, enum rv_reason reason, const char *detail);
int incident_note(struct turn *t, struct open *o, const char *detail); /* of the state that it is in */
void incident_touch(struct turn *t, struct open *o); /* its record is written at the end of the turn */
int incidents_flush(struct turn *t);

/* -- decline.c -- */
int incident_decline(struct turn *t, struct open *o, enum rv_reason guard); /* with what the guard has to say */
/* What may have to be said without a culprit. */
int decline_note(struct turn *t, struct open *o, const struct rv_attribution *a);

int text_close(FILE *f, char **text); /* of open_memstream(); -ENOMEM: *text is NULL */

/* -- others.c: what else is in breach, in words -- */
void others_put(const struct open *o, FILE *f);      /* elsewhere, by o->others */
void others_put_line(const struct open *o, FILE *f); /* a line of it, where there are any */
/* It has fired, and by the newest word is in breach. Of a polled rule, what was stored before a restart is not what is
 * seen now. series may be NULL. */
bool others_is_in_breach(const struct series *series, const struct rv_rule_config *rule);
/* Of the same scope; *ret as it was: nothing. */
int others_still(struct turn *t, const struct open *o, char **ret);

/* -- unrecovered.c: what was seen last of what did not recover -- */
int unrecovered_detail(const struct turn *t, const struct open *o, char **ret); /* -ENOMEM: *ret is NULL */

/* -- earlier.c: the breach before this one -- */
/* The label set latches, and is over. */
void earlier_begin(struct series *series, int64_t onset_usec);
void earlier_end(struct series *series, int64_t end_usec);
/* The incident recovered. */
int earlier_mend(struct turn *t, const struct open *o);
/* For how long a label set that is well is remembered for it. */
int64_t earlier_kept_usec(const struct series *series, const struct rv_rule_config *rule);
void earlier_tell(const struct series *series, const struct rv_rule_config *rule, int64_t onset_usec,
                  struct rv_incident_times *times);
/* Whether a commit came while it lasted, or shortly after. */
bool earlier_holds(const struct rv_incident_times *times, const struct rv_live *live);

/* -- undone.c: does the branch still hold the revert, and what it did? -- */
int undone_look(struct turn *t, struct open *o); /* if it can be asked, and something has come to the branch */
int undone_answer(struct turn *t, struct open *o, const struct rv_git_reply *reply);
/* What brought it back, and what to do first. */
void reapplied_put(FILE *f, const struct rv_repository_config *repository, const struct rv_commit *commit);

/* What a state does. Each is called only for an incident that is in it. */
struct state {
        /* Asks what the state must know: at a retry, and after a restart. */
        int (*ask)(struct turn *t, struct open *o);
        int (*git)(struct turn *t, struct open *o, const struct rv_git_reply *reply);     /* NULL: lost */
        int (*queried)(struct turn *t, struct open *o, const struct rv_samples *samples); /* NULL: failed */
        int (*looked_up)(struct turn *t, struct open *o, enum rv_alert_state state, const char *words);
        int (*applied)(struct turn *t, struct open *o, const struct rv_applied *applied,
                       const char *error);              /* applied NULL: there is no answer, and error may say why */
        int (*expired)(struct turn *t, struct open *o); /* the deadline is over */
        int (*verdict)(struct turn *t, struct open *o, enum rv_verdict verdict,
                       int64_t at_usec); /* NULL: all the same */
        int64_t patience_usec;           /* how far off a deadline may be; 0: as patience() says */
        int64_t (*patience)(const struct rv_engine *engine, const struct open *o);
        bool waits; /* the deadline is looked at only between requests: an answer under way may still be good */
};
const struct state *state_of(const struct open *o);
int64_t state_patience(const struct rv_engine *engine, const struct open *o);
/* What the incident of the series, if it has one, makes of the newest verdict. */
int state_tell(struct turn *t, struct series *series, int64_t at_usec);
extern const struct state state_confirming, state_attributing, state_holding, state_reverting, state_proposed,
        state_converging, state_verifying;

/* -- ask.c: effects -- */
int ask_git(struct turn *t, struct open *o, struct rv_git_request *request); /* takes request, also on failure */
int ask_query(struct turn *t, struct open *o, int prometheus, char *expr);   /* takes expr, also on failure */
int ask_look_up(struct turn *t, struct open *o);
bool applied_is_wanted(const struct rv_engine *engine, const struct open *o); /* a reload may change it */
int ask_applied(struct turn *t, struct open *o, bool nudge);
struct rv_git_request *request_new(enum rv_git_op op);
int retry_later(struct turn *t, struct open *o); /* or expired, if the deadline is over */
int retry_after(struct turn *t, struct open *o, int64_t first_usec, int64_t max_usec); /* twice as long each time */
/* Puts off the retry to when the forge wants to be asked again. */
void wait_as_asked(const struct turn *t, struct open *o, const struct rv_git_reply *reply);
/* Lost, unavailable, failed, forbidden, not found: handled here, *ret_handled says so. */
int handle_failure(struct turn *t, struct open *o, const struct rv_git_reply *reply, bool *ret_handled);
/* With what was said last, where the remote is too long away. */
int end_unavailable(struct turn *t, struct open *o, const char *meaning);
int failure_text(const struct rv_git_reply *reply, char **ret); /* "message: path, path" */
int copy_strings(char ***ret, size_t *ret_n, const char *const *strings, size_t n);

/* -- look_up.c: is the alert silenced? -- */
bool look_up_is_wanted(const struct rv_engine *engine, const struct open *o);
/* Of one that is not active. words: by what; NULL: not known. */
int look_up_end(struct turn *t, struct open *o, enum rv_alert_state state, const char *words);

/* -- confirm.c -- */
int confirm_enter(struct turn *t, struct open *o);
int confirm_query(struct turn *t, struct open *o);
enum rv_verdict confirm_verdict(const struct rv_rule_config *rule, const struct rv_samples *samples, double *ret_value);
int clear_on_ok(struct turn *t, struct open *o, enum rv_verdict verdict, int64_t at_usec);

/* -- facts.c: what the guards judge -- */
size_t n_culprits(const struct rv_engine *engine, const struct open *o); /* the first so many suspects */
/* The first of the culprits that the guard objects to; *ret NULL: none. */
int guard_culprit(struct turn *t, struct open *o, enum rv_reason guard, const struct rv_suspect **ret);
double confidence_in(const struct rv_incident *i, const struct rv_suspect *culprit);
/* The newest push for the scope by other incidents; NULL: none that is remembered. */
const struct rv_act *newest_act(const struct rv_engine *engine, const struct open *o, const char *scope);
void others_forget(struct open *o);
/* Another one that reverts the culprit in these paths, or is about to. NULL: none. Lent. */
const struct rv_incident *incident_ahead(const struct rv_engine *engine, const struct open *o,
                                         const struct rv_commit *culprit);
enum rv_reason guards_check(struct turn *t, struct open *o); /* -ENOMEM as RV_REASON_MAX */
enum rv_reason guards_check_without_culprit(struct turn *t, struct open *o, bool only_after_onset);

/* -- attribute.c, hold.c, act.c, propose.c, converge.c, verify.c: the states -- */
int attribute_enter(struct turn *t, struct open *o);
int attribute_note(struct turn *t, struct open *o,
                   const struct rv_git_reply *reply); /* what a history says of the branch */
int attribute_plan(struct turn *t, struct open *o);   /* all suspects are known: the guards, and the plan */
struct rv_git_request *request_history(const struct open *o, int64_t since_usec);
int hold_or_act(struct turn *t, struct open *o);
int hold_end(struct turn *t, struct open *o); /* its wait is over */
bool hold_is_over(const struct rv_incident *i);
int act(struct turn *t, struct open *o);
int act_arrived(struct turn *t, struct open *o, const struct rv_git_reply *reply); /* it is on the branch */
int propose_enter(struct turn *t, struct open *o, const struct rv_git_reply *reply);
int converge_enter(struct turn *t, struct open *o);
int verify_enter(struct turn *t, struct open *o);
void verify_restart(struct turn *t, struct open *o);

/* -- apply.c: converging, once the branch holds the revert: the operator must apply it -- */
int apply_enter(struct turn *t, struct open *o);
int apply_ask(struct turn *t, struct open *o);
int apply_answered(struct turn *t, struct open *o, const struct rv_applied *applied, const char *error);
int apply_checked(struct turn *t, struct open *o, const struct rv_git_reply *reply); /* of a CHECK that was done */
int apply_expired(struct turn *t, struct open *o);

/* -- restore.c: the scope goes back to a commit -- */
bool is_restore(const struct rv_incident *i);
void restore_forget(struct open *o);
int restore_by_hand(struct turn *t, struct open *o);
int restore_past(struct turn *t, struct open *o, size_t n_culprits);  /* the first so many suspects */
bool restore_is_fallback(const struct turn *t, const struct open *o); /* where the plan conflicts */
int restore_after_conflict(struct turn *t, struct open *o, const struct rv_git_reply *reply);
int restore_on_history(struct turn *t, struct open *o, const struct rv_git_reply *reply);

/* -- manual.c: by hand -- */
int manual_revert(struct turn *t, const struct rv_event *event); /* also -EINVAL, -EBUSY, with err */
int manual_show(struct turn *t, struct open *o);
int manual_shown(struct turn *t, struct open *o, const struct rv_git_reply *reply);
int manual_order(struct open *o, const struct rv_git_reply *history);

/* -- person.c: approve and reject; also -ENOENT, -EBUSY, -EINVAL, with err -- */
int approve(struct turn *t, const struct rv_event *event);
int reject(struct turn *t, const struct rv_event *event);

/* -- pause.c -- */
int pause_put(struct turn *t, const struct rv_event *event); /* also -EINVAL */
int pause_end(struct turn *t, const struct rv_event *event); /* also -ENOENT */
int pause_expire(struct turn *t);
int pause_move(struct turn *t, int64_t by_usec);
int pause_obey_file(struct turn *t, const struct repository *repository); /* ends what it covers */
bool pause_covers(const struct rv_engine *engine, const char *rule, const char *repository, int64_t now_usec);
int pause_detail(const struct turn *t, const struct open *o, char **ret); /* who, and why; -ENOMEM: *ret is NULL */
int pause_load(struct rv_engine *engine, const struct rv_record *record, struct rv_error *err);
void pause_free(struct pause *pause);

/* -- history.c: when commits arrived -- */
int history_note(struct turn *t, struct repository *repository, const struct rv_git_reply *reply, int64_t asked_usec);
struct rv_live history_live(const struct rv_commit *commit, void *repository);
int history_load(struct rv_engine *engine, const struct rv_record *record, struct rv_error *err);
void history_sort(struct rv_engine *engine);
void history_done(struct repository *repository);

/* -- live.c: when commits went live, by the operator's word where it has one -- */
struct live {
        const struct open *o;
        const struct rv_git_reply *reply; /* the history, as live_request() has it asked for */
        int64_t now_usec;
};
void live_note(struct open *o, const struct rv_applied *applied); /* NULL: it did not answer */
int live_request(const struct open *o, struct rv_git_request *request);
struct rv_live live_of(const struct rv_commit *commit, void *live); /* one of reply->commits */

/* -- good.c: the last good head of each scope -- */
/* NULL: none was proven. Its head may have left the branch since, if that was forced. */
const struct good *good_find(const struct rv_engine *engine, const char *repository, char *const *scope, size_t n);
const struct good *good_counting(const struct turn *t, const struct open *o); /* NULL: none that its rule counts on */
size_t good_cut(const struct turn *t, struct open *o,
                const struct rv_git_reply *reply); /* the first so many commits came after it, or went live so */
int good_stand(struct repository *repository, const struct rv_oid *head, int64_t since_usec);
int good_note(struct turn *t, struct series *series, int64_t at_usec); /* of a polled rule: its newest verdict */
int good_breach(struct turn *t, struct series *series);
/* Whether the scope of the label set overlaps that of the incident. */
int good_overlaps(struct turn *t, struct series *series, const struct open *o, bool *ret);
int64_t good_span_usec(const struct rv_rule_config *rule);
void good_unbind(struct rv_engine *engine); /* scopes may be others after a reload */
int good_bound(struct turn *t);             /* the clock was set back */
int good_prune(struct turn *t);
int good_load(struct rv_engine *engine, const struct rv_record *record, struct rv_error *err);
void good_done(struct rv_engine *engine);

/* -- clock.c: the wall clock was set -- */
int clock_follow(struct turn *t, const struct rv_event *event); /* before anything looks at the time */
int clock_load(struct rv_engine *engine, const struct rv_record *record, struct rv_error *err);

/* -- ledger.c: pushes intended -- */
int ledger_put(struct turn *t, struct open *o);
/* The incident whose pull request was merged as this commit; NULL: none's. */
const char *ledger_merged_for(const struct rv_engine *engine, const struct rv_oid *commit);
int ledger_drop(struct turn *t, const char *incident);
int ledger_prune(struct turn *t);
int ledger_load(struct rv_engine *engine, const struct rv_record *record, struct rv_error *err);
void ledger_done(struct rv_engine *engine);
/* Acts in the newest 24 h but for one incident's; repository NULL: all. */
int ledger_count(const struct rv_engine *engine, const char *repository, const char *but, int64_t now_usec);
/* When there will be fewer than budget of them; 0: never, for it is 0. */
int64_t ledger_free_usec(const struct rv_engine *engine, const char *repository, const char *but, int budget,
                         int64_t now_usec);
