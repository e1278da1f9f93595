#include "forge/kind.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

/* "merge_when_pipeline_succeeds" is what "auto_merge" was called before GitLab 17.11. */
static json_t *accept_body(const struct rv_repository_config *config, const struct rv_forge_subject *subject) {
        _cleanup_free_ char *message = NULL;
        bool squash = config->merge_method == RV_MERGE_SQUASH;

        if (asprintf(&message, "%s\n\n%s", subject->title, subject->text) < 0) {
                message = NULL;
                return NULL;
        }
        return json_pack("{s:s, s:b, s:b, s:b, s:b, s:s}", "sha", subject->commit.hex, "auto_merge", 1,
                         "merge_when_pipeline_succeeds", 1, "should_remove_source_branch", 1, "squash", squash,
                         squash ? "squash_commit_message" : "merge_commit_message", message);
}

static int ask_find(const struct rv_repository_config *config, const char *project,
                    const struct rv_forge_subject *subject, struct rv_forge_request *ret) {
        _cleanup_free_ char *branch = forge_escape(subject->branch), *base = forge_escape(config->branch);

        if (!branch || !base)
                return -ENOMEM;
        return forge_request(ret, "GET", FORGE_NO_BODY,
                             "%s/projects/%s/merge_requests?per_page=20&source_branch=%s&target_branch=%s",
                             config->forge_url, project, branch, base);
}

static int ask(const struct rv_repository_config *config, enum rv_forge_question question,
               const struct rv_forge_subject *subject, struct rv_forge_request *ret) {
        _cleanup_free_ char *project = forge_escape(config->forge_project);
        const char *url = config->forge_url;
        unsigned long long number = subject->number;

        if (!project)
                return -ENOMEM;
        switch (question) {
        case RV_FORGE_FIND:
                return ask_find(config, project, subject, ret);
        case RV_FORGE_CREATE:
                return forge_request(ret, "POST",
                                     json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "source_branch", subject->branch,
                                               "target_branch", config->branch, "title", subject->title, "description",
                                               subject->text, "remove_source_branch", 1, "squash",
                                               config->merge_method == RV_MERGE_SQUASH),
                                     "%s/projects/%s/merge_requests", url, project);
        case RV_FORGE_ACCEPT:
        case RV_FORGE_ACCEPT_ELSE:
                return forge_request(ret, "PUT", accept_body(config, subject),
                                     "%s/projects/%s/merge_requests/%llu/merge", url, project, number);
        case RV_FORGE_STATUS:
                return forge_request(ret, "POST", forge_status_body(subject, "failed", "name"),
                                     "%s/projects/%s/statuses/%s", url, project, subject->commit.hex);
        case RV_FORGE_READ:
        case RV_FORGE_QUESTION_MAX:
        default:
                return forge_request(ret, "GET", FORGE_NO_BODY, "%s/projects/%s/merge_requests/%llu", url, project,
                                     number);
        }
}

/* Whether a merge is possible is computed after the request was made, and until then it is "not allowed". */
static enum rv_forge_verdict refusal(enum rv_forge_question question, long status, const char *words) {
        if (question == RV_FORGE_CREATE && status == 409)
                return RV_FORGE_EXISTS;
        if (question == RV_FORGE_CREATE && (status == 400 || status == 422) && strcasestr(words, "source branch"))
                return RV_FORGE_NOT_YET;
        if (question == RV_FORGE_ACCEPT && status == 405)
                return RV_FORGE_NOT_YET;
        return RV_FORGE_REFUSED;
}

/* Merged by a merge commit, by a squashed one, or by moving the branch to the request's own head. */
static void read_merged(const json_t *json, struct rv_oid *ret) {
        static const char *const keys[] = {"merge_commit_sha", "squash_commit_sha", "sha"};

        for (size_t i = 0; !ret->hex[0] && i < RV_ARRAY_SIZE(keys); i++)
                forge_read_oid(json, keys[i], ret);
}

static int read_request(const json_t *json, struct rv_forge_pull *ret) {
        const char *state = rv_json_string(json, "state", "");
        int64_t from = rv_json_int(json, "source_project_id", 0);
        int r;

        if (from != rv_json_int(json, "target_project_id", from))
                return -EINVAL;
        r = forge_read_proposal(json, "iid", "web_url", ret);
        if (r < 0)
                return r;
        ret->proposal.state = strcmp(state, "merged") == 0   ? RV_PROPOSAL_MERGED
                              : strcmp(state, "closed") == 0 ? RV_PROPOSAL_CLOSED
                                                             : RV_PROPOSAL_OPEN; /* opened, locked: being merged */
        if (ret->proposal.state == RV_PROPOSAL_MERGED)
                read_merged(json, &ret->proposal.merged);
        forge_read_oid(json, "sha", &ret->head);
        return 0;
}

const struct forge_kind forge_gitlab = {.ask = ask, .refusal = refusal, .read = read_request};
