/* A revert or restore without a daemon, as it takes shape. */
#pragma once

#include "ctl/worker.h"

#include "revertd/plan.h"
#include "revertd/suspect.h"

#include <stdlib.h>

struct local {
        const struct args *args;
        struct rv_config *config;
        const struct rv_rule_config *rule; /* NULL: none */
        const struct rv_repository_config *repository;
        struct rv_labels *labels;
        const json_t *revisions;
        char **scope;
        size_t n_scope;
        char *actor;
        struct worker *worker;

        struct rv_suspect *culprits; /* newest first */
        size_t n_culprits;
        struct rv_oid head;
        char *to;              /* a revision that the scope goes back to; NULL: they are reverted */
        double confidence;     /* that the cause is among them, where a rule has all go back; 0: each one's own */
        struct rv_oid restore; /* what the scope goes back to; none: they are reverted */
        struct rv_plan *plan;
        struct rv_git_reply *computed; /* what the worker made of the plan */
};

/* -- local_commits.c -- */

/* The culprits, by what the person named or by the rule; and what the scope goes back to. */
int local_find(struct local *l, struct rv_error *err) RV_MUST_CHECK;
/* Those guards that can be asked without a daemon. */
int local_check_guards(const struct local *l, struct rv_error *err) RV_MUST_CHECK;

static inline struct rv_git_request *local_request(enum rv_git_op op) {
        struct rv_git_request *request = calloc(1, sizeof(*request));

        if (request)
                request->op = op;
        return request;
}
