/* The configured operators: questions under way, and what is asked where. */
#include "operator/nudge.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum { ANSWER_BYTES_MAX = 8 * 1024 * 1024 };

struct one {
        char *name;
        enum rv_operator_type type;
        bool nudge;
        struct rv_http_target *target;
        struct rv_operator_metrics metrics;
};

struct question {
        struct rv_operators *operators;
        size_t index;
        char *space, *name; /* space NULL: the operator's own */
        bool nudge;
        struct rv_http_transfer *transfer;
        rv_applied_callback callback;
        void *userdata;
        struct question *prev, *next;
};

struct rv_operators {
        struct rv_http_client *client;
        struct one *one;
        size_t n;
        struct question *questions;
        struct nudger *nudger;
};

/* -- where -- */

#define KUBERNETES_PATH "/apis/%s/namespaces/%s/%s/%s"
#define ARGOCD_GROUP "argoproj.io/v1alpha1"
#define KUSTOMIZE_GROUP "kustomize.toolkit.fluxcd.io/v1"
#define SOURCE_GROUP "source.toolkit.fluxcd.io/v1"

/* NULL: out of memory. */
static char *write_path(enum rv_operator_type type, const char *space, const char *name) {
        char *path;
        int r = 0;

        switch (type) {
        case RV_OPERATOR_ARGOCD:
                r = asprintf(&path, "/api/v1/applications/%s%s%s", name, space ? "?appNamespace=" : "",
                             space ? space : "");
                break;
        case RV_OPERATOR_ARGOCD_KUBERNETES:
                r = asprintf(&path, KUBERNETES_PATH, ARGOCD_GROUP, space, "applications", name);
                break;
        default:
                r = asprintf(&path, KUBERNETES_PATH, KUSTOMIZE_GROUP, space, "kustomizations", name);
                break;
        }
        return r < 0 ? NULL : path;
}

/* -- telling that there is something new -- */

static bool add_step(struct nudge *nudge, const char *method, char *path, char *body) {
        nudge->step[nudge->n_steps++] = (struct nudge_step){method, path, body};
        return path && (body || !method);
}

static char *write_annotation(const char *key, const char *value) {
        char *body;

        return asprintf(&body, "{\"metadata\":{\"annotations\":{\"%s\":\"%s\"}}}", key, value) < 0 ? NULL : body;
}

static bool add_refresh(struct nudge *nudge, const struct question *question) {
        char *path = write_path(RV_OPERATOR_ARGOCD, question->space, question->name), *refreshing;
        bool is_written = path && asprintf(&refreshing, "%s%srefresh=normal", path, question->space ? "&" : "?") >= 0;

        free(path);
        return add_step(nudge, NULL, is_written ? refreshing : NULL, NULL);
}

/* The source is to be fetched first; a Kustomization follows its source by itself, but for the waits between retries. */
static bool add_reconcile(struct nudge *nudge, const struct question *question, const struct rv_flux_source *source) {
        static const char requested[] = "reconcile.fluxcd.io/requestedAt";
        char now[RV_TIME_TEXT_MAX], *path;

        rv_time_format(rv_clock_realtime_usec(), now);
        if (*source->name &&
            asprintf(&path, KUBERNETES_PATH, SOURCE_GROUP, source->space, "gitrepositories", source->name) < 0)
                return false;
        if (*source->name && !add_step(nudge, "PATCH", path, write_annotation(requested, now)))
                return false;
        return add_step(nudge, "PATCH", write_path(RV_OPERATOR_FLUX, question->space, question->name),
                        write_annotation(requested, now));
}

static void start_nudge(const struct question *question, const struct rv_flux_source *source) {
        struct one *one = &question->operators->one[question->index];
        struct nudge nudge = {.index = question->index,
                              .target = one->target,
                              .metrics = &one->metrics,
                              .application = strdup(question->name)};
        bool is_whole;

        switch (one->type) {
        case RV_OPERATOR_ARGOCD:
                is_whole = add_refresh(&nudge, question);
                break;
        case RV_OPERATOR_ARGOCD_KUBERNETES:
                is_whole = add_step(&nudge, "PATCH", write_path(one->type, question->space, question->name),
                                    write_annotation("argocd.argoproj.io/refresh", "normal"));
                break;
        default:
                is_whole = add_reconcile(&nudge, question, source);
                break;
        }
        if (is_whole && nudge.application)
                nudge_start(question->operators->nudger, &nudge);
        else
                nudge_done(&nudge); /* out of memory: it finds out by itself */
}

/* -- a question -- */

static void question_free(struct question *question) {
        DL_DELETE(question->operators->questions, question);
        free(question->space);
        free(question->name);
        free(question);
}

static void on_response(const struct rv_http_response *response, void *userdata) {
        struct question *question = userdata;
        struct one *one = &question->operators->one[question->index];
        rv_applied_callback callback = question->callback;
        void *theirs = question->userdata;
        struct rv_applied applied;
        struct rv_flux_source source = {0};
        struct rv_error err = {0};
        int r;

        if (one->type == RV_OPERATOR_FLUX)
                r = rv_flux_parse(response, &applied, &source, &err);
        else
                r = rv_argocd_parse(response, &applied, &err);
        one->metrics.seconds_sum += (double)response->duration_usec / (double)RV_USEC_PER_SEC;
        if (r < 0) {
                one->metrics.failures++;
                rv_error_prefix(&err, r, "operator %s: application %s", one->name, question->name);
        } else if (question->nudge && one->nudge)
                start_nudge(question, &source);
        question_free(question);
        callback(r < 0 ? NULL : &applied, r < 0 ? &err : NULL, theirs);
        rv_applied_done(&applied);
}

int rv_operator_ask(struct rv_operators *operators, size_t index, const char *space, const char *name, bool nudge,
                    rv_applied_callback callback, void *userdata, struct rv_error *err) {
        struct one *one = &operators->one[index];
        _cleanup_free_ char *path = write_path(one->type, space, name);
        struct question *question = calloc(1, sizeof(*question));
        int r;

        if (!path || !question) {
                free(question);
                return rv_error_oom(err);
        }
        *question = (struct question){.operators = operators,
                                      .index = index,
                                      .space = space ? strdup(space) : NULL,
                                      .name = strdup(name),
                                      .nudge = nudge,
                                      .callback = callback,
                                      .userdata = userdata};
        DL_APPEND(operators->questions, question);
        if (!question->name || (space && !question->space)) {
                question_free(question);
                return rv_error_oom(err);
        }
        one->metrics.questions++;
        r = rv_http_send(operators->client, one->target,
                         &(struct rv_http_request){.path = path, .response_bytes_max = ANSWER_BYTES_MAX}, on_response,
                         question, &question->transfer, err);
        if (r < 0) {
                one->metrics.failures++;
                question_free(question);
        }
        return r;
}

/* -- the operators -- */

static int operator_init(struct one *one, const struct rv_operator_config *config, const char *credentials_directory,
                         struct rv_error *err) {
        int r;

        one->type = config->type;
        one->nudge = config->nudge;
        one->name = strdup(config->name);
        if (!one->name)
                return rv_error_oom(err);
        r = rv_http_target_new(&one->target, &config->endpoint, credentials_directory, err);
        return r < 0 ? rv_error_prefix(err, r, "operator %s", config->name) : 0;
}

int rv_operators_new(struct rv_operators **ret, const struct rv_config *config, struct rv_http_client *client,
                     rv_nudged_callback nudged, void *userdata, struct rv_error *err) {
        struct rv_operators *operators = calloc(1, sizeof(*operators));

        if (!operators)
                return rv_error_oom(err);
        operators->client = client;
        operators->one = calloc(config->n_operators + 1, sizeof(*operators->one));
        if (!operators->one || nudger_new(&operators->nudger, client, nudged, userdata) < 0) {
                rv_operators_free(operators);
                return rv_error_oom(err);
        }
        while (operators->n < config->n_operators) {
                size_t i = operators->n++;
                int r = operator_init(&operators->one[i], &config->operators[i], config->credentials_directory, err);

                if (r < 0) {
                        rv_operators_free(operators);
                        return r;
                }
        }
        *ret = operators;
        return 0;
}

struct rv_operators *rv_operators_free(struct rv_operators *operators) {
        if (!operators)
                return NULL;
        while (operators->questions) {
                rv_http_cancel(operators->questions->transfer);
                question_free(operators->questions);
        }
        nudger_free(operators->nudger);
        for (size_t i = 0; i < operators->n; i++) {
                rv_http_target_unref(operators->one[i].target);
                free(operators->one[i].name);
        }
        free(operators->one);
        free(operators);
        return NULL;
}

const struct rv_operator_metrics *rv_operator_get_metrics(const struct rv_operators *operators, size_t index) {
        return &operators->one[index].metrics;
}
