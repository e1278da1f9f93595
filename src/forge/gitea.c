#include "forge/kind.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

/* By its two branches, in whatever state; listing knows no filter for the branch that it comes from. */
static int ask_find(const struct rv_repository_config *config, const struct rv_forge_subject *subject,
                    struct rv_forge_request *ret) {
        _cleanup_free_ char *branch = forge_escape(subject->branch), *base = forge_escape(config->branch);

        if (!branch || !base)
                return -ENOMEM;
        return forge_request(ret, "GET", FORGE_NO_BODY, "%s/repos/%s/pulls/%s/%s", config->forge_url,
                             config->forge_project, base, branch);
}

/* What is scheduled is merged when a check ends well, and never if there is none: so first, now. */
static json_t *accept_body(const struct rv_repository_config *config, enum rv_forge_question question,
                           const struct rv_forge_subject *subject) {
        return json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "Do", rv_merge_method_to_string(config->merge_method),
                         "MergeTitleField", subject->title, "MergeMessageField", subject->text, "head_commit_id",
                         subject->commit.hex, "merge_when_checks_succeed", question == RV_FORGE_ACCEPT_ELSE,
                         "delete_branch_after_merge", 1);
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
        case RV_FORGE_ACCEPT_ELSE:
                return forge_request(ret, "POST", accept_body(config, question, subject),
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
        if (question == RV_FORGE_CREATE && status == 409)
                return RV_FORGE_EXISTS;
        if (question == RV_FORGE_CREATE && status == 422 && strcasestr(words, "no changes"))
                return RV_FORGE_NO_CHANGES;
        if (question == RV_FORGE_CREATE && status == 404) /* the branch; a project stays missing */
                return RV_FORGE_NOT_YET;
        if (question == RV_FORGE_ACCEPT && status == 405 && strcasestr(words, "try again later"))
                return RV_FORGE_NOT_YET;
        if (question == RV_FORGE_ACCEPT && status == 405 && !strcasestr(words, "allowed"))
                return RV_FORGE_OTHERWISE;
        if (question == RV_FORGE_ACCEPT_ELSE && status == 409 && strcasestr(words, "already scheduled"))
                return RV_FORGE_DONE;
        return RV_FORGE_REFUSED;
}

static int read_pull(const json_t *json, struct rv_forge_pull *ret) {
        const json_t *head = json_object_get(json, "head"), *base = json_object_get(json, "base");
        int r;

        if (rv_json_int(head, "repo_id", 0) != rv_json_int(base, "repo_id", 0))
                return -EINVAL;
        r = forge_read_proposal(json, "number", "html_url", ret);
        if (r < 0)
                return r;
        forge_read_state(json, rv_json_bool(json, "merged", false), ret);
        return 0;
}

const struct forge_kind forge_gitea = {.ask = ask, .refusal = refusal, .read = read_pull};
