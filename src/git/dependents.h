/* Later commits that changed lines beside those that a revert takes back, where the two can still be put together. */
#pragma once

#include "git/libgit2.h"

enum {
        RV_DEPENDENTS_PATHS_MAX = 16,      /* files looked at: of those that changed since, the first */
        RV_DEPENDENTS_COMMITS_MAX = 16,    /* told */
        RV_DEPENDENTS_CONTEXT = 3,         /* lines: what a patch shows around what it changes */
        RV_DEPENDENTS_BYTES_MAX = 1 << 20, /* of a file; a larger one, or a binary one, is not looked into */
};

/* A commit depends on those that are to be taken back if it came later and changed a line that stands in their patch: one of
 * the three before or after what they changed, in a file of the scope. What was changed and then was byte for byte as
 * before does not count.
 *
 * Into the reply's commits, newest first, each with the paths where that is so. spec->base must be set; a restore has no
 * dependents. Past deadline_usec (monotonic) what was found so far is told. */
int rv_dependents_find(git_repository *repository, const struct rv_revert_spec *spec, int64_t deadline_usec,
                       struct rv_git_reply *reply, struct rv_error *err) RV_MUST_CHECK;
