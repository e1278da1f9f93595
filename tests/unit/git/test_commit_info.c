#include "git/commit_info.h"
#include "git/utf8.h"

#include "repo.h"

struct world {
        struct repo repo;
        git_repository *git;
};

static int set_up(void **state) {
        static struct world world;
        struct rv_error err = {};

        assert_int_equal(rv_libgit2_init(&err), 0);
        repo_make(&world.repo);
        repo_change(&world.repo, 1000, "a", "1");
        world.git = repo_open(&world.repo);
        *state = &world;
        return 0;
}

static int tear_down(void **state) {
        struct world *world = *state;

        git_repository_free(world->git);
        repo_remove(&world->repo);
        git_libgit2_shutdown();
        return 0;
}

/* Commit with this message, and read what it says. */
static void read_message(struct world *world, const char *message, struct rv_commit *ret) {
        struct rv_error err = {};
        char path[128];
        git_oid id;
        FILE *file;

        snprintf(path, sizeof(path), "%s/message", world->repo.folder);
        file = fopen(path, "we");
        assert_non_null(file);
        fputs(message, file);
        assert_int_equal(fclose(file), 0);
        /* Not git commit, which cleans up. */
        repo_run(&world->repo,
                 "(git -C work cat-file commit HEAD | sed '/^$/,$d; /^parent/d' | "
                 "sed 's/> [0-9]* /> 2000 /; 1a parent '$(git -C work rev-parse HEAD); echo; cat message) "
                 "> commit; git -C work update-ref HEAD $(git -C work hash-object -t commit -w "
                 "--literally ../commit)");
        repo_id(&world->repo, "HEAD", &id);
        assert_int_equal(rv_commit_info_read(world->git, &id, ret, &err), 0);
}

static void test_plain(void **state) {
        struct rv_commit commit;

        read_message(*state, "Roll out 1.2.3\n\nBecause.\n", &commit);
        assert_string_equal(commit.subject, "Roll out 1.2.3");
        assert_string_equal(commit.author_name, "Ana");
        assert_string_equal(commit.author_email, "ana@example.com");
        assert_int_equal(commit.author_usec, 2000000000);
        assert_int_equal(commit.commit_usec, 2000000000);
        assert_int_equal(commit.n_parents, 1);
        assert_false(commit.skip);
        assert_null(commit.incident);
        assert_int_equal(commit.n_reverts, 0);
        rv_commit_done(&commit);
}

static void test_skip_is_a_trailer_only(void **state) {
        static const struct {
                const char *message;
                bool skip;
        } cases[] = {
                {"x\n\nRevertd: skip\n", true},
                {"x\n\nrevertd: SKIP\n", true},
                {"x\n\nBody.\n\nSigned-off-by: A <a@b>\nRevertd: skip\n", true},
                {"x\n\nRevertd: skip\n\nSigned-off-by: A <a@b>\n", false},
                {"x\n\nRevertd: skipping\n", false},
                {"x\n\nThey said\nRevertd: skip\nin the middle of\na paragraph\nof prose\n", false},
                {"Revertd: skip\n", false},
        };

        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++) {
                struct rv_commit commit;

                read_message(*state, cases[i].message, &commit);
                assert_int_equal(commit.skip, cases[i].skip);
                rv_commit_done(&commit);
        }
}

static void test_reverts_are_found(void **state) {
        struct world *world = *state;
        struct rv_commit commit;
        struct rv_oid first;
        char message[1024];

        repo_hex(&world->repo, "HEAD", &first);
        snprintf(message, sizeof(message),
                 "Revert \"x\"\n\nThis reverts commit %040d, reversing\nchanges made to %040d.\n"
                 "This reverts commit %.9s (x, 2026-01-01).\n\n"
                 "Revertd-Reverts: %s\nRevertd-Reverts: %040d\nRevertd-Incident: 7f3c\n",
                 1, 2, first.hex, first.hex, 3);
        read_message(world, message, &commit);
        assert_string_equal(commit.incident, "7f3c");
        assert_int_equal(commit.n_reverts, 3);
        assert_string_equal(commit.reverts[0].hex, first.hex);
        assert_string_equal(commit.reverts[1].hex, "0000000000000000000000000000000000000003");
        assert_string_equal(commit.reverts[2].hex, "0000000000000000000000000000000000000001");
        rv_commit_done(&commit);
}

static void test_as_git_revert_writes_it(void **state) {
        struct world *world = *state;
        struct rv_error err = {};
        struct rv_commit commit;
        struct rv_oid reverted;
        git_oid id;

        repo_change(&world->repo, 3000, "b", "1");
        repo_hex(&world->repo, "HEAD", &reverted);
        repo_run(&world->repo, "cd work; git revert --no-edit HEAD >/dev/null");
        repo_id(&world->repo, "HEAD", &id);
        assert_int_equal(rv_commit_info_read(world->git, &id, &commit, &err), 0);
        assert_int_equal(commit.n_reverts, 1);
        assert_string_equal(commit.reverts[0].hex, reverted.hex);
        rv_commit_done(&commit);
}

static void test_too_many_reverts_are_cut(void **state) {
        _cleanup_free_ char *message = NULL;
        struct rv_commit commit;
        size_t n = 0;
        FILE *out = open_memstream(&message, &n);

        fputs("x\n\n", out);
        for (int i = 1; i <= 1000; i++)
                fprintf(out, "This reverts commit %040d.\n", i);
        fclose(out);
        read_message(*state, message, &commit);
        assert_int_equal(commit.n_reverts, RV_REVERT_COMMITS_MAX);
        rv_commit_done(&commit);
}

static void test_bad_bytes_become_valid(void **state) {
        struct rv_commit commit;

        read_message(*state, "bad \xFF\xC3 bytes \xC3\xA4\n", &commit);
        assert_string_equal(commit.subject, "bad \xEF\xBF\xBD\xEF\xBF\xBD bytes \xC3\xA4");
        rv_commit_done(&commit);
}

static void test_utf8_is_cut_on_a_boundary(void **state) {
        _cleanup_free_ char *cut = rv_utf8_copy("ab\xC3\xA4\xC3\xA4", 5);
        _cleanup_free_ char *bad = rv_utf8_copy("\xFF\xFF", 5);
        _cleanup_free_ char *empty = rv_utf8_copy("", 0);

        (void)state;
        assert_string_equal(cut, "ab\xC3\xA4");
        assert_string_equal(bad, "\xEF\xBF\xBD");
        assert_string_equal(empty, "");
}

/* Nobody knows whether it asks to be left alone, so it is. */
static void test_a_huge_message_is_not_read(void **state) {
        struct world *world = *state;
        struct rv_error err = {};
        struct rv_commit commit;
        git_oid id;

        repo_run(&world->repo, "{ echo huge; echo; head -c 1100000 /dev/zero | tr '\\0' x; } > message");
        repo_commit(&world->repo, 2000, "-F ../message");
        repo_id(&world->repo, "HEAD", &id);
        assert_int_equal(rv_commit_info_read(world->git, &id, &commit, &err), 0);
        assert_string_equal(commit.subject, "huge");
        assert_true(commit.skip);
        rv_commit_done(&commit);
        repo_run(&world->repo, "cd work; git reset -q --hard HEAD~1");
}

static void test_a_huge_commit_is_refused(void **state) {
        struct world *world = *state;
        struct rv_error err = {};
        struct rv_commit commit;
        git_oid id;

        repo_run(&world->repo, "head -c 17000000 /dev/zero | tr '\\0' x > message");
        repo_commit(&world->repo, 2000, "-F ../message");
        repo_id(&world->repo, "HEAD", &id);
        assert_int_equal(rv_commit_info_read(world->git, &id, &commit, &err), -E2BIG);
        assert_non_null(strstr(err.text, "over the cap"));
        repo_run(&world->repo, "cd work; git reset -q --hard HEAD~1");
}

/* A message of nothing but trailer lines must not take long to read. */
static void test_many_trailers(void **state) {
        _cleanup_free_ char *message = NULL;
        struct rv_commit commit;
        size_t n = 0;
        FILE *out = open_memstream(&message, &n);

        fputs("x\n\n", out);
        for (int i = 0; i < 60000; i++)
                fprintf(out, "A: b\n");
        fputs("Revertd: skip\n", out);
        fclose(out);
        read_message(*state, message, &commit);
        assert_true(commit.skip);
        rv_commit_done(&commit);
}

/* Merged by a forge, with a message that says nothing. */
static void test_a_merge_of_ours_is_ours(void **state) {
        struct world *world = *state;
        struct rv_error err = {};
        struct rv_commit commit;
        git_oid id;

        repo_run(&world->repo,
                 "cd work; git switch -q -c revertd/7f3c; git commit -q --allow-empty -m 'Revert \"x\"' -m "
                 "\"$(printf 'Revertd-Incident: 7f3c\\nRevertd-Reverts: %%s' $(git rev-parse HEAD))\"; git switch -q "
                 "main; "
                 "git commit -q --allow-empty -m 'In between'; "
                 "git merge -q --no-ff -m 'Merge pull request #5' revertd/7f3c");
        repo_id(&world->repo, "HEAD", &id);
        assert_int_equal(rv_commit_info_read(world->git, &id, &commit, &err), 0);
        assert_string_equal(commit.subject, "Merge pull request #5");
        assert_string_equal(commit.incident, "7f3c");
        assert_int_equal(commit.n_reverts, 1);
        rv_commit_done(&commit);

        repo_run(&world->repo,
                 "cd work; git switch -q -c more; git commit -q --allow-empty -m more; git switch -q main; "
                 "git merge -q --no-ff -m 'Merge another' more");
        repo_id(&world->repo, "HEAD", &id);
        assert_int_equal(rv_commit_info_read(world->git, &id, &commit, &err), 0);
        assert_null(commit.incident);
        assert_int_equal(commit.n_reverts, 0);
        rv_commit_done(&commit);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plain),
                cmocka_unit_test(test_skip_is_a_trailer_only),
                cmocka_unit_test(test_reverts_are_found),
                cmocka_unit_test(test_as_git_revert_writes_it),
                cmocka_unit_test(test_too_many_reverts_are_cut),
                cmocka_unit_test(test_bad_bytes_become_valid),
                cmocka_unit_test(test_utf8_is_cut_on_a_boundary),
                cmocka_unit_test(test_a_huge_message_is_not_read),
                cmocka_unit_test(test_a_huge_commit_is_refused),
                cmocka_unit_test(test_many_trailers),
                cmocka_unit_test(test_a_merge_of_ours_is_ours),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
