/* Which of a request's values stand in the lines that a commit changed. */
#pragma once

#include "git/libgit2.h"

/* What one request may have looked at. A commit of which not all can be is as one that was not looked at. */
struct rv_values_budget {
        unsigned commits;
        size_t bytes;
};
enum {
        RV_VALUES_COMMITS_MAX = 64,
        RV_VALUES_BYTES_MAX = 8 << 20,        /* of files, before and after */
        RV_VALUES_COMMIT_BYTES_MAX = 1 << 20, /* the same of one commit */
};

/* from NULL: an empty tree. Fills commit->values with what was found in the request's scope; nothing where not all
 * could be read. Only -ENOMEM fails. */
int rv_changed_values(git_odb *odb, const git_oid *from, const git_oid *to, const struct rv_git_request *request,
                      struct rv_values_budget *budget, struct rv_commit *commit) RV_MUST_CHECK;
