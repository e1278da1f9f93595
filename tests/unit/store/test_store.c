/* The store: what is written is read, whole batches or none, versions compared, order of lists. */
#include "revertd/store.h"

#include "revertd/cleanup.h"
#include "revertd/json.h"

#include <errno.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after the above */
#include <cmocka.h>

struct fixture {
        char directory[64];
        struct rv_store *store;
};

static void fixture_open(struct fixture *f) {
        struct rv_error err = {0};
        if (rv_store_open(&f->store, f->directory, &err) < 0)
                fail_msg("%s", err.text);
}

static int setup(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));
        strcpy(f->directory, "/tmp/revertd-store-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        strcat(f->directory, "/state");
        fixture_open(f);
        *state = f;
        return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st, (void)type, (void)ftw;
        return remove(path);
}

static int teardown(void **state) {
        struct fixture *f = *state;
        rv_store_close(f->store);
        *strrchr(f->directory, '/') = '\0';
        nftw(f->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        free(f);
        return 0;
}

static int commit_put(struct rv_store *store, enum rv_record_kind kind, const char *key, int64_t sort, int64_t expect,
                      int value) {
        struct rv_batch batch = {0};
        struct rv_error err = {0};
        assert_int_equal(rv_batch_put(&batch, kind, key, sort, expect, json_integer(value)), 0);
        int r = rv_store_commit(store, &batch, &err);
        assert_int_equal(r < 0, err.text[0] != '\0');
        rv_batch_done(&batch);
        return r;
}

static int64_t version_of(struct rv_store *store, enum rv_record_kind kind, const char *key) {
        struct rv_record record;
        int r = rv_store_get(store, kind, key, &record, NULL);
        if (r < 0)
                return r;
        int64_t version = record.version;
        rv_record_done(&record);
        return version;
}

static void test_read_back(void **state) {
        struct fixture *f = *state;
        struct rv_batch batch = {0};
        json_t *value = json_pack("{s:s, s:f, s:[i, n]}", "text", "\xe2\x80\xae<\"\n", "real", 0.1, "list", 7);
        json_incref(value);
        assert_int_equal(rv_batch_put(&batch, RV_RECORD_INCIDENT, "a/b", INT64_MIN, 0, value), 0);
        assert_int_equal(rv_store_commit(f->store, &batch, NULL), 0);
        rv_batch_done(&batch);
        rv_store_close(f->store);
        fixture_open(f);
        struct rv_record record;
        assert_int_equal(rv_store_get(f->store, RV_RECORD_INCIDENT, "a/b", &record, NULL), 0);
        assert_string_equal(record.key, "a/b");
        assert_int_equal(record.kind, RV_RECORD_INCIDENT);
        assert_true(record.sort == INT64_MIN);
        assert_int_equal(record.version, 1);
        assert_true(json_equal(record.value, value));
        rv_record_done(&record);
        json_decref(value);
        assert_int_equal(rv_store_get(f->store, RV_RECORD_ACT, "a/b", &record, NULL), -ENOENT);
        assert_true(rv_store_size_bytes(f->store) > 0);
}

static void test_versions_are_compared(void **state) {
        struct rv_store *store = ((struct fixture *)*state)->store;
        assert_int_equal(commit_put(store, RV_RECORD_HEAD, "k", 0, 1, 1), -ESTALE);
        assert_int_equal(commit_put(store, RV_RECORD_HEAD, "k", 0, 0, 1), 0);
        assert_int_equal(commit_put(store, RV_RECORD_HEAD, "k", 0, 0, 2), -ESTALE);
        assert_int_equal(version_of(store, RV_RECORD_HEAD, "k"), 1);
        assert_int_equal(commit_put(store, RV_RECORD_HEAD, "k", 0, 1, 2), 0);
        assert_int_equal(version_of(store, RV_RECORD_HEAD, "k"), 2);
        assert_int_equal(commit_put(store, RV_RECORD_HEAD, "k", 0, 1, 3), -ESTALE);
        assert_int_equal(commit_put(store, RV_RECORD_HEAD, "k", 0, -1, 3), 0);
        assert_int_equal(version_of(store, RV_RECORD_HEAD, "k"), 3);
        assert_int_equal(commit_put(store, RV_RECORD_HEAD, "new", 0, -1, 3), 0);
        assert_int_equal(version_of(store, RV_RECORD_HEAD, "new"), 1);
}

static void test_batch_is_whole_or_nothing(void **state) {
        struct rv_store *store = ((struct fixture *)*state)->store;
        assert_int_equal(commit_put(store, RV_RECORD_HEAD, "there", 0, 0, 1), 0);
        struct rv_batch batch = {0};
        struct rv_error err = {0};
        assert_int_equal(rv_batch_put(&batch, RV_RECORD_HEAD, "first", 0, 0, json_integer(1)), 0);
        assert_int_equal(rv_batch_delete(&batch, RV_RECORD_HEAD, "there"), 0);
        assert_int_equal(rv_batch_put(&batch, RV_RECORD_HEAD, "last", 0, 9, json_integer(1)), 0);
        assert_int_equal(rv_store_commit(store, &batch, &err), -ESTALE);
        assert_non_null(strstr(err.text, "head last"));
        rv_batch_done(&batch);
        assert_int_equal(version_of(store, RV_RECORD_HEAD, "first"), -ENOENT);
        assert_int_equal(version_of(store, RV_RECORD_HEAD, "there"), 1);
        assert_int_equal(rv_batch_delete(&batch, RV_RECORD_HEAD, "there"), 0);
        assert_int_equal(rv_batch_delete(&batch, RV_RECORD_HEAD, "never was"), 0);
        assert_int_equal(rv_store_commit(store, &batch, &err), 0);
        rv_batch_done(&batch);
        assert_int_equal(version_of(store, RV_RECORD_HEAD, "there"), -ENOENT);
        assert_int_equal(rv_batch_put(&batch, RV_RECORD_HEAD, "null", 0, 0, NULL), -ENOMEM);
        assert_int_equal(batch.n, 0);
}

struct listed {
        char keys[256];
        int stop_after;
        struct rv_store *store;
};

static int take_key(const struct rv_record *record, void *userdata) {
        struct listed *listed = userdata;
        strcat(strcat(listed->keys, record->key), " ");
        if (listed->store) /* reading and writing from within a list */
                assert_int_equal(commit_put(listed->store, RV_RECORD_PAUSE, record->key, 0, -1, 1), 0);
        return listed->stop_after > 0 && --listed->stop_after == 0 ? 42 : 0;
}

static void expect_list(struct rv_store *store, const char *prefix, bool descending, size_t limit, const char *keys) {
        struct listed listed = {0};
        assert_int_equal(rv_store_list(store, RV_RECORD_OUTBOX, prefix, descending, limit, take_key, &listed, NULL), 0);
        assert_string_equal(listed.keys, keys);
}

static void test_lists(void **state) {
        struct rv_store *store = ((struct fixture *)*state)->store;
        static const struct {
                const char *key;
                int64_t sort;
        } row[] = {{"a/2", 5}, {"a/1", 5}, {"b/1", 1}, {"a/0", 9}, {"a", 7}, {"\xc3\xa4/1", 3}, {"a_/1", -4}};
        for (size_t i = 0; i < RV_ARRAY_SIZE(row); i++)
                assert_int_equal(commit_put(store, RV_RECORD_OUTBOX, row[i].key, row[i].sort, 0, 1), 0);
        assert_int_equal(commit_put(store, RV_RECORD_THREAD, "a/7", 0, 0, 1), 0);
        expect_list(store, "", false, 0, "a_/1 b/1 \xc3\xa4/1 a/1 a/2 a a/0 ");
        expect_list(store, "", true, 3, "a/0 a a/2 ");
        expect_list(store, "a/", false, 0, "a/1 a/2 a/0 ");
        expect_list(store, "a/", true, 2, "a/0 a/2 ");
        expect_list(store, "\xc3\xa4", false, 0, "\xc3\xa4/1 ");
        expect_list(store, "%", false, 0, "");
        size_t n;
        assert_int_equal(rv_store_count(store, RV_RECORD_OUTBOX, "", &n, NULL), 0);
        assert_int_equal(n, 7);
        assert_int_equal(rv_store_count(store, RV_RECORD_OUTBOX, "a/", &n, NULL), 0);
        assert_int_equal(n, 3);
        struct listed listed = {.stop_after = 2, .store = store};
        assert_int_equal(rv_store_list(store, RV_RECORD_OUTBOX, "", false, 0, take_key, &listed, NULL), 42);
        assert_string_equal(listed.keys, "a_/1 b/1 ");
        assert_int_equal(version_of(store, RV_RECORD_PAUSE, "b/1"), 1);
}

static void test_files_are_ours_alone(void **state) {
        struct fixture *f = *state;
        assert_int_equal(commit_put(f->store, RV_RECORD_HEAD, "k", 0, 0, 1), 0);
        struct stat st;
        assert_int_equal(stat(f->directory, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0700);
        static const char *const names[] = {"revertd.db", "revertd.db-wal", "ballast"};
        for (size_t i = 0; i < RV_ARRAY_SIZE(names); i++) {
                _cleanup_free_ char *path = NULL;
                assert_true(asprintf(&path, "%s/%s", f->directory, names[i]) > 0);
                assert_int_equal(stat(path, &st), 0);
                assert_int_equal(st.st_mode & 0777, 0600);
        }
}

static void test_second_is_refused(void **state) {
        struct fixture *f = *state;
        pid_t pid = fork();
        if (pid == 0) {
                struct rv_store *second;
                struct rv_error err = {0};
                int r = rv_store_open(&second, f->directory, &err);
                _exit(r == -EBUSY && strstr(err.text, "another revertd") ? 0 : 1);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(commit_put(f->store, RV_RECORD_HEAD, "k", 0, 0, 1), 0);
}

static void test_memory(void **state) {
        (void)state;
        struct rv_store *store;
        assert_int_equal(rv_store_open_memory(&store, NULL), 0);
        assert_int_equal(commit_put(store, RV_RECORD_HEAD, "k", 0, 0, 1), 0);
        assert_int_equal(commit_put(store, RV_RECORD_HEAD, "k", 0, 0, 1), -ESTALE);
        assert_int_equal(version_of(store, RV_RECORD_HEAD, "k"), 1);
        assert_int_equal(rv_store_size_bytes(store), 0);
        rv_store_close(store);
}

/* -- Killed at any instant: whole batches, and none that was acknowledged is missing -- */

enum { KILLS = 12, RECORDS_A_BATCH = 6 };

static void commit_for_ever(const char *directory, int acknowledge_fd) {
        struct rv_store *store;
        if (rv_store_open(&store, directory, NULL) < 0)
                _exit(1);
        struct rv_record record;
        int64_t from = 0;
        if (rv_store_get(store, RV_RECORD_HEAD, "0", &record, NULL) == 0)
                from = json_integer_value(record.value);
        for (int32_t i = (int32_t)from + 1;; i++) {
                struct rv_batch batch = {0};
                for (int n = 0; n < RECORDS_A_BATCH; n++) {
                        char key[2] = {(char)('0' + n), '\0'};
                        if (rv_batch_put(&batch, RV_RECORD_HEAD, key, i, -1, json_integer(i)) < 0)
                                _exit(1);
                }
                if (rv_store_commit(store, &batch, NULL) < 0 || write(acknowledge_fd, &i, sizeof(i)) != sizeof(i))
                        _exit(1);
                rv_batch_done(&batch);
        }
}

static int32_t run_and_kill(const char *directory, int after) {
        int fd[2];
        assert_int_equal(pipe(fd), 0);
        pid_t pid = fork();
        if (pid == 0) {
                close(fd[0]);
                commit_for_ever(directory, fd[1]);
        }
        close(fd[1]);
        int32_t acknowledged = 0;
        for (int i = 0; i < after; i++)
                assert_int_equal(read(fd[0], &acknowledged, sizeof(acknowledged)), sizeof(acknowledged));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        while (read(fd[0], &acknowledged, sizeof(acknowledged)) == sizeof(acknowledged))
                ;
        close(fd[0]);
        return acknowledged;
}

static void test_killed(void **state) {
        struct fixture *f = *state;
        for (int n = 0; n < KILLS; n++) {
                f->store = rv_store_close(f->store);
                int32_t acknowledged = run_and_kill(f->directory, 1 + n * 7);
                fixture_open(f);
                int64_t value = -1;
                for (int i = 0; i < RECORDS_A_BATCH; i++) {
                        struct rv_record record;
                        char key[2] = {(char)('0' + i), '\0'};
                        assert_int_equal(rv_store_get(f->store, RV_RECORD_HEAD, key, &record, NULL), 0);
                        if (i == 0)
                                value = json_integer_value(record.value);
                        assert_int_equal(json_integer_value(record.value), value);
                        rv_record_done(&record);
                }
                assert_in_range(value, acknowledged, acknowledged + 1);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_read_back, setup, teardown),
                cmocka_unit_test_setup_teardown(test_versions_are_compared, setup, teardown),
                cmocka_unit_test_setup_teardown(test_batch_is_whole_or_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(test_lists, setup, teardown),
                cmocka_unit_test_setup_teardown(test_files_are_ours_alone, setup, teardown),
                cmocka_unit_test_setup_teardown(test_second_is_refused, setup, teardown),
                cmocka_unit_test(test_memory),
                cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
