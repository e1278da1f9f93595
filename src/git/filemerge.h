/* Three-way merge of what stands at one path. */
#pragma once

#include "git/treewalk.h"

struct rv_file_merge {
        git_repository *repository;
        git_odb *odb;
        const git_oid *attributes; /* the commit whose .gitattributes count */
        const git_oid *now;        /* the tree that is changed; see merge_attributes.h */
        size_t bytes_max;          /* larger files are in conflict */
};

/* All three exist. 0: *ret_conflict says whether they could be merged; else *ret is the result. *ret_written: its blob
 * is new. Errors as in treewalk.h. */
int rv_file_merge(const struct rv_file_merge *merge, const char *path, const struct rv_tree_entry *base,
                  const struct rv_tree_entry *ours, const struct rv_tree_entry *theirs, struct rv_tree_entry *ret,
                  bool *ret_written, bool *ret_conflict, struct rv_error *err) RV_MUST_CHECK;
