/* Two trees against each other, descending only where they differ: the cost is that of the change. */
#pragma once

#include "git/libgit2.h"

enum {
        RV_TREE_DEPTH_MAX = 128,
        RV_TREE_PATH_BYTES_MAX = 4096,
        RV_TREE_VISITS_MAX = 1 << 20, /* entries looked at in one walk that differ or stand beside such */
};

struct rv_tree_change {
        const char *path;               /* raw bytes of the trees, joined by slashes; lent */
        uint32_t old_mode, new_mode;    /* 0: not there */
        const git_oid *old_id, *new_id; /* NULL: not there */
};

/* Not 0: ends the walk, which returns it (use a positive one for an end that is no error). */
typedef int (*rv_tree_change_callback)(const struct rv_tree_change *change, void *userdata);

/* Every changed file (blob, link or submodule; folders are descended into, a rename is one gone and one new), in the
 * trees' order. old_tree or new_tree NULL: the empty tree. Where may_descend is set it is asked before each folder.
 * -E2BIG: over one of the caps above, err says which. */
int rv_tree_diff(git_repository *repo, const git_oid *old_tree, const git_oid *new_tree,
                 bool (*may_descend)(const char *dir, void *userdata), rv_tree_change_callback callback, void *userdata,
                 struct rv_error *err) RV_MUST_CHECK;
