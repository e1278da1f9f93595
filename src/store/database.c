#include "store/database.h"

#include "store/schema.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

enum {
        OPEN_BUSY_MSEC = 1000,  /* how long the lock of a revertd that is just ending is waited for */
        CHECKPOINT_PAGES = 256, /* the log is carried over at this length, so that no commit pays for a long one */
        CACHE_KIB = 1024,
};

static int exec(sqlite3 *db, const char *sql, struct rv_error *err) {
        int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
        return rc == SQLITE_OK ? 0 : sqlite_errno(db, rc, err);
}

/* Exclusive locking is asked for before the log is opened: SQLite then keeps its index in memory, and a second revertd
 * finds the file locked. */
static int configure(sqlite3 *db, bool is_file, struct rv_error *err) {
        sqlite3_extended_result_codes(db, 1);
        sqlite3_busy_timeout(db, OPEN_BUSY_MSEC);
        sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
        int r = exec(db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY;", err);
        if (r == 0 && is_file)
                r = exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; BEGIN EXCLUSIVE; COMMIT;", err);
        if (r < 0)
                return r;
        char sql[128];
        snprintf(sql, sizeof(sql), "PRAGMA wal_autocheckpoint=%d; PRAGMA cache_size=-%d;", CHECKPOINT_PAGES, CACHE_KIB);
        return exec(db, sql, err);
}

static int check_is_whole(sqlite3 *db, struct rv_error *err) {
        sqlite3_stmt *stmt = NULL;
        int r = 0, rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &stmt, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(stmt);
        if (rc != SQLITE_ROW)
                r = sqlite_errno(db, rc, err);
        else if (strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0)
                r = rv_error_set(err, -EUCLEAN, "%s", sqlite3_column_text(stmt, 0));
        sqlite3_finalize(stmt);
        return r;
}

static int open_at(sqlite3 **ret, const char *path, bool is_file, struct rv_error *err) {
        sqlite3 *db = NULL;
        int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
        int r = rc == SQLITE_OK ? configure(db, is_file, err) : sqlite_errno(db, rc, err);
        if (r == 0)
                r = check_is_whole(db, err);
        if (r == 0)
                r = schema_migrate(db, schema_migrations, schema_version, err);
        if (r < 0) {
                sqlite3_close(db);
                return r;
        }
        *ret = db;
        return 0;
}

/* -- in a directory -- */

/* The file is made here, not by SQLite, for its mode is for us alone whatever the umask. */
static int open_directory(const char *directory, int *ret_fd, struct rv_error *err) {
        if (mkdir(directory, 0700) < 0 && errno != EEXIST)
                return rv_error_set(err, -errno, "cannot create it: %s", strerror(errno));
        _cleanup_close_ int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return rv_error_set(err, -errno, "%s", strerror(errno));
        _cleanup_close_ int fd = openat(dir_fd, "revertd.db", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return rv_error_set(err, -errno, "revertd.db: %s", strerror(errno));
        if (fsync(dir_fd) < 0)
                return rv_error_set(err, -errno, "%s", strerror(errno));
        *ret_fd = RV_TAKE_FD(dir_fd);
        return 0;
}

/* SQLite's NOFOLLOW means every component; the directory may well be reached by a symbolic link, as a DynamicUser's
 * /var/lib/revertd is. A disk that was full when revertd ended may leave no space even to open: what the ballast holds
 * does. */
static int open_in(sqlite3 **ret, const char *directory, int dir_fd, struct rv_error *err) {
        _cleanup_free_ char *real = realpath(directory, NULL), *path = NULL;
        if (!real)
                return rv_error_set(err, -errno, "%s", strerror(errno));
        if (asprintf(&path, "%s/revertd.db", real) < 0)
                return rv_error_oom(err);
        int r = open_at(ret, path, true, err);
        if (r == -ENOSPC && unlinkat(dir_fd, "ballast", 0) == 0)
                r = open_at(ret, path, true, err);
        return r;
}

static int explain(int r, const char *directory, struct rv_error *err) {
        switch (r) {
        case -EUCLEAN:
                rv_error_prefix(err, r,
                                "the database cannot be used as it is. Stop revertd and keep a copy of the file; then "
                                "put a backup in its place, or move it away to begin anew (open incidents, history "
                                "and budgets are then forgotten; reverts already in Git are recognised there)");
                break;
        case -EBUSY:
                rv_error_prefix(err, r, "another revertd has it open");
                break;
        default:
                break;
        }
        return rv_error_prefix(err, r, "store %s/revertd.db", directory);
}

int database_open(sqlite3 **ret, const char *directory, int *ret_dir_fd, struct rv_error *err) {
        _cleanup_close_ int dir_fd = -1;
        int r = open_directory(directory, &dir_fd, err);
        if (r == 0)
                r = open_in(ret, directory, dir_fd, err);
        if (r < 0)
                return explain(r, directory, err);
        *ret_dir_fd = RV_TAKE_FD(dir_fd);
        return 0;
}

int database_open_memory(sqlite3 **ret, struct rv_error *err) {
        return open_at(ret, ":memory:", false, err);
}
