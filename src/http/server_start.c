/* The HTTP server's beginning and end: from the configuration to sockets, credentials and backends. */

#include "http/server_internal.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/credential.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static int open_listeners(struct rv_http_server *server, const struct rv_listen_config *listen, const int *fds,
                          size_t n_fds, struct rv_error *err) {
        bool has_local = false;
        int r;

        for (size_t i = 0; i < n_fds; i++) {
                if (server->n_listeners == RV_HTTP_LISTEN_MAX)
                        return rv_error_set(err, -E2BIG, "over %d sockets to listen on", RV_HTTP_LISTEN_MAX);
                r = listen_inherited(fds[i], &server->listener[server->n_listeners], err);
                if (r < 0)
                        return r;
                has_local |= server->listener[server->n_listeners++].is_local;
        }
        for (char **a = listen->addresses; n_fds == 0 && a && *a; a++) {
                size_t n = 0, left = RV_HTTP_LISTEN_MAX - 1 - server->n_listeners;
                if (left == 0)
                        return rv_error_set(err, -E2BIG, "over %d addresses to listen on", RV_HTTP_LISTEN_MAX - 1);
                r = listen_tcp(*a, &server->listener[server->n_listeners], left, &n, err);
                if (r < 0)
                        return r;
                server->n_listeners += n;
        }
        if (listen->socket && !has_local) {
                r = listen_unix(listen->socket, &server->listener[server->n_listeners], err);
                if (r < 0)
                        return r;
                server->n_listeners++;
        }
        return 0;
}

static int check_exposure(const struct rv_http_server *server, struct rv_error *err) {
        if (server->auth.secret || server->auth.is_by_certificate)
                return 0;
        for (size_t i = 0; i < server->n_listeners; i++)
                if (listen_is_exposed(server->listener[i].fd))
                        return rv_error_set(err, -EPERM,
                                            "refusing to listen beyond this machine without authentication: set "
                                            "listen.credential or listen.client_ca_file");
        return 0;
}

static int read_auth(struct rv_http_server *server, const struct rv_listen_config *listen,
                     const char *credentials_directory, struct rv_error *err) {
        if (listen->client_ca_file && !listen->cert_file)
                return rv_error_set(err, -EINVAL, "listen.client_ca_file needs listen.cert_file");
        server->auth.is_by_certificate = listen->client_ca_file;
        if (!listen->credential)
                return 0;
        if (listen->username && !(server->auth.username = strdup(listen->username)))
                return rv_error_oom(err);
        return rv_credential_read(credentials_directory, listen->credential, &server->auth.secret, err);
}

static int start_backends(struct rv_http_server *server, const struct rv_listen_config *listen,
                          const char *credentials_directory, struct rv_error *err) {
        bool has[2] = {false, false};
        int r = backends_init(server);

        if (r < 0)
                return rv_error_set(err, r, "cannot watch the HTTP server: %s", strerror(-r));
        for (size_t i = 0; i < server->n_listeners; i++)
                has[server->listener[i].is_local] = true;
        if (has[0])
                r = listen->cert_file ? tls_start(server, listen, credentials_directory, err)
                                      : backend_new(&server->backend[false], server, NULL, err);
        if (r >= 0 && has[1])
                r = backend_new(&server->backend[true], server, NULL, err);
        return r;
}

int rv_http_server_new(struct rv_http_server **ret, sd_event *event, const struct rv_listen_config *listen,
                       const char *credentials_directory, const int *fds, size_t n_fds,
                       const struct rv_http_route *routes, size_t n_routes, void *userdata, struct rv_error *err) {
        struct rv_http_server *server = calloc(1, sizeof(*server));
        int r;

        if (!server)
                return rv_error_oom(err);
        *server = (struct rv_http_server){.event = sd_event_ref(event),
                                          .deadlines_usec = RV_USEC_INFINITY,
                                          .routes = routes,
                                          .n_routes = n_routes,
                                          .userdata = userdata,
                                          .limits = RV_HTTP_SERVER_LIMITS};
        for (size_t i = 0; i < RV_HTTP_LISTEN_MAX; i++)
                server->listener[i].fd = -1;
        r = read_auth(server, listen, credentials_directory, err);
        if (r >= 0)
                r = open_listeners(server, listen, fds, n_fds, err);
        if (r >= 0)
                r = check_exposure(server, err);
        if (r >= 0)
                r = start_backends(server, listen, credentials_directory, err);
        if (r >= 0)
                r = server_start_loop(server, err);
        if (r < 0) {
                rv_http_server_free(server);
                return r;
        }
        *ret = server;
        return 0;
}

struct rv_http_server *rv_http_server_free(struct rv_http_server *server) {
        struct backend *backend, *next;

        if (!server)
                return NULL;
        DL_FOREACH_SAFE(server->retired, backend, next) {
                backend_free(backend);
        }
        backend_free(server->renewed);
        for (int kind = 0; kind < 2; kind++)
                backend_free(server->backend[kind]);
        for (size_t i = 0; i < RV_HTTP_LISTEN_MAX; i++)
                listener_done(&server->listener[i]);
        sd_event_source_disable_unref(server->kick);
        sd_event_source_disable_unref(server->timer);
        sd_event_source_disable_unref(server->deadlines);
        sd_event_unref(server->event);
        rv_credential_free(server->auth.secret);
        free(server->auth.username);
        free(server);
        return NULL;
}
