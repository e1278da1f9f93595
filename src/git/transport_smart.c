#include "git/libgit2.h"
#include "git/transport_remote.h"
#include "revertd/cleanup.h"

#include <errno.h>
#include <git2/sys/transport.h>
#include <stddef.h>
#include <string.h>

/* Fetching: libgit2 negotiates and indexes, over links of ours. */

struct fetching {
        struct rv_remote *remote;
        const char *name; /* of the ref */
        bool found;       /* in the advertisement */
        int64_t deadline_usec;
        rv_remote_progress_fn progress;
        void *userdata;
        int failure; /* of a link; its text is in error */
        struct rv_error error;
};

struct subtransport {
        git_smart_subtransport parent;
        struct fetching *fetching;
        struct rv_link *link;
        struct stream *stream; /* of the conversation, where the link is one */
};

struct stream {
        git_smart_subtransport_stream parent;
        struct subtransport *subtransport;
        bool written;
        /* The advertisement is passed on without the refs that are not ours: there may be millions. */
        bool advertising, service_line, first_ref_seen;
        struct rv_packet packet;
        char head[5];
        size_t n_pending, at; /* head and packet as one */
};

static int fail(struct fetching *fetching, int r) {
        fetching->failure = r;
        git_error_set_str(GIT_ERROR_NET, fetching->error.text);
        return -1;
}

/* "<id> <name>", the first with the server's capabilities behind a NUL: that one is always passed on. */
static bool is_wanted(struct stream *stream) {
        const struct rv_packet *packet = &stream->packet;
        struct fetching *fetching = stream->subtransport->fetching;
        size_t n = strlen(fetching->name);

        if (strncmp(packet->data, "# service=", 10) == 0) {
                stream->service_line = true;
                return true;
        }
        if (packet->n >= GIT_OID_HEXSZ + 1 + n && strncmp(packet->data + GIT_OID_HEXSZ + 1, fetching->name, n) == 0 &&
            (packet->data[GIT_OID_HEXSZ + 1 + n] == 0 || packet->data[GIT_OID_HEXSZ + 1 + n] == '\n')) {
                fetching->found = true;
                return true;
        }
        return !stream->first_ref_seen || strncmp(packet->data, "ERR ", 4) == 0;
}

static int next_wanted(struct stream *stream) {
        struct rv_packet *packet = &stream->packet;
        bool wanted;

        do {
                int r = rv_packet_read(stream->subtransport->link, packet, &stream->subtransport->fetching->error);
                if (r < 0)
                        return r;
                if (packet->kind == RV_PACKET_DATA) {
                        bool service_line = stream->service_line;
                        wanted = is_wanted(stream);
                        stream->first_ref_seen = stream->first_ref_seen || service_line == stream->service_line;
                } else {
                        wanted = true;
                        stream->advertising =
                                packet->kind == RV_PACKET_FLUSH && stream->service_line && !stream->first_ref_seen;
                }
        } while (!wanted);
        if (packet->kind == RV_PACKET_EOF) {
                stream->n_pending = 0;
                return 0;
        }
        snprintf(stream->head, sizeof stream->head, "%04zx", packet->kind == RV_PACKET_DATA ? packet->n + 4 : 0);
        stream->n_pending = 4 + packet->n;
        stream->at = 0;
        return 0;
}

static size_t take_pending(struct stream *stream, char *data, size_t n) {
        size_t taken = 0;

        for (; taken < n && stream->at < stream->n_pending; stream->at++)
                data[taken++] = stream->at < 4 ? stream->head[stream->at] : stream->packet.data[stream->at - 4];
        return taken;
}

static int stream_read(git_smart_subtransport_stream *base, char *data, size_t n, size_t *ret) {
        struct stream *stream = (struct stream *)base;
        struct subtransport *subtransport = stream->subtransport;
        struct fetching *fetching = subtransport->fetching;
        int r = 0;

        if (stream->written)
                r = rv_link_finish(subtransport->link, &fetching->error);
        stream->written = false;
        if (r == 0 && stream->advertising && stream->at == stream->n_pending)
                r = next_wanted(stream);
        if (r == 0 && stream->at < stream->n_pending) {
                *ret = take_pending(stream, data, n);
                return 0;
        }
        if (r == 0)
                r = rv_link_read(subtransport->link, data, n, ret, &fetching->error);
        return r < 0 ? fail(fetching, r) : 0;
}

static int stream_write(git_smart_subtransport_stream *base, const char *data, size_t n) {
        struct stream *stream = (struct stream *)base;
        struct subtransport *subtransport = stream->subtransport;
        struct fetching *fetching = subtransport->fetching;

        stream->written = true;
        int r = rv_link_write(subtransport->link, data, n, &fetching->error);
        return r < 0 ? fail(fetching, r) : 0;
}

static void stream_free(git_smart_subtransport_stream *base) {
        ((struct stream *)base)->subtransport->stream = NULL;
        free(base);
}

static int subtransport_action(git_smart_subtransport_stream **ret, git_smart_subtransport *base, const char *url,
                               git_smart_service_t action) {
        struct subtransport *subtransport = (struct subtransport *)base;
        struct fetching *fetching = subtransport->fetching;
        const struct rv_link_options options = {.service = RV_SERVICE_UPLOAD_PACK,
                                                .deadline_usec = fetching->deadline_usec};

        (void)url;
        if (action != GIT_SERVICE_UPLOADPACK_LS && action != GIT_SERVICE_UPLOADPACK)
                return -1;
        if (action == GIT_SERVICE_UPLOADPACK && subtransport->stream && !subtransport->link->stateless) {
                *ret = &subtransport->stream->parent;
                return 0;
        }
        struct stream *stream = calloc(1, sizeof *stream);
        if (!stream)
                return -1;
        *stream = (struct stream){
                .parent = {.subtransport = base, .read = stream_read, .write = stream_write, .free = stream_free},
                .subtransport = subtransport};
        if (action == GIT_SERVICE_UPLOADPACK_LS) {
                stream->advertising = true;
                subtransport->link = rv_link_free(subtransport->link);
                int r = rv_remote_open_link(fetching->remote, &options, &subtransport->link, &fetching->error);
                if (r < 0) {
                        free(stream);
                        return fail(fetching, r);
                }
        }
        subtransport->stream = stream;
        *ret = &stream->parent;
        return 0;
}

static int subtransport_close(git_smart_subtransport *base) {
        struct subtransport *subtransport = (struct subtransport *)base;

        subtransport->link = rv_link_free(subtransport->link);
        return 0;
}

static void subtransport_free(git_smart_subtransport *base) {
        subtransport_close(base);
        free(base);
}

static int make_subtransport(git_smart_subtransport **ret, git_transport *owner, void *param) {
        struct subtransport *subtransport = calloc(1, sizeof *subtransport);

        (void)owner;
        if (!subtransport)
                return -1;
        subtransport->parent = (git_smart_subtransport){
                .action = subtransport_action, .close = subtransport_close, .free = subtransport_free};
        subtransport->fetching = param;
        *ret = &subtransport->parent;
        return 0;
}

static int make_transport(git_transport **ret, git_remote *owner, void *param) {
        struct fetching *fetching = param;
        git_smart_subtransport_definition definition = {
                .callback = make_subtransport, .rpc = fetching->remote->url.kind == RV_REMOTE_HTTP, .param = fetching};

        return git_transport_smart(ret, owner, &definition);
}

static int on_progress(const git_indexer_progress *progress, void *userdata) {
        struct fetching *fetching = userdata;

        if (fetching->progress)
                fetching->progress(fetching->userdata, progress);
        return 0;
}

static int fetch_error(struct fetching *fetching, int r, struct rv_error *err) {
        const git_error *last = git_error_last();

        if (fetching->failure < 0)
                return rv_error_set(err, fetching->failure, "%s", fetching->error.text);
        r = rv_libgit2_error(err, r, "fetch");
        return last && last->klass == GIT_ERROR_NET ? -EREMOTEIO : r;
}

static int run_fetch(struct fetching *fetching, git_repository *mirror, const char *name, struct rv_error *err) {
        _cleanup_git_(remote) git_remote *remote = NULL;
        git_remote_create_options create = GIT_REMOTE_CREATE_OPTIONS_INIT;
        git_fetch_options options = GIT_FETCH_OPTIONS_INIT;
        _cleanup_free_ char *refspec = NULL;

        if (asprintf(&refspec, "+%s:%s", name, name) < 0) {
                refspec = NULL;
                return rv_error_oom(err);
        }
        options.callbacks.transport = make_transport;
        options.callbacks.transfer_progress = on_progress;
        options.callbacks.payload = fetching;
        options.prune = GIT_FETCH_NO_PRUNE;
        options.update_fetchhead = 0;
        options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
        /* The URL is for libgit2's eyes only: the links know where to go. Rewriting it by the configuration is
         * skipped also because libgit2 1.5 leaks 20 kB for each setting that it looks at there. */
        create.repository = mirror;
        create.flags = GIT_REMOTE_CREATE_SKIP_INSTEADOF | GIT_REMOTE_CREATE_SKIP_DEFAULT_FETCHSPEC;
        int r = git_remote_create_with_opts(&remote, "ssh://remote/repository", &create);
        if (r == 0)
                r = git_remote_fetch(remote, &(git_strarray){.strings = &refspec, .count = 1}, &options, "fetch");
        return r < 0 ? fetch_error(fetching, r, err) : 0;
}

int rv_remote_smart_fetch(struct rv_remote *remote, git_repository *mirror, const char *branch, int64_t deadline_usec,
                          rv_remote_progress_fn progress, void *userdata, git_oid *ret_head, struct rv_error *err) {
        struct fetching fetching = {
                .remote = remote, .deadline_usec = deadline_usec, .progress = progress, .userdata = userdata};
        _cleanup_free_ char *name = NULL;

        int r = rv_remote_ref_name(branch, &name, err);
        if (r < 0)
                return r;
        fetching.name = name;
        r = run_fetch(&fetching, mirror, name, err);
        if (r < 0)
                return r;
        /* A refspec that matches nothing is no error to libgit2. */
        if (!fetching.found)
                return rv_error_set(err, -ENOENT, "the remote has no branch %s", branch);
        r = git_reference_name_to_id(ret_head, mirror, name);
        return r < 0 ? rv_libgit2_error(err, r, "read the mirror's branch") : 0;
}
