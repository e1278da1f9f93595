#include "git/advertisement.h"
#include "git/clone_state.h"
#include "git/libgit2.h"
#include "git/transport_remote.h"
#include "revertd/build.h"
#include "revertd/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first fetch, in steps: the newest commit, then the history behind it, further down with each step. What a step has
 * brought stays, and whoever comes after a crash goes on from there. libgit2 sees none of it before it is whole: it does not
 * expect parents to be missing. */

enum { DEPTH_ALL = 0x7fffffff }; /* as git has it */

struct stepping {
        struct rv_remote *remote;
        git_repository *mirror;
        const char *name; /* of the ref */
        int64_t deadline_usec;
        rv_remote_progress_fn progress;
        void *userdata;
        struct rv_clone_state state;
        struct rv_link *link;
        struct rv_advertisement advertisement;
        struct rv_packet packet;
        size_t received; /* bytes of packs */
        bool is_last;    /* no step between this and the whole: it would end in too many commits */
        struct rv_error *err;
};

static int next_depth(int depth) {
        return depth == 0 ? 1 : depth == 1 ? 500 : depth < 32000 ? depth * 8 : DEPTH_ALL;
}

/* -- Asking -- */

static int say(struct stepping *stepping, const char *fmt, ...) RV_PRINTF(2, 3);
static int say(struct stepping *stepping, const char *fmt, ...) {
        char line[256];
        va_list args;

        va_start(args, fmt);
        int n = vsnprintf(line, sizeof line, fmt, args);
        va_end(args);
        return rv_packet_write(stepping->link, line, (size_t)n, stepping->err);
}

static int ask(struct stepping *stepping, int depth) {
        const struct rv_clone_state *state = &stepping->state;
        char hex[GIT_OID_HEXSZ + 1];

        git_oid_tostr(hex, sizeof hex, &stepping->advertisement.head);
        int r = say(stepping, "want %s side-band-64k ofs-delta thin-pack agent=revertd/" RV_VERSION "\n", hex);
        for (size_t i = 0; r == 0 && i < state->n_shallow; i++) {
                git_oid_tostr(hex, sizeof hex, &state->shallow[i]);
                r = say(stepping, "shallow %s\n", hex);
        }
        if (r == 0)
                r = say(stepping, "deepen %d\n", depth);
        if (r == 0)
                r = rv_packet_write_special(stepping->link, RV_PACKET_FLUSH, stepping->err);
        if (r == 0 && state->depth > 0) {
                git_oid_tostr(hex, sizeof hex, &state->head);
                r = say(stepping, "have %s\n", hex);
        }
        if (r == 0)
                r = say(stepping, "done\n");
        return r < 0 ? r : rv_link_finish(stepping->link, stepping->err);
}

/* -- The answer -- */

static int read_data(struct stepping *stepping) {
        int r = rv_packet_read(stepping->link, &stepping->packet, stepping->err);

        if (r == 0 && stepping->packet.kind == RV_PACKET_DATA && strncmp(stepping->packet.data, "ERR ", 4) == 0)
                return rv_remote_says(stepping->packet.data + 4, stepping->err);
        if (r == 0 && stepping->packet.kind == RV_PACKET_EOF)
                return rv_error_set(stepping->err, -EREMOTEIO, "the remote broke off");
        return r;
}

/* Where the history now ends, until a flush. -E2BIG: in too many commits. */
static int read_ends(struct stepping *stepping) {
        struct rv_packet *packet = &stepping->packet;

        for (;;) {
                int r = read_data(stepping);
                git_oid id;
                if (r < 0 || packet->kind != RV_PACKET_DATA)
                        return r;
                rv_packet_chomp(packet);
                bool is_end = strncmp(packet->data, "shallow ", 8) == 0;
                const char *hex = packet->data + (is_end ? 8 : 10);
                if ((!is_end && strncmp(packet->data, "unshallow ", 10) != 0) || strlen(hex) != GIT_OID_HEXSZ ||
                    git_oid_fromstr(&id, hex) < 0)
                        return rv_error_set(stepping->err, -EREMOTEIO, "the remote does not say where its answer ends");
                if (!is_end)
                        rv_clone_state_remove(&stepping->state, &id);
                r = is_end ? rv_clone_state_add(&stepping->state, &id) : 0;
                if (r == -E2BIG)
                        return rv_error_set(stepping->err, r, "the remote's history ends in more than %d commits",
                                            RV_CLONE_ENDS_MAX);
                if (r < 0)
                        return rv_error_oom(stepping->err);
        }
}

/* The indexer does not count the bytes that it is given. */
static int on_progress(const git_indexer_progress *progress, void *userdata) {
        struct stepping *stepping = userdata;
        git_indexer_progress shown = *progress;

        shown.received_bytes = stepping->received;
        if (stepping->progress)
                stepping->progress(stepping->userdata, &shown);
        return 0;
}

/* Band 1 carries the pack, band 2 words for people, band 3 the server's last words. Before them: ACK or NAK. */
static int read_pack(struct stepping *stepping, git_indexer *indexer, git_indexer_progress *stats) {
        struct rv_packet *packet = &stepping->packet;

        for (;;) {
                int r = read_data(stepping);
                if (r < 0 || packet->kind != RV_PACKET_DATA)
                        return r;
                if (packet->n == 0 || packet->data[0] == 2 || packet->data[0] == 'A' || packet->data[0] == 'N')
                        continue;
                if (packet->data[0] != 1)
                        return rv_remote_says(packet->data + (packet->data[0] == 3), stepping->err);
                stepping->received += packet->n - 1;
                r = git_indexer_append(indexer, packet->data + 1, packet->n - 1, stats);
                if (r == 0)
                        r = on_progress(stats, stepping);
                if (r < 0)
                        return rv_libgit2_error(stepping->err, r, "the pack");
        }
}

static int take_pack(struct stepping *stepping) {
        git_indexer_options options = GIT_INDEXER_OPTIONS_INIT;
        git_indexer_progress stats = {};
        git_indexer *indexer = NULL;
        git_odb *odb = NULL;
        _cleanup_free_ char *folder = NULL;

        if (asprintf(&folder, "%sobjects/pack", git_repository_path(stepping->mirror)) < 0) {
                folder = NULL;
                return rv_error_oom(stepping->err);
        }
        options.progress_cb = on_progress;
        options.progress_cb_payload = stepping;
        int r = git_repository_odb(&odb, stepping->mirror);
        if (r == 0)
                r = git_indexer_new(&indexer, folder, 0, odb, &options);
        if (r < 0)
                r = rv_libgit2_error(stepping->err, r, "%s", folder);
        if (r == 0)
                r = read_pack(stepping, indexer, &stats);
        if (r == 0 && stats.total_objects > 0 && (r = git_indexer_commit(indexer, &stats)) < 0)
                r = rv_libgit2_error(stepping->err, r, "the pack");
        if (r == 0 && (r = git_odb_refresh(odb)) < 0)
                r = rv_libgit2_error(stepping->err, r, "%s", folder);
        git_indexer_free(indexer);
        git_odb_free(odb);
        return r;
}

/* -- One step -- */

/* The remote may move between two steps: then what is new comes with the next. 1: it cannot be cut into steps. Whoever
 * else fetches would take what is there for whole: -EBADMSG, so that it is thrown away. */
static int open_link(struct stepping *stepping) {
        const struct rv_link_options options = {.service = RV_SERVICE_UPLOAD_PACK,
                                                .deadline_usec = stepping->deadline_usec};

        stepping->link = rv_link_free(stepping->link);
        rv_advertisement_done(&stepping->advertisement);
        int r = rv_remote_open_link(stepping->remote, &options, &stepping->link, stepping->err);
        if (r == 0)
                r = rv_advertisement_read(stepping->link, stepping->name, &stepping->packet, &stepping->advertisement,
                                          stepping->err);
        if (r < 0)
                return r;
        if (git_oid_is_zero(&stepping->advertisement.head))
                return 1;
        if (rv_advertisement_can(&stepping->advertisement, "shallow") &&
            rv_advertisement_can(&stepping->advertisement, "side-band-64k") &&
            !rv_advertisement_is_foreign(&stepping->advertisement))
                return 0;
        return stepping->state.depth == 0
                       ? 1
                       : rv_error_set(stepping->err, -EBADMSG, "the remote does not go on with a clone in steps");
}

static int step(struct stepping *stepping) {
        int depth = stepping->is_last ? DEPTH_ALL : next_depth(stepping->state.depth);
        int r = open_link(stepping);

        if (r == 0)
                r = ask(stepping, depth);
        if (r == 0)
                r = read_ends(stepping);
        if (r == 0)
                r = take_pack(stepping);
        if (r != 0)
                return r;
        stepping->state.head = stepping->advertisement.head;
        stepping->state.depth = depth;
        return rv_clone_state_save(&stepping->state, stepping->mirror, stepping->err);
}

static int run(struct stepping *stepping) {
        int r = rv_clone_state_load(&stepping->state, stepping->mirror, stepping->err);

        while (r == 0 && (stepping->state.depth == 0 || stepping->state.n_shallow > 0)) {
                if (stepping->state.depth == DEPTH_ALL)
                        return 1; /* the remote itself does not have it all */
                r = step(stepping);
                if (r == -E2BIG && !stepping->is_last) {
                        stepping->is_last = true;
                        rv_clone_state_done(&stepping->state);
                        r = rv_clone_state_load(&stepping->state, stepping->mirror, stepping->err);
                }
        }
        return r == -E2BIG ? -EREMOTEIO : r;
}

int rv_remote_steps_fetch(struct rv_remote *remote, git_repository *mirror, const char *branch, int64_t deadline_usec,
                          rv_remote_progress_fn progress, void *userdata, git_oid *ret_head, struct rv_error *err) {
        _cleanup_free_ struct stepping *stepping = calloc(1, sizeof *stepping);
        _cleanup_git_(reference) git_reference *reference = NULL;
        _cleanup_free_ char *name = NULL;

        if (!stepping)
                return rv_error_oom(err);
        int r = rv_remote_ref_name(branch, &name, err);
        if (r < 0)
                return r;
        *stepping = (struct stepping){.remote = remote,
                                      .mirror = mirror,
                                      .name = name,
                                      .deadline_usec = deadline_usec,
                                      .progress = progress,
                                      .userdata = userdata,
                                      .err = err};
        r = run(stepping);
        if (r == 0 && (r = git_reference_create(&reference, mirror, name, &stepping->state.head, 1, NULL)) < 0)
                r = rv_libgit2_error(err, r, "%s", name);
        *ret_head = stepping->state.head;
        if (r >= 0)
                rv_clone_state_forget(mirror);
        rv_clone_state_done(&stepping->state);
        rv_advertisement_done(&stepping->advertisement);
        rv_link_free(stepping->link);
        return r;
}
