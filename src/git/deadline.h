/* The watchdog of a request. libgit2 waits without bound in many places, so what misses its deadline is not asked to
 * stop: the process ends, with its children, and says nothing more. */
#pragma once

#include "revertd/error.h"

#include <stdint.h>

int rv_deadline_init(struct rv_error *err) RV_MUST_CHECK;

/* From now on; replaces the one before. 0: none. */
void rv_deadline_set(int64_t timeout_usec);
