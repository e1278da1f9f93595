#include "git/ops.h"

static int say_unconfigured(struct rv_worker *worker, struct rv_git_reply *reply) {
        return rv_op_say(reply, RV_GIT_FAILED, "repository %s has no forge to propose to", worker->config->name);
}

int rv_op_propose(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
                  struct rv_error *err) {
        (void)request, (void)err;
        return say_unconfigured(worker, reply);
}

int rv_op_proposal(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
                   struct rv_error *err) {
        (void)request, (void)err;
        return say_unconfigured(worker, reply);
}
