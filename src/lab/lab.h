/* The inside of the lab: a script (what the file says happens), a world (in which it happens), and expectations. */
#pragma once

#include "revertd/clock.h"
#include "revertd/config.h"
#include "revertd/engine.h"
#include "revertd/json.h"
#include "revertd/lab.h"

#include <libconfig.h>

enum {
        LAB_POINTS_MAX = 20000, /* values of one series */
        LAB_ITEMS_MAX = 2000,   /* commits, events and so on of one test */
        LAB_PUSHES_MAX = 100,
};
#define LAB_DURATION_USEC RV_USEC_PER_HOUR
#define LAB_DURATION_USEC_MAX (60 * RV_USEC_PER_DAY)
#define LAB_START_USEC (INT64_C(1772359200) * RV_USEC_PER_SEC) /* 2026-03-01T10:00:00Z */

/* -- notation.c: values over time, as promtool writes them -- */

enum lab_point_kind { LAB_VALUE, LAB_ABSENT, LAB_FAILS, LAB_WARNS };
struct lab_point {
        enum lab_point_kind kind;
        double value;
};
struct lab_points {
        struct lab_point *point;
        size_t n;
};
int lab_points_parse(const char *text, struct lab_points *ret, struct rv_error *err) RV_MUST_CHECK;
void lab_points_done(struct lab_points *points);
/* After the last one it stays as it was. */
struct lab_point lab_points_at(const struct lab_points *points, int64_t i);

/* -- script.c, expectation.c -- */

enum lab_query { LAB_EXPR, LAB_REQUIRE, LAB_CONFIRM };
struct lab_series {
        size_t rule;
        enum lab_query query;
        struct rv_labels *labels;
        struct lab_points values, then; /* then: from the first push on; n = 0: the values go on */
};

/* Strings are lent by the tree. */
struct lab_commit {
        const char *name;
        size_t repository;
        int64_t at_usec, made_usec; /* at the branch; as it says of itself */
        struct rv_oid id;
        const char *subject, *author, *email, *content;                          /* content NULL: like no other's */
        const config_setting_t *paths, *lines, *near, *adds, *removes, *reverts; /* NULL: none */
        bool skip;
        bool is_merge;
        bool creates; /* without it nothing is left of what it touches */
};

enum lab_event_kind {
        LAB_ALERT,
        LAB_PAUSE,
        LAB_RESUME,
        LAB_APPROVE,
        LAB_REJECT,
        LAB_MERGE,
        LAB_CLOSE,
        LAB_REVERT,
        LAB_RESTORE,
        LAB_RESTART,
        LAB_GIT,
        LAB_LOSE_REVERT,
        LAB_EVENT_MAX
};
struct lab_event {
        enum lab_event_kind kind;
        unsigned line;
        int64_t at_usec, starts_usec, duration_usec;
        bool resolved, force, dry_run;
        struct rv_labels *labels;
        const char *scope, *commit;
        int rule; /* −1: none */
        enum rv_git_outcome outcome;
};

struct lab_expectation {
        unsigned line;
        int64_t at_usec;
        int rule; /* −1: any */
        struct rv_labels *labels;
        const char *state, *reason, *culprit, *detail, *restored;
        int64_t incidents, files; /* −1: not said */
        const config_setting_t *pushed, *evidence, *suspects;
        bool has_confidence;
        enum rv_breach_op confidence_op;
        double confidence;
};

/* Who answers in place of the script: a backtest. */
struct lab_sources {
        /* 1: the query fails. */
        int (*query)(void *userdata, size_t rule, enum lab_query query, int64_t now_usec, struct rv_samples *ret,
                     struct rv_error *err);
        /* `confirm` for an incident of that label set. */
        int (*confirm)(void *userdata, size_t rule, const struct rv_labels *labels, const char *expr, int64_t now_usec,
                       struct rv_samples *ret, struct rv_error *err);
        /* What is delivered of a rule's alerts at its next time; the labels are lent. */
        int (*alerts)(void *userdata, size_t rule, int64_t now_usec, struct rv_alerts *ret, struct rv_error *err);
        int (*git)(void *userdata, size_t repository, const struct rv_git_request *request, int64_t now_usec,
                   struct rv_git_reply **ret, struct rv_error *err);
        int (*stored)(void *userdata, const json_t *incident, struct rv_error *err); /* each time that it is */
        const bool *rules;                                                           /* which are evaluated */
        void *userdata;
};

struct lab_script {
        const struct lab_sources *sources; /* NULL: the script itself */
        const char *file, *name, *thread;
        unsigned line;
        struct rv_config *config; /* lent */
        int64_t start_usec, end_usec;
        struct lab_series *series;
        size_t n_series;
        struct lab_commit *commit; /* by the time at which they arrive */
        size_t n_commits;
        struct lab_event *event; /* by time */
        size_t n_events;
        struct lab_expectation *expectation; /* by time */
        size_t n_expectations;
};
/* -EINVAL: err says where and what. */
int lab_script_read(struct lab_script *ret, struct rv_config *config, const char *file, const config_setting_t *test,
                    struct rv_error *err) RV_MUST_CHECK;
void lab_script_done(struct lab_script *script);
/* One group of `expect`, as an element of that list. */
int lab_expectation_read(struct lab_script *script, const config_setting_t *group, void *element,
                         struct rv_error *err) RV_MUST_CHECK;

/* -- branch.c, git.c: the branches, and the worker -- */

struct lab_change {
        struct rv_oid id;
        const struct lab_commit *commit; /* NULL: a revert of ours */
        struct rv_revert_spec spec;      /* ours */
        char incident[RV_INCIDENT_ID_MAX];
        int64_t made_usec;
        bool in_force;
};
struct lab_proposal {
        struct rv_oid commit; /* that the plan made */
        struct rv_revert_spec spec;
        enum rv_proposal_state state;
        struct rv_oid merged;
};
struct lab_branch {
        struct lab_change *change; /* oldest first */
        size_t n;
        struct lab_proposal *proposal; /* the pull requests, number 1 first */
        size_t n_proposals;
        struct rv_oid known; /* as the daemon's poll last saw it */
        size_t n_pushes;
        int64_t pushed_usec;         /* the first push; 0: none */
        enum rv_git_outcome outcome; /* of what is asked of the worker; OK: as it is */
};
int lab_length(const config_setting_t *list); /* NULL: 0 */
const char *lab_item(const config_setting_t *list, int i);
ssize_t lab_branch_find(const struct lab_branch *branch, const char *hex); /* the beginning of an id; −1 */
ssize_t lab_branch_find_name(const struct lab_branch *branch, const char *name);
struct rv_oid lab_branch_head(const struct lab_branch *branch); /* none: it is empty */
int lab_branch_append(struct lab_branch *branch, const struct lab_change *change);
struct rv_git_reply *lab_branch_answer(struct lab_branch *branch, const struct rv_git_request *request,
                                       int64_t now_usec);
/* Our revert, at the head. */
int lab_branch_push(struct lab_branch *branch, const struct rv_revert_spec *spec, const struct rv_oid *id,
                    int64_t now_usec);
void lab_branch_lose_pushes(struct lab_branch *branch);
void lab_branch_done(struct lab_branch *branch);

/* -- proposal.c: the pull requests of a branch -- */

/* false: out of memory. */
bool lab_proposal_open(struct lab_branch *branch, const struct rv_git_request *request, struct rv_git_reply *reply);
bool lab_proposal_tell(struct lab_branch *branch, uint64_t number, struct rv_git_reply *reply);
struct lab_proposal *lab_proposal_find(struct lab_branch *branch, uint64_t number); /* NULL: there is none */
int lab_proposal_merge(struct lab_branch *branch, struct lab_proposal *proposal, int64_t now_usec);
void lab_proposals_done(struct lab_branch *branch);

/* -- world.c, happen.c -- */

struct lab_seen { /* an incident as stored */
        char id[RV_INCIDENT_ID_MAX];
        json_t *record;
        json_t *transitions; /* [rv_transition_to_json()…] */
};
struct lab_world {
        const struct lab_script *script;
        int64_t now_usec;
        struct rv_engine *engine;
        struct rv_store *store;
        struct lab_branch *branch; /* by repository */
        int64_t *due_usec;         /* of each rule's evaluation */
        int64_t *poll_usec;        /* of each branch */
        struct lab_seen *seen;     /* in the order in which they were opened */
        size_t n_seen;
        json_t *story;
        unsigned n_turns;
        char incident[RV_INCIDENT_ID_MAX]; /* that the newest event was about */
        struct rv_error *err;
};
/* Runs the script; check is called at each expectation. incidents gets {"incident", "transitions"} of each; NULL: not
 * wanted. */
int lab_world_run(const struct lab_script *script, json_t *story, json_t *incidents,
                  int (*check)(struct lab_world *world, const struct lab_expectation *e, void *userdata),
                  void *userdata, struct rv_error *err) RV_MUST_CHECK;
/* One event, and all that comes of it. */
int lab_world_handle(struct lab_world *world, const struct rv_event *event) RV_MUST_CHECK;
int lab_world_start(struct lab_world *world);                                /* from its store */
int lab_world_happen(struct lab_world *world, const struct lab_event *e);    /* what the script says */
int lab_tell(struct lab_world *world, const char *fmt, ...) RV_PRINTF(2, 3); /* a line of the story */
bool lab_is_part(const struct rv_labels *part, const struct rv_labels *whole);
/* "1h5m" since the start of the test; "-5m" before it. */
char *lab_when(const struct lab_world *world, int64_t at_usec, char buf[static RV_DURATION_TEXT_MAX + 1]);

/* -- shell.c -- */

int lab_shell_evaluate(struct lab_world *world, size_t rule); /* or what is delivered of its alerts */
int lab_shell_poll(struct lab_world *world, size_t repository);
int lab_shell_answer(struct lab_world *world, struct rv_effect *effect);
/* How far in the past a backtest looks; a script's values are of their moment. */
int64_t lab_shell_delay(const struct lab_world *world, size_t rule);

/* -- expect.c: 0, or -ENOMEM; what was not met is appended -- */
int lab_expect(struct lab_world *world, const struct lab_expectation *e, json_t *failures) RV_MUST_CHECK;
