/* Who changed the paths in conflict since: what a person needs to settle it. */
#pragma once

#include "git/libgit2.h"

enum {
        RV_CONFLICT_PATHS_MAX = 8,    /* of those in conflict */
        RV_CONFLICT_COMMITS_MAX = 16, /* named */
};

/* For a reply with the outcome CONFLICT: into its commits (newest first, each with the paths in conflict that it
 * changed), and the first few into its message. spec->base and down its first parents, to the oldest commit to undo;
 * those to undo themselves are left out. Past deadline_usec (monotonic) what was found so far is told. */
int rv_conflict_explain(git_repository *repository, const struct rv_revert_spec *spec, const char *const *paths,
                        size_t n_paths, int64_t deadline_usec, struct rv_git_reply *reply,
                        struct rv_error *err) RV_MUST_CHECK;
