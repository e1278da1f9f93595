#include "revertd/gitwire.h"

#include "revertd/cleanup.h"
#include "revertd/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B40 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static int decode_request(struct rv_git_request **ret, const char *text, struct rv_error *err) {
        return rv_git_request_decode(ret, text, strlen(text), err);
}

static int decode_reply(struct rv_git_reply **ret, const char *text, struct rv_error *err) {
        return rv_git_reply_decode(ret, text, strlen(text), err);
}

static void test_request_goes_round(void **state) {
        char *scope[] = {(char *)"apps/checkout/**", (char *)"base/*.yaml"};
        struct rv_oid commits[] = {{B40}, {A40}};
        struct rv_git_request request = {
                .op = RV_GIT_PUSH,
                .id = 7,
                .timeout_usec = 60000000,
                .known = {A40},
                .scope = scope,
                .n_scope = 2,
                .since_usec = -5,
                .max_commits = 100,
                .max_touching = 20,
                .values = (struct rv_value[]){{.label = (char *)"version", .value = (char *)"v1.2.3"}},
                .n_values = 1,
                .until_usec = 77,
                .spec = {.base = {A40},
                         .commits = commits,
                         .n_commits = 2,
                         .scope = scope,
                         .n_scope = 1,
                         .message = (char *)"Revert \"x\"\n\n\"quoted\"\t\xC3\xA4\n",
                         .time_usec = 1700000000000000},
                .want_diff = true,
                .no_paths = true,
                .commit = {B40},
                .number = UINT64_MAX >> 1,
                .revision = (char *)"HEAD~3",
                .deployed = commits,
                .n_deployed = 2,
        };
        struct rv_git_request *copy = NULL;
        _cleanup_free_ char *text = NULL;
        struct rv_error err = {};

        (void)state;
        assert_int_equal(rv_git_request_encode(&request, &text), 0);
        assert_null(strchr(text, '\n'));
        assert_int_equal(decode_request(&copy, text, &err), 0);
        assert_int_equal(copy->op, RV_GIT_PUSH);
        assert_int_equal(copy->id, 7);
        assert_int_equal(copy->timeout_usec, 60000000);
        assert_string_equal(copy->known.hex, A40);
        assert_int_equal(copy->n_scope, 2);
        assert_string_equal(copy->scope[1], "base/*.yaml");
        assert_int_equal(copy->since_usec, -5);
        assert_int_equal(copy->max_commits, 100);
        assert_int_equal(copy->max_touching, 20);
        assert_int_equal(copy->n_values, 1);
        assert_string_equal(copy->values[0].label, "version");
        assert_string_equal(copy->values[0].value, "v1.2.3");
        assert_null(copy->values[0].path);
        assert_int_equal(copy->until_usec, 77);
        assert_string_equal(copy->spec.base.hex, A40);
        assert_int_equal(copy->spec.n_commits, 2);
        assert_string_equal(copy->spec.commits[0].hex, B40);
        assert_int_equal(copy->spec.n_scope, 1);
        assert_string_equal(copy->spec.message, request.spec.message);
        assert_int_equal(copy->spec.time_usec, 1700000000000000);
        assert_true(copy->want_diff);
        assert_true(copy->no_paths);
        assert_string_equal(copy->commit.hex, B40);
        assert_int_equal(copy->number, UINT64_MAX >> 1);
        assert_string_equal(copy->revision, "HEAD~3");
        assert_int_equal(copy->n_deployed, 2);
        assert_string_equal(copy->deployed[1].hex, commits[1].hex);
        rv_git_request_free(copy);
}

static void test_reply_goes_round(void **state) {
        char *paths[] = {(char *)"apps/checkout/values.yaml"};
        struct rv_oid reverts[] = {{A40}};
        struct rv_oid fresh[] = {{B40}, {A40}};
        size_t above[] = {0, SIZE_MAX, 3};
        struct rv_commit commit = {
                .id = {B40},
                .n_parents = 2,
                .author_name = (char *)"Ana",
                .author_email = (char *)"ana@example.com",
                .subject = (char *)"Roll out 1.2.3",
                .author_usec = 1,
                .commit_usec = 2,
                .skip = true,
                .incident = (char *)"7f3c",
                .reverts = reverts,
                .n_reverts = 1,
                .paths = paths,
                .n_paths = 1,
                .n_inside = 70,
                .n_outside = 512,
                .reapplies = {A40},
                .values = (struct rv_value[]){{(char *)"version", (char *)"v1.2.3", (char *)"a", true}},
                .n_values = 1,
        };
        struct rv_git_reply reply = {
                .id = UINT64_MAX >> 1,
                .outcome = RV_GIT_CONFLICT,
                .message = (char *)"said",
                .head = {A40},
                .commits = &commit,
                .n_commits = 1,
                .n_scanned = 12,
                .truncated = true,
                .fresh = fresh,
                .n_fresh = 2,
                .commit = {B40},
                .n_files = 1,
                .n_insertions = 2,
                .n_deletions = 3,
                .empties = true,
                .paths = paths,
                .n_paths = 1,
                .diff = (char *)"--- a\n+++ b\n",
                .proposal = {.number = 17,
                             .url = (char *)"https://git.example.com/a/b/pulls/17",
                             .state = RV_PROPOSAL_MERGED,
                             .merged = {A40}},
                .wait_usec = 90000000,
                .contained = true,
                .deployed = true,
                .above = above,
                .n_above = 3,
                .pause = (char *)"freeze",
                .progress = true,
        };
        struct rv_git_reply *copy = NULL;
        _cleanup_free_ char *text = NULL;
        struct rv_error err = {};

        (void)state;
        assert_int_equal(rv_git_reply_encode(&reply, &text), 0);
        assert_int_equal(decode_reply(&copy, text, &err), 0);
        assert_int_equal(copy->id, UINT64_MAX >> 1);
        assert_int_equal(copy->outcome, RV_GIT_CONFLICT);
        assert_string_equal(copy->message, "said");
        assert_string_equal(copy->head.hex, A40);
        assert_int_equal(copy->n_commits, 1);
        assert_string_equal(copy->commits[0].id.hex, B40);
        assert_int_equal(copy->commits[0].n_parents, 2);
        assert_string_equal(copy->commits[0].author_name, "Ana");
        assert_string_equal(copy->commits[0].author_email, "ana@example.com");
        assert_string_equal(copy->commits[0].subject, "Roll out 1.2.3");
        assert_int_equal(copy->commits[0].author_usec, 1);
        assert_int_equal(copy->commits[0].commit_usec, 2);
        assert_true(copy->commits[0].skip);
        assert_string_equal(copy->commits[0].incident, "7f3c");
        assert_string_equal(copy->commits[0].reverts[0].hex, A40);
        assert_string_equal(copy->commits[0].paths[0], paths[0]);
        assert_int_equal(copy->commits[0].n_inside, 70);
        assert_int_equal(copy->commits[0].n_outside, 512);
        assert_string_equal(copy->commits[0].reapplies.hex, A40);
        assert_int_equal(copy->commits[0].n_values, 1);
        assert_string_equal(copy->commits[0].values[0].path, "a");
        assert_true(copy->commits[0].values[0].removed);
        assert_int_equal(copy->n_scanned, 12);
        assert_true(copy->truncated);
        assert_int_equal(copy->n_fresh, 2);
        assert_string_equal(copy->fresh[1].hex, A40);
        assert_string_equal(copy->commit.hex, B40);
        assert_int_equal(copy->n_files, 1);
        assert_int_equal(copy->n_insertions, 2);
        assert_int_equal(copy->n_deletions, 3);
        assert_true(copy->empties);
        assert_string_equal(copy->paths[0], paths[0]);
        assert_string_equal(copy->diff, reply.diff);
        assert_int_equal(copy->proposal.number, 17);
        assert_string_equal(copy->proposal.url, reply.proposal.url);
        assert_int_equal(copy->proposal.state, RV_PROPOSAL_MERGED);
        assert_string_equal(copy->proposal.merged.hex, A40);
        assert_int_equal(copy->wait_usec, 90000000);
        assert_true(copy->contained);
        assert_true(copy->deployed);
        assert_int_equal(copy->n_above, 3);
        assert_memory_equal(copy->above, above, sizeof(above));
        assert_string_equal(copy->pause, "freeze");
        assert_true(copy->progress);
        rv_git_reply_free(copy);
}

static void test_every_name_is_read_back(void **state) {
        (void)state;
        for (unsigned i = 0; i < RV_GIT_OUTCOME_MAX; i++) {
                enum rv_git_outcome outcome;

                assert_int_equal(rv_git_outcome_from_string(rv_git_outcome_to_string(i), &outcome), 0);
                assert_int_equal(outcome, i);
        }
        for (unsigned i = 0; i < RV_GIT_OP_MAX; i++) {
                struct rv_git_request request = {.op = i}, *copy = NULL;
                _cleanup_free_ char *text = NULL;
                struct rv_error err = {};

                assert_int_equal(rv_git_request_encode(&request, &text), 0);
                assert_int_equal(decode_request(&copy, text, &err), 0);
                assert_int_equal(copy->op, i);
                rv_git_request_free(copy);
        }
}

static void test_bad_requests_are_refused(void **state) {
        static const char *const bad[] = {
                "",
                "[]",
                "{",
                "{}",
                "{\"op\":\"delete\"}",
                "{\"op\":\"sync\",\"id\":\"1\"}",
                "{\"op\":\"sync\",\"known\":\"abc\"}",
                "{\"op\":\"sync\",\"known\":\"" A40 "0\"}",
                "{\"op\":\"sync\",\"known\":\"../../../../../../../../../../../etc/passwd\"}",
                "{\"op\":\"history\",\"scope\":\"apps/**\"}",
                "{\"op\":\"history\",\"scope\":[1]}",
                "{\"op\":\"history\",\"max_commits\":-1}",
                "{\"op\":\"plan\"}",
                "{\"op\":\"propose\"}",
                "{\"op\":\"proposal\",\"number\":-1}",
                "{\"op\":\"plan\",\"spec\":[]}",
                "{\"op\":\"plan\",\"spec\":{\"commits\":[\"\"]}}",
                "{\"op\":\"sync\",\"op\":\"push\"}",
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(bad); i++) {
                struct rv_git_request *request = NULL;
                struct rv_error err = {};

                assert_true(decode_request(&request, bad[i], &err) < 0);
                assert_null(request);
                assert_string_not_equal(err.text, "");
        }
}

static void test_more_than_the_cap_is_refused(void **state) {
        _cleanup_json_ json_t *json = json_pack("{s:s, s:{s:[]}}", "op", "plan", "spec", "commits");
        json_t *commits = json_object_get(json_object_get(json, "spec"), "commits");
        struct rv_git_request *request = NULL;
        _cleanup_free_ char *enough = NULL;
        _cleanup_free_ char *many = NULL;
        struct rv_error err = {};

        (void)state;
        for (int i = 0; i < RV_REVERT_COMMITS_MAX; i++)
                json_array_append_new(commits, json_string(A40));
        enough = rv_json_dump(json);
        assert_int_equal(decode_request(&request, enough, &err), 0);
        rv_git_request_free(request);
        request = NULL;
        json_array_append_new(commits, json_string(A40));
        many = rv_json_dump(json);
        assert_int_equal(decode_request(&request, many, &err), -EINVAL);
}

static void test_bad_replies_are_refused(void **state) {
        static const char *const bad[] = {
                "{\"id\":1}",
                "{\"id\":1,\"outcome\":\"fine\"}",
                "{\"id\":1,\"outcome\":\"ok\",\"commits\":{}}",
                "{\"id\":1,\"outcome\":\"ok\",\"commits\":[{}]}",
                "{\"id\":1,\"outcome\":\"ok\",\"commits\":[{\"id\":\"" A40 "\"}]}",
                "{\"id\":1,\"outcome\":\"ok\",\"n_files\":-3}",
                "{\"id\":1,\"outcome\":\"ok\",\"contained\":1}",
                "{\"id\":1,\"outcome\":\"ok\",\"wait_usec\":-1}",
                "{\"id\":1,\"outcome\":\"ok\",\"wait_usec\":3600000001}",
                "{\"id\":1,\"outcome\":\"ok\",\"deployed\":1}",
                "{\"id\":1,\"outcome\":\"ok\",\"above\":1}",
                "{\"id\":1,\"outcome\":\"ok\",\"above\":[\"1\"]}",
                "{\"id\":1,\"outcome\":\"ok\",\"above\":[-2]}",
                "{\"id\":1,\"outcome\":\"ok\",\"above\":[10001]}",
                "{\"id\":1,\"outcome\":\"ok\",\"proposal\":[]}",
                "{\"id\":1,\"outcome\":\"ok\",\"proposal\":{\"state\":\"open\"}}",
                "{\"id\":1,\"outcome\":\"ok\",\"proposal\":{\"number\":1}}",
                "{\"id\":1,\"outcome\":\"ok\",\"proposal\":{\"number\":1,\"state\":\"gone\"}}",
                "{\"id\":1,\"outcome\":\"ok\",\"proposal\":{\"number\":1,\"state\":\"merged\"}}",
                "{\"id\":1,\"outcome\":\"ok\",\"diff\":\"\\u0000\"}",
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(bad); i++) {
                struct rv_git_reply *reply = NULL;
                struct rv_error err = {};

                assert_true(decode_reply(&reply, bad[i], &err) < 0);
                assert_null(reply);
        }
}

static void test_proposals_are_kept_as_they_are(void **state) {
        (void)state;
        for (unsigned i = 0; i < RV_PROPOSAL_STATE_MAX; i++) {
                struct rv_proposal proposal = {.number = 3, .state = i}, copy = {};
                struct rv_error err = {};
                _cleanup_json_ json_t *json = NULL;

                if (i == RV_PROPOSAL_MERGED)
                        proposal.merged = (struct rv_oid){A40};
                json = rv_proposal_to_json(&proposal);
                assert_int_equal(rv_proposal_from_json(&copy, json, &err), 0);
                assert_int_equal(copy.number, 3);
                assert_int_equal(copy.state, i);
                assert_null(copy.url);
                assert_string_equal(copy.merged.hex, proposal.merged.hex);
                rv_proposal_done(&copy);
                rv_proposal_done(&copy);
        }
}

static void test_too_long_is_not_encoded(void **state) {
        struct rv_git_reply reply = {.outcome = RV_GIT_OK};
        char *text = NULL;

        (void)state;
        reply.diff = malloc(RV_GITWIRE_LINE_BYTES_MAX + 1);
        assert_non_null(reply.diff);
        memset(reply.diff, 'x', RV_GITWIRE_LINE_BYTES_MAX);
        reply.diff[RV_GITWIRE_LINE_BYTES_MAX] = '\0';
        assert_int_equal(rv_git_reply_encode(&reply, &text), -E2BIG);
        free(reply.diff);
}

static void test_hello_goes_round(void **state) {
        struct rv_git_hello hello = {.version = RV_GITWIRE_VERSION,
                                     .worker = (char *)"0.1.0",
                                     .libgit2 = (char *)"1.5.1",
                                     .repository = (char *)"fleet",
                                     .error = (char *)"no"};
        static const char other[] = "{\"version\":4,\"repository\":\"fleet\"}";
        struct rv_git_hello copy = {};
        _cleanup_free_ char *text = NULL;
        struct rv_error err = {};

        (void)state;
        assert_int_equal(rv_git_hello_encode(&hello, &text), 0);
        assert_int_equal(rv_git_hello_decode(&copy, text, strlen(text), &err), 0);
        assert_int_equal(copy.version, RV_GITWIRE_VERSION);
        assert_string_equal(copy.worker, "0.1.0");
        assert_string_equal(copy.libgit2, "1.5.1");
        assert_string_equal(copy.repository, "fleet");
        assert_string_equal(copy.error, "no");
        rv_git_hello_done(&copy);
        assert_int_equal(rv_git_hello_decode(&copy, other, strlen(other), &err), 0);
        assert_int_not_equal(copy.version, RV_GITWIRE_VERSION);
        rv_git_hello_done(&copy);
}

static void test_spec_is_copied_whole(void **state) {
        char *scope[] = {(char *)"a", (char *)"b"};
        struct rv_oid commits[] = {{A40}, {B40}};
        struct rv_revert_spec spec = {.base = {B40},
                                      .restore = {A40},
                                      .commits = commits,
                                      .n_commits = 2,
                                      .scope = scope,
                                      .n_scope = 2,
                                      .message = (char *)"m",
                                      .time_usec = 9};
        struct rv_revert_spec copy = {}, from = {};
        _cleanup_json_ json_t *json = NULL;
        struct rv_error err = {};

        (void)state;
        assert_int_equal(rv_revert_spec_copy(&copy, &spec), 0);
        json = rv_revert_spec_to_json(&copy);
        assert_int_equal(rv_revert_spec_from_json(&from, json, &err), 0);
        assert_string_equal(from.base.hex, B40);
        assert_string_equal(from.restore.hex, A40);
        assert_string_equal(from.commits[1].hex, B40);
        assert_string_equal(from.scope[1], "b");
        assert_string_equal(from.message, "m");
        assert_int_equal(from.time_usec, 9);
        rv_revert_spec_done(&copy);
        rv_revert_spec_done(&from);
        rv_revert_spec_done(&from);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_request_goes_round),
                cmocka_unit_test(test_reply_goes_round),
                cmocka_unit_test(test_every_name_is_read_back),
                cmocka_unit_test(test_bad_requests_are_refused),
                cmocka_unit_test(test_more_than_the_cap_is_refused),
                cmocka_unit_test(test_bad_replies_are_refused),
                cmocka_unit_test(test_too_long_is_not_encoded),
                cmocka_unit_test(test_hello_goes_round),
                cmocka_unit_test(test_spec_is_copied_whole),
                cmocka_unit_test(test_proposals_are_kept_as_they_are),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
