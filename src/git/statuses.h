/* What the forge shows beside commits: that this one was reverted, and that that one is a revert. */
#pragma once

#include "git/worker.h"

/* After a request was answered: where it brought a revert onto the branch, say so. It is said by a process of its own,
 * which nobody waits for; what goes wrong is logged there, and is all that happens. */
void rv_statuses_tell(struct rv_worker *worker, const struct rv_git_request *request, const struct rv_git_reply *reply);
