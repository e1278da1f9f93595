/* The plan: what will be done in Git, complete before anything is done. Pure. */
#pragma once

#include "revertd/gitwire.h"
#include "revertd/suspect.h"

struct rv_plan {
        struct rv_revert_spec spec;
        struct rv_oid commit; /* the revert commit that the worker computed from spec; none: not computed yet */
        size_t n_files, n_insertions, n_deletions;
        char **paths; /* changed; capped */
        size_t n_paths;
        char *diff;                   /* capped; NULL: not asked for */
        bool empties;                 /* nothing would be left in the scope */
        struct rv_commit *dependents; /* later commits that changed lines beside, newest first */
        size_t n_dependents;
};
struct rv_plan *rv_plan_free(struct rv_plan *plan);
json_t *rv_plan_to_json(const struct rv_plan *plan);
int rv_plan_from_json(struct rv_plan **ret, const json_t *json, struct rv_error *err) RV_MUST_CHECK;

/* What the message tells. Strings may be hostile; they are made safe: no text can add a trailer. */
struct rv_plan_facts {
        const char *incident; /* NULL: by hand, without a daemon */
        const char *rule;     /* NULL: by hand */
        const struct rv_labels *labels;
        const char *summary;                    /* NULL: none */
        bool by_hand;                           /* a person's wish: no rule need have been in breach */
        const char *actor, *note;               /* NULL: none */
        const struct rv_commit *const *commits; /* newest first */
        size_t n_commits;
        bool arrived_together; /* the commits: that is why there are several */
        struct rv_oid restore; /* the scope goes back to it, past the commits; none: they are reverted */
        const char *conflict;  /* why it is not a revert; NULL: it need not be told */
        const char *const *scope;
        size_t n_scope;
        struct rv_oid base;
        int64_t time_usec;
};

/* Subject `Revert "<subject>"`, the reason in words, "This reverts commit <id>." for each, and the trailers
 * Revertd-Incident, Revertd-Rule, Revertd-Reverts. A restore: subject `Restore <scope> to <short id>`, and the trailer
 * Revertd-Restores. */
int rv_plan_new(struct rv_plan **ret, const struct rv_plan_facts *facts) RV_MUST_CHECK;
