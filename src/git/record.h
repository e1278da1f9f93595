/* What is remembered of a commit: enough to tell whether it touched a scope without reading it again. */
#pragma once

#include "git/libgit2.h"

struct rv_record {
        git_oid id, tree;
        git_oid *parents; /* at most RV_RECORD_PARENTS_MAX */
        unsigned n_parents;
        unsigned walk; /* the last one that came by; the walker's */
        int64_t commit_usec;
        char *incident; /* trailer Revertd-Incident; NULL: none */
        bool touched_known;
        bool many;   /* it touched more than RV_RECORD_PATHS_MAX paths; they are not kept */
        bool opaque; /* its trees cannot be read whole: malformed, missing, too deep, or too many entries */
        char *paths; /* raw bytes, each NUL-terminated, one after the other */
        size_t paths_bytes;
};
enum { RV_RECORD_PATHS_MAX = 512, RV_RECORD_PARENTS_MAX = 64 };

struct rv_records;
int rv_records_new(struct rv_records **ret, size_t max) RV_MUST_CHECK;
struct rv_records *rv_records_free(struct rv_records *records);
void rv_records_clear(struct rv_records *records);

/* Lent until `max` others were asked for. Reads the commit the first time. -ENOENT: there is no such commit. */
int rv_records_get(struct rv_records *records, git_repository *repo, const git_oid *id, struct rv_record **ret,
                   struct rv_error *err) RV_MUST_CHECK;

/* Its tree, and that of its first parent; *ret_from is NULL or `from`. -EBADMSG: the parent is missing. */
int rv_records_trees(struct rv_records *records, git_repository *repo, const struct rv_record *record,
                     const git_oid **ret_from, git_oid *from, git_oid *to, struct rv_error *err) RV_MUST_CHECK;

struct rv_touched {
        char **paths; /* inside, valid UTF-8, at most RV_COMMIT_PATHS_MAX */
        size_t n_paths;
        size_t n_inside, n_outside; /* outside: at most RV_HISTORY_OUTSIDE_MAX; unknown: RV_HISTORY_…_MAX */
};
void rv_touched_done(struct rv_touched *touched);

/* What the commit changed against its first parent, in and out of the scope (n_scope 0: all is in). A tree that cannot
 * be read is no error: one commit must not hide all others. Where it could hold a path of the scope the commit counts
 * as touching it, with RV_HISTORY_INSIDE_MAX paths or more. One that is missing is an error (-EBADMSG) for the scopes
 * that it lies in or above, and none for the others. */
int rv_records_touched(struct rv_records *records, git_repository *repo, git_odb *odb, const git_oid *id,
                       const char *const *scope, size_t n_scope, struct rv_touched *ret,
                       struct rv_error *err) RV_MUST_CHECK;
