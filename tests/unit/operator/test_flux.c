/* What a Kustomization of Flux says. */
#include "revertd/clock.h"
#include "revertd/operator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccc"
#define T1 (INT64_C(1755252660) * RV_USEC_PER_SEC) /* 2025-08-15T10:11:00Z */

#define KUSTOMIZATION(spec, status)                                                                                    \
        "{\"metadata\":{\"name\":\"pay\",\"namespace\":\"apps\",\"generation\":3},"                                    \
        "\"spec\":{\"sourceRef\":{\"kind\":\"GitRepository\",\"name\":\"fleet\",\"namespace\":\"flux-system\"}" spec   \
        "},\"status\":{" status "}}"
#define READY                                                                                                          \
        "\"observedGeneration\":3,\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":"                 \
        "\"ReconciliationSucceeded\",\"message\":\"Applied revision: main@sha1:" B "\"}]"
#define AT(revision) ",\"lastAppliedRevision\":\"" revision "\",\"lastAttemptedRevision\":\"" revision "\""

static struct rv_applied applied;
static struct rv_flux_source source;

static int try(const char *body, struct rv_error *err) {
        struct rv_http_response response = {.status = 200, .body = body, .body_bytes = strlen(body)};

        rv_applied_done(&applied);
        return rv_flux_parse(&response, &applied, &source, err);
}

static void parse(const char *body) {
        struct rv_error err = {0};

        if (try(body, &err) < 0)
                fail_msg("%s", err.text);
        assert_non_null(applied.words);
}

static void assert_words(const char *words) {
        if (!strstr(applied.words, words))
                fail_msg("\"%s\" is not in \"%s\"", words, applied.words);
}

static void ready(void **state) {
        (void)state;
        parse(KUSTOMIZATION("", READY AT("main@sha1:" B)));
        assert_true(applied.is_settled);
        assert_int_equal(applied.n_revisions, 1);
        assert_string_equal(applied.revision[0].hex, B);
        assert_int_equal(applied.n_deployments, 0);
        assert_words("applied main@sha1:" B "; ReconciliationSucceeded: Applied revision");
        assert_string_equal(source.space, "flux-system");
        assert_string_equal(source.name, "fleet");
}

static void every_form_of_a_revision(void **state) {
        static const char *const forms[] = {
                KUSTOMIZATION("", READY AT("main@sha1:" B)),
                KUSTOMIZATION("", READY AT("feature/x@sha1:" B)),
                KUSTOMIZATION("", READY AT("user@home@sha1:" B)),
                KUSTOMIZATION("", READY AT("v1.2@sha1:" B)),
                KUSTOMIZATION("", READY AT("sha1:" B)),
                KUSTOMIZATION("", READY AT("main/" B)),
                KUSTOMIZATION("", READY AT("feature/x/" B)),
                KUSTOMIZATION("", READY AT(B)),
                KUSTOMIZATION("", READY AT("latest@sha256:" C
                                           "cccccccccccccccccccccccc") ",\"lastAppliedOriginRevision\":\"main@sha1:" B
                                                                       "\""),
        };

        (void)state;
        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
                parse(forms[i]);
                assert_int_equal(applied.n_revisions, 1);
                assert_string_equal(applied.revision[0].hex, B);
        }
        parse(KUSTOMIZATION("", READY AT("6.5.3")));
        assert_int_equal(applied.n_revisions, 0);
}

static void each_thing_that_is_missing(void **state) {
        (void)state;
        parse(KUSTOMIZATION("", "\"observedGeneration\":2,\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]" AT(
                                        "main@sha1:" B)));
        assert_false(applied.is_settled); /* its definition is newer than what it speaks of */
        parse(KUSTOMIZATION(",\"suspend\":true", READY AT("main@sha1:" B)));
        assert_false(applied.is_settled);
        assert_words("it is suspended");
        parse(KUSTOMIZATION(
                "", "\"observedGeneration\":3,\"conditions\":[{\"type\":\"Reconciling\",\"status\":\"True\"},"
                    "{\"type\":\"Ready\",\"status\":\"Unknown\",\"reason\":\"Progressing\"}]" AT("main@sha1:" B)));
        assert_false(applied.is_settled);
        parse(KUSTOMIZATION("", "\"observedGeneration\":3,\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\","
                                "\"reason\":\"HealthCheckFailed\",\"message\":\"timeout waiting for: "
                                "[Deployment/pay/pay status: 'InProgress']\"}],\"lastAppliedRevision\":\"main@sha1:" A
                                "\",\"lastAttemptedRevision\":\"main@sha1:" B "\""));
        assert_false(applied.is_settled);
        assert_string_equal(applied.revision[0].hex, A);
        assert_words("applied main@sha1:" A "; tried: main@sha1:" B "; HealthCheckFailed: timeout waiting for");
        /* Its manifests may be in the cluster all the same; since when is not said. */
        assert_int_equal(applied.n_deployments, 1);
        assert_string_equal(applied.deployment[0].revision.hex, B);
        assert_int_equal(applied.deployment[0].at_usec, 0);
        parse("{}");
        assert_false(applied.is_settled);
        assert_string_equal(applied.words, "applied nothing yet; not ready");
}

#define ENTRY(revision, first, status)                                                                                 \
        "{\"digest\":\"sha256:0\",\"firstReconciled\":\"" first "\",\"lastReconciled\":\"2025-08-15T11:12:00Z\","      \
        "\"lastReconciledDuration\":\"2.818583s\",\"lastReconciledStatus\":\"" status                                  \
        "\",\"totalReconciliations\":2,\"metadata\":{\"revision\":\"main@sha1:" revision "\"}}"

static void the_history(void **state) {
        (void)state;
        parse(KUSTOMIZATION(
                "",
                READY AT("main@sha1:" C) ",\"history\":[" ENTRY(C, "2025-08-15T10:12:00Z", "ReconciliationSucceeded") "," ENTRY(
                        B, "2025-08-15T10:11:00Z",
                        "HealthCheckFailed") "," ENTRY(B, "2025-08-15T10:10:00Z",
                                                       "BuildFailed") "," ENTRY(A, "2025-08-14T10:10:00Z",
                                                                                "ReconciliationSucceeded") "]"));
        assert_int_equal(applied.n_deployments, 3);
        assert_string_equal(applied.deployment[0].revision.hex, A);
        assert_string_equal(applied.deployment[1].revision.hex, B);
        assert_int_equal(applied.deployment[1].at_usec, T1);
        assert_string_equal(applied.deployment[2].revision.hex, C);
}

static void where_it_comes_from(void **state) {
        struct rv_error err = {0};

        (void)state;
        parse("{\"metadata\":{\"namespace\":\"apps\"},\"spec\":{\"sourceRef\":{\"kind\":\"GitRepository\","
              "\"name\":\"fleet\"}}}");
        assert_string_equal(source.space, "apps");
        parse("{\"metadata\":{\"namespace\":\"apps\"},\"spec\":{\"sourceRef\":{\"kind\":\"OCIRepository\","
              "\"name\":\"fleet\"}}}");
        assert_string_equal(source.name, "");
        assert_true(try("{\"metadata\":{\"namespace\":\"apps\"},\"spec\":{\"sourceRef\":{\"kind\":\"GitRepository\","
                        "\"name\":\"../../secrets\"}}}",
                        &err) < 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ready),
                cmocka_unit_test(every_form_of_a_revision),
                cmocka_unit_test(each_thing_that_is_missing),
                cmocka_unit_test(the_history),
                cmocka_unit_test(where_it_comes_from),
        };
        int r = cmocka_run_group_tests(tests, NULL, NULL);

        rv_applied_done(&applied);
        return r;
}
