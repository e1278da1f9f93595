/* What PUSH and PROPOSE share: the same checks, in the same order. */
#pragma once

#include "git/ops.h"
#include "git/push.h"
#include "git/revert.h"

/* 1: head holds the request's commit, or another revert for its incident, and the reply says so. 0: it does not. */
int rv_op_find_done(struct rv_worker *worker, const struct rv_git_request *request, const git_oid *head,
                    struct rv_git_reply *reply, struct rv_error *err) RV_MUST_CHECK;

/* Compute, judge by the policy, sign, compare with the request's commit. 1: result may be pushed; 0: the reply says why
 * not. result is the caller's to free in any case. */
int rv_op_compute(struct rv_worker *worker, const struct rv_git_request *request, struct rv_revert_result *result,
                  struct rv_git_reply *reply, struct rv_error *err) RV_MUST_CHECK;

/* Within the budget, move the branch from old (zero: it is not there) to the result. 1: *ret says what became of it;
 * 0: the budget is used up, and the reply says so. */
int rv_op_send(struct rv_worker *worker, const char *branch, const git_oid *old, const struct rv_revert_result *result,
               struct rv_push_result *ret, struct rv_git_reply *reply, struct rv_error *err) RV_MUST_CHECK;

/* A push that was refused or lost, in the server's words. */
int rv_op_say_unpushed(const struct rv_push_result *pushed, struct rv_git_reply *reply) RV_MUST_CHECK;
