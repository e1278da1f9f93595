/* Change a few paths of a tree: only the folders on those paths are written. */
#pragma once

#include "git/treewalk.h"

/* What a list of ids grows to is bounded by who fills it. */
struct rv_oid_list {
        git_oid *ids;
        size_t n, size;
};
int rv_oid_list_add(struct rv_oid_list *list, const git_oid *id) RV_MUST_CHECK;
void rv_oid_list_done(struct rv_oid_list *list);

struct rv_tree_edit {
        char *path;
        struct rv_tree_entry entry; /* what is to stand there; mode 0: nothing */
};

/* Why a path may not be written into a tree, in a few words; NULL: it may. What checks this out must not be led out of
 * its work tree, nor shown something else than what is there. */
const char *rv_tree_path_refusal(const char *path, uint32_t mode);

/* Called with a path that would be a file and a folder at once. */
typedef int (*rv_tree_edit_clash_fn)(void *userdata, const char *path);

/* Apply edits (sorted here; no path twice) to the tree `root`. New tree objects go to the odb and to written. Where
 * paths clash, the tree that comes out is of no use. *ret: the new root. -EPERM: rv_tree_path_refusal(); -EBADMSG,
 * -EILSEQ, -E2BIG as in treewalk.h. */
int rv_tree_edit_apply(git_odb *odb, const git_oid *root, struct rv_tree_edit *edits, size_t n_edits,
                       rv_tree_edit_clash_fn clash, void *userdata, struct rv_oid_list *written, git_oid *ret,
                       struct rv_error *err) RV_MUST_CHECK;
