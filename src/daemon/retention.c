/* Ended incidents and notices given up are forgotten after a while, a few at a time. */
#include "daemon.h"

#include "revertd/clock.h"
#include "revertd/json.h"
#include "revertd/log.h"

#include <stdio.h>
#include <string.h>

enum { FORGOTTEN_MAX = 100, SOON_SEC = 1, USUAL_SEC = 3600, FIRST_SEC = 60, STOP = 1 };

struct sweep {
        struct rv_store *store;
        struct rv_batch batch;
        int64_t before_usec;
        size_t n;
        struct rv_error *err;
};

static int forget_record(const struct rv_record *record, void *userdata) {
        return rv_batch_delete(userdata, record->kind, record->key);
}

static int forget_incident(const struct rv_record *record, void *userdata) {
        struct sweep *sweep = userdata;
        struct rv_incident *incident = NULL;
        char prefix[RV_INCIDENT_ID_MAX + 1];

        if (record->sort >= sweep->before_usec)
                return STOP; /* opened later, so ended later */
        if (rv_incident_from_json(&incident, record->value, sweep->err) < 0)
                return 0; /* the engine refuses such a record with a better text */
        bool is_old = rv_incident_state_is_end(incident->state) && incident->times.ended_usec < sweep->before_usec;
        rv_incident_free(incident);
        if (!is_old)
                return 0;

        snprintf(prefix, sizeof(prefix), "%s/", record->key);
        int r = rv_store_list(sweep->store, RV_RECORD_TRANSITION, prefix, false, 0, forget_record, &sweep->batch,
                              sweep->err);
        if (r >= 0)
                r = rv_batch_delete(&sweep->batch, RV_RECORD_INCIDENT, record->key);
        if (r < 0)
                return r;
        return ++sweep->n >= FORGOTTEN_MAX ? STOP : 0;
}

static int forget_if_old(const struct rv_record *record, void *userdata) {
        struct sweep *sweep = userdata;

        if (record->sort >= sweep->before_usec)
                return STOP;
        int r = rv_batch_delete(&sweep->batch, record->kind, record->key);
        if (r < 0)
                return r;
        return ++sweep->n >= FORGOTTEN_MAX ? STOP : 0;
}

int rv_retention_sweep(struct rv_store *store, int64_t before_usec, bool *ret_more, struct rv_error *err) {
        struct sweep sweep = {.store = store, .before_usec = before_usec, .err = err};

        int r = rv_store_list(store, RV_RECORD_INCIDENT, "", false, 0, forget_incident, &sweep, err);
        if (r >= 0)
                r = rv_store_list(store, RV_RECORD_UNDELIVERABLE, "", false, 0, forget_if_old, &sweep, err);
        if (r >= 0)
                r = rv_store_list(store, RV_RECORD_THREAD, "", false, 0, forget_if_old, &sweep, err);
        if (r >= 0 && sweep.batch.n > 0)
                r = rv_store_commit(store, &sweep.batch, err);
        rv_batch_done(&sweep.batch);
        *ret_more = sweep.n >= FORGOTTEN_MAX;
        return r < 0 ? r : 0;
}

static int on_retention(sd_event_source *source, uint64_t usec, void *userdata) {
        struct rv_daemon *daemon = userdata;
        struct rv_error err = {};
        bool more = false;
        (void)usec;

        int64_t before_usec = rv_clock_realtime_usec() - daemon->parts->config->retention_usec;
        if (daemon->engine && rv_retention_sweep(daemon->store, before_usec, &more, &err) < 0) {
                rv_log(RV_LOG_WARN, RV_EV_NONE, "old incidents could not be forgotten", "error", err.text, NULL);
                more = false;
        }
        return sd_event_source_set_time_relative(source, (uint64_t)(more ? SOON_SEC : USUAL_SEC) * RV_USEC_PER_SEC);
}

int rv_retention_start(struct rv_daemon *daemon) {
        int r = sd_event_add_time_relative(daemon->event, &daemon->retention, CLOCK_BOOTTIME,
                                           (uint64_t)FIRST_SEC * RV_USEC_PER_SEC, 0, on_retention, daemon);
        return r < 0 ? r : sd_event_source_set_enabled(daemon->retention, SD_EVENT_ON);
}
