/* One request: checked by its head before a byte of its body is kept, then given whole to its handler. */

#include "http/server_internal.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct connection *connection_of(struct MHD_Connection *mhd) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

        return info->socket_context;
}

const char *rv_http_call_header(const struct rv_http_call *call, const char *name) {
        return MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name);
}

const char *rv_http_call_query(const struct rv_http_call *call, const char *name) {
        return MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* -- answers -- */

static const char *reason(const struct request *request) {
        switch (request->refusal) {
        case 400:
                return "bad request";
        case 401:
                return "a credential is required";
        case 403:
                return request->is_signed ? "the signature is missing, or is not that of the body"
                                          : "a client certificate is required";
        case 404:
                return "not found";
        case 405:
                return "method not allowed";
        case 413:
                return "the body is too large";
        case 414:
                return "the query is too long, or has too many arguments";
        case 431:
                return "the head is too large";
        case 503:
                return "too much is under way";
        default:
                return "internal error";
        }
}

/* "GET,POST" of a route as "GET, HEAD, POST". */
static void format_allow(const char *methods, char *buf, size_t size) {
        _cleanup_free_ char *copy = strdup(methods);
        char *rest = copy;

        buf[0] = '\0';
        for (const char *m; (m = strsep(&rest, ","));) {
                size_t n = strlen(buf);
                snprintf(buf + n, size - n, "%s%s%s", n > 0 ? ", " : "", m, strcmp(m, "GET") == 0 ? ", HEAD" : "");
        }
}

static enum MHD_Result queue_answer(struct connection *connection, struct MHD_Connection *mhd,
                                    struct rv_http_answer *answer, const char *allow, bool is_last) {
        static char nothing[1];
        struct MHD_Response *response = MHD_create_response_from_buffer(
                answer->body ? answer->body_bytes : 0, answer->body ? answer->body : nothing,
                answer->body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
        char number[16];
        enum MHD_Result r;

        if (!response) {
                free(answer->body);
                return MHD_NO;
        }
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                answer->content_type ? answer->content_type : "text/plain; charset=utf-8");
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
        MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
        if (allow)
                MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
        if (answer->status == 401)
                MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                        auth_challenge(&connection->server->auth));
        if (answer->retry_after_sec > 0) {
                snprintf(number, sizeof(number), "%d", answer->retry_after_sec);
                MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, number);
        }
        if (is_last || connection->backend->is_retired)
                MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
        r = MHD_queue_response(mhd, (unsigned)answer->status, response);
        MHD_destroy_response(response);
        connection->request.status = answer->status;
        return r;
}

static enum MHD_Result queue_refusal(struct connection *connection, struct MHD_Connection *mhd, bool is_last) {
        int status = connection->request.refusal;
        struct rv_http_answer answer = {.status = status, .retry_after_sec = status == 503 ? 1 : 0};
        char allow[64];

        int n = asprintf(&answer.body, "{\"error\":\"%s\"}\n", reason(&connection->request));
        if (n < 0)
                return MHD_NO;
        answer.body_bytes = (size_t)n;
        answer.content_type = "application/json";
        if (status == 405)
                format_allow(connection->request.route->methods, allow, sizeof(allow));
        return queue_answer(connection, mhd, &answer, status == 405 ? allow : NULL, is_last);
}

/* -- the head -- */

static const struct rv_http_route *find_route(const struct rv_http_server *server, const char *path) {
        const struct rv_http_route *best = NULL;
        size_t best_bytes = 0;

        for (size_t i = 0; i < server->n_routes; i++) {
                const struct rv_http_route *route = &server->routes[i];
                size_t n = strlen(route->path);
                if (strcmp(route->path, path) == 0)
                        return route;
                if (n > 1 && route->path[n - 1] == '/' && n > best_bytes && strncmp(route->path, path, n) == 0) {
                        best = route;
                        best_bytes = n;
                }
        }
        return best;
}

static bool route_takes(const struct rv_http_route *route, const char *method) {
        const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
        size_t n = strlen(wanted);

        for (const char *m = route->methods; m; m = strchr(m, ',')) {
                m += *m == ',';
                if (strncmp(m, wanted, n) == 0 && (m[n] == ',' || m[n] == '\0'))
                        return true;
        }
        return false;
}

static size_t body_bytes_max(const struct rv_http_route *route) {
        return route->body_bytes_max > 0 ? route->body_bytes_max : RV_HTTP_BODY_BYTES_MAX;
}

/* Room for a body of this many bytes; 0 or the status of the refusal. */
static int reserve_body(struct connection *connection, size_t bytes) {
        struct rv_http_server *server = connection->server;
        struct request *request = &connection->request;

        if (bytes + 1 <= request->body_size)
                return 0;
        if (server->bodies_bytes - request->body_size + bytes + 1 > server->limits.bodies_bytes_max)
                return 503;
        char *body = realloc(request->body, bytes + 1);
        if (!body)
                return 503;
        server->bodies_bytes += bytes + 1 - request->body_size;
        request->body = body;
        request->body_size = bytes + 1;
        return 0;
}

static void drop_body(struct connection *connection) {
        struct request *request = &connection->request;

        connection->server->bodies_bytes -= request->body_size;
        free(request->body);
        request->body = NULL;
        request->body_bytes = request->body_size = 0;
}

static const struct rv_http_signature *find_signature(const struct connection *connection, const char *url) {
        const struct rv_http_route *route = connection->request.route;

        return route->signature ? route->signature(url, connection->server->userdata) : NULL;
}

static int refuse_unauthorized(struct connection *connection, struct MHD_Connection *mhd, const char *url) {
        struct rv_http_server *server = connection->server;
        struct request *request = &connection->request;

        if (connection->is_local)
                auth_name_peer(connection->fd, request->actor);
        request->is_signed = !connection->is_local && find_signature(connection, url);
        if (request->is_signed) {
                snprintf(request->actor, sizeof(request->actor), "signature");
                return 0;
        }
        if (request->route->auth == RV_HTTP_AUTH_NONE) {
                if (!connection->is_local)
                        snprintf(request->actor, sizeof(request->actor), "anonymous");
                return 0;
        }
        switch (auth_check(&server->auth, mhd, connection->is_local, request->actor)) {
        case AUTH_OK:
                return 0;
        case AUTH_NEEDS_CREDENTIAL:
                refused_note(connection, url, "it shows no credential, or a wrong one");
                return 401;
        case AUTH_NEEDS_CERTIFICATE:
        default:
                refused_note(connection, url, "it shows no client certificate, or one that is not trusted");
                return 403;
        }
}

static int check_head(struct connection *connection, struct MHD_Connection *mhd, const char *url, const char *method,
                      uint64_t body_bytes) {
        struct rv_http_server *server = connection->server;
        struct request *request = &connection->request;
        int status;

        request->route = find_route(server, url);
        if (!request->route)
                return 404;
        status = refuse_unauthorized(connection, mhd, url);
        if (status)
                return status;
        if (!route_takes(request->route, method))
                return 405;
        if (body_bytes != UINT64_MAX && body_bytes > body_bytes_max(request->route)) {
                server->metrics.too_large++;
                return 413;
        }
        return body_bytes != UINT64_MAX && body_bytes > 0 ? reserve_body(connection, body_bytes) : 0;
}

/* Where libmicrohttpd has no memory for an answer. */
static void refuse_at_once(struct connection *connection, struct MHD_Connection *mhd) {
        connection->server->metrics.too_large++;
        head_refuse(connection, mhd, connection->request.refusal, reason(&connection->request));
}

/* A refusal is answered when the body has been read and thrown away: a connection that is closed on unread bytes is
 * reset, and the sender may never see why. At once where it waits to be told, or sends too much for that. */
static enum MHD_Result on_head(struct connection *connection, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version) {
        struct request *request = &connection->request;
        uint64_t body_bytes = 0;

        request->has_started = true;
        if (!request->refusal)
                request->refusal = head_check(mhd, version, &body_bytes);
        if (request->refusal == 431) {
                refuse_at_once(connection, mhd);
                return MHD_NO;
        }
        if (request->refusal) {
                connection->server->metrics.malformed++;
                return queue_refusal(connection, mhd, true);
        }
        request->refusal = check_head(connection, mhd, url, method, body_bytes);
        if (!request->refusal) {
                connection_set_phase(connection, PHASE_BUSY);
                return MHD_YES;
        }
        bool is_waiting = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT);
        if (is_waiting || (body_bytes != UINT64_MAX && body_bytes > RV_HTTP_DISCARD_BYTES_MAX))
                return queue_refusal(connection, mhd, true);
        return MHD_YES;
}

/* -- the body -- */

static enum MHD_Result discard(struct request *request, size_t n) {
        request->discarded_bytes += n;
        return request->discarded_bytes > RV_HTTP_DISCARD_BYTES_MAX ? MHD_NO : MHD_YES;
}

static enum MHD_Result on_body(struct connection *connection, const char *bytes, size_t n) {
        struct request *request = &connection->request;
        size_t max = request->route ? body_bytes_max(request->route) : 0;

        if (request->refusal)
                return discard(request, n);
        if (n > max - request->body_bytes) {
                connection->server->metrics.too_large++;
                request->refusal = 413;
        } else if (request->body_bytes + n + 1 > request->body_size) {
                size_t wanted = (request->body_bytes + n) * 2;
                request->refusal = reserve_body(connection, wanted < max ? wanted : max);
        }
        if (request->refusal) {
                drop_body(connection);
                return discard(request, n);
        }
        memcpy(request->body + request->body_bytes, bytes, n);
        request->body_bytes += n;
        return MHD_YES;
}

/* A reload may have taken the signature away since the head: then nothing says any more who is asking. */
static void check_signature(struct connection *connection, struct MHD_Connection *mhd, const char *url) {
        struct request *request = &connection->request;
        const struct rv_http_signature *signature = find_signature(connection, url);

        if (signature && signature_check(signature, mhd, request->body ? request->body : "", request->body_bytes,
                                         rv_clock_realtime_usec()))
                return;
        refused_note(connection, url, "it has no signature, or a wrong or an old one");
        request->refusal = 403;
        drop_body(connection);
}

static enum MHD_Result on_whole(struct connection *connection, struct MHD_Connection *mhd, const char *url,
                                const char *method) {
        struct rv_http_server *server = connection->server;
        struct request *request = &connection->request;
        struct rv_http_answer answer = {0};
        struct rv_http_call call = {.method = strcmp(method, "HEAD") == 0 ? "GET" : method,
                                    .path = url,
                                    .body = "",
                                    .is_local = connection->is_local,
                                    .connection = mhd};

        if (!request->refusal && request->is_signed)
                check_signature(connection, mhd, url);
        if (request->refusal)
                return queue_refusal(connection, mhd, false);
        if (request->body) {
                request->body[request->body_bytes] = '\0';
                call.body = request->body;
                call.body_bytes = request->body_bytes;
        }
        memcpy(call.actor, request->actor, sizeof(call.actor));
        request->route->handler(&call, &answer, server->userdata);
        drop_body(connection);
        return queue_answer(connection, mhd, &answer, answer.allow, false);
}

/* -- MHD's calls -- */

void *request_on_uri(void *userdata, const char *uri, struct MHD_Connection *mhd) {
        struct connection *connection = connection_of(mhd);

        (void)userdata;
        request_done(connection);
        connection->request.refusal = head_check_uri(uri);
        if (connection->phase == PHASE_IDLE)
                connection_set_phase(connection, PHASE_HEAD);
        if (connection->request.refusal == 414)
                refuse_at_once(connection, mhd);
        return connection;
}

enum MHD_Result request_on_call(void *userdata, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *upload_data, size_t *upload_data_bytes,
                                void **unused) {
        struct connection *connection = connection_of(mhd);

        (void)userdata;
        (void)unused;
        if (connection->phase == PHASE_ENDING)
                return MHD_NO;
        if (!connection->request.has_started)
                return on_head(connection, mhd, url, method, version);
        if (*upload_data_bytes > 0) {
                size_t n = *upload_data_bytes;
                *upload_data_bytes = 0;
                return on_body(connection, upload_data, n);
        }
        return on_whole(connection, mhd, url, method);
}

void request_on_completed(void *userdata, struct MHD_Connection *mhd, void **unused,
                          enum MHD_RequestTerminationCode why) {
        struct rv_http_server *server = userdata;
        struct connection *connection = connection_of(mhd);
        int status = why == MHD_REQUEST_TERMINATED_COMPLETED_OK ? connection->request.status : 0;

        (void)unused;
        server->metrics.by_status[status >= 100 && status < 600 ? status / 100 : 0]++;
        request_done(connection);
        connection_set_phase(connection, PHASE_IDLE);
}

void request_done(struct connection *connection) {
        drop_body(connection);
        connection->request = (struct request){0};
}
