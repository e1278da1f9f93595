/* revertctl incidents */
#include "ctl/verbs.h"

#include "ctl/api.h"
#include "ctl/incident_text.h"
#include "ctl/say.h"
#include "ctl/table.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <stdlib.h>
#include <string.h>

static char *make_path(const struct args *args) {
        _cleanup_free_ char *state = args->state ? api_path("&state=", args->state) : strdup("");
        _cleanup_free_ char *rule = args->rule ? api_path("&rule=", args->rule) : strdup("");
        char *path = NULL;

        if (!state || !rule || asprintf(&path, "/api/v1/incidents?limit=%d%s%s", args->limit, state, rule) < 0)
                return NULL;
        return path;
}

static void add_incident(struct table *table, const json_t *incident, int64_t now_usec) {
        const json_t *commit = json_object_get(json_array_get(json_object_get(incident, "suspects"), 0), "commit");
        _cleanup_free_ char *labels = labels_text(json_object_get(incident, "labels"));
        const char *state = rv_json_string(incident, "state", "?");
        const char *reason = rv_json_string(incident, "reason", "none");
        char ago[PAINT_TIME_MAX];

        table_addf(table, BOLD, "%.8s", rv_json_string(incident, "id", "?"));
        table_add(table, PLAIN,
                  paint_ago(rv_json_int(json_object_get(incident, "times"), "detected_usec", 0), now_usec, ago));
        if (strcmp(reason, "none") == 0 || strcmp(reason, state) == 0)
                table_add(table, paint_state(state), state);
        else
                table_addf(table, paint_state(state), "%s: %s", state, reason);
        table_add(table, PLAIN, rv_json_string(incident, "rule", "by hand"));
        table_add(table, PLAIN, labels && strcmp(labels, "{}") != 0 ? labels : "");
        size_t n = incident_culprits(incident);
        if (commit && n > 1)
                table_addf(table, PLAIN, "%.10s and %zu more: %s", rv_json_string(commit, "id", ""), n - 1,
                           rv_json_string(commit, "subject", ""));
        else if (commit)
                table_addf(table, PLAIN, "%.10s %s", rv_json_string(commit, "id", ""),
                           rv_json_string(commit, "subject", ""));
        else
                table_add(table, PLAIN, "");
}

int verb_incidents(const struct args *args) {
        static const char *const titles[] = {"INCIDENT", "DETECTED", "STATE", "RULE", "LABELS", "CULPRIT"};
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_free_ char *path = make_path(args);
        struct rv_error err = {0};
        int64_t now_usec = rv_clock_realtime_usec();
        const json_t *incident;
        size_t i;

        if (!path)
                return ctl_oom();
        if (api_call(args, "GET", path, NULL, &answer, &err) < 0)
                return ctl_fail(&err);
        if (args->output == CTL_JSON)
                return ctl_print_json(answer);
        const json_t *incidents = json_object_get(answer, "incidents");
        if (json_array_size(incidents) == 0) {
                puts(args->state || args->rule ? "No such incident." : "No incident yet.");
                return CTL_OK;
        }
        struct table *table = table_new(titles, RV_ARRAY_SIZE(titles));
        if (!table)
                return ctl_oom();
        json_array_foreach (incidents, i, incident)
                add_incident(table, incident, now_usec);
        int r = table_print(table, stdout, table_terminal_width(stdout));
        table_free(table);
        return r < 0 ? ctl_oom() : CTL_OK;
}
