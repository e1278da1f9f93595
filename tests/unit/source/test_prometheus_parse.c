/* Answers of /api/v1/query, in all their forms. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/cleanup.h"
#include "revertd/source.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <string.h>

static struct rv_samples samples;
static struct rv_error err;

static int parse(int status, const char *body) {
        struct rv_http_response response = {.status = status, .body = body, .body_bytes = strlen(body)};

        rv_samples_done(&samples);
        err.text[0] = '\0';
        return rv_prometheus_parse(&response, &samples, &err);
}

static int parse_result(const char *type, const char *result, const char *more) {
        char body[4096];

        snprintf(body, sizeof(body), "{\"status\":\"success\",\"data\":{\"resultType\":\"%s\",\"result\":%s}%s}", type,
                 result, more);
        return parse(200, body);
}

static int teardown(void **state) {
        (void)state;
        rv_samples_done(&samples);
        return 0;
}

static void assert_error(const char *part) {
        if (!strstr(err.text, part))
                fail_msg("no \"%s\" in: %s", part, err.text);
}

static void vectors(void **state) {
        (void)state;
        assert_int_equal(
                parse_result("vector",
                             "[{\"metric\":{\"__name__\":\"up\",\"app\":\"a\"},\"value\":[1435781451.781,\"1\"]},"
                             "{\"metric\":{\"app\":\"b\"},\"value\":[1435781451,\"0.25\"]}]",
                             ""),
                0);
        assert_int_equal(samples.n, 2);
        assert_false(samples.is_scalar);
        assert_false(samples.is_partial);
        assert_int_equal(samples.sample[0].labels->n, 1);
        assert_string_equal(rv_labels_get(samples.sample[0].labels, "app"), "a");
        assert_true(samples.sample[0].value == 1);
        assert_true(samples.sample[1].value == 0.25);

        assert_int_equal(parse_result("vector", "[]", ""), 0);
        assert_int_equal(samples.n, 0);
}

static void scalars(void **state) {
        (void)state;
        assert_int_equal(parse_result("scalar", "[1435781451.781,\"42\"]", ""), 0);
        assert_true(samples.is_scalar);
        assert_int_equal(samples.n, 1);
        assert_int_equal(samples.sample[0].labels->n, 0);
        assert_true(samples.sample[0].value == 42);
}

static void values(void **state) {
        static const struct {
                const char *text;
                double value;
        } cases[] = {{"1e-07", 1e-7},    {"1e+21", 1e21},     {"-0.5", -0.5},
                     {"+Inf", INFINITY}, {"-Inf", -INFINITY}, {"1.7976931348623157e+308", 1.7976931348623157e308},
                     {"5e-324", 5e-324}};
        static const char *const wrong[] = {"", "x", "1,5", " 1", "1 ", "0x10", "1e", "infinity", "nan(1)"};
        char point[64];

        (void)state;
        /* A decimal comma must change nothing. */
        setlocale(LC_ALL, "de_DE.UTF-8");
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++) {
                snprintf(point, sizeof(point), "[1,\"%s\"]", cases[i].text);
                assert_int_equal(parse_result("scalar", point, ""), 0);
                assert_true(samples.sample[0].value == cases[i].value);
        }
        assert_int_equal(parse_result("scalar", "[1,\"NaN\"]", ""), 0);
        assert_true(isnan(samples.sample[0].value));
        for (size_t i = 0; i < RV_ARRAY_SIZE(wrong); i++) {
                snprintf(point, sizeof(point), "[1,\"%s\"]", wrong[i]);
                assert_int_equal(parse_result("scalar", point, ""), -EINVAL);
        }
        setlocale(LC_ALL, "C");
        assert_int_equal(parse_result("scalar", "[1,1]", ""), -EINVAL);
        assert_int_equal(parse_result("scalar", "[1]", ""), -EINVAL);
        assert_int_equal(parse_result("scalar", "[\"1\",\"1\"]", ""), -EINVAL);
        assert_int_equal(parse_result("scalar", "{}", ""), -EINVAL);
}

static void histograms(void **state) {
        (void)state;
        assert_int_equal(parse_result("vector",
                                      "[{\"metric\":{\"app\":\"a\"},\"histogram\":[1,{\"count\":\"5\",\"sum\":\"2\","
                                      "\"buckets\":[[0,\"0.1\",\"0.2\",\"5\"]]}]}]",
                                      ""),
                         0);
        assert_int_equal(samples.n, 1);
        assert_true(samples.sample[0].is_histogram);
        assert_true(isnan(samples.sample[0].value));
        assert_int_equal(parse_result("vector", "[{\"metric\":{\"app\":\"a\"}}]", ""), -EINVAL);
        assert_error("series 0: neither a value nor a histogram");
}

static void other_results_are_refused(void **state) {
        (void)state;
        assert_int_equal(parse_result("matrix", "[{\"metric\":{},\"values\":[[1,\"1\"]]}]", ""), -EINVAL);
        assert_error("matrix");
        assert_int_equal(parse_result("string", "[1,\"x\"]", ""), -EINVAL);
        assert_error("string");
        assert_int_equal(parse_result("streams", "[]", ""), -EINVAL);
        assert_error("streams");
        assert_int_equal(parse_result("vector", "{}", ""), -EINVAL);
        assert_int_equal(parse(200, "{\"status\":\"success\"}"), -EINVAL);
}

static void warnings_make_it_partial(void **state) {
        (void)state;
        assert_int_equal(parse_result("vector", "[]", ",\"warnings\":[\"no store\\u001b[2J matched\",\"more\"]"), 0);
        assert_true(samples.is_partial);
        assert_non_null(strstr(samples.warning, "no store"));
        assert_null(strchr(samples.warning, '\033'));
        assert_int_equal(parse_result("vector", "[]", ",\"infos\":[\"metric might not be a counter\"]"), 0);
        assert_false(samples.is_partial);
        assert_null(samples.warning);
        assert_int_equal(parse_result("vector", "[]", ",\"warnings\":[]"), 0);
        assert_false(samples.is_partial);
        assert_int_equal(parse_result("vector", "[]", ",\"warnings\":null"), 0);
        assert_false(samples.is_partial);
}

static void series_that_differ_in_name_only_are_refused(void **state) {
        (void)state;
        assert_int_equal(parse_result("vector",
                                      "[{\"metric\":{\"__name__\":\"a\",\"x\":\"1\"},\"value\":[1,\"1\"]},"
                                      "{\"metric\":{\"x\":\"2\"},\"value\":[1,\"1\"]},"
                                      "{\"metric\":{\"__name__\":\"b\",\"x\":\"1\"},\"value\":[1,\"2\"]}]",
                                      ""),
                         -EINVAL);
        assert_error("{x=\"1\"}");
}

static void errors(void **state) {
        (void)state;
        assert_int_equal(parse(400, "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse error: no\"}"),
                         -EINVAL);
        assert_error("status 400: bad_data: parse error: no");
        assert_int_equal(parse(422, "{\"status\":\"error\",\"errorType\":\"execution\",\"error\":\"many-to-many\"}"),
                         -EINVAL);
        assert_int_equal(parse(503, "{\"status\":\"error\",\"errorType\":\"timeout\",\"error\":\"query timed out\"}"),
                         -EAGAIN);
        assert_int_equal(parse(499, "{\"status\":\"error\",\"errorType\":\"canceled\",\"error\":\"x\"}"), -EAGAIN);
        assert_int_equal(parse(200, "{\"status\":\"error\",\"errorType\":\"timeout\",\"error\":\"x\"}"), -EAGAIN);
        assert_int_equal(parse(200, "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"x\"}"), -EINVAL);
        assert_int_equal(parse(503, "Service Unavailable"), -EAGAIN);
        assert_error("status 503: answered: Service Unavailable");
        assert_int_equal(parse(500, ""), -EAGAIN);
        assert_int_equal(parse(429, "slow down"), -EAGAIN);
        assert_int_equal(parse(401, "no org id"), -EINVAL);
        assert_error("not authorized");
        assert_int_equal(parse(302, ""), -EINVAL);
        assert_error("redirected");
        assert_int_equal(parse(404, "<html>\033[31m"), -EINVAL);
        assert_null(strchr(err.text, '\033'));
        assert_int_equal(parse(404, "404 page not found\r\n\n"), -EINVAL);
        assert_string_equal(err.text + strlen(err.text) - strlen("answered: 404 page not found"),
                            "answered: 404 page not found");

        struct rv_http_response lost = {.result = -ETIMEDOUT, .error = "prometheus:9090: no whole answer", .body = ""};
        assert_int_equal(rv_prometheus_parse(&lost, &samples, &err), -EAGAIN);
        assert_error("no whole answer");
}

static void nonsense_is_refused(void **state) {
        static const char *const bodies[] = {
                "",
                "null",
                "[]",
                "\"success\"",
                "{",
                "<html>",
                "{\"status\":1}",
                "{\"status\":\"success\",\"data\":[]}",
                "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[1]}}",
                "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":[],"
                "\"value\":[1,\"1\"]}]}}",
                "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"a\":1},"
                "\"value\":[1,\"1\"]}]}}",
                "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(bodies); i++) {
                assert_int_equal(parse(200, bodies[i]), -EINVAL);
                assert_true(err.text[0] != '\0');
                assert_null(samples.sample);
        }
}

static void too_many_series_are_refused(void **state) {
        size_t size = (RV_SAMPLES_MAX + 1) * 64 + 256, n = 0;
        _cleanup_free_ char *body = malloc(size);

        (void)state;
        for (int extra = 0; extra < 2; extra++) {
                n = (size_t)snprintf(body, size,
                                     "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[");
                for (int i = 0; i < RV_SAMPLES_MAX + extra; i++)
                        n += (size_t)snprintf(body + n, size - n, "%s{\"metric\":{\"i\":\"%d\"},\"value\":[1,\"1\"]}",
                                              i ? "," : "", i);
                snprintf(body + n, size - n, "]}}");
                assert_int_equal(parse(200, body), extra ? -EINVAL : 0);
        }
        assert_error("10001 series, over 10000");
}

int main(void) {
#define T(name) cmocka_unit_test_teardown(name, teardown)
        const struct CMUnitTest tests[] = {
                T(vectors),
                T(scalars),
                T(values),
                T(histograms),
                T(other_results_are_refused),
                T(warnings_make_it_partial),
                T(series_that_differ_in_name_only_are_refused),
                T(errors),
                T(nonsense_is_refused),
                T(too_many_series_are_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
