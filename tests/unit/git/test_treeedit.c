/* Edited trees against those that libgit2's index writes, written as files that git must be able to read. */
#include "git/object_files.h"
#include "git/treeedit.h"

#include "repo.h"

enum { ROUNDS = 150, EDITS_MAX = 12 };

struct world {
        struct repo repo;
        git_repository *git;
        git_odb *odb;
        git_oid blobs[4];
};

static int set_up(void **state) {
        static struct world world;
        struct rv_error err = {};

        assert_int_equal(rv_libgit2_init(&err), 0);
        repo_make(&world.repo);
        repo_change(&world.repo, 1000, "a", "1");
        world.git = repo_open(&world.repo);
        assert_int_equal(rv_object_files_use(world.git, &err), 0);
        assert_int_equal(git_repository_odb(&world.odb, world.git), 0);
        for (size_t i = 0; i < RV_ARRAY_SIZE(world.blobs); i++) {
                char text[16];
                snprintf(text, sizeof text, "blob %zu\n", i);
                assert_int_equal(git_odb_write(&world.blobs[i], world.odb, text, strlen(text), GIT_OBJECT_BLOB), 0);
        }
        *state = &world;
        return 0;
}

static int tear_down(void **state) {
        struct world *world = *state;

        git_odb_free(world->odb);
        git_repository_free(world->git);
        repo_remove(&world->repo);
        git_libgit2_shutdown();
        return 0;
}

static int clash(void *userdata, const char *path) {
        (void)path;
        *(bool *)userdata = true;
        return 0;
}

/* Names that sort differently as files and as folders. */
static void make_path(char path[static 32]) {
        static const char *const names[] = {"a", "a-b", "a.b", "a0", "b", "b-", "ba", "c"};

        if (random() % 2)
                snprintf(path, 32, "%s", names[random() % 8]);
        else
                snprintf(path, 32, "%s/%s", names[random() % 8], names[random() % 8]);
}

static bool stands_in_the_way(git_index *index, const char *path) {
        size_t n = strlen(path);

        for (size_t i = 0; i < git_index_entrycount(index); i++) {
                const char *other = git_index_get_byindex(index, i)->path;
                size_t n_other = strlen(other);
                if ((strncmp(other, path, n) == 0 && other[n] == '/') ||
                    (strncmp(path, other, n_other) == 0 && path[n_other] == '/'))
                        return true;
        }
        return false;
}

static void change(struct world *world, git_index *index, struct rv_tree_edit *edits, size_t *n) {
        char path[32];

        make_path(path);
        for (size_t i = 0; i < *n; i++)
                if (strcmp(edits[i].path, path) == 0)
                        return;
        struct rv_tree_edit *edit = &edits[*n];
        *edit = (struct rv_tree_edit){0};
        if (random() % 3 > 0) {
                if (stands_in_the_way(index, path))
                        return;
                edit->entry.mode = GIT_FILEMODE_BLOB;
                edit->entry.id = world->blobs[random() % 4];
                git_index_entry entry = {.mode = GIT_FILEMODE_BLOB, .id = edit->entry.id, .path = path};
                assert_int_equal(git_index_add(index, &entry), 0);
        } else if (git_index_get_bypath(index, path, 0)) {
                assert_int_equal(git_index_remove(index, path, 0), 0);
        } else {
                return;
        }
        edit->path = strdup(path);
        assert_non_null(edit->path);
        ++*n;
}

static void test_edits_equal_the_index(void **state) {
        struct world *world = *state;
        git_index *index;
        git_oid tree;

        srandom(20240607);
        assert_int_equal(git_index_new(&index), 0);
        assert_int_equal(git_odb_write(&tree, world->odb, "", 0, GIT_OBJECT_TREE), 0);
        for (unsigned round = 0; round < ROUNDS; round++) {
                struct rv_tree_edit edits[EDITS_MAX];
                struct rv_oid_list written = {0};
                struct rv_error err = {};
                bool clashed = false;
                git_oid wanted, made;
                size_t n = 0;

                for (unsigned i = 0; i < EDITS_MAX; i++)
                        change(world, index, edits, &n);
                assert_int_equal(git_index_write_tree_to(&wanted, index, world->git), 0);
                assert_int_equal(
                        rv_tree_edit_apply(world->odb, &tree, edits, n, clash, &clashed, &written, &made, &err), 0);
                assert_false(clashed);
                assert_true(git_oid_equal(&made, &wanted));
                tree = made;
                rv_oid_list_done(&written);
                for (size_t i = 0; i < n; i++)
                        free(edits[i].path);
        }
        assert_true(git_index_entrycount(index) > 0);
        git_index_free(index);
}

static void test_git_reads_the_files(void **state) {
        struct world *world = *state;
        char hex[GIT_OID_HEXSZ + 1];
        const size_t n = 300000; /* several stored blocks */
        git_odb_object *object;
        git_oid id;

        char *data = malloc(n);
        assert_non_null(data);
        memset(data, 'x', n);
        assert_int_equal(git_odb_write(&id, world->odb, data, n, GIT_OBJECT_BLOB), 0);
        git_oid_tostr(hex, sizeof hex, &id);
        assert_string_equal(repo_ask(&world->repo, "git -C work cat-file -s %s", hex), "300000");
        assert_string_equal(repo_ask(&world->repo,
                                     "git -C work fsck --strict --no-dangling 2>&1 && git -C work cat-file -t %s", hex),
                            "blob");
        /* It is stored as it is: no smaller. */
        assert_true(atol(repo_ask(&world->repo, "stat -c %%s work/.git/objects/%.2s/%s", hex, hex + 2)) > (long)n);
        assert_int_equal(git_odb_read(&object, world->odb, &id), 0);
        assert_int_equal(git_odb_object_size(object), n);
        assert_memory_equal(git_odb_object_data(object), data, n);
        git_odb_object_free(object);
        free(data);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_edits_equal_the_index),
                cmocka_unit_test(test_git_reads_the_files),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
