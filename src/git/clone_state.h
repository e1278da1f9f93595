/* How far a first clone has come: kept beside its objects, in the mirror's file `revertd-clone`. */
#pragma once

#include "revertd/error.h"

#include <git2.h>

enum { RV_CLONE_ENDS_MAX = 20000 };

struct rv_clone_state {
        int depth;        /* commits behind head that are there, as deep; 0: nothing is */
        git_oid head;     /* of the branch, when that was fetched */
        git_oid *shallow; /* there without their parents; none: all is there */
        size_t n_shallow;
};
void rv_clone_state_done(struct rv_clone_state *state);

/* One that is missing, damaged, or speaks of objects that are not there is depth 0. -ENOMEM. */
int rv_clone_state_load(struct rv_clone_state *ret, git_repository *mirror, struct rv_error *err) RV_MUST_CHECK;
int rv_clone_state_save(const struct rv_clone_state *state, git_repository *mirror, struct rv_error *err) RV_MUST_CHECK;
void rv_clone_state_forget(git_repository *mirror);

/* One that is there already is not added again. -E2BIG: more than RV_CLONE_ENDS_MAX; -ENOMEM. */
int rv_clone_state_add(struct rv_clone_state *state, const git_oid *id) RV_MUST_CHECK;
void rv_clone_state_remove(struct rv_clone_state *state, const git_oid *id);
