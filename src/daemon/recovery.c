/* The engine from the store: at the start, and again after the store failed. */
#include "daemon.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/json.h"
#include "revertd/log.h"

#include <stdio.h>
#include <string.h>

#define RETRY_MIN_USEC RV_USEC_PER_SEC
#define RETRY_MAX_USEC (5 * RV_USEC_PER_SEC)

struct loading {
        struct rv_engine *engine;
        struct rv_error *err;
};

static bool has_ended(const struct rv_record *record) {
        enum rv_incident_state state;
        return record->kind == RV_RECORD_INCIDENT &&
               rv_incident_state_from_string(rv_json_string(record->value, "state", ""), &state) == 0 &&
               rv_incident_state_is_end(state);
}

static int load_record(const struct rv_record *record, void *userdata) {
        struct loading *loading = userdata;

        if (has_ended(record))
                return 0;
        int r = rv_engine_load(loading->engine, record, loading->err);
        return r < 0 ? rv_error_prefix(loading->err, r, "record %s", record->key) : 0;
}

int rv_engine_from_store(struct rv_engine **ret, struct rv_store *store, struct rv_config *config,
                         struct rv_error *err) {
        static const enum rv_record_kind kinds[] = {RV_RECORD_INCIDENT, RV_RECORD_SERIES, RV_RECORD_ACT,
                                                    RV_RECORD_PAUSE,    RV_RECORD_SEEN,   RV_RECORD_HEAD,
                                                    RV_RECORD_GOOD,     RV_RECORD_CLOCK};
        struct rv_engine *engine = NULL;

        int r = rv_engine_new(&engine, config);
        if (r < 0)
                return rv_error_set(err, r, "the engine could not be made: %s", strerror(-r));

        struct loading loading = {engine, err};
        for (size_t i = 0; i < RV_ARRAY_SIZE(kinds); i++) {
                r = rv_store_list(store, kinds[i], "", false, 0, load_record, &loading, err);
                if (r < 0) {
                        rv_engine_free(engine);
                        return r;
                }
        }
        *ret = engine;
        return 0;
}

/* Whether something can be made durable: a record that comes and goes in one batch. */
static int probe(struct rv_store *store, struct rv_error *err) {
        struct rv_batch batch = {};

        int r = rv_batch_put(&batch, RV_RECORD_SEEN, ".probe", 0, -1, json_object());
        if (r >= 0)
                r = rv_batch_delete(&batch, RV_RECORD_SEEN, ".probe");
        if (r >= 0)
                r = rv_store_commit(store, &batch, err);
        rv_batch_done(&batch);
        return r;
}

static int load(struct rv_daemon *daemon, struct rv_error *err) {
        int r = probe(daemon->store, err);
        return r < 0 ? r : rv_engine_from_store(&daemon->engine, daemon->store, daemon->parts->config, err);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        struct rv_daemon *daemon = userdata;
        struct rv_event event = {.kind = RV_EVENT_START};
        struct rv_error err = {};
        (void)source;
        (void)usec;

        if (daemon->engine)
                return 0;
        if (load(daemon, &err) < 0) {
                rv_daemon_drop_engine(daemon, err.text);
                return 0;
        }
        daemon->not_ready[0] = '\0';
        rv_daemon_publish(daemon);
        rv_daemon_feed(daemon, &event);
        if (!daemon->engine)
                return 0;

        daemon->retry_delay_usec = 0;
        rv_log(RV_LOG_INFO, RV_EV_NONE, "the store works again", NULL);
        rv_outbox_wake(daemon->parts->outbox);
        rv_supervisor_status(daemon, NULL);
        return 0;
}

static int arm_retry(struct rv_daemon *daemon) {
        int64_t *delay_usec = &daemon->retry_delay_usec;
        *delay_usec = *delay_usec == 0 ? RETRY_MIN_USEC : *delay_usec * 2;
        if (*delay_usec > RETRY_MAX_USEC)
                *delay_usec = RETRY_MAX_USEC;

        if (!daemon->retry)
                return sd_event_add_time_relative(daemon->event, &daemon->retry, CLOCK_BOOTTIME, (uint64_t)*delay_usec,
                                                  0, on_retry, daemon);
        int r = sd_event_source_set_time_relative(daemon->retry, (uint64_t)*delay_usec);
        return r < 0 ? r : sd_event_source_set_enabled(daemon->retry, SD_EVENT_ONESHOT);
}

void rv_daemon_drop_engine(struct rv_daemon *daemon, const char *why) {
        char reason[sizeof(daemon->not_ready)];
        snprintf(reason, sizeof(reason), "the store is failing: %s", why);

        if (strcmp(reason, daemon->not_ready) != 0)
                rv_log(RV_LOG_ERROR, RV_EV_STORE_FAILED,
                       "the store is failing; nothing is decided until it works again", "error", why, NULL);
        memcpy(daemon->not_ready, reason, sizeof(reason));

        daemon->engine = rv_engine_free(daemon->engine);
        daemon->generation++;
        if (daemon->tick)
                sd_event_source_set_enabled(daemon->tick, SD_EVENT_OFF);
        rv_daemon_publish(daemon);
        rv_supervisor_status(daemon, NULL);
        if (arm_retry(daemon) < 0)
                sd_event_exit(daemon->event, -1); /* without a timer nobody would ever look again */
}
