/* The commits of one branch over the range of a backtest, and the reverts that would have been pushed to it. */
#pragma once

#include "lab/lab.h"

struct made { /* a revert that would have been */
        struct rv_oid id;
        int64_t at_usec;
        struct rv_revert_spec spec;
};

struct scoped { /* the commits that touch a scope */
        char *key;
        struct rv_git_reply *reply;
        int64_t *arrived_usec;
        size_t *place; /* among all */
};

struct line {
        struct rv_git_reply *all; /* newest first; NULL: no rule looks at it */
        int64_t *arrived_usec;
        struct made *made; /* oldest first */
        size_t n_made;
        struct scoped *scoped;
        size_t n_scoped;
};

int line_read(struct line *line, const struct rv_backtest *backtest, size_t repository,
              struct rv_error *err) RV_MUST_CHECK;
/* Those of the request's scope, read once; lent. */
int line_find_scoped(struct line *line, const struct rv_backtest *backtest, size_t repository,
                     const struct rv_git_request *request, const struct scoped **ret,
                     struct rv_error *err) RV_MUST_CHECK;
int line_push(struct line *line, const struct rv_git_request *request, int64_t now_usec,
              struct rv_error *err) RV_MUST_CHECK;
void line_done(struct line *line);
