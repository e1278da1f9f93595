/* The worker's own count of its pushes, in a file beside the mirror: the budget holds whatever the daemon asks, and
 * over restarts. */
#pragma once

#include "git/libgit2.h"

struct rv_ledger {
        const char *path; /* lent */
        int budget;       /* pushes in 24 h */
};

/* Count this commit, once however often it is tried, before it is pushed. 0: counted; 1: the budget is used up, err
 * says so; negative: failed. */
int rv_ledger_enter(const struct rv_ledger *ledger, const git_oid *commit, int64_t now_usec,
                    struct rv_error *err) RV_MUST_CHECK;

/* The push is known not to have happened. */
int rv_ledger_leave(const struct rv_ledger *ledger, const git_oid *commit, int64_t now_usec,
                    struct rv_error *err) RV_MUST_CHECK;
