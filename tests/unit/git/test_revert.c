/* What a revert makes, what it says of it, and what it refuses. That its trees are git's: test_revert_property.c. */
#include "git/revert.h"

#include "repo.h"
#include "revertd/clock.h"

struct test {
        struct repo repo;
        git_repository *git;
        struct rv_revert_result result;
        struct rv_error err;
};

static int setup(void **state) {
        struct test *test = calloc(1, sizeof(*test));

        assert_non_null(test);
        repo_make(&test->repo);
        repo_change(&test->repo, 1700000000, "apps/web/values", "one");
        repo_change(&test->repo, 1700000001, "apps/api/values", "one");
        test->git = repo_open(&test->repo);
        *state = test;
        return 0;
}

static int teardown(void **state) {
        struct test *test = *state;

        rv_revert_result_done(&test->result);
        git_repository_free(test->git);
        repo_remove(&test->repo);
        free(test);
        return 0;
}

enum { NEW = 1700001000 };

static const char *scope[] = {"apps/web/**"};

struct options {
        const char *commit, *second; /* revisions; NULL: none */
        bool scoped, want_diff;
};

static int try_compute(struct test *test, const struct options *options) {
        struct rv_oid commits[2];
        struct rv_revert_spec spec = {.commits = commits,
                                      .n_commits = options->second ? 2 : 1,
                                      .scope = (char **)scope,
                                      .n_scope = options->scoped,
                                      .message = (char *)"Undo it\n\nRevertd-Incident: 7f3c\n",
                                      .time_usec = INT64_C(1700000900123456)};

        rv_revert_result_done(&test->result);
        repo_hex(&test->repo, "main", &spec.base);
        repo_hex(&test->repo, options->commit, &commits[0]);
        if (options->second)
                repo_hex(&test->repo, options->second, &commits[1]);
        return rv_revert_compute(test->git, &spec, "revertd", "revertd@example.com", options->want_diff,
                                 rv_clock_monotonic_usec() + 30 * RV_USEC_PER_SEC, &test->result, &test->err);
}

static void compute(struct test *test, const char *commit, enum rv_git_outcome outcome) {
        if (try_compute(test, &(struct options){.commit = commit}) < 0)
                fail_msg("%s", test->err.text);
        if (test->result.outcome != outcome)
                fail_msg("%s: %s", rv_git_outcome_to_string(test->result.outcome), test->result.message);
}

static const char *show(struct test *test, const char *what) {
        char hex[GIT_OID_HEXSZ + 1];

        git_oid_tostr(hex, sizeof(hex), &test->result.commit);
        return repo_ask(&test->repo, "cd work; id=%s; %s", hex, what);
}

static void commit_is_a_function_of_the_request(void **state) {
        struct test *test = *state;
        git_oid first;

        repo_change(&test->repo, NEW, "apps/web/values", "two");
        compute(test, "main", RV_GIT_OK);
        first = test->result.commit;
        compute(test, "main", RV_GIT_OK);
        assert_true(git_oid_equal(&first, &test->result.commit));
        assert_string_equal(show(test, "git show -s --format='%an %ae %at %cn %ce %ct %ai' $id"),
                            "revertd revertd@example.com 1700000900 revertd revertd@example.com 1700000900 "
                            "2023-11-14 22:28:20 +0000");
        assert_string_equal(show(test, "git cat-file commit $id | tail -n +6 | tr '\\n' '|'"),
                            "Undo it||Revertd-Incident: 7f3c|");
        assert_string_equal(show(test, "git rev-parse $id^"), repo_ask(&test->repo, "git -C work rev-parse main"));
        assert_string_equal(show(test, "git rev-parse $id^{tree}"),
                            repo_ask(&test->repo, "git -C work rev-parse main~1^{tree}"));
}

static void objects_are_what_the_base_lacks(void **state) {
        struct test *test = *state;

        repo_change(&test->repo, NEW, "apps/web/values", "two");
        repo_change(&test->repo, NEW + 1, "apps/api/values", "two");
        repo_change(&test->repo, NEW + 2, "apps/api/other", "x");
        if (try_compute(test, &(struct options){.commit = "main~1", .second = "main~2"}) < 0)
                fail_msg("%s", test->err.text);
        assert_int_equal(test->result.outcome, RV_GIT_OK);
        /* The root, apps, apps/web, apps/api and the commit; not the trees between the two reverts. */
        assert_int_equal(test->result.n_objects, 5);
        assert_true(git_oid_equal(&test->result.objects[4], &test->result.commit));
        assert_int_equal(test->result.n_paths, 2);
        assert_string_equal(test->result.paths[0], "apps/api/values");
        assert_string_equal(test->result.paths[1], "apps/web/values");
}

static void only_the_scope(void **state) {
        struct test *test = *state;

        repo_run(&test->repo, "cd work; echo two >apps/web/values; echo two >apps/api/values");
        repo_commit(&test->repo, NEW, "-m both");
        assert_int_equal(try_compute(test, &(struct options){.commit = "main", .scoped = true}), 0);
        assert_int_equal(test->result.outcome, RV_GIT_OK);
        assert_int_equal(test->result.n_paths, 1);
        assert_string_equal(show(test, "git show $id:apps/web/values"), "one");
        assert_string_equal(show(test, "git show $id:apps/api/values"), "two");
}

static void conflict_names_the_paths(void **state) {
        struct test *test = *state;

        repo_change(&test->repo, NEW, "apps/web/values", "two");
        repo_change(&test->repo, NEW + 1, "apps/web/values", "three");
        compute(test, "main~1", RV_GIT_CONFLICT);
        assert_int_equal(test->result.n_conflicts, 1);
        assert_string_equal(test->result.paths[0], "apps/web/values");
        assert_non_null(strstr(test->result.message, "1 path was changed since"));
}

static void already_so(void **state) {
        struct test *test = *state;

        repo_change(&test->repo, NEW, "apps/web/values", "two");
        repo_change(&test->repo, NEW + 1, "apps/web/values", "one");
        compute(test, "main~1", RV_GIT_EMPTY);
}

static void first_commit_of_all(void **state) {
        struct test *test = *state;

        compute(test, "main~1", RV_GIT_OK);
        assert_string_equal(show(test, "git ls-tree -r --name-only $id"), "apps/api/values");
        /* And a tree without any file. */
        repo_run(&test->repo, "cd work; git rm -q -r apps/api");
        repo_commit(&test->repo, NEW, "-m less");
        compute(test, "main~2", RV_GIT_OK);
        assert_string_equal(show(test, "git rev-parse $id^{tree}"), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
}

static void merge_and_what_was_merged(void **state) {
        struct test *test = *state;

        repo_run(&test->repo, "cd work; git checkout -q -b side");
        repo_change(&test->repo, NEW, "apps/web/a", "1");
        repo_change(&test->repo, NEW + 1, "apps/web/b", "1");
        repo_run(&test->repo, "cd work; git checkout -q main");
        repo_change(&test->repo, NEW + 2, "apps/api/c", "1");
        repo_run(&test->repo, "cd work; git merge -q side");
        compute(test, "main", RV_GIT_OK);
        assert_string_equal(show(test, "git ls-tree -r --name-only $id | tr '\\n' ' '"),
                            "apps/api/c apps/api/values apps/web/values ");
        compute(test, "side~1", RV_GIT_OK);
        assert_string_equal(show(test, "git ls-tree -r --name-only $id | tr '\\n' ' '"),
                            "apps/api/c apps/api/values apps/web/b apps/web/values ");
}

static void follows_a_rename(void **state) {
        struct test *test = *state;

        repo_run(&test->repo, "cd work; seq 1 20 >apps/web/list");
        repo_commit(&test->repo, NEW, "-m list");
        repo_run(&test->repo, "cd work; sed -i s/^3$/three/ apps/web/list");
        repo_commit(&test->repo, NEW + 1, "-m three");
        repo_run(&test->repo, "cd work; git mv apps/web/list apps/web/moved; sed -i s/^17$/seventeen/ apps/web/moved");
        repo_commit(&test->repo, NEW + 2, "-m move");
        compute(test, "main~1", RV_GIT_OK);
        assert_string_equal(show(test, "git show $id:apps/web/moved | sed -n '3p;17p' | tr '\\n' ' '"), "3 seventeen ");
        /* The file that the commit added is elsewhere now: git would stop, and so do we. */
        compute(test, "main~2", RV_GIT_CONFLICT);
}

/* What git takes for the same file is its measure's. It stops at all of these. */
static void similar_is_what_git_calls_so(void **state) {
        static const char *const changes[][2] = {
                /* To git 2.39 the last line does not count without its newline, and then less than half is left. */
                {"printf '%s\\n' aaaaaaaaaaaaaaaaaaaaaaa bbbb ccccccccccccccccccccc dddddddddddddddddddddd >list; "
                 "git add -A; git commit -q -m m; truncate -s -1 list",
                 "sed s/aaaaaaaaaaaaaaaaaaaaaaa/AAAAAAAAAAAAAAAAAAAAAAA/ list >moved; rm list"},
                /* Of 30,000 lines 44 % are the same, and so many more have the same hash that it is a rename. */
                {"seq 1000000 3 1090000 >list", "{ head -n 13200 list; seq 5000000 3 5050397; } >moved; rm list"},
                /* NULs at the start of a line have no hash. */
                {"printf '\\0abcdef ghijk\\n' >list", "printf 'abcdef ghijk\\n' >moved; rm list"},
                /* With this attribute CRLF is not LF. */
                {"seq 20 | sed s/$/\\\\r/ >list; git add -A; git commit -q -m m; chmod +x list",
                 "seq 20 >moved; chmod +x moved; rm list; echo '* -diff' >.gitattributes"},
        };
        struct test *test = *state;

        repo_run(&test->repo, "cd work; git tag start");
        for (size_t i = 0; i < RV_ARRAY_SIZE(changes); i++) {
                repo_run(&test->repo, "cd work; git reset -q --hard start; %s; git add -A; git commit -q -m m",
                         changes[i][0]);
                repo_run(&test->repo, "cd work; %s; git add -A; git commit -q -m m", changes[i][1]);
                compute(test, "main~1", RV_GIT_CONFLICT);
                assert_string_equal(test->result.paths[0], "list");
        }
}

static void rename_that_is_undone(void **state) {
        struct test *test = *state;

        repo_run(&test->repo, "cd work; seq 1 20 >apps/web/list");
        repo_commit(&test->repo, NEW, "-m list");
        repo_run(&test->repo, "cd work; git mv apps/web/list apps/web/moved");
        repo_commit(&test->repo, NEW + 1, "-m move; git tag move");
        repo_run(&test->repo, "cd work; git mv apps/web/moved apps/web/list");
        repo_commit(&test->repo, NEW + 2, "-m back");
        compute(test, "move", RV_GIT_EMPTY);
        repo_run(&test->repo, "cd work; sed -i s/^17$/seventeen/ apps/web/list");
        repo_commit(&test->repo, NEW + 3, "-m seventeen");
        compute(test, "move", RV_GIT_EMPTY);
        /* Moved with an edit, which is still there. */
        repo_run(&test->repo, "cd work; git mv apps/web/list apps/web/moved; sed -i s/^3$/three/ apps/web/moved; "
                              "echo two >apps/web/values");
        repo_commit(&test->repo, NEW + 4, "-m edited; git tag -f move");
        repo_run(&test->repo, "cd work; git mv apps/web/moved apps/web/list; echo 21 >>apps/web/list");
        repo_commit(&test->repo, NEW + 5, "-m back");
        compute(test, "move", RV_GIT_OK);
        assert_string_equal(show(test, "git show $id:apps/web/list | sed -n '3p;17p;21p' | tr '\\n' ' '"),
                            "3 seventeen 21 ");
        assert_string_equal(show(test, "git show $id:apps/web/values"), "one");
        /* Moved on to a third place. */
        repo_run(&test->repo, "cd work; git mv apps/web/list apps/web/third");
        repo_commit(&test->repo, NEW + 6, "-m third");
        compute(test, "move", RV_GIT_CONFLICT);
}

/* Where a file went is looked for everywhere; what is malformed elsewhere makes that unknown, and no more. */
static void others_malformed_trees_hide_a_rename(void **state) {
        struct test *test = *state;

        repo_run(&test->repo, "cd work; seq 1 20 >apps/web/list");
        repo_commit(&test->repo, NEW, "-m list");
        repo_run(&test->repo, "cd work; sed -i s/^3$/three/ apps/web/list; echo two >apps/web/values");
        repo_commit(&test->repo, NEW + 1, "-m three");
        repo_run(&test->repo,
                 "cd work; git rm -q apps/web/list; blob=$(git rev-parse main:apps/web/values | sed 's/../\\\\x&/g'); "
                 "bad=$(/usr/bin/printf \"100644 a/b\\\\0$blob\" | git hash-object -w -t tree --literally --stdin); "
                 "tree=$({ git ls-tree $(git write-tree); printf '040000 tree %%s\\tzoo\\n' $bad; } | git mktree); "
                 "git reset -q --soft $(git commit-tree -p main -m zoo $tree)");
        assert_int_equal(try_compute(test, &(struct options){.commit = "main~1", .scoped = true}), 0);
        assert_int_equal(test->result.outcome, RV_GIT_CONFLICT);
        assert_int_equal(test->result.n_conflicts, 1);
        assert_string_equal(test->result.paths[0], "apps/web/list");
}

static void attributes_are_obeyed(void **state) {
        struct test *test = *state;

        repo_run(&test->repo, "cd work; seq 1 20 >apps/web/list");
        repo_commit(&test->repo, NEW, "-m list");
        repo_run(&test->repo, "cd work; sed -i s/^3$/three/ apps/web/list");
        repo_commit(&test->repo, NEW + 1, "-m three");
        repo_run(&test->repo, "cd work; sed -i s/^17$/seventeen/ apps/web/list");
        repo_commit(&test->repo, NEW + 2, "-m seventeen");
        compute(test, "main~1", RV_GIT_OK);
        repo_run(&test->repo, "cd work; echo 'list -merge' >apps/web/.gitattributes");
        repo_commit(&test->repo, NEW + 3, "-m attributes");
        compute(test, "main~2", RV_GIT_CONFLICT);
        /* Those that would take too long to match, or too much memory to read. */
        repo_run(&test->repo, "cd work; echo '/**/a/**/b/**/c/**/d x' >apps/web/.gitattributes");
        repo_commit(&test->repo, NEW + 4, "-m four");
        compute(test, "main~3", RV_GIT_OK);
        repo_run(&test->repo, "cd work; echo '/**/a/**/b/**/c/**/d/**/e x' >.gitattributes");
        repo_commit(&test->repo, NEW + 5, "-m five");
        compute(test, "main~4", RV_GIT_CONFLICT);
        repo_run(&test->repo, "cd work; yes '* x' | head -c 1048577 >.gitattributes");
        repo_commit(&test->repo, NEW + 6, "-m many");
        compute(test, "main~5", RV_GIT_CONFLICT);
}

/* git stops at every one of these. */
static void attributes_that_libgit2_reads_otherwise(void **state) {
        static const char *const texts[] = {
                "\"li*\" -merge\\n",
                "list mine\\n[attr]mine -merge\\n",
                "[attr]mine other\\n[attr]other -merge\\nlist mine\\n",
                "list -merge=text\\n",
                "x\\0\\nlist -merge\\n",
                "list -merge\\n*** --merge !merge\\n",
                "list -merge\\nlist merge #x\\n",
                "list -merge\\nl\\\\ist * merge\\n",
                "list -merge\\nlist merge\\013\\n",
                "list -merge\\n!list merge\\n",
                "list -merge\\nlist merge%2048d\\n",
        };
        struct test *test = *state;

        repo_run(&test->repo, "cd work; seq 1 20 >apps/web/list");
        repo_commit(&test->repo, NEW, "-m list");
        repo_run(&test->repo, "cd work; sed -i s/^3$/three/ apps/web/list");
        repo_commit(&test->repo, NEW + 1, "-m three; git tag three");
        repo_run(&test->repo, "cd work; sed -i s/^17$/seventeen/ apps/web/list");
        for (size_t i = 0; i < RV_ARRAY_SIZE(texts); i++) {
                repo_run(&test->repo, "cd work; printf '%s' >.gitattributes", texts[i]);
                repo_commit(&test->repo, NEW + 2, "-m attributes");
                compute(test, "three", RV_GIT_CONFLICT);
                assert_string_equal(test->result.paths[0], "apps/web/list");
        }
        repo_run(&test->repo, "cd work; ln -sf list .gitattributes");
        repo_commit(&test->repo, NEW + 3, "-m link");
        compute(test, "three", RV_GIT_CONFLICT);
        /* These are common, and read as git does; a macro of an earlier head is none. */
        repo_run(&test->repo,
                 "cd work; rm .gitattributes; printf '# \"Ours\" \\\\o/: [attr]\\r\\n\\r\\n *.png binary\\n"
                 "* text=auto eol=lf mine\\n/apps/**/* -text !diff merge=text' >.gitattributes");
        repo_commit(&test->repo, NEW + 4, "-m common");
        compute(test, "three", RV_GIT_OK);
        repo_run(&test->repo, "cd work; echo 'li* binary' >>apps/.gitattributes");
        repo_commit(&test->repo, NEW + 5, "-m binary");
        compute(test, "three", RV_GIT_CONFLICT);
}

/* git would read those that the first revert brings back. */
static void attributes_that_an_earlier_revert_changes(void **state) {
        struct test *test = *state;

        repo_run(&test->repo, "cd work; seq 1 20 >apps/web/list; echo 'list -merge' >apps/.gitattributes");
        repo_commit(&test->repo, NEW, "-m list");
        repo_run(&test->repo, "cd work; sed -i s/^3$/three/ apps/web/list");
        repo_commit(&test->repo, NEW + 1, "-m three");
        repo_run(&test->repo, "cd work; sed -i s/^17$/seventeen/ apps/web/list");
        repo_commit(&test->repo, NEW + 2, "-m seventeen");
        repo_run(&test->repo, "cd work; git rm -q apps/.gitattributes");
        repo_commit(&test->repo, NEW + 3, "-m attributes");
        compute(test, "main~2", RV_GIT_OK);
        assert_int_equal(try_compute(test, &(struct options){.commit = "main", .second = "main~2"}), 0);
        assert_int_equal(test->result.outcome, RV_GIT_CONFLICT);
        assert_string_equal(test->result.paths[0], "apps/web/list");
}

static void binary_files_are_not_merged(void **state) {
        struct test *test = *state;

        repo_run(&test->repo, "cd work; { printf '\\0\\n'; seq 1 20; } >apps/web/list");
        repo_commit(&test->repo, NEW, "-m list");
        repo_run(&test->repo, "cd work; sed -i s/^3$/three/ apps/web/list");
        repo_commit(&test->repo, NEW + 1, "-m three");
        repo_run(&test->repo, "cd work; sed -i s/^17$/seventeen/ apps/web/list");
        repo_commit(&test->repo, NEW + 2, "-m seventeen");
        compute(test, "main~1", RV_GIT_CONFLICT);
}

static void diff_and_numbers(void **state) {
        struct test *test = *state;

        repo_run(&test->repo, "cd work; printf '1\\n2\\n' >apps/web/values; printf 'x\\n' >apps/web/new; "
                              "chmod +x apps/api/values; printf 'a\\0b' >apps/web/binary; "
                              "head -c 1100000 /dev/zero | tr '\\0' x >apps/web/large");
        repo_commit(&test->repo, NEW, "-m all");
        assert_int_equal(try_compute(test, &(struct options){.commit = "main", .want_diff = true}), 0);
        assert_int_equal(test->result.outcome, RV_GIT_OK);
        assert_int_equal(test->result.n_files, 5);
        assert_int_equal(test->result.n_insertions, 1);
        assert_int_equal(test->result.n_deletions, 3);
        assert_non_null(strstr(test->result.diff, "-1\n-2\n+one\n"));
        assert_non_null(strstr(test->result.diff, "--- a/apps/web/new\n+++ /dev/null\n"));
        assert_non_null(strstr(test->result.diff, "old mode 100755\nnew mode 100644\n"));
        assert_non_null(strstr(test->result.diff, "Binary files"));
        assert_non_null(
                strstr(test->result.diff, "diff --git a/apps/web/large b/apps/web/large\nLarge files differ\n"));
}

static void diff_is_capped(void **state) {
        struct test *test = *state;

        repo_run(&test->repo, "cd work; seq 1 100000 >apps/web/values");
        repo_commit(&test->repo, NEW, "-m much");
        assert_int_equal(try_compute(test, &(struct options){.commit = "main", .want_diff = true}), 0);
        assert_true(strlen(test->result.diff) <= RV_DIFF_BYTES_MAX);
        assert_int_equal(test->result.n_deletions, 100000);
}

static void no_such_commit(void **state) {
        struct test *test = *state;
        struct rv_oid commit = {.hex = "1234567812345678123456781234567812345678"};
        struct rv_revert_spec spec = {.commits = &commit, .n_commits = 1, .message = (char *)"m"};

        repo_hex(&test->repo, "main", &spec.base);
        assert_int_equal(rv_revert_compute(test->git, &spec, "n", "e@example.com", false,
                                           rv_clock_monotonic_usec() + RV_USEC_PER_SEC, &test->result, &test->err),
                         0);
        assert_int_equal(test->result.outcome, RV_GIT_NOT_FOUND);
        /* A tree is no commit. */
        strcpy(commit.hex, repo_ask(&test->repo, "git -C work rev-parse main:"));
        rv_revert_result_done(&test->result);
        assert_int_equal(rv_revert_compute(test->git, &spec, "n", "e@example.com", false,
                                           rv_clock_monotonic_usec() + RV_USEC_PER_SEC, &test->result, &test->err),
                         0);
        assert_int_equal(test->result.outcome, RV_GIT_NOT_FOUND);
}

/* A commit on main with the tree that a shell command prints, then one with the tree of before: undoing the second
 * would bring back the first's. */
static void bring_back(struct test *test, const char *command) {
        repo_run(&test->repo,
                 "cd work; before=$(git rev-parse main); tree=$(%s); "
                 "bad=$(git commit-tree -p $before -m bad $tree); "
                 "git update-ref refs/heads/main $(git commit-tree -p $bad -m good $before^{tree})",
                 command);
}

static void refuses(struct test *test, const char *command, const char *text) {
        bring_back(test, command);
        compute(test, "main", RV_GIT_POLICY);
        if (!strstr(test->result.message, text))
                fail_msg("%s", test->result.message);
}

#define BLOB "blob=$(git hash-object -w apps/web/values)"

static void hostile_names(void **state) {
        refuses(*state, BLOB "; printf '100644 blob %s\\te\\033[31mvil\\0' $blob | git mktree -z", "control");
        refuses(*state, BLOB "; printf '100644 blob %s\\tno\\342\\200\\256end\\0' $blob | git mktree -z", "invisible");
        refuses(*state, BLOB "; printf '100644 blob %s\\tb\\377d\\0' $blob | git mktree -z", "UTF-8");
        refuses(*state, BLOB "; printf '120000 blob %s\\t.gitmodules\\0' $blob | git mktree -z", "symbolic link");
        refuses(*state,
                BLOB "; t=$(printf '100755 blob %s\\tpost-checkout\\0' $blob | git mktree -z); "
                     "printf '040000 tree %s\\t.GIT \\0' $t | git mktree -z",
                "git directory");
        refuses(*state,
                BLOB "; t=$(printf '100644 blob %s\\tx\\0' $blob | git mktree -z); "
                     "printf '040000 tree %s\\t..\\0' $t | git mktree -z",
                "dots");
}

#define RAW(entries)                                                                                                   \
        "raw=$(git rev-parse main:apps/web/values | sed 's/../\\\\x&/g'); /usr/bin/printf \"" entries "\" | "          \
        "git hash-object -w -t tree --literally --stdin"

/* A submodule is an id and no more: nothing of it is read, here or by whoever pushes. */
#define LINK(id, name) "printf '160000 commit " id "\t" name "\\0' | git mktree -z --missing"
#define SOME "0123456789012345678901234567890123456789"

static void hostile_submodules(void **state) {
        refuses(*state, LINK("0000000000000000000000000000000000000000", "module"), "no object");
        refuses(*state, LINK(SOME, ".gitmodules"), "submodule");
        refuses(*state, LINK(SOME, ".gitattributes"), "submodule");
        refuses(*state, LINK(SOME, ".Git"), "git directory");
        refuses(*state, LINK(SOME, "git~1"), "git directory");
        refuses(*state, LINK(SOME, ".git:x"), "git directory");
        refuses(*state, LINK(SOME, ".."), "dots");
}

static void submodules(void **state) {
        static const char set[] = "cd work; git update-index --add --cacheinfo 160000,%d%s,%s; git commit -q -m m";
        struct test *test = *state;
        const char *id = &SOME[1];

        repo_run(&test->repo, set, 1, id, "apps/web/module");
        repo_run(&test->repo, set, 2, id, "apps/web/module");
        compute(test, "main", RV_GIT_OK);
        assert_memory_equal(show(test, "git rev-parse $id:apps/web/module"), "1", 1);
        compute(test, "main~1", RV_GIT_CONFLICT);
        assert_string_equal(test->result.paths[0], "apps/web/module");
        repo_run(&test->repo, set, 3, id, "apps/api/module");
        compute(test, "main~1", RV_GIT_OK);
        repo_run(&test->repo, "cd work; git rm -q --cached apps/web/module; git commit -q -m gone");
        compute(test, "main", RV_GIT_OK);
        assert_memory_equal(show(test, "git rev-parse $id:apps/web/module"), "2", 1);
        assert_string_equal(show(test, "git ls-tree $id apps/web/module | cut -c 1-13"), "160000 commit");
        compute(test, "main~2", RV_GIT_CONFLICT);
        repo_run(&test->repo, "cd work; rm -rf apps/web/module; echo file >apps/web/module");
        repo_commit(&test->repo, NEW, "-m file");
        compute(test, "main", RV_GIT_OK);
        assert_string_equal(show(test, "git ls-tree -r --name-only $id apps/web | tr '\\n' ' '"), "apps/web/values ");
}

static void malformed_trees(void **state) {
        refuses(*state,
                RAW("100644 b\\0${raw}"
                    "100644 a\\0${raw}"),
                "not in order");
        refuses(*state,
                RAW("100644 a\\0${raw}"
                    "100644 a\\0${raw}"),
                "not in order");
        refuses(*state, RAW("100644 a/b\\0${raw}"), "slash");
        refuses(*state, RAW("100644 \\0${raw}"), "empty");
        refuses(*state, RAW("170000 a\\0${raw}"), "mode is unknown");
        refuses(*state, RAW("0 a\\0${raw}"), "mode is unknown");
        refuses(*state, RAW("1006x4 a\\0${raw}"), "no octal number");
        refuses(*state, RAW("100644 a\\0abc"), "ends within");
}

/* Ten to the ninth paths in a handful of objects, and folders without end. */
static void tree_bombs(void **state) {
        refuses(*state,
                BLOB
                "; t=$(for i in 0 1 2 3 4 5 6 7 8 9; do printf '100644 blob %s\\tf%d\\n' $blob $i; done | git mktree); "
                "for n in 1 2 3 4 5 6 7 8; do t=$(for i in 0 1 2 3 4 5 6 7 8 9; do "
                "printf '040000 tree %s\\td%d\\n' $t $i; done | git mktree); done; echo $t",
                "paths changed");
        refuses(*state,
                "t=$(git mktree </dev/null); for n in 1 2 3 4 5 6 7; do t=$(for i in 0 1 2 3 4 5 6 7 8 9; do "
                "printf '040000 tree %s\\td%d\\n' $t $i; done | git mktree); done; echo $t",
                "too many tree entries");
        refuses(*state,
                BLOB "; t=$(printf '100644 blob %s\\tf\\n' $blob | git mktree); i=0; while [ $i -lt 600 ]; do "
                     "t=$(printf '040000 tree %s\\td\\n' $t | git mktree); i=$((i + 1)); done; echo $t",
                "nested deeper");
}

static void large_files_are_not_merged(void **state) {
        struct test *test = *state;

        repo_run(&test->repo, "cd work; git config core.compression 0; git config core.bigFileThreshold 1g; "
                              "{ seq 1 20; head -c 34000000 /dev/zero | tr '\\0' '\\n'; } >apps/web/list");
        repo_commit(&test->repo, NEW, "-m list");
        repo_run(&test->repo, "cd work; sed -i s/^3$/three/ apps/web/list");
        repo_commit(&test->repo, NEW + 1, "-m three");
        compute(test, "main", RV_GIT_OK); /* taking a file back whole needs no merge */
        repo_run(&test->repo, "cd work; sed -i s/^17$/seventeen/ apps/web/list");
        repo_commit(&test->repo, NEW + 2, "-m seventeen");
        compute(test, "main~1", RV_GIT_CONFLICT);
}

static void missing_object_is_damage(void **state) {
        struct test *test = *state;

        repo_change(&test->repo, NEW, "apps/web/values", "two");
        repo_run(&test->repo, "cd work; id=$(git rev-parse main~1:apps/web); "
                              "rm -f .git/objects/$(echo $id | cut -c1-2)/$(echo $id | cut -c3-)");
        assert_int_equal(try_compute(test, &(struct options){.commit = "main"}), -EBADMSG);
}

static void file_and_folder_clash(void **state) {
        struct test *test = *state;

        repo_run(&test->repo, "cd work; git rm -q apps/web/values");
        repo_commit(&test->repo, NEW, "-m gone");
        repo_change(&test->repo, NEW + 1, "apps/web", "a file");
        compute(test, "main~1", RV_GIT_CONFLICT);
        assert_string_equal(test->result.paths[0], "apps/web");
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                TEST(commit_is_a_function_of_the_request),
                TEST(objects_are_what_the_base_lacks),
                TEST(only_the_scope),
                TEST(conflict_names_the_paths),
                TEST(already_so),
                TEST(first_commit_of_all),
                TEST(merge_and_what_was_merged),
                TEST(follows_a_rename),
                TEST(similar_is_what_git_calls_so),
                TEST(rename_that_is_undone),
                TEST(others_malformed_trees_hide_a_rename),
                TEST(attributes_are_obeyed),
                TEST(attributes_that_libgit2_reads_otherwise),
                TEST(attributes_that_an_earlier_revert_changes),
                TEST(binary_files_are_not_merged),
                TEST(diff_and_numbers),
                TEST(diff_is_capped),
                TEST(no_such_commit),
                TEST(hostile_names),
                TEST(hostile_submodules),
                TEST(submodules),
                TEST(malformed_trees),
                TEST(tree_bombs),
                TEST(large_files_are_not_merged),
                TEST(missing_object_is_damage),
                TEST(file_and_folder_clash),
        };
        struct rv_error err = {};

        if (rv_libgit2_init(&err) < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
