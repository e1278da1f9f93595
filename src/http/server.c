/* The HTTP server: connections, their limits and deadlines.
 *
 * libmicrohttpd parses and writes; it is given connections that are accepted here. Its own timeout counts inactivity
 * only: a request's whole time is limited here, by shutdown() of the socket, which it then sees as the peer's end. When
 * all places are taken, the connection that has been idle for longest gives way, else the one that has been at its head
 * for longest: who sends slowly yields to who sends at once. */

#include "http/server_internal.h"
#include "revertd/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <utlist.h>

enum {
        ACCEPT_MAX = 32, /* connections taken in one turn of the loop */
        DEADLINE_ACCURACY_MSEC = 100,
};

static int set_deadlines(struct rv_http_server *server, int64_t usec) {
        server->deadlines_usec = usec;
        if (usec == RV_USEC_INFINITY)
                return sd_event_source_set_enabled(server->deadlines, SD_EVENT_OFF);
        int r = sd_event_source_set_time(server->deadlines, (uint64_t)usec);
        return r < 0 ? r : sd_event_source_set_enabled(server->deadlines, SD_EVENT_ONESHOT);
}

/* -- connections -- */

static int64_t deadline_in_phase(const struct connection *connection, enum phase phase) {
        const struct rv_http_server_limits *limits = &connection->server->limits;

        switch (phase) {
        case PHASE_HEAD:
                return rv_clock_monotonic_usec() + limits->request_usec;
        case PHASE_IDLE:
                return rv_clock_monotonic_usec() + limits->idle_usec;
        case PHASE_BUSY: /* as it was at its head: the limit is for the whole request */
                return connection->deadline_usec;
        default:
                return RV_USEC_INFINITY;
        }
}

static void enter_phase(struct connection *connection, enum phase phase) {
        struct rv_http_server *server = connection->server;
        struct connection **lists = server->connections[connection->is_local];
        size_t *n_idle = &server->n_idle[connection->is_local];

        DL_DELETE(lists[connection->phase], connection);
        *n_idle -= connection->phase == PHASE_IDLE;
        connection->phase = phase;
        connection->deadline_usec = deadline_in_phase(connection, phase);
        DL_APPEND(lists[phase], connection);
        *n_idle += phase == PHASE_IDLE;
        if (connection->deadline_usec < server->deadlines_usec)
                (void)set_deadlines(server, connection->deadline_usec);
}

void connection_end(struct connection *connection) {
        enter_phase(connection, PHASE_ENDING);
        shutdown(connection->fd, SHUT_RDWR);
}

static void evict(struct rv_http_server *server, bool is_local) {
        struct connection *victim = server->connections[is_local][PHASE_IDLE];

        if (!victim)
                victim = server->connections[is_local][PHASE_HEAD];
        if (victim)
                connection_end(victim);
}

void connection_set_phase(struct connection *connection, enum phase phase) {
        struct rv_http_server *server = connection->server;

        if (connection->phase == PHASE_ENDING)
                return;
        enter_phase(connection, phase);
        if (server->n_idle[connection->is_local] > server->limits.idle_max[connection->is_local])
                evict(server, connection->is_local);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        struct rv_http_server *server = userdata;
        int64_t now_usec = rv_clock_monotonic_usec(), next_usec = RV_USEC_INFINITY;
        struct connection *c, *next;

        (void)source;
        (void)usec;
        for (int kind = 0; kind < 2; kind++)
                for (enum phase phase = 0; phase < PHASE_ENDING; phase++)
                        DL_FOREACH_SAFE(server->connections[kind][phase], c, next) {
                                if (c->deadline_usec > now_usec) {
                                        if (c->deadline_usec < next_usec)
                                                next_usec = c->deadline_usec;
                                        continue;
                                }
                                if (phase != PHASE_IDLE)
                                        server->metrics.timed_out++;
                                connection_end(c);
                        }
        return set_deadlines(server, next_usec);
}

static struct connection *connection_new(struct rv_http_server *server, int fd, bool is_local) {
        struct connection *connection = calloc(1, sizeof(*connection));

        if (!connection)
                return NULL;
        connection->server = server;
        connection->backend = server->backend[is_local];
        connection->backend->n_connections++;
        connection->fd = fd;
        connection->is_local = is_local;
        DL_APPEND(server->connections[is_local][PHASE_HEAD], connection);
        server->n_connections[is_local]++;
        server->metrics.connections++;
        enter_phase(connection, PHASE_HEAD);
        return connection;
}

static void pause_accepting(struct rv_http_server *server, bool is_local, bool is_paused) {
        if (server->is_paused[is_local] == is_paused)
                return;
        server->is_paused[is_local] = is_paused;
        for (size_t i = 0; i < server->n_listeners; i++)
                if (server->listener[i].is_local == is_local)
                        (void)sd_event_source_set_enabled(server->listener[i].source,
                                                          is_paused ? SD_EVENT_OFF : SD_EVENT_ON);
}

static void connection_free(struct connection *connection) {
        struct rv_http_server *server = connection->server;
        bool is_local = connection->is_local;

        request_done(connection);
        DL_DELETE(server->connections[is_local][connection->phase], connection);
        server->n_idle[is_local] -= connection->phase == PHASE_IDLE;
        connection->backend->n_connections--;
        server->n_connections[is_local]--;
        server->metrics.connections--;
        pause_accepting(server, is_local, false);
        free(connection);
}

void connection_on_notify(void *userdata, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode what) {
        struct rv_http_server *server = userdata;

        (void)mhd;
        if (what == MHD_CONNECTION_NOTIFY_STARTED) {
                *context = server->accepted;
                server->accepted = NULL;
        } else if (*context)
                connection_free(*context);
}

/* -- accepting -- */

static void take_connection(struct rv_http_server *server, int fd, bool is_local) {
        /* libmicrohttpd wants a peer's address; nothing here asks for it. */
        struct sockaddr_in nobody = {.sin_family = AF_INET};

        server->accepted = connection_new(server, fd, is_local);
        if (!server->accepted) {
                close(fd);
                return;
        }
        enum MHD_Result r = MHD_add_connection(server->backend[is_local]->daemon, fd, (const struct sockaddr *)&nobody,
                                               sizeof(nobody)); /* takes the descriptor, also where it fails */
        if (r != MHD_YES && server->accepted)
                connection_free(server->accepted);
        server->accepted = NULL;
}

static int on_accept(sd_event_source *source, int listen_fd, uint32_t events, void *userdata) {
        struct listener *listener = userdata;
        struct rv_http_server *server = listener->server;
        bool is_local = listener->is_local;

        (void)source;
        (void)events;
        for (int i = 0; i < ACCEPT_MAX; i++) {
                if (server->n_connections[is_local] >= server->limits.connections_max[is_local]) {
                        /* On again when one is gone. */
                        pause_accepting(server, is_local, true);
                        evict(server, is_local);
                        break;
                }
                int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (fd < 0)
                        break;
                take_connection(server, fd, is_local);
        }
        backend_run(server->backend[is_local]);
        return 0;
}

int server_start_loop(struct rv_http_server *server, struct rv_error *err) {
        int r;

        r = sd_event_add_time(server->event, &server->deadlines, CLOCK_MONOTONIC, UINT64_MAX,
                              DEADLINE_ACCURACY_MSEC * RV_USEC_PER_MSEC, on_deadline, server);
        for (size_t i = 0; r >= 0 && i < server->n_listeners; i++) {
                struct listener *listener = &server->listener[i];
                listener->server = server;
                r = sd_event_add_io(server->event, &listener->source, listener->fd, EPOLLIN, on_accept, listener);
        }
        return r < 0 ? rv_error_set(err, r, "cannot watch the HTTP server: %s", strerror(-r)) : 0;
}

const struct rv_http_server_metrics *rv_http_server_get_metrics(const struct rv_http_server *server) {
        return &server->metrics;
}

void rv_http_server_set_limits(struct rv_http_server *server, const struct rv_http_server_limits *limits) {
        server->limits = *limits;
}

int rv_http_server_port(const struct rv_http_server *server, size_t n) {
        for (size_t i = 0; i < server->n_listeners; i++) {
                struct sockaddr_storage address = {0};
                socklen_t size = sizeof(address);
                if (server->listener[i].is_local || n-- > 0)
                        continue;
                if (getsockname(server->listener[i].fd, (struct sockaddr *)&address, &size) < 0)
                        return -errno;
                return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                                           : ((struct sockaddr_in *)&address)->sin_port);
        }
        return -ENOENT;
}
