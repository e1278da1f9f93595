/* What an Application of Argo CD says. */
#include "revertd/clock.h"
#include "revertd/operator.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccc"
#define T1 (INT64_C(1772359200) * RV_USEC_PER_SEC) /* 2026-03-01T10:00:00Z */

#define APP(status)                                                                                                    \
        "{\"metadata\":{\"name\":\"pay\",\"namespace\":\"argocd\",\"generation\":7},"                                  \
        "\"spec\":{\"source\":{\"repoURL\":\"https://git/x.git\",\"path\":\"pay\",\"targetRevision\":\"main\"}},"      \
        "\"status\":{" status "}}"
#define SYNCED "\"sync\":{\"status\":\"Synced\",\"revision\":\"" B "\"}"
#define HEALTHY "\"health\":{\"status\":\"Healthy\"}"
#define SUCCEEDED                                                                                                      \
        "\"operationState\":{\"phase\":\"Succeeded\",\"message\":\"successfully synced\",\"startedAt\":"               \
        "\"2026-03-01T10:00:00Z\",\"finishedAt\":\"2026-03-01T10:00:05Z\",\"syncResult\":{\"revision\":\"" A "\"}}"

static struct rv_applied applied;

static void parse(const char *body) {
        struct rv_http_response response = {.status = 200, .body = body, .body_bytes = strlen(body)};
        struct rv_error err = {0};

        rv_applied_done(&applied);
        if (rv_argocd_parse(&response, &applied, &err) < 0)
                fail_msg("%s", err.text);
        assert_non_null(applied.words);
}

static void assert_words(const char *words) {
        if (!strstr(applied.words, words))
                fail_msg("\"%s\" is not in \"%s\"", words, applied.words);
}

/* A revision that changes no manifest leads to no operation and no entry in the history. */
static void synced_and_healthy(void **state) {
        (void)state;
        parse(APP(SYNCED "," HEALTHY));
        assert_true(applied.is_settled);
        assert_int_equal(applied.n_revisions, 1);
        assert_string_equal(applied.revision[0].hex, B);
        assert_int_equal(applied.n_deployments, 0);
        assert_string_equal(applied.words, "Synced at " B "; Healthy");
        parse(APP(SYNCED "," HEALTHY "," SUCCEEDED));
        assert_true(applied.is_settled);
        assert_int_equal(applied.n_deployments, 0); /* it would stand in the history */
}

static void each_thing_that_is_missing(void **state) {
        (void)state;
        parse(APP("\"sync\":{\"status\":\"OutOfSync\",\"revision\":\"" B "\"}," HEALTHY));
        assert_false(applied.is_settled);
        assert_int_equal(applied.n_revisions, 0); /* compared, not applied */
        assert_words("OutOfSync at " B);
        parse(APP(SYNCED ",\"health\":{\"status\":\"Degraded\",\"message\":\"CrashLoopBackOff\"}"));
        assert_false(applied.is_settled);
        assert_words("Degraded: CrashLoopBackOff");
        parse(APP(SYNCED ",\"health\":{\"status\":\"Progressing\"}"));
        assert_false(applied.is_settled);
        parse(APP(SYNCED "," HEALTHY ",\"operationState\":{\"phase\":\"Running\",\"message\":\"waiting for hooks\"}"));
        assert_false(applied.is_settled);
        assert_words("operation Running: waiting for hooks");
        parse(APP(SYNCED "," HEALTHY ",\"operationState\":{\"phase\":\"Terminating\"}"));
        assert_false(applied.is_settled);
        parse("{\"operation\":{\"sync\":{}},\"status\":{" SYNCED "," HEALTHY "}}");
        assert_false(applied.is_settled);
        parse("{}");
        assert_false(applied.is_settled);
        assert_string_equal(applied.words, "not compared yet; health unknown");
        parse("{\"status\":null}");
        assert_false(applied.is_settled);
}

static void what_it_says_of_a_failure(void **state) {
        (void)state;
        parse(APP("\"sync\":{\"status\":\"Unknown\",\"revision\":null}," HEALTHY
                  ",\"operationState\":{\"phase\":\"Failed\",\"message\":\"one or more objects failed to apply\","
                  "\"startedAt\":\"2026-03-01T10:00:00Z\",\"finishedAt\":\"2026-03-01T10:00:05Z\","
                  "\"syncResult\":{\"revision\":\"" B "\"}},"
                  "\"conditions\":[{\"type\":\"ComparisonError\",\"message\":\"failed to generate manifest\"}]"));
        assert_string_equal(applied.words, "Unknown; Healthy; operation Failed: one or more objects failed to apply; "
                                           "ComparisonError: failed to generate manifest");
        /* A part of it may be in the cluster. */
        assert_int_equal(applied.n_deployments, 1);
        assert_string_equal(applied.deployment[0].revision.hex, B);
        assert_int_equal(applied.deployment[0].started_usec, T1);
        assert_int_equal(applied.deployment[0].at_usec, T1 + 5 * RV_USEC_PER_SEC);
        parse(APP(SYNCED "," HEALTHY ",\"operationState\":{\"phase\":\"Failed\",\"operation\":{\"sync\":{\"dryRun\":"
                         "true}},\"syncResult\":{\"revision\":\"" A "\"}}"));
        assert_int_equal(applied.n_deployments, 0);
}

static void several_sources(void **state) {
        (void)state;
        parse(APP("\"sync\":{\"status\":\"Synced\",\"revisions\":[\"1.2.3\",\"" B "\",\"" C "\"]}," HEALTHY
                  ",\"history\":[{\"id\":1,\"revisions\":[\"1.2.2\",\"" A "\"],\"deployedAt\":"
                  "\"2026-03-01T10:00:00Z\"}]"));
        assert_true(applied.is_settled);
        assert_int_equal(applied.n_revisions, 2);
        assert_string_equal(applied.revision[0].hex, B);
        assert_string_equal(applied.revision[1].hex, C);
        assert_words("Synced at 1.2.3");
        assert_int_equal(applied.n_deployments, 1);
        assert_string_equal(applied.deployment[0].revision.hex, A);
}

static void the_history(void **state) {
        char body[8192] = "{\"status\":{\"history\":[";

        (void)state;
        parse(APP(SYNCED ",\"history\":[{\"id\":6,\"revision\":\"" A
                         "\",\"deployStartedAt\":\"2026-03-01T10:00:00Z\",\"deployedAt\":\"2026-03-01T10:00:07Z\"},"
                         "{\"id\":7,\"revision\":\"" B "\",\"deployedAt\":\"2026-03-01T11:00:00+01:00\"}]"));
        assert_int_equal(applied.n_deployments, 2);
        assert_string_equal(applied.deployment[0].revision.hex, A);
        assert_int_equal(applied.deployment[0].started_usec, T1);
        assert_int_equal(applied.deployment[0].at_usec, T1 + 7 * RV_USEC_PER_SEC);
        assert_int_equal(applied.deployment[1].started_usec, 0);
        assert_int_equal(applied.deployment[1].at_usec, T1);
        for (int i = 0; i < 40; i++) {
                size_t n = strlen(body);
                snprintf(body + n, sizeof(body) - n, "%s{\"revision\":\"%040x\"}", i > 0 ? "," : "", i);
        }
        snprintf(body + strlen(body), sizeof(body) - strlen(body), "]}}");
        parse(body); /* the newest are kept */
        assert_int_equal(applied.n_deployments, RV_DEPLOYMENTS_MAX);
        assert_string_equal(applied.deployment[RV_DEPLOYMENTS_MAX - 1].revision.hex + 38, "27");
}

/* What is applied is another branch's; what that was made of is ours. */
static void a_hydrated_source(void **state) {
        (void)state;
        parse(APP(SYNCED "," HEALTHY ",\"sourceHydrator\":{\"lastSuccessfulOperation\":{\"drySHA\":\"" A
                         "\",\"hydratedSHA\":\"" B "\"}}"));
        assert_int_equal(applied.n_revisions, 2);
        assert_string_equal(applied.revision[1].hex, A);
        parse(APP(SYNCED "," HEALTHY ",\"sourceHydrator\":{\"lastSuccessfulOperation\":{\"drySHA\":\"" A
                         "\",\"hydratedSHA\":\"" C "\"}}"));
        assert_int_equal(applied.n_revisions, 1);
}

static void no_answer(void **state) {
        static const struct {
                struct rv_http_response response;
                const char *says;
        } bad[] = {
                {{.result = -ETIMEDOUT, .error = "no whole answer"}, "no whole answer"},
                {{.status = 404, .body = "{\"kind\":\"Status\",\"message\":\"applications \\\"pay\\\" not found\"}"},
                 "status 404: applications \"pay\" not found"},
                {{.status = 403,
                  .body = "{\"error\":\"permission denied\",\"code\":7,\"message\":\"permission "
                          "denied\"}"},
                 "status 403: permission denied"},
                {{.status = 503, .body = "upstream"}, "status 503"},
                {{.status = 200, .body = "<html>"}, ""},
                {{.status = 200, .body = "[]"}, "not an object"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct rv_http_response response = bad[i].response;
                struct rv_error err = {0};

                if (!response.body)
                        response.body = "";
                response.body_bytes = strlen(response.body);
                rv_applied_done(&applied);
                assert_true(rv_argocd_parse(&response, &applied, &err) < 0);
                if (!strstr(err.text, bad[i].says))
                        fail_msg("\"%s\" is not \"%s\"", err.text, bad[i].says);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(synced_and_healthy),
                cmocka_unit_test(each_thing_that_is_missing),
                cmocka_unit_test(what_it_says_of_a_failure),
                cmocka_unit_test(several_sources),
                cmocka_unit_test(the_history),
                cmocka_unit_test(a_hydrated_source),
                cmocka_unit_test(no_answer),
        };
        int r = cmocka_run_group_tests(tests, NULL, NULL);

        rv_applied_done(&applied);
        return r;
}
