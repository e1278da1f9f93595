/* HTTP requests on the event loop: curl's multi-socket interface on sd-event, connections kept and reused. No
 * redirects, no cookies, no proxies from the environment unless curl's own variables say so. A few requests to a target
 * are under way at once, the others wait their turn; each ends by the endpoint's timeout, waiting included. The program
 * ignores SIGPIPE. */
#pragma once

#include "revertd/config.h"

#include <systemd/sd-event.h>

struct rv_http_client;

int rv_http_client_new(struct rv_http_client **ret, sd_event *event, const char *user_agent) RV_MUST_CHECK;
/* Requests under way are dropped without their callback. */
struct rv_http_client *rv_http_client_free(struct rv_http_client *client);

/* Where to: the parts that stay the same from request to request. Secrets are read once, here. */
struct rv_http_target;
int rv_http_target_new(struct rv_http_target **ret, const struct rv_endpoint *endpoint,
                       const char *credentials_directory, struct rv_error *err) RV_MUST_CHECK;
struct rv_http_target *rv_http_target_unref(struct rv_http_target *target); /* requests under way keep it */

struct rv_http_response {
        int result;        /* 0: there is an answer; -ETIMEDOUT, -E2BIG, -EIO …: there is none */
        const char *error; /* for people, when result is not 0 */
        int status;
        const char *body; /* NUL-terminated; lent for the callback */
        size_t body_bytes;
        const char *content_type; /* NULL: none */
        int64_t retry_after_usec; /* 0: none */
        int64_t date_usec;        /* the server's clock, by its Date header; 0: none */
        int64_t duration_usec;
};
typedef void (*rv_http_callback)(const struct rv_http_response *response, void *userdata);

struct rv_http_request {
        const char *path;         /* appended to the target's URL; "" for none */
        const char *method;       /* NULL: GET, or with a body POST. A literal */
        const char *content_type; /* with a body */
        const char *body;         /* NULL: none. Copied */
        size_t body_bytes;
        size_t response_bytes_max;
};

/* The callback is called exactly once from the loop, never from within this call. -EBUSY: too many are waiting.
 * *ret_handle (if not NULL) cancels it, until the callback is called. A target belongs to the first client that it is
 * used with. */
struct rv_http_transfer;
int rv_http_send(struct rv_http_client *client, struct rv_http_target *target, const struct rv_http_request *request,
                 rv_http_callback callback, void *userdata, struct rv_http_transfer **ret_handle,
                 struct rv_error *err) RV_MUST_CHECK;
void rv_http_cancel(struct rv_http_transfer *transfer); /* no callback, of this or another, comes from within */
size_t rv_http_client_active(const struct rv_http_client *client);
