/* What the worker gives up at its start, and what its children get back. */
#pragma once

#include "revertd/error.h"

#include <stdbool.h>

/* Own process group, umask 077, no core dumps or debuggers, no new privileges, a soft limit on memory, no SIGPIPE. */
int rv_jail_enter(struct rv_error *err) RV_MUST_CHECK;

/* In a child between fork and exec (async-signal-safe): it dies with the worker unless it outlives it (a receive-pack
 * that is killed leaves its locks in the repository; when we are gone it ends by itself), and gets back the umask,
 * SIGPIPE and
 * the memory limit that the worker was started with (a receive-pack at a local path must write as its repository does).
 * `parent` is the worker's pid, taken before the fork. */
void rv_jail_leave_in_child(int parent, bool outlives);
