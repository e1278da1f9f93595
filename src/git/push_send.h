/* The two ways of a push; push.h chooses. */
#pragma once

#include "git/push.h"
#include "git/transport_remote.h"

struct rv_push {
        struct rv_remote *remote;
        git_repository *mirror;
        const char *branch, *name; /* name: refs/heads/<branch> */
        const git_oid *old_id, *new_id, *objects;
        size_t n_objects;
        int64_t deadline_usec;
};

/* As rv_push(), over git-receive-pack. Where it is not known what became of the push, outcome is LOST and the message
 * says why; the caller reads the ref again. */
int rv_push_send(const struct rv_push *push, struct rv_push_result *ret, struct rv_error *err) RV_MUST_CHECK;

/* As rv_push(), by writing to a local repository. 0 with *ret_done false: this repository wants receive-pack; nothing
 * was written. */
int rv_push_local(const struct rv_push *push, struct rv_push_result *ret, bool *ret_done,
                  struct rv_error *err) RV_MUST_CHECK;
