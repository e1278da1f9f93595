/* What a revert changes, for people: paths, lines counted, the diff. */
#pragma once

#include "git/revert.h"
#include "git/treeedit.h"

/* Fill result's n_files, n_insertions, n_deletions, paths, n_paths and diff from the two trees, and objects with those
 * of `written` that the new tree holds (each once). Errors as in treewalk.h. */
int rv_revert_report(git_odb *odb, const git_oid *old_tree, const git_oid *new_tree, const struct rv_oid_list *written,
                     bool want_diff, int64_t deadline_usec, struct rv_revert_result *result,
                     struct rv_error *err) RV_MUST_CHECK;
