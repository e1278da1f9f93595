/* revertctl pause, resume */
#include "ctl/verbs.h"

#include "ctl/api.h"
#include "ctl/paint.h"
#include "ctl/say.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <stdlib.h>
#include <string.h>

static void print_scope(const char *scope) {
        const char *colon = strchr(scope, ':');

        if (!scope[0])
                fputs("everything", stdout);
        else if (colon) {
                printf("%.*s ", (int)(colon - scope), scope);
                paint_text(stdout, colon + 1);
        } else
                paint_text(stdout, scope);
}

void pauses_print(const json_t *pauses, int64_t now_usec) {
        const json_t *pause;
        size_t i;

        json_array_foreach (pauses, i, pause) {
                int64_t since_usec = rv_json_int(pause, "since_usec", 0);
                int64_t until_usec = rv_json_int(pause, "until_usec", 0);
                const char *note = rv_json_string(pause, "note", NULL);
                char buf[PAINT_TIME_MAX];

                printf("%sPaused:%s ", paint_begin(stdout, YELLOW), paint_end(stdout, YELLOW));
                print_scope(rv_json_string(pause, "scope", ""));
                if (since_usec > 0) /* of a file on the branch nobody knows */
                        printf(", since %s", paint_time(since_usec, buf));
                fputs(" by ", stdout);
                paint_text(stdout, rv_json_string(pause, "actor", "?"));
                if (until_usec > now_usec)
                        printf(", until %s", paint_time(until_usec, buf));
                if (note) {
                        fputs(": ", stdout);
                        paint_text(stdout, note);
                }
                putchar('\n');
        }
}

/* "", "rule:NAME" or "repository:NAME"; NULL: out of memory. */
static char *scope_of(const struct args *args) {
        char *scope = NULL;
        int n = args->rule         ? asprintf(&scope, "rule:%s", args->rule)
                : args->repository ? asprintf(&scope, "repository:%s", args->repository)
                                   : asprintf(&scope, "%s", "");

        return n < 0 ? NULL : scope;
}

static int finish(const struct args *args, const json_t *answer, const char *none) {
        const json_t *pauses = json_object_get(answer, "pauses");

        if (args->output == CTL_JSON)
                return ctl_print_json(answer);
        if (json_array_size(pauses) == 0)
                puts(none);
        pauses_print(pauses, rv_clock_realtime_usec());
        return CTL_OK;
}

int verb_pause(const struct args *args) {
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_json_ json_t *body = NULL;
        _cleanup_free_ char *scope = scope_of(args);
        struct rv_error err = {0};

        if (args->rule && args->repository)
                return args_complain(args, "--rule and --repository are two pauses: ask for one after the other");
        body = scope ? json_pack("{s:s, s:s*, s:s*}", "scope", scope, "note", args->reason, "duration", args->duration)
                     : NULL;
        if (!scope)
                return ctl_oom();
        if (!body) {
                rv_error_set(&err, -1, "the arguments must be UTF-8");
                return ctl_fail(&err);
        }
        if (api_call(args, "POST", "/api/v1/pauses", body, &answer, &err) < 0)
                return ctl_fail(&err);
        return finish(args, answer, "Paused.");
}

int verb_resume(const struct args *args) {
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_free_ char *scope = scope_of(args);
        _cleanup_free_ char *path = scope ? api_path("/api/v1/pauses?scope=", scope) : NULL;
        struct rv_error err = {0};

        if (args->rule && args->repository)
                return args_complain(args, "--rule and --repository are two pauses: ask for one after the other");
        if (!path)
                return ctl_oom();
        if (api_call(args, "DELETE", path, NULL, &answer, &err) < 0)
                return ctl_fail(&err);
        return finish(args, answer, "Nothing is paused.");
}
