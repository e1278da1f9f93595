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

/* Alertmanager tries again after a 5xx and only then, so what may do later must be a 503, and what never will a 4xx.
 * Grafana never does, and comes again when it is next due. */
void rv_api_alerts(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        struct rv_api_context *context = userdata;
        struct rv_api_outcome outcome = {};
        struct rv_error err = {};
        __attribute__((cleanup(alerts_cleanup))) struct rv_alerts alerts = {};

        if (rv_api_is_foreign(context, call, answer))
                return;
        if (!rv_api_is_json(call)) {
                rv_api_reply_error(answer, 415, "the Content-Type must be application/json");
                return;
        }
        int r = rv_alertmanager_parse(call->body, call->body_bytes, &alerts, &err);
        if (r == -ENOMEM) {
                rv_api_reply_unavailable(answer, err.text);
                return;
        }
        if (r < 0) {
                rv_log(RV_LOG_WARN, RV_EV_NONE, "a delivery of alerts was refused", "error", err.text, NULL);
                rv_api_reply_error(answer, 400, "%s", err.text);
                return;
        }

        struct rv_event event = {.kind = RV_EVENT_ALERTS, .alerts = &alerts};
        if (!rv_api_submit(context, &event, &outcome, answer))
                return;

        context->counters->alerts_received += alerts.n;
        context->counters->alerts_matched += outcome.n_alerts_matched;
        if (alerts.truncated > 0) {
                context->counters->alerts_truncated += alerts.truncated;
                report_truncated(&alerts);
        }
        rv_api_reply_json(answer, 200, json_pack("{s:I}", "matched", (json_int_t)outcome.n_alerts_matched));
}
