#include "store/schema.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

/* A rowid table: values are long, and a table that is its own index would carry them in every inner page. */
const char *const schema_migrations[] = {
        "CREATE TABLE record ("
        " kind TEXT NOT NULL, key TEXT NOT NULL, sort INTEGER NOT NULL, version INTEGER NOT NULL, value TEXT NOT NULL);"
        "CREATE UNIQUE INDEX record_key ON record (kind, key);"
        "CREATE INDEX record_sort ON record (kind, sort, key);",
};
const int schema_version = RV_ARRAY_SIZE(schema_migrations);

/* SQLite tells a full disk from other failed writes, but not a full quota nor a limit on file sizes. */
static bool write_lacked_space(sqlite3 *db) {
        int in_database = 0, in_log = 0;
        sqlite3_file *log = NULL;
        sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &in_database);
        sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
        if (log && log->pMethods)
                log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &in_log);
        return in_log == EFBIG || in_log == EDQUOT || in_database == EFBIG || in_database == EDQUOT;
}

int sqlite_errno(sqlite3 *db, int rc, struct rv_error *err) {
        int code = -EIO, system = db ? sqlite3_system_errno(db) : 0;
        switch (rc & 0xff) {
        case SQLITE_FULL:
                code = -ENOSPC;
                break;
        case SQLITE_IOERR:
                if (rc == SQLITE_IOERR_NOMEM)
                        code = -ENOMEM;
                else if (rc == SQLITE_IOERR_WRITE && db && write_lacked_space(db))
                        code = -ENOSPC;
                break;
        case SQLITE_NOMEM:
                code = -ENOMEM;
                break;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                code = -EBUSY;
                break;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                code = -EUCLEAN;
                break;
        case SQLITE_READONLY:
        case SQLITE_PERM:
                code = -EROFS;
                break;
        case SQLITE_CANTOPEN:
                code = system > 0 ? -system : -EIO;
                break;
        default:
                break;
        }
        return rv_error_set(err, code, "%s", db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
}

int sqlite_get_int(sqlite3 *db, const char *sql, int *ret, struct rv_error *err) {
        sqlite3_stmt *stmt = NULL;
        int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(stmt);
        int r = 0;
        if (rc == SQLITE_ROW)
                *ret = sqlite3_column_int(stmt, 0);
        else
                r = sqlite_errno(db, rc, err);
        sqlite3_finalize(stmt);
        return r;
}

static int migrate_step(sqlite3 *db, const char *migration, int to, struct rv_error *err) {
        char *sql = sqlite3_mprintf("BEGIN IMMEDIATE;%s;PRAGMA application_id=%d;PRAGMA user_version=%d;COMMIT;",
                                    migration, SCHEMA_APPLICATION_ID, to);
        if (!sql)
                return rv_error_oom(err);
        int rc = sqlite3_exec(db, sql, NULL, NULL, NULL), r = 0;
        sqlite3_free(sql);
        if (rc != SQLITE_OK) {
                r = sqlite_errno(db, rc, err);
                if (!sqlite3_get_autocommit(db))
                        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
                return rv_error_prefix(err, r, "migration to version %d", to);
        }
        return 0;
}

static int check_is_ours(sqlite3 *db, int version, struct rv_error *err) {
        int application, tables;
        int r = sqlite_get_int(db, "PRAGMA application_id", &application, err);
        if (r == 0)
                r = sqlite_get_int(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
        if (r < 0)
                return r;
        bool is_new = version == 0 && application == 0 && tables == 0;
        if (!is_new && application != SCHEMA_APPLICATION_ID)
                return rv_error_set(err, -EUCLEAN, "it is a database of another program");
        return 0;
}

int schema_migrate(sqlite3 *db, const char *const *migrations, int n, struct rv_error *err) {
        int version;
        int r = sqlite_get_int(db, "PRAGMA user_version", &version, err);
        if (r == 0)
                r = check_is_ours(db, version, err);
        if (r < 0)
                return r;
        if (version > n || version < 0)
                return rv_error_set(err, -EUCLEAN,
                                    "its schema has version %d, this revertd knows up to %d: it was written by a newer "
                                    "revertd; run that one, or restore the copy made before the upgrade",
                                    version, n);
        for (; r == 0 && version < n; version++)
                r = migrate_step(db, migrations[version], version + 1, err);
        return r;
}
