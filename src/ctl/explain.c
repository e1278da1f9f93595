/* revertctl explain */
#include "ctl/verbs.h"

#include "ctl/api.h"
#include "ctl/asker.h"
#include "ctl/paint.h"
#include "ctl/say.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/incident.h"
#include "revertd/number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FOLLOWED_USEC RV_USEC_PER_HOUR
#define LOOK_POLL_USEC (50 * RV_USEC_PER_MSEC)
#define LOOK_USEC_MAX (12 * RV_USEC_PER_MINUTE) /* a little longer than the daemon tries */

/* What the rule sees of the label set. */
static void print_sample(const json_t *rule, const json_t *series, bool is_from_here) {
        double value = rv_value_from_json(json_object_get(series, "value"));
        int64_t onset_usec = rv_json_int(series, "onset_usec", 0);
        char number[RV_NUMBER_TEXT_MAX], time[PAINT_TIME_MAX];
        const char *breach = rv_json_string(rule, "breach", NULL);

        printf("\n%sNow%s\n  ", paint_begin(stdout, BOLD), paint_end(stdout, BOLD));
        if (!series)
                fputs(strcmp(rv_json_string(rule, "kind", ""), "alerts") != 0
                              ? "the rule does not know this label set (a series has all of its labels): nothing was "
                                "heard of it yet, or not for an hour; revertctl rules RULE lists those that it knows"
                              : "no alert with exactly these labels was heard of yet, or not for an hour",
                      stdout);
        else {
                paint_text(stdout, rv_json_string(series, "verdict", "?"));
                if (!isnan(value))
                        printf(": %s", rv_number_format_judged(value, breach, number));
                if (breach) {
                        fputs(", bad when ", stdout);
                        paint_text(stdout, breach);
                }
                if (onset_usec > 0)
                        printf("\n  %s since %s", rv_json_string(series, "state", "pending"),
                               paint_time(onset_usec, time));
        }
        if (rv_json_string(series, "incident", NULL)) {
                fputs("\n  an incident is under way for it, which does not begin anew: revertctl show ", stdout);
                paint_id(stdout, rv_json_string(series, "incident", ""), 8);
        } else if (!is_from_here && strcmp(rv_json_string(series, "state", ""), "firing") == 0) {
                fputs("\n  its incident has ended, and no other begins before it was well once: revertctl incidents "
                      "--rule=",
                      stdout);
                paint_text(stdout, rv_json_string(rule, "name", ""));
        }
        fputs("\n  Mode        ", stdout);
        paint_text(stdout, rv_json_string(rule, "mode", "?"));
        fputc('\n', stdout);
}

/* A look is made by the daemon, and asked for until it is done. */
static int look(const struct args *args, const json_t *labels, json_t **ret, struct rv_error *err) {
        _cleanup_free_ char *text = rv_json_dump(labels);
        _cleanup_free_ char *rule = api_path("/api/v1/explain?rule=", args->operand[0]);
        _cleanup_free_ char *path = NULL, *whole = NULL, *where = NULL;
        _cleanup_json_ json_t *started = NULL;
        const struct timespec pause = {.tv_nsec = LOOK_POLL_USEC * 1000};
        int64_t start_usec = rv_clock_monotonic_usec();
        int r;

        path = text ? api_path("&labels=", text) : NULL;
        if (!rule || !path || asprintf(&whole, "%s%s", rule, path) < 0) {
                whole = NULL;
                return rv_error_oom(err);
        }
        r = api_call(args, "GET", whole, NULL, &started, err);
        if (r < 0)
                return r;
        where = api_path("/api/v1/explain/", rv_json_string(started, "id", ""));
        if (!where)
                return rv_error_oom(err);
        for (;;) {
                r = api_call(args, "GET", where, NULL, ret, err);
                if (r < 0 || rv_json_bool(*ret, "done", false))
                        return r;
                json_decref(RV_TAKE(*ret));
                if (rv_clock_monotonic_usec() - start_usec > LOOK_USEC_MAX)
                        return rv_error_set(err, -ETIMEDOUT,
                                            "the look takes too long; how is the repository? revertctl status");
                nanosleep(&pause, NULL);
        }
}

static int print_all(const struct args *args, const json_t *answer, bool is_from_here) {
        const json_t *rule = json_object_get(answer, "rule");

        if (args->output == CTL_JSON)
                return ctl_print_json(answer);
        look_print(stdout, answer);
        print_sample(rule, json_is_object(json_object_get(answer, "series")) ? json_object_get(answer, "series") : NULL,
                     is_from_here);
        look_print_rest(stdout, answer);
        return CTL_OK;
}

/* -- without a daemon: the engine follows the newest data from here -- */

static int complete(const json_t *rule, json_t *labels, void *userdata) {
        (void)userdata;
        return label_sets_complete(rule, labels) < 0 ? 0 : -ECANCELED;
}

static int explain_from_here(const struct args *args, struct rv_backtest *b, bool *rules, json_t *labels, json_t **ret,
                             struct rv_error *err) {
        int index = rv_config_find_rule(b->config, args->operand[0]);
        const struct rv_rule_config *rule;

        if (index < 0)
                return rv_error_set(err, -ENOENT, "no rule is named %s", args->operand[0]);
        rule = &b->config->rules[index];
        rules[index] = true;
        b->to_usec = rv_clock_realtime_usec();
        b->from_usec = b->to_usec - FOLLOWED_USEC - 2 * rule->for_usec;
        b->from_usec -= b->from_usec % RV_USEC_PER_SEC;
        return rv_lab_explain(b, (size_t)index, labels, complete, ret, err);
}

static int explain_locally(const struct args *args, json_t *labels) {
        _cleanup_json_ json_t *answer = NULL;
        struct rv_error err = {0};
        struct rv_backtest *b;
        struct asker *asker;
        bool *rules;

        if (asker_new(&asker, args, &b, &rules, &err) < 0)
                return ctl_fail(&err);
        int r = explain_from_here(args, b, rules, labels, &answer, &err);
        asker_free(asker);
        if (r == -ECANCELED)
                return CTL_FAILED;
        if (r < 0)
                return ctl_fail(&err);
        fputs("Without a daemon its pauses, cooldowns, budgets and other incidents are not known; alerts are as "
              "Prometheus has them,\nand when a commit arrived is taken from its commit time.\n",
              stderr);
        return print_all(args, answer, true);
}

int verb_explain(const struct args *args) {
        _cleanup_json_ json_t *labels = NULL;
        _cleanup_json_ json_t *revisions = NULL;
        _cleanup_json_ json_t *answer = NULL;
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
        status = label_sets_ask(args, args->operand[0], labels);
        if (status >= 0)
                return status;
        int r = look(args, labels, &answer, &err);
        if (r == -ECONNREFUSED && args->is_default_socket) {
                fprintf(stderr, "No revertd at %s: the Git worker is run from here.\n", args->socket);
                return explain_locally(args, labels);
        }
        return r < 0 ? ctl_fail(&err) : print_all(args, answer, false);
}
