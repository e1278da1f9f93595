/* libgit2 as the worker uses it: its process-wide settings, its errors as ours, ids, and cleanup. */
#pragma once

#include "revertd/gitwire.h"

#include <errno.h>
#include <git2.h>
#if __has_include(<git2/sys/errors.h>) /* before 1.8 it is in git2/errors.h */
#include <git2/sys/errors.h>
#endif
#include <stdbool.h>

/* Once, at start: no configuration but the mirror's own, strict objects, bounded windows and caches. */
int rv_libgit2_init(struct rv_error *err) RV_MUST_CHECK;

/* What libgit2 said last, made safe, behind our words. Returns -EBADMSG where the object database is damaged (the
 * mirror is then thrown away and fetched anew), else a fitting errno; never 0. `code` is libgit2's. */
int rv_libgit2_error(struct rv_error *err, int code, const char *fmt, ...) RV_PRINTF(3, 4);

/* Whether an error means that the mirror is damaged. */
static inline bool rv_libgit2_is_damage(int error) {
        return error == -EBADMSG || error == -EUCLEAN;
}

void rv_oid_from_git(struct rv_oid *ret, const git_oid *id);
int rv_oid_to_git(git_oid *ret, const struct rv_oid *id) RV_MUST_CHECK; /* -EINVAL: not a whole id */

enum { RV_COMMIT_BYTES_MAX = 16 << 20 };

/* Look up after asking for the size. -E2BIG: over the cap; -ENOENT: no such object; -EINVAL: no commit. Caller frees
 * *ret. */
int rv_commit_lookup(git_commit **ret, git_repository *repo, const git_oid *id, struct rv_error *err) RV_MUST_CHECK;

#define RV_LIBGIT2_CLEANUP(type)                                                                                       \
        static inline void rv_##type##_freep(type **p) {                                                               \
                type##_free(*p);                                                                                       \
        }
RV_LIBGIT2_CLEANUP(git_commit)
RV_LIBGIT2_CLEANUP(git_tree)
RV_LIBGIT2_CLEANUP(git_object)
RV_LIBGIT2_CLEANUP(git_odb)
RV_LIBGIT2_CLEANUP(git_reference)
RV_LIBGIT2_CLEANUP(git_remote)
RV_LIBGIT2_CLEANUP(git_repository)
RV_LIBGIT2_CLEANUP(git_revwalk)
RV_LIBGIT2_CLEANUP(git_config)
RV_LIBGIT2_CLEANUP(git_signature)
RV_LIBGIT2_CLEANUP(git_tree_entry)
#define _cleanup_git_(type) __attribute__((cleanup(rv_git_##type##_freep)))
