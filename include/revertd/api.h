/* The daemon's face: routes and metrics. It knows the daemon by the struct below alone: what to show, and two calls to
 * hand something in. */
#pragma once

#include "revertd/engine.h"
#include "revertd/gitclient.h"
#include "revertd/http_server.h"
#include "revertd/operator.h"
#include "revertd/outbox.h"
#include "revertd/source.h"
#include "revertd/store.h"

/* X(NAME, name): what the time between onset and recovery is made of. */
#define RV_PHASES(X)                                                                                                   \
        X(DETECT, "detect")   /* from the onset to the opening of the incident */                                      \
        X(DECIDE, "decide")   /* to the complete plan that the guards let pass */                                      \
        X(PUSH, "push")       /* to the push, with the wait for a person or for hold */                                \
        X(APPLY, "apply")     /* to the operator's word that it has applied it; without one, to the re-read ref */     \
        X(RECOVER, "recover") /* to the first good value of the run that proved it */

enum rv_phase {
#define X(name, str) RV_PHASE_##name,
        RV_PHASES(X)
#undef X
                RV_PHASE_MAX
};

enum { RV_HISTOGRAM_BUCKETS = 12 }; /* without +Inf */
struct rv_histogram {
        uint64_t bucket[RV_HISTOGRAM_BUCKETS]; /* not cumulative */
        uint64_t count;
        double sum_seconds;
};
void rv_histogram_observe(struct rv_histogram *histogram, int64_t usec);

/* What the daemon counts itself, since its start. */
struct rv_counters {
        uint64_t alerts_received, alerts_matched, alerts_late, alerts_truncated;
        uint64_t events_firing, events_ok, events_inconclusive, events_unknown;
        uint64_t ended[RV_INCIDENT_STATE_MAX][RV_REASON_MAX];
        struct rv_histogram phase[RV_PHASE_MAX];
        uint64_t store_commits, store_failures;
        uint64_t clock_steps;
        bool last_reload_ok;
        int64_t last_reload_ok_usec;
        /* Of schedules that a reload replaced. */
        uint64_t evaluations, evaluation_failures, evaluations_missed;
        double evaluation_seconds;
};

/* A repository as the daemon polls it; the order is the configuration's. */
struct rv_api_repository {
        const struct rv_gitclient *client;
        int64_t synced_usec; /* the newest look at the branch that succeeded; 0: none yet */
        const char *error;   /* of the newest look; NULL: none */
};

struct rv_api_outcome {
        char incident[RV_INCIDENT_ID_MAX];      /* REVERT, APPROVE, REJECT: which */
        size_t n_alerts_matched, n_alerts_late; /* ALERTS */
};

/* The keys of the webhooks that are signed. */
struct rv_signatures;
int rv_signatures_new(struct rv_signatures **ret, const struct rv_config *config, struct rv_error *err) RV_MUST_CHECK;
struct rv_signatures *rv_signatures_free(struct rv_signatures *signatures);

struct rv_api_context {
        /* Replaced by a reload. */
        const struct rv_config *config;
        const struct rv_prometheus *prometheus;
        const struct rv_schedule *schedule;
        const struct rv_operators *operators;
        const struct rv_outbox *outbox;
        const struct rv_signatures *signatures;
        const struct rv_api_repository *repositories; /* as many as config has */

        const struct rv_engine *engine; /* NULL: the store is failing */
        struct rv_store *store;
        const struct rv_http_server *server;
        struct rv_counters *counters;
        const char *not_ready; /* why; NULL: ready */
        int64_t started_usec;

        /* Hand an event to the engine and commit what it says. 0: durable. -EAGAIN: the store cannot take it now. Else
         * the engine's refusal (see rv_engine_handle). */
        int (*submit)(const struct rv_event *event, struct rv_api_outcome *ret, struct rv_error *err, void *userdata);
        /* Load the configuration anew. -EINVAL: it stays as it was; *ret_errors, which the caller frees, says why. */
        int (*reload)(char **ret_errors, void *userdata);
        void *userdata;
};

/* For rv_http_server_new(), with a struct rv_api_context as its userdata. */
extern const struct rv_http_route rv_api_routes[];
extern const size_t rv_api_n_routes;

/* The text format 0.0.4 of Prometheus. Caller frees *ret. */
int rv_api_metrics_text(const struct rv_api_context *context, char **ret, size_t *ret_bytes) RV_MUST_CHECK;
