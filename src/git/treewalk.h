/* Walk two trees side by side and see only where they differ: equal subtrees are skipped by their ids, so the cost is
 * that of the difference. A third tree can be read along, to know what a branch has at the same places.
 *
 * Trees are parsed here, strictly, and never held whole: what stands in a repository is untrusted. */
#pragma once

#include "git/libgit2.h"

#include <stdbool.h>
#include <stdint.h>

enum {
        RV_TREEWALK_TREE_BYTES_MAX = 64 << 20, /* one tree object */
        RV_TREEWALK_NAME_BYTES_MAX = 4096,
        RV_TREEWALK_PATH_BYTES_MAX = 65536,
};

/* Modes are as git writes them today: older regular modes (100664) read as 100644 or 100755. */
struct rv_tree_entry {
        uint32_t mode; /* 0: there is no such entry */
        git_oid id;
};
static inline bool rv_tree_entry_equal(const struct rv_tree_entry *a, const struct rv_tree_entry *b) {
        return a->mode == b->mode && (a->mode == 0 || git_oid_equal(&a->id, &b->id));
}

/* What a walk may cost; several walks can share one. */
struct rv_tree_budget {
        size_t entries;        /* tree entries still to be looked at */
        unsigned depth;        /* folders within folders */
        int64_t deadline_usec; /* monotonic */
};

/* An object of the type and at most of the size. -EBADMSG: missing or damaged; -EILSEQ: of another type;
 * -E2BIG: larger. Free *ret with git_odb_object_free(). */
int rv_tree_read_object(git_odb *odb, const git_oid *id, git_object_t type, size_t bytes_max, git_odb_object **ret,
                        struct rv_error *err) RV_MUST_CHECK;

/* The entries of one tree object, in order. */
struct rv_tree_cursor {
        git_odb_object *object; /* NULL: an empty tree */
        const char *position, *end;
        const char *name; /* of the current entry; NULL: at the end. Points into the object */
        size_t n_name;
        struct rv_tree_entry entry;
        const char *raw; /* the current entry as it stands in the object, up to position */
};
/* id NULL: an empty tree. The cursor stands at the first entry. -EILSEQ: malformed. */
int rv_tree_cursor_init(struct rv_tree_cursor *cursor, git_odb *odb, const git_oid *id,
                        struct rv_error *err) RV_MUST_CHECK;
int rv_tree_cursor_next(struct rv_tree_cursor *cursor, struct rv_error *err) RV_MUST_CHECK;
void rv_tree_cursor_done(struct rv_tree_cursor *cursor);

static inline bool rv_tree_mode_is_folder(uint32_t mode) {
        return mode == GIT_FILEMODE_TREE;
}
/* Git's order: a folder sorts as if its name ended in a slash. */
int rv_tree_compare(const char *a, size_t n_a, bool a_is_folder, const char *b, size_t n_b, bool b_is_folder);

/* One entry that is not a folder and differs between `from` and `to`; along: what the third tree has under this path
 * (mode 0: nothing, or a folder). A positive return ends the walk, a negative one fails it; both are passed on. */
typedef int (*rv_tree_walk_fn)(void *userdata, const char *path, const struct rv_tree_entry *from,
                               const struct rv_tree_entry *to, const struct rv_tree_entry *along);

/* Each of from, to, along may be NULL: an empty tree. scope: patterns of pathspec.h; n_scope 0: everything. Paths come
 * in git's order. -EBADMSG, -EILSEQ as above; -E2BIG: over the budget; -ETIMEDOUT. */
int rv_tree_walk(git_odb *odb, const git_oid *from, const git_oid *to, const git_oid *along, const char *const *scope,
                 size_t n_scope, struct rv_tree_budget *budget, rv_tree_walk_fn fn, void *userdata,
                 struct rv_error *err) RV_MUST_CHECK;

/* Like rv_tree_walk(), and folder() is called with every folder that stands in one of the two trees only, or differs;
 * the same conventions. Either may be NULL. */
struct rv_tree_visitor {
        rv_tree_walk_fn file, folder;
        void *userdata;
};
int rv_tree_walk_visit(git_odb *odb, const git_oid *from, const git_oid *to, const git_oid *along,
                       const char *const *scope, size_t n_scope, struct rv_tree_budget *budget,
                       const struct rv_tree_visitor *visitor, struct rv_error *err) RV_MUST_CHECK;

/* What stands at a path; mode 0: nothing. */
int rv_tree_find(git_odb *odb, const git_oid *tree, const char *path, struct rv_tree_entry *ret,
                 struct rv_error *err) RV_MUST_CHECK;
