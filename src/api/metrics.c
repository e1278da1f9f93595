/* /metrics, top-down in the order of the flow. */
#include "handlers.h"
#include "metrics_text.h"
#include "process.h"

#include "revertd/build.h"
#include "revertd/clock.h"
#include "revertd/json.h"

#include <errno.h>
#include <stdio.h>

static const double bucket_bounds[RV_HISTOGRAM_BUCKETS] = {0.01, 0.05, 0.25, 1, 5, 15, 30, 60, 120, 300, 900, 3600};

static const char *const phase_names[] = {
#define X(name, str) [RV_PHASE_##name] = str,
        RV_PHASES(X)
#undef X
};

static double seconds(int64_t usec) {
        return (double)usec / RV_USEC_PER_SEC;
}

void rv_histogram_observe(struct rv_histogram *histogram, int64_t usec) {
        double value = seconds(usec);

        for (int i = 0; i < RV_HISTOGRAM_BUCKETS; i++)
                if (value <= bucket_bounds[i]) {
                        histogram->bucket[i]++;
                        break;
                }
        histogram->count++;
        histogram->sum_seconds += value;
}

/* A family with a sample for each i below n: its owner, who is the label's value, and what it counts may speak of i. */
#define EACH(f, name, type, help, n, label, owner, value)                                                              \
        do {                                                                                                           \
                rv_metric_family(f, name, type, help);                                                                 \
                for (size_t i = 0; i < (n); i++)                                                                       \
                        rv_metric(f, name, (double)(value), label, owner, NULL);                                       \
        } while (0)

static void put_build(FILE *f, const struct rv_api_context *context) {
        rv_metric_family(f, "revertd_build_info", RV_METRIC_GAUGE, "What runs; always 1.");
        rv_metric(f, "revertd_build_info", 1, "version", RV_VERSION, "revision", RV_REVISION, "branch", RV_BRANCH,
                  NULL);
        rv_metric_single(f, "revertd_ready", RV_METRIC_GAUGE, "Whether revertd can do its work: 1, or 0.",
                         context->not_ready == NULL);
        rv_metric_single(f, "revertd_config_last_reload_successful", RV_METRIC_GAUGE,
                         "Whether the newest (re)load of the configuration was successful.",
                         context->counters->last_reload_ok);
        rv_metric_single(f, "revertd_config_last_reload_success_timestamp_seconds", RV_METRIC_GAUGE,
                         "When the configuration was last loaded successfully.",
                         seconds(context->counters->last_reload_ok_usec));
}

static void put_prometheus(FILE *f, const struct rv_api_context *context) {
        const struct rv_config *config = context->config;

        EACH(f, "revertd_prometheus_queries_total", RV_METRIC_COUNTER, "Queries sent, by server.", config->n_prometheus,
             "prometheus", config->prometheus[i].name, rv_prometheus_get_metrics(context->prometheus, i)->queries);
        EACH(f, "revertd_prometheus_query_failures_total", RV_METRIC_COUNTER,
             "Queries without a usable answer, by server.", config->n_prometheus, "prometheus",
             config->prometheus[i].name, rv_prometheus_get_metrics(context->prometheus, i)->failures);
        EACH(f, "revertd_prometheus_unwell", RV_METRIC_GAUGE,
             "1 while the server's own `healthy` says that its answers do not count, by server.", config->n_prometheus,
             "prometheus", config->prometheus[i].name, rv_prometheus_get_metrics(context->prometheus, i)->is_unwell);
        EACH(f, "revertd_prometheus_query_seconds_total", RV_METRIC_COUNTER, "Time that queries took, by server.",
             config->n_prometheus, "prometheus", config->prometheus[i].name,
             rv_prometheus_get_metrics(context->prometheus, i)->seconds_sum);
}

static void put_operators(FILE *f, const struct rv_api_context *context) {
        const struct rv_operator_config *config = context->config->operators;
        size_t n = context->config->n_operators;

        EACH(f, "revertd_operator_questions_total", RV_METRIC_COUNTER,
             "Times that an operator was asked what it has applied.", n, "operator", config[i].name,
             rv_operator_get_metrics(context->operators, i)->questions);
        EACH(f, "revertd_operator_question_failures_total", RV_METRIC_COUNTER, "Times that there was no usable answer.",
             n, "operator", config[i].name, rv_operator_get_metrics(context->operators, i)->failures);
        EACH(f, "revertd_operator_question_seconds_total", RV_METRIC_COUNTER, "Time that the answers took.", n,
             "operator", config[i].name, rv_operator_get_metrics(context->operators, i)->seconds_sum);
        EACH(f, "revertd_operator_nudges_total", RV_METRIC_COUNTER, "Times that an operator was told of a revert.", n,
             "operator", config[i].name, rv_operator_get_metrics(context->operators, i)->nudges);
        EACH(f, "revertd_operator_nudge_failures_total", RV_METRIC_COUNTER, "Times that it did not take that.", n,
             "operator", config[i].name, rv_operator_get_metrics(context->operators, i)->nudge_failures);
}

static void put_alerts(FILE *f, const struct rv_counters *counters) {
        rv_metric_single(f, "revertd_alerts_received_total", RV_METRIC_COUNTER, "Alerts in webhook deliveries.",
                         (double)counters->alerts_received);
        rv_metric_single(f, "revertd_alerts_matched_total", RV_METRIC_COUNTER, "Alerts that a rule matched.",
                         (double)counters->alerts_matched);
        rv_metric_single(f, "revertd_alerts_late_total", RV_METRIC_COUNTER,
                         "Alerts left out of a rule, as copies of what was over when they came.",
                         (double)counters->alerts_late);
        rv_metric_single(f, "revertd_alerts_truncated_total", RV_METRIC_COUNTER,
                         "Alerts that the sender left out of its deliveries (max_alerts).",
                         (double)counters->alerts_truncated);
        rv_metric_family(f, "revertd_events_received_total", RV_METRIC_COUNTER,
                         "Items that sources of events posted, by what they said.");
        rv_metric(f, "revertd_events_received_total", (double)counters->events_firing, "verdict", "firing", NULL);
        rv_metric(f, "revertd_events_received_total", (double)counters->events_ok, "verdict", "ok", NULL);
        rv_metric(f, "revertd_events_received_total", (double)counters->events_inconclusive, "verdict", "inconclusive",
                  NULL);
        rv_metric_single(f, "revertd_events_unknown_verdicts_total", RV_METRIC_COUNTER,
                         "Those of the inconclusive ones whose verdict is none of the configured words.",
                         (double)counters->events_unknown);
}

static void put_rules(FILE *f, const struct rv_api_context *context, const struct rv_engine_counts *counts) {
        const struct rv_schedule_metrics *m = rv_schedule_get_metrics(context->schedule);
        const struct rv_counters *before = context->counters;

        rv_metric_single(f, "revertd_rules", RV_METRIC_GAUGE, "Rules that are configured.",
                         (double)context->config->n_rules);
        rv_metric_single(f, "revertd_rule_evaluations_total", RV_METRIC_COUNTER, "Evaluations of polled rules.",
                         (double)(before->evaluations + m->evaluations));
        rv_metric_single(f, "revertd_rule_evaluation_failures_total", RV_METRIC_COUNTER,
                         "Evaluations whose query failed.", (double)(before->evaluation_failures + m->failures));
        rv_metric_single(f, "revertd_rule_evaluations_missed_total", RV_METRIC_COUNTER,
                         "Evaluations left out because the one before was still running.",
                         (double)(before->evaluations_missed + m->missed));
        rv_metric_single(f, "revertd_rule_evaluation_seconds_total", RV_METRIC_COUNTER, "Time that evaluations took.",
                         before->evaluation_seconds + m->seconds_sum);
        rv_metric_single(f, "revertd_series", RV_METRIC_GAUGE, "Label sets that are followed, of all rules.",
                         (double)counts->series);
        rv_metric_single(f, "revertd_series_pending", RV_METRIC_GAUGE,
                         "Label sets in breach, but not yet for as long as their rule says.", (double)counts->pending);
        rv_metric_single(f, "revertd_series_latched", RV_METRIC_GAUGE,
                         "Label sets whose breach has opened an incident and is not over.", (double)counts->latched);
}

/* Which pairs of end and reason can be: shown from the start, so that an increase from zero is seen. */
static bool can_end(enum rv_incident_state state, enum rv_reason reason) {
        switch (state) {
        case RV_INCIDENT_RECOVERED:
        case RV_INCIDENT_REVERTED:
        case RV_INCIDENT_CLEARED:
                return reason == RV_REASON_NONE;
        case RV_INCIDENT_REJECTED:
                return reason == RV_REASON_REJECTED_BY_PERSON;
        case RV_INCIDENT_UNRECOVERED:
                return reason == RV_REASON_NOT_RECOVERED;
        case RV_INCIDENT_DECLINED:
        case RV_INCIDENT_FAILED:
                return reason != RV_REASON_NONE;
        default:
                return false;
        }
}

static void put_incidents(FILE *f, const struct rv_counters *counters, const struct rv_engine_counts *counts) {
        rv_metric_family(f, "revertd_incidents_open", RV_METRIC_GAUGE, "Open incidents, by state.");
        for (int state = 0; state < RV_INCIDENT_STATE_MAX; state++)
                if (!rv_incident_state_is_end(state))
                        rv_metric(f, "revertd_incidents_open", (double)counts->open[state], "state",
                                  rv_incident_state_to_string(state), NULL);

        rv_metric_family(f, "revertd_incidents_ended_total", RV_METRIC_COUNTER, "Ended incidents, by end and reason.");
        for (int state = 0; state < RV_INCIDENT_STATE_MAX; state++)
                for (int reason = 0; reason < RV_REASON_MAX; reason++)
                        if (counters->ended[state][reason] > 0 || can_end(state, reason))
                                rv_metric(f, "revertd_incidents_ended_total", (double)counters->ended[state][reason],
                                          "state", rv_incident_state_to_string(state), "reason",
                                          rv_reason_to_string(reason), NULL);
}

static void put_phases(FILE *f, const struct rv_counters *counters) {
        static const char name[] = "revertd_incident_phase_duration_seconds";

        rv_metric_family(f, name, RV_METRIC_HISTOGRAM, "How long the phases of ended incidents took.");
        for (int phase = 0; phase < RV_PHASE_MAX; phase++) {
                const struct rv_histogram *h = &counters->phase[phase];
                uint64_t cumulative = 0;
                char bound[32];

                for (int i = 0; i < RV_HISTOGRAM_BUCKETS; i++) {
                        cumulative += h->bucket[i];
                        snprintf(bound, sizeof(bound), "%g", bucket_bounds[i]);
                        rv_metric(f, "revertd_incident_phase_duration_seconds_bucket", (double)cumulative, "phase",
                                  phase_names[phase], "le", bound, NULL);
                }
                rv_metric(f, "revertd_incident_phase_duration_seconds_bucket", (double)h->count, "phase",
                          phase_names[phase], "le", "+Inf", NULL);
                rv_metric(f, "revertd_incident_phase_duration_seconds_sum", h->sum_seconds, "phase", phase_names[phase],
                          NULL);
                rv_metric(f, "revertd_incident_phase_duration_seconds_count", (double)h->count, "phase",
                          phase_names[phase], NULL);
        }
}

static void put_git(FILE *f, const struct rv_api_context *context) {
        const struct rv_repository_config *config = context->config->repositories;
        const struct rv_api_repository *repository = context->repositories;
        size_t n = context->config->n_repositories;

        rv_metric_family(f, "revertd_git_requests_total", RV_METRIC_COUNTER, "Requests to the Git workers.");
        for (size_t i = 0; i < n; i++)
                for (int op = 0; op < RV_GIT_OP_MAX; op++)
                        rv_metric(f, "revertd_git_requests_total",
                                  (double)rv_gitclient_get_metrics(repository[i].client)->requests[op], "repository",
                                  config[i].name, "op", rv_git_op_to_string((enum rv_git_op)op), NULL);
        EACH(f, "revertd_git_workers_lost_total", RV_METRIC_COUNTER, "Workers that died or missed a deadline.", n,
             "repository", config[i].name, rv_gitclient_get_metrics(repository[i].client)->lost);
        EACH(f, "revertd_git_queue_length", RV_METRIC_GAUGE, "Requests that wait for their worker.", n, "repository",
             config[i].name, rv_gitclient_get_metrics(repository[i].client)->queued);
        EACH(f, "revertd_repository_last_sync_timestamp_seconds", RV_METRIC_GAUGE,
             "When the branch was last read; 0: not yet.", n, "repository", config[i].name,
             seconds(repository[i].synced_usec));
}

static void put_budget(FILE *f, const struct rv_api_context *context, int64_t now_usec) {
        size_t at;
        json_t *repository;

        if (!context->engine)
                return;
        rv_metric_single(f, "revertd_paused", RV_METRIC_GAUGE, "Whether a pause covers everything: 1, or 0.",
                         rv_engine_paused(context->engine, -1, now_usec));

        _cleanup_json_ json_t *repositories = rv_engine_repositories_json(context->engine, now_usec);
        rv_metric_family(f, "revertd_repository_paused", RV_METRIC_GAUGE,
                         "Whether a pause, or .revertd/pause on its branch, covers the repository: 1, or 0.");
        json_array_foreach (repositories, at, repository)
                rv_metric(f, "revertd_repository_paused", rv_json_bool(repository, "paused", false), "repository",
                          rv_json_string(repository, "name", ""), NULL);
        rv_metric_family(f, "revertd_budget_used", RV_METRIC_GAUGE, "Pushes in the last 24 hours.");
        json_array_foreach (repositories, at, repository)
                rv_metric(f, "revertd_budget_used", rv_json_real(repository, "budget_used", 0), "repository",
                          rv_json_string(repository, "name", ""), NULL);
        EACH(f, "revertd_budget_limit", RV_METRIC_GAUGE, "Pushes allowed in 24 hours.", context->config->n_repositories,
             "repository", context->config->repositories[i].name, context->config->repositories[i].budget);
}

static void put_notices(FILE *f, const struct rv_api_context *context) {
        const struct rv_receiver_config *receiver = context->config->receivers;
        size_t n = context->config->n_receivers;

        EACH(f, "revertd_outbox_queue_length", RV_METRIC_GAUGE, "Notices that wait for their receiver.", n, "receiver",
             receiver[i].name, rv_outbox_get_metrics(context->outbox, i)->queued);
        EACH(f, "revertd_notices_sent_total", RV_METRIC_COUNTER, "Notices that were delivered.", n, "receiver",
             receiver[i].name, rv_outbox_get_metrics(context->outbox, i)->sent);
        EACH(f, "revertd_notices_failed_total", RV_METRIC_COUNTER, "Attempts to deliver that failed.", n, "receiver",
             receiver[i].name, rv_outbox_get_metrics(context->outbox, i)->failed);
        EACH(f, "revertd_notices_undeliverable_total", RV_METRIC_COUNTER, "Notices that were given up.", n, "receiver",
             receiver[i].name, rv_outbox_get_metrics(context->outbox, i)->undeliverable);
}

static void put_clock(FILE *f, const struct rv_counters *counters) {
        rv_metric_single(f, "revertd_clock_steps_total", RV_METRIC_COUNTER, "Times that the wall clock was set.",
                         (double)counters->clock_steps);
}

static void put_store(FILE *f, const struct rv_api_context *context) {
        rv_metric_single(f, "revertd_store_size_bytes", RV_METRIC_GAUGE, "Size of the store on disk.",
                         (double)rv_store_size_bytes(context->store));
        rv_metric_single(f, "revertd_store_commits_total", RV_METRIC_COUNTER, "Batches made durable.",
                         (double)context->counters->store_commits);
        rv_metric_single(f, "revertd_store_commit_failures_total", RV_METRIC_COUNTER, "Batches that could not be.",
                         (double)context->counters->store_failures);
}

static void put_http(FILE *f, const struct rv_http_server_metrics *m) {
        static const char *const classes[] = {"closed", "1xx", "2xx", "3xx", "4xx", "5xx"};

        rv_metric_family(f, "revertd_http_requests_total", RV_METRIC_COUNTER,
                         "HTTP requests, by class of the answer; closed: there was none.");
        for (int i = 0; i < 6; i++)
                rv_metric(f, "revertd_http_requests_total", (double)m->by_status[i], "code", classes[i], NULL);
        rv_metric_family(f, "revertd_http_requests_refused_total", RV_METRIC_COUNTER,
                         "HTTP requests that the server refused itself, by why.");
        rv_metric(f, "revertd_http_requests_refused_total", (double)m->unauthorized, "why", "unauthorized", NULL);
        rv_metric(f, "revertd_http_requests_refused_total", (double)m->too_large, "why", "too_large", NULL);
        rv_metric(f, "revertd_http_requests_refused_total", (double)m->timed_out, "why", "timed_out", NULL);
        rv_metric(f, "revertd_http_requests_refused_total", (double)m->malformed, "why", "malformed", NULL);
        rv_metric_single(f, "revertd_http_connections", RV_METRIC_GAUGE, "Open HTTP connections.",
                         (double)m->connections);
}

int rv_api_metrics_text(const struct rv_api_context *context, char **ret, size_t *ret_bytes) {
        struct rv_engine_counts counts = {};
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);

        if (!f)
                return -ENOMEM;
        if (context->engine)
                rv_engine_count(context->engine, &counts);
        put_build(f, context);
        put_prometheus(f, context);
        put_operators(f, context);
        put_alerts(f, context->counters);
        put_rules(f, context, &counts);
        put_incidents(f, context->counters, &counts);
        put_phases(f, context->counters);
        put_git(f, context);
        put_budget(f, context, rv_clock_realtime_usec());
        put_notices(f, context);
        put_store(f, context);
        put_clock(f, context->counters);
        put_http(f, rv_http_server_get_metrics(context->server));
        rv_metrics_process(f);

        int failed = ferror(f);
        if (fclose(f) != 0 || failed) {
                free(text);
                return -ENOMEM;
        }
        *ret = text;
        *ret_bytes = n;
        return 0;
}

void rv_api_metrics(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        const struct rv_api_context *context = userdata;

        if (rv_api_is_foreign(context, call, answer))
                return;
        if (rv_api_metrics_text(context, &answer->body, &answer->body_bytes) < 0) {
                rv_api_reply_unavailable(answer, "out of memory");
                return;
        }
        answer->status = 200;
        answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
}
