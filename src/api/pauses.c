#include "handlers.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/json.h"

#include <string.h>

/* "", or the name of something that is configured: a pause of a misspelt rule would protect nothing. */
static bool check_scope(const struct rv_config *config, const char *scope, struct rv_http_answer *answer) {
        static const char rule[] = "rule:", repository[] = "repository:";

        if (scope[0] == '\0')
                return true;
        if (strncmp(scope, rule, strlen(rule)) == 0) {
                if (rv_config_find_rule(config, scope + strlen(rule)) >= 0)
                        return true;
                rv_api_reply_error(answer, 404, "no rule is named \"%s\"", scope + strlen(rule));
        } else if (strncmp(scope, repository, strlen(repository)) == 0) {
                if (rv_config_find_repository(config, scope + strlen(repository)) >= 0)
                        return true;
                rv_api_reply_error(answer, 404, "no repository is named \"%s\"", scope + strlen(repository));
        } else
                rv_api_reply_error(answer, 400, "\"scope\" must be \"\", \"rule:NAME\" or \"repository:NAME\"");
        return false;
}

static void list(struct rv_api_context *context, struct rv_http_answer *answer) {
        if (!context->engine) {
                rv_api_reply_unavailable(answer, context->not_ready);
                return;
        }
        json_t *pauses = rv_engine_pauses_json(context->engine, rv_clock_realtime_usec());
        rv_api_reply_json(answer, 200, json_pack("{s:o}", "pauses", pauses));
}

static void pause_scope(struct rv_api_context *context, const struct rv_http_call *call,
                        struct rv_http_answer *answer) {
        static const struct rv_api_field fields[] = {
                {"scope", RV_API_STRING, false},
                {"note", RV_API_STRING, false},
                {"duration", RV_API_STRING, false},
        };
        struct rv_api_outcome outcome = {};
        struct rv_event event = {.kind = RV_EVENT_PAUSE};

        _cleanup_json_ json_t *body = rv_api_body(call, fields, RV_ARRAY_SIZE(fields), answer);
        if (!body)
                return;

        const char *duration = rv_json_string(body, "duration", NULL);
        if (duration &&
            (rv_duration_parse(duration, &event.pause.duration_usec) < 0 || event.pause.duration_usec == 0)) {
                rv_api_reply_error(answer, 400, "\"duration\" must be a duration such as \"2h\" or \"1h30m\"");
                return;
        }
        event.pause.scope = rv_json_string(body, "scope", "");
        if (!check_scope(context->config, event.pause.scope, answer))
                return;
        event.pause.actor = call->actor;
        event.pause.note = rv_json_string(body, "note", NULL);
        if (rv_api_submit(context, &event, &outcome, answer))
                list(context, answer);
}

/* The scope may name what is no longer configured: its pause must go all the same. */
static void resume_scope(struct rv_api_context *context, const struct rv_http_call *call,
                         struct rv_http_answer *answer) {
        const char *scope = rv_http_call_query(call, "scope");
        struct rv_api_outcome outcome = {};
        struct rv_event event = {.kind = RV_EVENT_RESUME, .pause = {.scope = scope ? scope : "", .actor = call->actor}};

        if (rv_api_submit(context, &event, &outcome, answer))
                list(context, answer);
}

void rv_api_pauses(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        struct rv_api_context *context = userdata;

        if (rv_api_is_foreign(context, call, answer))
                return;
        if (strcmp(call->method, "POST") == 0)
                pause_scope(context, call, answer);
        else if (strcmp(call->method, "DELETE") == 0)
                resume_scope(context, call, answer);
        else
                list(context, answer);
}
