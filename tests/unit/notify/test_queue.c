/* A receiver's queue under a clock of the test's own: what goes out, when, and what the store is told of it. */
#include "notify/queue.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/json.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after the above */
#include <cmocka.h>

#define AT INT64_C(1772359200000000)
#define ONE "7f3c000000000001"
#define TWO "7f3c000000000002"

struct fixture {
        char directory[64];
        struct rv_store *store;
        struct queue queue;
        struct queue_time now;
        struct rlimit limit;
};

static int setup(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));
        snprintf(f->directory, sizeof(f->directory), "/tmp/revertd-queue-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        assert_int_equal(rv_store_open(&f->store, f->directory, NULL), 0);
        assert_int_equal(queue_init(&f->queue, "deploys", f->store, NULL), 0);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &f->limit), 0);
        f->now = (struct queue_time){.steady_usec = 1000, .wall_usec = AT};
        *state = f;
        return 0;
}

static void store_works(struct fixture *f, bool works) {
        struct rlimit limit = {works ? f->limit.rlim_cur : 0, f->limit.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int teardown(void **state) {
        struct fixture *f = *state;
        char path[128];
        store_works(f, true);
        queue_done(&f->queue);
        rv_store_close(f->store);
        for (const char *const *name =
                     (const char *const[]){"revertd.db", "revertd.db-wal", "revertd.db-shm", "ballast", NULL};
             *name; name++) {
                snprintf(path, sizeof(path), "%s/%s", f->directory, *name);
                (void)unlink(path);
        }
        assert_int_equal(rmdir(f->directory), 0);
        free(f);
        return 0;
}

static void put(struct fixture *f, const char *incident, unsigned number, int64_t sort) {
        struct rv_batch batch = {0};
        char key[64];
        snprintf(key, sizeof(key), "deploys/%s/%06u", incident, number);
        assert_int_equal(rv_batch_put(&batch, RV_RECORD_OUTBOX, key, sort, 0,
                                      json_pack("{s:I}", "queued_usec", (json_int_t)f->now.wall_usec)),
                         0);
        assert_int_equal(rv_store_commit(f->store, &batch, NULL), 0);
        rv_batch_done(&batch);
        queue_wake(&f->queue);
}

static size_t count(struct fixture *f, enum rv_record_kind kind) {
        size_t n;
        assert_int_equal(rv_store_count(f->store, kind, "", &n, NULL), 0);
        return n;
}

static void pass(struct fixture *f, int64_t usec) {
        f->now.steady_usec += usec;
        f->now.wall_usec += usec;
}

static void expect_none(struct fixture *f) {
        assert_null(queue_next(&f->queue, &f->now));
}

static void expect_next(struct fixture *f, const char *key) {
        const struct rv_record *notice = queue_next(&f->queue, &f->now);
        assert_non_null(notice);
        assert_string_equal(notice->key, key);
        assert_true(queue_due_usec(&f->queue) == RV_USEC_INFINITY);
        expect_none(f); /* one at a time */
}

/* Passes the time until the next is due, and says how long that was. */
static int64_t until_due(struct fixture *f) {
        int64_t due_usec = queue_due_usec(&f->queue), waited_usec = due_usec - f->now.steady_usec;
        assert_true(due_usec < RV_USEC_INFINITY);
        if (waited_usec <= 0)
                return 0;
        pass(f, waited_usec - 1);
        expect_none(f);
        pass(f, 1);
        return waited_usec;
}

static void answer_done(struct fixture *f) {
        struct rv_batch batch = {0};
        assert_int_equal(rv_batch_put(&batch, RV_RECORD_THREAD, "deploys/thread", 0, -1, json_object()), 0);
        queue_answer(&f->queue, &(struct send_result){.outcome = SEND_DONE, .batch = &batch}, &f->now);
        assert_int_equal(batch.n, 0);
        rv_batch_done(&batch);
}

static void answer_failed(struct fixture *f, enum send_outcome outcome, int64_t retry_after_usec) {
        queue_answer(&f->queue,
                     &(struct send_result){.outcome = outcome, .error = "no", .retry_after_usec = retry_after_usec},
                     &f->now);
}

/* -- What is next -- */

static void test_delivers(void **state) {
        struct fixture *f = *state;
        assert_true(queue_due_usec(&f->queue) == RV_USEC_INFINITY);
        expect_none(f);
        put(f, ONE, 1, AT);
        put(f, TWO, 1, AT - 1);
        assert_int_equal(f->queue.metrics.queued, 2);
        assert_int_equal(until_due(f), 0);
        expect_next(f, "deploys/" TWO "/000001"); /* the older one */
        put(f, TWO, 2, AT);                       /* while it is under way */
        expect_none(f);
        answer_done(f);
        assert_int_equal(f->queue.metrics.queued, 2);
        assert_int_equal(count(f, RV_RECORD_THREAD), 1); /* kept with the deletion */
        assert_int_equal(until_due(f), RV_USEC_PER_SEC);
        expect_next(f, "deploys/" ONE "/000001");
        answer_done(f);
        until_due(f);
        expect_next(f, "deploys/" TWO "/000002");
        answer_done(f);
        assert_int_equal(until_due(f), RV_USEC_PER_SEC);
        expect_none(f);
        assert_true(queue_due_usec(&f->queue) == RV_USEC_INFINITY);
        assert_int_equal(count(f, RV_RECORD_OUTBOX), 0);
        assert_int_equal(f->queue.metrics.sent, 3);
}

/* Within an incident the number decides, for the clock may have been set back. */
static void test_order(void **state) {
        struct fixture *f = *state;
        put(f, ONE, 2, AT - RV_USEC_PER_HOUR);
        put(f, ONE, 3, AT - 2 * RV_USEC_PER_HOUR);
        put(f, ONE, 1, AT);
        put(f, TWO, 1, AT - RV_USEC_PER_HOUR);
        for (unsigned number = 1; number <= 3; number++) {
                char key[64];
                snprintf(key, sizeof(key), "deploys/" ONE "/%06u", number);
                until_due(f);
                expect_next(f, key);
                answer_done(f);
        }
        until_due(f);
        expect_next(f, "deploys/" TWO "/000001");
}

/* -- Failures -- */

static void test_backoff(void **state) {
        struct fixture *f = *state;
        put(f, ONE, 1, AT);
        for (int64_t delay_sec = 1; delay_sec <= 256; delay_sec *= 2) {
                expect_next(f, "deploys/" ONE "/000001");
                answer_failed(f, SEND_RETRY, 0);
                assert_int_equal(until_due(f), delay_sec * RV_USEC_PER_SEC);
        }
        for (int i = 0; i < 3; i++) {
                expect_next(f, "deploys/" ONE "/000001");
                answer_failed(f, SEND_RETRY, 0);
                assert_int_equal(until_due(f), 5 * RV_USEC_PER_MINUTE);
        }
        assert_string_equal(f->queue.metrics.error, "no");
        assert_int_equal(f->queue.metrics.failed, 12);
        expect_next(f, "deploys/" ONE "/000001");
        answer_done(f); /* and all is forgotten */
        assert_null(f->queue.metrics.error);
        put(f, ONE, 2, AT);
        assert_int_equal(until_due(f), RV_USEC_PER_SEC);
        expect_next(f, "deploys/" ONE "/000002");
        answer_failed(f, SEND_RETRY, 0);
        assert_int_equal(until_due(f), RV_USEC_PER_SEC);
}

static void test_retry_after(void **state) {
        struct fixture *f = *state;
        put(f, ONE, 1, AT);
        expect_next(f, "deploys/" ONE "/000001");
        answer_failed(f, SEND_RETRY, 30 * RV_USEC_PER_SEC);
        put(f, ONE, 2, AT); /* woken, it waits none the less */
        assert_int_equal(until_due(f), 30 * RV_USEC_PER_SEC);
        expect_next(f, "deploys/" ONE "/000001");
        answer_failed(f, SEND_RETRY, 1); /* less than our own delay */
        assert_int_equal(until_due(f), 2 * RV_USEC_PER_SEC);
        expect_next(f, "deploys/" ONE "/000001");
        answer_failed(f, SEND_RETRY, RV_USEC_INFINITY); /* more than anybody may ask for */
        assert_int_equal(until_due(f), RV_USEC_PER_HOUR);
}

static int expect_given_up(const struct rv_record *record, void *userdata) {
        struct fixture *f = userdata;
        assert_string_equal(rv_json_string(record->value, "error", ""), "no");
        assert_int_equal(rv_json_int(record->value, "given_up_usec", 0), f->now.wall_usec);
        assert_true(rv_json_int(record->value, "queued_usec", 0) > 0);
        return 0;
}

static void test_permanent(void **state) {
        struct fixture *f = *state;
        put(f, ONE, 1, AT);
        put(f, ONE, 2, AT);
        expect_next(f, "deploys/" ONE "/000001");
        answer_failed(f, SEND_PERMANENT, 0);
        assert_int_equal(f->queue.metrics.undeliverable, 1);
        assert_int_equal(rv_store_list(f->store, RV_RECORD_UNDELIVERABLE, "deploys/" ONE "/000001", false, 0,
                                       expect_given_up, f, NULL),
                         0);
        assert_int_equal(count(f, RV_RECORD_UNDELIVERABLE), 1);
        assert_int_equal(until_due(f), RV_USEC_PER_SEC);
        expect_next(f, "deploys/" ONE "/000002");
        queue_done(&f->queue);
        assert_int_equal(queue_init(&f->queue, "deploys", f->store, NULL), 0);
        assert_int_equal(f->queue.metrics.undeliverable, 1); /* still, after a restart */
}

/* Fails for so long; how many notices are left then. */
static size_t fail_for(struct fixture *f, int64_t usec) {
        int64_t until_usec = f->now.steady_usec + usec;
        while (f->now.steady_usec < until_usec && queue_next(&f->queue, &f->now)) {
                answer_failed(f, SEND_RETRY, 0);
                until_due(f);
        }
        return count(f, RV_RECORD_OUTBOX);
}

static void test_gives_up_after_a_day(void **state) {
        struct fixture *f = *state;
        put(f, ONE, 1, AT);
        assert_int_equal(fail_for(f, RV_USEC_PER_DAY - 10 * RV_USEC_PER_MINUTE), 1);
        put(f, ONE, 2, AT + RV_USEC_PER_DAY); /* has not waited yet */
        assert_int_equal(fail_for(f, 20 * RV_USEC_PER_MINUTE), 1);
        assert_int_equal(count(f, RV_RECORD_UNDELIVERABLE), 1);
        assert_int_equal(fail_for(f, RV_USEC_PER_DAY - 30 * RV_USEC_PER_MINUTE), 1);
        assert_int_equal(fail_for(f, 20 * RV_USEC_PER_MINUTE), 0);
        assert_int_equal(count(f, RV_RECORD_UNDELIVERABLE), 2);
}

/* A day counts from the first failure since something arrived. */
static void test_begins_anew_after_a_success(void **state) {
        struct fixture *f = *state;
        put(f, ONE, 1, AT);
        assert_int_equal(fail_for(f, RV_USEC_PER_HOUR), 1);
        expect_next(f, "deploys/" ONE "/000001");
        answer_done(f);
        put(f, ONE, 2, AT);
        pass(f, RV_USEC_PER_DAY);
        assert_int_equal(fail_for(f, RV_USEC_PER_HOUR), 1);
        assert_int_equal(count(f, RV_RECORD_UNDELIVERABLE), 0);
}

/* The wall clock alone gives nothing up, for it may have been set; nor does it keep anything for ever. */
static void test_clock_is_set(void **state) {
        struct fixture *f = *state;
        put(f, ONE, 1, AT);
        assert_int_equal(fail_for(f, RV_USEC_PER_HOUR), 1);
        f->now.wall_usec += 3650 * RV_USEC_PER_DAY;
        assert_int_equal(fail_for(f, RV_USEC_PER_HOUR), 1);
        f->now.wall_usec -= 2 * 3650 * RV_USEC_PER_DAY;
        assert_int_equal(fail_for(f, RV_USEC_PER_HOUR), 1);
        assert_int_equal(fail_for(f, 22 * RV_USEC_PER_HOUR), 0);
        assert_int_equal(count(f, RV_RECORD_UNDELIVERABLE), 1);
}

/* -- The store fails -- */

static void test_store_fails_between_sent_and_settled(void **state) {
        struct fixture *f = *state;
        put(f, ONE, 1, AT);
        put(f, TWO, 1, AT);
        expect_next(f, "deploys/" ONE "/000001");
        store_works(f, false);
        answer_done(f);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(until_due(f), 5 * RV_USEC_PER_SEC);
                expect_none(f); /* neither the same again, nor another */
        }
        assert_int_equal(count(f, RV_RECORD_OUTBOX), 2);
        store_works(f, true);
        assert_int_equal(until_due(f), 5 * RV_USEC_PER_SEC);
        expect_next(f, "deploys/" TWO "/000001");
        assert_int_equal(count(f, RV_RECORD_THREAD), 1);
        assert_int_equal(f->queue.metrics.queued, 1);
        assert_int_equal(f->queue.metrics.sent, 1);
}

static void test_store_fails_as_it_is_given_up(void **state) {
        struct fixture *f = *state;
        put(f, ONE, 1, AT);
        put(f, ONE, 2, AT);
        expect_next(f, "deploys/" ONE "/000001");
        store_works(f, false);
        answer_failed(f, SEND_PERMANENT, 0);
        assert_int_equal(until_due(f), 5 * RV_USEC_PER_SEC);
        expect_none(f);
        store_works(f, true);
        assert_int_equal(until_due(f), 5 * RV_USEC_PER_SEC);
        expect_next(f, "deploys/" ONE "/000002");
        assert_int_equal(count(f, RV_RECORD_UNDELIVERABLE), 1);
        assert_int_equal(f->queue.metrics.undeliverable, 1);
}

/* A store that works again is no reason to go at a receiver that wants to be left alone. */
static void test_store_fails_while_receiver_does(void **state) {
        struct fixture *f = *state;
        put(f, ONE, 1, AT);
        fail_for(f, RV_USEC_PER_DAY - RV_USEC_PER_SEC);
        put(f, ONE, 2, AT);
        expect_next(f, "deploys/" ONE "/000001");
        store_works(f, false);
        answer_failed(f, SEND_RETRY, RV_USEC_PER_HOUR); /* that was its last chance */
        store_works(f, true);
        assert_int_equal(until_due(f), 5 * RV_USEC_PER_SEC);
        expect_none(f);
        assert_int_equal(count(f, RV_RECORD_UNDELIVERABLE), 1);
        assert_int_equal(until_due(f), RV_USEC_PER_HOUR - 5 * RV_USEC_PER_SEC);
        expect_next(f, "deploys/" ONE "/000002");
}

/* What was not settled is sent again after a restart, and only that. */
static void test_restart(void **state) {
        struct fixture *f = *state;
        put(f, ONE, 1, AT);
        put(f, ONE, 2, AT);
        expect_next(f, "deploys/" ONE "/000001");
        answer_done(f);
        until_due(f);
        expect_next(f, "deploys/" ONE "/000002");
        queue_done(&f->queue);
        assert_int_equal(queue_init(&f->queue, "deploys", f->store, NULL), 0);
        assert_int_equal(f->queue.metrics.queued, 1);
        expect_none(f); /* nothing before the first wake */
        queue_wake(&f->queue);
        expect_next(f, "deploys/" ONE "/000002");
}

int main(void) {
        signal(SIGXFSZ, SIG_IGN);
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_delivers, setup, teardown),
                cmocka_unit_test_setup_teardown(test_order, setup, teardown),
                cmocka_unit_test_setup_teardown(test_backoff, setup, teardown),
                cmocka_unit_test_setup_teardown(test_retry_after, setup, teardown),
                cmocka_unit_test_setup_teardown(test_permanent, setup, teardown),
                cmocka_unit_test_setup_teardown(test_gives_up_after_a_day, setup, teardown),
                cmocka_unit_test_setup_teardown(test_begins_anew_after_a_success, setup, teardown),
                cmocka_unit_test_setup_teardown(test_clock_is_set, setup, teardown),
                cmocka_unit_test_setup_teardown(test_store_fails_between_sent_and_settled, setup, teardown),
                cmocka_unit_test_setup_teardown(test_store_fails_as_it_is_given_up, setup, teardown),
                cmocka_unit_test_setup_teardown(test_store_fails_while_receiver_does, setup, teardown),
                cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
