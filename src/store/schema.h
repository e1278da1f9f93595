/* The shape of the database, version by version. */
#pragma once

#include "revertd/error.h"

#include <sqlite3.h>

enum { SCHEMA_APPLICATION_ID = 0x72767264 }; /* "rvrd" */

/* SQL that leads from version i to i + 1, for migration[i]. What is released is never changed. */
extern const char *const schema_migrations[];
extern const int schema_version;

/* Brings db from the version it has to n, one transaction a step: a crash in between leaves a whole version.
 * -EUCLEAN: it is not ours, or of a newer revertd. Else as sqlite_errno(). */
int schema_migrate(sqlite3 *db, const char *const *migrations, int n, struct rv_error *err) RV_MUST_CHECK;

/* What SQLite says, as a negative errno; sets err to its words. */
int sqlite_errno(sqlite3 *db, int rc, struct rv_error *err);

int sqlite_get_int(sqlite3 *db, const char *sql, int *ret, struct rv_error *err) RV_MUST_CHECK;
