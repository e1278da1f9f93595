/* revertctl approve, reject */
#include "ctl/verbs.h"

#include "ctl/api.h"
#include "ctl/paint.h"
#include "ctl/say.h"

#include "revertd/cleanup.h"

#include <string.h>

/* What of its record is there already, so that only news is told. */
static size_t count_transitions(const struct args *args, const char *path) {
        _cleanup_json_ json_t *answer = NULL;

        return api_call(args, "GET", path, NULL, &answer, NULL) < 0
                       ? 0
                       : json_array_size(json_object_get(answer, "transitions"));
}

static int judge(const struct args *args, const char *verb, size_t *ret_seen, json_t **ret) {
        _cleanup_free_ char *path = api_path("/api/v1/incidents/", args->operand[0]);
        _cleanup_free_ char *action = NULL;
        _cleanup_json_ json_t *body = json_pack("{s:s*}", "note", args->reason);
        struct rv_error err = {0};

        if (!path || asprintf(&action, "%s/%s", path, verb) < 0) {
                action = NULL;
                return ctl_oom();
        }
        if (!body) {
                rv_error_set(&err, -1, "the reason must be UTF-8");
                return ctl_fail(&err);
        }
        *ret_seen = count_transitions(args, path);
        return api_call(args, "POST", action, body, ret, &err) < 0 ? ctl_fail(&err) : CTL_OK;
}

int verb_approve(const struct args *args) {
        _cleanup_json_ json_t *answer = NULL;
        size_t seen;
        int status = judge(args, "approve", &seen, &answer);

        return status == CTL_OK ? incident_follow_accepted(args, "Approved", answer, seen) : status;
}

int verb_reject(const struct args *args) {
        _cleanup_json_ json_t *answer = NULL;
        size_t seen;
        int status = judge(args, "reject", &seen, &answer);

        if (status != CTL_OK)
                return status;
        if (args->output == CTL_JSON)
                return ctl_print_json(answer);
        fputs("Rejected ", stdout);
        paint_text(stdout, rv_json_string(answer, "incident", ""));
        puts(": nothing will be reverted for it.");
        return CTL_OK;
}
