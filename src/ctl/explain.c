/* revertctl explain */
#include "ctl/verbs.h"

#include "ctl/api.h"
#include "ctl/paint.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/incident.h"
#include "revertd/number.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const json_t *find_rule(const json_t *answer, const char *name) {
        const json_t *rule;
        size_t i;

        json_array_foreach (json_object_get(answer, "rules"), i, rule)
                if (strcmp(rv_json_string(rule, "name", ""), name) == 0)
                        return rule;
        return NULL;
}

static const json_t *find_series(const json_t *rule, const json_t *labels) {
        const json_t *series;
        size_t i;

        json_array_foreach (json_object_get(rule, "series"), i, series)
                if (json_equal(json_object_get(series, "labels"), labels))
                        return series;
        return NULL;
}

/* What the rule sees of the label set. */
static void print_sample(const json_t *rule, const json_t *series) {
        double value = rv_value_from_json(json_object_get(series, "value"));
        int64_t onset_usec = rv_json_int(series, "onset_usec", 0);
        char number[RV_NUMBER_TEXT_MAX], time[PAINT_TIME_MAX];
        const char *breach = rv_json_string(rule, "breach", NULL);

        printf("%sNow%s\n  ", paint_begin(stdout, BOLD), paint_end(stdout, BOLD));
        if (!series)
                fputs("the rule does not know this label set: nothing was heard of it yet, or not for an hour", stdout);
        else {
                paint_text(stdout, rv_json_string(series, "verdict", "?"));
                if (!isnan(value))
                        printf(": %s", rv_number_format_short(value, number));
                if (breach) {
                        fputs(", in breach if ", stdout);
                        paint_text(stdout, breach);
                }
                if (onset_usec > 0)
                        printf("\n  %s since %s", rv_json_string(series, "state", "pending"),
                               paint_time(onset_usec, time));
        }
        fputs("\n  mode ", stdout);
        paint_text(stdout, rv_json_string(rule, "mode", "?"));
        fputs("\n\n", stdout);
}

/* A look ends as declined in any case; without an objection that is because it only looked. */
static int print_all(const struct args *args, const json_t *rules, const json_t *labels, const json_t *answer) {
        const json_t *rule = find_rule(rules, args->operand[0]), *series = find_series(rule, labels);
        const json_t *incident = json_object_get(answer, "incident");

        if (args->output == CTL_JSON) {
                _cleanup_json_ json_t *all = json_pack("{s:O?, s:O}", "series", series, "incident", incident);
                return all ? ctl_print_json(all) : ctl_oom();
        }
        print_sample(rule, series);
        incident_print(stdout, incident, json_object_get(answer, "transitions"), rv_json_string(rule, "breach", NULL),
                       true, rv_clock_realtime_usec());
        return CTL_OK;
}

static int explain_locally(const struct args *args, const json_t *labels) {
        struct args local = *args;

        local.rule = args->operand[0];
        local.dry_run = true;
        return revert_locally(&local, labels, NULL);
}

int verb_explain(const struct args *args) {
        _cleanup_json_ json_t *labels = NULL;
        _cleanup_json_ json_t *revisions = NULL;
        _cleanup_json_ json_t *rules = NULL;
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_json_ json_t *last = NULL;
        struct rv_error err = {0};

        int status = operands_sort(args, 1, &labels, &revisions);
        if (status >= 0)
                return status;
        if (revisions)
                return args_complain(args, "labels are wanted, as in app=checkout");
        if (!labels && !(labels = json_object()))
                return ctl_oom();
        if (args->no_daemon)
                return explain_locally(args, labels);
        _cleanup_json_ json_t *body =
                json_pack("{s:s, s:O, s:b}", "rule", args->operand[0], "labels", labels, "dry_run", true);
        if (!body)
                return ctl_oom();
        int r = api_call(args, "GET", "/api/v1/rules", NULL, &rules, &err);
        if (r == 0)
                r = api_call(args, "POST", "/api/v1/reverts", body, &answer, &err);
        if (r == -ECONNREFUSED && args->is_default_socket) {
                fprintf(stderr, "No revertd at %s: the Git worker is run from here.\n", args->socket);
                return explain_locally(args, labels);
        }
        if (r < 0)
                return ctl_fail(&err);
        status = incident_follow(args, rv_json_string(answer, "incident", ""), 0, true, &last);
        return last ? print_all(args, rules, labels, last) : status;
}
