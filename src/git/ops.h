/* What each request does. All: 0, with reply->outcome and what belongs to it; negative: failed, err says why, and the
 * dispatcher turns it into an outcome. */
#pragma once

#include "git/worker.h"

int rv_op_sync(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
               struct rv_error *err) RV_MUST_CHECK;
int rv_op_history(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
                  struct rv_error *err) RV_MUST_CHECK;
int rv_op_check(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
                struct rv_error *err) RV_MUST_CHECK;
int rv_op_show(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
               struct rv_error *err) RV_MUST_CHECK;
int rv_op_plan(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
               struct rv_error *err) RV_MUST_CHECK;
int rv_op_push(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
               struct rv_error *err) RV_MUST_CHECK;
int rv_op_propose(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
                  struct rv_error *err) RV_MUST_CHECK;
int rv_op_proposal(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
                   struct rv_error *err) RV_MUST_CHECK;

/* What they share: the branch as the remote has it; and whether head is `commit` or comes after it (1, 0). */
int rv_op_read_branch(struct rv_worker *worker, struct rv_git_reply *reply, git_oid *ret_head,
                      struct rv_error *err) RV_MUST_CHECK;
int rv_op_contains(struct rv_worker *worker, const git_oid *head, const git_oid *commit,
                   struct rv_error *err) RV_MUST_CHECK;
/* An outcome with its words. */
int rv_op_say(struct rv_git_reply *reply, enum rv_git_outcome outcome, const char *fmt, ...) RV_PRINTF(3, 4);
