/* Queries over a range of time, for backtests. */
#include "source/prometheus.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_BYTES_MAX = 32 * 1024 * 1024, FORM_BYTES_MAX = 200 };

struct range_query {
        int64_t from_usec, step_usec;
        size_t n_steps;
        rv_range_callback callback;
        void *userdata;
};

static void on_response(const struct rv_http_response *response, void *userdata) {
        _cleanup_free_ struct range_query *query = userdata;
        struct rv_range range = {0};
        struct rv_error err = {0};
        int r = rv_prometheus_parse_range(response, query->from_usec, query->step_usec, query->n_steps, &range, &err);

        query->callback(r < 0 ? NULL : &range, r, &err, query->userdata);
        rv_range_done(&range);
}

int rv_prometheus_query_range(struct rv_prometheus *prometheus, size_t index, const char *expr, int64_t from_usec,
                              int64_t step_usec, size_t n_steps, rv_range_callback callback, void *userdata,
                              struct rv_error *err) {
        _cleanup_free_ struct range_query *query = malloc(sizeof(*query));
        _cleanup_free_ char *form = malloc(3 * strlen(expr) + FORM_BYTES_MAX);
        struct rv_http_target *target;
        int64_t timeout_usec;
        int r;

        if (!query || !form)
                return rv_error_oom(err);
        *query = (struct range_query){from_usec, step_usec, n_steps, callback, userdata};
        target = prometheus_target(prometheus, index, &timeout_usec);
        char *end = prometheus_encode(stpcpy(form, "query="), expr);
        int64_t start_msec = from_usec / RV_USEC_PER_MSEC, step_msec = step_usec / RV_USEC_PER_MSEC;
        int64_t end_msec = start_msec + (int64_t)(n_steps - 1) * step_msec;
        end += snprintf(end, FORM_BYTES_MAX - sizeof("query="),
                        "&start=%" PRId64 ".%03" PRId64 "&end=%" PRId64 ".%03" PRId64 "&step=%" PRId64 ".%03" PRId64
                        "&timeout=%" PRId64 "ms",
                        start_msec / 1000, start_msec % 1000, end_msec / 1000, end_msec % 1000, step_msec / 1000,
                        step_msec % 1000, timeout_usec / RV_USEC_PER_MSEC);
        struct rv_http_request request = {.path = "/api/v1/query_range",
                                          .content_type = "application/x-www-form-urlencoded",
                                          .body = form,
                                          .body_bytes = (size_t)(end - form),
                                          .response_bytes_max = ANSWER_BYTES_MAX};
        r = rv_http_send(prometheus_client(prometheus), target, &request, on_response, query, NULL, err);
        if (r >= 0)
                query = NULL; /* the callback's */
        return r;
}
