#include "git/history.h"

#include "revertd/clock.h"

#include "repo.h"

struct world {
        struct repo repo;
        git_repository *git;
        struct rv_history *history;
};

static int set_up(void **state) {
        struct world *world = calloc(1, sizeof(*world));
        struct rv_error err = {};

        assert_int_equal(rv_libgit2_init(&err), 0);
        repo_make(&world->repo);
        world->git = repo_open(&world->repo);
        assert_int_equal(rv_history_new(&world->history), 0);
        assert_int_equal(rv_history_use(world->history, world->git, 1, &err), 0);
        *state = world;
        return 0;
}

static int tear_down(void **state) {
        struct world *world = *state;

        rv_history_free(world->history);
        git_repository_free(world->git);
        repo_remove(&world->repo);
        git_libgit2_shutdown();
        free(world);
        return 0;
}

static struct rv_git_reply *read_some(struct world *world, const char *pattern, int64_t since, size_t max,
                                      size_t touching) {
        char *scope[] = {(char *)pattern};
        struct rv_git_request request = {.scope = scope,
                                         .n_scope = pattern ? 1 : 0,
                                         .since_usec = since * RV_USEC_PER_SEC,
                                         .max_commits = max,
                                         .max_touching = touching};
        struct rv_git_reply *reply = calloc(1, sizeof(*reply));
        struct rv_error err = {};
        git_oid head;

        repo_id(&world->repo, "HEAD", &head);
        if (rv_history_read(world->history, &head, &request, reply, &err) < 0)
                fail_msg("%s", err.text);
        return reply;
}

static struct rv_git_reply *read_scope(struct world *world, const char *pattern, int64_t since, size_t max) {
        return read_some(world, pattern, since, max, 0);
}

static void test_only_the_scope_newest_first(void **state) {
        struct world *world = *state;
        struct rv_git_reply *reply;

        repo_change(&world->repo, 100, "apps/cart/a", "1");
        repo_change(&world->repo, 200, "apps/checkout/a", "1");
        repo_change(&world->repo, 300, "apps/cart/a", "2");
        repo_change(&world->repo, 400, "apps/checkout/b", "1");
        /* Twice: the second time from memory. */
        for (int i = 0; i < 2; i++) {
                reply = read_scope(world, "apps/checkout/**", 0, 0);
                assert_int_equal(reply->n_scanned, 4);
                assert_int_equal(reply->n_commits, 2);
                assert_false(reply->truncated);
                assert_string_equal(reply->commits[0].subject, "Set apps/checkout/b to 1");
                assert_string_equal(reply->commits[1].subject, "Set apps/checkout/a to 1");
                assert_int_equal(reply->commits[0].n_inside, 1);
                assert_int_equal(reply->commits[0].n_outside, 0);
                assert_int_equal(reply->commits[0].n_paths, 1);
                assert_string_equal(reply->commits[0].paths[0], "apps/checkout/b");
                assert_int_equal(reply->commits[0].commit_usec, 400 * RV_USEC_PER_SEC);
                rv_git_reply_free(reply);
        }
        reply = read_scope(world, NULL, 0, 0);
        assert_int_equal(reply->n_commits, 4);
        assert_int_equal(reply->commits[3].n_parents, 0); /* the first one, against nothing */
        assert_string_equal(reply->commits[3].paths[0], "apps/cart/a");
        rv_git_reply_free(reply);
}

static void test_paths_are_left_out(void **state) {
        struct world *world = *state;
        struct rv_git_request request = {.no_paths = true};
        struct rv_git_reply *reply = calloc(1, sizeof(*reply));
        struct rv_error err = {};
        git_oid head;

        repo_change(&world->repo, 100, "apps/cart/a", "1");
        repo_id(&world->repo, "HEAD", &head);
        assert_int_equal(rv_history_read(world->history, &head, &request, reply, &err), 0);
        assert_int_equal(reply->n_commits, 1);
        assert_int_equal(reply->commits[0].n_inside, 1);
        assert_int_equal(reply->commits[0].n_paths, 0);
        rv_git_reply_free(reply);
}

static struct rv_git_reply *look_for(struct world *world, const char *value, int64_t until) {
        struct rv_value values[] = {{.label = (char *)"version", .value = (char *)value}};
        char *scope[] = {(char *)"apps/cart/**"};
        struct rv_git_request request = {
                .scope = scope, .n_scope = 1, .values = values, .n_values = 1, .until_usec = until * RV_USEC_PER_SEC};
        struct rv_git_reply *reply = calloc(1, sizeof(*reply));
        struct rv_error err = {};
        git_oid head;

        repo_id(&world->repo, "HEAD", &head);
        if (rv_history_read(world->history, &head, &request, reply, &err) < 0)
                fail_msg("%s", err.text);
        return reply;
}

/* The newest commit: "+path" where it added the value, "-" where it removed it. */
static const char *found(struct world *world, const char *value) {
        static char text[256];
        struct rv_git_reply *reply = look_for(world, value, 1000);
        const struct rv_commit *commit = &reply->commits[0];
        const char *path = commit->n_values > 0 ? commit->values[0].path : NULL;

        assert_true(commit->n_values <= 1);
        snprintf(text, sizeof(text), "%s%s%s", path ? "+" : "", path ? path : "",
                 commit->n_values > 0 && commit->values[0].removed ? "-" : "");
        rv_git_reply_free(reply);
        return text;
}

static void test_values_in_changed_lines(void **state) {
        struct world *world = *state;
        struct rv_git_reply *reply;

        repo_change(&world->repo, 100, "apps/cart/a", "image: cart:v1.2.3\\nreplicas: 2");
        assert_string_equal(found(world, "v1.2.3"), "+apps/cart/a");
        assert_string_equal(found(world, "1.2.3"), "+apps/cart/a");
        assert_string_equal(found(world, "v1.2"), "");
        repo_change(&world->repo, 200, "apps/cart/a", "image: cart:v1.2.4\\nreplicas: 2");
        assert_string_equal(found(world, "v1.2.4"), "+apps/cart/a");
        assert_string_equal(found(world, "v1.2.3"), "-");
        /* The line stays, another one changes. */
        repo_change(&world->repo, 300, "apps/cart/a", "image: cart:v1.2.4\\nreplicas: 3");
        assert_string_equal(found(world, "v1.2.4"), "");
        /* The line changes, and had it before; then it comes a second time. */
        repo_change(&world->repo, 400, "apps/cart/a", "image: cart:v1.2.4 # pinned\\nreplicas: 3");
        assert_string_equal(found(world, "v1.2.4"), "+apps/cart/a-");
        repo_change(&world->repo, 500, "apps/cart/a", "image: cart:v1.2.4 # pinned\\nreplicas: 3\\nold: v1.2.4");
        assert_string_equal(found(world, "v1.2.4"), "+apps/cart/a");
        /* A rename takes it away here and brings it there. */
        repo_run(&world->repo, "cd work; git mv apps/cart/a apps/cart/b");
        repo_commit(&world->repo, 600, "-m 'Rename it'");
        assert_string_equal(found(world, "v1.2.4"), "+apps/cart/b-");
        /* Not in a binary file, and not outside of the scope. */
        repo_run(&world->repo,
                 "cd work; printf 'v9.9.9\\0' > apps/cart/c; mkdir -p apps/other; echo v8.8.8 > apps/other/a");
        repo_commit(&world->repo, 700, "-m more");
        assert_string_equal(found(world, "v9.9.9"), "");
        assert_string_equal(found(world, "v8.8.8"), "");

        /* Nothing that was committed later than the breach began. */
        reply = look_for(world, "v1.2.4", 200);
        assert_int_equal(reply->n_commits, 7);
        for (size_t i = 0; i < reply->n_commits; i++)
                assert_int_equal(reply->commits[i].n_values, i == 5);
        rv_git_reply_free(reply);
}

/* "1" where the commit brings back what revertd reverted, newest first; scope apps/cart. */
static const char *reapplied(struct world *world) {
        static char text[32];
        struct rv_git_reply *reply = read_scope(world, "apps/cart/**", 0, 0);

        assert_true(reply->n_commits < sizeof(text));
        for (size_t i = 0; i < reply->n_commits; i++)
                text[i] = reply->commits[i].reapplies.hex[0] ? '1' : '0';
        text[reply->n_commits] = '\0';
        rv_git_reply_free(reply);
        return text;
}

static void test_what_was_reverted_comes_back(void **state) {
        static const char ours[] = "-m Revert -m 'Revertd-Incident: 0011223344556677'";
        struct world *world = *state;
        struct rv_git_reply *reply;
        struct rv_oid revert;

        repo_change(&world->repo, 100, "apps/cart/a", "v1");
        repo_change(&world->repo, 200, "apps/cart/a", "v2");
        repo_run(&world->repo, "cd work; echo v1 > apps/cart/a");
        repo_commit(&world->repo, 300, ours);
        repo_hex(&world->repo, "HEAD", &revert);
        repo_change(&world->repo, 400, "apps/cart/a", "v3");
        assert_string_equal(reapplied(world), "0000");
        /* The subject is the same, the content another one; then it is the content that is the same. */
        repo_run(&world->repo, "cd work; echo v4 > apps/cart/a");
        repo_commit(&world->repo, 500, "-m 'Set apps/cart/a to v2'");
        assert_string_equal(reapplied(world), "00000");
        repo_run(&world->repo, "cd work; echo v2 > apps/cart/a");
        repo_commit(&world->repo, 600, "-m 'web: another try'");
        assert_string_equal(reapplied(world), "100000");
        reply = read_scope(world, "apps/cart/**", 0, 0);
        assert_string_equal(reply->commits[0].reapplies.hex, revert.hex);
        rv_git_reply_free(reply);
        /* A commit to another file leaves it as it is; elsewhere the same content is nothing that was reverted. */
        repo_change(&world->repo, 700, "apps/cart/b", "v2");
        assert_string_equal(reapplied(world), "0100000");
        /* Somebody else's revert is not ours. */
        repo_change(&world->repo, 800, "apps/cart/b", "v1");
        repo_change(&world->repo, 900, "apps/cart/b", "v2");
        assert_string_equal(reapplied(world), "000100000");
        /* A file that was added, reverted and added once more. */
        repo_run(&world->repo, "cd work; rm apps/cart/b");
        repo_commit(&world->repo, 1000, ours);
        repo_change(&world->repo, 1100, "apps/cart/b", "v2");
        assert_string_equal(reapplied(world), "10000100000");
}

static void test_values_within_bounds(void **state) {
        struct world *world = *state;
        struct rv_git_reply *reply;

        repo_change(&world->repo, 100, "apps/cart/a", "v1.2.3");
        assert_string_equal(found(world, "v1.2.3"), "+apps/cart/a");
        /* Beside a file that is too large to be read it is not known whether it was there before. */
        repo_run(&world->repo, "cd work; yes | head -c 2000000 > apps/cart/large; echo v1.2.4 > apps/cart/a");
        repo_commit(&world->repo, 200, "-m large");
        assert_string_equal(found(world, "v1.2.4"), "");
        repo_run(&world->repo, "cd work; for i in $(seq 70); do echo v1.2.5 > apps/cart/$i; done");
        repo_commit(&world->repo, 300, "-m many");
        assert_string_equal(found(world, "v1.2.5"), "");
        repo_run(&world->repo, "cd work; for i in $(seq 70); do echo v1.3.$i > apps/cart/a; git commit -qam $i; done");
        reply = look_for(world, "v1.3.70", INT64_C(1) << 40);
        assert_int_equal(reply->commits[0].n_values, 1);
        rv_git_reply_free(reply);
        reply = look_for(world, "v1.3.3", INT64_C(1) << 40);
        for (size_t i = 0; i < reply->n_commits; i++)
                assert_int_equal(reply->commits[i].n_values, 0);
        rv_git_reply_free(reply);
}

static void test_every_kind_of_change_is_seen(void **state) {
        static const char *const changes[] = {
                "rm s/gone",
                "chmod +x s/mode",
                "ln -sf other s/link",
                "rm s/file; mkdir s/file; echo 1 > s/file/inner",
                "rm -r s/folder; echo 1 > s/folder",
                "git mv s/renamed s/renamed.new",
                "git update-index --add --cacheinfo 160000,0123456789012345678901234567890123456789,s/module",
        };
        struct world *world = *state;
        struct rv_git_reply *reply;

        repo_run(&world->repo, "cd work; mkdir -p s/folder; for f in gone mode file renamed folder/inner other; do "
                               "echo $f > s/$f; done; ln -s gone s/link");
        repo_commit(&world->repo, 100, "-m first");
        for (size_t i = 0; i < RV_ARRAY_SIZE(changes); i++) {
                repo_run(&world->repo, "cd work; %s", changes[i]);
                if (i == RV_ARRAY_SIZE(changes) - 1)
                        repo_run(&world->repo, "cd work; git commit -q -m x");
                else
                        repo_commit(&world->repo, 200, "-m x");
                reply = read_scope(world, "s/**", 0, 1);
                assert_int_equal(reply->n_commits, 1);
                assert_int_equal(reply->commits[0].n_inside,
                                 strtoul(repo_ask(&world->repo, "git -C work diff-tree -r --no-renames --name-only "
                                                                "HEAD~1 HEAD | wc -l"),
                                         NULL, 10));
                rv_git_reply_free(reply);
        }
        repo_run(&world->repo, "cd work; git commit -q --allow-empty -m empty");
        reply = read_scope(world, NULL, 0, 1);
        assert_int_equal(reply->n_commits, 0);
        rv_git_reply_free(reply);
}

static void test_inside_and_outside_are_counted(void **state) {
        struct world *world = *state;
        struct rv_git_reply *reply;

        repo_change(&world->repo, 100, "apps/a/f", "1");
        repo_run(&world->repo, "cd work; mkdir -p apps/b; echo 2 > apps/a/f; echo 1 > apps/b/f; echo 1 > top");
        repo_commit(&world->repo, 200, "-m both");
        reply = read_scope(world, "apps/a/**", 0, 1);
        assert_int_equal(reply->commits[0].n_inside, 1);
        assert_int_equal(reply->commits[0].n_outside, 2);
        rv_git_reply_free(reply);
        /* More than is remembered, inside and outside. */
        repo_run(&world->repo, "cd work; for i in $(seq 600); do echo 3 > apps/a/f$i; done");
        repo_commit(&world->repo, 300, "-m 'many inside'");
        repo_run(&world->repo, "cd work; for i in $(seq 700); do echo 3 > apps/b/f$i; done; echo 3 > apps/a/z");
        repo_commit(&world->repo, 400, "-m 'many outside'");
        for (int i = 0; i < 2; i++) {
                reply = read_scope(world, "apps/a/**", 0, 2);
                assert_int_equal(reply->n_commits, 2);
                assert_int_equal(reply->commits[0].n_inside, 1);
                assert_int_equal(reply->commits[0].n_outside, RV_HISTORY_OUTSIDE_MAX);
                assert_string_equal(reply->commits[0].paths[0], "apps/a/z");
                assert_int_equal(reply->commits[1].n_inside, 600);
                assert_int_equal(reply->commits[1].n_outside, 0);
                assert_int_equal(reply->commits[1].n_paths, RV_COMMIT_PATHS_MAX);
                rv_git_reply_free(reply);
        }
}

static void test_merges_are_looked_at_against_the_first_parent(void **state) {
        struct world *world = *state;
        struct rv_git_reply *reply;

        repo_change(&world->repo, 100, "a", "1");
        repo_run(&world->repo, "cd work; git checkout -q -b side");
        repo_change(&world->repo, 200, "s/one", "1");
        repo_change(&world->repo, 300, "s/two", "1");
        repo_run(&world->repo, "cd work; git checkout -q main");
        repo_change(&world->repo, 400, "a", "2");
        repo_run(&world->repo, "cd work; GIT_COMMITTER_DATE='@500 +0000' git merge -q --no-ff -m merge side");
        reply = read_scope(world, "s/**", 0, 0);
        assert_int_equal(reply->n_scanned, 3);
        assert_int_equal(reply->n_commits, 1);
        assert_string_equal(reply->commits[0].subject, "merge");
        assert_int_equal(reply->commits[0].n_parents, 2);
        assert_int_equal(reply->commits[0].n_inside, 2);
        assert_int_equal(reply->commits[0].n_outside, 0);
        rv_git_reply_free(reply);
}

static void test_it_ends_at_a_time_and_at_a_count(void **state) {
        struct world *world = *state;
        struct rv_git_reply *reply;
        char content[16];

        for (int i = 0; i < 40; i++) {
                snprintf(content, sizeof(content), "%d", i);
                /* The committer's clock of the thirtieth is far behind. */
                repo_change(&world->repo, i == 30 ? 5 : 1000 + i, "a", content);
        }
        reply = read_scope(world, NULL, 1020, 0);
        /* Those of the 16 in a row that end it, but for the last, are told: it may be their clocks, or a late push. */
        assert_int_equal(reply->n_commits, 20 + 15);
        assert_int_equal(reply->n_scanned, 20 + 15);
        assert_string_equal(reply->commits[9].subject, "Set a to 30");
        assert_string_equal(reply->commits[34].subject, "Set a to 5");
        rv_git_reply_free(reply);
        reply = read_scope(world, NULL, 0, 7);
        assert_int_equal(reply->n_scanned, 7);
        assert_true(reply->truncated);
        rv_git_reply_free(reply);
        reply = read_scope(world, NULL, 0, 40);
        assert_int_equal(reply->n_commits, 40);
        assert_false(reply->truncated);
        rv_git_reply_free(reply);
        reply = read_some(world, "a", 0, 0, 5);
        assert_int_equal(reply->n_commits, 5);
        assert_string_equal(reply->commits[0].subject, "Set a to 39");
        assert_true(reply->truncated);
        rv_git_reply_free(reply);
}

static struct rv_git_reply *read_fresh(struct world *world, const char *head, const char *known) {
        struct rv_git_reply *reply = calloc(1, sizeof(*reply));
        struct rv_oid known_id = {};
        struct rv_error err = {};
        git_oid id;

        repo_id(&world->repo, head, &id);
        snprintf(known_id.hex, sizeof(known_id.hex), "%s", known);
        if (rv_history_fresh(world->history, &id, &known_id, reply, &err) < 0)
                fail_msg("%s", err.text);
        return reply;
}

static void test_what_is_fresh(void **state) {
        struct world *world = *state;
        struct rv_oid first, third, forced;
        struct rv_git_reply *reply;

        repo_change(&world->repo, 100, "a", "1");
        repo_hex(&world->repo, "HEAD", &first);
        repo_change(&world->repo, 200, "a", "2");
        repo_change(&world->repo, 300, "a", "3");
        repo_hex(&world->repo, "HEAD", &third);

        reply = read_fresh(world, "HEAD", first.hex);
        assert_int_equal(reply->n_fresh, 2);
        assert_string_equal(reply->fresh[0].hex, third.hex);
        rv_git_reply_free(reply);
        reply = read_fresh(world, "HEAD", third.hex);
        assert_int_equal(reply->n_fresh, 0);
        rv_git_reply_free(reply);
        reply = read_fresh(world, "HEAD", "");
        assert_int_equal(reply->n_fresh, 0);
        rv_git_reply_free(reply);

        /* Forced: what the old head had not. */
        repo_run(&world->repo, "cd work; git reset -q --hard %s", first.hex);
        repo_change(&world->repo, 400, "b", "1");
        repo_change(&world->repo, 500, "b", "2");
        repo_hex(&world->repo, "HEAD", &forced);
        reply = read_fresh(world, "HEAD", third.hex);
        assert_int_equal(reply->n_fresh, 2);
        assert_string_equal(reply->fresh[0].hex, forced.hex);
        rv_git_reply_free(reply);
        /* Forced back: nothing is new. */
        reply = read_fresh(world, first.hex, third.hex);
        assert_int_equal(reply->n_fresh, 0);
        rv_git_reply_free(reply);
        /* The old head merged as a second parent: the first parents down to what it had. */
        repo_run(&world->repo, "cd work; git merge -q -m merge %s", third.hex);
        reply = read_fresh(world, "HEAD", third.hex);
        assert_int_equal(reply->n_fresh, 3);
        assert_string_equal(reply->fresh[1].hex, forced.hex);
        rv_git_reply_free(reply);
        /* Never heard of. */
        reply = read_fresh(world, "HEAD", "1111111111111111111111111111111111111111");
        assert_int_equal(reply->n_fresh, 1);
        rv_git_reply_free(reply);
}

static void test_an_incident_is_found(void **state) {
        struct world *world = *state;
        struct rv_error err = {};
        git_oid head, ours, found;

        repo_change(&world->repo, 1000, "a", "1");
        repo_run(&world->repo, "cd work; git checkout -q -b side");
        repo_commit(&world->repo, 1100, "-m 'Revert x' -m 'Revertd-Incident: 7f3c'");
        repo_id(&world->repo, "HEAD", &ours);
        repo_run(&world->repo, "cd work; git checkout -q main");
        repo_change(&world->repo, 1200, "a", "2");
        repo_id(&world->repo, "HEAD", &head);
        assert_int_equal(rv_history_find_incident(world->history, &head, "7f3c", 0, &found, &err), 0);
        /* Also where it came in by a merge. */
        repo_run(&world->repo, "cd work; GIT_COMMITTER_DATE='@1300 +0000' git merge -q -m merge side");
        repo_id(&world->repo, "HEAD", &head);
        assert_int_equal(rv_history_find_incident(world->history, &head, "7f3c", 0, &found, &err), 1);
        assert_true(git_oid_equal(&found, &ours));
        assert_int_equal(rv_history_find_incident(world->history, &head, "7f3", 0, &found, &err), 0);
}

static void test_show_lists_all(void **state) {
        struct world *world = *state;
        struct rv_error err = {};
        struct rv_commit commit;
        git_oid head;

        repo_run(&world->repo, "cd work; mkdir x; echo 1 > x/1; echo 1 > \"$(printf 'x/\\377')\"");
        repo_commit(&world->repo, 100, "-m both");
        repo_id(&world->repo, "HEAD", &head);
        assert_int_equal(rv_history_show(world->history, &head, &commit, &err), 0);
        assert_int_equal(commit.n_inside, 2);
        assert_string_equal(commit.paths[0], "x/1");
        assert_string_equal(commit.paths[1], "x/\xEF\xBF\xBD");
        rv_commit_done(&commit);
}

static void test_a_missing_object_is_damage(void **state) {
        struct world *world = *state;
        struct rv_git_request request = {};
        struct rv_git_reply *reply = calloc(1, sizeof(*reply));
        struct rv_error err = {};
        git_oid head;

        repo_change(&world->repo, 100, "a/b", "1");
        repo_change(&world->repo, 200, "a/b", "2");
        repo_id(&world->repo, "HEAD", &head);
        repo_run(&world->repo, "cd work; h=$(git rev-parse HEAD:a); "
                               "rm -f .git/objects/$(echo $h | cut -c1-2)/$(echo $h | cut -c3-)");
        assert_true(rv_libgit2_is_damage(rv_history_read(world->history, &head, &request, reply, &err)));
        assert_string_not_equal(err.text, "");
        rv_git_reply_free(reply);
}

/* A commit changes a folder, the next changes it again, and the folder of between is gone. */
static void test_a_missing_object_harms_its_scope_alone(void **state) {
        struct world *world = *state;
        struct rv_error err = {};
        char *scope[] = {(char *)"a/**"};
        struct rv_git_request request = {.scope = scope, .n_scope = 1};
        struct rv_git_reply *reply;
        git_oid head;

        repo_run(&world->repo, "mkdir -p work/a work/b; for f in a/x a/y b/x b/y; do echo 1 >work/$f; done");
        repo_commit(&world->repo, 100, "-m start");
        repo_run(&world->repo, "cd work; echo 2 >a/x; echo two >b/x");
        repo_commit(&world->repo, 200, "-m both");
        repo_change(&world->repo, 300, "a/y", "3");
        repo_change(&world->repo, 400, "b/y", "3");
        repo_id(&world->repo, "HEAD", &head);
        repo_run(&world->repo, "cd work; h=$(git rev-parse HEAD~2:a); "
                               "rm -f .git/objects/$(echo $h | cut -c1-2)/$(echo $h | cut -c3-)");
        for (int i = 0; i < 2; i++) {
                reply = calloc(1, sizeof(*reply));
                assert_true(rv_libgit2_is_damage(rv_history_read(world->history, &head, &request, reply, &err)));
                rv_git_reply_free(reply);
                reply = read_scope(world, "b/**", 0, 0);
                assert_int_equal(reply->n_commits, 3);
                assert_string_equal(reply->commits[1].subject, "both");
                assert_int_equal(reply->commits[1].n_inside, 1);
                assert_string_equal(reply->commits[1].paths[0], "b/x");
                assert_int_equal(reply->commits[1].n_outside, RV_HISTORY_OUTSIDE_MAX);
                rv_git_reply_free(reply);
        }
}

/* Its trees are read all the same, so that only what it touches waits for a person. */
static void test_a_huge_message_harms_its_scope_alone(void **state) {
        struct world *world = *state;
        struct rv_git_reply *reply;

        repo_change(&world->repo, 100, "a/x", "1");
        repo_change(&world->repo, 100, "b/x", "1");
        repo_run(&world->repo,
                 "echo 2 >work/a/x; { echo huge; echo; head -c 1100000 /dev/zero | tr '\\0' x; } >message");
        repo_commit(&world->repo, 200, "-F ../message");
        reply = read_scope(world, "b/**", 0, 0);
        assert_int_equal(reply->n_scanned, 3);
        assert_int_equal(reply->n_commits, 1);
        assert_false(reply->commits[0].skip);
        rv_git_reply_free(reply);
        reply = read_scope(world, "a/**", 0, 0);
        assert_int_equal(reply->n_commits, 2);
        assert_string_equal(reply->commits[0].subject, "huge");
        assert_true(reply->commits[0].skip);
        assert_string_equal(reply->commits[0].paths[0], "a/x");
        rv_git_reply_free(reply);
}

/* What nobody can read to its end is in the scope all the same, and its paths are beyond counting. */
static void assert_inside_is_unknown(const struct rv_commit *commit) {
        assert_true(commit->n_inside >= RV_HISTORY_INSIDE_MAX);
        assert_true(commit->n_inside > commit->n_paths);
}

/* Ten trees of a hundred folders each, all the same object: 10^20 paths in a dozen small objects. */
static void test_a_tree_bomb_is_seen_but_not_counted(void **state) {
        struct world *world = *state;
        struct rv_git_reply *reply;

        repo_change(&world->repo, 100, "a", "1");
        repo_run(&world->repo,
                 "cd work; t=$(git mktree </dev/null); for d in $(seq 10); do "
                 "t=$(for i in $(seq 100 199); do printf '040000 tree %%s\\tf%%s\\n' $t $i; done | git mktree); done; "
                 "c=$(git commit-tree -p HEAD -m bomb $t); git reset -q --soft $c");
        reply = read_scope(world, NULL, 0, 0);
        assert_int_equal(reply->n_commits, 2);
        assert_inside_is_unknown(&reply->commits[0]);
        assert_int_equal(reply->commits[0].n_outside, 0);
        rv_git_reply_free(reply);
        /* Outside the scope it does no harm. */
        repo_run(&world->repo, "cd work; c=$(git commit-tree -p HEAD~1 -m bomb $( (git ls-tree HEAD~1; "
                               "printf '040000 tree %%s\\tbomb\\n040000 tree %%s\\ts\\n' $(git rev-parse HEAD^{tree}) "
                               "$(git rev-parse HEAD~1^{tree})) | git mktree)); git reset -q --soft $c");
        reply = read_scope(world, "s/**", 0, 1);
        assert_int_equal(reply->n_commits, 1);
        assert_int_equal(reply->commits[0].n_inside, 1);
        assert_int_equal(reply->commits[0].n_outside, RV_HISTORY_OUTSIDE_MAX);
        rv_git_reply_free(reply);
        /* Nor is it there at all where nothing else was touched. */
        reply = read_scope(world, "t/**", 0, 0);
        assert_int_equal(reply->n_commits, 0);
        rv_git_reply_free(reply);
}

static void test_deep_folders_are_seen_but_not_counted(void **state) {
        struct world *world = *state;
        struct rv_git_reply *reply;

        repo_run(&world->repo, "cd work; t=$(printf '' | git hash-object -w --stdin); "
                               "t=$(printf '100644 blob %%s\\tf\\n' $t | git mktree); for d in $(seq 600); do "
                               "t=$(printf '040000 tree %%s\\td\\n' $t | git mktree); done; "
                               "c=$(git commit-tree -m deep $t); git update-ref HEAD $c");
        reply = read_scope(world, NULL, 0, 0);
        assert_int_equal(reply->n_commits, 1);
        assert_inside_is_unknown(&reply->commits[0]);
        rv_git_reply_free(reply);
        reply = read_scope(world, "apps/**", 0, 0);
        assert_int_equal(reply->n_commits, 0);
        rv_git_reply_free(reply);
}

struct raw_entry {
        const char *mode, *name;
        git_oid id;
};

/* As it is given: git's own commands would refuse it. */
static git_oid write_tree(struct world *world, const struct raw_entry *entries, size_t n) {
        _cleanup_git_(odb) git_odb *odb = NULL;
        char raw[1024];
        size_t n_raw = 0;
        git_oid id;

        for (size_t i = 0; i < n; i++) {
                n_raw += (size_t)sprintf(raw + n_raw, "%s %s", entries[i].mode, entries[i].name) + 1;
                memcpy(raw + n_raw, entries[i].id.id, GIT_OID_RAWSZ);
                n_raw += GIT_OID_RAWSZ;
        }
        assert_int_equal(git_repository_odb(&odb, world->git), 0);
        assert_int_equal(git_odb_write(&id, odb, raw, n_raw, GIT_OBJECT_TREE), 0);
        return id;
}

static void commit_apps(struct world *world, const char *subject, git_oid cart, git_oid slash) {
        const struct raw_entry folders[] = {{"40000", "wcart", cart}, {"40000", "wslash", slash}};
        const git_oid apps = write_tree(world, folders, RV_ARRAY_SIZE(folders));
        const git_oid root = write_tree(world, &(struct raw_entry){"40000", "apps", apps}, 1);
        char hex[GIT_OID_HEXSZ + 1];

        git_oid_tostr(hex, sizeof(hex), &root);
        repo_run(&world->repo, "cd work; git update-ref HEAD $(git commit-tree -p HEAD -m %s %s)", subject, hex);
}

/* One commit puts what is no tree into an app, the next takes it out again, the third puts it back. */
static void read_around(struct world *world, const git_oid *bad) {
        struct rv_git_reply *reply;
        git_oid old_cart, new_cart, good;

        repo_id(&world->repo, "HEAD~1:apps/wcart", &old_cart);
        repo_id(&world->repo, "HEAD:apps/wcart", &new_cart);
        repo_id(&world->repo, "HEAD:apps/wslash", &good);
        commit_apps(world, "in", new_cart, *bad);
        commit_apps(world, "out", old_cart, good);
        commit_apps(world, "back", new_cart, *bad);
        for (int i = 0; i < 2; i++) {
                reply = read_scope(world, "apps/wcart/**", 0, 0);
                assert_int_equal(reply->n_commits, 4);
                assert_string_equal(reply->commits[0].subject, "back");
                assert_string_equal(reply->commits[1].subject, "out");
                for (size_t k = 0; k < 2; k++) {
                        assert_int_equal(reply->commits[k].n_inside, 1);
                        assert_string_equal(reply->commits[k].paths[0], "apps/wcart/f");
                        assert_int_equal(reply->commits[k].n_outside, RV_HISTORY_OUTSIDE_MAX);
                }
                assert_int_equal(reply->commits[2].n_outside, 0);
                rv_git_reply_free(reply);
                reply = read_scope(world, "apps/wslash/**", 0, 0);
                assert_int_equal(reply->n_commits, 4);
                for (size_t k = 0; k < 3; k++)
                        assert_inside_is_unknown(&reply->commits[k]);
                assert_int_equal(reply->commits[3].n_inside, 1);
                rv_git_reply_free(reply);
                reply = read_scope(world, "apps/other/**", 0, 0);
                assert_int_equal(reply->n_scanned, 6);
                assert_int_equal(reply->n_commits, 0);
                rv_git_reply_free(reply);
        }
}

static void test_a_malformed_tree_harms_its_scope_alone(void **state) {
        struct world *world = *state;
        struct raw_entry entry = {.mode = "100644", .name = "a/b"};

        repo_change(&world->repo, 100, "apps/wslash/f", "1");
        repo_change(&world->repo, 100, "apps/wcart/f", "1");
        repo_change(&world->repo, 100, "apps/wcart/f", "2");
        repo_id(&world->repo, "HEAD:apps/wcart/f", &entry.id);
        const git_oid bad = write_tree(world, &entry, 1);
        read_around(world, &bad);
}

static void test_a_folder_that_is_a_file_harms_its_scope_alone(void **state) {
        struct world *world = *state;
        git_oid blob;

        repo_change(&world->repo, 100, "apps/wslash/f", "1");
        repo_change(&world->repo, 100, "apps/wcart/f", "1");
        repo_change(&world->repo, 100, "apps/wcart/f", "2");
        repo_id(&world->repo, "HEAD:apps/wcart/f", &blob);
        read_around(world, &blob);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_only_the_scope_newest_first),
                TEST(test_paths_are_left_out),
                TEST(test_values_in_changed_lines),
                TEST(test_values_within_bounds),
                TEST(test_what_was_reverted_comes_back),
                TEST(test_every_kind_of_change_is_seen),
                TEST(test_inside_and_outside_are_counted),
                TEST(test_merges_are_looked_at_against_the_first_parent),
                TEST(test_it_ends_at_a_time_and_at_a_count),
                TEST(test_what_is_fresh),
                TEST(test_an_incident_is_found),
                TEST(test_show_lists_all),
                TEST(test_a_missing_object_is_damage),
                TEST(test_a_missing_object_harms_its_scope_alone),
                TEST(test_a_huge_message_harms_its_scope_alone),
                TEST(test_a_tree_bomb_is_seen_but_not_counted),
                TEST(test_deep_folders_are_seen_but_not_counted),
                TEST(test_a_malformed_tree_harms_its_scope_alone),
                TEST(test_a_folder_that_is_a_file_harms_its_scope_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
