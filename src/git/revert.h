/* Compute a revert without a checkout and without an index: walk each culprit's tree against its parent's, skipping
 * equal subtrees; take the parent's entry where the branch still has the culprit's, else merge the file three ways;
 * write only the trees on the changed paths. The cost is that of the change, not of the repository.
 *
 * A restore is the same with another change: that from the branch's tree to the one it goes back to, in the scope.
 *
 * Where the outcome is OK, the tree is the one that `git revert` makes. Where `git revert` stops at a conflict, so does
 * this; it also declines a few cases that git would settle (see revert.c). */
#pragma once

#include "git/libgit2.h"

#include <stdbool.h>
#include <stdint.h>

enum {
        RV_REVERT_PATHS_MAX = 10000,             /* paths changed by the commits, inside the scope */
        RV_REVERT_DEPTH_MAX = 512,               /* folders within folders */
        RV_REVERT_ENTRIES_MAX = 4 << 20,         /* tree entries looked at */
        RV_REVERT_BLOB_BYTES_MAX = 32 << 20,     /* a file that is merged; larger ones conflict */
        RV_REVERT_DIFF_BLOB_BYTES_MAX = 1 << 20, /* a file whose lines are counted and shown */
        RV_REVERT_CONFLICTS_MAX = 64,            /* paths listed; n_conflicts goes on */
};

struct rv_revert_result {
        enum rv_git_outcome outcome; /* OK, EMPTY, CONFLICT, NOT_FOUND, POLICY or FAILED */
        char *message;               /* NOT_FOUND, POLICY, FAILED, CONFLICT: for people; else NULL */

        /* OK: the commit, its tree, and every object that it made (blobs, trees, the commit last), which are in the
         * repository's object database. Objects that the parent has already are not listed. */
        git_oid commit, tree;
        git_oid *objects;
        size_t n_objects;

        size_t n_files, n_insertions, n_deletions; /* OK. Binary and over-large files count as files only */
        char **paths; /* OK: every changed path, sorted. CONFLICT: the first RV_REVERT_CONFLICTS_MAX in conflict. Raw
                       * bytes as the tree has them */
        size_t n_paths;
        size_t n_conflicts;
        char *diff; /* OK with want_diff: unified, at most RV_DIFF_BYTES_MAX, cut at a line's end; else NULL */
};
void rv_revert_result_done(struct rv_revert_result *result);

/* spec->base must be set. The new commit has one parent, spec->base; author and committer are `name <email>` at
 * spec->time_usec (whole seconds, +0000); the message is spec->message as it is: equal input makes an equal id.
 * A merge is undone against its first parent. Whether a commit may be reverted at all (is it on the branch?) is asked
 * by the caller. A commit that is not in the repository: NOT_FOUND. Content that must not be written or would cost too
 * much: POLICY, with the reason.
 *
 * Returns 0 with *ret set (call rv_revert_result_done()); -EBADMSG: the repository lacks an object or holds a damaged
 * one; -ETIMEDOUT: deadline_usec (monotonic) passed; -ENOMEM; -EIO: an object could not be written. */
int rv_revert_compute(git_repository *repository, const struct rv_revert_spec *spec, const char *name,
                      const char *email, bool want_diff, int64_t deadline_usec, struct rv_revert_result *ret,
                      struct rv_error *err) RV_MUST_CHECK;
