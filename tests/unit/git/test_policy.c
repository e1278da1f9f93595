#include "git/ledger.h"
#include "git/policy.h"

#include "revertd/clock.h"

#include "repo.h"

#define NOW_USEC (INT64_C(1800000000) * RV_USEC_PER_SEC)

struct world {
        struct repo repo;
        git_repository *git;
        struct rv_repository_config config;
        struct rv_revert_spec spec; /* its strings are not its own */
        struct rv_oid commit;
        char ledger_path[128];
};

static int set_up(void **state) {
        static char *no_paths[] = {NULL};
        struct world *world = calloc(1, sizeof(*world));
        struct rv_error err = {};

        assert_int_equal(rv_libgit2_init(&err), 0);
        repo_make(&world->repo);
        repo_change(&world->repo, 1000, "apps/a/f", "1");
        repo_change(&world->repo, 2000, "apps/a/f", "2");
        world->git = repo_open(&world->repo);
        world->config.allow_paths = no_paths;
        repo_hex(&world->repo, "HEAD", &world->spec.base);
        world->commit = world->spec.base;
        world->spec.commits = &world->commit;
        world->spec.n_commits = 1;
        world->spec.message = (char *)"Revert\n\nRevertd-Incident: 1\n"
                                      "Revertd-Reverts: 1111111111111111111111111111111111111111\n";
        world->spec.time_usec = NOW_USEC;
        snprintf(world->ledger_path, sizeof(world->ledger_path), "%s/pushes", world->repo.folder);
        *state = world;
        return 0;
}

static int tear_down(void **state) {
        struct world *world = *state;

        git_repository_free(world->git);
        repo_remove(&world->repo);
        git_libgit2_shutdown();
        free(world);
        return 0;
}

static int check_spec(struct world *world) {
        struct rv_error err = {};

        return rv_policy_check_spec(&world->spec, NOW_USEC, &err);
}

static void test_the_spec(void **state) {
        static char *bad_scope[] = {(char *)"../x"};
        struct world *world = *state;
        struct rv_revert_spec good = world->spec;

        assert_int_equal(check_spec(world), 0);
        world->spec.base.hex[0] = '\0';
        assert_int_equal(check_spec(world), 1);
        world->spec = good;
        world->spec.n_commits = 0;
        assert_int_equal(check_spec(world), 1);
        world->spec = good;
        world->spec.message = (char *)"Revert\n\nBecause.\n";
        assert_int_equal(check_spec(world), 1);
        world->spec.message = NULL;
        assert_int_equal(check_spec(world), 1);
        world->spec = good;
        world->spec.time_usec = NOW_USEC - 40 * RV_USEC_PER_DAY;
        assert_int_equal(check_spec(world), 1);
        world->spec.time_usec = NOW_USEC + RV_USEC_PER_HOUR;
        assert_int_equal(check_spec(world), 1);
        world->spec = good;
        world->spec.scope = bad_scope;
        world->spec.n_scope = 1;
        assert_int_equal(check_spec(world), 1);
}

/* Judge the work tree's state as a commit upon base. */
static int check_commit(struct world *world, const char *parents, struct rv_error *err) {
        git_oid id;

        repo_run(&world->repo,
                 "cd work; git add -A; git update-ref refs/candidate "
                 "$(git commit-tree %s -m x $(git write-tree))",
                 parents);
        repo_id(&world->repo, "refs/candidate", &id);
        int r = rv_policy_check_commit(&world->config, world->git, &world->spec, &id, err);
        if (r < 0)
                fail_msg("%s", err->text);
        return r;
}

static void test_paths_are_held(void **state) {
        static char *scope[] = {(char *)"apps/a/**"}, *allowed[] = {(char *)"apps/**", NULL};
        struct world *world = *state;
        struct rv_error err = {};

        world->spec.scope = scope;
        world->spec.n_scope = 1;
        repo_run(&world->repo, "cd work; echo 1 > apps/a/f");
        assert_int_equal(check_commit(world, "-p HEAD", &err), 0);
        repo_run(&world->repo, "cd work; mkdir apps/b; echo 1 > apps/b/f");
        assert_int_equal(check_commit(world, "-p HEAD", &err), 1);
        assert_string_equal(err.text, "\"apps/b/f\" is outside the scope");
        world->spec.n_scope = 0;
        assert_int_equal(check_commit(world, "-p HEAD", &err), 0);
        world->config.allow_paths = allowed;
        assert_int_equal(check_commit(world, "-p HEAD", &err), 0);
        repo_run(&world->repo, "cd work; echo 1 > top");
        assert_int_equal(check_commit(world, "-p HEAD", &err), 1);
        assert_string_equal(err.text, "\"top\" is not in the repository's allow_paths");
}

static void test_the_parent_is_the_base(void **state) {
        struct world *world = *state;
        struct rv_error err = {};

        assert_int_equal(check_commit(world, "-p HEAD", &err), 0);
        assert_int_equal(check_commit(world, "-p HEAD~1", &err), 1);
        assert_int_equal(check_commit(world, "", &err), 1);
        assert_int_equal(check_commit(world, "-p HEAD -p HEAD~1", &err), 1);
}

static void test_no_name_leads_out(void **state) {
        static const char *const names[] = {".git", "..", "."};
        struct world *world = *state;
        struct rv_error err = {};

        for (size_t i = 0; i < RV_ARRAY_SIZE(names); i++) {
                git_oid id;

                repo_run(&world->repo,
                         "cd work; b=$(git rev-parse HEAD:apps/a/f); h=$(printf '%%b' \"100644 %s\\\\0$(echo $b | "
                         "sed 's/../\\\\x&/g')\" | git hash-object -w -t tree --literally --stdin); "
                         "git update-ref refs/candidate $(git commit-tree -p HEAD -m x $h)",
                         names[i]);
                repo_id(&world->repo, "refs/candidate", &id);
                assert_int_equal(rv_policy_check_commit(&world->config, world->git, &world->spec, &id, &err), 1);
        }
}

static void test_a_pause_file_holds_everything(void **state) {
        struct world *world = *state;
        struct rv_error err = {};

        repo_change(&world->repo, 3000, ".revertd/pause", "migration");
        repo_hex(&world->repo, "HEAD", &world->spec.base);
        repo_run(&world->repo, "cd work; echo 1 > apps/a/f");
        assert_int_equal(check_commit(world, "-p HEAD", &err), 1);
        assert_string_equal(err.text, "the branch holds .revertd/pause");
}

static git_oid number(unsigned char n) {
        git_oid id = {};

        id.id[0] = n;
        return id;
}

static int enter(struct world *world, unsigned char commit, int64_t now_usec) {
        struct rv_ledger ledger = {.path = world->ledger_path, .budget = 2};
        git_oid id = number(commit);
        struct rv_error err = {};

        return rv_ledger_enter(&ledger, &id, now_usec, &err);
}

static void test_the_ledger_counts_a_day(void **state) {
        struct world *world = *state;
        struct rv_ledger ledger = {.path = world->ledger_path, .budget = 2};
        struct rv_error err = {};
        git_oid id = number(2);

        assert_int_equal(enter(world, 1, NOW_USEC), 0);
        assert_int_equal(enter(world, 2, NOW_USEC + 1), 0);
        assert_int_equal(enter(world, 2, NOW_USEC + 2), 0); /* tried again */
        assert_int_equal(enter(world, 3, NOW_USEC + 3), 1);
        assert_int_equal(rv_ledger_leave(&ledger, &id, NOW_USEC + 4, &err), 0);
        assert_int_equal(enter(world, 3, NOW_USEC + 5), 0);
        assert_int_equal(enter(world, 4, NOW_USEC + RV_USEC_PER_DAY - 1), 1);
        assert_int_equal(enter(world, 4, NOW_USEC + RV_USEC_PER_DAY + 1), 0);
        assert_int_equal(enter(world, 5, NOW_USEC + RV_USEC_PER_DAY + 2), 1);
        /* A clock that was set back does not forget. */
        assert_int_equal(enter(world, 6, NOW_USEC + RV_USEC_PER_HOUR), 1);
}

static void test_a_damaged_ledger_stops_pushes(void **state) {
        struct world *world = *state;

        repo_run(&world->repo, "echo garbage > pushes");
        assert_true(enter(world, 1, NOW_USEC) < 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_the_spec),
                TEST(test_paths_are_held),
                TEST(test_the_parent_is_the_base),
                TEST(test_no_name_leads_out),
                TEST(test_a_pause_file_holds_everything),
                TEST(test_the_ledger_counts_a_day),
                TEST(test_a_damaged_ledger_stops_pushes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
