/* HTTP remotes: git http-backend behind a small server, and servers that misbehave at each stage. */
#include "remote.h"

static int setup(void **state) {
        struct world *world = malloc(sizeof(*world));

        assert_non_null(world);
        world_make(world);
        *state = world;
        return 0;
}

static int teardown(void **state) {
        world_remove(*state);
        free(*state);
        return 0;
}

static void write_credential(struct world *world, const char *name, const char *text) {
        repo_run(&world->repo, "printf '%s\\n' >%s; chmod 600 %s", text, name, name);
        world->config.credential = (char *)name;
}

static void round_trip(void **state) {
        world_serve(*state, "serve", NULL);
        world_round_trip(*state);
}

static void new_branch(void **state) {
        world_serve(*state, "serve", NULL);
        world_make_branch(*state);
}

/* A server that knows only the first version of the protocol. */
static void round_trip_with_an_old_server(void **state) {
        world_serve(*state, "old", NULL);
        world_round_trip(*state);
}

static void round_trip_with_a_hook(void **state) {
        struct world *world = *state;

        repo_run(&world->repo, "printf '#!/bin/sh\\ncat >seen\\n' >remote.git/hooks/post-receive; "
                               "chmod +x remote.git/hooks/post-receive");
        world_serve(world, "serve", NULL);
        world_round_trip(world);
        repo_run(&world->repo, "test -s remote.git/seen");
}

/* One connection for everything, and one request to look at a branch once the server is known. */
static void connection_is_kept(void **state) {
        struct world *world = *state;
        git_oid head;

        world_serve(world, "serve", NULL);
        world_fetch(world, &head);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(rv_remote_read_ref(world->remote, "main", in_seconds(5), &head, &world->err), 0);
        assert_string_equal(repo_ask(&world->repo, "cut -d' ' -f1 log | sort -u | wc -l"), "1");
        assert_string_equal(repo_ask(&world->repo, "grep -c 'GET.*version=2' log"), "1");
        assert_string_equal(repo_ask(&world->repo, "grep -c 'POST.*version=2' log"), "3");
}

static void credential_is_sent(void **state) {
        struct world *world = *state;

        write_credential(world, "token", "s3cret");
        world_serve(world, "auth", NULL);
        world_round_trip(world);
}

static void expect_failure(struct world *world, int code, const char *text) {
        git_oid head;

        for (unsigned i = 0; i < 2; i++) {
                int64_t start_usec = rv_clock_monotonic_usec();
                struct rv_error err = {};
                int r = i == 0 ? rv_remote_read_ref(world->remote, "main", in_seconds(2), &head, &err)
                               : rv_remote_fetch(world->remote, world->mirror, "main", in_seconds(2), NULL, NULL, &head,
                                                 &err);
                if (r != code || !strstr(err.text, text))
                        fail_msg("%d: %s", r, err.text);
                /* A generous bound: what is tested is that it ends at all. */
                assert_true(rv_clock_monotonic_usec() - start_usec < 60 * RV_USEC_PER_SEC);
        }
}

static void credential_is_wrong(void **state) {
        write_credential(*state, "token", "wrong");
        world_serve(*state, "auth", NULL);
        expect_failure(*state, -EREMOTEIO, "does not accept the credential (HTTP 401)");
}

static void silent(void **state) {
        world_serve(*state, "silent", NULL);
        expect_failure(*state, -ETIMEDOUT, "in time");
}

static void silent_after_headers(void **state) {
        world_serve(*state, "headers", NULL);
        expect_failure(*state, -ETIMEDOUT, "in time");
}

static void dripping(void **state) {
        world_serve(*state, "drip", NULL);
        expect_failure(*state, -ETIMEDOUT, "in time");
}

static void nobody_listens(void **state) {
        struct world *world = *state;

        world_serve(world, "serve", NULL);
        server_stop(&world->server);
        world->server.pid = 0;
        expect_failure(world, -EREMOTEIO, "connect");
}

static void redirects_are_not_followed(void **state) {
        world_serve(*state, "redirect", NULL);
        expect_failure(*state, -EREMOTEIO, "redirects to http://127.0.0.1:1/elsewhere");
}

static void page_for_people(void **state) {
        world_serve(*state, "page", NULL);
        expect_failure(*state, -EREMOTEIO, "no Git repository");
}

static void server_error_is_shown(void **state) {
        struct world *world = *state;
        struct rv_error err = {};
        git_oid head;

        world_serve(world, "broken", NULL);
        assert_int_equal(rv_remote_read_ref(world->remote, "main", in_seconds(5), &head, &err), -EREMOTEIO);
        assert_non_null(strstr(err.text, "HTTP 500: out of order"));
        assert_null(strchr(err.text, '\033'));
}

static void garbage(void **state) {
        struct world *world = *state;
        struct rv_error err = {};
        git_oid head;

        world_serve(world, "garbage", NULL);
        assert_int_equal(rv_remote_read_ref(world->remote, "main", in_seconds(5), &head, &err), -EREMOTEIO);
        assert_non_null(strstr(err.text, "does not speak Git's protocol"));
        assert_true(rv_remote_fetch(world->remote, world->mirror, "main", in_seconds(5), NULL, NULL, &head, &err) < 0);
}

/* Endless refs stop at the cap, not at the memory's end. */
static void flood_of_refs(void **state) {
        struct world *world = *state;
        struct rv_error err = {};
        git_oid head;

        world_serve(world, "flood", NULL);
        assert_int_equal(rv_remote_read_ref(world->remote, "main", in_seconds(60), &head, &err), -EREMOTEIO);
        assert_non_null(strstr(err.text, "more than 64 MiB of refs"));
        err = (struct rv_error){};
        assert_int_equal(rv_remote_fetch(world->remote, world->mirror, "main", in_seconds(60), NULL, NULL, &head, &err),
                         -EREMOTEIO);
        assert_non_null(strstr(err.text, "more than 64 MiB of refs"));
}

/* Other branches and tags, however many, are not looked at. */
static void other_refs_stay_where_they_are(void **state) {
        struct world *world = *state;
        git_oid head;

        repo_run(&world->repo, "h=$(git -C remote.git rev-parse main~1); for n in $(seq 2000); do "
                               "echo \"$h refs/heads/b$n\"; done >remote.git/packed-refs; "
                               "git -C remote.git tag v1 main");
        world_serve(world, "serve", NULL);
        world_fetch(world, &head);
        assert_string_equal(
                repo_ask(&world->repo, "git -C mirror.git for-each-ref --format='%%(refname)' | tr '\\n' ' '"),
                "refs/heads/main ");
        world_fetch(world, &head);
        repo_change(&world->repo, 1700000009, "apps/web", "three");
        repo_run(&world->repo, "git -C work push -q ../remote.git main");
        world_fetch(world, &head);
        repo_run(&world->repo, "git -C mirror.git fsck --connectivity-only main 2>/dev/null");
}

/* What comes faster than it is read is held back, and let go again, however full each block is. */
static void many_refs_in_blocks(void **state) {
        struct world *world = *state;
        git_oid head;

        world_serve(world, "blocks", NULL);
        world_fetch(world, &head);
}

static void branch_is_missing(void **state) {
        struct world *world = *state;
        git_oid head;

        world_serve(world, "serve", NULL);
        assert_int_equal(rv_remote_read_ref(world->remote, "none", in_seconds(5), &head, &world->err), -ENOENT);
        assert_int_equal(
                rv_remote_fetch(world->remote, world->mirror, "none", in_seconds(5), NULL, NULL, &head, &world->err),
                -ENOENT);
        /* Another branch's name that starts the same is another branch. */
        repo_run(&world->repo, "git -C remote.git branch mainly main");
        assert_int_equal(rv_remote_read_ref(world->remote, "mainl", in_seconds(5), &head, &world->err), -ENOENT);
}

/* The server does it, and the answer is lost: reading the ref tells. */
static void answer_is_lost(void **state) {
        struct world *world = *state;
        struct rv_revert_result revert = {};
        struct rv_push_result push = {};
        git_oid head, after;

        world_serve(world, "lost", NULL);
        world_fetch(world, &head);
        world_revert(world, &head, &revert);
        world_push(world, &head, &revert, in_seconds(20), &push);
        assert_int_equal(push.outcome, RV_PUSH_OK);
        remote_head(world, &after);
        assert_true(git_oid_equal(&after, &revert.commit));
        rv_push_result_done(&push);
        rv_revert_result_done(&revert);
}

/* A report that does not say that the objects arrived is no success. */
static void report_is_incomplete(void **state) {
        struct world *world = *state;
        struct rv_revert_result revert = {};
        struct rv_push_result push = {};
        git_oid head;

        world_serve(world, "liar", NULL);
        world_fetch(world, &head);
        world_revert(world, &head, &revert);
        world_push(world, &head, &revert, in_seconds(20), &push);
        assert_int_equal(push.outcome, RV_PUSH_LOST);
        rv_push_result_done(&push);
        rv_revert_result_done(&revert);
}

static void refused_by_a_hook(void **state) {
        struct world *world = *state;
        struct rv_revert_result revert = {};
        struct rv_push_result push = {};
        git_oid head;

        repo_run(&world->repo, "printf '#!/bin/sh\\necho \"not on Fridays\" >&2\\nexit 1\\n' "
                               ">remote.git/hooks/update; chmod +x remote.git/hooks/update");
        world_serve(world, "serve", NULL);
        world_fetch(world, &head);
        world_revert(world, &head, &revert);
        world_push(world, &head, &revert, in_seconds(20), &push);
        assert_int_equal(push.outcome, RV_PUSH_REFUSED);
        assert_non_null(strstr(push.message, "not on Fridays"));
        rv_push_result_done(&push);
        rv_revert_result_done(&revert);
}

static void tls(void **state) {
        struct world *world = *state;
        char certificate[160], ca[160];

        world_make_certificate(world, certificate);
        snprintf(ca, sizeof(ca), "%s/ca.pem", world->repo.folder);
        world->config.ca_file = ca;
        world_serve(world, "serve", certificate);
        world_round_trip(world);
}

static void tls_of_a_stranger(void **state) {
        char certificate[160];

        world_make_certificate(*state, certificate);
        world_serve(*state, "serve", certificate);
        expect_failure(*state, -EREMOTEIO, "certificate");
}

/* All of it through the proxy, and nothing where the proxy does not let us. */
static void proxy(void **state) {
        struct world *world = *state;
        const char *argv[] = {"/usr/bin/python3", RV_SOURCE_DIR "/tests/unit/git/proxy.py", NULL, "ana:horse", NULL};
        char certificate[160], ca[160], log[160], url[64];
        struct server server;

        world_make_certificate(world, certificate);
        snprintf(ca, sizeof(ca), "%s/ca.pem", world->repo.folder);
        snprintf(log, sizeof(log), "%s/proxied", world->repo.folder);
        argv[2] = log;
        server_start(&server, argv);
        snprintf(url, sizeof(url), "http://127.0.0.1:%d", server.port);
        write_credential(world, "login", "ana:horse");
        write_credential(world, "wrong", "ana:cow");
        world->config.ca_file = ca;
        world->config.proxy = url;
        world->config.proxy_login = (char *)"login";
        world_serve(world, "serve", certificate);
        world_round_trip(world);
        /* One tunnel, kept. */
        assert_string_equal(repo_ask(&world->repo, "grep -c CONNECT proxied"), "1");
        world->config.proxy_login = (char *)"wrong";
        world_connect(world);
        expect_failure(world, -EREMOTEIO, "407");
        server_stop(&server);
        world_connect(world);
        expect_failure(world, -EREMOTEIO, "connect");
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                TEST(round_trip),
                TEST(new_branch),
                TEST(round_trip_with_an_old_server),
                TEST(round_trip_with_a_hook),
                TEST(connection_is_kept),
                TEST(credential_is_sent),
                TEST(credential_is_wrong),
                TEST(silent),
                TEST(silent_after_headers),
                TEST(dripping),
                TEST(nobody_listens),
                TEST(redirects_are_not_followed),
                TEST(page_for_people),
                TEST(server_error_is_shown),
                TEST(garbage),
                TEST(flood_of_refs),
                TEST(other_refs_stay_where_they_are),
                TEST(many_refs_in_blocks),
                TEST(branch_is_missing),
                TEST(answer_is_lost),
                TEST(report_is_incomplete),
                TEST(refused_by_a_hook),
                TEST(tls),
                TEST(tls_of_a_stranger),
                TEST(proxy),
        };
        struct rv_error err = {};

        signal(SIGPIPE, SIG_IGN);
        if (rv_libgit2_init(&err) < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
