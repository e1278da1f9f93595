/* Pushes to a local repository: written directly, or through receive-pack where it has a say. */
#include "remote.h"

#include "git/push_send.h"

static int setup(void **state) {
        struct world *world = malloc(sizeof(*world));

        assert_non_null(world);
        world_make(world);
        world_connect(world);
        *state = world;
        return 0;
}

static int teardown(void **state) {
        world_remove(*state);
        free(*state);
        return 0;
}

static bool is_direct(struct world *world) {
        struct rv_push_result result = {};
        git_oid head;
        bool done;
        struct rv_push push = {.remote = world->remote,
                               .mirror = world->mirror,
                               .branch = "main",
                               .name = "refs/heads/main",
                               .old_id = &head,
                               .new_id = &head,
                               .deadline_usec = in_seconds(5)};

        world_fetch(world, &head);
        assert_int_equal(rv_push_local(&push, &result, &done, &world->err), 0);
        rv_push_result_done(&result);
        return done;
}

static void direct(void **state) {
        assert_true(is_direct(*state));
        world_round_trip(*state);
}

/* Whatever could refuse or notice a push gets to see it. */
static void hooks_and_settings_get_receive_pack(void **state) {
        static const char *const ways[][2] = {
                {"touch remote.git/hooks/pre-receive", "rm remote.git/hooks/pre-receive"},
                {"touch remote.git/hooks/post-update", "rm remote.git/hooks/post-update"},
                {"touch remote.git/hooks/reference-transaction", "rm remote.git/hooks/reference-transaction"},
                {"git -C remote.git config receive.fsckObjects true",
                 "git -C remote.git config --unset receive.fsckObjects"},
                {"git -C remote.git config transfer.hideRefs refs/x",
                 "git -C remote.git config --unset transfer.hideRefs"},
                {"git -C remote.git config core.hooksPath /x", "git -C remote.git config --unset core.hooksPath"},
                {"git -C remote.git config core.sharedRepository group",
                 "git -C remote.git config --unset core.sharedRepository"},
                {"git -C remote.git config core.bare false", "git -C remote.git config core.bare true"},
                {"chmod g+w remote.git/objects", "chmod g-w remote.git/objects"},
        };
        struct world *world = *state;

        for (size_t i = 0; i < RV_ARRAY_SIZE(ways); i++) {
                repo_run(&world->repo, "%s", ways[i][0]);
                if (is_direct(world))
                        fail_msg("written directly in spite of: %s", ways[i][0]);
                repo_run(&world->repo, "%s", ways[i][1]);
                assert_true(is_direct(world));
        }
}

static void write_hook(struct world *world, const char *name, const char *script) {
        repo_run(&world->repo, "printf '#!/bin/sh\\n%s\\n' >remote.git/hooks/%s; chmod +x remote.git/hooks/%s", script,
                 name, name);
}

static void through_receive_pack(void **state) {
        struct world *world = *state;

        write_hook(world, "post-receive", "cat >\"$GIT_DIR\"/seen");
        world_round_trip(world);
        assert_string_not_equal(repo_ask(&world->repo, "cat remote.git/seen"), "");
}

static void refused_by_a_hook(void **state) {
        struct world *world = *state;
        struct rv_revert_result revert = {};
        struct rv_push_result push = {};
        git_oid head, after;

        write_hook(world, "pre-receive", "echo \"freeze until Monday \\033[31m\" >&2; exit 1");
        world_fetch(world, &head);
        world_revert(world, &head, &revert);
        world_push(world, &head, &revert, in_seconds(20), &push);
        assert_int_equal(push.outcome, RV_PUSH_REFUSED);
        assert_non_null(strstr(push.message, "pre-receive hook declined"));
        assert_non_null(strstr(push.message, "freeze until Monday"));
        assert_null(strchr(push.message, '\033'));
        remote_head(world, &after);
        assert_true(git_oid_equal(&head, &after));
        rv_push_result_done(&push);
        rv_revert_result_done(&revert);
}

/* Somebody else pushes between our fetch and our push. */
static void moved(struct world *world) {
        struct rv_revert_result revert = {};
        struct rv_push_result push = {};
        git_oid head, other;

        world_fetch(world, &head);
        world_revert(world, &head, &revert);
        repo_change(&world->repo, 1700000003, "apps/api", "two");
        repo_run(&world->repo, "git -C work push -q --no-verify ../remote.git main");
        remote_head(world, &other);
        world_push(world, &head, &revert, in_seconds(20), &push);
        assert_int_equal(push.outcome, RV_PUSH_MOVED);
        assert_true(git_oid_equal(&push.head, &other));
        remote_head(world, &head);
        assert_true(git_oid_equal(&head, &other));
        rv_push_result_done(&push);
        rv_revert_result_done(&revert);
}

static void moved_direct(void **state) {
        moved(*state);
}

static void moved_through_receive_pack(void **state) {
        write_hook(*state, "post-receive", "true");
        moved(*state);
}

/* The race that the advertisement cannot show: the ref moves while the server works on the push. */
static void moved_during_the_push(void **state) {
        struct world *world = *state;
        struct rv_revert_result revert = {};
        struct rv_push_result push = {};
        git_oid head;

        write_hook(world, "pre-receive",
                   "test -e moved || { touch moved; unset GIT_QUARANTINE_PATH; git update-ref refs/heads/main "
                   "refs/heads/main~1; }");
        world_fetch(world, &head);
        world_revert(world, &head, &revert);
        world_push(world, &head, &revert, in_seconds(20), &push);
        assert_int_equal(push.outcome, RV_PUSH_MOVED);
        assert_string_equal(repo_ask(&world->repo, "git -C remote.git rev-list --count main"), "2");
        rv_push_result_done(&push);
        rv_revert_result_done(&revert);
}

static void branch_is_gone(void **state) {
        struct world *world = *state;
        struct rv_revert_result revert = {};
        struct rv_push_result push = {};
        git_oid head;

        world_fetch(world, &head);
        world_revert(world, &head, &revert);
        repo_run(&world->repo, "git -C remote.git update-ref -d refs/heads/main");
        world_push(world, &head, &revert, in_seconds(20), &push);
        assert_int_equal(push.outcome, RV_PUSH_MOVED);
        assert_true(git_oid_is_zero(&push.head));
        assert_int_equal(rv_remote_read_ref(world->remote, "main", in_seconds(5), &head, &world->err), -ENOENT);
        rv_push_result_done(&push);
        rv_revert_result_done(&revert);
}

/* A retry of a push that succeeded, its answer lost, is a success and changes nothing. */
static void pushed_again(void **state) {
        struct world *world = *state;
        struct rv_revert_result revert = {};
        struct rv_push_result push = {};
        git_oid head;

        world_fetch(world, &head);
        world_revert(world, &head, &revert);
        for (unsigned i = 0; i < 2; i++) {
                world_push(world, &head, &revert, in_seconds(20), &push);
                assert_int_equal(push.outcome, RV_PUSH_OK);
                rv_push_result_done(&push);
        }
        rv_revert_result_done(&revert);
}

static void new_branch(void **state) {
        assert_true(is_direct(*state));
        world_make_branch(*state);
}

static void new_branch_through_receive_pack(void **state) {
        write_hook(*state, "post-receive", "true");
        world_make_branch(*state);
}

enum { RACES = 300, MADE = 10, WAS_THERE = 11 };

/* In a process of its own, once the pipe is closed. */
static pid_t make_branch_at_once(struct world *world, const char *branch, const struct rv_revert_result *revert,
                                 const int begin[2]) {
        static const git_oid none = {{0}};
        struct rv_push_result push = {};
        char byte;

        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid > 0)
                return pid;
        close(begin[1]);
        if (read(begin[0], &byte, 1) != 0 ||
            rv_push(world->remote, world->mirror, branch, &none, &revert->commit, revert->objects, revert->n_objects,
                    in_seconds(20), &push, &world->err) < 0 ||
            push.outcome != RV_PUSH_OK)
                _exit(1);
        _exit(push.was_there ? WAS_THERE : MADE);
}

/* Of two who make the same branch at the same moment, one hears that it made it, and the other that it was there. */
static void new_branch_is_made_once(void **state) {
        struct world *world = *state;
        struct rv_revert_result revert = {};
        git_oid head;

        world_fetch(world, &head);
        world_revert(world, &head, &revert);
        for (unsigned i = 0; i < RACES; i++) {
                char branch[32];
                int begin[2], status, sum = 0;
                pid_t pid[2];
                snprintf(branch, sizeof(branch), "revertd/%u", i);
                assert_int_equal(pipe(begin), 0);
                for (unsigned k = 0; k < 2; k++)
                        pid[k] = make_branch_at_once(world, branch, &revert, begin);
                close(begin[0]);
                close(begin[1]);
                for (unsigned k = 0; k < 2; k++) {
                        assert_int_equal(waitpid(pid[k], &status, 0), pid[k]);
                        assert_true(WIFEXITED(status));
                        sum += WEXITSTATUS(status);
                }
                assert_int_equal(sum, MADE + WAS_THERE);
        }
        rv_revert_result_done(&revert);
}

/* Git has no folder and file of the same name. */
static void new_branch_under_another(void **state) {
        static const git_oid none = {{0}};
        struct world *world = *state;
        struct rv_revert_result revert = {};
        struct rv_push_result push = {};
        git_oid head;

        repo_run(&world->repo, "git -C remote.git branch revertd main");
        world_fetch(world, &head);
        world_revert(world, &head, &revert);
        assert_int_equal(rv_push(world->remote, world->mirror, "revertd/7f3c-1", &none, &revert.commit, revert.objects,
                                 revert.n_objects, in_seconds(20), &push, &world->err),
                         0);
        assert_int_equal(push.outcome, RV_PUSH_REFUSED);
        assert_non_null(push.message);
        rv_push_result_done(&push);
        rv_revert_result_done(&revert);
}

/* A hook that never ends costs the deadline; the branch is then looked at. */
static void hook_hangs(void **state) {
        struct world *world = *state;
        struct rv_revert_result revert = {};
        struct rv_push_result push = {};
        git_oid head;

        write_hook(world, "pre-receive", "exec sleep 60");
        world_fetch(world, &head);
        world_revert(world, &head, &revert);
        world_push(world, &head, &revert, in_seconds(2), &push);
        assert_int_equal(push.outcome, RV_PUSH_LOST);
        assert_non_null(push.message);
        rv_push_result_done(&push);
        rv_revert_result_done(&revert);
}

/* New files get the permissions that the repository's own have, whatever ours are. */
static void permissions_fit(void **state) {
        struct world *world = *state;
        mode_t before = umask(077);

        world_round_trip(world);
        umask(before);
        assert_string_equal(repo_ask(&world->repo, "find remote.git/objects -type f ! -perm -444"), "");
        assert_string_equal(repo_ask(&world->repo, "find remote.git/objects -type d ! -perm -555"), "");
        assert_string_equal(repo_ask(&world->repo, "find remote.git/refs ! -perm -444"), "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                TEST(direct),
                TEST(hooks_and_settings_get_receive_pack),
                TEST(through_receive_pack),
                TEST(refused_by_a_hook),
                TEST(moved_direct),
                TEST(moved_through_receive_pack),
                TEST(moved_during_the_push),
                TEST(branch_is_gone),
                TEST(pushed_again),
                TEST(new_branch),
                TEST(new_branch_is_made_once),
                TEST(new_branch_through_receive_pack),
                TEST(new_branch_under_another),
                TEST(hook_hangs),
                TEST(permissions_fit),
        };
        struct rv_error err = {};

        umask(022);
        if (rv_libgit2_init(&err) < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
