/* plan → git: what the daemon asks of a worker, and what it answers. Newline-delimited JSON over a stream socket;
 * version RV_GITWIRE_VERSION is said in the worker's hello. Requests carry an id and a deadline; a worker that
 * misses the deadline dies, and the request with it. Typed here; encoded and decoded in src/gitwire. */
#pragma once

#include "revertd/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
        RV_GITWIRE_VERSION = 3,
        RV_GITWIRE_LINE_BYTES_MAX = 8 << 20, /* one message */
        RV_OID_HEX_MAX = 64,                 /* SHA-1 has 40 digits */
        RV_OID_SHORT = 10,                   /* as many are shown to people */
        RV_PAUSE_BYTES_MAX = 1000,
        RV_COMMITS_MAX = 10000,   /* in one history */
        RV_COMMIT_PATHS_MAX = 64, /* paths listed for a commit; the count goes on */
        RV_DIFF_BYTES_MAX = 256 << 10,
        RV_REVERT_COMMITS_MAX = 64, /* commits undone by one plan */
        RV_GIT_REVISIONS_MAX = 32,  /* that a request asks about */
};
#define RV_GIT_WAIT_USEC_MAX INT64_C(3600000000) /* an hour */

struct rv_oid {
        char hex[RV_OID_HEX_MAX + 1]; /* "" is none */
};

enum {
        RV_VALUES_MAX = 8, /* in a request */
        RV_VALUE_BYTES_MIN = 3,
        RV_VALUE_BYTES_MAX = 256,
};

/* A label's value that may stand in the lines which a commit changed, as a whole word. */
struct rv_value {
        char *label, *value;
        char *path;   /* of a commit: the first file with an added line that has it; NULL: none has. Else NULL */
        bool removed; /* of a commit: a line that it removed had it */
};

enum { RV_COMMIT_INSIDE_UNKNOWN = 1 << 20 }; /* so many paths in the scope or more: they could not be read */

/* A commit on the branch's first-parent line. Texts are raw bytes made valid UTF-8, not sanitised further. */
struct rv_commit {
        struct rv_oid id;
        unsigned n_parents;
        char *author_name, *author_email;
        char *subject;
        int64_t author_usec, commit_usec;
        bool skip;              /* trailer "Revertd: skip" */
        char *incident;         /* trailer Revertd-Incident: it is ours; NULL: none */
        struct rv_oid *reverts; /* what it says it reverts: Revertd-Reverts, "This reverts commit …" */
        size_t n_reverts;
        char **paths; /* touched in the scope, at most RV_COMMIT_PATHS_MAX */
        size_t n_paths;
        /* How many paths it touched in and out of the scope. Outside: counted up to a cap of the worker's; over it, and
         * where not all can be read, the cap. Inside, what cannot be read counts as more than max_files may be. */
        size_t n_inside, n_outside;
        /* HISTORY: the revert of ours whose work it undoes: a file in the scope is again, byte for byte, what it was
         * before that; none: it is no such commit, or not known to be. */
        struct rv_oid reapplies;
        /* HISTORY: those of the request that stand in lines which it changed in the scope; none where the worker did
         * not look: too many commits, or too much in this one. */
        struct rv_value *values;
        size_t n_values;
};
void rv_commit_done(struct rv_commit *commit);
/* By its JSON. -ENOMEM: *ret is left as it was. */
int rv_commit_copy(struct rv_commit *ret, const struct rv_commit *commit) RV_MUST_CHECK;

enum rv_git_op {
        RV_GIT_SYNC,     /* fetch the branch; say its head, and what is new since `known` */
        RV_GIT_HISTORY,  /* sync, then the commits that touched the scope since since_usec, newest first */
        RV_GIT_PLAN,     /* compute a revert; write nothing outside the mirror */
        RV_GIT_PUSH,     /* sync if needed, compute the same, and push it */
        RV_GIT_CHECK,    /* re-read the remote ref; is `commit` in its history? */
        RV_GIT_SHOW,     /* resolve one revision (full or short id) on the branch to a commit; touched paths in full */
        RV_GIT_PROPOSE,  /* as PUSH, but to a branch of our own; find or open the pull request that merges it */
        RV_GIT_PROPOSAL, /* what has become of the pull request `number` */
        RV_GIT_OP_MAX
};
const char *rv_git_op_to_string(enum rv_git_op op);

/* What PLAN and PUSH compute: a function of these values alone, so that a retry or a second replica makes the same
 * commit id. */
struct rv_revert_spec {
        struct rv_oid base;     /* the head it applies to; none (PLAN only): the mirror's head */
        struct rv_oid *commits; /* to undo, newest first; on the first-parent line, or a commit merged by it */
        size_t n_commits;
        struct rv_oid restore; /* the scope (never empty then) goes back to this commit's tree; commits: all that
                                * touched it since. None: they are reverted */
        char **scope;          /* patterns; n_scope = 0: everything. Outside paths stay as they are */
        size_t n_scope;
        char *message;     /* whole, with trailers */
        int64_t time_usec; /* author and committer time */
};
void rv_revert_spec_done(struct rv_revert_spec *spec);
int rv_revert_spec_copy(struct rv_revert_spec *ret, const struct rv_revert_spec *spec) RV_MUST_CHECK;
json_t *rv_revert_spec_to_json(const struct rv_revert_spec *spec);
int rv_revert_spec_from_json(struct rv_revert_spec *ret, const json_t *json, struct rv_error *err) RV_MUST_CHECK;

struct rv_git_request {
        enum rv_git_op op;
        uint64_t id;          /* set by the client */
        int64_t timeout_usec; /* the worker's deadline, counted from when it reads the request */
        struct rv_oid known;  /* SYNC, HISTORY: the newest head the daemon knows */
        char **scope;         /* HISTORY */
        size_t n_scope;
        int64_t since_usec;         /* HISTORY: the walk ends where many in a row were committed before */
        size_t max_commits;         /* HISTORY: commits looked at, at most RV_COMMITS_MAX */
        size_t max_touching;        /* HISTORY: commits told, the newest that touch the scope; 0: all */
        bool no_paths;              /* HISTORY: the commits' paths are counted, not told */
        struct rv_value *values;    /* HISTORY: looked for in what the newest of the commits that are told changed */
        size_t n_values;            /* at most RV_VALUES_MAX */
        int64_t until_usec;         /* HISTORY: and in none that was committed later */
        struct rv_revert_spec spec; /* PLAN, PUSH, PROPOSE */
        bool want_diff;             /* PLAN */
        struct rv_oid commit;       /* CHECK; PUSH, PROPOSE, PROPOSAL: the commit that the plan computed */
        uint64_t number;            /* PROPOSAL */
        char *revision;             /* SHOW; HISTORY: only what came after it is looked at; NULL: since since_usec */
        struct rv_oid *deployed;    /* CHECK, HISTORY: revisions that an operator says it has applied */
        size_t n_deployed;
};
struct rv_git_request *rv_git_request_free(struct rv_git_request *request);

enum rv_git_outcome {
        /* SYNC, HISTORY, PLAN, CHECK, SHOW, PROPOSAL: done. PUSH: pushed, and the re-read ref holds it. PROPOSE: the
         * request is there. */
        RV_GIT_OK,
        RV_GIT_ALREADY,     /* PUSH, PROPOSE: the commit, or one for its incident, is in the remote branch already */
        RV_GIT_MOVED,       /* PUSH: the branch is not at spec.base any more */
        RV_GIT_CONFLICT,    /* PLAN, PUSH, PROPOSE: later changes to the same lines; paths */
        RV_GIT_EMPTY,       /* PLAN, PUSH, PROPOSE: the branch already is as the revert would make it */
        RV_GIT_REFUSED,     /* PUSH, PROPOSE: the server or the forge said no; message */
        RV_GIT_POLICY,      /* the worker said no on its own authority; message */
        RV_GIT_NOT_FOUND,   /* PLAN, PUSH, PROPOSE, SHOW: no such commit on the branch. PROPOSAL: no such request */
        RV_GIT_UNAVAILABLE, /* the remote or the forge could not be reached, or not understood, in time; message */
        RV_GIT_FAILED,      /* anything else; message */
        RV_GIT_OUTCOME_MAX
};
const char *rv_git_outcome_to_string(enum rv_git_outcome outcome);
int rv_git_outcome_from_string(const char *s, enum rv_git_outcome *ret) RV_MUST_CHECK;

enum rv_proposal_state { RV_PROPOSAL_OPEN, RV_PROPOSAL_MERGED, RV_PROPOSAL_CLOSED, RV_PROPOSAL_STATE_MAX };
const char *rv_proposal_state_to_string(enum rv_proposal_state state);

/* A pull or merge request of ours. */
struct rv_proposal {
        uint64_t number; /* 0: none */
        char *url;       /* its page, http(s)://…; NULL: the forge named none */
        enum rv_proposal_state state;
        struct rv_oid merged; /* MERGED: the commit on the branch that holds it */
};
void rv_proposal_done(struct rv_proposal *proposal);
json_t *rv_proposal_to_json(const struct rv_proposal *proposal);
int rv_proposal_from_json(struct rv_proposal *ret, const json_t *json, struct rv_error *err) RV_MUST_CHECK;

struct rv_git_reply {
        uint64_t id;
        enum rv_git_outcome outcome;
        char *message;      /* for people; NULL: none */
        struct rv_oid head; /* the branch at the remote, as last read */
        /* HISTORY: touching the scope. SHOW: the one. CONFLICT: those that changed the paths since, which each lists.
         * PLAN: later ones that changed lines beside those that it takes back, with the paths. Newest first. */
        struct rv_commit *commits;
        size_t n_commits;
        size_t n_scanned;     /* HISTORY: commits looked at */
        bool truncated;       /* HISTORY: max_commits or max_touching ended it */
        struct rv_oid *fresh; /* SYNC, HISTORY: first-parent commits after `known`, newest first, capped */
        size_t n_fresh;
        struct rv_oid commit;                      /* PLAN, PUSH, PROPOSE: the revert commit. HISTORY: of `revision` */
        size_t n_files, n_insertions, n_deletions; /* PLAN, PUSH, PROPOSE: of the revert */
        char **paths;                              /* PLAN: changed. CONFLICT: in conflict. Capped */
        size_t n_paths;
        char *diff;                  /* PLAN with want_diff; NULL: none */
        bool empties;                /* PLAN: it takes the last file of the scope away */
        struct rv_proposal proposal; /* PROPOSE, PROPOSAL */
        int64_t wait_usec;           /* UNAVAILABLE: the forge asks to be left alone for so long; 0: it does not */
        bool contained;              /* CHECK: in the branch */
        bool deployed;               /* CHECK: in one of the request's `deployed` */
        /* HISTORY: for each of those, how many of `commits` came after it; SIZE_MAX: not known, for it is not among the
         * newest RV_COMMITS_MAX of the branch's first-parent line. */
        size_t *above;
        size_t n_above;
        char *pause; /* SYNC, HISTORY: what .revertd/pause at the head says, capped; NULL: there is none */
        /* Not the answer yet: still at work on a long fetch; message says how far. Both deadlines count anew. */
        bool progress;
};
struct rv_git_reply *rv_git_reply_free(struct rv_git_reply *reply);
/* Appends the first few of its commits, if it has any, to its message: ", by 0123456789 (Ana: Set the image), …".
 * -ENOMEM: it is left as it was. */
int rv_git_reply_name_commits(struct rv_git_reply *reply) RV_MUST_CHECK;

/* One message, without the newline. Caller frees *ret. */
int rv_git_request_encode(const struct rv_git_request *request, char **ret) RV_MUST_CHECK;
int rv_git_request_decode(struct rv_git_request **ret, const char *line, size_t n, struct rv_error *err) RV_MUST_CHECK;
int rv_git_reply_encode(const struct rv_git_reply *reply, char **ret) RV_MUST_CHECK;
int rv_git_reply_decode(struct rv_git_reply **ret, const char *line, size_t n, struct rv_error *err) RV_MUST_CHECK;

/* The worker's first line. */
struct rv_git_hello {
        int version;
        char *worker;     /* revertd-git's version */
        char *libgit2;    /* the library's */
        char *repository; /* name */
        char *error;      /* it cannot serve, and ends; NULL: it can */
};
void rv_git_hello_done(struct rv_git_hello *hello);
int rv_git_hello_encode(const struct rv_git_hello *hello, char **ret) RV_MUST_CHECK;
int rv_git_hello_decode(struct rv_git_hello *ret, const char *line, size_t n, struct rv_error *err) RV_MUST_CHECK;

/* Exit statuses of a worker, beside 0 (its peer went away) and 1 (it could not start). */
enum {
        RV_GITWIRE_EXIT_DEADLINE = 75, /* a request's deadline passed */
        RV_GITWIRE_EXIT_PROTOCOL = 76, /* its peer sent what is no request */
};

/* The commit as the incident and the API keep it. */
json_t *rv_commit_to_json(const struct rv_commit *commit);
int rv_commit_from_json(struct rv_commit *ret, const json_t *json, struct rv_error *err) RV_MUST_CHECK;
