#include "handlers.h"

#include "revertd/cleanup.h"
#include "revertd/json.h"
#include "revertd/pathspec.h"

/* The strings of an array, lent by it; free() the array only. NULL: no memory. */
static const char **strings_of(const json_t *array) {
        size_t n = json_array_size(array);
        const char **strings = calloc(n + 1, sizeof(*strings));

        for (size_t i = 0; strings && i < n; i++)
                strings[i] = json_string_value(json_array_get(array, i));
        return strings;
}

/* Rule and repository by name; the rule's repository where none is named. */
static bool find_target(const struct rv_config *config, const json_t *body, struct rv_event *event,
                        struct rv_http_answer *answer) {
        const char *rule_name = rv_json_string(body, "rule", NULL);
        const char *repository_name = rv_json_string(body, "repository", NULL);

        event->revert.rule = rule_name ? rv_config_find_rule(config, rule_name) : -1;
        if (rule_name && event->revert.rule < 0) {
                rv_api_reply_error(answer, 404, "no rule is named \"%s\"", rule_name);
                return false;
        }
        if (!rule_name && !repository_name) {
                rv_api_reply_error(answer, 400, "\"repository\" or \"rule\" is required");
                return false;
        }
        int repository = repository_name ? rv_config_find_repository(config, repository_name)
                                         : config->rules[event->revert.rule].repository;
        if (repository < 0) {
                rv_api_reply_error(answer, 404, "no repository is named \"%s\"", repository_name);
                return false;
        }
        if (rule_name && config->rules[event->revert.rule].repository != repository) {
                rv_api_reply_error(answer, 400, "rule \"%s\" is about another repository than \"%s\"", rule_name,
                                   repository_name);
                return false;
        }
        event->revert.repository = (size_t)repository;
        return true;
}

static bool check_scope(const char *const *scope, size_t n, struct rv_http_answer *answer) {
        struct rv_error err = {};

        for (size_t i = 0; i < n; i++)
                if (rv_pathspec_check(scope[i], &err) < 0) {
                        rv_api_reply_error(answer, 400, "\"scope\": %s", err.text);
                        return false;
                }
        return true;
}

/* revisions: the name of the field with commits. */
static void submit(struct rv_api_context *context, const struct rv_http_call *call, struct rv_http_answer *answer,
                   const struct rv_api_field *fields, size_t n_fields, const char *revisions_name) {
        struct rv_api_outcome outcome = {};
        struct rv_event event = {.kind = RV_EVENT_REVERT};
        struct rv_error err = {};
        _cleanup_labels_ struct rv_labels *labels = NULL;
        _cleanup_free_ const char **revisions = NULL, **scope = NULL;

        if (rv_api_is_foreign(context, call, answer))
                return;
        _cleanup_json_ json_t *body = rv_api_body(call, fields, n_fields, answer);
        if (!body || !find_target(context->config, body, &event, answer))
                return;

        const json_t *labels_json = json_object_get(body, "labels");
        if (labels_json && rv_labels_from_json(&labels, labels_json, NULL, &err) < 0) {
                rv_api_reply_error(answer, 400, "\"labels\": %s", err.text);
                return;
        }
        event.revert.to = rv_json_string(body, "to", NULL);
        revisions = strings_of(json_object_get(body, revisions_name));
        scope = strings_of(json_object_get(body, "scope"));
        if (!revisions || !scope) { /* less than what was asked for could be more than what was meant */
                rv_api_reply_unavailable(answer, "out of memory");
                return;
        }
        event.revert.n_revisions = json_array_size(json_object_get(body, revisions_name));
        event.revert.n_scope = json_array_size(json_object_get(body, "scope"));
        if (event.revert.to && json_object_get(body, revisions_name) && event.revert.n_revisions == 0) {
                rv_api_reply_error(answer, 400, "\"%s\" must not be empty", revisions_name);
                return;
        }
        if (event.revert.rule < 0 && !event.revert.to && event.revert.n_revisions == 0) {
                rv_api_reply_error(answer, 400, "\"revisions\" are required without a \"rule\"");
                return;
        }
        if (event.revert.rule < 0 && event.revert.to && event.revert.n_scope == 0) {
                rv_api_reply_error(answer, 400, "\"scope\" is required without a \"rule\"");
                return;
        }
        if (!check_scope(scope, event.revert.n_scope, answer))
                return;

        event.revert.labels = labels;
        event.revert.revisions = revisions;
        event.revert.scope = scope;
        event.revert.actor = call->actor;
        event.revert.note = rv_json_string(body, "note", NULL);
        event.revert.force = rv_json_bool(body, "force", false);
        event.revert.dry_run = rv_json_bool(body, "dry_run", false);
        if (rv_api_submit(context, &event, &outcome, answer))
                rv_api_reply_json(answer, 202, json_pack("{s:s}", "incident", outcome.incident));
}

void rv_api_reverts(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        static const struct rv_api_field fields[] = {
                {"repository", RV_API_STRING, false}, {"rule", RV_API_STRING, false},
                {"labels", RV_API_LABELS, false},     {"revisions", RV_API_STRINGS, false},
                {"scope", RV_API_STRINGS, false},     {"note", RV_API_STRING, false},
                {"force", RV_API_BOOL, false},        {"dry_run", RV_API_BOOL, false},
        };

        submit(userdata, call, answer, fields, RV_ARRAY_SIZE(fields), "revisions");
}

/* "undoes": what a person has seen that it would. */
void rv_api_restores(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        static const struct rv_api_field fields[] = {
                {"repository", RV_API_STRING, false}, {"rule", RV_API_STRING, false},
                {"labels", RV_API_LABELS, false},     {"to", RV_API_STRING, true},
                {"undoes", RV_API_STRINGS, false},    {"scope", RV_API_STRINGS, false},
                {"note", RV_API_STRING, false},       {"force", RV_API_BOOL, false},
                {"dry_run", RV_API_BOOL, false},
        };

        submit(userdata, call, answer, fields, RV_ARRAY_SIZE(fields), "undoes");
}
