/* The parts of the HTTP server: its beginning and end (server_start.c), listening sockets (server_listen.c), connections
 * with their limits and deadlines (server.c), libmicrohttpd on the loop (server_backend.c), with certificates
 * (server_tls.c), one request (server_head.c, server_request.c), and who is asking (server_auth.c, server_signature.c). */
#pragma once

#include "revertd/http_server.h"

#include <microhttpd.h>
#include <sys/socket.h>
#include <sys/types.h>

/* What tests may set to see the limits at work without waiting for them. */
struct rv_http_server_limits {
        int64_t request_usec; /* a whole request, from accept or from its first line to the last byte of its answer */
        int64_t idle_usec;    /* a kept connection between requests */
        size_t connections_max[2]; /* by TCP, by the Unix socket */
        size_t idle_max[2];
        size_t bodies_bytes_max; /* all bodies under way together */
};
#define RV_HTTP_SERVER_LIMITS                                                                                          \
        {                                                                                                              \
                .request_usec = 10 * INT64_C(1000000), .idle_usec = 60 * INT64_C(1000000),                             \
                .connections_max = {512, 64}, .idle_max = {128, 16}, .bodies_bytes_max = 16 * 1024 * 1024,             \
        }
enum {
        RV_HTTP_HEAD_BYTES_MAX = 16 * 1024,
        RV_HTTP_ANSWER_BYTES = 1024, /* that are left for the head of the answer */
        RV_HTTP_BODY_BYTES_MAX = 512 * 1024,
        RV_HTTP_DISCARD_BYTES_MAX = 1024 * 1024, /* of a refused body, so that the refusal reaches the sender */
        RV_HTTP_LISTEN_MAX = 16,
        RV_HTTP_TLS_DIGEST_BYTES = 32,
};
void rv_http_server_set_limits(struct rv_http_server *server, const struct rv_http_server_limits *limits);
/* The port of the n-th TCP socket, where the configuration says 0. */
int rv_http_server_port(const struct rv_http_server *server, size_t n);

/* -- listening sockets -- */

struct listener {
        struct rv_http_server *server;
        int fd;
        bool is_local;
        char *path; /* the Unix socket that we made, and its identity; NULL: not ours to remove */
        dev_t device;
        ino_t inode;
        sd_event_source *source;
};

/* May others than this machine reach it? */
bool listen_is_exposed(int fd);
int listen_tcp(const char *address, struct listener *listener, size_t max, size_t *ret_n, struct rv_error *err);
int listen_unix(const char *path, struct listener *listener, struct rv_error *err);
int listen_inherited(int fd, struct listener *listener, struct rv_error *err);
void listener_done(struct listener *listener);

/* -- who is asking -- */

struct auth {
        char *username;
        char *secret;           /* NULL: none asked for */
        bool is_by_certificate; /* a client certificate instead */
};

enum auth_result { AUTH_OK, AUTH_NEEDS_CREDENTIAL, AUTH_NEEDS_CERTIFICATE };

struct connection;
enum auth_result auth_check(const struct auth *auth, struct MHD_Connection *mhd, bool is_local, char actor[static 128]);
const char *auth_challenge(const struct auth *auth); /* for WWW-Authenticate */
/* Whether the body is signed as it must be. */
bool signature_check(const struct rv_http_signature *signature, struct MHD_Connection *mhd, const char *body, size_t n,
                     int64_t now_usec);
/* Counts it, and logs it unless another was logged within the minute. */
void refused_note(struct connection *connection, const char *url, const char *why);
/* "uid 1000 (ana)" */
void auth_name_peer(int fd, char actor[static 128]);

/* -- backends: daemons of libmicrohttpd, and what they run by -- */

struct backend {
        struct rv_http_server *server;
        struct backend *prev, *next; /* while retired */
        struct MHD_Daemon *daemon;
        sd_event_source *io;
        size_t n_connections;
        bool is_tls;
        unsigned char tls_digest[RV_HTTP_TLS_DIGEST_BYTES]; /* of certificate, key and CA */
        bool is_retired; /* it gets no more connections, and ends with the last that it has */
};

int backends_init(struct rv_http_server *server) RV_MUST_CHECK;
/* tls: the options for it, copied; NULL: without. */
int backend_new(struct backend **ret, struct rv_http_server *server, const struct MHD_OptionItem *tls,
                struct rv_error *err) RV_MUST_CHECK;
struct backend *backend_free(struct backend *backend); /* with its connections */
void backend_run(struct backend *backend);
/* Connections from now on are the new one's; the one before is retired. */
void backend_replace(struct rv_http_server *server, bool is_local, struct backend *backend);

/* The backend for TCP, with what `listen` says of TLS. */
int tls_start(struct rv_http_server *server, const struct rv_listen_config *listen, const char *credentials_directory,
              struct rv_error *err) RV_MUST_CHECK;

/* -- connections -- */

enum phase { PHASE_HEAD, PHASE_BUSY, PHASE_IDLE, PHASE_ENDING, PHASE_MAX };

struct request {
        bool has_started; /* its headers were seen */
        bool is_signed;   /* by its route; the signature is checked when the body is whole */
        const struct rv_http_route *route;
        char actor[128];
        char *body;
        size_t body_bytes, body_size;
        size_t discarded_bytes;
        int refusal; /* status; 0: none */
        int status;  /* of the answer that was queued */
};

struct connection {
        struct rv_http_server *server;
        struct backend *backend;
        struct connection *prev, *next; /* of its kind and phase, oldest first */
        int fd;
        bool is_local;
        enum phase phase;
        int64_t deadline_usec;
        struct request request;
};

struct rv_http_server {
        sd_event *event;
        struct backend *backend[2];    /* for TCP (with TLS where configured), for the Unix socket */
        struct backend *retired;       /* while they have connections */
        struct backend *renewed;       /* with a certificate that was read and is not used yet; NULL: none */
        sd_event_source *kick, *timer; /* of all backends */
        sd_event_source *deadlines;
        int64_t deadlines_usec;

        struct listener listener[RV_HTTP_LISTEN_MAX];
        size_t n_listeners;
        bool is_paused[2]; /* no more connections are taken */

        struct connection *connections[2][PHASE_MAX];
        struct connection *accepted; /* on its way into libmicrohttpd */
        size_t n_connections[2], n_idle[2];
        size_t bodies_bytes;

        struct auth auth;
        int64_t refused_logged_usec; /* 0: no request was yet */
        uint64_t n_refused_unlogged;
        const struct rv_http_route *routes;
        size_t n_routes;
        void *userdata;
        struct rv_http_server_limits limits;
        struct rv_http_server_metrics metrics;
};

int server_start_loop(struct rv_http_server *server, struct rv_error *err);

void connection_on_notify(void *userdata, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode what);
void connection_set_phase(struct connection *connection, enum phase phase);

/* libmicrohttpd sees the end of it in its next run, and tells. */
void connection_end(struct connection *connection);

/* -- the head of a request: 0, or the status of the refusal -- */

int head_check_uri(const char *uri); /* before libmicrohttpd takes it apart */
/* *ret_body_bytes: UINT64_MAX where chunks will tell. */
int head_check(struct MHD_Connection *mhd, const char *version, uint64_t *ret_body_bytes);
/* Answers at once and by itself (414 or 431), and ends the connection. */
void head_refuse(struct connection *connection, struct MHD_Connection *mhd, int status, const char *reason);

/* MHD's callbacks of one request. */
void *request_on_uri(void *userdata, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result request_on_call(void *userdata, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *upload_data, size_t *upload_data_bytes,
                                void **request);
void request_on_completed(void *userdata, struct MHD_Connection *mhd, void **request,
                          enum MHD_RequestTerminationCode why);
void request_done(struct connection *connection);
