#include "handlers.h"

#include "revertd/build.h"
#include "revertd/clock.h"
#include "revertd/json.h"

#include <stdio.h>
#include <string.h>

/* 0: null. */
static json_t *time_json(int64_t usec) {
        char text[RV_TIME_TEXT_MAX];
        return usec == 0 ? json_null() : json_string(rv_time_format(usec, text));
}

static json_t *optional_string(const char *text) {
        return text ? json_string(text) : json_null();
}

static json_t *incidents_json(const struct rv_api_context *context) {
        struct rv_engine_counts counts = {};
        json_t *open = json_object();

        if (context->engine)
                rv_engine_count(context->engine, &counts);
        for (int state = 0; state < RV_INCIDENT_STATE_MAX; state++)
                if (!rv_incident_state_is_end(state))
                        json_object_set_new(open, rv_incident_state_to_string(state),
                                            json_integer((json_int_t)counts.open[state]));
        return open;
}

static json_t *repositories_json(const struct rv_api_context *context) {
        json_t *repositories =
                context->engine ? rv_engine_repositories_json(context->engine, rv_clock_realtime_usec()) : json_array();
        size_t i;
        json_t *repository;

        json_array_foreach (repositories, i, repository) {
                if (i >= context->config->n_repositories)
                        break;
                json_object_set_new(repository, "last_sync", time_json(context->repositories[i].synced_usec));
                json_object_set_new(repository, "progress",
                                    optional_string(rv_gitclient_progress(context->repositories[i].client)));
                json_object_set_new(repository, "error", optional_string(context->repositories[i].error));
        }
        return repositories;
}

static json_t *receivers_json(const struct rv_api_context *context) {
        json_t *receivers = json_array();

        for (size_t i = 0; i < context->config->n_receivers; i++) {
                const struct rv_outbox_metrics *m = rv_outbox_get_metrics(context->outbox, i);
                json_array_append_new(receivers,
                                      json_pack("{s:s, s:I, s:I, s:o}", "name", context->config->receivers[i].name,
                                                "queued", (json_int_t)m->queued, "undeliverable",
                                                (json_int_t)m->undeliverable, "error", optional_string(m->error)));
        }
        return receivers;
}

/* How many cannot be evaluated, and the first of them: a server that answers none fails them all alike. */
static json_t *rule_health_json(const struct rv_api_context *context) {
        const struct rv_config *config = context->config;
        const char *first_name = NULL, *first_error = NULL;
        json_int_t failing = 0;

        for (size_t i = 0; i < config->n_rules; i++) {
                int64_t at_usec, duration_usec;
                const char *error = NULL;

                if (config->rules[i].expr)
                        rv_schedule_rule_health(context->schedule, i, &at_usec, &duration_usec, &error);
                if (error && failing++ == 0) {
                        first_name = config->rules[i].name;
                        first_error = error;
                }
        }
        return json_pack("{s:I, s:I, s:s?, s:s?}", "count", (json_int_t)config->n_rules, "failing", failing,
                         "failing_rule", first_name, "failing_error", first_error);
}

void rv_api_status(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        const struct rv_api_context *context = userdata;

        if (rv_api_is_foreign(context, call, answer))
                return;
        json_t *pauses =
                context->engine ? rv_engine_pauses_json(context->engine, rv_clock_realtime_usec()) : json_array();
        rv_api_reply_json(
                answer, 200,
                json_pack("{s:s, s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:i}", "version", RV_VERSION,
                          "revision", RV_REVISION, "started", time_json(context->started_usec), "ready",
                          context->not_ready == NULL, "reason", optional_string(context->not_ready), "pauses", pauses,
                          "repositories", repositories_json(context), "incidents", incidents_json(context), "receivers",
                          receivers_json(context), "rules", rule_health_json(context), "budget",
                          context->config->budget, "budget_used",
                          context->engine ? rv_engine_budget_used(context->engine, rv_clock_realtime_usec()) : 0));
}

/* What the engine knows of the rules, and how their evaluation fares. */
void rv_api_rules(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        const struct rv_api_context *context = userdata;
        size_t i;
        json_t *rule;

        if (rv_api_is_foreign(context, call, answer))
                return;
        if (!context->engine) {
                rv_api_reply_unavailable(answer, context->not_ready);
                return;
        }
        json_t *rules = rv_engine_rules_json(context->engine, rv_clock_realtime_usec());
        json_array_foreach (rules, i, rule) {
                int64_t at_usec = 0, duration_usec = 0;
                const char *error = NULL;

                if (i >= context->config->n_rules)
                        break;
                if (context->config->rules[i].expr)
                        rv_schedule_rule_health(context->schedule, i, &at_usec, &duration_usec, &error);
                json_object_set_new(rule, "last_evaluation", time_json(at_usec));
                json_object_set_new(rule, "last_duration_seconds", json_real((double)duration_usec / RV_USEC_PER_SEC));
                json_object_set_new(rule, "last_error", optional_string(error));
        }
        rv_api_reply_json(answer, 200, json_pack("{s:o}", "rules", rules));
}

/* The way in for someone with a browser. */
void rv_api_landing(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        static const char page[] =
                "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>revertd</title></head><body>\n"
                "<h1>revertd " RV_VERSION "</h1>\n<ul>\n"
                "<li><a href=\"/api/v1/status\">status</a></li>\n"
                "<li><a href=\"/api/v1/rules\">rules</a></li>\n"
                "<li><a href=\"/api/v1/incidents\">incidents</a></li>\n"
                "<li><a href=\"/api/v1/pauses\">pauses</a></li>\n"
                "<li><a href=\"/metrics\">metrics</a></li>\n"
                "<li><a href=\"/-/healthy\">healthy</a>, <a href=\"/-/ready\">ready</a></li>\n"
                "</ul>\n</body></html>\n";

        if (rv_api_is_foreign(userdata, call, answer))
                return;
        rv_api_reply_text(answer, 200, page);
        answer->content_type = "text/html; charset=utf-8";
}
