/* The file on the tracked branch by which its people stop revertd. */
#pragma once

#include "git/libgit2.h"

/* *ret is what the file at head says, capped; NULL: there is none. What cannot be read counts as a pause. Caller frees. */
int rv_pause_file_read(git_repository *repo, const git_oid *head, char **ret, struct rv_error *err) RV_MUST_CHECK;
