/* What a commit says of itself. */
#pragma once

#include "git/libgit2.h"

enum { RV_COMMIT_MESSAGE_BYTES_MAX = 1 << 20 };

/* All of *ret but the paths and their counts. A commit over RV_COMMIT_BYTES_MAX is -E2BIG. A message over
 * RV_COMMIT_MESSAGE_BYTES_MAX is not searched for what it says: as it may ask to be left alone, skip is set. */
int rv_commit_info_read(git_repository *repo, const git_oid *id, struct rv_commit *ret,
                        struct rv_error *err) RV_MUST_CHECK;

/* The value of the last trailer with this key (case does not matter), by git's rules for trailers. NULL: none, or out
 * of memory. Caller frees. */
char *rv_commit_info_trailer(const char *message, const char *key);
