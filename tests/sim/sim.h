/* The simulator: the real engine and the real store in a made-up world with a clock of its own. One schedule is a
 * function of its seed: what people commit, what breaks, what is said and lost, and when everything crashes.
 *
 * The world knows the truth, so it can tell whether what revertd did was right (check.c). */
#pragma once

#include "notify/queue.h"
#include "revertd/clock.h"
#include "revertd/engine.h"
#include "revertd/log.h"
#include "revertd/store.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
        APPS = 3,
        LABEL_SETS = APPS + 1, /* the last one's label makes no safe path */
        REPOSITORIES = 2,
        REPLICAS_MAX = 2,
        RULES_MAX = 4,
        FIRST_ALERT_RULE = 2, /* those before it are polled */
        EVENT_RULE = 3,       /* which events may feed instead of alerts */
        ALERTMANAGERS = 2,
        RECEIVERS = 2,
        VARIANTS = 2, /* of the configuration: a reload goes from one to another */
        COMMITS_MAX = 512,
        UNDOES_MAX = RV_REVERT_COMMITS_MAX,
        INCIDENTS_MAX = 2000,
        PROPOSALS_MAX = 256,
        PUSHES_MAX = 512,
        NOTICES_MAX = 16384,
        TASKS_MAX = 4096,
        STREAMS_MAX = 96,
};

/* -- A branch -- */

enum author { AUTHOR_PERSON, AUTHOR_SRE, AUTHOR_ARGOCD, AUTHOR_ROBOT };

struct change {
        struct rv_oid id;
        unsigned apps;             /* touched, one bit each */
        unsigned effect;           /* of them, in force at the head of which the state was computed */
        int breaks;                /* app; −1: none */
        int64_t breaks_after_usec; /* its being deployed */
        bool is_entangled;         /* changes the same lines as earlier ones do */
        bool is_beside;            /* it changed lines beside those of the changes before, in the same apps */
        bool skip;
        enum author author;
        int64_t commit_usec, arrived_usec, deployed_usec; /* 0: not yet */
        char incident[RV_INCIDENT_ID_MAX];                /* ours; "" somebody else's */
        size_t undoes[UNDOES_MAX];                        /* indices */
        size_t n_undoes;
        bool says_so; /* its message names what it reverts */
};

/* A pull request, and what people made of it. */
struct proposal {
        struct rv_oid commit; /* the plan's */
        struct rv_revert_spec spec;
        enum rv_proposal_state state;
        struct rv_oid merged;
};

struct branch {
        struct change *change;
        size_t n, deployed;        /* commits; of them deployed */
        int64_t broken_usec[APPS]; /* as deployed: from then on; RV_USEC_INFINITY: not broken */
        unsigned made;             /* for ids */
        struct proposal proposal[PROPOSALS_MAX];
        size_t n_proposals;
};

/* -- What was observed of an incident, from what was committed to the store -- */

struct observed {
        char id[RV_INCIDENT_ID_MAX], after[RV_INCIDENT_ID_MAX];
        enum rv_incident_state state;
        enum rv_reason reason;
        int rule, set, repository; /* −1: none */
        bool by_hand, force, approved;
        enum rv_mode mode;
        unsigned n_transitions;
        int64_t starts_usec; /* of the episode that opened it */
        int64_t onset_usec, opened_usec, held_usec, intent_usec, ended_usec;
        int64_t ok_first_usec;     /* of the answers to confirm, since the last breach */
        enum rv_alert_state alert; /* as last looked up */
        bool is_applied;           /* by the operator's newest word */
        int budget, budget_all;    /* when the intent was stored */
        int pushed;                /* commits of it on the branch */
};

/* What a rule was told of a label set, and took. */
struct told {
        int64_t breach_first_usec;    /* of the present run of breaches; 0: none */
        int64_t ok_first_usec;        /* of the present run of oks; 0: none */
        bool is_breach;               /* by the event under way */
        bool had_late_copy;           /* alerts: after their end, which a restart may have forgotten */
        bool was_ok;                  /* since the newest incident was opened */
        int64_t starts_usec;          /* alerts: of the newest episode taken */
        int64_t told_usec;            /* alerts: the start that was told last, be it a late copy's */
        int64_t resolved_usec;        /* alerts: when the newest end was taken */
        int64_t resolved_starts_usec; /* alerts: and when that episode had begun */
        int64_t heard_usec;           /* events: when the newest was taken */
        int64_t silence_usec;         /* events: of which an episode is over; 0: alerts, or none was taken */
        unsigned heard_generation;    /* events: of the engine that took it; UINT_MAX: a copy came late */
        bool is_in_doubt;             /* events: whether the newest began an episode; only a restart of revertd knows */
};

struct pushed {
        char incident[RV_INCIDENT_ID_MAX];
        int repository;
        int64_t intent_usec;
};

/* An alert as Prometheus has it, and what an Alertmanager has delivered of it. */
struct episode {
        int64_t bad_usec;                    /* since when; 0: it is well */
        int64_t starts_usec;                 /* firing; 0: not */
        int64_t over_starts_usec, over_usec; /* the one before */
};
struct delivered {
        int64_t starts_usec, at_usec;
        bool is_resolved;
};

/* -- Notices, as they were committed to the store, and what became of each -- */

struct notice {
        char key[64];
        const char *incident; /* of the key; not terminated there */
        int receiver;
        unsigned number;        /* of the transition */
        int64_t committed_usec; /* by the world's clock */
        int64_t clock_usec;     /* how far the replica's was ahead then */
        unsigned arrived;       /* how often */
        bool may_come_again;    /* nobody can know that it has arrived */
        bool was_refused;       /* for good */
        bool is_given_up, is_settled;
};

/* A receiver's queue, and the message that is on its way. */
struct line {
        struct queue queue;
        bool is_open;
        unsigned generation;
        struct notice *sending; /* NULL: nothing is */
        bool is_to_arrive;      /* it has not yet, and is going to */
        enum send_outcome outcome;
        int64_t retry_after_usec;
        int64_t quiet_usec;   /* until then the receiver asked to be left alone */
        int64_t failing_usec; /* since when each attempt failed; 0: the newest did not */
};

struct store_fault {
        bool commit_fails, list_fails, count_fails;
        bool is_tight;    /* memory */
        long allocations; /* until one fails */
};

/* -- Decisions of the world (random.c) -- */

struct stream {
        const char *who;
        uint64_t hash, count;
};
struct decision {
        char who[32];
        uint64_t number;
        int64_t value;
};
struct script {
        bool is_replayed; /* else it is recorded */
        struct decision *decision;
        size_t n, size;
};

struct sim;
struct replica;
struct task {
        int64_t at_usec;
        uint64_t order;
        struct replica *replica; /* that it concerns */
        void (*run)(struct sim *sim, struct task *task);
        int a, b;
        uint64_t token;
        unsigned generation; /* of the engine that it answers; 0: whichever */
        int64_t time_usec;
        void *data; /* owned by run */
        void (*free_data)(void *data);
};

/* -- What is known of the present pauses -- */

struct paused {
        bool on;
        int64_t until_usec; /* 0: until resumed */
};
enum { PAUSE_ALL, PAUSE_RULE, PAUSE_REPOSITORY = PAUSE_RULE + RULES_MAX, PAUSES = PAUSE_REPOSITORY + REPOSITORIES };

/* -- A revertd: a store, and while it is up an engine -- */

struct replica {
        char *directory; /* of the store; NULL: in memory */
        bool keeps_file; /* the store is closed and opened at each crash */
        int present;     /* variant of the configuration */
        int64_t worker_free_usec[REPOSITORIES];
        struct delivered delivered[ALERTMANAGERS][RULES_MAX][LABEL_SETS];

        struct rv_store *store;
        struct rv_engine *engine; /* NULL: down */
        unsigned generation;
        int64_t clock_usec; /* how far its clock is ahead */
        bool was_set;       /* its clock */
        int64_t ticked_usec;
        unsigned n_ticks;

        struct observed incident[INCIDENTS_MAX];
        size_t n_incidents;
        struct told told[RULES_MAX][LABEL_SETS];
        struct paused paused[PAUSES];
        struct pushed pushed[PUSHES_MAX];
        size_t n_pushed;
        struct notice notice[NOTICES_MAX];
        size_t n_notices, n_waiting; /* of them not settled */
        struct line line[RECEIVERS];
        const struct rv_event *event; /* being handled */
        const char *answered;         /* the incident whose request it answers; NULL: none's */
};

struct sim {
        uint64_t seed;
        struct stream stream[STREAMS_MAX];
        struct script *script; /* NULL: neither recorded nor replayed */
        const char *broken;    /* the check that failed: its format */
        FILE *trace;           /* NULL: none */
        char failure[512];

        int64_t now_usec;
        struct task task[TASKS_MAX]; /* a heap */
        size_t n_tasks;
        uint64_t n_ordered;
        bool is_calm;          /* the end: nothing bad happens any more */
        bool are_there_events; /* for EVENT_RULE, whose ends are never told */

        struct rv_config *variant[VARIANTS];
        struct branch branch[REPOSITORIES];
        int64_t spurious_until_usec[LABEL_SETS];
        int64_t blind_until_usec;   /* queries fail */
        int64_t partial_until_usec; /* answers are not whole */
        int64_t quiet_until_usec;   /* too little traffic */
        int64_t vanished_until_usec[LABEL_SETS];
        int64_t silenced_until_usec[LABEL_SETS];
        int64_t full_until_usec;                /* the disks */
        int64_t broken_until_usec;              /* the workers fail */
        int64_t busy_until_usec;                /* others push all the time */
        int64_t stuck_until_usec[REPOSITORIES]; /* the operator applies nothing */
        int64_t mute_until_usec[RECEIVERS];     /* Slack takes nothing */
        int64_t slack_calm_usec;                /* from then on it takes all; 0: that is not yet known */
        struct episode episode[RULES_MAX][LABEL_SETS];

        struct replica replica[REPLICAS_MAX];
        size_t n_replicas;
        struct replica *me; /* the one that the present task concerns */
        struct {
                uint64_t met[RV_INCIDENT_STATE_MAX][RV_EVENT_KIND_MAX]; /* events, by the states that they found */
                uint64_t events, commits, crashes, outages, pushes, restores, proposals, merges, sent, resent, given_up,
                        ended[RV_INCIDENT_STATE_MAX], reasons[RV_REASON_MAX];
        } count;
};

/* `me` is each in turn. */
#define EACH_REPLICA(sim) for ((sim)->me = (sim)->replica; (sim)->me < (sim)->replica + (sim)->n_replicas; (sim)->me++)

#define TRACE(sim, ...)                                                                                                \
        do {                                                                                                           \
                if ((sim)->trace)                                                                                      \
                        sim_trace(sim, __VA_ARGS__);                                                                   \
        } while (0)
void sim_trace(struct sim *sim, const char *format, ...) RV_PRINTF(2, 3);
/* The invariant is broken: the schedule ends. */
void sim_fail(struct sim *sim, const char *format, ...) RV_PRINTF(2, 3);
/* What cannot happen unless memory is out or the simulator is wrong. */
#define SIM_MUST(r)                                                                                                    \
        do {                                                                                                           \
                if ((r) < 0) {                                                                                         \
                        fprintf(stderr, "sim: %s:%d: failed\n", __FILE__, __LINE__);                                   \
                        abort();                                                                                       \
                }                                                                                                      \
        } while (0)

/* -- random.c: decisions; the first argument's world asks, the calling function is the key -- */
int64_t random_between_for(struct sim *sim, const char *who, int64_t low, int64_t high);
bool random_per_mille_for(struct sim *sim, const char *who, int per_mille);
int64_t random_delay_for(struct sim *sim, const char *who, int64_t mean_usec);
int64_t random_arrival_for(struct sim *sim, const char *who, int64_t mean_usec);
#define random_between(sim, low, high) random_between_for(sim, __func__, low, high) /* both included; plainly low */
#define random_per_mille(sim, n) random_per_mille_for(sim, __func__, n)             /* plainly false */
#define random_chance(sim, percent) random_per_mille_for(sim, __func__, 10 * (percent))
#define random_delay(sim, mean) random_delay_for(sim, __func__, mean)     /* exponential; plainly the mean */
#define random_arrival(sim, mean) random_arrival_for(sim, __func__, mean) /* of what need not be; plainly never */
void script_add(struct script *script, const char *who, uint64_t number, int64_t value);
void script_sort(struct script *script);
void script_done(struct script *script);

/* -- shrink.c -- */
/* Makes the script of a failure as small as it gets. `fails` runs it, and says whether the same invariant breaks. */
void script_shrink(struct script *script, bool (*fails)(struct script *script, void *userdata), void *userdata);
int script_write(const struct script *script, uint64_t seed, FILE *f);
int script_read(struct script *ret, uint64_t *ret_seed, FILE *f);

/* -- agenda.c -- */
struct task *agenda_add(struct sim *sim, int64_t at_usec, void (*run)(struct sim *sim, struct task *task));
bool agenda_take(struct sim *sim, struct task *ret);
void agenda_keep(struct sim *sim, bool (*is_wanted)(const struct task *task));
void agenda_clear(struct sim *sim);

/* -- config.c -- */
struct rv_config *config_make(struct sim *sim);
struct rv_config *config_vary(struct sim *sim, int variant);
extern const char *const rule_names[RULES_MAX], *const receiver_names[RECEIVERS];
const char *alert_name(int rule); /* NULL: a polled rule's */
const char *label_value(int set);
struct rv_labels *labels_make(int set, const char *alertname);
int rule_index(const struct sim *sim, const char *name);                    /* −1 */
const struct rv_rule_config *rule_present(const struct sim *sim, int rule); /* NULL: not in this configuration */
int rule_number(const char *name);                                          /* 0 to RULES_MAX − 1; −1 */
int set_of_labels(const json_t *labels);                                    /* −1 */

/* -- branch.c -- */
void branch_init(struct sim *sim, struct branch *branch);
void branch_done(struct branch *branch);
ssize_t branch_find(const struct branch *branch, const struct rv_oid *id); /* −1 */
const struct rv_oid *branch_head(const struct branch *branch);
struct change *branch_append(struct branch *branch, const struct change *change);
void branch_settle(struct branch *branch, size_t n); /* computes effect as of the first n commits */
extern const char *const author_names[];
unsigned scope_apps(char *const *scope, size_t n);
/* What a revert would be: OK, EMPTY, CONFLICT or NOT_FOUND. */
enum rv_git_outcome branch_plan(struct branch *branch, const struct rv_revert_spec *spec, struct change *ret);
/* A later change beside what would be taken back; NULL: none. */
const struct change *branch_dependent(const struct branch *branch, const struct rv_revert_spec *spec);
void branch_deploy(struct branch *branch, int64_t now_usec);

/* -- worker.c -- */
struct rv_git_reply *worker_answer(struct sim *sim, int repository, const struct rv_git_request *request);
void worker_ask(struct sim *sim, struct rv_effect *effect); /* takes its request */
void worker_poll(struct sim *sim, struct task *task);       /* a task: the daemon looks at the branch */

/* -- forge.c -- */
void forge_propose(struct sim *sim, int repository, const struct rv_git_request *request, struct rv_git_reply *reply);
void forge_tell(struct sim *sim, int repository, const struct rv_git_request *request, struct rv_git_reply *reply);
void forge_done(struct branch *branch);

/* -- world.c: tasks, each of which puts itself on the agenda again -- */
void world_start(struct sim *sim);
void world_calm(struct sim *sim);
void world_stop(struct sim *sim);
bool world_is_bad(struct sim *sim, int set);
void world_commit(struct sim *sim, int repository);

/* -- metrics.c, alerts.c, people.c: more tasks; answers to the engine -- */
void metrics_evaluate(struct sim *sim, struct task *task);
void metrics_ask(struct sim *sim, const struct rv_effect *effect);
void alerts_fire(struct sim *sim, struct task *task);
void alerts_deliver(struct sim *sim, struct task *task);
void alertmanager_ask(struct sim *sim, const struct rv_effect *effect);
bool is_fed_by_events(const struct sim *sim, int rule);
/* Since when all was well, as far as the engine can know; 0: it is not. */
int64_t told_ok_usec(const struct sim *sim, const struct told *told);
void people_decide(struct sim *sim, struct task *task);

/* -- operator.c -- */
void operator_deploy(struct sim *sim, struct task *task); /* a task, for each repository */
void operator_ask(struct sim *sim, const struct rv_effect *effect);

/* -- slack.c -- */
void slack_open(struct sim *sim);
void slack_close(struct sim *sim);
void slack_drop(struct sim *sim); /* as that, and there is no world to notice */
void slack_wake(struct sim *sim);
void slack_look(struct sim *sim, int receiver);
int64_t slack_due_usec(const struct replica *replica, int *ret_receiver);
bool slack_is_task(const struct task *task);
bool slack_is_calm(const struct sim *sim);

/* -- store.c -- */
/* What follows is a queue's doing, until `sim` is NULL. */
void store_fails_for(struct sim *sim, const struct store_fault *with);

/* -- memory.c -- */
void memory_fail_after(long n); /* allocations; −1: none fails */

/* -- shell.c -- */
/* 0: taken, and stored. -EPIPE: taken and stored, but nobody was told of that. Else nothing has happened. */
int shell_handle(struct sim *sim, const struct rv_event *event);
static inline bool was_taken(int r) {
        return r >= 0 || r == -EPIPE;
}
int64_t wall_usec(const struct sim *sim); /* as the replica has it */
void shell_set_clock(struct sim *sim, int64_t by_usec);
void shell_start(struct sim *sim);
void shell_crash(struct sim *sim, int64_t down_usec);
void shell_reload(struct sim *sim);
void shell_stop(struct sim *sim);

/* -- cover.c -- */
void cover_note(struct sim *sim, const struct rv_event *event);
/* Whether each pair of state and event was met that can be. Tells of those that were not. */
bool cover_print(const struct sim *sum);

/* -- check.c -- */
void check_committed(struct sim *sim, const struct rv_batch *batch);
void check_acknowledged(struct sim *sim, int rule, int set, int64_t starts_usec);
void check_end(struct sim *sim);
struct observed *observed_find(struct sim *sim, const char *id);

/* -- check_push.c -- */
bool is_paused(const struct sim *sim, int rule, int repository);
void check_intent(struct sim *sim, struct observed *incident, const struct rv_batch *batch);
void check_budget(struct sim *sim, const struct observed *incident);
void check_push_asked(struct sim *sim, const struct rv_effect *effect);
void check_pushed(struct sim *sim, int repository, const struct rv_git_request *request, const struct change *made);
void check_merged(struct sim *sim, int repository, const struct rv_git_request *request, const struct change *made);
void check_refused(struct sim *sim, const struct change *made);

/* -- notices.c -- */
void notices_committed(struct sim *sim, const struct rv_batch *batch);
void notices_settled(struct sim *sim, const struct rv_batch *batch);
struct notice *notices_begin(struct sim *sim, int receiver, const char *key); /* it is sent */
void notices_arrived(struct sim *sim, struct notice *notice);
void notices_failed(struct sim *sim, const struct notice *notice);
void notices_forgotten(struct sim *sim, int receiver); /* what the queue knew */
void notices_end(struct sim *sim);
