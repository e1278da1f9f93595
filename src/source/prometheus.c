/* Instant queries to the configured servers. */

#include "source/prometheus.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <utlist.h>

enum {
        ANSWER_BYTES_MAX = 16 * 1024 * 1024,
        EXPR_BYTES_MAX = 1024 * 1024,
        FORM_BYTES_MAX = 128, /* of a form's body, without the expression */
};

struct server {
        char *name;
        struct rv_http_target *target;
        int64_t timeout_usec;
        struct rv_prometheus_metrics metrics;
};

struct query {
        struct rv_prometheus *prometheus;
        struct server *server;
        struct rv_http_transfer *transfer;
        struct query *prev, *next;
        rv_query_callback callback;
        void *userdata;
};

struct rv_prometheus {
        struct rv_http_client *client;
        struct server *server;
        size_t n;
        struct query *queries;
        char *form; /* where bodies are written; rv_http_send() copies them */
        size_t form_size;
};

/* -- a query -- */

char *prometheus_encode(char *to, const char *s) {
        static const char hex[] = "0123456789ABCDEF";

        for (; *s; s++) {
                unsigned char c = (unsigned char)*s;
                if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c))
                        *to++ = (char)c;
                else {
                        *to++ = '%';
                        *to++ = hex[c >> 4];
                        *to++ = hex[c & 15];
                }
        }
        return to;
}

static int write_form(struct rv_prometheus *prometheus, const char *expr, int64_t at_usec, int64_t timeout_usec,
                      size_t *ret_bytes, struct rv_error *err) {
        size_t n = strlen(expr);

        if (n > EXPR_BYTES_MAX)
                return rv_error_set(err, -E2BIG, "an expression of %zu bytes, over %d", n, EXPR_BYTES_MAX);
        if (3 * n + FORM_BYTES_MAX > prometheus->form_size) {
                char *form = realloc(prometheus->form, 3 * n + FORM_BYTES_MAX);
                if (!form)
                        return rv_error_oom(err);
                prometheus->form = form;
                prometheus->form_size = 3 * n + FORM_BYTES_MAX;
        }
        char *end = prometheus_encode(stpcpy(prometheus->form, "query="), expr);
        int64_t at_msec = at_usec / RV_USEC_PER_MSEC;
        end += snprintf(end, (size_t)(prometheus->form + prometheus->form_size - end),
                        "&time=%" PRId64 ".%03" PRId64 "&timeout=%" PRId64 "ms", at_msec / 1000, at_msec % 1000,
                        timeout_usec / RV_USEC_PER_MSEC);
        *ret_bytes = (size_t)(end - prometheus->form);
        return 0;
}

static void on_response(const struct rv_http_response *response, void *userdata) {
        struct query *query = userdata;
        struct server *server = query->server;
        struct rv_samples samples = {0};
        struct rv_error err;
        int r;

        DL_DELETE(query->prometheus->queries, query);
        server->metrics.seconds_sum += (double)response->duration_usec / (double)RV_USEC_PER_SEC;
        r = rv_prometheus_parse(response, &samples, &err);
        if (r < 0) {
                server->metrics.failures++;
                rv_error_prefix(&err, r, "prometheus %s", server->name);
                query->callback(NULL, &err, query->userdata);
        } else
                query->callback(&samples, NULL, query->userdata);
        rv_samples_done(&samples);
        free(query);
}

int prometheus_start(struct rv_prometheus *prometheus, size_t index, const char *expr, int64_t at_usec,
                     rv_query_callback callback, void *userdata, struct query **ret, struct rv_error *err) {
        struct server *server = &prometheus->server[index];
        struct rv_http_request request = {.path = "/api/v1/query",
                                          .content_type = "application/x-www-form-urlencoded",
                                          .response_bytes_max = ANSWER_BYTES_MAX};
        _cleanup_free_ struct query *query = malloc(sizeof(*query));
        int r;

        if (!query)
                return rv_error_oom(err);
        *query = (struct query){.prometheus = prometheus, .server = server, .callback = callback, .userdata = userdata};
        server->metrics.queries++;
        r = write_form(prometheus, expr, at_usec, server->timeout_usec, &request.body_bytes, err);
        if (r >= 0) {
                request.body = prometheus->form;
                r = rv_http_send(prometheus->client, server->target, &request, on_response, query, &query->transfer,
                                 err);
        }
        if (r < 0) {
                server->metrics.failures++;
                return rv_error_prefix(err, r, "prometheus %s", server->name);
        }
        DL_APPEND(prometheus->queries, query);
        *ret = RV_TAKE(query);
        return 0;
}

void prometheus_cancel(struct query *query) {
        rv_http_cancel(query->transfer);
        DL_DELETE(query->prometheus->queries, query);
        free(query);
}

int rv_prometheus_query(struct rv_prometheus *prometheus, size_t index, const char *expr, int64_t at_usec,
                        rv_query_callback callback, void *userdata, struct rv_error *err) {
        struct query *query;

        return prometheus_start(prometheus, index, expr, at_usec, callback, userdata, &query, err);
}

/* -- the servers -- */

static int server_init(struct server *server, const struct rv_prometheus_config *config,
                       const char *credentials_directory, struct rv_error *err) {
        server->name = strdup(config->name);
        if (!server->name)
                return rv_error_oom(err);
        server->timeout_usec = config->endpoint.timeout_usec;
        int r = rv_http_target_new(&server->target, &config->endpoint, credentials_directory, err);
        return r < 0 ? rv_error_prefix(err, r, "prometheus %s", config->name) : 0;
}

int rv_prometheus_new(struct rv_prometheus **ret, const struct rv_config *config, struct rv_http_client *client,
                      struct rv_error *err) {
        struct rv_prometheus *prometheus = calloc(1, sizeof(*prometheus));

        if (!prometheus)
                return rv_error_oom(err);
        prometheus->client = client;
        prometheus->server = calloc(config->n_prometheus + 1, sizeof(*prometheus->server));
        if (!prometheus->server) {
                free(prometheus);
                return rv_error_oom(err);
        }
        for (; prometheus->n < config->n_prometheus; prometheus->n++) {
                size_t i = prometheus->n;
                int r = server_init(&prometheus->server[i], &config->prometheus[i], config->credentials_directory, err);
                if (r < 0) {
                        free(prometheus->server[i].name);
                        rv_prometheus_free(prometheus);
                        return r;
                }
        }
        *ret = prometheus;
        return 0;
}

struct rv_prometheus *rv_prometheus_free(struct rv_prometheus *prometheus) {
        if (!prometheus)
                return NULL;
        while (prometheus->queries)
                prometheus_cancel(prometheus->queries);
        for (size_t i = 0; i < prometheus->n; i++) {
                rv_http_target_unref(prometheus->server[i].target);
                free(prometheus->server[i].name);
        }
        free(prometheus->server);
        free(prometheus->form);
        free(prometheus);
        return NULL;
}

const struct rv_prometheus_metrics *rv_prometheus_get_metrics(const struct rv_prometheus *prometheus, size_t index) {
        return &prometheus->server[index].metrics;
}

struct rv_http_client *prometheus_client(struct rv_prometheus *prometheus) {
        return prometheus->client;
}

struct rv_http_target *prometheus_target(struct rv_prometheus *prometheus, size_t index, int64_t *ret_timeout_usec) {
        *ret_timeout_usec = prometheus->server[index].timeout_usec;
        return prometheus->server[index].target;
}
