#include "ctl/asker.h"

#include "ctl/paint.h"
#include "ctl/worker.h"

#include "revertd/build.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APPLY_DEFAULT_USEC (2 * RV_USEC_PER_MINUTE)

struct asker {
        const struct args *args;
        struct rv_backtest b;
        bool *rules;
        sd_event *event;
        struct rv_http_client *client;
        struct rv_prometheus *prometheus;
        struct worker **worker; /* by repository */
        bool tells;
        int told; /* percent; −1: nothing */

        /* Of the query under way. */
        struct rv_range *range;
        struct rv_error *err;
        int result;
        bool is_done;
};

struct asker *asker_free(struct asker *a) {
        if (!a)
                return NULL;
        if (a->told >= 0 && paint_is_on(stderr))
                fputs("\r\x1B[K", stderr);
        for (size_t i = 0; a->worker && i < a->b.config->n_repositories; i++)
                worker_free(a->worker[i]);
        free(a->worker);
        rv_prometheus_free(a->prometheus);
        rv_http_client_free(a->client);
        sd_event_unref(a->event);
        free(a->rules);
        rv_config_unref(a->b.config);
        free(a);
        return NULL;
}

/* -- what the lab asks -- */

static void on_range(const struct rv_range *range, int code, const struct rv_error *err, void *userdata) {
        struct asker *a = userdata;

        a->is_done = true;
        a->result = code;
        if (code < 0) {
                *a->err = *err;
                return;
        }
        *a->range = *range; /* the lender's copy is emptied, so that the rows change hands */
        *(struct rv_range *)range = (struct rv_range){0};
}

static int ask_range(void *userdata, size_t prometheus, const char *expr, int64_t from_usec, int64_t step_usec,
                     size_t n_steps, struct rv_range *ret, struct rv_error *err) {
        struct asker *a = userdata;
        int r;

        a->range = ret;
        a->err = err;
        a->is_done = false;
        r = rv_prometheus_query_range(a->prometheus, prometheus, expr, from_usec, step_usec, n_steps, on_range, a, err);
        while (r >= 0 && !a->is_done)
                r = sd_event_run(a->event, (uint64_t)RV_USEC_PER_SEC);
        if (r >= 0)
                r = a->result;
        return r < 0 ? rv_error_prefix(err, r, "prometheus %s", a->b.config->prometheus[prometheus].name) : 0;
}

/* Pushes are not even passed on. */
static int ask_git(void *userdata, size_t repository, struct rv_git_request *request, struct rv_git_reply **ret,
                   struct rv_error *err) {
        struct asker *a = userdata;
        const struct rv_repository_config *config = &a->b.config->repositories[repository];
        bool is_read = request->op == RV_GIT_HISTORY || request->op == RV_GIT_PLAN;
        int r = is_read ? 0 : rv_error_set(err, -EPERM, "a backtest only reads");

        if (r == 0 && !a->worker[repository])
                r = worker_new(&a->worker[repository], a->args, config, true, err);
        if (r < 0) {
                rv_git_request_free(request);
                return r;
        }
        enum rv_git_op op = request->op;
        if (op == RV_GIT_PLAN)
                request->spec.time_usec = rv_clock_realtime_usec(); /* the policy takes no times of long ago */
        r = op == RV_GIT_HISTORY ? worker_ask_ok(a->worker[repository], request, ret, err)
                                 : worker_ask(a->worker[repository], request, ret, err);
        return r < 0 ? rv_error_prefix(err, r, "repository %s", config->name) : 0;
}

static void tell_progress(void *userdata, int64_t at_usec) {
        struct asker *a = userdata;
        int percent = (int)(100 * (at_usec - a->b.from_usec) / (a->b.to_usec - a->b.from_usec + 1));
        char time[PAINT_TIME_MAX];

        if (!a->tells || percent == a->told)
                return;
        a->told = percent;
        fprintf(stderr, paint_is_on(stderr) ? "\r\x1B[K%3d %%  %s" : "%3d %%  %s\n", percent,
                paint_time(at_usec, time));
}

/* -- from the configuration -- */

static int prepare(struct asker *a, struct rv_error *err) {
        int r = ctl_load_config(a->args, &a->b.config, err);

        if (r < 0)
                return r;
        a->rules = calloc(a->b.config->n_rules + 1, sizeof(*a->rules));
        a->worker = calloc(a->b.config->n_repositories + 1, sizeof(struct worker *));
        if (!a->rules || !a->worker)
                return rv_error_oom(err);
        r = sd_event_new(&a->event);
        if (r < 0)
                return rv_error_set(err, r, "event loop: %s", strerror(-r));
        if (rv_http_client_new(&a->client, a->event, "revertctl/" RV_VERSION) < 0)
                return rv_error_oom(err);
        return rv_prometheus_new(&a->prometheus, a->b.config, a->client, err);
}

int asker_new(struct asker **ret, const struct args *args, struct rv_backtest **ret_backtest, bool **ret_rules,
              struct rv_error *err) {
        struct asker *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return rv_error_oom(err);
        a->args = args;
        a->told = -1;
        r = prepare(a, err);
        if (r < 0) {
                asker_free(a);
                return r;
        }
        a->tells = args->progress || isatty(STDERR_FILENO);
        a->b.rules = a->rules;
        a->b.apply_usec = args->apply_usec > 0 ? args->apply_usec : APPLY_DEFAULT_USEC;
        a->b.range = ask_range;
        a->b.git = ask_git;
        a->b.progress = tell_progress;
        a->b.userdata = a;
        *ret_backtest = &a->b;
        *ret_rules = a->rules;
        *ret = a;
        return 0;
}
