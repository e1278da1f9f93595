/* The queues on the loop: a timer wakes each when it is due, what it gives out goes to Slack, and the answer back into
 * it. */
#include "revertd/outbox.h"

#include "notify/queue.h"
#include "notify/sender.h"
#include "notify/undeliverable.h"
#include "revertd/clock.h"
#include "revertd/log.h"

#include <errno.h>
#include <string.h>

enum { TIMER_ACCURACY_USEC = 1000 };

struct receiver {
        struct rv_outbox *outbox;
        struct queue queue;
        struct slack *slack;
        sd_event_source *timer;
};

struct rv_outbox {
        struct rv_config *config;
        sd_event *event;
        struct rv_store *store;
        bool swept; /* notices for receivers that are gone were looked for */
        size_t n;
        struct receiver receiver[];
};

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);
static void on_sent(const struct send_result *result, void *userdata);

/* -- Beginning and end -- */

static int receiver_init(struct receiver *receiver, struct rv_outbox *outbox, size_t index,
                         struct rv_http_client *client, struct rv_error *err) {
        const char *name = outbox->config->receivers[index].name;
        receiver->outbox = outbox;
        int r = queue_init(&receiver->queue, name, outbox->store, err);
        if (r == 0)
                r = slack_new(&receiver->slack, outbox->config, index, client, outbox->store, on_sent, receiver, err);
        return r < 0 ? rv_error_prefix(err, r, "receiver %s", name) : 0;
}

int rv_outbox_new(struct rv_outbox **ret, struct rv_config *config, sd_event *event, struct rv_http_client *client,
                  struct rv_store *store, struct rv_error *err) {
        struct rv_outbox *outbox = calloc(1, sizeof(*outbox) + config->n_receivers * sizeof(struct receiver));
        if (!outbox)
                return rv_error_oom(err);
        outbox->config = rv_config_ref(config);
        outbox->event = sd_event_ref(event);
        outbox->store = store;
        for (size_t i = 0; i < config->n_receivers; i++) {
                outbox->n++;
                int r = receiver_init(&outbox->receiver[i], outbox, i, client, err);
                if (r < 0) {
                        rv_outbox_free(outbox);
                        return r;
                }
        }
        *ret = outbox;
        return 0;
}

struct rv_outbox *rv_outbox_free(struct rv_outbox *outbox) {
        if (!outbox)
                return NULL;
        for (size_t i = 0; i < outbox->n; i++) {
                slack_free(outbox->receiver[i].slack);
                sd_event_source_disable_unref(outbox->receiver[i].timer);
                queue_done(&outbox->receiver[i].queue);
        }
        sd_event_unref(outbox->event);
        rv_config_unref(outbox->config);
        free(outbox);
        return NULL;
}

const struct rv_outbox_metrics *rv_outbox_get_metrics(const struct rv_outbox *outbox, size_t receiver) {
        return &outbox->receiver[receiver].queue.metrics;
}

/* -- Sending -- */

static struct queue_time now(struct rv_outbox *outbox) {
        uint64_t usec = 0;
        (void)sd_event_now(outbox->event, CLOCK_BOOTTIME, &usec);
        return (struct queue_time){.steady_usec = (int64_t)usec, .wall_usec = rv_clock_realtime_usec()};
}

static void arm(struct receiver *receiver) {
        int64_t due_usec = queue_due_usec(&receiver->queue);
        uint64_t at_usec = (uint64_t)due_usec;
        int r;
        if (due_usec == RV_USEC_INFINITY)
                return;
        if (!receiver->timer) {
                r = sd_event_add_time(receiver->outbox->event, &receiver->timer, CLOCK_BOOTTIME, at_usec,
                                      TIMER_ACCURACY_USEC, on_timer, receiver);
        } else {
                r = sd_event_source_set_time(receiver->timer, at_usec);
                if (r >= 0)
                        r = sd_event_source_set_enabled(receiver->timer, SD_EVENT_ONESHOT);
        }
        if (r < 0)
                rv_log(RV_LOG_ERROR, RV_EV_NOTICE_FAILED, "no timer for notices", "receiver", receiver->queue.receiver,
                       "error", strerror(-r), NULL);
}

static void on_sent(const struct send_result *result, void *userdata) {
        struct receiver *receiver = userdata;
        struct queue_time time = now(receiver->outbox);
        queue_answer(&receiver->queue, result, &time);
        arm(receiver);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct receiver *receiver = userdata;
        struct rv_error err = {0};
        struct queue_time time = now(receiver->outbox);
        (void)source, (void)usec;
        const struct rv_record *notice = queue_next(&receiver->queue, &time);
        int r = notice ? slack_send(receiver->slack, notice, &err) : 0;
        if (r < 0)
                on_sent(&(struct send_result){.outcome = r == -EINVAL ? SEND_PERMANENT : SEND_RETRY, .error = err.text},
                        receiver);
        else
                arm(receiver);
        return 0;
}

/* -- Notices for receivers that the configuration no longer has -- */

static bool has_receiver(const struct rv_outbox *outbox, const char *key) {
        for (size_t i = 0; i < outbox->n; i++)
                if (strncmp(key, outbox->receiver[i].queue.prefix, strlen(outbox->receiver[i].queue.prefix)) == 0)
                        return true;
        return false;
}

static int sweep_one(const struct rv_record *record, void *userdata) {
        static const char why[] = "its receiver is no longer configured";
        struct rv_outbox *outbox = userdata;
        struct rv_error err = {0};
        struct rv_batch batch = {0};
        if (has_receiver(outbox, record->key))
                return 0;
        int r = undeliverable_put(&batch, outbox->store, record, why, rv_clock_realtime_usec(), &err);
        if (r == 0)
                r = rv_store_commit(outbox->store, &batch, &err);
        rv_batch_done(&batch);
        rv_log(RV_LOG_ERROR, RV_EV_NOTICE_FAILED, "a notice is undeliverable", "notice", record->key, "error",
               r < 0 ? err.text : why, NULL);
        return r;
}

static void sweep_once(struct rv_outbox *outbox) {
        struct rv_error err = {0};
        if (outbox->swept)
                return;
        int r = rv_store_list(outbox->store, RV_RECORD_OUTBOX, "", false, 0, sweep_one, outbox, &err);
        if (r < 0 && err.text[0])
                rv_log(RV_LOG_WARN, RV_EV_NOTICE_FAILED, "the outbox could not be looked through", "error", err.text,
                       NULL);
        outbox->swept = r == 0;
}

void rv_outbox_wake(struct rv_outbox *outbox) {
        sweep_once(outbox);
        for (size_t i = 0; i < outbox->n; i++) {
                queue_wake(&outbox->receiver[i].queue);
                arm(&outbox->receiver[i]);
        }
}
