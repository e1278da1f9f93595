/* revertctl show */
#include "ctl/verbs.h"

#include "ctl/api.h"
#include "ctl/say.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"

/* The threshold stands in the rule, which may be gone. Lent by *ret_rules. */
static const char *find_breach(const struct args *args, const json_t *incident, json_t **ret_rules) {
        const char *name = rv_json_string(incident, "rule", NULL);

        if (!name || api_call(args, "GET", "/api/v1/rules", NULL, ret_rules, NULL) < 0)
                return NULL;
        return rv_json_string(rules_find(json_object_get(*ret_rules, "rules"), name), "breach", NULL);
}

int verb_show(const struct args *args) {
        _cleanup_free_ char *path = api_path("/api/v1/incidents/", args->operand[0]);
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_json_ json_t *rules = NULL;
        struct rv_error err = {0};

        if (!path)
                return ctl_oom();
        if (api_call(args, "GET", path, NULL, &answer, &err) < 0)
                return ctl_fail(&err);
        if (args->output == CTL_JSON)
                return ctl_print_json(answer);
        json_t *incident = json_object_get(answer, "incident");
        incident_print(stdout, incident, json_object_get(answer, "transitions"), find_breach(args, incident, &rules),
                       args->diff, rv_clock_realtime_usec());
        return CTL_OK;
}
