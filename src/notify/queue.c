#include "notify/queue.h"

#include "notify/undeliverable.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/json.h"
#include "revertd/log.h"

#include <errno.h>
#include <string.h>

#define PACE_USEC (1 * RV_USEC_PER_SEC)        /* between two messages to one channel */
#define STORE_RETRY_USEC (5 * RV_USEC_PER_SEC) /* when the store does not work */
#define DELAY_MIN_USEC (1 * RV_USEC_PER_SEC)
#define DELAY_MAX_USEC (5 * RV_USEC_PER_MINUTE)
#define ASKED_MAX_USEC (1 * RV_USEC_PER_HOUR)
#define GIVE_UP_USEC (24 * RV_USEC_PER_HOUR)

/* -- Beginning and end -- */

int queue_init(struct queue *queue, const char *receiver, struct rv_store *store, struct rv_error *err) {
        size_t given_up = 0;
        *queue = (struct queue){.receiver = receiver, .store = store};
        if (asprintf(&queue->prefix, "%s/", receiver) < 0) {
                queue->prefix = NULL;
                return rv_error_oom(err);
        }
        int r = rv_store_count(store, RV_RECORD_UNDELIVERABLE, queue->prefix, &given_up, err);
        if (r == 0)
                r = rv_store_count(store, RV_RECORD_OUTBOX, queue->prefix, &queue->metrics.queued, err);
        queue->metrics.undeliverable = given_up;
        return r;
}

void queue_done(struct queue *queue) {
        rv_record_done(&queue->notice);
        rv_batch_done(&queue->batch);
        free(queue->error);
        free(queue->prefix);
}

/* -- When -- */

int64_t queue_due_usec(const struct queue *queue) {
        if (queue->stage == QUEUE_IDLE || queue->stage == QUEUE_SENDING)
                return RV_USEC_INFINITY;
        if (queue->stage == QUEUE_READY && queue->not_before_usec > queue->store_not_before_usec)
                return queue->not_before_usec;
        return queue->store_not_before_usec;
}

static void count(struct queue *queue) {
        struct rv_error err = {0};
        if (rv_store_count(queue->store, RV_RECORD_OUTBOX, queue->prefix, &queue->metrics.queued, &err) < 0)
                rv_log(RV_LOG_WARN, RV_EV_NOTICE_FAILED, "the outbox could not be counted", "receiver", queue->receiver,
                       "error", err.text, NULL);
}

void queue_wake(struct queue *queue) {
        count(queue);
        if (queue->stage == QUEUE_IDLE)
                queue->stage = QUEUE_READY;
}

static void wait_for_store(struct queue *queue, const struct queue_time *now, const struct rv_error *err) {
        rv_log(RV_LOG_WARN, RV_EV_NOTICE_FAILED, "notices wait for the store", "receiver", queue->receiver, "error",
               err->text, NULL);
        queue->store_not_before_usec = now->steady_usec + STORE_RETRY_USEC;
}

/* How long to wait after so many failures in a row; asked_usec: what the receiver asked for. */
static int64_t delay_usec(unsigned failures, int64_t asked_usec) {
        int64_t delay_usec = DELAY_MIN_USEC;
        for (; failures > 1 && delay_usec < DELAY_MAX_USEC; failures--)
                delay_usec *= 2;
        if (delay_usec > DELAY_MAX_USEC)
                delay_usec = DELAY_MAX_USEC;
        if (asked_usec > ASKED_MAX_USEC)
                asked_usec = ASKED_MAX_USEC;
        return asked_usec > delay_usec ? asked_usec : delay_usec;
}

/* Whether the notice has had its chance: it has waited for long enough by the wall clock, and by a clock that nobody
 * sets the receiver has failed for as long. One that is from a far future waits for no clock to get there. */
static bool has_had_its_chance(const struct queue *queue, const struct queue_time *now) {
        int64_t queued_usec = rv_json_int(queue->notice.value, "queued_usec", 0);
        bool is_old = now->wall_usec - queued_usec >= GIVE_UP_USEC || queued_usec - now->wall_usec >= GIVE_UP_USEC;
        return is_old && now->steady_usec - queue->failing_usec >= GIVE_UP_USEC;
}

/* -- What became of it -- */

static int give_up(struct queue *queue, const struct queue_time *now, struct rv_error *err) {
        const char *error = queue->error ? queue->error : "unknown";
        int r = undeliverable_put(&queue->batch, queue->store, &queue->notice, error, now->wall_usec, err);
        if (r < 0) {
                rv_batch_done(&queue->batch);
                return r;
        }
        queue->metrics.undeliverable++;
        rv_log(RV_LOG_ERROR, RV_EV_NOTICE_FAILED, "a notice is undeliverable", "receiver", queue->receiver, "notice",
               queue->notice.key, "error", error, NULL);
        return 0;
}

/* Tells the store, step by step: where one fails, the next try goes on. */
static void settle(struct queue *queue, const struct queue_time *now) {
        struct rv_error err = {0};
        int r = 0;
        if (queue->stage == QUEUE_SENT && rv_batch_delete(&queue->batch, RV_RECORD_OUTBOX, queue->notice.key) < 0)
                r = rv_error_oom(&err);
        else if (queue->stage == QUEUE_GIVEN_UP)
                r = give_up(queue, now, &err);
        if (r == 0) {
                queue->stage = QUEUE_SETTLED;
                r = rv_store_commit(queue->store, &queue->batch, &err);
        }
        if (r < 0) {
                wait_for_store(queue, now, &err);
                return;
        }
        rv_batch_done(&queue->batch);
        rv_record_done(&queue->notice);
        queue->stage = QUEUE_READY;
        count(queue);
}

/* Only shown: without memory for it nothing is lost. */
static void keep_error(struct queue *queue, const char *error) {
        free(queue->error);
        queue->metrics.error = queue->error = error ? strdup(error) : NULL;
}

static void note_end(struct queue *queue, enum queue_stage stage, const struct queue_time *now) {
        queue->failures = 0;
        queue->failing_usec = 0;
        queue->not_before_usec = now->steady_usec + PACE_USEC;
        queue->stage = stage;
}

static void note_failure(struct queue *queue, const struct send_result *result, const struct queue_time *now) {
        queue->failures++;
        if (queue->failing_usec == 0)
                queue->failing_usec = now->steady_usec;
        queue->not_before_usec = now->steady_usec + delay_usec(queue->failures, result->retry_after_usec);
        rv_log(queue->failures == 1 ? RV_LOG_WARN : RV_LOG_DEBUG, RV_EV_NOTICE_FAILED,
               "a notice could not be delivered, it is tried again", "receiver", queue->receiver, "notice",
               queue->notice.key, "error", result->error, NULL);
        queue->stage = has_had_its_chance(queue, now) ? QUEUE_GIVEN_UP : QUEUE_READY;
}

void queue_answer(struct queue *queue, const struct send_result *result, const struct queue_time *now) {
        keep_error(queue, result->error);
        queue->metrics.sent += result->outcome == SEND_DONE;
        queue->metrics.failed += result->outcome != SEND_DONE;
        switch (result->outcome) {
        case SEND_DONE:
                queue->batch = *result->batch;
                *result->batch = (struct rv_batch){0};
                if (queue->failures > 0)
                        rv_log(RV_LOG_INFO, RV_EV_NONE, "notices are delivered again", "receiver", queue->receiver,
                               NULL);
                note_end(queue, QUEUE_SENT, now);
                break;
        case SEND_PERMANENT:
                note_end(queue, QUEUE_GIVEN_UP, now);
                break;
        case SEND_RETRY:
                note_failure(queue, result, now);
                break;
        }
        if (queue->stage != QUEUE_READY)
                settle(queue, now);
}

/* -- What is next -- */

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
        struct rv_record next = {0};
        int r = rv_store_list(queue->store, RV_RECORD_OUTBOX, queue->prefix, false, 1, take_record, &next, err);
        if (r < 0)
                return r;
        if (!next.key)
                return -ENOENT;
        const char *slash = strrchr(next.key, '/');
        _cleanup_free_ char *incident = strndup(next.key, (size_t)(slash - next.key) + 1);
        size_t n = 0;
        r = incident ? rv_store_count(queue->store, RV_RECORD_OUTBOX, incident, &n, err) : rv_error_oom(err);
        if (r == 0 && n > 1)
                r = rv_store_list(queue->store, RV_RECORD_OUTBOX, incident, false, 0, take_record, &next, err);
        if (r < 0) {
                rv_record_done(&next);
                return r;
        }
        *ret = next;
        return 0;
}

const struct rv_record *queue_next(struct queue *queue, const struct queue_time *now) {
        struct rv_error err = {0};
        if (queue_due_usec(queue) > now->steady_usec)
                return NULL;
        if (queue->stage != QUEUE_READY)
                settle(queue, now);
        if (queue->stage != QUEUE_READY || queue_due_usec(queue) > now->steady_usec)
                return NULL;
        int r = queue->notice.key ? 0 : find_next(queue, &queue->notice, &err);
        if (r == 0)
                queue->stage = QUEUE_SENDING;
        else if (r == -ENOENT)
                queue->stage = QUEUE_IDLE;
        else
                wait_for_store(queue, now, &err);
        return r == 0 ? &queue->notice : NULL;
}
