/* What the worker refuses of a restore on its own authority, beside what policy.h refuses of every revert: going back is
 * only as strong as how far. */
#pragma once

#include "git/history.h"
#include "revertd/clock.h"

enum { RV_RESTORE_LINE_MAX = 1000 }; /* first-parent commits between the branch and what it goes back to */
#define RV_RESTORE_AGE_MAX_USEC (7 * RV_USEC_PER_DAY) /* of every commit that it undoes */

/* spec->restore must stand on base's first-parent line, near enough; spec->commits must be all commits that touched
 * the scope since, newest first, at most RV_REVERT_COMMITS_MAX and none too old; and none of them a revert of revertd's
 * own, unless what that took away is undone with it: else it would come back. now_usec 0: no age counts. 0 fine; 1 refused, err says why; negative: failed. */
int rv_restore_check(struct rv_history *history, const struct rv_revert_spec *spec, int64_t now_usec,
                     struct rv_error *err) RV_MUST_CHECK;
