/* libmicrohttpd on the loop. It is run when its epoll descriptor says so; that is edge-triggered inside, so that what it
 * has left to do must be asked for after each run.
 *
 * A certificate belongs to a daemon of libmicrohttpd for its life. A new one is a backend of its own: connections from
 * then on are given to it, and the one before is retired, which ends with the last of its connections. So there are
 * never more of the retired than connections. */

#include "http/server_internal.h"
#include "revertd/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <utlist.h>

enum {
        /* How often libmicrohttpd may ask to be run again at once. A deferred source that is always armed would keep the
         * loop from all others, and 0.9.75 asks for ever where a chunk's size line does not fit its buffer. */
        KICK_INTERVAL_MSEC = 10,
        KICK_BURST = 100,
};

static struct MHD_Daemon *start_daemon(struct rv_http_server *server, const struct MHD_OptionItem *tls) {
        unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | (tls ? MHD_USE_TLS : 0);
        /* All that this adds before version 1 is looked at here (server_head.c), and its answer would come twice. */
        int strict = MHD_VERSION >= 0x01000000;
#if MHD_VERSION >= 0x00097707
        /* Else a connection that is added is only noted, and told of at some later run. */
        flags |= MHD_USE_NO_THREAD_SAFETY;
#endif
        static const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
        size_t limit = server->limits.connections_max[0] + server->limits.connections_max[1];

        return MHD_start_daemon(flags, 0, NULL, NULL, request_on_call, server, MHD_OPTION_ARRAY, tls ? tls : none,
                                MHD_OPTION_CONNECTION_LIMIT, (unsigned)limit + 1, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                (size_t)RV_HTTP_HEAD_BYTES_MAX + RV_HTTP_ANSWER_BYTES, MHD_OPTION_STRICT_FOR_CLIENT,
                                strict, MHD_OPTION_URI_LOG_CALLBACK, request_on_uri, server,
                                MHD_OPTION_NOTIFY_COMPLETED, request_on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
                                connection_on_notify, server, MHD_OPTION_END);
}

void backend_run(struct backend *backend) {
        struct rv_http_server *server = backend->server;
        MHD_UNSIGNED_LONG_LONG msec;

        MHD_run(backend->daemon);
        if (backend->is_retired && backend->n_connections == 0) {
                DL_DELETE(server->retired, backend);
                backend_free(backend);
                return;
        }
        if (MHD_get_timeout(backend->daemon, &msec) != MHD_YES)
                return;
        if (msec == 0)
                (void)sd_event_source_set_enabled(server->kick, SD_EVENT_ONESHOT);
        else {
                (void)sd_event_source_set_time_relative(server->timer, msec * (uint64_t)RV_USEC_PER_MSEC);
                (void)sd_event_source_set_enabled(server->timer, SD_EVENT_ONESHOT);
        }
}

static void run_all(struct rv_http_server *server) {
        struct backend *backend, *next;

        for (int kind = 0; kind < 2; kind++)
                if (server->backend[kind])
                        backend_run(server->backend[kind]);
        DL_FOREACH_SAFE(server->retired, backend, next) {
                backend_run(backend);
        }
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        (void)source;
        (void)fd;
        (void)events;
        backend_run(userdata);
        return 0;
}

static int on_kick(sd_event_source *source, void *userdata) {
        (void)source;
        run_all(userdata);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        (void)source;
        (void)usec;
        run_all(userdata);
        return 0;
}

int backends_init(struct rv_http_server *server) {
        int r = sd_event_add_defer(server->event, &server->kick, on_kick, server);

        if (r >= 0)
                r = sd_event_source_set_enabled(server->kick, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_ratelimit(server->kick, KICK_INTERVAL_MSEC * RV_USEC_PER_MSEC, KICK_BURST);
        if (r >= 0)
                r = sd_event_add_time(server->event, &server->timer, CLOCK_MONOTONIC, UINT64_MAX, RV_USEC_PER_MSEC,
                                      on_timer, server);
        return r;
}

int backend_new(struct backend **ret, struct rv_http_server *server, const struct MHD_OptionItem *tls,
                struct rv_error *err) {
        struct backend *backend = calloc(1, sizeof(*backend));
        const union MHD_DaemonInfo *info;
        int r;

        if (!backend)
                return rv_error_oom(err);
        backend->server = server;
        backend->daemon = start_daemon(server, tls);
        if (!backend->daemon) {
                backend_free(backend);
                return rv_error_set(err, -EIO, "cannot start the HTTP server%s", tls ? " with TLS" : "");
        }
        info = MHD_get_daemon_info(backend->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        r = sd_event_add_io(server->event, &backend->io, info->epoll_fd, EPOLLIN, on_io, backend);
        if (r < 0) {
                backend_free(backend);
                return rv_error_set(err, r, "cannot watch the HTTP server: %s", strerror(-r));
        }
        *ret = backend;
        return 0;
}

struct backend *backend_free(struct backend *backend) {
        if (!backend)
                return NULL;
        sd_event_source_disable_unref(backend->io);
        if (backend->daemon)
                MHD_stop_daemon(backend->daemon); /* frees the connections, through connection_on_notify() */
        free(backend);
        return NULL;
}

void backend_replace(struct rv_http_server *server, bool is_local, struct backend *backend) {
        struct backend *before = server->backend[is_local];

        server->backend[is_local] = backend;
        if (before->n_connections == 0) {
                backend_free(before);
                return;
        }
        before->is_retired = true;
        DL_APPEND(server->retired, before);
}
