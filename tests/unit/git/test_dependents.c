/* Which later commits changed lines beside those that a revert takes back. */
#include "git/dependents.h"

#include "repo.h"
#include "revertd/clock.h"

struct test {
        struct repo repo;
        git_repository *git;
        int64_t time;
};

static int setup(void **state) {
        struct test *test = calloc(1, sizeof(*test));
        struct rv_error err = {};

        assert_int_equal(rv_libgit2_init(&err), 0);
        repo_make(&test->repo);
        test->git = repo_open(&test->repo);
        test->time = 1700000000;
        *state = test;
        return 0;
}

static int teardown(void **state) {
        struct test *test = *state;

        git_repository_free(test->git);
        repo_remove(&test->repo);
        git_libgit2_shutdown();
        free(test);
        return 0;
}

/* apps/web/values with lines 1 to 30, and for each "N=text" of the words (or "N" alone: the line is gone) another. */
static void edit(struct test *test, const char *words) {
        repo_run(&test->repo,
                 "cd work; mkdir -p apps/web; seq 30 > lines; for w in %s; do n=${w%%%%=*}; case $w in "
                 "*=*) sed -i \"s/^$n$/${w#*=}/\" lines;; *) sed -i \"/^$n$/d\" lines;; esac; done; "
                 "mv lines apps/web/values",
                 words);
        repo_commit(&test->repo, test->time++, "-m edit");
}

/* The dependents of reverting those commits, as "HEAD~n: paths, " newest first. */
static const char *dependents_of(struct test *test, const char *first, const char *second) {
        static char text[512];
        static const char *scope[] = {"apps/web/**"};
        struct rv_oid commits[2];
        struct rv_revert_spec spec = {
                .commits = commits, .n_commits = second ? 2 : 1, .scope = (char **)scope, .n_scope = 1};
        struct rv_git_reply *reply = calloc(1, sizeof(*reply));
        struct rv_error err = {};

        repo_hex(&test->repo, "HEAD", &spec.base);
        repo_hex(&test->repo, first, &commits[0]);
        if (second)
                repo_hex(&test->repo, second, &commits[1]);
        if (rv_dependents_find(test->git, &spec, rv_clock_monotonic_usec() + 60 * RV_USEC_PER_SEC, reply, &err) < 0)
                fail_msg("%s", err.text);
        *text = '\0';
        for (size_t i = 0; i < reply->n_commits; i++) {
                size_t n = strlen(text);

                snprintf(text + n, sizeof(text) - n, "%s%s", i > 0 ? " " : "",
                         repo_ask(&test->repo, "git -C work rev-list HEAD | grep -n %s | cut -d: -f1",
                                  reply->commits[i].id.hex));
                assert_int_equal(reply->commits[i].n_paths, 1);
                assert_string_equal(reply->commits[i].paths[0], "apps/web/values");
        }
        rv_git_reply_free(reply);
        return text;
}

static const char *dependents(struct test *test, const char *commit) {
        return dependents_of(test, commit, NULL);
}

/* Numbers below count from the head, which is 1. */
static void within_the_context(void **state) {
        struct test *test = *state;

        edit(test, "");
        edit(test, "10=ten");
        assert_string_equal(dependents(test, "HEAD"), "");
        edit(test, "10=ten 14=x");
        assert_string_equal(dependents(test, "HEAD~1"), ""); /* three lines lie between */
        edit(test, "10=ten 14=x 13=x");
        assert_string_equal(dependents(test, "HEAD~2"), "1");
        edit(test, "10=ten 14=x 13=x 6=x");
        assert_string_equal(dependents(test, "HEAD~3"), "2");
        edit(test, "10=ten 14=x 13=x 6=x 7=x");
        assert_string_equal(dependents(test, "HEAD~4"), "1 3");
}

static void lines_that_moved(void **state) {
        struct test *test = *state;

        edit(test, "");
        edit(test, "20=twenty");
        edit(test, "20=twenty 1=a\\\\nb\\\\nc\\\\nd"); /* moved down by three, and nothing else */
        edit(test, "20=twenty 1=a\\\\nb\\\\nc\\\\nd 28=x");
        assert_string_equal(dependents(test, "HEAD~2"), "");
        edit(test, "20=twenty 1=a\\\\nb\\\\nc\\\\nd 28=x 22=x");
        assert_string_equal(dependents(test, "HEAD~3"), "1");
        edit(test, "20=twenty 1 2 3 28=x 22=x"); /* moved up */
        assert_string_equal(dependents(test, "HEAD~4"), "2");
        edit(test, "20=twenty 1 2 3 28=x 22=x 18=x");
        assert_string_equal(dependents(test, "HEAD~5"), "1 3");
}

/* Lines that are gone leave a place. */
static void lines_that_were_deleted(void **state) {
        struct test *test = *state;

        edit(test, "");
        edit(test, "10 11 12");
        edit(test, "10 11 12 16=x");
        assert_string_equal(dependents(test, "HEAD~1"), "");
        edit(test, "10 11 12 16=x 14=x");
        assert_string_equal(dependents(test, "HEAD~2"), "1");
}

/* What another revert took away again does not count; by contents, whatever it says of itself. */
static void what_is_again_as_it_was(void **state) {
        struct test *test = *state;

        edit(test, "");
        edit(test, "10=ten");
        edit(test, "10=ten 12=x");
        assert_string_equal(dependents(test, "HEAD~1"), "1");
        edit(test, "10=ten");
        assert_string_equal(dependents(test, "HEAD~2"), "");
        edit(test, "10=ten 8=x");
        assert_string_equal(dependents(test, "HEAD~3"), "1");
}

static void of_several_and_elsewhere(void **state) {
        struct test *test = *state;

        edit(test, "");
        edit(test, "5=five");
        edit(test, "5=five 25=x");
        edit(test, "5=five 25=x 7=seven");
        edit(test, "5=five 25=x 7=seven 27=x");
        assert_string_equal(dependents_of(test, "HEAD~1", "HEAD~3"), "");
        edit(test, "5=five 25=x 7=seven 27=x 4=x");
        assert_string_equal(dependents_of(test, "HEAD~2", "HEAD~4"), "1");
        /* Other files, a changed mode, a file outside of the scope. */
        repo_change(&test->repo, test->time++, "apps/web/other", "x");
        repo_change(&test->repo, test->time++, "apps/other/values", "x");
        repo_run(&test->repo, "cd work; chmod +x apps/web/values");
        repo_commit(&test->repo, test->time++, "-m mode");
        assert_string_equal(dependents_of(test, "HEAD~5", "HEAD~7"), "4");
        /* A file that is gone, or not to be looked into. */
        repo_run(&test->repo, "cd work; yes | head -c 2000000 > apps/web/values");
        repo_commit(&test->repo, test->time++, "-m large");
        assert_string_equal(dependents_of(test, "HEAD~6", "HEAD~8"), "5");
        repo_run(&test->repo, "cd work; git rm -q apps/web/values");
        repo_commit(&test->repo, test->time++, "-m gone");
        assert_string_equal(dependents_of(test, "HEAD~7", "HEAD~9"), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(within_the_context),      TEST(lines_that_moved),         TEST(lines_that_were_deleted),
                TEST(what_is_again_as_it_was), TEST(of_several_and_elsewhere),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
