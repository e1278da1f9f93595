/* What a rule would do now. It takes a look at Git, so the answer is where to ask for it. */
#include "handlers.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/json.h"

#include <string.h>

/* labels={"app":"checkout"} */
static bool read_labels(const char *text, struct rv_labels **ret, struct rv_http_answer *answer) {
        _cleanup_json_ json_t *json = NULL;
        struct rv_error err = {};
        int r = rv_json_parse(&json, text, strlen(text), RV_API_VALUES_MAX, &err);

        if (r == 0)
                r = rv_labels_from_json(ret, json, NULL, &err);
        if (r < 0)
                rv_api_reply_error(answer, 400, "\"labels\": %s", err.text);
        return r == 0;
}

void rv_api_explain(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        const char *name = rv_http_call_query(call, "rule"), *text = rv_http_call_query(call, "labels");
        struct rv_api_context *context = userdata;
        struct rv_event event = {.kind = RV_EVENT_REVERT};
        struct rv_api_outcome outcome = {};
        _cleanup_labels_ struct rv_labels *labels = NULL;

        if (rv_api_is_foreign(context, call, answer))
                return;
        event.revert.rule = name ? rv_config_find_rule(context->config, name) : -1;
        if (event.revert.rule < 0) {
                rv_api_reply_error(answer, name ? 404 : 400,
                                   name ? "no rule is named \"%s\"" : "\"rule\" is required%s", name ? name : "");
                return;
        }
        if (text && !read_labels(text, &labels, answer))
                return;
        event.revert.repository = (size_t)context->config->rules[event.revert.rule].repository;
        event.revert.labels = labels;
        event.revert.actor = call->actor;
        event.revert.is_look = true;
        if (rv_api_submit(context, &event, &outcome, answer))
                rv_api_reply_json(answer, 202, json_pack("{s:s}", "id", outcome.incident));
}

void rv_api_explained(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        const char *id = call->path + strlen("/api/v1/explain/");
        struct rv_api_context *context = userdata;

        if (rv_api_is_foreign(context, call, answer))
                return;
        if (!context->engine) {
                rv_api_reply_unavailable(answer, "the store is failing");
                return;
        }
        json_t *json = rv_engine_explain_json(context->engine, id, rv_clock_realtime_usec());
        if (json)
                rv_api_reply_json(answer, 200, json);
        else
                rv_api_reply_error(answer, 404, "no look has this id; looks are not kept for long");
}
