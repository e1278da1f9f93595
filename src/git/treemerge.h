/* Three-way merge of trees, where one side is a small change: take the change from `base` to `theirs` over to `ours`.
 * Undoing a commit is that with base = the commit's tree and theirs = its parent's.
 *
 * The result equals that of git's merge (ort, with its defaults). Where renames are involved this follows a file that
 * was clearly renamed on one side, and declines what is ambiguous: such a path is in conflict here, though git may
 * settle it. */
#pragma once

#include "git/treeedit.h"

enum {
        RV_TREEMERGE_PATHS_MAX = 10000,         /* changed between base and theirs, in the scope */
        RV_TREEMERGE_BLOB_BYTES_MAX = 32 << 20, /* a file that is merged; larger ones are in conflict */
        RV_TREEMERGE_CONFLICTS_MAX = 64,        /* listed; n_conflicts goes on */
};

struct rv_tree_merge {
        git_repository *repository;
        git_odb *odb;
        const git_oid *attributes; /* the commit whose .gitattributes count */
        const char *const *scope;
        size_t n_scope;
        struct rv_tree_budget budget;

        struct rv_oid_list written; /* out: new blobs and trees */
        char *conflicts[RV_TREEMERGE_CONFLICTS_MAX];
        size_t n_conflicts;
};
void rv_tree_merge_done(struct rv_tree_merge *merge);

/* base, theirs NULL: an empty tree. With merge->n_conflicts > 0 afterwards, *ret means nothing. Errors are those of
 * treeedit.h. Can be called for one change after another. */
int rv_tree_merge_apply(struct rv_tree_merge *merge, const git_oid *base, const git_oid *theirs, const git_oid *ours,
                        git_oid *ret, struct rv_error *err) RV_MUST_CHECK;
