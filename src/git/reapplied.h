/* Which commits bring back what a revert of revertd's took away. */
#pragma once

#include "git/record.h"

enum {
        RV_REAPPLIED_REVERTS_MAX = 8,  /* of ours, the newest that are among what is told */
        RV_REAPPLIED_COMMITS_MAX = 64, /* the newest that are told */
};

/* Sets `reapplies` of the reply's commits (newest first): a file in the scope is, after the commit and not before it, what
 * it was before the revert, byte for byte. What cannot be read is as if it were not so. Only -ENOMEM fails. */
int rv_reapplied_mark(struct rv_records *records, git_repository *repo, git_odb *odb, char *const *scope,
                      size_t n_scope, struct rv_git_reply *reply) RV_MUST_CHECK;
