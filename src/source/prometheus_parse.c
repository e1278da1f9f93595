/* The answers of /api/v1/query, of Prometheus and of those that speak like it. */

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/json.h"
#include "revertd/number.h"
#include "revertd/source.h"
#include "revertd/text.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/types.h>

enum {
        VALUES_MAX = 1000000, /* of JSON: RV_SAMPLES_MAX series with up to about a hundred labels */
        TEXT_BYTES_MAX = 400, /* of the server's own words */
};

/* "what: text", with the server's text made safe to show. */
static int set_quoted(struct rv_error *err, int code, const char *what, const char *text) {
        _cleanup_free_ char *safe = rv_text_line(text, TEXT_BYTES_MAX);
        size_t n = safe ? strlen(safe) : 0;

        while (n > 0 && safe[n - 1] == ' ') /* the newline at the end of a page */
                safe[--n] = '\0';
        return safe ? rv_error_set(err, code, "%s: %s", what, safe) : rv_error_oom(err);
}

/* -- values -- */

/* [time, "value"] */
static int parse_point(const json_t *point, double *ret, struct rv_error *err) {
        const json_t *value = json_array_get(point, 1);

        if (json_array_size(point) != 2 || !json_is_number(json_array_get(point, 0)) || !json_is_string(value))
                return rv_error_set(err, -EINVAL, "not a pair of a time and a value");
        if (rv_number_parse(json_string_value(value), ret) < 0)
                return set_quoted(err, -EINVAL, "not a number", json_string_value(value));
        return 0;
}

static int parse_series(const json_t *series, struct rv_sample *ret, struct rv_error *err) {
        const json_t *point = json_object_get(series, "value");
        const json_t *histogram = json_object_get(series, "histogram");
        struct rv_sample sample = {.value = NAN};
        int r;

        if (point) {
                r = parse_point(point, &sample.value, err);
                if (r < 0)
                        return r;
        } else if (json_array_size(histogram) == 2)
                sample.is_histogram = true;
        else
                return rv_error_set(err, -EINVAL, "neither a value nor a histogram");
        r = rv_labels_from_json(&sample.labels, json_object_get(series, "metric"), "__name__", err);
        if (r < 0)
                return r == -ENOMEM ? r : -EINVAL;
        *ret = sample;
        return 0;
}

static int compare_fingerprints(const void *a, const void *b) {
        uint64_t x = (*(struct rv_sample *const *)a)->labels->fingerprint;
        uint64_t y = (*(struct rv_sample *const *)b)->labels->fingerprint;

        return x < y ? -1 : x > y;
}

/* Names of metrics are dropped: what only they told apart would be one series with two values. */
static int check_distinct(const struct rv_samples *samples, struct rv_error *err) {
        if (samples->n < 2)
                return 0;
        _cleanup_free_ const struct rv_sample **sorted = calloc(samples->n, sizeof(*sorted));
        if (!sorted)
                return rv_error_oom(err);
        for (size_t i = 0; i < samples->n; i++)
                sorted[i] = &samples->sample[i];
        qsort(sorted, samples->n, sizeof(*sorted), compare_fingerprints);
        for (size_t i = 1; i < samples->n; i++)
                if (rv_labels_equal(sorted[i - 1]->labels, sorted[i]->labels)) {
                        _cleanup_free_ char *labels = rv_labels_format(sorted[i]->labels);
                        return labels ? set_quoted(err, -EINVAL, "two series differ only in their metric name", labels)
                                      : rv_error_oom(err);
                }
        return 0;
}

static int parse_vector(const json_t *result, struct rv_samples *samples, struct rv_error *err) {
        size_t n = json_array_size(result);

        if (!json_is_array(result))
                return rv_error_set(err, -EINVAL, "the result is not an array");
        if (n > RV_SAMPLES_MAX)
                return rv_error_set(err, -EINVAL, "%zu series, over %d", n, RV_SAMPLES_MAX);
        samples->sample = calloc(n + 1, sizeof(*samples->sample));
        if (!samples->sample)
                return rv_error_oom(err);
        for (size_t i = 0; i < n; i++) {
                int r = parse_series(json_array_get(result, i), &samples->sample[i], err);
                if (r < 0)
                        return rv_error_prefix(err, r, "series %zu", i);
                samples->n++;
        }
        return check_distinct(samples, err);
}

static int parse_scalar(const json_t *result, struct rv_samples *samples, struct rv_error *err) {
        struct rv_sample *sample = calloc(1, sizeof(*sample));
        int r;

        if (!sample)
                return rv_error_oom(err);
        samples->sample = sample;
        r = parse_point(result, &sample->value, err);
        if (r < 0)
                return r;
        r = rv_labels_new(&sample->labels, NULL, 0, err);
        if (r < 0)
                return r;
        samples->n = 1;
        samples->is_scalar = true;
        return 0;
}

/* -- the envelope -- */

/* Thanos answers 200 with warnings when stores are missing, and Prometheus when a limit cut the result. */
static int parse_warnings(const json_t *root, struct rv_samples *samples, struct rv_error *err) {
        const json_t *warnings = json_object_get(root, "warnings");
        const char *first = json_string_value(json_array_get(warnings, 0));

        if (json_array_size(warnings) == 0)
                return 0;
        samples->is_partial = true;
        samples->warning = rv_text_line(first ? first : "not a text", TEXT_BYTES_MAX);
        return samples->warning ? 0 : rv_error_oom(err);
}

static int parse_data(const json_t *root, struct rv_samples *samples, struct rv_error *err) {
        const json_t *data = json_object_get(root, "data");
        const char *type = rv_json_string(data, "resultType", "");
        const json_t *result = json_object_get(data, "result");

        if (strcmp(type, "vector") == 0)
                return parse_vector(result, samples, err);
        if (strcmp(type, "scalar") == 0)
                return parse_scalar(result, samples, err);
        if (strcmp(type, "matrix") == 0)
                return rv_error_set(err, -EINVAL,
                                    "the expression gives a range of values in time (a matrix); "
                                    "an instant vector or a scalar is needed");
        if (strcmp(type, "string") == 0)
                return rv_error_set(err, -EINVAL,
                                    "the expression gives a string; an instant vector or a scalar is needed");
        return set_quoted(err, -EINVAL, "unknown type of result", type);
}

static int status_to_errno(int status) {
        switch (status) {
        case 408: /* request timeout */
        case 425: /* too early */
        case 429: /* too many requests */
        case 499: /* canceled */
                return -EAGAIN;
        default:
                return status >= 500 ? -EAGAIN : -EINVAL;
        }
}

static int refuse(const struct rv_http_response *response, const json_t *root, struct rv_error *err) {
        int code = response->status == 200 ? -EINVAL : status_to_errno(response->status);
        const char *type = rv_json_string(root, "errorType", NULL);
        int r;

        if (type) {
                _cleanup_free_ char *safe_type = rv_text_line(type, TEXT_BYTES_MAX);
                if (!safe_type)
                        return rv_error_oom(err);
                /* By type where there is one: gateways change the status. */
                if (strcmp(type, "canceled") == 0 || strcmp(type, "unavailable") == 0)
                        code = -EAGAIN;
                else if (strcmp(type, "timeout") == 0)
                        code = -ETIMEDOUT;
                else if (strcmp(type, "execution") == 0)
                        code = -EDOM;
                r = set_quoted(err, code, safe_type, rv_json_string(root, "error", ""));
        } else if (response->status >= 300 && response->status < 400)
                r = rv_error_set(err, code, "redirected, which is not followed");
        else if (response->status == 401 || response->status == 403)
                r = rv_error_set(err, code, "not authorized");
        else
                r = set_quoted(err, code, "answered", response->body_bytes > 0 ? response->body : "nothing");
        return response->status == 200 ? r : rv_error_prefix(err, r, "status %d", response->status);
}

static int parse_envelope(const struct rv_http_response *response, size_t max_values, json_t **ret,
                          struct rv_error *err) {
        _cleanup_json_ json_t *root = NULL;
        struct rv_error syntax;
        int r;

        if (response->result < 0)
                return rv_error_set(err, response->result == -E2BIG ? -E2BIG : -EAGAIN, "%s", response->error);
        r = rv_json_parse(&root, response->body, response->body_bytes, max_values, &syntax);
        if (r == -ENOMEM)
                return rv_error_oom(err);
        if (response->status != 200)
                return refuse(response, root, err);
        if (r < 0)
                return rv_error_set(err, r == -E2BIG ? r : -EINVAL, "the answer is not understood: %s", syntax.text);
        if (strcmp(rv_json_string(root, "status", ""), "success") != 0)
                return refuse(response, root, err);
        *ret = RV_TAKE(root);
        return 0;
}

int rv_prometheus_parse(const struct rv_http_response *response, struct rv_samples *ret, struct rv_error *err) {
        struct rv_samples samples = {0};
        _cleanup_json_ json_t *root = NULL;
        int r = parse_envelope(response, VALUES_MAX, &root, err);

        if (r == -E2BIG) /* asking again does not make an answer of one instant smaller, a timeout may pass */
                return response->result < 0 ? -EAGAIN : -EINVAL;
        if (r < 0)
                return r == -ETIMEDOUT ? -EAGAIN : r == -EDOM ? -EINVAL : r;
        r = parse_data(root, &samples, err);
        if (r >= 0)
                r = parse_warnings(root, &samples, err);
        if (r < 0) {
                rv_samples_done(&samples);
                return r;
        }
        *ret = samples;
        return 0;
}

/* -- a range -- */

/* The step that a time stands for; -1: none. */
static ssize_t step_of(const struct rv_range *range, double seconds) {
        double step = (seconds * (double)RV_USEC_PER_SEC - (double)range->from_usec) / (double)range->step_usec;

        return step > -0.5 && step < (double)range->n_steps - 0.5 ? (ssize_t)llround(step) : -1;
}

static int parse_row(const json_t *series, struct rv_range *range, struct rv_error *err) {
        const json_t *values = json_object_get(series, "values"), *point;
        size_t i;
        int r;

        if (json_object_get(series, "histograms"))
                return rv_error_set(err, -EINVAL, "native histograms have no single value");
        if (!json_is_array(values))
                return rv_error_set(err, -EINVAL, "no values");
        r = rv_labels_from_json(&range->labels[range->n], json_object_get(series, "metric"), "__name__", err);
        if (r < 0)
                return r == -ENOMEM ? r : -EINVAL;
        size_t row = range->n++ * range->n_steps;
        json_array_foreach (values, i, point) {
                double value;
                r = parse_point(point, &value, err);
                if (r < 0)
                        return r;
                ssize_t step = step_of(range, json_number_value(json_array_get(point, 0)));
                if (step < 0)
                        return rv_error_set(err, -EINVAL, "a time that was not asked for");
                range->value[row + (size_t)step] = value;
                range->is_present[row + (size_t)step] = true;
        }
        return 0;
}

static int parse_matrix(const json_t *data, struct rv_range *range, struct rv_error *err) {
        const json_t *result = json_object_get(data, "result");
        size_t n = json_array_size(result);

        if (strcmp(rv_json_string(data, "resultType", ""), "matrix") != 0 || !json_is_array(result))
                return rv_error_set(err, -EINVAL, "the result is not a matrix");
        if (n > RV_SAMPLES_MAX)
                return rv_error_set(err, -EINVAL, "%zu series, over %d", n, RV_SAMPLES_MAX);
        if (n * range->n_steps > RV_RANGE_VALUES_MAX)
                return rv_error_set(err, -E2BIG, "%zu series of %zu steps are too many values", n, range->n_steps);
        range->labels = calloc(n + 1, sizeof(*range->labels));
        range->value = calloc(n * range->n_steps + 1, sizeof(*range->value));
        range->is_present = calloc(n * range->n_steps + 1, sizeof(*range->is_present));
        if (!range->labels || !range->value || !range->is_present)
                return rv_error_oom(err);
        for (size_t i = 0; i < n; i++) {
                int r = parse_row(json_array_get(result, i), range, err);
                if (r < 0)
                        return rv_error_prefix(err, r, "series %zu", i);
        }
        return 0;
}

int rv_prometheus_parse_range(const struct rv_http_response *response, int64_t from_usec, int64_t step_usec,
                              size_t n_steps, struct rv_range *ret, struct rv_error *err) {
        struct rv_range range = {.from_usec = from_usec, .step_usec = step_usec, .n_steps = n_steps};
        _cleanup_json_ json_t *root = NULL;
        int r = parse_envelope(response, VALUES_MAX, &root, err);

        if (r == 0)
                r = parse_matrix(json_object_get(root, "data"), &range, err);
        if (r < 0) {
                rv_range_done(&range);
                return r == -ETIMEDOUT ? -E2BIG : r;
        }
        range.is_partial = json_array_size(json_object_get(root, "warnings")) > 0;
        *ret = range;
        return 0;
}
