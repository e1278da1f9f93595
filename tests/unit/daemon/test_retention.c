/* What is forgotten, and what is not: what is open, what ended lately, and what is not about incidents. */
#include "daemon/daemon.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/json.h"

#include <inttypes.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after the above */
#include <cmocka.h>

#define DAY RV_USEC_PER_DAY

static int setup(void **state) {
        struct rv_error err = {};
        return rv_store_open_memory((struct rv_store **)state, &err);
}

static int teardown(void **state) {
        rv_store_close(*state);
        return 0;
}

static json_t *incident_json(const char *id, enum rv_incident_state state, int64_t opened_usec, int64_t ended_usec) {
        struct rv_incident incident = {
                .state = state,
                .repository = (char *)"fleet",
                .times = {.detected_usec = opened_usec, .ended_usec = ended_usec},
        };
        snprintf(incident.id, sizeof(incident.id), "%s", id);
        return rv_incident_to_json(&incident);
}

static void put(struct rv_store *store, enum rv_record_kind kind, const char *key, int64_t sort, json_t *value) {
        struct rv_batch batch = {};
        assert_int_equal(rv_batch_put(&batch, kind, key, sort, -1, value), 0);
        assert_int_equal(rv_store_commit(store, &batch, NULL), 0);
        rv_batch_done(&batch);
}

static void put_incident(struct rv_store *store, const char *id, enum rv_incident_state state, int64_t opened_usec,
                         int64_t ended_usec) {
        char key[64];

        put(store, RV_RECORD_INCIDENT, id, opened_usec, incident_json(id, state, opened_usec, ended_usec));
        for (int i = 1; i <= 3; i++) {
                snprintf(key, sizeof(key), "%s/%06d", id, i);
                put(store, RV_RECORD_TRANSITION, key, opened_usec, json_object());
        }
}

static int count_one(const struct rv_record *record, void *userdata) {
        (void)record;
        ++*(size_t *)userdata;
        return 0;
}

static size_t count(struct rv_store *store, enum rv_record_kind kind, const char *prefix) {
        size_t n = 0;
        assert_int_equal(rv_store_list(store, kind, prefix, false, 0, count_one, &n, NULL), 0);
        return n;
}

static void test_what_is_forgotten(void **state) {
        struct rv_store *store = *state;
        bool more = true;

        put_incident(store, "00000000000000a1", RV_INCIDENT_RECOVERED, 1 * DAY, 2 * DAY);
        put_incident(store, "00000000000000a2", RV_INCIDENT_DECLINED, 3 * DAY, 3 * DAY);
        put_incident(store, "00000000000000b1", RV_INCIDENT_HOLDING, 1 * DAY, 0);
        put_incident(store, "00000000000000b2", RV_INCIDENT_RECOVERED, 2 * DAY, 6 * DAY);
        put_incident(store, "00000000000000b3", RV_INCIDENT_CLEARED, 7 * DAY, 7 * DAY);
        put(store, RV_RECORD_UNDELIVERABLE, "deploys/00000000000000a1/000001", 2 * DAY, json_object());
        put(store, RV_RECORD_UNDELIVERABLE, "deploys/00000000000000b2/000001", 6 * DAY, json_object());
        put(store, RV_RECORD_THREAD, "deploys/00000000000000a1", 2 * DAY, json_object());
        put(store, RV_RECORD_OUTBOX, "deploys/00000000000000a1/000002", 1 * DAY, json_object());
        put(store, RV_RECORD_ACT, "00000000000000a1", 1 * DAY, json_object());

        assert_int_equal(rv_retention_sweep(store, 5 * DAY, &more, NULL), 0);
        assert_false(more);
        assert_int_equal(count(store, RV_RECORD_INCIDENT, "00000000000000a"), 0);
        assert_int_equal(count(store, RV_RECORD_TRANSITION, "00000000000000a"), 0);
        assert_int_equal(count(store, RV_RECORD_INCIDENT, "00000000000000b"), 3);
        assert_int_equal(count(store, RV_RECORD_TRANSITION, "00000000000000b"), 9);
        assert_int_equal(count(store, RV_RECORD_UNDELIVERABLE, ""), 1);
        assert_int_equal(count(store, RV_RECORD_THREAD, ""), 0);
        /* A notice that waits is still to be told, and the ledger is the engine's. */
        assert_int_equal(count(store, RV_RECORD_OUTBOX, ""), 1);
        assert_int_equal(count(store, RV_RECORD_ACT, ""), 1);
}

static void test_a_few_at_a_time(void **state) {
        struct rv_store *store = *state;
        char id[RV_INCIDENT_ID_MAX];
        bool more = false;
        int rounds = 0;

        for (int i = 0; i < 250; i++) {
                snprintf(id, sizeof(id), "%016x", i);
                put(store, RV_RECORD_INCIDENT, id, DAY, incident_json(id, RV_INCIDENT_DECLINED, DAY, DAY));
        }
        do {
                size_t before = count(store, RV_RECORD_INCIDENT, "");
                assert_int_equal(rv_retention_sweep(store, 5 * DAY, &more, NULL), 0);
                assert_true(before - count(store, RV_RECORD_INCIDENT, "") <= 100);
                rounds++;
        } while (more && rounds < 10);
        assert_int_equal(rounds, 3);
        assert_int_equal(count(store, RV_RECORD_INCIDENT, ""), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_what_is_forgotten, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_few_at_a_time, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
