/* Delivery of notices: reads the outbox from the store, renders, sends, retries with backoff, and deletes what was
 * delivered or is shown as undeliverable. One queue a receiver, in order; a receiver that fails holds up only itself. */
#pragma once

#include "revertd/config.h"
#include "revertd/http_client.h"
#include "revertd/store.h"

enum { RV_UNDELIVERABLE_MAX = 100 }; /* notices given up that are kept for display, for each receiver; newest first */

struct rv_outbox;

/* Reads the receivers' secrets; sends nothing before the first wake. */
int rv_outbox_new(struct rv_outbox **ret, struct rv_config *config, sd_event *event, struct rv_http_client *client,
                  struct rv_store *store, struct rv_error *err) RV_MUST_CHECK;
struct rv_outbox *rv_outbox_free(struct rv_outbox *outbox);

/* Something may have been put into the outbox. */
void rv_outbox_wake(struct rv_outbox *outbox);

struct rv_outbox_metrics {
        uint64_t sent, failed, undeliverable; /* attempts that succeeded or failed; notices given up, with those that
                                               * the store still held at the start */
        size_t queued;
        const char *error; /* of the newest attempt; NULL: it succeeded, or there was none. Lent until the next */
};
const struct rv_outbox_metrics *rv_outbox_get_metrics(const struct rv_outbox *outbox, size_t receiver);

/* What a Slack message for this notice holds: {"text": …, "blocks": […]}; exposed for tests and for the demo. */
json_t *rv_slack_render(const json_t *notice, bool is_thread_reply, const char *external_url);
