/* Servers that fall silent, or drip, in the middle of something. */
#pragma once

#include "remote.h"

enum {
        STALL_IN_HANDSHAKE_BYTES = 200,
        STALL_IN_PACK_BYTES = 1 << 20,
        STALL_NEVER_BYTES = 1 << 30,
        STALL_DEADLINE_SEC = 3,
        STALL_BOUND_SEC = 30, /* generous: what is tested is that it ends */
};

static const char *const stall_hows[] = {"silent", "drip"};

/* A relay in front of the world's server. It stalls after so many bytes, or once stall_marker is there. The url is the
 * caller's to change. */
static inline void stall_start(struct world *world, int bytes, const char *how, struct server *ret) {
        char port[16], limit[16], marker[160];
        const char *argv[] = {
                "/usr/bin/python3", RV_SOURCE_DIR "/tests/unit/git/stall.py", port, limit, marker, how, NULL};

        snprintf(port, sizeof(port), "%d", world->server.port);
        snprintf(limit, sizeof(limit), "%d", bytes);
        snprintf(marker, sizeof(marker), "%s/stall-marker", world->repo.folder);
        unlink(marker);
        server_start(ret, argv);
}

static inline void stall_check_time(int64_t start_usec) {
        assert_true(rv_clock_monotonic_usec() - start_usec < STALL_BOUND_SEC * RV_USEC_PER_SEC);
}

/* What cannot be compressed, so that its pack is longer than the relay passes on. */
static inline void stall_make_pack_large(struct world *world) {
        repo_run(&world->repo, "head -c 3000000 /dev/urandom >work/large; cd work; git add large; "
                               "git commit -q -m large; git push -q ../remote.git main");
}

static inline void stall_expect_no_fetch(struct world *world) {
        int64_t start_usec = rv_clock_monotonic_usec();
        struct rv_error err = {};
        git_oid head;
        int r = rv_remote_fetch(world->remote, world->mirror, "main", in_seconds(STALL_DEADLINE_SEC), NULL, NULL, &head,
                                &err);

        if (r != -ETIMEDOUT || !strstr(err.text, "time"))
                fail_msg("%d: %s", r, err.text);
        stall_check_time(start_usec);
        assert_int_equal(git_reference_name_to_id(&head, world->mirror, "refs/heads/main"), GIT_ENOTFOUND);
}

static inline void stall_make_hook(struct world *world) {
        repo_run(&world->repo, "printf '#!/bin/sh\\ncat >/dev/null\\n: >%%s/stall-marker\\n' \"$PWD\" "
                               ">remote.git/hooks/pre-receive; chmod +x remote.git/hooks/pre-receive");
}

/* The server has the objects; what it makes of them nobody hears. */
static inline void stall_expect_lost(struct world *world) {
        struct rv_revert_result revert = {};
        struct rv_push_result push = {};
        int64_t start_usec;
        git_oid head;

        world_fetch(world, &head);
        world_revert(world, &head, &revert);
        start_usec = rv_clock_monotonic_usec();
        world_push(world, &head, &revert, in_seconds(STALL_DEADLINE_SEC), &push);
        stall_check_time(start_usec);
        if (push.outcome != RV_PUSH_LOST || !strstr(push.message, "in time"))
                fail_msg("%s: %s", rv_push_outcome_to_string(push.outcome), push.message);
        rv_push_result_done(&push);
        rv_revert_result_done(&revert);
}
