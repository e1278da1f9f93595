/* A bare remote, a mirror, and servers in front of the remote. */
#pragma once

#include "git/push.h"
#include "git/revert.h"
#include "repo.h"
#include "revertd/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct server {
        pid_t pid;
        int port;
};

/* It prints its port when it listens. */
static inline void server_start(struct server *server, const char *const *argv) {
        int out[2];
        char line[32] = "";

        assert_int_equal(pipe(out), 0);
        server->pid = fork();
        if (server->pid == 0) {
                dup2(out[1], STDOUT_FILENO);
                close(out[0]);
                close(out[1]);
                execv(argv[0], (char *const *)argv);
                _exit(127);
        }
        close(out[1]);
        FILE *f = fdopen(out[0], "r");
        assert_non_null(fgets(line, sizeof(line), f));
        fclose(f);
        server->port = atoi(line);
        assert_true(server->port > 0);
}

static inline void server_stop(struct server *server) {
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
}

struct world {
        struct repo repo; /* work, remote.git, mirror.git, state */
        char path[128], log[128], state[128], url[256];
        struct rv_repository_config config;
        struct rv_remote *remote;
        git_repository *mirror;
        struct server server;
        struct rv_error err;
};

static inline int64_t in_seconds(int64_t seconds) {
        return rv_clock_monotonic_usec() + seconds * RV_USEC_PER_SEC;
}

static inline void world_make(struct world *world) {
        char path[128];

        *world = (struct world){};
        repo_make(&world->repo);
        snprintf(world->path, sizeof(world->path), "%s/remote.git", world->repo.folder);
        snprintf(world->log, sizeof(world->log), "%s/log", world->repo.folder);
        snprintf(world->state, sizeof(world->state), "%s/state", world->repo.folder);
        assert_int_equal(mkdir(world->state, 0700), 0);
        repo_change(&world->repo, 1700000000, "apps/web", "one");
        repo_change(&world->repo, 1700000001, "apps/api", "one");
        repo_change(&world->repo, 1700000002, "apps/web", "two");
        /* A template may bring hooks along: samples are none. */
        repo_run(&world->repo, "git init -q --bare -b main remote.git; git -C remote.git config http.receivepack true; "
                               "git -C work push -q ../remote.git main");
        snprintf(path, sizeof(path), "%s/mirror.git", world->repo.folder);
        assert_int_equal(git_repository_init(&world->mirror, path, 1), 0);
        world->config = (struct rv_repository_config){.name = (char *)"fleet",
                                                      .url = world->path,
                                                      .branch = (char *)"main",
                                                      .committer_name = (char *)"revertd",
                                                      .committer_email = (char *)"revertd@example.com",
                                                      .timeout_usec = 5 * RV_USEC_PER_SEC};
}

static inline void world_connect(struct world *world) {
        world->remote = rv_remote_free(world->remote);
        if (rv_remote_new(&world->remote, &world->config, world->repo.folder, world->state, &world->err) < 0)
                fail_msg("%s", world->err.text);
}

static inline void world_serve(struct world *world, const char *mode, const char *certificate) {
        const char *argv[] = {"/usr/bin/python3",
                              RV_SOURCE_DIR "/tests/unit/git/http_server.py",
                              mode,
                              world->repo.folder,
                              world->log,
                              certificate,
                              NULL};

        server_start(&world->server, argv);
        snprintf(world->url, sizeof(world->url), "%s://127.0.0.1:%d/remote.git", certificate ? "https" : "http",
                 world->server.port);
        world->config.url = world->url;
        world_connect(world);
}

/* A certificate that signs itself, with its key, in one file; without it in ca.pem. */
static inline void world_make_certificate(struct world *world, char path[static 160]) {
        repo_run(&world->repo, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
                               "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out ca.pem "
                               "2>/dev/null; cat key.pem ca.pem >both.pem");
        snprintf(path, 160, "%s/both.pem", world->repo.folder);
}

static inline void world_remove(struct world *world) {
        world->remote = rv_remote_free(world->remote);
        git_repository_free(world->mirror);
        if (world->server.pid > 0)
                server_stop(&world->server);
        repo_remove(&world->repo);
}

static inline void remote_head(struct world *world, git_oid *ret) {
        assert_int_equal(git_oid_fromstr(ret, repo_ask(&world->repo, "git -C remote.git rev-parse main")), 0);
}

static inline void world_fetch(struct world *world, git_oid *ret) {
        git_oid head;

        if (rv_remote_fetch(world->remote, world->mirror, "main", in_seconds(20), NULL, NULL, ret, &world->err) < 0)
                fail_msg("%s", world->err.text);
        remote_head(world, &head);
        assert_true(git_oid_equal(ret, &head));
}

/* Undo the newest commit, on the head that was fetched. */
static inline void world_revert(struct world *world, const git_oid *head, struct rv_revert_result *ret) {
        struct rv_oid commit;
        struct rv_revert_spec spec = {.commits = &commit, .n_commits = 1, .message = (char *)"Undo\n"};

        rv_oid_from_git(&commit, head);
        spec.base = commit;
        if (rv_revert_compute(world->mirror, &spec, "revertd", "revertd@example.com", false, in_seconds(20), ret,
                              &world->err) < 0)
                fail_msg("%s", world->err.text);
        assert_int_equal(ret->outcome, RV_GIT_OK);
}

static inline void world_push(struct world *world, const git_oid *old, const struct rv_revert_result *revert,
                              int64_t deadline_usec, struct rv_push_result *ret) {
        if (rv_push(world->remote, world->mirror, "main", old, &revert->commit, revert->objects, revert->n_objects,
                    deadline_usec, ret, &world->err) < 0)
                fail_msg("%s", world->err.text);
}

/* A branch that is not there yet is made, once; at another commit it is not touched. */
static inline void world_make_branch(struct world *world) {
        static const git_oid none = {{0}};
        struct rv_revert_result revert = {};
        struct rv_push_result push = {};
        git_oid head;

        world_fetch(world, &head);
        world_revert(world, &head, &revert);
        for (unsigned i = 0; i < 2; i++) {
                if (rv_push(world->remote, world->mirror, "revertd/7f3c-1", &none, &revert.commit, revert.objects,
                            revert.n_objects, in_seconds(20), &push, &world->err) < 0)
                        fail_msg("%s", world->err.text);
                assert_int_equal(push.outcome, RV_PUSH_OK);
                rv_push_result_done(&push);
                repo_run(&world->repo, "test $(git -C remote.git rev-parse revertd/7f3c-1) = %s",
                         git_oid_tostr_s(&revert.commit));
                repo_run(&world->repo, "git -C remote.git fsck --strict --connectivity-only >/dev/null");
        }
        repo_run(&world->repo, "git -C remote.git update-ref refs/heads/revertd/7f3c-1 main");
        if (rv_push(world->remote, world->mirror, "revertd/7f3c-1", &none, &revert.commit, revert.objects,
                    revert.n_objects, in_seconds(20), &push, &world->err) < 0)
                fail_msg("%s", world->err.text);
        assert_int_equal(push.outcome, RV_PUSH_MOVED);
        assert_true(git_oid_equal(&push.head, &head));
        rv_push_result_done(&push);
        rv_revert_result_done(&revert);
}

/* Fetch, undo the newest commit, push; the remote holds it then, and is whole. */
static inline void world_round_trip(struct world *world) {
        struct rv_revert_result revert = {};
        struct rv_push_result push = {};
        git_oid head, after;

        world_fetch(world, &head);
        world_revert(world, &head, &revert);
        world_push(world, &head, &revert, in_seconds(20), &push);
        if (push.outcome != RV_PUSH_OK)
                fail_msg("%s: %s", rv_push_outcome_to_string(push.outcome), push.message);
        assert_true(git_oid_equal(&push.head, &revert.commit));
        remote_head(world, &after);
        assert_true(git_oid_equal(&after, &revert.commit));
        repo_run(&world->repo, "git -C remote.git fsck --strict --connectivity-only >/dev/null");
        assert_string_equal(repo_ask(&world->repo, "git -C remote.git show main:apps/web"), "one");
        assert_int_equal(rv_remote_read_ref(world->remote, "main", in_seconds(20), &after, &world->err), 0);
        assert_true(git_oid_equal(&after, &revert.commit));
        rv_push_result_done(&push);
        rv_revert_result_done(&revert);
}
