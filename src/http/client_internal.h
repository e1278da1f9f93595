/* The parts of the HTTP client: targets (client_target.c), their easy handles (client_slot.c), curl on the event loop
 * (client_loop.c), and requests with their queues and deadlines (client.c). */
#pragma once

#include "revertd/http_client.h"

#include <curl/curl.h>
#include <utlist.h>

enum {
        RV_HTTP_PARALLEL_MAX = 16,             /* requests under way to one target */
        RV_HTTP_QUEUE_MAX = 32768,             /* requests waiting, all targets together */
        RV_HTTP_CONNECTIONS_MAX = 64,          /* connections kept open */
        RV_HTTP_BODY_KEPT_BYTES_MAX = 1 << 16, /* of a slot's buffer, between requests */
        RV_HTTP_DURATION_DEFAULT_SEC = 10,
};

/* -- targets -- */

/* An easy handle with the target's constant options set, and the buffers of the request that it is at. */
struct slot {
        CURL *easy;
        struct slot *next; /* while free */
        struct rv_http_transfer *transfer;
        char *path;                /* for which CURLOPT_URL is set */
        char *content_type;        /* the whole header line; NULL: none */
        struct curl_slist headers; /* that line, then the target's */
        char *body;
        size_t body_bytes, body_size, body_bytes_max;
        bool is_too_large, is_oom;
        char error[CURL_ERROR_SIZE];
};

struct rv_http_target {
        unsigned refs;
        struct rv_http_client *client; /* the first that sent to it; NULL: none yet */
        struct rv_http_target *prev, *next;

        char *url;
        char *host; /* "host:port", for messages: the rest of a URL may be secret */
        struct curl_slist *headers;
        char *ca_file, *cert_file;
        char *key;
        int64_t timeout_usec;

        struct slot *free_slots;
        size_t n_slots;
        struct rv_http_transfer *live;    /* queued and under way, by deadline */
        struct rv_http_transfer *waiting; /* the queued, first come first served */
};

/* A slot that is free, or a new one while there are fewer than the cap. -EAGAIN: none. */
int target_take_slot(struct rv_http_target *target, struct slot **ret);
void target_give_slot(struct rv_http_target *target, struct slot *slot);
void target_drop_slots(struct rv_http_target *target); /* the free ones */
int slot_prepare(struct slot *slot, struct rv_http_target *target, struct rv_http_transfer *transfer);

/* -- requests -- */

struct rv_http_transfer {
        struct rv_http_target *target;
        struct slot *slot; /* NULL: queued */
        struct rv_http_transfer *live_prev, *live_next, *wait_prev, *wait_next;
        rv_http_callback callback;
        void *userdata;
        int64_t sent_usec;
        size_t response_bytes_max;
        const char *path;
        const char *content_type; /* NULL: none */
        const char *body;         /* NULL: none */
        const char *method;       /* NULL: GET, or with a body POST */
        size_t body_bytes;
        char text[]; /* that these point into */
};

/* -- the client -- */

/* A socket that curl uses. The event source of a connection is kept from request to request. */
struct watch {
        struct rv_http_client *client;
        struct watch *prev, *next;
        int fd;
        bool is_connection; /* curl tells when it closes it */
        bool is_idle;       /* kept, and curl asks for nothing */
        sd_event_source *source;
};

struct rv_http_client {
        sd_event *event;
        CURLM *multi;
        char *user_agent;
        bool has_proxy; /* in the environment */

        struct watch *watches;
        sd_event_source *kick;  /* curl wants to run at once */
        sd_event_source *timer; /* curl wants to run later; may come early */
        int64_t curl_due_usec;  /* RV_USEC_INFINITY: never */
        int64_t timer_usec;     /* what the timer is set to */

        sd_event_source *deadlines; /* of requests; may come early */
        int64_t deadlines_usec;

        struct rv_http_target *targets; /* that were ever sent to and live */
        size_t n_live, n_waiting;
};

int client_loop_init(struct rv_http_client *client);
void client_loop_done(struct rv_http_client *client); /* after all easy handles are removed; ends the multi handle */
void client_loop_prepare_easy(struct rv_http_client *client, CURL *easy);

void client_loop_kick(struct rv_http_client *client); /* to start waiting requests, and run curl */

/* Called by the loop: start who waits where there is room; a request is done. */
void client_start_waiting(struct rv_http_client *client);
void client_finish(struct rv_http_client *client, CURL *easy, CURLcode code);
