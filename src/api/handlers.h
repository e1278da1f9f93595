/* What the route handlers share. */
#pragma once

#include "revertd/api.h"

enum {
        RV_API_BODY_BYTES_MAX = 64 << 10, /* of our own API; webhooks have the server's own, larger limit */
        RV_API_VALUES_MAX = 2000,         /* JSON values in such a body */
        RV_API_TEXT_BYTES_MAX = 1024,     /* a note, a name, a revision, a path */
        RV_API_LIST_MAX = 64,             /* revisions or paths */
};

#define RV_API_WEBHOOKS_PATH "/webhooks/"
#define RV_API_EVENTS_PATH RV_API_WEBHOOKS_PATH "event/"

typedef void rv_api_handler(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata);
rv_api_handler rv_api_landing, rv_api_metrics, rv_api_healthy, rv_api_ready, rv_api_reload, rv_api_alerts,
        rv_api_events, rv_api_status, rv_api_rules, rv_api_incidents, rv_api_incident, rv_api_pauses, rv_api_reverts,
        rv_api_restores, rv_api_explain, rv_api_explained;

/* -- signatures.c -- */

/* Of the webhook at the path; NULL: it is not signed. */
const struct rv_http_signature *rv_api_signature(const char *path, void *userdata);

/* -- reply.c -- */

void rv_api_reply_json(struct rv_http_answer *answer, int status, json_t *take);
void rv_api_reply_error(struct rv_http_answer *answer, int status, const char *fmt, ...) RV_PRINTF(3, 4);
void rv_api_reply_text(struct rv_http_answer *answer, int status, const char *text);
/* 503 with Retry-After. */
void rv_api_reply_unavailable(struct rv_http_answer *answer, const char *why);
void rv_api_reply_method(struct rv_http_answer *answer, const char *allow);

/* false: answered already. */
bool rv_api_submit(struct rv_api_context *context, const struct rv_event *event, struct rv_api_outcome *ret,
                   struct rv_http_answer *answer);

/* -- request.c -- */

enum rv_api_type { RV_API_STRING, RV_API_BOOL, RV_API_STRINGS, RV_API_LABELS };
struct rv_api_field {
        const char *name;
        enum rv_api_type type;
        bool is_required;
};

/* The body as an object with no members but the fields, each of its type; an empty body is an object without members.
 * NULL: answered already. New reference. */
json_t *rv_api_body(const struct rv_http_call *call, const struct rv_api_field *field, size_t n,
                    struct rv_http_answer *answer);
/* "application/json" or "application/…+json", with or without parameters. */
bool rv_api_is_json(const struct rv_http_call *call);
/* Whether a web page of another origin is behind the request: answered with 403 already. */
bool rv_api_is_foreign(const struct rv_api_context *context, const struct rv_http_call *call,
                       struct rv_http_answer *answer);
