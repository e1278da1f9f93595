/* Instant queries to the configured servers. Where a server has `healthy`, that is asked first, and then now and then;
 * the queries wait for its answer, and fail when the server is not well: what it says would be no evidence. */

#include "source/prometheus.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "source/health.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <utlist.h>

enum {
        ANSWER_BYTES_MAX = 16 * 1024 * 1024,
        EXPR_BYTES_MAX = 1024 * 1024,
        FORM_BYTES_MAX = 128, /* of a form's body, without the expression */
};
#define HEALTH_KEPT_USEC (10 * RV_USEC_PER_SEC) /* an answer to `healthy` holds for so long */

struct server {
        char *name;
        struct rv_http_target *target;
        int64_t timeout_usec, max_skew_usec;
        char *healthy;           /* NULL: it is not asked */
        struct query *waiting;   /* for the answer to it */
        bool is_asked;           /* it is under way */
        unsigned n_asked;        /* how often it was */
        int64_t well_until_usec; /* boot clock; 0: not known to be well */
        struct rv_prometheus_metrics metrics;
};

struct query {
        struct rv_prometheus *prometheus;
        struct server *server;
        struct rv_http_transfer *transfer; /* NULL: it waits */
        struct query *prev, *next;
        char *expr; /* while it waits */
        int64_t at_usec;
        unsigned waits_for; /* server->n_asked */
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

static void query_free(struct query *query) {
        free(query->expr);
        free(query);
}

static void on_health(const struct rv_samples *samples, const struct rv_error *err, void *userdata);

/* It is in no list any more. */
static void query_fail(struct query *query, int code, struct rv_error *err) {
        query->server->metrics.failures++;
        if (query->callback != on_health) /* told by those that wait for it */
                rv_error_prefix(err, code, "prometheus %s", query->server->name);
        query->callback(NULL, err, query->userdata);
        query_free(query);
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
        if (r >= 0)
                r = health_check_clock(response, rv_clock_realtime_usec(), server->max_skew_usec, &err);
        if (r < 0)
                query_fail(query, r, &err);
        else {
                query->callback(&samples, NULL, query->userdata);
                query_free(query);
        }
        rv_samples_done(&samples);
}

static int query_send(struct query *query, const char *expr, int64_t at_usec, struct rv_error *err) {
        struct rv_prometheus *prometheus = query->prometheus;
        struct rv_http_request request = {.path = "/api/v1/query",
                                          .content_type = "application/x-www-form-urlencoded",
                                          .response_bytes_max = ANSWER_BYTES_MAX};
        int r = write_form(prometheus, expr, at_usec, query->server->timeout_usec, &request.body_bytes, err);

        if (r < 0)
                return r;
        request.body = prometheus->form;
        r = rv_http_send(prometheus->client, query->server->target, &request, on_response, query, &query->transfer,
                         err);
        if (r >= 0)
                DL_APPEND(prometheus->queries, query);
        return r;
}

static struct query *query_new(struct rv_prometheus *prometheus, struct server *server, rv_query_callback callback,
                               void *userdata) {
        struct query *query = calloc(1, sizeof(*query));

        if (query)
                *query = (struct query){
                        .prometheus = prometheus, .server = server, .callback = callback, .userdata = userdata};
        server->metrics.queries++;
        return query;
}

/* -- is the server well? -- */

static void on_health(const struct rv_samples *samples, const struct rv_error *err, void *userdata) {
        struct server *server = userdata;
        unsigned answered = server->n_asked;
        struct rv_error why = {0};
        int r = samples ? health_judge(samples, &why) : rv_error_set(&why, -EAGAIN, "healthy: %s", err->text);

        server->is_asked = false;
        server->metrics.is_unwell = r < 0;
        server->well_until_usec = r < 0 ? 0 : rv_clock_monotonic_usec() + HEALTH_KEPT_USEC;
        /* What is asked from within the callbacks waits for the next answer. */
        while (server->waiting && server->waiting->waits_for <= answered) {
                struct query *query = server->waiting;
                struct rv_error failure = why;
                int sent = r;

                DL_DELETE(server->waiting, query);
                if (r >= 0)
                        sent = query_send(query, query->expr, query->at_usec, &failure);
                if (sent < 0)
                        query_fail(query, sent, &failure);
        }
}

static int ask_health(struct rv_prometheus *prometheus, struct server *server, int64_t at_usec, struct rv_error *err) {
        struct query *query;
        int r;

        if (server->is_asked)
                return 0;
        query = query_new(prometheus, server, on_health, server);
        if (!query)
                return rv_error_oom(err);
        r = query_send(query, server->healthy, at_usec, err);
        if (r < 0) {
                query_free(query);
                return r;
        }
        server->n_asked++;
        server->is_asked = true;
        return 0;
}

static int query_wait(struct query *query, const char *expr, int64_t at_usec, struct rv_error *err) {
        struct server *server = query->server;
        int r = ask_health(query->prometheus, server, at_usec, err);

        if (r < 0)
                return r;
        query->expr = strdup(expr);
        if (!query->expr)
                return rv_error_oom(err);
        query->at_usec = at_usec;
        query->waits_for = server->n_asked;
        DL_APPEND(server->waiting, query);
        return 0;
}

int prometheus_start(struct rv_prometheus *prometheus, size_t index, const char *expr, int64_t at_usec,
                     rv_query_callback callback, void *userdata, struct query **ret, struct rv_error *err) {
        struct server *server = &prometheus->server[index];
        bool is_known = !server->healthy || server->well_until_usec > rv_clock_monotonic_usec();
        struct query *query = query_new(prometheus, server, callback, userdata);
        int r;

        if (!query)
                return rv_error_oom(err);
        r = is_known ? query_send(query, expr, at_usec, err) : query_wait(query, expr, at_usec, err);
        if (r < 0) {
                server->metrics.failures++;
                query_free(query);
                return rv_error_prefix(err, r, "prometheus %s", server->name);
        }
        *ret = query;
        return 0;
}

void prometheus_cancel(struct query *query) {
        if (query->transfer) {
                rv_http_cancel(query->transfer);
                DL_DELETE(query->prometheus->queries, query);
        } else
                DL_DELETE(query->server->waiting, query);
        query_free(query);
}

int rv_prometheus_query(struct rv_prometheus *prometheus, size_t index, const char *expr, int64_t at_usec,
                        rv_query_callback callback, void *userdata, struct rv_error *err) {
        struct query *query;

        return prometheus_start(prometheus, index, expr, at_usec, callback, userdata, &query, err);
}

/* -- the servers -- */

static void server_done(struct server *server) {
        while (server->waiting)
                prometheus_cancel(server->waiting);
        rv_http_target_unref(server->target);
        free(server->name);
        free(server->healthy);
}

static int server_init(struct server *server, const struct rv_prometheus_config *config,
                       const char *credentials_directory, struct rv_error *err) {
        server->name = strdup(config->name);
        server->healthy = config->healthy ? strdup(config->healthy) : NULL;
        if (!server->name || (config->healthy && !server->healthy))
                return rv_error_oom(err);
        server->timeout_usec = config->endpoint.timeout_usec;
        server->max_skew_usec = config->max_skew_usec;
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
                        server_done(&prometheus->server[i]);
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
        for (size_t i = 0; i < prometheus->n; i++)
                server_done(&prometheus->server[i]);
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
