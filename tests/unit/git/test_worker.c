/* The whole worker against a real remote: a bare repository at a local path. */
#include "git/worker.h"

#include "revertd/clock.h"

#include "repo.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct world {
        struct repo repo;
        char url[128], storage[128];
        struct rv_config config;
        struct rv_repository_config repository;
        pid_t pid;
        struct rv_line line;
        int64_t now; /* seconds */
        uint64_t last_id;
};

static void start_worker(struct world *world) {
        struct rv_git_hello hello = {};
        struct rv_error err = {};
        char *text;
        int pair[2];
        size_t n;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        world->pid = fork();
        assert_true(world->pid >= 0);
        if (world->pid == 0) {
                struct rv_worker_options options = {.config = &world->config,
                                                    .repository = &world->repository,
                                                    .storage_path = world->storage,
                                                    .fd = pair[1]};
                close(pair[0]);
                setpgid(0, 0);
                if (rv_libgit2_init(&err) < 0)
                        _exit(1);
                int r = rv_worker_run(&options, &err);
                if (r < 0)
                        fprintf(stderr, "worker: %s\n", err.text);
                git_libgit2_shutdown();
                exit(r == -EBADMSG ? RV_GITWIRE_EXIT_PROTOCOL : r < 0);
        }
        close(pair[1]);
        world->line = (struct rv_line){.fd = pair[0]};
        assert_int_equal(rv_line_read(&world->line, &text, &n, &err), 1);
        assert_int_equal(rv_git_hello_decode(&hello, text, n, &err), 0);
        assert_null(hello.error);
        assert_string_equal(hello.repository, "fleet");
        rv_git_hello_done(&hello);
}

/* Its exit status, after our side is closed. */
static int stop_worker(struct world *world) {
        int status = 0;

        close(world->line.fd);
        rv_line_done(&world->line);
        assert_int_equal(waitpid(world->pid, &status, 0), world->pid);
        world->pid = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int set_up(void **state) {
        static char *no_paths[] = {NULL};
        struct world *world = calloc(1, sizeof(*world));

        repo_make(&world->repo);
        snprintf(world->url, sizeof(world->url), "%s/remote.git", world->repo.folder);
        snprintf(world->storage, sizeof(world->storage), "%s/state", world->repo.folder);
        world->repository = (struct rv_repository_config){
                .name = (char *)"fleet",
                .url = world->url,
                .branch = (char *)"main",
                .allow_paths = no_paths,
                .timeout_usec = 20 * RV_USEC_PER_SEC,
                .budget = 4,
                .committer_name = (char *)"revertd",
                .committer_email = (char *)"revertd@example.com",
        };
        world->now = rv_clock_realtime_usec() / RV_USEC_PER_SEC;
        repo_run(&world->repo, "git init -q --bare -b main remote.git; mkdir state");
        repo_change(&world->repo, world->now - 300, "apps/cart/image", "1");
        repo_change(&world->repo, world->now - 200, "apps/checkout/image", "1");
        repo_change(&world->repo, world->now - 100, "apps/checkout/image", "2");
        repo_run(&world->repo, "cd work; git remote add origin ../remote.git; git push -q origin main");
        start_worker(world);
        *state = world;
        return 0;
}

static int tear_down(void **state) {
        struct world *world = *state;

        if (world->pid)
                (void)stop_worker(world);
        repo_remove(&world->repo);
        free(world);
        return 0;
}

static void send_request(struct world *world, struct rv_git_request *request) {
        _cleanup_free_ char *text = NULL;
        struct rv_error err = {};

        request->id = ++world->last_id;
        if (!request->timeout_usec)
                request->timeout_usec = 20 * RV_USEC_PER_SEC;
        assert_int_equal(rv_git_request_encode(request, &text), 0);
        assert_int_equal(rv_line_write(&world->line, text, &err), 0);
}

static struct rv_git_reply *read_reply(struct world *world) {
        struct rv_git_reply *reply = NULL;
        struct rv_error err = {};
        char *text;
        size_t n;

        do {
                rv_git_reply_free(reply);
                if (rv_line_read(&world->line, &text, &n, &err) != 1)
                        fail_msg("the worker went away: %s", err.text);
                assert_int_equal(rv_git_reply_decode(&reply, text, n, &err), 0);
        } while (reply->progress);
        assert_int_equal(reply->id, world->last_id);
        return reply;
}

static struct rv_git_reply *ask(struct world *world, struct rv_git_request *request) {
        send_request(world, request);
        return read_reply(world);
}

static struct rv_git_reply *ask_simple(struct world *world, enum rv_git_op op) {
        struct rv_git_request request = {.op = op};

        return ask(world, &request);
}

static void assert_outcome(const struct rv_git_reply *reply, enum rv_git_outcome outcome) {
        if (reply->outcome != outcome)
                fail_msg("%s and not %s: %s", rv_git_outcome_to_string(reply->outcome),
                         rv_git_outcome_to_string(outcome), reply->message ? reply->message : "");
}

/* A request that undoes the work tree's HEAD, on the remote's head. */
static void make_revert(struct world *world, enum rv_git_op op, struct rv_git_request *ret, struct rv_oid *commit) {
        *ret = (struct rv_git_request){.op = op};
        repo_hex(&world->repo, "HEAD", commit);
        ret->spec.base = *commit;
        ret->spec.commits = commit;
        ret->spec.n_commits = 1;
        ret->spec.time_usec = world->now * RV_USEC_PER_SEC;
        ret->spec.message = (char *)"Revert \"Set\"\n\nThis reverts it.\n\nRevertd-Incident: 7f3c\n"
                                    "Revertd-Reverts: 1111111111111111111111111111111111111111\n";
}

static const char *remote_head(const struct world *world) {
        return repo_ask(&world->repo, "git -C remote.git rev-parse main");
}

static void test_sync_says_what_is_fresh(void **state) {
        struct world *world = *state;
        struct rv_git_request request = {.op = RV_GIT_SYNC};
        struct rv_git_reply *reply;

        reply = ask_simple(world, RV_GIT_SYNC);
        assert_outcome(reply, RV_GIT_OK);
        assert_string_equal(reply->head.hex, remote_head(world));
        assert_int_equal(reply->n_fresh, 0);
        request.known = reply->head;
        rv_git_reply_free(reply);
        repo_change(&world->repo, world->now, "apps/cart/image", "2");
        repo_run(&world->repo, "git -C work push -q origin main");
        reply = ask(world, &request);
        assert_string_equal(reply->head.hex, remote_head(world));
        assert_int_equal(reply->n_fresh, 1);
        rv_git_reply_free(reply);
        /* Forced to something else. */
        repo_run(&world->repo, "cd work; git reset -q --hard HEAD~2");
        repo_change(&world->repo, world->now, "apps/cart/image", "3");
        repo_run(&world->repo, "git -C work push -q -f origin main");
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_OK);
        assert_string_equal(reply->head.hex, remote_head(world));
        assert_int_equal(reply->n_fresh, 1);
        rv_git_reply_free(reply);
}

static void test_history_of_a_scope(void **state) {
        char *scope[] = {(char *)"apps/checkout/**"};
        struct world *world = *state;
        struct rv_git_request request = {.op = RV_GIT_HISTORY, .scope = scope, .n_scope = 1, .max_commits = 100};
        struct rv_git_reply *reply = ask(world, &request);

        assert_outcome(reply, RV_GIT_OK);
        assert_int_equal(reply->n_scanned, 3);
        assert_int_equal(reply->n_commits, 2);
        assert_string_equal(reply->commits[0].subject, "Set apps/checkout/image to 2");
        rv_git_reply_free(reply);
}

static struct rv_oid oid_of(const struct world *world, const char *revision) {
        struct rv_oid oid;

        repo_hex(&world->repo, revision, &oid);
        return oid;
}

/* What an operator has applied, among what touched the scope. */
static void test_history_says_where_revisions_stand(void **state) {
        static const struct rv_oid unknown = {"1111111111111111111111111111111111111111"};
        char *scope[] = {(char *)"apps/checkout/**"};
        struct world *world = *state;
        struct rv_git_request request = {.op = RV_GIT_HISTORY, .scope = scope, .n_scope = 1};
        struct rv_git_reply *reply;

        repo_change(&world->repo, world->now - 50, "apps/cart/image", "2");
        repo_run(&world->repo, "git -C work push -q origin main");
        struct rv_oid deployed[] = {oid_of(world, "HEAD~3"), oid_of(world, "HEAD~2"), oid_of(world, "HEAD~1"),
                                    oid_of(world, "HEAD"), unknown};
        request.deployed = deployed;
        request.n_deployed = RV_ARRAY_SIZE(deployed);
        for (size_t max = 1; max <= 2; max++) {
                request.max_touching = max; /* what is told of is less than what is looked at for this */
                reply = ask(world, &request);
                assert_outcome(reply, RV_GIT_OK);
                assert_int_equal(reply->n_commits, max);
                assert_int_equal(reply->n_above, RV_ARRAY_SIZE(deployed));
                assert_int_equal(reply->above[0], max); /* before any of them */
                assert_int_equal(reply->above[1], 1);
                assert_int_equal(reply->above[2], 0);
                assert_int_equal(reply->above[3], 0); /* not in the scope, and after all that is */
                assert_true(reply->above[4] == SIZE_MAX);
                rv_git_reply_free(reply);
        }
}

static bool is_deployed(struct world *world, const struct rv_oid *deployed, size_t n, const char *commit) {
        struct rv_git_request request = {.op = RV_GIT_CHECK,
                                         .commit = oid_of(world, commit),
                                         .deployed = (struct rv_oid *)deployed,
                                         .n_deployed = n};
        struct rv_git_reply *reply = ask(world, &request);
        bool is = reply->deployed;

        assert_outcome(reply, RV_GIT_OK);
        assert_true(reply->contained);
        rv_git_reply_free(reply);
        return is;
}

static void test_check_says_what_a_revision_holds(void **state) {
        struct world *world = *state;
        struct rv_oid unknown = {"1111111111111111111111111111111111111111"};
        struct rv_oid blob = oid_of(world, "HEAD:apps/cart/image"), before = oid_of(world, "HEAD~1");
        struct rv_oid at = oid_of(world, "HEAD"), of_a_chart[] = {unknown, blob, before, at};

        assert_true(is_deployed(world, &at, 1, "HEAD"));
        assert_true(is_deployed(world, &at, 1, "HEAD~2"));
        assert_false(is_deployed(world, &before, 1, "HEAD"));
        assert_true(is_deployed(world, &before, 1, "HEAD~1"));
        assert_false(is_deployed(world, &unknown, 1, "HEAD"));
        assert_false(is_deployed(world, &blob, 1, "HEAD"));
        assert_false(is_deployed(world, NULL, 0, "HEAD"));
        assert_true(is_deployed(world, of_a_chart, 4, "HEAD"));
        assert_false(is_deployed(world, of_a_chart, 3, "HEAD"));
}

static void test_plan_and_push(void **state) {
        struct world *world = *state;
        struct rv_git_request request, check = {.op = RV_GIT_CHECK};
        struct rv_git_reply *plan, *pushed, *again;
        struct rv_oid commit;

        make_revert(world, RV_GIT_PLAN, &request, &commit);
        request.want_diff = true;
        plan = ask(world, &request);
        assert_outcome(plan, RV_GIT_OK);
        assert_int_equal(plan->n_files, 1);
        assert_int_equal(plan->n_insertions, 1);
        assert_int_equal(plan->n_deletions, 1);
        assert_string_equal(plan->paths[0], "apps/checkout/image");
        assert_non_null(strstr(plan->diff, "-2\n+1\n"));
        assert_string_equal(remote_head(world), commit.hex);

        check.commit = plan->commit;
        again = ask(world, &check);
        assert_false(again->contained);
        rv_git_reply_free(again);

        request.op = RV_GIT_PUSH;
        request.commit = plan->commit;
        pushed = ask(world, &request);
        assert_outcome(pushed, RV_GIT_OK);
        assert_string_equal(pushed->commit.hex, plan->commit.hex);
        assert_string_equal(pushed->head.hex, plan->commit.hex);
        assert_string_equal(remote_head(world), plan->commit.hex);
        assert_string_equal(repo_ask(&world->repo, "git -C remote.git show main:apps/checkout/image"), "1");
        assert_string_equal(repo_ask(&world->repo, "git -C remote.git log -1 --format='%%an <%%ae> %%ct' main | "
                                                   "sed 's/ [0-9]*$//'"),
                            "revertd <revertd@example.com>");
        repo_run(&world->repo, "git -C remote.git fsck --strict 2>&1");

        again = ask(world, &check);
        assert_true(again->contained);
        rv_git_reply_free(again);
        again = ask(world, &request);
        assert_outcome(again, RV_GIT_ALREADY);
        assert_string_equal(again->commit.hex, plan->commit.hex);
        rv_git_reply_free(again);
        rv_git_reply_free(plan);
        rv_git_reply_free(pushed);
}

/* A move, seen from where it went to: without it nothing is left there. */
static void test_plan_says_that_nothing_is_left(void **state) {
        static const struct {
                const char *scope;
                bool empties;
        } cases[] = {
                {"apps/shop/**", true}, {"apps/**", false}, {"apps/shop", true}, {"**/image", false}, {NULL, false}};
        struct world *world = *state;
        struct rv_git_request request;
        struct rv_oid commit;

        repo_run(&world->repo, "git -C work mv apps/checkout apps/shop");
        repo_commit(&world->repo, world->now, "-m 'Call it shop'");
        repo_run(&world->repo, "git -C work push -q origin main");
        make_revert(world, RV_GIT_PLAN, &request, &commit);
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++) {
                char *scope[] = {(char *)cases[i].scope};
                struct rv_git_reply *plan;

                request.spec.scope = scope;
                request.spec.n_scope = cases[i].scope != NULL;
                plan = ask(world, &request);
                assert_outcome(plan, RV_GIT_OK);
                assert_int_equal(plan->empties, cases[i].empties);
                rv_git_reply_free(plan);
        }
}

static void assert_pause(struct world *world, const char *expected) {
        struct rv_git_reply *reply = ask_simple(world, RV_GIT_SYNC);

        assert_outcome(reply, RV_GIT_OK);
        if (expected)
                assert_string_equal(reply->pause, expected);
        else
                assert_null(reply->pause);
        rv_git_reply_free(reply);
}

static void test_the_pause_file(void **state) {
        struct world *world = *state;

        assert_pause(world, NULL);
        repo_change(&world->repo, world->now, ".revertd/other", "1");
        repo_run(&world->repo, "git -C work push -q ../remote.git main");
        assert_pause(world, NULL);
        repo_change(&world->repo, world->now, ".revertd/pause", "freeze");
        repo_run(&world->repo, "git -C work push -q ../remote.git main");
        assert_pause(world, "freeze\n");
        repo_run(&world->repo,
                 "cd work; rm .revertd/pause; head -c 70000 /dev/zero | tr '\\0' x >.revertd/pause; git add -A");
        repo_commit(&world->repo, world->now, "-m pause");
        repo_run(&world->repo, "git -C work push -q ../remote.git main");
        assert_pause(world, "(the file cannot be read)");
        repo_run(&world->repo, "cd work; rm .revertd/pause; ln -s /etc/passwd .revertd/pause; git add -A");
        repo_commit(&world->repo, world->now, "-m pause");
        repo_run(&world->repo, "git -C work push -q ../remote.git main");
        assert_pause(world, "/etc/passwd");
        repo_run(&world->repo, "cd work; rm .revertd/pause; mkdir .revertd/pause; touch .revertd/pause/x; git add -A");
        repo_commit(&world->repo, world->now, "-m pause");
        repo_run(&world->repo, "git -C work push -q ../remote.git main");
        assert_pause(world, "(the file cannot be read)");
}

/* With a kind of key that signs differently each time: the push is that of the plan all the same. */
static void test_signed(void **state) {
        struct world *world = *state;
        struct rv_git_request request;
        struct rv_git_reply *reply;
        struct rv_oid commit;

        assert_int_equal(stop_worker(world), 0);
        repo_run(&world->repo,
                 "ssh-keygen -q -t ecdsa -N '' -f key; echo \"revertd@example.com $(cat key.pub)\" >signers; "
                 "git -C remote.git config gpg.ssh.allowedSignersFile \"$PWD/signers\"");
        world->config.credentials_directory = world->repo.folder;
        world->repository.signing_key = (char *)"key";
        start_worker(world);
        make_revert(world, RV_GIT_PLAN, &request, &commit);
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_OK);
        request.op = RV_GIT_PUSH;
        request.commit = reply->commit;
        rv_git_reply_free(reply);
        assert_int_equal(stop_worker(world), 0);
        start_worker(world);
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_OK);
        assert_string_equal(reply->commit.hex, request.commit.hex);
        assert_string_equal(remote_head(world), request.commit.hex);
        repo_run(&world->repo, "git -C remote.git verify-commit main 2>verified; grep -q 'Good \"git\" sig' verified");
        rv_git_reply_free(reply);
}

/* What cannot be signed is not pushed. */
static void test_signing_fails(void **state) {
        struct world *world = *state;
        struct rv_git_request request;
        struct rv_git_reply *reply;
        struct rv_oid commit;

        assert_int_equal(stop_worker(world), 0);
        repo_run(&world->repo, "echo rubbish >key; chmod 600 key");
        world->config.credentials_directory = world->repo.folder;
        world->repository.signing_key = (char *)"key";
        start_worker(world);
        make_revert(world, RV_GIT_PUSH, &request, &commit);
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_FAILED);
        assert_non_null(strstr(reply->message, "sign the commit"));
        assert_string_equal(remote_head(world), commit.hex);
        rv_git_reply_free(reply);
}

static void test_two_workers_make_the_same_commit(void **state) {
        struct world *world = *state;
        struct rv_git_request request;
        struct rv_git_reply *first, *second;
        struct rv_oid commit;

        make_revert(world, RV_GIT_PLAN, &request, &commit);
        first = ask(world, &request);
        assert_int_equal(stop_worker(world), 0);
        repo_run(&world->repo, "rm -rf state/git");
        start_worker(world);
        second = ask(world, &request);
        assert_string_equal(first->commit.hex, second->commit.hex);
        assert_string_not_equal(first->commit.hex, "");
        rv_git_reply_free(first);
        rv_git_reply_free(second);
}

static void test_a_moved_branch(void **state) {
        struct world *world = *state;
        struct rv_git_request request;
        struct rv_git_reply *reply;
        struct rv_oid commit;

        rv_git_reply_free(ask_simple(world, RV_GIT_SYNC));
        make_revert(world, RV_GIT_PUSH, &request, &commit);
        /* Behind the back of the mirror, which still is at the base. */
        repo_change(&world->repo, world->now, "apps/cart/image", "2");
        repo_run(&world->repo, "git -C work push -q origin main");
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_MOVED);
        assert_string_equal(reply->head.hex, remote_head(world));
        rv_git_reply_free(reply);
        /* And now the mirror knows. */
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_MOVED);
        assert_string_equal(reply->head.hex, remote_head(world));
        rv_git_reply_free(reply);
        /* On the new head it goes. */
        repo_hex(&world->repo, "HEAD", &request.spec.base);
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_OK);
        rv_git_reply_free(reply);
}

/* A reply was lost, somebody pushed on top, and the same incident comes with a new plan. */
static void test_an_incident_is_reverted_once(void **state) {
        struct world *world = *state;
        struct rv_git_request request;
        struct rv_git_reply *first, *again;
        struct rv_oid commit;

        make_revert(world, RV_GIT_PUSH, &request, &commit);
        first = ask(world, &request);
        assert_outcome(first, RV_GIT_OK);
        repo_run(&world->repo, "git -C work pull -q origin main");
        repo_change(&world->repo, world->now + 1, "apps/cart/image", "7");
        repo_run(&world->repo, "git -C work push -q origin main");
        again = ask(world, &request);
        assert_outcome(again, RV_GIT_ALREADY);
        assert_string_equal(again->commit.hex, first->commit.hex);
        rv_git_reply_free(again);
        /* Whatever it is based on, and whatever it undoes. */
        make_revert(world, RV_GIT_PUSH, &request, &commit);
        again = ask(world, &request);
        assert_outcome(again, RV_GIT_ALREADY);
        assert_string_equal(again->commit.hex, first->commit.hex);
        rv_git_reply_free(again);
        rv_git_reply_free(first);
}

static void test_conflict_empty_and_unknown(void **state) {
        struct world *world = *state;
        struct rv_git_request request;
        struct rv_git_reply *reply;
        struct rv_oid commit, older, stray;

        make_revert(world, RV_GIT_PLAN, &request, &commit);
        repo_hex(&world->repo, "HEAD~1", &older);
        request.spec.commits = &older;
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_CONFLICT);
        assert_int_equal(reply->n_paths, 1);
        assert_string_equal(reply->paths[0], "apps/checkout/image");
        assert_int_equal(reply->n_commits, 1);
        assert_string_equal(reply->commits[0].id.hex, commit.hex);
        assert_int_equal(reply->commits[0].n_paths, 1);
        assert_string_equal(reply->commits[0].paths[0], "apps/checkout/image");
        assert_non_null(strstr(reply->message, "changed since in a way that cannot be put together, by "));
        assert_non_null(strstr(reply->message, " (Ana: Set"));
        rv_git_reply_free(reply);

        memset(stray.hex, '1', 40);
        stray.hex[40] = '\0';
        request.spec.commits = &stray;
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_NOT_FOUND);
        rv_git_reply_free(reply);

        repo_run(&world->repo, "cd work; git revert --no-edit HEAD >/dev/null; git push -q origin main");
        request.spec.commits = &commit;
        repo_hex(&world->repo, "HEAD", &request.spec.base);
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_EMPTY);
        rv_git_reply_free(reply);
}

/* Three changes in one second, as a script pushes them: the clock cannot tell which came first, the branch can. */
static void test_conflict_blames_nothing_older(void **state) {
        struct world *world = *state;
        struct rv_git_request request;
        struct rv_git_reply *reply;
        struct rv_oid commit, middle, newest;

        for (int i = 7; i <= 9; i++)
                repo_change(&world->repo, world->now, "apps/checkout/image", (const char[]){(char)('0' + i), '\0'});
        repo_run(&world->repo, "git -C work push -q origin main");
        make_revert(world, RV_GIT_PLAN, &request, &commit);
        repo_hex(&world->repo, "HEAD", &newest);
        repo_hex(&world->repo, "HEAD~1", &middle);
        request.spec.base = newest;
        request.spec.commits = &middle;
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_CONFLICT);
        assert_int_equal(reply->n_commits, 1);
        assert_string_equal(reply->commits[0].id.hex, newest.hex);
        rv_git_reply_free(reply);
}

static void test_a_commit_of_another_branch_is_not_touched(void **state) {
        struct world *world = *state;
        struct rv_git_request request;
        struct rv_git_reply *reply;
        struct rv_oid main_head, side;

        make_revert(world, RV_GIT_PLAN, &request, &main_head);
        repo_run(&world->repo, "cd work; git checkout -q -b side");
        repo_change(&world->repo, world->now, "apps/cart/image", "9");
        repo_run(&world->repo, "cd work; git push -q origin side");
        repo_hex(&world->repo, "HEAD", &side);
        request.spec.commits = &side;
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_NOT_FOUND);
        assert_string_not_equal(
                repo_ask(&world->repo, "git -C state/git/fleet.git for-each-ref --format='%%(refname)'"),
                "refs/heads/side");
        rv_git_reply_free(reply);
}

static void test_a_hook_refuses(void **state) {
        struct world *world = *state;
        struct rv_git_request request;
        struct rv_git_reply *reply;
        struct rv_oid commit;

        repo_run(&world->repo, "printf '#!/bin/sh\\necho freeze until Monday >&2\\nexit 1\\n' > "
                               "remote.git/hooks/pre-receive; chmod +x remote.git/hooks/pre-receive");
        make_revert(world, RV_GIT_PUSH, &request, &commit);
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_REFUSED);
        assert_non_null(strstr(reply->message, "freeze until Monday"));
        assert_string_equal(remote_head(world), commit.hex);
        rv_git_reply_free(reply);
}

static void test_the_budget_holds(void **state) {
        struct world *world = *state;
        struct rv_git_request request;
        struct rv_git_reply *reply;
        struct rv_oid commit;
        char message[256];

        for (int i = 0; i <= world->repository.budget; i++) {
                repo_run(&world->repo, "git -C work pull -q origin main");
                repo_change(&world->repo, world->now + i, "apps/checkout/image", i % 2 ? "odd" : "even");
                repo_run(&world->repo, "git -C work push -q origin main");
                make_revert(world, RV_GIT_PUSH, &request, &commit);
                snprintf(message, sizeof(message), "Revert\n\nRevertd-Incident: %d\nRevertd-Reverts: %s\n", i,
                         commit.hex);
                request.spec.message = message;
                reply = ask(world, &request);
                assert_outcome(reply, i < world->repository.budget ? RV_GIT_OK : RV_GIT_POLICY);
                rv_git_reply_free(reply);
                /* Nor does another worker forget. */
                if (i == world->repository.budget - 1) {
                        assert_int_equal(stop_worker(world), 0);
                        start_worker(world);
                }
        }
        assert_string_equal(remote_head(world), commit.hex);
}

/* What a daemon in foreign hands might ask. */
static void test_the_policy_holds(void **state) {
        static char *scope[] = {(char *)"apps/checkout/**"}, *only_cart[] = {(char *)"apps/cart/**", NULL};
        struct world *world = *state;
        struct rv_git_request request;
        struct rv_git_reply *reply;
        struct rv_oid commit;

        make_revert(world, RV_GIT_PUSH, &request, &commit);
        request.spec.message = (char *)"looks innocent\n";
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_POLICY);
        rv_git_reply_free(reply);

        make_revert(world, RV_GIT_PUSH, &request, &commit);
        request.commit = commit; /* not what comes out */
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_POLICY);
        rv_git_reply_free(reply);

        make_revert(world, RV_GIT_PUSH, &request, &commit);
        request.spec.base.hex[0] = '\0';
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_POLICY);
        rv_git_reply_free(reply);

        assert_int_equal(stop_worker(world), 0);
        world->repository.allow_paths = only_cart;
        start_worker(world);
        make_revert(world, RV_GIT_PUSH, &request, &commit);
        request.spec.scope = scope;
        request.spec.n_scope = 1;
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_POLICY);
        assert_non_null(strstr(reply->message, "allow_paths"));
        rv_git_reply_free(reply);
        assert_string_equal(remote_head(world), commit.hex);
}

static void test_show_resolves_revisions(void **state) {
        struct world *world = *state;
        struct rv_git_request request = {.op = RV_GIT_SHOW};
        struct rv_git_reply *reply;
        struct rv_oid second;
        char prefix[10];

        repo_hex(&world->repo, "HEAD~1", &second);
        snprintf(prefix, sizeof(prefix), "%.9s", second.hex);
        const char *const names[] = {second.hex, prefix, "HEAD~1"};
        for (size_t i = 0; i < RV_ARRAY_SIZE(names); i++) {
                request.revision = (char *)names[i];
                reply = ask(world, &request);
                assert_outcome(reply, RV_GIT_OK);
                assert_int_equal(reply->n_commits, 1);
                assert_string_equal(reply->commits[0].id.hex, second.hex);
                assert_int_equal(reply->commits[0].n_paths, 1);
                rv_git_reply_free(reply);
        }
        static const char *const strange[] = {"HEAD~9", "HEAD~", "HEADx",   "main", "abc",        "-x",
                                              "",       ":/Set", "1111111", "@{1}", "HEAD^{tree}"};
        for (size_t i = 0; i < RV_ARRAY_SIZE(strange); i++) {
                request.revision = (char *)strange[i];
                reply = ask(world, &request);
                assert_outcome(reply, RV_GIT_NOT_FOUND);
                rv_git_reply_free(reply);
        }
}

static void test_a_missing_branch_is_named(void **state) {
        struct world *world = *state;
        struct rv_git_reply *reply;

        repo_run(&world->repo, "git -C remote.git branch -m main trunk");
        reply = ask_simple(world, RV_GIT_SYNC);
        assert_outcome(reply, RV_GIT_FAILED);
        assert_non_null(strstr(reply->message, "main"));
        rv_git_reply_free(reply);
}

static void test_an_absent_remote_is_unavailable(void **state) {
        struct world *world = *state;
        struct rv_git_reply *reply;

        repo_run(&world->repo, "mv remote.git elsewhere.git");
        reply = ask_simple(world, RV_GIT_SYNC);
        assert_outcome(reply, RV_GIT_UNAVAILABLE);
        rv_git_reply_free(reply);
        repo_run(&world->repo, "mv elsewhere.git remote.git");
        reply = ask_simple(world, RV_GIT_SYNC);
        assert_outcome(reply, RV_GIT_OK);
        rv_git_reply_free(reply);
}

static void test_a_damaged_mirror_is_fetched_anew(void **state) {
        static const char *const damages[] = {
                "find state/git/fleet.git/objects -type f -delete",
                "find state/git/fleet.git/objects -type f -exec chmod u+w {} + -exec truncate -s 40 {} +",
                "rm state/git/fleet.git/HEAD",
                "rm -r state/git/fleet.git; echo > state/git/fleet.git",
                ": > state/git/fleet.git/config",
                /* Seen only when the history is read. */
                ("cd state/git/fleet.git; t=$(git rev-parse main:apps); d=objects/$(echo $t | cut -c1-2); mkdir -p $d; "
                 "echo garbage > $d/$(echo $t | cut -c3-)"),
        };
        struct world *world = *state;
        char *scope[] = {(char *)"apps/checkout/**"};
        struct rv_git_request request = {.op = RV_GIT_HISTORY, .scope = scope, .n_scope = 1};
        struct rv_git_reply *reply;

        for (size_t i = 0; i < RV_ARRAY_SIZE(damages); i++) {
                reply = ask(world, &request);
                assert_outcome(reply, RV_GIT_OK);
                rv_git_reply_free(reply);
                assert_int_equal(stop_worker(world), 0);
                repo_run(&world->repo, "%s", damages[i]);
                start_worker(world);
                reply = ask(world, &request);
                assert_outcome(reply, RV_GIT_OK);
                assert_int_equal(reply->n_commits, 2);
                rv_git_reply_free(reply);
        }
}

/* One that git itself takes. Others' history is as it was; its own names the commit, and the plan says what is wrong. */
static void test_a_malformed_commit_is_refused_by_its_name(void **state) {
        char *cart[] = {(char *)"apps/cart/**"}, *checkout[] = {(char *)"apps/checkout/**"};
        struct world *world = *state;
        struct rv_git_request history = {.op = RV_GIT_HISTORY, .scope = cart, .n_scope = 1}, revert;
        struct rv_git_reply *reply;
        struct rv_oid commit;

        repo_run(&world->repo, "cd work; t=$(git cat-file tree HEAD:apps/cart | sed 's/image/im\\/ge/' | "
                               "git hash-object -t tree --literally -w --stdin); "
                               "t=$(git ls-tree HEAD:apps | sed \"/cart/s/[0-9a-f]\\{40\\}/$t/\" | git mktree); "
                               "t=$(printf '040000 tree %%s\\tapps\\n' $t | git mktree); "
                               "git update-ref HEAD $(git commit-tree -p HEAD -m bad $t); git push -q origin main");
        reply = ask(world, &history);
        assert_outcome(reply, RV_GIT_OK);
        assert_int_equal(reply->n_commits, 2);
        assert_string_equal(reply->commits[0].subject, "bad");
        rv_git_reply_free(reply);
        history.scope = checkout;
        reply = ask(world, &history);
        assert_outcome(reply, RV_GIT_OK);
        assert_int_equal(reply->n_commits, 2);
        rv_git_reply_free(reply);
        make_revert(world, RV_GIT_PLAN, &revert, &commit);
        reply = ask(world, &revert);
        assert_outcome(reply, RV_GIT_POLICY);
        assert_non_null(strstr(reply->message, "malformed"));
        rv_git_reply_free(reply);
        repo_hex(&world->repo, "HEAD~1", &commit);
        reply = ask(world, &revert);
        assert_outcome(reply, RV_GIT_OK);
        rv_git_reply_free(reply);
}

/* Under the hands of a worker that has it open. */
static void test_a_mirror_without_objects_is_fetched_anew(void **state) {
        static const char *const damages[] = {
                "rm -rf state/git/fleet.git/objects",
                "rm -rf state/git/fleet.git/objects/*",
                "rm -rf state/git/fleet.git/objects; : >state/git/fleet.git/objects",
                "rm -rf state/git/fleet.git/refs",
        };
        struct world *world = *state;
        char *scope[] = {(char *)"apps/checkout/**"};
        struct rv_git_request history = {.op = RV_GIT_HISTORY, .scope = scope, .n_scope = 1}, revert;
        struct rv_git_reply *reply;
        struct rv_oid commit;

        for (size_t i = 0; i < RV_ARRAY_SIZE(damages); i++) {
                reply = ask(world, &history);
                assert_outcome(reply, RV_GIT_OK);
                rv_git_reply_free(reply);
                repo_run(&world->repo, "%s", damages[i]);
                reply = ask(world, &history);
                assert_outcome(reply, RV_GIT_OK);
                assert_int_equal(reply->n_commits, 2);
                rv_git_reply_free(reply);
                repo_run(&world->repo, "%s", damages[i]);
                make_revert(world, RV_GIT_PLAN, &revert, &commit);
                reply = ask(world, &revert);
                assert_outcome(reply, RV_GIT_OK);
                rv_git_reply_free(reply);
        }
}

/* The mirror of a local path reads the remote's objects in place, so fetching anew does not help. */
static void test_a_damaged_remote_is_said_to_be(void **state) {
        char *scope[] = {(char *)"apps/checkout/**"};
        struct world *world = *state;
        struct rv_git_request request = {.op = RV_GIT_HISTORY, .scope = scope, .n_scope = 1};
        struct rv_git_reply *reply;

        repo_run(&world->repo, "cd remote.git; t=$(git rev-parse main:apps); "
                               "mv objects/$(echo $t | cut -c1-2)/$(echo $t | cut -c3-) ../tree; echo $t > ../name");
        for (int i = 0; i < 3; i++) {
                reply = ask(world, &request);
                assert_outcome(reply, RV_GIT_FAILED);
                assert_non_null(strstr(reply->message, repo_ask(&world->repo, "cat name")));
                rv_git_reply_free(reply);
        }
        repo_run(&world->repo, "cd remote.git; t=$(cat ../name); "
                               "mv ../tree objects/$(echo $t | cut -c1-2)/$(echo $t | cut -c3-)");
        reply = ask(world, &request);
        assert_outcome(reply, RV_GIT_OK);
        rv_git_reply_free(reply);
}

static void test_a_mirror_of_another_remote_is_fetched_anew(void **state) {
        struct world *world = *state;
        struct rv_git_reply *reply;

        rv_git_reply_free(ask_simple(world, RV_GIT_SYNC));
        assert_int_equal(stop_worker(world), 0);
        repo_run(&world->repo, "git init -q -b main other; cd other; echo 1 > f; git add f; git commit -q -m other");
        snprintf(world->url, sizeof(world->url), "%s/other", world->repo.folder);
        start_worker(world);
        reply = ask_simple(world, RV_GIT_SYNC);
        assert_outcome(reply, RV_GIT_OK);
        assert_string_equal(reply->head.hex, repo_ask(&world->repo, "git -C other rev-parse main"));
        rv_git_reply_free(reply);
        assert_string_equal(repo_ask(&world->repo, "git -C state/git/fleet.git rev-list --all --count"), "1");
}

static void test_leftovers_of_a_crash_do_no_harm(void **state) {
        struct world *world = *state;
        struct rv_git_reply *reply;

        rv_git_reply_free(ask_simple(world, RV_GIT_SYNC));
        assert_int_equal(stop_worker(world), 0);
        repo_run(&world->repo,
                 "cd state/git/fleet.git; touch refs/heads/main.lock packed-refs.lock HEAD.lock config.lock "
                 "objects/pack/pack_git2_abcdef objects/tmp_object_git2_abcdef; "
                 "mkdir -p ../fleet.git.trash/x");
        repo_change(&world->repo, world->now, "apps/cart/image", "2");
        repo_run(&world->repo, "git -C work push -q origin main");
        start_worker(world);
        reply = ask_simple(world, RV_GIT_SYNC);
        assert_outcome(reply, RV_GIT_OK);
        assert_string_equal(reply->head.hex, remote_head(world));
        rv_git_reply_free(reply);
        assert_string_equal(repo_ask(&world->repo, "find state -name '*git2*' -o -name '*trash*' -o -name '*.lock' "
                                                   "! -name fleet.lock"),
                            "");
}

static void kill_again_and_again(struct world *world) {
        struct rv_git_request request;
        struct rv_git_reply *reply;
        struct rv_oid commit;

        make_revert(world, RV_GIT_PUSH, &request, &commit);
        for (useconds_t after = 0; after < 20000; after += 500) {
                send_request(world, &request);
                usleep(after); /* wherever that is */
                kill(world->pid, SIGKILL);
                (void)stop_worker(world);
                start_worker(world);
        }
        /* One that was left behind may hold the lock for a moment yet. */
        while ((reply = ask(world, &request))->outcome == RV_GIT_UNAVAILABLE)
                rv_git_reply_free(reply);
        if (reply->outcome != RV_GIT_OK)
                assert_outcome(reply, RV_GIT_ALREADY);
        assert_string_equal(remote_head(world), reply->commit.hex);
        assert_string_equal(repo_ask(&world->repo, "git -C remote.git rev-list --count main"), "4");
        repo_run(&world->repo, "git -C remote.git fsck 2>&1");
        rv_git_reply_free(reply);
}

static void test_killed_at_any_moment(void **state) {
        kill_again_and_again(*state);
}

/* A hook that has nothing to say: the push is receive-pack's. */
static void test_killed_at_any_moment_of_receive_pack(void **state) {
        struct world *world = *state;

        repo_run(&world->repo, "printf '#!/bin/sh\\nexit 0\\n' > remote.git/hooks/update; "
                               "chmod +x remote.git/hooks/update");
        kill_again_and_again(world);
}

static void test_two_workers_take_turns(void **state) {
        struct world *world = *state, other = *world;
        struct rv_git_reply *reply;

        start_worker(&other);
        for (int i = 0; i < 5; i++) {
                struct rv_git_request request = {.op = RV_GIT_SYNC};

                send_request(world, &request);
                send_request(&other, &request);
                reply = read_reply(world);
                assert_outcome(reply, RV_GIT_OK);
                rv_git_reply_free(reply);
                reply = read_reply(&other);
                assert_outcome(reply, RV_GIT_OK);
                rv_git_reply_free(reply);
                /* One of them finds it gone, the other then finds it another. */
                repo_run(&world->repo, "rm -rf state/git/fleet.git");
        }
        assert_int_equal(stop_worker(&other), 0);
}

static void test_the_watchdog(void **state) {
        struct world *world = *state;
        struct rv_git_request request = {.op = RV_GIT_SYNC, .timeout_usec = 1200 * RV_USEC_PER_MSEC};
        struct rv_error err = {};
        char *text;
        size_t n;

        /* A fifo where the head is: whoever opens it waits for ever. */
        rv_git_reply_free(ask_simple(world, RV_GIT_SYNC));
        repo_run(&world->repo, "rm state/git/fleet.git/refs/heads/main; mkfifo state/git/fleet.git/refs/heads/main");
        send_request(world, &request);
        if (rv_line_read(&world->line, &text, &n, &err) == 1)
                fail_msg("answered: %s", text);
        assert_int_equal(stop_worker(world), RV_GITWIRE_EXIT_DEADLINE);
}

static void test_nonsense_ends_it(void **state) {
        static const char *const lines[] = {"GET / HTTP/1.1", "{}", "{\"op\":\"push\",\"id\":1}"};
        struct world *world = *state;
        struct rv_error err = {};
        char *text;
        size_t n;

        for (size_t i = 0; i < RV_ARRAY_SIZE(lines); i++) {
                assert_int_equal(rv_line_write(&world->line, lines[i], &err), 0);
                assert_int_equal(rv_line_read(&world->line, &text, &n, &err), 0);
                assert_int_equal(stop_worker(world), RV_GITWIRE_EXIT_PROTOCOL);
                start_worker(world);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_sync_says_what_is_fresh),
                TEST(test_history_of_a_scope),
                TEST(test_history_says_where_revisions_stand),
                TEST(test_check_says_what_a_revision_holds),
                TEST(test_plan_and_push),
                TEST(test_plan_says_that_nothing_is_left),
                TEST(test_the_pause_file),
                TEST(test_signed),
                TEST(test_signing_fails),
                TEST(test_two_workers_make_the_same_commit),
                TEST(test_a_moved_branch),
                TEST(test_an_incident_is_reverted_once),
                TEST(test_conflict_empty_and_unknown),
                TEST(test_conflict_blames_nothing_older),
                TEST(test_a_commit_of_another_branch_is_not_touched),
                TEST(test_a_hook_refuses),
                TEST(test_the_budget_holds),
                TEST(test_the_policy_holds),
                TEST(test_show_resolves_revisions),
                TEST(test_a_missing_branch_is_named),
                TEST(test_an_absent_remote_is_unavailable),
                TEST(test_a_damaged_mirror_is_fetched_anew),
                TEST(test_a_malformed_commit_is_refused_by_its_name),
                TEST(test_a_mirror_without_objects_is_fetched_anew),
                TEST(test_a_damaged_remote_is_said_to_be),
                TEST(test_a_mirror_of_another_remote_is_fetched_anew),
                TEST(test_leftovers_of_a_crash_do_no_harm),
                TEST(test_killed_at_any_moment),
                TEST(test_killed_at_any_moment_of_receive_pack),
                TEST(test_two_workers_take_turns),
                TEST(test_the_watchdog),
                TEST(test_nonsense_ends_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
