/* What the outbox wants of a kind of receiver: take a notice to it, and say how that went. */
#pragma once

#include "revertd/config.h"
#include "revertd/http_client.h"
#include "revertd/store.h"

enum send_outcome {
        SEND_DONE,
        SEND_RETRY,     /* later it may go */
        SEND_PERMANENT, /* never, or not as this notice is */
};

struct send_result {
        enum send_outcome outcome;
        const char *error;        /* for people; NULL when done. Lent */
        int64_t retry_after_usec; /* how long the receiver asks to be left alone; 0: it did not */
        struct rv_batch *batch;   /* done: what to keep together with the notice's deletion; may be added to */
};

typedef void (*send_callback)(const struct send_result *result, void *userdata);

/* -- Slack: an incoming webhook, or a bot that keeps its message up to date and goes on in the thread -- */

struct slack;

/* Keeps config; secrets are read here. callback comes from the loop, once for each slack_send(). */
int slack_new(struct slack **ret, struct rv_config *config, size_t receiver, struct rv_http_client *client,
              struct rv_store *store, send_callback callback, void *userdata, struct rv_error *err) RV_MUST_CHECK;
struct slack *slack_free(struct slack *slack); /* drops what is under way, without a callback */

/* One notice at a time. Negative: it could not be begun. */
int slack_send(struct slack *slack, const struct rv_record *notice, struct rv_error *err) RV_MUST_CHECK;
