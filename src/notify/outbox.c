/* One queue a receiver, in the store: the oldest notice is taken, sent, and deleted when it has arrived. Nothing of it
 * is only in memory but the delays, so a restart goes on where it was; what was sent but not yet deleted then is sent
 * again. */
#include "revertd/outbox.h"

#include "notify/outbox.h"
#include "notify/sender.h"
#include "notify/undeliverable.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/json.h"
#include "revertd/log.h"

#include <errno.h>
#include <string.h>

enum { TIMER_ACCURACY_USEC = 1000 };
#define PACE_USEC (1 * RV_USEC_PER_SEC)        /* between two messages to one channel */
#define STORE_RETRY_USEC (5 * RV_USEC_PER_SEC) /* when the store does not work */

struct queue {
        struct rv_outbox *outbox;
        const char *name; /* of the receiver; the configuration's */
        char *prefix;     /* of its keys */
        struct slack *slack;
        sd_event_source *timer;
        struct rv_record notice; /* under way; key NULL: none */
        struct rv_batch settled; /* has been sent or given up, but the store does not know yet */
        unsigned failures;       /* in a row */
        int64_t failing_usec;    /* when the first of them was; 0: not failing */
        int64_t not_before_usec;
        char *error; /* as metrics.error */
        struct rv_outbox_metrics metrics;
};

struct rv_outbox {
        struct rv_config *config;
        sd_event *event;
        struct rv_store *store;
        bool swept; /* notices for receivers that are gone were looked for */
        size_t n;
        struct queue queue[];
};

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);
static void on_sent(const struct send_result *result, void *userdata);

/* -- Beginning and end -- */

static int queue_init(struct queue *queue, struct rv_outbox *outbox, size_t receiver, struct rv_http_client *client,
                      struct rv_error *err) {
        const struct rv_receiver_config *config = &outbox->config->receivers[receiver];
        queue->outbox = outbox;
        queue->name = config->name;
        if (asprintf(&queue->prefix, "%s/", config->name) < 0) {
                queue->prefix = NULL;
                return rv_error_oom(err);
        }
        size_t given_up = 0;
        int r = slack_new(&queue->slack, outbox->config, receiver, client, outbox->store, on_sent, queue, err);
        if (r == 0)
                r = rv_store_count(outbox->store, RV_RECORD_UNDELIVERABLE, queue->prefix, &given_up, err);
        if (r == 0)
                r = rv_store_count(outbox->store, RV_RECORD_OUTBOX, queue->prefix, &queue->metrics.queued, err);
        queue->metrics.undeliverable = given_up;
        return r < 0 ? rv_error_prefix(err, r, "receiver %s", config->name) : 0;
}

int rv_outbox_new(struct rv_outbox **ret, struct rv_config *config, sd_event *event, struct rv_http_client *client,
                  struct rv_store *store, struct rv_error *err) {
        struct rv_outbox *outbox = calloc(1, sizeof(*outbox) + config->n_receivers * sizeof(struct queue));
        if (!outbox)
                return rv_error_oom(err);
        outbox->config = rv_config_ref(config);
        outbox->event = sd_event_ref(event);
        outbox->store = store;
        for (size_t i = 0; i < config->n_receivers; i++) {
                outbox->n++;
                int r = queue_init(&outbox->queue[i], outbox, i, client, err);
                if (r < 0) {
                        rv_outbox_free(outbox);
                        return r;
                }
        }
        *ret = outbox;
        return 0;
}

static void queue_done(struct queue *queue) {
        slack_free(queue->slack);
        sd_event_source_disable_unref(queue->timer);
        rv_record_done(&queue->notice);
        rv_batch_done(&queue->settled);
        free(queue->error);
        free(queue->prefix);
}

struct rv_outbox *rv_outbox_free(struct rv_outbox *outbox) {
        if (!outbox)
                return NULL;
        for (size_t i = 0; i < outbox->n; i++)
                queue_done(&outbox->queue[i]);
        sd_event_unref(outbox->event);
        rv_config_unref(outbox->config);
        free(outbox);
        return NULL;
}

const struct rv_outbox_metrics *rv_outbox_get_metrics(const struct rv_outbox *outbox, size_t receiver) {
        return &outbox->queue[receiver].metrics;
}

/* -- When -- */

static int64_t now_steady_usec(struct rv_outbox *outbox) {
        uint64_t usec = 0;
        (void)sd_event_now(outbox->event, CLOCK_BOOTTIME, &usec);
        return (int64_t)usec;
}

static void arm(struct queue *queue) {
        int64_t now_usec = now_steady_usec(queue->outbox);
        uint64_t at_usec = (uint64_t)(queue->not_before_usec > now_usec ? queue->not_before_usec : now_usec);
        int r;
        if (!queue->timer) {
                r = sd_event_add_time(queue->outbox->event, &queue->timer, CLOCK_BOOTTIME, at_usec, TIMER_ACCURACY_USEC,
                                      on_timer, queue);
        } else {
                r = sd_event_source_set_time(queue->timer, at_usec);
                if (r >= 0)
                        r = sd_event_source_set_enabled(queue->timer, SD_EVENT_ONESHOT);
        }
        if (r < 0)
                rv_log(RV_LOG_ERROR, RV_EV_NOTICE_FAILED, "no timer for notices", "receiver", queue->name, "error",
                       strerror(-r), NULL);
}

static void wait_for_store(struct queue *queue, const struct rv_error *err) {
        rv_log(RV_LOG_WARN, RV_EV_NOTICE_FAILED, "notices wait for the store", "receiver", queue->name, "error",
               err->text, NULL);
        queue->not_before_usec = now_steady_usec(queue->outbox) + STORE_RETRY_USEC;
        arm(queue);
}

/* -- What -- */

static int take_record(const struct rv_record *record, void *userdata) {
        struct rv_record *taken = userdata;
        if (taken->key && strcmp(taken->key, record->key) <= 0)
                return 0;
        char *key = strdup(record->key);
        if (!key)
                return -ENOMEM;
        rv_record_done(taken);
        *taken = *record;
        taken->key = key;
        json_incref(taken->value);
        return 0;
}

/* The oldest, but of its incident the first: the clock may have been set back between two transitions. -ENOENT: there
 * is none. */
static int find_next(struct queue *queue, struct rv_record *ret, struct rv_error *err) {
        struct rv_store *store = queue->outbox->store;
        struct rv_record next = {0};
        int r = rv_store_list(store, RV_RECORD_OUTBOX, queue->prefix, false, 1, take_record, &next, err);
        if (r < 0)
                return r;
        if (!next.key)
                return -ENOENT;
        const char *slash = strrchr(next.key, '/');
        _cleanup_free_ char *incident = strndup(next.key, (size_t)(slash - next.key) + 1);
        r = incident ? rv_store_list(store, RV_RECORD_OUTBOX, incident, false, 0, take_record, &next, err)
                     : rv_error_oom(err);
        if (r < 0) {
                rv_record_done(&next);
                return r;
        }
        *ret = next;
        return 0;
}

/* Tells the store what has been settled. Until it knows, nothing else is sent: the same notice would go out again. */
static bool settle(struct queue *queue) {
        struct rv_error err = {0};
        struct rv_store *store = queue->outbox->store;
        int r = rv_store_commit(store, &queue->settled, &err);
        if (r == 0)
                r = rv_store_count(store, RV_RECORD_OUTBOX, queue->prefix, &queue->metrics.queued, &err);
        if (r < 0) {
                wait_for_store(queue, &err);
                return false;
        }
        rv_batch_done(&queue->settled);
        return true;
}

static void give_up(struct queue *queue, const char *error) {
        struct rv_error err = {0};
        int r = undeliverable_put(&queue->settled, queue->outbox->store, &queue->notice, error, &err);
        if (r < 0) {
                rv_batch_done(&queue->settled);
                wait_for_store(queue, &err);
                return;
        }
        queue->metrics.undeliverable++;
        rv_log(RV_LOG_ERROR, RV_EV_NOTICE_FAILED, "a notice is undeliverable", "receiver", queue->name, "notice",
               queue->notice.key, "error", error, NULL);
}

/* Only shown: without memory for it nothing is lost. */
static void keep_error(struct queue *queue, const char *error) {
        free(queue->error);
        queue->metrics.error = queue->error = error ? strdup(error) : NULL;
}

static void note_failure(struct queue *queue, const char *error, int64_t asked_usec) {
        int64_t now_usec = now_steady_usec(queue->outbox);
        queue->metrics.failed++;
        queue->failures++;
        if (queue->failing_usec == 0)
                queue->failing_usec = now_usec;
        queue->not_before_usec = now_usec + outbox_delay_usec(queue->failures, asked_usec);
        rv_log(queue->failures == 1 ? RV_LOG_WARN : RV_LOG_DEBUG, RV_EV_NOTICE_FAILED,
               "a notice could not be delivered, it is tried again", "receiver", queue->name, "notice",
               queue->notice.key, "error", error, NULL);
        if (outbox_gives_up(rv_json_int(queue->notice.value, "queued_usec", 0), rv_clock_realtime_usec(),
                            now_usec - queue->failing_usec))
                give_up(queue, error);
}

static void note_permanent(struct queue *queue, const char *error) {
        queue->metrics.failed++;
        queue->failures = 0;
        queue->failing_usec = 0;
        queue->not_before_usec = now_steady_usec(queue->outbox) + PACE_USEC;
        give_up(queue, error);
}

static void note_done(struct queue *queue, struct rv_batch *batch) {
        queue->metrics.sent++;
        queue->failures = 0;
        queue->failing_usec = 0;
        queue->not_before_usec = now_steady_usec(queue->outbox) + PACE_USEC;
        queue->settled = *batch;
        *batch = (struct rv_batch){0};
        struct rv_error err = {0};
        if (rv_batch_delete(&queue->settled, RV_RECORD_OUTBOX, queue->notice.key) < 0) {
                rv_batch_done(&queue->settled);
                rv_error_oom(&err);
                wait_for_store(queue, &err);
        }
}

static void note_result(struct queue *queue, const struct send_result *result) {
        keep_error(queue, result->outcome == SEND_DONE ? NULL : result->error);
        switch (result->outcome) {
        case SEND_DONE:
                note_done(queue, result->batch);
                break;
        case SEND_RETRY:
                note_failure(queue, result->error, result->retry_after_usec);
                break;
        case SEND_PERMANENT:
                note_permanent(queue, result->error);
                break;
        }
        rv_record_done(&queue->notice);
        if (settle(queue))
                arm(queue);
}

static void on_sent(const struct send_result *result, void *userdata) {
        note_result(userdata, result);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct queue *queue = userdata;
        struct rv_error err = {0};
        (void)source, (void)usec;
        if (queue->notice.key || !settle(queue))
                return 0;
        int r = find_next(queue, &queue->notice, &err);
        if (r < 0) {
                if (r != -ENOENT)
                        wait_for_store(queue, &err);
                return 0;
        }
        r = slack_send(queue->slack, &queue->notice, &err);
        if (r < 0)
                note_result(queue, &(struct send_result){.outcome = r == -EINVAL ? SEND_PERMANENT : SEND_RETRY,
                                                         .error = err.text});
        return 0;
}

/* -- Notices for receivers that the configuration no longer has -- */

static bool has_receiver(const struct rv_outbox *outbox, const char *key) {
        for (size_t i = 0; i < outbox->n; i++)
                if (strncmp(key, outbox->queue[i].prefix, strlen(outbox->queue[i].prefix)) == 0)
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
        int r = undeliverable_put(&batch, outbox->store, record, why, &err);
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
                struct rv_error err = {0};
                struct queue *queue = &outbox->queue[i];
                if (rv_store_count(outbox->store, RV_RECORD_OUTBOX, queue->prefix, &queue->metrics.queued, &err) < 0)
                        rv_log(RV_LOG_WARN, RV_EV_NOTICE_FAILED, "the outbox could not be counted", "error", err.text,
                               NULL);
                if (!queue->notice.key)
                        arm(queue);
        }
}
