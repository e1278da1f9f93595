/* What came to the branch since the commits that a revert takes back. */
#pragma once

#include "git/libgit2.h"

enum { RV_LATER_COMMITS_MAX = 1000 };

/* One commit with its tree and its first parent's (NULL: it has none); is_undone: it is to be taken back itself. A positive
 * return ends the walk, a negative one fails it; both are passed on. */
typedef int (*rv_later_fn)(void *userdata, const git_oid *id, const git_oid *tree, const git_oid *parent_tree,
                           bool is_undone);

/* From spec->base down its first parents, to the oldest of spec->commits. 0: that was reached, or what is older than all of
 * them, RV_LATER_COMMITS_MAX, or deadline_usec (monotonic). */
int rv_later_walk(git_repository *repository, const struct rv_revert_spec *spec, int64_t deadline_usec, rv_later_fn fn,
                  void *userdata, struct rv_error *err) RV_MUST_CHECK;
