/* The database on its way to us: the file for us alone, locked, configured, found whole, and of the newest shape. */
#pragma once

#include "revertd/error.h"

#include <sqlite3.h>

/* Makes <directory>/revertd.db, and the directory, where they are not there. The caller closes both. -EUCLEAN: it is
 * corrupt or of a newer revertd; -EBUSY: another revertd has it. */
int database_open(sqlite3 **ret, const char *directory, int *ret_dir_fd, struct rv_error *err) RV_MUST_CHECK;
int database_open_memory(sqlite3 **ret, struct rv_error *err) RV_MUST_CHECK; /* gone when it is closed */
