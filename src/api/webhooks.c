#include "handlers.h"

#include "revertd/cleanup.h"
#include "revertd/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void alerts_cleanup(struct rv_alerts *alerts) {
        rv_alerts_done(alerts);
}

/* An alert that the sender left out may be the one that matters: someone must raise max_alerts. */
static void report_truncated(const struct rv_alerts *alerts) {
        char count[24];
        snprintf(count, sizeof(count), "%llu", (unsigned long long)alerts->truncated);
        rv_log(RV_LOG_WARN, RV_EV_NONE, "the sender left out alerts (max_alerts); they are not seen here", "truncated",
               count, "receiver", alerts->receiver, "group_key", alerts->group_key, NULL);
}

/* Into the store, or 503. The senders that matter try again after a 5xx and only then, so what may do later must be a
 * 503, and what never will a 4xx. (Grafana never does, and comes again when it is next due.) */
static bool deliver(struct rv_api_context *context, const struct rv_alerts *alerts, struct rv_http_answer *answer) {
        struct rv_event event = {.kind = RV_EVENT_ALERTS, .alerts = alerts};
        struct rv_api_outcome outcome = {};

        if (!rv_api_submit(context, &event, &outcome, answer))
                return false;
        context->counters->alerts_received += alerts->n;
        context->counters->alerts_matched += outcome.n_alerts_matched;
        context->counters->alerts_late += outcome.n_alerts_late;
        rv_api_reply_json(answer, 200, json_pack("{s:I}", "matched", (json_int_t)outcome.n_alerts_matched));
        return true;
}

static bool is_readable(const struct rv_api_context *context, const struct rv_http_call *call,
                        struct rv_http_answer *answer) {
        if (rv_api_is_foreign(context, call, answer))
                return false;
        if (!rv_api_is_json(call)) {
                rv_api_reply_error(answer, 415, "the Content-Type must be application/json");
                return false;
        }
        return true;
}

static void refuse(struct rv_http_answer *answer, const char *source, int code, const struct rv_error *err) {
        if (code == -ENOMEM) {
                rv_api_reply_unavailable(answer, err->text);
                return;
        }
        rv_log(RV_LOG_WARN, RV_EV_NONE, "a delivery was refused", "source", source, "error", err->text, NULL);
        rv_api_reply_error(answer, 400, "%s", err->text);
}

void rv_api_alerts(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        struct rv_api_context *context = userdata;
        struct rv_error err = {};
        __attribute__((cleanup(alerts_cleanup))) struct rv_alerts alerts = {};

        if (!is_readable(context, call, answer))
                return;
        int r = rv_alertmanager_parse(call->body, call->body_bytes, &alerts, &err);
        if (r < 0) {
                refuse(answer, "alerts", r, &err);
                return;
        }
        if (deliver(context, &alerts, answer) && alerts.truncated > 0) {
                context->counters->alerts_truncated += alerts.truncated;
                report_truncated(&alerts);
        }
}

/* -- events -- */

static void tally_cleanup(struct rv_events_tally *tally) {
        rv_events_tally_done(tally);
}

static void count_events(struct rv_counters *counters, const char *source, const struct rv_events_tally *tally) {
        counters->events_firing += tally->firing;
        counters->events_ok += tally->ok;
        counters->events_inconclusive += tally->inconclusive;
        counters->events_unknown += tally->unknown;
        if (tally->unknown > 0)
                rv_log(RV_LOG_WARN, RV_EV_NONE,
                       "an event's verdict is none of the configured words; it decides nothing", "event", source,
                       "verdict", tally->unknown_word, NULL);
}

void rv_api_events(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        struct rv_api_context *context = userdata;
        const char *name = call->path + strlen(RV_API_EVENTS_PATH);
        int index = rv_config_find_event(context->config, name);
        struct rv_error err = {};
        __attribute__((cleanup(alerts_cleanup))) struct rv_alerts alerts = {};
        __attribute__((cleanup(tally_cleanup))) struct rv_events_tally tally = {};

        if (!is_readable(context, call, answer))
                return;
        if (index < 0) {
                rv_api_reply_error(answer, 404, "no event source is named \"%.100s\"", name);
                return;
        }
        int r = rv_events_parse(&context->config->events[index], call->body, call->body_bytes, &alerts, &tally, &err);
        if (r < 0)
                refuse(answer, name, r, &err);
        else if (deliver(context, &alerts, answer))
                count_events(context->counters, name, &tally);
}
