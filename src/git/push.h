/* Push a commit that was made here: compare-and-swap of one branch, never forced, from exactly the objects given.
 *
 * A send-pack of our own, because git_remote_push() walks the whole tree of the edge commits and returns 0 when the
 * server refuses. To a local bare repository without hooks or settings that would have a say, the objects and the ref
 * are written directly under git's own lock; any other local repository gets `git receive-pack`. */
#pragma once

#include "git/transport.h"

enum rv_push_outcome {
        RV_PUSH_OK,      /* the server's report says so, or the branch already is at `new` */
        RV_PUSH_MOVED,   /* the branch is not at `old`; head says where it is. Nothing was changed */
        RV_PUSH_REFUSED, /* the server said no; message holds its words. Nothing was changed */
        RV_PUSH_LOST,    /* the connection or the deadline broke off after the request was sent, and the ref, read
                          * again, did not tell: the branch may yet move */
        RV_PUSH_OUTCOME_MAX
};
const char *rv_push_outcome_to_string(enum rv_push_outcome outcome);

struct rv_push_result {
        enum rv_push_outcome outcome;
        bool was_there; /* OK: the branch already was at the new commit, or may have been brought there by somebody else */
        git_oid head;  /* OK: the new commit. MOVED: where the branch is (zero: it is not there) */
        char *message; /* REFUSED, LOST: for people; the server's words and its hooks' output, raw bytes made safe with
                        * rv_text_block(); NULL: none */
};
void rv_push_result_done(struct rv_push_result *result);

/* Move refs/heads/<branch> of the remote from old_id to new_id. `objects` (in the mirror's object database) are all
 * that the remote may lack, given that it has the commit's parent: for a revert, rv_revert_result.objects. old_id zero:
 * the branch is not there, and is made.
 * A reply that is lost is settled by reading the ref again: OK or MOVED if it moved; still at old_id, the server may
 * yet be at work: LOST. A later push of the same commit finds out.
 * Returns 0 with *ret set (call rv_push_result_done()), or an error as in transport.h when nothing was sent. */
int rv_push(struct rv_remote *remote, git_repository *mirror, const char *branch, const git_oid *old_id,
            const git_oid *new_id, const git_oid *objects, size_t n_objects, int64_t deadline_usec,
            struct rv_push_result *ret, struct rv_error *err) RV_MUST_CHECK;
