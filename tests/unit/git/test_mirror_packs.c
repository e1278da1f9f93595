#include "git/mirror_packs.h"

#include "repo.h"

static int count_packs(const struct repo *repo) {
        return (int)strtol(repo_ask(repo, "ls work/.git/objects/pack/*.pack | wc -l"), NULL, 10);
}

static void test_many_become_one(void **state) {
        struct rv_error err = {};
        struct repo repo;
        git_repository *git;

        (void)state;
        assert_int_equal(rv_libgit2_init(&err), 0);
        repo_make(&repo);
        for (int i = 0; i < RV_MIRROR_PACKS_MAX; i++) {
                char content[16];

                snprintf(content, sizeof(content), "%d", i);
                repo_change(&repo, 1000 + i, "apps/cart/image", content);
                repo_run(&repo, "git -C work repack -q -d");
        }
        git = repo_open(&repo);
        assert_int_equal(count_packs(&repo), RV_MIRROR_PACKS_MAX);
        assert_int_equal(rv_mirror_packs_join(git, &err), 0);
        assert_int_equal(count_packs(&repo), RV_MIRROR_PACKS_MAX);
        repo_change(&repo, 2000, "apps/cart/image", "last");
        repo_run(&repo, "git -C work repack -q -d");
        if (rv_mirror_packs_join(git, &err) != 1)
                fail_msg("%s", err.text);
        git_repository_free(git);
        assert_int_equal(count_packs(&repo), 1);
        repo_run(&repo, "git -C work fsck --strict 2>&1");
        assert_string_equal(repo_ask(&repo, "git -C work rev-list --count main"), "51");
        repo_remove(&repo);
        git_libgit2_shutdown();
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_many_become_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
