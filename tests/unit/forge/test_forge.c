/* Questions as the forges' documentation has them, and answers as they give them. */
#include "revertd/forge.h"

#include "revertd/cleanup.h"
#include "revertd/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B40 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const struct rv_repository_config configs[] = {
        [RV_FORGE_GITHUB] = {.forge = RV_FORGE_GITHUB,
                             .branch = (char *)"release/1",
                             .forge_url = (char *)"https://api.github.com",
                             .forge_project = (char *)"acme/fleet"},
        [RV_FORGE_GITLAB] = {.forge = RV_FORGE_GITLAB,
                             .branch = (char *)"release/1",
                             .forge_url = (char *)"https://gitlab.example.com/api/v4",
                             .forge_project = (char *)"acme/ops/fleet"},
        [RV_FORGE_GITEA] = {.forge = RV_FORGE_GITEA,
                            .branch = (char *)"release/1",
                            .forge_url = (char *)"https://gitea.example.com/api/v1",
                            .forge_project = (char *)"acme/fleet"},
};
static const struct rv_forge_subject subject = {.branch = "revertd/7f3c-aaaaaaaaaaaa",
                                                .number = 17,
                                                .node_id = "PR_x",
                                                .commit = {A40},
                                                .title = "Revert \"x\"",
                                                .text = "because"};

static void test_addresses(void **state) {
        static const struct {
                enum rv_forge forge;
                enum rv_forge_question question;
                const char *method, *url;
        } asked[] = {
                {RV_FORGE_GITHUB, RV_FORGE_FIND, "GET",
                 "https://api.github.com/repos/acme/fleet/pulls?state=all&per_page=20&"
                 "head=acme:revertd%2F7f3c-aaaaaaaaaaaa&base=release%2F1"},
                {RV_FORGE_GITHUB, RV_FORGE_CREATE, "POST", "https://api.github.com/repos/acme/fleet/pulls"},
                {RV_FORGE_GITHUB, RV_FORGE_READ, "GET", "https://api.github.com/repos/acme/fleet/pulls/17"},
                {RV_FORGE_GITHUB, RV_FORGE_ACCEPT, "POST", "https://api.github.com/graphql"},
                {RV_FORGE_GITHUB, RV_FORGE_ACCEPT_ELSE, "PUT",
                 "https://api.github.com/repos/acme/fleet/pulls/17/merge"},
                {RV_FORGE_GITHUB, RV_FORGE_STATUS, "POST", "https://api.github.com/repos/acme/fleet/statuses/" A40},
                {RV_FORGE_GITLAB, RV_FORGE_FIND, "GET",
                 "https://gitlab.example.com/api/v4/projects/acme%2Fops%2Ffleet/merge_requests?per_page=20&"
                 "source_branch=revertd%2F7f3c-aaaaaaaaaaaa&target_branch=release%2F1"},
                {RV_FORGE_GITLAB, RV_FORGE_CREATE, "POST",
                 "https://gitlab.example.com/api/v4/projects/acme%2Fops%2Ffleet/merge_requests"},
                {RV_FORGE_GITLAB, RV_FORGE_READ, "GET",
                 "https://gitlab.example.com/api/v4/projects/acme%2Fops%2Ffleet/merge_requests/17"},
                {RV_FORGE_GITLAB, RV_FORGE_ACCEPT, "PUT",
                 "https://gitlab.example.com/api/v4/projects/acme%2Fops%2Ffleet/merge_requests/17/merge"},
                {RV_FORGE_GITLAB, RV_FORGE_STATUS, "POST",
                 "https://gitlab.example.com/api/v4/projects/acme%2Fops%2Ffleet/statuses/" A40},
                {RV_FORGE_GITEA, RV_FORGE_FIND, "GET",
                 "https://gitea.example.com/api/v1/repos/acme/fleet/pulls/release%2F1/revertd%2F7f3c-aaaaaaaaaaaa"},
                {RV_FORGE_GITEA, RV_FORGE_CREATE, "POST", "https://gitea.example.com/api/v1/repos/acme/fleet/pulls"},
                {RV_FORGE_GITEA, RV_FORGE_READ, "GET", "https://gitea.example.com/api/v1/repos/acme/fleet/pulls/17"},
                {RV_FORGE_GITEA, RV_FORGE_ACCEPT, "POST",
                 "https://gitea.example.com/api/v1/repos/acme/fleet/pulls/17/merge"},
                {RV_FORGE_GITEA, RV_FORGE_STATUS, "POST",
                 "https://gitea.example.com/api/v1/repos/acme/fleet/statuses/" A40},
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(asked); i++) {
                struct rv_forge_request request = {};

                assert_int_equal(rv_forge_ask(&configs[asked[i].forge], asked[i].question, &subject, &request), 0);
                assert_string_equal(request.url, asked[i].url);
                assert_string_equal(request.method, asked[i].method);
                assert_true((request.body != NULL) == (strcmp(request.method, "GET") != 0));
                rv_forge_request_done(&request);
        }
}

static void test_enterprise_servers_graphql(void **state) {
        struct rv_repository_config config = configs[RV_FORGE_GITHUB];
        struct rv_forge_request request = {};

        (void)state;
        config.forge_url = (char *)"https://git.example.com/api/v3";
        assert_int_equal(rv_forge_ask(&config, RV_FORGE_ACCEPT, &subject, &request), 0);
        assert_string_equal(request.url, "https://git.example.com/api/graphql");
        rv_forge_request_done(&request);
}

static json_t *body_of(const struct rv_repository_config *config, enum rv_forge_question question,
                       const struct rv_forge_subject *about) {
        struct rv_forge_request request = {};
        struct rv_error err = {};
        json_t *json = NULL;

        assert_int_equal(rv_forge_ask(config, question, about, &request), 0);
        assert_int_equal(rv_json_parse(&json, request.body, strlen(request.body), 100, &err), 0);
        rv_forge_request_done(&request);
        return json;
}

static void test_the_merge_is_of_our_commit(void **state) {
        static const char *const words[] = {
                [RV_MERGE_COMMIT] = "merge", [RV_MERGE_SQUASH] = "squash", [RV_MERGE_REBASE] = "rebase"};

        (void)state;
        for (enum rv_merge_method method = 0; method < RV_MERGE_METHOD_MAX; method++) {
                struct rv_repository_config github = configs[RV_FORGE_GITHUB], gitlab = configs[RV_FORGE_GITLAB],
                                            gitea = configs[RV_FORGE_GITEA];
                github.merge_method = gitlab.merge_method = gitea.merge_method = method;
                _cleanup_json_ json_t *a = body_of(&github, RV_FORGE_ACCEPT, &subject);
                _cleanup_json_ json_t *b = body_of(&github, RV_FORGE_ACCEPT_ELSE, &subject);
                _cleanup_json_ json_t *c = body_of(&gitlab, RV_FORGE_ACCEPT, &subject);
                _cleanup_json_ json_t *d = body_of(&gitea, RV_FORGE_ACCEPT, &subject);
                _cleanup_json_ json_t *e = body_of(&gitea, RV_FORGE_ACCEPT_ELSE, &subject);
                const json_t *input = json_object_get(json_object_get(a, "variables"), "input");

                assert_string_equal(rv_json_string(input, "pullRequestId", ""), "PR_x");
                assert_string_equal(rv_json_string(input, "expectedHeadOid", ""), A40);
                assert_int_equal(strcasecmp(rv_json_string(input, "mergeMethod", ""), words[method]), 0);
                assert_string_equal(rv_json_string(b, "sha", ""), A40);
                assert_string_equal(rv_json_string(b, "merge_method", ""), words[method]);
                assert_string_equal(rv_json_string(c, "sha", ""), A40);
                assert_true(rv_json_bool(c, "auto_merge", false));
                assert_int_equal(rv_json_bool(c, "squash", false), method == RV_MERGE_SQUASH);
                assert_string_equal(rv_json_string(d, "head_commit_id", ""), A40);
                assert_string_equal(rv_json_string(d, "Do", ""), words[method]);
                assert_false(rv_json_bool(d, "merge_when_checks_succeed", true));
                assert_true(rv_json_bool(e, "merge_when_checks_succeed", false));
        }
}

static void test_statuses(void **state) {
        static const struct {
                enum rv_forge forge;
                const char *bad;
        } said[] = {{RV_FORGE_GITHUB, "failure"}, {RV_FORGE_GITLAB, "failed"}, {RV_FORGE_GITEA, "failure"}};

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(said); i++)
                for (int well = 0; well < 2; well++) {
                        struct rv_forge_subject about = subject;
                        about.is_well = well;
                        about.text = NULL;
                        _cleanup_json_ json_t *json = body_of(&configs[said[i].forge], RV_FORGE_STATUS, &about);
                        assert_string_equal(rv_json_string(json, "state", ""), well ? "success" : said[i].bad);
                        assert_null(json_object_get(json, "target_url"));
                }
}

static enum rv_forge_verdict judge(enum rv_forge forge, enum rv_forge_question question, long status, const char *body,
                                   struct rv_forge_pull *pull, struct rv_error *words) {
        const struct rv_forge_answer answer = {.status = status, .body = body, .n = strlen(body)};
        enum rv_forge_verdict verdict = RV_FORGE_VERDICT_MAX;

        *words = (struct rv_error){};
        assert_int_equal(rv_forge_judge(&configs[forge], question, &subject, &answer, pull, &verdict, words), 0);
        return verdict;
}

static void test_verdicts(void **state) {
        static const struct {
                enum rv_forge forge;
                enum rv_forge_question question;
                long status;
                const char *body;
                enum rv_forge_verdict verdict;
        } cases[] = {
                {RV_FORGE_GITHUB, RV_FORGE_FIND, 200, "[]", RV_FORGE_MISSING},
                {RV_FORGE_GITHUB, RV_FORGE_CREATE, 422,
                 "{\"message\":\"Validation Failed\",\"errors\":[{\"resource\":\"PullRequest\",\"code\":\"custom\","
                 "\"message\":\"A pull request already exists for acme:revertd.\"}]}",
                 RV_FORGE_EXISTS},
                {RV_FORGE_GITHUB, RV_FORGE_CREATE, 422,
                 "{\"message\":\"Validation Failed\",\"errors\":[{\"code\":\"custom\",\"message\":\"No commits between "
                 "main and x\"}]}",
                 RV_FORGE_NO_CHANGES},
                {RV_FORGE_GITHUB, RV_FORGE_CREATE, 422,
                 "{\"message\":\"Validation Failed\",\"errors\":[{\"resource\":\"PullRequest\",\"field\":\"head\","
                 "\"code\":\"invalid\"}]}",
                 RV_FORGE_NOT_YET},
                {RV_FORGE_GITHUB, RV_FORGE_CREATE, 403, "{\"message\":\"Resource not accessible\"}", RV_FORGE_REFUSED},
                {RV_FORGE_GITHUB, RV_FORGE_ACCEPT, 200,
                 "{\"data\":{},\"errors\":[{\"message\":\"Pull request Pull request is in clean status\"}]}",
                 RV_FORGE_OTHERWISE},
                {RV_FORGE_GITHUB, RV_FORGE_ACCEPT, 200,
                 "{\"errors\":[{\"message\":\"Pull request Auto merge is not allowed for this repository\"}]}",
                 RV_FORGE_REFUSED},
                {RV_FORGE_GITHUB, RV_FORGE_ACCEPT, 200, "{\"data\":{\"enablePullRequestAutoMerge\":{}}}",
                 RV_FORGE_DONE},
                {RV_FORGE_GITHUB, RV_FORGE_FIND, 404, "{\"message\":\"Not Found\"}", RV_FORGE_REFUSED},
                {RV_FORGE_GITLAB, RV_FORGE_FIND, 404, "{\"message\":\"404 Project Not Found\"}", RV_FORGE_REFUSED},
                {RV_FORGE_GITHUB, RV_FORGE_READ, 404, "{\"message\":\"Not Found\"}", RV_FORGE_MISSING},
                {RV_FORGE_GITHUB, RV_FORGE_READ, 401, "{\"message\":\"Bad credentials\"}", RV_FORGE_REFUSED},
                {RV_FORGE_GITHUB, RV_FORGE_READ, 500, "", RV_FORGE_UNAVAILABLE},
                {RV_FORGE_GITHUB, RV_FORGE_READ, 200, "", RV_FORGE_UNAVAILABLE},
                {RV_FORGE_GITHUB, RV_FORGE_READ, 200, "[]", RV_FORGE_UNAVAILABLE},
                {RV_FORGE_GITHUB, RV_FORGE_READ, 200, "{\"number\":-4,\"state\":\"open\"}", RV_FORGE_UNAVAILABLE},
                {RV_FORGE_GITLAB, RV_FORGE_CREATE, 409,
                 "{\"message\":[\"Another open merge request already exists for this source branch: !4\"]}",
                 RV_FORGE_EXISTS},
                {RV_FORGE_GITLAB, RV_FORGE_ACCEPT, 405, "{\"message\":\"405 Method Not Allowed\"}", RV_FORGE_NOT_YET},
                {RV_FORGE_GITLAB, RV_FORGE_ACCEPT, 409, "{\"message\":\"SHA does not match HEAD\"}", RV_FORGE_REFUSED},
                {RV_FORGE_GITEA, RV_FORGE_FIND, 404, "{\"message\":\"not found\"}", RV_FORGE_MISSING},
                {RV_FORGE_GITEA, RV_FORGE_CREATE, 404, "{\"message\":\"not found\"}", RV_FORGE_NOT_YET},
                {RV_FORGE_GITEA, RV_FORGE_CREATE, 409, "{\"message\":\"pull request already exists\"}",
                 RV_FORGE_EXISTS},
                {RV_FORGE_GITEA, RV_FORGE_CREATE, 422,
                 "{\"message\":\"Invalid PullRequest: There are no changes between the head and the base\"}",
                 RV_FORGE_NO_CHANGES},
                {RV_FORGE_GITEA, RV_FORGE_ACCEPT, 200, "", RV_FORGE_DONE},
                {RV_FORGE_GITEA, RV_FORGE_ACCEPT_ELSE, 201, "", RV_FORGE_DONE},
                {RV_FORGE_GITEA, RV_FORGE_ACCEPT, 405,
                 "{\"message\":\"not ready to be merged: Not all required status checks successful\"}",
                 RV_FORGE_OTHERWISE},
                {RV_FORGE_GITEA, RV_FORGE_ACCEPT, 405, "{\"message\":\"Please try again later\"}", RV_FORGE_NOT_YET},
                {RV_FORGE_GITEA, RV_FORGE_ACCEPT, 405, "{\"message\":\"User not allowed to merge PR\"}",
                 RV_FORGE_REFUSED},
                {RV_FORGE_GITEA, RV_FORGE_ACCEPT_ELSE, 409,
                 "{\"message\":\"pull request is already scheduled to auto merge when checks succeed [pull_id: 1]\"}",
                 RV_FORGE_DONE},
                {RV_FORGE_GITEA, RV_FORGE_ACCEPT, 409, "{\"message\":\"head out of date\"}", RV_FORGE_REFUSED},
        };
        struct rv_error words;

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++) {
                struct rv_forge_pull pull = {};
                enum rv_forge_verdict verdict =
                        judge(cases[i].forge, cases[i].question, cases[i].status, cases[i].body, &pull, &words);
                if (verdict != cases[i].verdict)
                        fail_msg("case %zu: verdict %d, %s", i, (int)verdict, words.text);
                assert_int_equal(pull.proposal.number, 0);
                rv_forge_pull_done(&pull);
        }
}

struct shown {
        enum rv_forge forge;
        const char *body;
        enum rv_proposal_state proposal;
        const char *merged;
};

/* How each says that it was merged, by each way to merge. */
static void test_states(void **state) {
        static const struct shown cases[] = {
                {RV_FORGE_GITHUB,
                 "{\"number\":5,\"state\":\"open\",\"merged\":false,\"mergeable\":null,\"merge_commit_sha\":\"" B40
                 "\",\"html_url\":\"https://github.com/acme/fleet/pull/5\"}",
                 RV_PROPOSAL_OPEN, ""},
                {RV_FORGE_GITHUB,
                 "{\"number\":5,\"state\":\"closed\",\"merged\":true,\"merge_commit_sha\":\"" B40
                 "\",\"html_url\":\"https://github.com/acme/fleet/pull/5\"}",
                 RV_PROPOSAL_MERGED, B40},
                {RV_FORGE_GITHUB,
                 "{\"number\":5,\"state\":\"closed\",\"merged_at\":null,\"merge_commit_sha\":\"" B40
                 "\",\"html_url\":\"https://github.com/acme/fleet/pull/5\"}",
                 RV_PROPOSAL_CLOSED, ""},
                {RV_FORGE_GITLAB,
                 "{\"iid\":5,\"state\":\"opened\",\"sha\":\"" A40
                 "\",\"merge_commit_sha\":null,\"web_url\":\"https://gitlab.example.com/a/-/merge_requests/5\"}",
                 RV_PROPOSAL_OPEN, ""},
                {RV_FORGE_GITLAB,
                 "{\"iid\":5,\"state\":\"merged\",\"sha\":\"" A40 "\",\"merge_commit_sha\":\"" B40
                 "\",\"squash_commit_sha\":\"" A40 "\",\"web_url\":\"https://gitlab.example.com/a\"}",
                 RV_PROPOSAL_MERGED, B40},
                {RV_FORGE_GITLAB,
                 "{\"iid\":5,\"state\":\"merged\",\"sha\":\"" A40 "\",\"merge_commit_sha\":null,\"squash_commit_sha\":"
                 "\"" B40 "\",\"web_url\":\"https://gitlab.example.com/a\"}",
                 RV_PROPOSAL_MERGED, B40},
                {RV_FORGE_GITLAB,
                 "{\"iid\":5,\"state\":\"merged\",\"sha\":\"" B40
                 "\",\"merge_commit_sha\":null,\"web_url\":\"https://gitlab.example.com/a\"}",
                 RV_PROPOSAL_MERGED, B40},
                {RV_FORGE_GITLAB, "{\"iid\":5,\"state\":\"locked\",\"web_url\":\"https://gitlab.example.com/a\"}",
                 RV_PROPOSAL_OPEN, ""},
                {RV_FORGE_GITLAB, "{\"iid\":5,\"state\":\"closed\",\"web_url\":\"https://gitlab.example.com/a\"}",
                 RV_PROPOSAL_CLOSED, ""},
                {RV_FORGE_GITEA,
                 "{\"number\":5,\"state\":\"closed\",\"merged\":true,\"merged_at\":\"2026-03-01T10:00:00+01:00\","
                 "\"merge_commit_sha\":\"" B40 "\",\"html_url\":\"https://gitea.example.com/a\"}",
                 RV_PROPOSAL_MERGED, B40},
                {RV_FORGE_GITEA, "{\"number\":5,\"state\":\"closed\",\"html_url\":\"https://gitea.example.com/a\"}",
                 RV_PROPOSAL_CLOSED, ""},
        };
        struct rv_error words;

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++) {
                struct rv_forge_pull pull = {};
                assert_int_equal(judge(cases[i].forge, RV_FORGE_READ, 200, cases[i].body, &pull, &words),
                                 RV_FORGE_DONE);
                assert_int_equal(pull.proposal.number, 5);
                assert_non_null(pull.proposal.url);
                assert_int_equal(pull.proposal.state, cases[i].proposal);
                assert_string_equal(pull.proposal.merged.hex, cases[i].merged);
                rv_forge_pull_done(&pull);
        }
}

static void test_one_of_several(void **state) {
        static const char list[] =
                "[{\"iid\":9,\"state\":\"closed\"},{\"iid\":8,\"state\":\"opened\",\"source_project_id\":1,"
                "\"target_project_id\":2},{\"iid\":7,\"state\":\"opened\"},{\"iid\":6,\"state\":\"opened\"}]";
        static const char foreign[] =
                "[{\"number\":9,\"state\":\"open\",\"head\":{\"repo\":{\"id\":1}},\"base\":{\"repo\":{\"id\":2}}}]";
        static const char others[] = "[{\"number\":9,\"state\":\"open\",\"head\":{\"ref\":\"a\"}},"
                                     "{\"iid\":8,\"state\":\"opened\",\"source_branch\":\"revertd/7f3c\"}]";
        struct rv_forge_pull pull = {};
        struct rv_error words;

        (void)state;
        assert_int_equal(judge(RV_FORGE_GITHUB, RV_FORGE_FIND, 200, others, &pull, &words), RV_FORGE_MISSING);
        assert_int_equal(judge(RV_FORGE_GITLAB, RV_FORGE_FIND, 200, others, &pull, &words), RV_FORGE_MISSING);
        assert_int_equal(judge(RV_FORGE_GITLAB, RV_FORGE_FIND, 200, list, &pull, &words), RV_FORGE_DONE);
        assert_int_equal(pull.proposal.number, 7);
        rv_forge_pull_done(&pull);
        assert_int_equal(judge(RV_FORGE_GITHUB, RV_FORGE_FIND, 200, foreign, &pull, &words), RV_FORGE_MISSING);
}

/* What a forge says is shown to people, its links are followed by them, and neither does anything. */
static void test_words_and_links_are_safe(void **state) {
        static const char *const links[] = {
                "javascript:alert(1)", "https://x/ y",   "https://x/|y",        "https://x/>y",
                "https://x/\x1b[2J",   "https://x/\x7f", "https://x/\u202egpj", ""};
        struct rv_forge_pull pull = {};
        struct rv_error words;

        (void)state;
        (void)judge(RV_FORGE_GITLAB, RV_FORGE_CREATE, 403,
                    "{\"message\":{\"base\":[\"a\\u001b[2Jb\\nc\\u202ed\"]},\"error\":\"e\"}", &pull, &words);
        assert_string_equal(words.text, "the forge refuses (HTTP 403): a [2Jb cd: e");
        for (size_t i = 0; i < RV_ARRAY_SIZE(links); i++) {
                _cleanup_json_ json_t *json =
                        json_pack("{s:i, s:s, s:s}", "number", 5, "state", "open", "html_url", links[i]);
                _cleanup_free_ char *text = rv_json_dump(json);
                assert_int_equal(judge(RV_FORGE_GITEA, RV_FORGE_READ, 200, text, &pull, &words), RV_FORGE_DONE);
                assert_null(pull.proposal.url);
                rv_forge_pull_done(&pull);
        }
}

static void test_patience(void **state) {
        struct rv_forge_answer answer = {.status = 403, .body = "", .wait_usec = 90000000};
        enum rv_forge_verdict verdict;
        struct rv_forge_pull pull = {};
        struct rv_error words = {};

        (void)state;
        assert_int_equal(
                rv_forge_judge(&configs[RV_FORGE_GITHUB], RV_FORGE_CREATE, &subject, &answer, &pull, &verdict, &words),
                0);
        assert_int_equal(verdict, RV_FORGE_UNAVAILABLE);
        assert_non_null(strstr(words.text, "1m 30s"));
        answer.wait_usec = 0;
        assert_int_equal(
                rv_forge_judge(&configs[RV_FORGE_GITHUB], RV_FORGE_CREATE, &subject, &answer, &pull, &verdict, &words),
                0);
        assert_int_equal(verdict, RV_FORGE_REFUSED);
}

static void test_descriptions(void **state) {
        _cleanup_free_ char *title = NULL, *text = NULL;

        (void)state;
        assert_int_equal(
                rv_forge_describe("Revert \"@all #1\"\n\nlike ````sh\nx\n\nRevertd-Incident: 7\n", &title, &text), 0);
        assert_string_equal(title, "Revert \"@all #1\"");
        assert_string_equal(text, "`````\nlike ````sh\nx\n\nRevertd-Incident: 7\n`````\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_enterprise_servers_graphql),
                cmocka_unit_test(test_the_merge_is_of_our_commit),
                cmocka_unit_test(test_statuses),
                cmocka_unit_test(test_verdicts),
                cmocka_unit_test(test_states),
                cmocka_unit_test(test_one_of_several),
                cmocka_unit_test(test_words_and_links_are_safe),
                cmocka_unit_test(test_patience),
                cmocka_unit_test(test_descriptions),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
