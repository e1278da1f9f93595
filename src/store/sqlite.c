/* The store on SQLite: one table, write-ahead log, one fsync a commit. */
#include "revertd/store.h"

#include "store/ballast.h"
#include "store/database.h"
#include "store/schema.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum statement {
        STATEMENT_BEGIN,
        STATEMENT_COMMIT,
        STATEMENT_ROLLBACK,
        STATEMENT_PUT,    /* any version */
        STATEMENT_INSERT, /* must not exist */
        STATEMENT_UPDATE, /* must have the version */
        STATEMENT_DELETE,
        STATEMENT_GET,
        STATEMENT_COUNT,
        STATEMENT_MAX
};

static const char *const statement_sql[STATEMENT_MAX] = {
        [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
        [STATEMENT_COMMIT] = "COMMIT",
        [STATEMENT_ROLLBACK] = "ROLLBACK",
        [STATEMENT_PUT] = "INSERT INTO record (kind, key, sort, value, version) VALUES (?1, ?2, ?3, ?4, 1)"
                          " ON CONFLICT (kind, key) DO UPDATE SET sort=?3, value=?4, version=version+1",
        [STATEMENT_INSERT] = "INSERT INTO record (kind, key, sort, value, version) VALUES (?1, ?2, ?3, ?4, 1)"
                             " ON CONFLICT DO NOTHING",
        [STATEMENT_UPDATE] = "UPDATE record SET sort=?3, value=?4, version=version+1"
                             " WHERE kind=?1 AND key=?2 AND version=?5",
        [STATEMENT_DELETE] = "DELETE FROM record WHERE kind=?1 AND key=?2",
        [STATEMENT_GET] = "SELECT key, sort, version, value FROM record WHERE kind=?1 AND key=?2",
        [STATEMENT_COUNT] = "SELECT count(*) FROM record WHERE kind=?1 AND key>=?2 AND key<?3",
};

struct rv_store {
        int dir_fd; /* −1: in memory */
        sqlite3 *db;
        sqlite3_stmt *statement[STATEMENT_MAX];
        struct ballast ballast;
};

static const char *kind_to_string(enum rv_record_kind kind) {
        static const char *const name[RV_RECORD_KIND_MAX] = {
#define X(name, str) [RV_RECORD_##name] = str,
                RV_RECORD_KINDS(X)
#undef X
        };
        return name[kind];
}

/* -- Opening -- */

static int prepare(struct rv_store *store, struct rv_error *err) {
        for (int i = 0; i < STATEMENT_MAX; i++) {
                int rc = sqlite3_prepare_v3(store->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                            &store->statement[i], NULL);
                if (rc != SQLITE_OK)
                        return rv_error_prefix(err, sqlite_errno(store->db, rc, err), "store");
        }
        return 0;
}

/* directory NULL: in memory. */
static int open_store(struct rv_store **ret, const char *directory, struct rv_error *err) {
        struct rv_store *store = calloc(1, sizeof(*store));
        if (!store)
                return rv_error_oom(err);
        store->dir_fd = -1;
        int r = directory ? database_open(&store->db, directory, &store->dir_fd, err)
                          : database_open_memory(&store->db, err);
        if (r == 0)
                r = prepare(store, err);
        if (r < 0) {
                rv_store_close(store);
                return r;
        }
        ballast_init(&store->ballast, store->dir_fd);
        *ret = store;
        return 0;
}

int rv_store_open(struct rv_store **ret, const char *directory, struct rv_error *err) {
        return open_store(ret, directory, err);
}

int rv_store_open_memory(struct rv_store **ret, struct rv_error *err) {
        return open_store(ret, NULL, err);
}

struct rv_store *rv_store_close(struct rv_store *store) {
        if (!store)
                return NULL;
        for (int i = 0; i < STATEMENT_MAX; i++)
                sqlite3_finalize(store->statement[i]);
        sqlite3_close(store->db);
        if (store->dir_fd >= 0)
                close(store->dir_fd);
        free(store);
        return NULL;
}

/* -- Writing -- */

/* Runs a statement that gives no rows. */
static int run(struct rv_store *store, enum statement which, struct rv_error *err) {
        sqlite3_stmt *stmt = store->statement[which];
        int rc = sqlite3_step(stmt);
        int r = rc == SQLITE_DONE ? 0 : sqlite_errno(store->db, rc, err);
        sqlite3_reset(stmt);
        return r;
}

static enum statement write_statement(const struct rv_write *write) {
        if (!write->value)
                return STATEMENT_DELETE;
        if (write->expect < 0)
                return STATEMENT_PUT;
        return write->expect == 0 ? STATEMENT_INSERT : STATEMENT_UPDATE;
}

static int write_one(struct rv_store *store, const struct rv_write *write, struct rv_error *err) {
        enum statement which = write_statement(write);
        sqlite3_stmt *stmt = store->statement[which];
        _cleanup_free_ char *value = NULL;
        if (write->value && !(value = json_dumps(write->value, JSON_COMPACT | JSON_ENCODE_ANY)))
                return rv_error_oom(err);
        sqlite3_bind_text(stmt, 1, kind_to_string(write->kind), -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 2, write->key, -1, SQLITE_STATIC);
        if (which != STATEMENT_DELETE) {
                sqlite3_bind_int64(stmt, 3, write->sort);
                sqlite3_bind_text(stmt, 4, value, -1, SQLITE_STATIC);
        }
        if (which == STATEMENT_UPDATE)
                sqlite3_bind_int64(stmt, 5, write->expect);
        int r = run(store, which, err);
        sqlite3_clear_bindings(stmt);
        if (r == 0 && which != STATEMENT_DELETE && sqlite3_changes(store->db) != 1)
                r = rv_error_set(err, -ESTALE, "its version is not %lld", (long long)write->expect);
        if (r < 0)
                return rv_error_prefix(err, r, "%s %s", kind_to_string(write->kind), write->key);
        return 0;
}

static int try_commit(struct rv_store *store, const struct rv_batch *batch, struct rv_error *err) {
        int r = run(store, STATEMENT_BEGIN, err);
        for (size_t i = 0; r == 0 && i < batch->n; i++)
                r = write_one(store, &batch->write[i], err);
        if (r == 0)
                r = run(store, STATEMENT_COMMIT, err);
        if (r < 0 && !sqlite3_get_autocommit(store->db))
                (void)run(store, STATEMENT_ROLLBACK, NULL);
        return r;
}

static bool begins_something(const struct rv_batch *batch) {
        for (size_t i = 0; i < batch->n; i++) {
                const struct rv_write *write = &batch->write[i];
                bool begins = write->kind == RV_RECORD_INCIDENT || write->kind == RV_RECORD_ACT;
                if (begins && write->value && write->expect == 0)
                        return true;
        }
        return false;
}

int rv_store_commit(struct rv_store *store, const struct rv_batch *batch, struct rv_error *err) {
        if (batch->n == 0)
                return 0;
        ballast_restore(&store->ballast);
        if (store->ballast.spent && begins_something(batch))
                return rv_error_set(err, -ENOSPC, "store: the disk is full: nothing new is begun");
        int r = try_commit(store, batch, err);
        if (r == -ENOSPC && ballast_spend(&store->ballast) && !begins_something(batch))
                r = try_commit(store, batch, err);
        return r < 0 ? rv_error_prefix(err, r, "store") : 0;
}

/* -- Reading -- */

static int read_record(sqlite3_stmt *stmt, enum rv_record_kind kind, struct rv_record *ret, struct rv_error *err) {
        struct rv_record record = {
                .kind = kind, .sort = sqlite3_column_int64(stmt, 1), .version = sqlite3_column_int64(stmt, 2)};
        const char *key = (const char *)sqlite3_column_text(stmt, 0);
        const char *value = (const char *)sqlite3_column_text(stmt, 3);
        if (!key || !value || !(record.key = strdup(key)))
                return rv_error_oom(err);
        json_error_t why;
        record.value = json_loadb(value, (size_t)sqlite3_column_bytes(stmt, 3),
                                  JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
        if (!record.value) {
                int r = rv_error_set(err, -EUCLEAN, "store: %s %s: %s", kind_to_string(kind), record.key, why.text);
                rv_record_done(&record);
                return r;
        }
        *ret = record;
        return 0;
}

int rv_store_get(struct rv_store *store, enum rv_record_kind kind, const char *key, struct rv_record *ret,
                 struct rv_error *err) {
        sqlite3_stmt *stmt = store->statement[STATEMENT_GET];
        sqlite3_bind_text(stmt, 1, kind_to_string(kind), -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 2, key, -1, SQLITE_STATIC);
        int rc = sqlite3_step(stmt), r;
        if (rc == SQLITE_ROW)
                r = read_record(stmt, kind, ret, err);
        else if (rc == SQLITE_DONE)
                r = rv_error_set(err, -ENOENT, "store: there is no %s %s", kind_to_string(kind), key);
        else
                r = sqlite_errno(store->db, rc, err);
        sqlite3_reset(stmt);
        sqlite3_clear_bindings(stmt);
        return r;
}

/* Keys are UTF-8, in which 0xFF does not occur: prefix + 0xFF is above all keys that begin with it. */
static int bind_prefix(sqlite3_stmt *stmt, enum rv_record_kind kind, const char *prefix, struct rv_error *err) {
        char *end;
        int n = asprintf(&end, "%s\xff", prefix);
        if (n < 0)
                return rv_error_oom(err);
        sqlite3_bind_text(stmt, 1, kind_to_string(kind), -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 2, prefix, -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(stmt, 3, end, n, free);
        return 0;
}

/* A prefix is looked up by key and sorted then; without one, the order comes from the index. */
static int prepare_list(struct rv_store *store, enum rv_record_kind kind, const char *prefix, bool descending,
                        size_t limit, sqlite3_stmt **ret, struct rv_error *err) {
        char sql[256];
        snprintf(sql, sizeof(sql),
                 "SELECT key, sort, version, value FROM record INDEXED BY %s"
                 " WHERE kind=?1 AND key>=?2 AND key<?3 ORDER BY %s LIMIT ?4",
                 prefix[0] == '\0' ? "record_sort" : "record_key", descending ? "sort DESC, key DESC" : "sort, key");
        sqlite3_stmt *stmt;
        int rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);
        if (rc != SQLITE_OK)
                return sqlite_errno(store->db, rc, err);
        int r = bind_prefix(stmt, kind, prefix, err);
        if (r < 0) {
                sqlite3_finalize(stmt);
                return r;
        }
        sqlite3_bind_int64(stmt, 4, limit == 0 ? -1 : (sqlite3_int64)limit);
        *ret = stmt;
        return 0;
}

/* The statement is this call's own: fn may read and write the store. */
int rv_store_list(struct rv_store *store, enum rv_record_kind kind, const char *prefix, bool descending, size_t limit,
                  int (*fn)(const struct rv_record *record, void *userdata), void *userdata, struct rv_error *err) {
        sqlite3_stmt *stmt = NULL;
        int r = prepare_list(store, kind, prefix, descending, limit, &stmt, err), rc = SQLITE_ROW;
        while (r == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
                struct rv_record record;
                r = read_record(stmt, kind, &record, err);
                if (r == 0) {
                        r = fn(&record, userdata);
                        rv_record_done(&record);
                }
        }
        if (r == 0 && rc != SQLITE_DONE)
                r = sqlite_errno(store->db, rc, err);
        sqlite3_finalize(stmt);
        return r;
}

int rv_store_count(struct rv_store *store, enum rv_record_kind kind, const char *prefix, size_t *ret,
                   struct rv_error *err) {
        sqlite3_stmt *stmt = store->statement[STATEMENT_COUNT];
        int r = bind_prefix(stmt, kind, prefix, err);
        if (r < 0)
                return r;
        int rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW)
                *ret = (size_t)sqlite3_column_int64(stmt, 0);
        else
                r = sqlite_errno(store->db, rc, err);
        sqlite3_reset(stmt);
        sqlite3_clear_bindings(stmt);
        return r;
}

int64_t rv_store_size_bytes(struct rv_store *store) {
        int64_t bytes = 0;
        for (const char *const *name = (const char *const[]){"revertd.db", "revertd.db-wal", "ballast", NULL}; *name;
             name++) {
                struct stat st;
                if (store->dir_fd >= 0 && fstatat(store->dir_fd, *name, &st, AT_SYMLINK_NOFOLLOW) == 0)
                        bytes += st.st_size;
        }
        return bytes;
}
