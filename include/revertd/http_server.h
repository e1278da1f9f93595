/* HTTP in: libmicrohttpd's external epoll on sd-event. Limits (headers 16 KiB, body 512 KiB unless the route says
 * otherwise, 10 s in all, connections) are kept here; handlers see only whole, well-formed requests. */
#pragma once

#include "revertd/config.h"

#include <systemd/sd-event.h>

struct rv_http_server;

struct rv_http_call {
        const char *method;
        const char *path; /* decoded, without the query */
        const char *body; /* NUL-terminated */
        size_t body_bytes;
        bool is_local;    /* by the Unix socket */
        char actor[128];  /* "uid 1000 (ana)" by the socket; "token", "user ops", "signature" or "loopback" else */
        void *connection; /* for rv_http_call_header() and rv_http_call_query() */
};
const char *rv_http_call_header(const struct rv_http_call *call, const char *name); /* NULL: none */
const char *rv_http_call_query(const struct rv_http_call *call, const char *name);  /* NULL: none */

struct rv_http_answer {
        int status;
        const char *content_type; /* static; NULL: text/plain; charset=utf-8 */
        char *body;               /* malloc'ed, taken; NULL: empty */
        size_t body_bytes;
        const char *allow;   /* static; with 405 */
        int retry_after_sec; /* 0: none; with 503 */
};

/* HMAC-SHA256 of the body, in hexadecimal, with or without "sha256=" before it. Lent. */
struct rv_http_signature {
        const char *secret;
        const char *header;
        const char *time_header; /* of a Unix time that is signed with the body, as "<time>:<body>"; NULL: none */
};
enum { RV_HTTP_SIGNATURE_SKEW_SEC = 300 }; /* how far that time may be from ours */

enum rv_http_auth { RV_HTTP_AUTH_NONE, RV_HTTP_AUTH_REQUIRED };

struct rv_http_route {
        const char *path;    /* exact; or a prefix if it ends in '/' and is longer than 1 */
        const char *methods; /* "GET", "POST", "GET,POST"; HEAD comes with GET */
        enum rv_http_auth auth;
        size_t body_bytes_max; /* 0: 512 KiB */
        void (*handler)(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata);
        /* What bodies at this path are signed by; it stands for the credential, but is not asked for on the Unix socket.
         * NULL, or NULL returned: they are not signed. Asked at the head, and again when the body is whole. */
        const struct rv_http_signature *(*signature)(const char *path, void *userdata);
};

struct rv_http_server_metrics { /* what the server itself saw; kept for ever */
        uint64_t by_status[6];  /* [2]: 2xx … ; [0]: none (closed) */
        uint64_t unauthorized, too_large, timed_out, malformed;
        size_t connections;
};

/* fds: listening sockets handed over by systemd (n may be 0): then the configuration's addresses are not opened.
 * Refuses (-EPERM) to listen beyond loopback without a credential or client certificates. routes is lent for the
 * server's life. */
int rv_http_server_new(struct rv_http_server **ret, sd_event *event, const struct rv_listen_config *listen,
                       const char *credentials_directory, const int *fds, size_t n_fds,
                       const struct rv_http_route *routes, size_t n_routes, void *userdata,
                       struct rv_error *err) RV_MUST_CHECK;

/* What `listen` says of TLS may change without a restart: certificate, key and the CA of clients are read anew, and set
 * aside. -EINVAL and what reading a file gives: they cannot be used; nothing has changed. Nothing is read where only a
 * restart can follow the configuration: TLS, or the asking for client certificates, begins or ends. */
int rv_http_server_read_certificate(struct rv_http_server *server, const struct rv_listen_config *listen,
                                    const char *credentials_directory, struct rv_error *err) RV_MUST_CHECK;
/* Connections from now on get what was set aside. Those that are there keep what they have; a request under way is
 * answered, and is the last on its connection. false: all is as it was. */
bool rv_http_server_use_certificate(struct rv_http_server *server);

struct rv_http_server *rv_http_server_free(struct rv_http_server *server);
const struct rv_http_server_metrics *rv_http_server_get_metrics(const struct rv_http_server *server);
