/* What the worker of the lab tells of a commit. false: out of memory. */
#pragma once

#include "lab/lab.h"

struct lab_touched {
        char *const *scope;
        size_t n_scope;
        char **paths; /* inside, at most RV_COMMIT_PATHS_MAX; NULL: count only */
        size_t n_paths, n_inside, n_outside;
        bool failed;
};
/* Counts and takes the paths that the change touches; a revert's are those of what it undoes. */
void lab_touch(const struct lab_branch *branch, const struct lab_change *change, struct lab_touched *touched);
bool lab_is_inside(char *const *scope, size_t n_scope, const char *path);
bool lab_has_path(const struct lab_commit *commit, const char *path);

/* Takes the paths. */
bool lab_tell_commit(const struct lab_branch *branch, const struct lab_change *change,
                     const struct lab_touched *touched, struct rv_commit *ret);
/* Those of the wanted values that stand in its lines. */
bool lab_tell_values(const struct lab_commit *commit, const struct rv_git_request *request, struct rv_commit *ret);
/* Whether the change brings back, at a path of the scope, the content that a revert of ours took away. */
void lab_tell_reapplied(const struct lab_branch *branch, size_t change, struct rv_commit *ret);
