/* Renames, found as git finds them in a merge: a path that is gone and a path that is new are one file if they are
 * equal, or have at least half of the larger one in common. */
#pragma once

#include "git/treewalk.h"

enum {
        RV_RENAME_BLOB_BYTES_MAX = 8 << 20, /* larger files are not looked into: they could be similar */
        RV_RENAME_COMPARISONS_MAX = 2000,   /* of contents, for one merge */
        RV_RENAME_FILES_MAX = 20000,        /* gone or new, on one side */
};

struct rv_tree_file {
        char *path;
        struct rv_tree_entry entry;
};
struct rv_tree_files {
        struct rv_tree_file *files;
        size_t n, size;
};
int rv_tree_files_add(struct rv_tree_files *files, const char *path, const struct rv_tree_entry *entry) RV_MUST_CHECK;
void rv_tree_files_done(struct rv_tree_files *files);

enum rv_rename_kind {
        RV_RENAME_NONE,      /* nothing new is like it */
        RV_RENAME_CLEAR,     /* exactly one new file is, and that one is like no other file that is gone */
        RV_RENAME_AMBIGUOUS, /* several could be, or it is too close to call, or too costly */
};

struct rv_rename {
        git_odb *odb;
        size_t comparisons; /* still allowed */
        int64_t deadline_usec;
};

/* Where did `source` (one of gone) go? *ret_index: into fresh, if CLEAR. */
int rv_rename_find(struct rv_rename *rename, const struct rv_tree_file *source, const struct rv_tree_files *gone,
                   const struct rv_tree_files *fresh, enum rv_rename_kind *ret, size_t *ret_index,
                   struct rv_error *err) RV_MUST_CHECK;

/* Is any file of gone, below the folder, like any of fresh? */
int rv_rename_any_below(struct rv_rename *rename, const char *folder, const struct rv_tree_files *gone,
                        const struct rv_tree_files *fresh, bool *ret, struct rv_error *err) RV_MUST_CHECK;
