/* The branch as it was at each time of a backtest, and the reverts that would be on it. */
#pragma once

#include "lab/lab.h"

struct past; /* of all repositories */

int past_new(struct past **ret, const struct rv_backtest *backtest, struct rv_error *err) RV_MUST_CHECK;
struct past *past_free(struct past *past);
int past_answer(struct past *past, size_t repository, const struct rv_git_request *request, int64_t now_usec,
                struct rv_git_reply **ret, struct rv_error *err) RV_MUST_CHECK;
/* The newest commit by people that says that it reverts this one; NULL: none. */
const struct rv_commit *past_undone(const struct past *past, size_t repository, const char *hex);
