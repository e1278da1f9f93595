/* What the worker refuses on its own authority, whatever the daemon asks. */
#pragma once

#include "git/libgit2.h"
#include "revertd/config.h"

/* Each: 0 fine; 1 refused, err says why; negative: failed. */

/* Before anything is computed. */
int rv_policy_check_spec(const struct rv_revert_spec *spec, int64_t now_usec, struct rv_error *err) RV_MUST_CHECK;

/* Of the branch at head: it holds no pause file. */
int rv_policy_check_pause(git_repository *repo, const git_oid *head, struct rv_error *err) RV_MUST_CHECK;

/* Of the computed commit, read from its trees and not from what computed it: one parent, which is spec->base;
 * nothing changed outside the scope and the allowed paths; no name that leads out of a work
 * tree. And the branch at base holds no pause file. */
int rv_policy_check_commit(const struct rv_repository_config *config, git_repository *repo,
                           const struct rv_revert_spec *spec, const git_oid *commit,
                           struct rv_error *err) RV_MUST_CHECK;
