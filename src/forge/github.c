#include "forge/kind.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

/* https://api.github.com/graphql; of GitHub Enterprise Server, https://HOST/api/graphql beside https://HOST/api/v3. */
static int ask_graphql(const struct rv_repository_config *config, json_t *body, struct rv_forge_request *ret) {
        static const char version[] = "/api/v3";
        size_t n = strlen(config->forge_url), n_version = strlen(version);

        if (n > n_version && strcmp(config->forge_url + n - n_version, version) == 0)
                return forge_request(ret, "POST", body, "%.*s/graphql", (int)(n - strlen("/v3")), config->forge_url);
        return forge_request(ret, "POST", body, "%s/graphql", config->forge_url);
}

/* The REST interface cannot do this. */
static int ask_accept(const struct rv_repository_config *config, const struct rv_forge_subject *subject,
                      struct rv_forge_request *ret) {
        static const char mutation[] = "mutation($input:EnablePullRequestAutoMergeInput!)"
                                       "{enablePullRequestAutoMerge(input:$input){pullRequest{number}}}";
        static const char *const methods[] = {
                [RV_MERGE_COMMIT] = "MERGE", [RV_MERGE_SQUASH] = "SQUASH", [RV_MERGE_REBASE] = "REBASE"};
        _cleanup_json_ json_t *input = json_pack("{s:s*, s:s, s:s}", "pullRequestId", subject->node_id, "mergeMethod",
                                                 methods[config->merge_method], "expectedHeadOid", subject->commit.hex);

        /* A rebased commit keeps its message. */
        if (input && config->merge_method != RV_MERGE_REBASE &&
            (json_object_set_new(input, "commitHeadline", json_string(subject->title)) < 0 ||
             json_object_set_new(input, "commitBody", json_string(subject->text)) < 0))
                return -ENOMEM;
        return ask_graphql(config, json_pack("{s:s, s:{s:O}}", "query", mutation, "variables", "input", input), ret);
}

static int ask_find(const struct rv_repository_config *config, const struct rv_forge_subject *subject,
                    struct rv_forge_request *ret) {
        _cleanup_free_ char *branch = forge_escape(subject->branch), *base = forge_escape(config->branch);
        int n_owner = (int)strcspn(config->forge_project, "/");

        if (!branch || !base)
                return -ENOMEM;
        return forge_request(ret, "GET", FORGE_NO_BODY, "%s/repos/%s/pulls?state=all&per_page=20&head=%.*s:%s&base=%s",
                             config->forge_url, config->forge_project, n_owner, config->forge_project, branch, base);
}

static int ask(const struct rv_repository_config *config, enum rv_forge_question question,
               const struct rv_forge_subject *subject, struct rv_forge_request *ret) {
        const char *url = config->forge_url, *project = config->forge_project;
        unsigned long long number = subject->number;

        switch (question) {
        case RV_FORGE_FIND:
                return ask_find(config, subject, ret);
        case RV_FORGE_CREATE:
                return forge_request(ret, "POST", forge_pull_body(config, subject), "%s/repos/%s/pulls", url, project);
        case RV_FORGE_ACCEPT:
                return ask_accept(config, subject, ret);
        case RV_FORGE_ACCEPT_ELSE:
                return forge_request(ret, "PUT",
                                     json_pack("{s:s, s:s, s:s, s:s}", "sha", subject->commit.hex, "merge_method",
                                               rv_merge_method_to_string(config->merge_method), "commit_title",
                                               subject->title, "commit_message", subject->text),
                                     "%s/repos/%s/pulls/%llu/merge", url, project, number);
        case RV_FORGE_STATUS:
                return forge_request(ret, "POST", forge_status_body(subject, "failure", "context"),
                                     "%s/repos/%s/statuses/%s", url, project, subject->commit.hex);
        case RV_FORGE_READ:
        case RV_FORGE_QUESTION_MAX:
        default:
                return forge_request(ret, "GET", FORGE_NO_BODY, "%s/repos/%s/pulls/%llu", url, project, number);
        }
}

static enum rv_forge_verdict refusal(enum rv_forge_question question, long status, const char *words) {
        if (question == RV_FORGE_CREATE && status == 422 && strcasestr(words, "already exists"))
                return RV_FORGE_EXISTS;
        if (question == RV_FORGE_CREATE && status == 422 && strcasestr(words, "No commits between"))
                return RV_FORGE_NO_CHANGES;
        /* "Validation Failed: invalid", of the field "head": the branch has not arrived there yet. */
        if (question == RV_FORGE_CREATE && status == 422 && strcasestr(words, "invalid"))
                return RV_FORGE_NOT_YET;
        if (question == RV_FORGE_ACCEPT && strcasestr(words, "clean status"))
                return RV_FORGE_OTHERWISE;
        return RV_FORGE_REFUSED;
}

/* The commit that "merge_commit_sha" names is a trial merge as long as it is not merged. */
static int read_pull(const json_t *json, struct rv_forge_pull *ret) {
        const json_t *head = json_object_get(json, "head"), *base = json_object_get(json, "base");
        int64_t from = rv_json_int(json_object_get(head, "repo"), "id", 0);
        bool is_merged = rv_json_bool(json, "merged", false) || rv_json_string(json, "merged_at", NULL);
        int r;

        if (from > 0 && from != rv_json_int(json_object_get(base, "repo"), "id", 0))
                return -EINVAL;
        r = forge_read_proposal(json, "number", "html_url", ret);
        if (r < 0)
                return r;
        forge_read_state(json, is_merged, ret);
        if (rv_json_string(json, "node_id", NULL) && !(ret->node_id = strdup(rv_json_string(json, "node_id", ""))))
                return -ENOMEM;
        return 0;
}

const struct forge_kind forge_github = {.ask = ask, .refusal = refusal, .read = read_pull};
