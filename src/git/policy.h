/* What the worker refuses on its own authority, whatever the daemon asks. */
#pragma once

#include "git/libgit2.h"
#include "revertd/config.h"

/* Before anything is computed. 0: fine; 1: refused, err says why; negative: failed. */
int rv_policy_check_spec(const struct rv_repository_config *config, const struct rv_revert_spec *spec, int64_t now_usec,
                         struct rv_error *err) RV_MUST_CHECK;

/* Of the computed commit, from its trees and not from what computed it: one parent, which is the base; nothing changed
 * outside the scope and the allowed paths; no name that leaves a work tree; no pause file on the branch. Same
 * results. */
int rv_policy_check_commit(const struct rv_repository_config *config, git_repository *repo,
                           const struct rv_revert_spec *spec, const git_oid *base, const git_oid *commit,
                           struct rv_error *err) RV_MUST_CHECK;

/* The worker's own budget, in a ledger beside the mirror. Same results. */
int rv_policy_check_budget(const struct rv_repository_config *config, const char *storage_path, int64_t now_usec,
                           struct rv_error *err) RV_MUST_CHECK;
int rv_policy_note_push(const struct rv_repository_config *config, const char *storage_path, const git_oid *commit,
                        int64_t now_usec, struct rv_error *err) RV_MUST_CHECK;
