/* HTTP and TLS remotes that fall silent, or drip, at each stage. Those over SSH: test_transport_ssh.c. */
#include "stall.h"

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

static char certificate[160], ca[160];

static void serve(struct world *world, bool is_tls) {
        if (is_tls) {
                world_make_certificate(world, certificate);
                snprintf(ca, sizeof(ca), "%s/ca.pem", world->repo.folder);
                world->config.ca_file = ca;
        }
        world_serve(world, "serve", is_tls ? certificate : NULL);
}

static void go_through(struct world *world, bool is_tls, int bytes, const char *how, struct server *ret) {
        stall_start(world, bytes, how, ret);
        snprintf(world->url, sizeof(world->url), "%s://127.0.0.1:%d/remote.git", is_tls ? "https" : "http", ret->port);
        world_connect(world);
}

static void in_the_tls_handshake(void **state) {
        struct world *world = *state;

        serve(world, true);
        for (size_t i = 0; i < RV_ARRAY_SIZE(stall_hows); i++) {
                struct server relay;

                go_through(world, true, STALL_IN_HANDSHAKE_BYTES, stall_hows[i], &relay);
                stall_expect_no_fetch(world);
                server_stop(&relay);
        }
}

static void in_the_pack(struct world *world, bool is_tls) {
        stall_make_pack_large(world);
        serve(world, is_tls);
        for (size_t i = 0; i < RV_ARRAY_SIZE(stall_hows); i++) {
                struct server relay;

                go_through(world, is_tls, STALL_IN_PACK_BYTES, stall_hows[i], &relay);
                stall_expect_no_fetch(world);
                server_stop(&relay);
        }
        /* The same relay, when it lets all pass. */
        struct server relay;
        git_oid head;

        go_through(world, is_tls, STALL_NEVER_BYTES, stall_hows[0], &relay);
        world_fetch(world, &head);
        server_stop(&relay);
}

static void in_the_pack_over_http(void **state) {
        in_the_pack(*state, false);
}

static void in_the_pack_over_tls(void **state) {
        in_the_pack(*state, true);
}

static void in_the_report(struct world *world, bool is_tls, const char *how) {
        struct server relay;

        stall_make_hook(world);
        serve(world, is_tls);
        go_through(world, is_tls, STALL_NEVER_BYTES, how, &relay);
        stall_expect_lost(world);
        server_stop(&relay);
}

static void silent_in_the_report_over_http(void **state) {
        in_the_report(*state, false, "silent");
}

static void dripping_in_the_report_over_http(void **state) {
        in_the_report(*state, false, "drip");
}

static void silent_in_the_report_over_tls(void **state) {
        in_the_report(*state, true, "silent");
}

static void dripping_in_the_report_over_tls(void **state) {
        in_the_report(*state, true, "drip");
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                TEST(in_the_tls_handshake),
                TEST(in_the_pack_over_http),
                TEST(in_the_pack_over_tls),
                TEST(silent_in_the_report_over_http),
                TEST(dripping_in_the_report_over_http),
                TEST(silent_in_the_report_over_tls),
                TEST(dripping_in_the_report_over_tls),
        };
        struct rv_error err = {};

        signal(SIGPIPE, SIG_IGN);
        if (rv_libgit2_init(&err) < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
