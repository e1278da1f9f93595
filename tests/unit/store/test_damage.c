/* The store where the disk is full, or the file is damaged, foreign, older or newer. */
#include "revertd/store.h"

#include "revertd/cleanup.h"
#include "store/ballast.h"
#include "store/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after the above */
#include <cmocka.h>

struct fixture {
        char directory[64];
        char file[80];
        bool is_mounted;
};

static int setup(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));
        strcpy(f->directory, "/tmp/revertd-store-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        sprintf(f->file, "%s/revertd.db", f->directory);
        *state = f;
        return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st, (void)type, (void)ftw;
        return remove(path);
}

static int teardown(void **state) {
        struct fixture *f = *state;
        if (f->is_mounted)
                umount2(f->directory, MNT_DETACH);
        nftw(f->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        free(f);
        return 0;
}

static int put(struct rv_store *store, enum rv_record_kind kind, const char *key, int64_t expect, size_t bytes) {
        _cleanup_free_ char *text = calloc(1, bytes + 1);
        memset(text, 'x', bytes);
        struct rv_batch batch = {0};
        assert_int_equal(rv_batch_put(&batch, kind, key, 0, expect, json_string(text)), 0);
        int r = rv_store_commit(store, &batch, NULL);
        rv_batch_done(&batch);
        return r;
}

static struct rv_store *open_store(struct fixture *f) {
        struct rv_store *store;
        struct rv_error err = {0};
        if (rv_store_open(&store, f->directory, &err) < 0)
                fail_msg("%s", err.text);
        return store;
}

static void expect_refused(struct fixture *f, const char *words) {
        struct rv_store *store;
        struct rv_error err = {0};
        assert_int_equal(rv_store_open(&store, f->directory, &err), -EUCLEAN);
        assert_non_null(strstr(err.text, f->file));
        if (!strstr(err.text, words))
                fail_msg("\"%s\" is not in: %s", words, err.text);
}

static void run_sql(struct fixture *f, const char *sql) {
        sqlite3 *db;
        assert_int_equal(sqlite3_open(f->file, &db), SQLITE_OK);
        char *text = NULL;
        if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
                fail_msg("%s", text);
        sqlite3_close(db);
}

/* -- Files that are not as they should be -- */

static void test_corrupt(void **state) {
        struct fixture *f = *state;
        struct rv_store *store = open_store(f);
        for (int i = 0; i < 200; i++) {
                char key[16];
                sprintf(key, "%d", i);
                assert_int_equal(put(store, RV_RECORD_SEEN, key, 0, 300), 0);
        }
        rv_store_close(store);
        _cleanup_close_ int fd = open(f->file, O_RDWR);
        char noise[4096];
        memset(noise, 0xa5, sizeof(noise));
        assert_int_equal(pwrite(fd, noise, sizeof(noise), 4096 * 5), sizeof(noise));
        expect_refused(f, "put a backup in its place");
        assert_int_equal(pwrite(fd, noise, sizeof(noise), 0), sizeof(noise));
        expect_refused(f, "put a backup in its place");
}

static void test_truncated(void **state) {
        struct fixture *f = *state;
        struct rv_store *store = open_store(f);
        for (int i = 0; i < 20; i++) {
                char key[16];
                sprintf(key, "%d", i);
                assert_int_equal(put(store, RV_RECORD_SEEN, key, 0, 3000), 0);
        }
        rv_store_close(store);
        assert_int_equal(truncate(f->file, 4096 * 3), 0);
        expect_refused(f, "cannot be used");
}

static void test_foreign(void **state) {
        struct fixture *f = *state;
        run_sql(f, "CREATE TABLE songs (title TEXT)");
        expect_refused(f, "another program");
        run_sql(f, "DROP TABLE songs; PRAGMA application_id=1");
        expect_refused(f, "another program");
}

static void test_newer(void **state) {
        struct fixture *f = *state;
        rv_store_close(open_store(f));
        run_sql(f, "PRAGMA user_version=999");
        expect_refused(f, "newer revertd");
}

static void test_damaged_record(void **state) {
        struct fixture *f = *state;
        rv_store_close(open_store(f));
        run_sql(f, "INSERT INTO record (kind, key, sort, version, value) VALUES ('act', 'k', 0, 1, '{\"a\":')");
        struct rv_store *store = open_store(f);
        struct rv_record record;
        struct rv_error err = {0};
        assert_int_equal(rv_store_get(store, RV_RECORD_ACT, "k", &record, &err), -EUCLEAN);
        assert_non_null(strstr(err.text, "act k"));
        rv_store_close(store);
}

/* -- Migrations -- */

/* As the first release made it, byte for byte in meaning: what a later one must still read. */
static const char version_1[] =
        "CREATE TABLE record (kind TEXT NOT NULL, key TEXT NOT NULL, sort INTEGER NOT NULL, version INTEGER NOT NULL,"
        " value TEXT NOT NULL);"
        "CREATE UNIQUE INDEX record_key ON record (kind, key);"
        "CREATE INDEX record_sort ON record (kind, sort, key);"
        "INSERT INTO record VALUES ('pause', 'rule:page', 17, 3, '{\"note\":\"migration\"}');"
        "PRAGMA application_id=1920365156; PRAGMA user_version=1;";

static void test_version_1(void **state) {
        struct fixture *f = *state;
        run_sql(f, version_1);
        struct rv_store *store = open_store(f);
        struct rv_record record;
        assert_int_equal(rv_store_get(store, RV_RECORD_PAUSE, "rule:page", &record, NULL), 0);
        assert_int_equal(record.sort, 17);
        assert_int_equal(record.version, 3);
        assert_string_equal(json_string_value(json_object_get(record.value, "note")), "migration");
        rv_record_done(&record);
        rv_store_close(store);
}

static void test_version_0(void **state) {
        struct fixture *f = *state;
        _cleanup_close_ int fd = open(f->file, O_WRONLY | O_CREAT, 0600);
        assert_true(fd >= 0);
        rv_store_close(open_store(f));
        sqlite3 *db;
        int version;
        assert_int_equal(sqlite3_open(f->file, &db), SQLITE_OK);
        assert_int_equal(sqlite_get_int(db, "PRAGMA user_version", &version, NULL), 0);
        assert_int_equal(version, schema_version);
        sqlite3_close(db);
}

static void test_steps(void **state) {
        struct fixture *f = *state;
        static const char *const broken[] = {"CREATE TABLE a (x)", "CREATE TABLE b (x); INSERT INTO a VALUES (2)",
                                             "INSERT INTO a VALUES (3); INSERT INTO missing VALUES (1)"};
        static const char *const mended[] = {"not run again", "nor this",
                                             "INSERT INTO a VALUES (3); INSERT INTO b VALUES (1)"};
        sqlite3 *db;
        int version, count;
        assert_int_equal(sqlite3_open(f->file, &db), SQLITE_OK);
        struct rv_error err = {0};
        assert_true(schema_migrate(db, broken, 3, &err) < 0);
        assert_non_null(strstr(err.text, "version 3"));
        assert_int_equal(sqlite_get_int(db, "PRAGMA user_version", &version, NULL), 0);
        assert_int_equal(version, 2);
        assert_int_equal(sqlite_get_int(db, "SELECT count(*) FROM a", &count, NULL), 0);
        assert_int_equal(count, 1);
        assert_int_equal(schema_migrate(db, mended, 3, &err), 0);
        assert_int_equal(sqlite_get_int(db, "SELECT count(*) FROM a", &count, NULL), 0);
        assert_int_equal(count, 2);
        assert_int_equal(schema_migrate(db, mended, 2, &err), -EUCLEAN);
        sqlite3_close(db);
}

/* -- No space -- */

static int fill_up(const char *path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        static char zeros[4096];
        while (write(fd, zeros, sizeof(zeros)) == sizeof(zeros))
                ;
        return fd;
}

static void expect_ballast(struct fixture *f, bool there) {
        char path[96];
        struct stat st;
        sprintf(path, "%s/ballast", f->directory);
        assert_int_equal(stat(path, &st) == 0, there);
        if (there)
                assert_true(st.st_blocks * 512 >= BALLAST_BYTES);
}

/* Writes until the disk has no more; the last write is the refused one. */
static int write_until_refused(struct rv_store *store, enum rv_record_kind kind, int64_t expect) {
        for (int i = 0; i < 10000; i++) {
                char key[24];
                sprintf(key, "%s%d", expect == 0 ? "new" : "any", i);
                int r = put(store, kind, key, expect, 2000);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void test_full_disk(void **state) {
        struct fixture *f = *state;
        if (mount("tmpfs", f->directory, "tmpfs", 0, "size=8m") < 0)
                skip(); /* not root: the limit on file sizes below stands for it */
        f->is_mounted = true;
        struct rv_store *store = open_store(f);
        assert_int_equal(put(store, RV_RECORD_INCIDENT, "under way", 0, 2000), 0);
        expect_ballast(f, true);
        char filler[96];
        sprintf(filler, "%s/filler", f->directory);
        _cleanup_close_ int fd = fill_up(filler);

        /* Nothing new is begun; what is under way goes on, even after closing and opening again. */
        assert_int_equal(write_until_refused(store, RV_RECORD_INCIDENT, 0), -ENOSPC);
        expect_ballast(f, false);
        assert_int_equal(put(store, RV_RECORD_INCIDENT, "under way", 1, 2000), 0);
        assert_int_equal(put(store, RV_RECORD_TRANSITION, "under way/1", 0, 300), 0);
        rv_store_close(store);
        store = open_store(f);
        assert_int_equal(put(store, RV_RECORD_ACT, "other", 0, 10), -ENOSPC);
        assert_int_equal(put(store, RV_RECORD_INCIDENT, "under way", 2, 2000), 0);

        /* The way out is finite, and the store stays whole at its end. */
        assert_int_equal(write_until_refused(store, RV_RECORD_SEEN, -1), -ENOSPC);
        rv_store_close(store);

        assert_int_equal(ftruncate(fd, 0), 0);
        store = open_store(f);
        expect_ballast(f, true);
        assert_int_equal(put(store, RV_RECORD_INCIDENT, "under way", 3, 2000), 0);
        assert_int_equal(put(store, RV_RECORD_ACT, "other", 0, 10), 0);
        rv_store_close(store);
}

static void test_space_returns(void **state) {
        struct fixture *f = *state;
        if (mount("tmpfs", f->directory, "tmpfs", 0, "size=8m") < 0)
                skip();
        f->is_mounted = true;
        struct rv_store *store = open_store(f);
        char filler[96];
        sprintf(filler, "%s/filler", f->directory);
        _cleanup_close_ int fd = fill_up(filler);
        assert_int_equal(write_until_refused(store, RV_RECORD_INCIDENT, 0), -ENOSPC);
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(put(store, RV_RECORD_INCIDENT, "after", 0, 2000), 0);
        expect_ballast(f, true);
        rv_store_close(store);
}

static void test_file_limit(void **state) {
        struct fixture *f = *state;
        struct rv_store *store = open_store(f);
        assert_int_equal(put(store, RV_RECORD_PAUSE, "before", 0, 10), 0);
        signal(SIGXFSZ, SIG_IGN);
        struct rlimit before;
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){64 << 10, before.rlim_max}), 0);
        int r = put(store, RV_RECORD_PAUSE, "large", 0, 200000);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(r, -ENOSPC);
        struct rv_record record;
        assert_int_equal(rv_store_get(store, RV_RECORD_PAUSE, "large", &record, NULL), -ENOENT);
        assert_int_equal(put(store, RV_RECORD_PAUSE, "large", 0, 200000), 0);
        rv_store_close(store);
}

/* A DynamicUser's state directory is a symbolic link; the file itself must be none. */
static void test_links(void **state) {
        struct fixture *f = *state;
        struct rv_store *store = NULL;
        struct rv_error err = {0};
        char link[96];

        snprintf(link, sizeof(link), "%s.link", f->directory);
        assert_int_equal(symlink(f->directory, link), 0);
        int r = rv_store_open(&store, link, &err);
        unlink(link);
        if (r < 0)
                fail_msg("%s", err.text);
        assert_int_equal(put(store, RV_RECORD_PAUSE, "", 0, 10), 0);
        rv_store_close(store);

        char moved[128];
        snprintf(moved, sizeof(moved), "%s.moved", f->file);
        assert_int_equal(rename(f->file, moved), 0);
        assert_int_equal(symlink(moved, f->file), 0);
        assert_true(rv_store_open(&store, f->directory, &err) < 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_links, setup, teardown),
                cmocka_unit_test_setup_teardown(test_corrupt, setup, teardown),
                cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
                cmocka_unit_test_setup_teardown(test_foreign, setup, teardown),
                cmocka_unit_test_setup_teardown(test_newer, setup, teardown),
                cmocka_unit_test_setup_teardown(test_damaged_record, setup, teardown),
                cmocka_unit_test_setup_teardown(test_version_1, setup, teardown),
                cmocka_unit_test_setup_teardown(test_version_0, setup, teardown),
                cmocka_unit_test_setup_teardown(test_steps, setup, teardown),
                cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
                cmocka_unit_test_setup_teardown(test_space_returns, setup, teardown),
                cmocka_unit_test_setup_teardown(test_file_limit, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
