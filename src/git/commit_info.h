/* What a commit says of itself. */
#pragma once

#include "git/libgit2.h"

/* All of *ret but the paths and their counts. A commit over RV_COMMIT_BYTES_MAX is -E2BIG. */
int rv_commit_info_read(git_repository *repo, const git_oid *id, struct rv_commit *ret,
                        struct rv_error *err) RV_MUST_CHECK;

/* The value of the last trailer with this key (case does not matter), by git's rules for trailers. NULL: none, or out
 * of memory. Caller frees. */
char *rv_commit_info_trailer(const char *message, const char *key);
