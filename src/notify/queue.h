/* The notices of one receiver: which is next, when, and what became of it. It stands on the store alone; the times are
 * the caller's, and so is the sending. Nothing of it is only in memory but the delays, so a restart goes on where it
 * was; what was sent but not yet deleted then is sent again. */
#pragma once

#include "notify/sender.h"
#include "revertd/outbox.h"

struct queue_time {
        int64_t steady_usec; /* of a clock that nobody sets */
        int64_t wall_usec;
};

enum queue_stage {
        QUEUE_IDLE, /* nothing is queued */
        QUEUE_READY,
        QUEUE_SENDING,
        QUEUE_SENT,     /* nothing else is sent until the store knows: the same notice would go out again */
        QUEUE_GIVEN_UP, /* the same */
        QUEUE_SETTLED,  /* the same; the batch has it all */
};

struct queue {
        const char *receiver; /* lent */
        char *prefix;         /* of its keys */
        struct rv_store *store;
        enum queue_stage stage;
        int64_t not_before_usec, store_not_before_usec; /* steady: to send; to ask the store again, which failed */
        struct rv_record notice; /* in hand until the store knows what became of it; key NULL: none */
        struct rv_batch batch;   /* what the store is told of it */
        unsigned failures;       /* in a row */
        int64_t failing_usec;    /* when the first of them was; 0: not failing */
        char *error;             /* as metrics.error */
        struct rv_outbox_metrics metrics;
};

/* Both are lent. After a failure too, done is to be called. */
int queue_init(struct queue *queue, const char *receiver, struct rv_store *store, struct rv_error *err) RV_MUST_CHECK;
void queue_done(struct queue *queue);

/* Something may have been put into it. */
void queue_wake(struct queue *queue);
/* When it wants queue_next(), in steady time. RV_USEC_INFINITY: not before it is woken, or has its answer. */
int64_t queue_due_usec(const struct queue *queue);
/* The notice to send now, lent until queue_answer(); NULL: none. */
const struct rv_record *queue_next(struct queue *queue, const struct queue_time *now);
/* How that went. Takes what the result's batch holds. */
void queue_answer(struct queue *queue, const struct send_result *result, const struct queue_time *now);
