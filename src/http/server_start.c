/* The HTTP server's beginning and end: from the configuration to sockets, credentials and daemons. */

#include "http/server_internal.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/credential.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 1024 * 1024 };

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

static int read_file(const char *path, char **ret, struct rv_error *err) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        _cleanup_free_ char *text = calloc(1, FILE_BYTES_MAX + 1);

        if (!text)
                return rv_error_oom(err);
        size_t n = f ? fread(text, 1, FILE_BYTES_MAX + 1, f) : 0;
        if (!f || ferror(f))
                return rv_error_set(err, -errno, "%s: %s", path, strerror(errno));
        if (n > FILE_BYTES_MAX)
                return rv_error_set(err, -EFBIG, "%s: too large", path);
        *ret = strndup(text, n);
        return *ret ? 0 : rv_error_oom(err);
}

static int start_daemon(struct rv_http_server *server, bool is_local, const struct MHD_OptionItem *tls,
                        struct rv_error *err) {
        unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | (tls ? MHD_USE_TLS : 0);
        /* All that this adds before version 1 is looked at here (server_head.c), and its answer would come twice. */
        int strict = MHD_VERSION >= 0x01000000;
#if MHD_VERSION >= 0x00097707
        /* Else a connection that is added is only noted, and told of at some later run. */
        flags |= MHD_USE_NO_THREAD_SAFETY;
#endif
        static const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
        size_t limit = server->limits.connections_max[0] + server->limits.connections_max[1];

        server->daemon[is_local] = MHD_start_daemon(
                flags, 0, NULL, NULL, request_on_call, server, MHD_OPTION_ARRAY, tls ? tls : none,
                MHD_OPTION_CONNECTION_LIMIT, (unsigned)limit + 1, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                (size_t)RV_HTTP_HEAD_BYTES_MAX + RV_HTTP_ANSWER_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, strict,
                MHD_OPTION_URI_LOG_CALLBACK, request_on_uri, server, MHD_OPTION_NOTIFY_COMPLETED, request_on_completed,
                server, MHD_OPTION_NOTIFY_CONNECTION, connection_on_notify, server, MHD_OPTION_END);
        if (!server->daemon[is_local])
                return rv_error_set(err, -EIO, "cannot start the HTTP server%s",
                                    tls ? ": is the certificate right, and does the key belong to it?" : "");
        return 0;
}

static int start_tls_daemon(struct rv_http_server *server, const struct rv_listen_config *listen,
                            const char *credentials_directory, struct rv_error *err) {
        _cleanup_free_ char *certificate = NULL, *ca = NULL;
        char *key = NULL;
        int r;

        if (!listen->key_credential)
                return rv_error_set(err, -EINVAL, "listen.cert_file needs listen.key_credential");
        r = read_file(listen->cert_file, &certificate, err);
        if (r >= 0 && listen->client_ca_file)
                r = read_file(listen->client_ca_file, &ca, err);
        if (r >= 0)
                r = rv_credential_read(credentials_directory, listen->key_credential, &key, err);
        if (r < 0)
                return r;
        struct MHD_OptionItem tls[] = {
                {MHD_OPTION_HTTPS_MEM_CERT, 0, certificate},
                {MHD_OPTION_HTTPS_MEM_KEY, 0, key},
                {MHD_OPTION_HTTPS_PRIORITIES, 0, (char *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
                {ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0, ca},
                {MHD_OPTION_END, 0, NULL},
        };
        r = start_daemon(server, false, tls, err);
        rv_credential_free(key);
        return r;
}

static int start_daemons(struct rv_http_server *server, const struct rv_listen_config *listen,
                         const char *credentials_directory, struct rv_error *err) {
        bool has[2] = {false, false};
        int r = 0;

        for (size_t i = 0; i < server->n_listeners; i++)
                has[server->listener[i].is_local] = true;
        if (has[0])
                r = listen->cert_file ? start_tls_daemon(server, listen, credentials_directory, err)
                                      : start_daemon(server, false, NULL, err);
        if (r >= 0 && has[1])
                r = start_daemon(server, true, NULL, err);
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
                r = start_daemons(server, listen, credentials_directory, err);
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
        if (!server)
                return NULL;
        for (int kind = 0; kind < 2; kind++) {
                sd_event_source_disable_unref(server->daemon_io[kind]);
                if (server->daemon[kind])
                        MHD_stop_daemon(
                                server->daemon[kind]); /* frees the connections, through connection_on_notify() */
        }
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
