#include "forge/kind.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/text.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

enum { VALUES_MAX = 1 << 18 };

static const struct forge_kind *kind_of(const struct rv_repository_config *config) {
        switch (config->forge) {
        case RV_FORGE_GITLAB:
                return &forge_gitlab;
        case RV_FORGE_GITEA:
                return &forge_gitea;
        case RV_FORGE_NONE:
        case RV_FORGE_GITHUB:
        case RV_FORGE_MAX:
        default:
                return &forge_github;
        }
}

/* -- Questions -- */

void rv_forge_request_done(struct rv_forge_request *request) {
        free(request->url);
        free(request->body);
        *request = (struct rv_forge_request){};
}

int rv_forge_ask(const struct rv_repository_config *config, enum rv_forge_question question,
                 const struct rv_forge_subject *subject, struct rv_forge_request *ret) {
        return kind_of(config)->ask(config, question, subject, ret);
}

int forge_request(struct rv_forge_request *ret, const char *method, json_t *body, const char *fmt, ...) {
        _cleanup_json_ json_t *json = body;
        struct rv_forge_request request = {.method = method};
        va_list args;

        va_start(args, fmt);
        if (vasprintf(&request.url, fmt, args) < 0)
                request.url = NULL;
        va_end(args);
        bool has_body = strcmp(method, "GET") != 0;
        if (json)
                request.body = rv_json_dump(json);
        if (!request.url || (has_body && !request.body)) {
                rv_forge_request_done(&request);
                return -ENOMEM;
        }
        *ret = request;
        return 0;
}

json_t *forge_pull_body(const struct rv_repository_config *config, const struct rv_forge_subject *subject) {
        return json_pack("{s:s, s:s, s:s, s:s}", "title", subject->title, "head", subject->branch, "base",
                         config->branch, "body", subject->text);
}

json_t *forge_status_body(const struct rv_forge_subject *subject, const char *bad, const char *name_key) {
        return json_pack("{s:s, s:s, s:s, s:s*}", "state", subject->is_well ? "success" : bad, name_key, "revertd",
                         "description", subject->title, "target_url", subject->text);
}

char *forge_escape(const char *text) {
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
        char *escaped = malloc(3 * strlen(text) + 1), *end = escaped;

        for (; escaped && *text; text++)
                if (strchr(plain, *text))
                        *end++ = *text;
                else
                        end += snprintf(end, 4, "%%%02X", (unsigned char)*text);
        if (escaped)
                *end = '\0';
        return escaped;
}

/* -- Answers -- */

void rv_forge_pull_done(struct rv_forge_pull *pull) {
        rv_proposal_done(&pull->proposal);
        free(pull->node_id);
        *pull = (struct rv_forge_pull){};
}

void forge_read_oid(const json_t *json, const char *key, struct rv_oid *ret) {
        const char *hex = rv_json_string(json, key, "");

        *ret = (struct rv_oid){};
        if (strlen(hex) == 40 && strspn(hex, "0123456789abcdef") == 40)
                memcpy(ret->hex, hex, 41);
}

/* A link that people are shown is one of a browser's, and leads where it seems to. */
static char *copy_page(const char *url) {
        bool is_page = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;

        for (const char *p = url; is_page && *p; p++)
                is_page = *p > ' ' && *p < 0x7f && !strchr("<>\"'`|\\", *p);
        return is_page && strlen(url) < 2000 ? strdup(url) : NULL;
}

int forge_read_proposal(const json_t *json, const char *number, const char *url, struct rv_forge_pull *ret) {
        int64_t n = rv_json_int(json, number, 0);

        if (n <= 0)
                return -EINVAL;
        ret->proposal.number = (uint64_t)n;
        ret->proposal.url = copy_page(rv_json_string(json, url, ""));
        return 0;
}

void forge_read_state(const json_t *json, bool is_merged, struct rv_forge_pull *ret) {
        ret->proposal.state = is_merged                                                ? RV_PROPOSAL_MERGED
                              : strcmp(rv_json_string(json, "state", ""), "open") == 0 ? RV_PROPOSAL_OPEN
                                                                                       : RV_PROPOSAL_CLOSED;
        if (is_merged)
                forge_read_oid(json, "merge_commit_sha", &ret->proposal.merged);
        forge_read_oid(json_object_get(json, "head"), "sha", &ret->head);
}

/* GitHub's word for it, or GitLab's. A filter that is not understood leaves strangers' in the list. */
static bool is_from(const json_t *json, const char *branch) {
        const char *from = rv_json_string(json_object_get(json, "head"), "ref", branch);

        return strcmp(rv_json_string(json, "source_branch", from), branch) == 0;
}

/* Of several from the same branch, the one that is open; else the first, which is the newest. */
static int read_one_of(const struct forge_kind *kind, const json_t *list, const char *branch,
                       struct rv_forge_pull *ret) {
        struct rv_forge_pull found = {};

        for (size_t i = 0; i < json_array_size(list); i++) {
                struct rv_forge_pull pull = {};
                if (is_from(json_array_get(list, i), branch) && kind->read(json_array_get(list, i), &pull) == 0 &&
                    (found.proposal.number == 0 ||
                     (pull.proposal.state == RV_PROPOSAL_OPEN && found.proposal.state != RV_PROPOSAL_OPEN))) {
                        rv_forge_pull_done(&found);
                        found = pull;
                } else
                        rv_forge_pull_done(&pull);
        }
        *ret = found;
        return found.proposal.number > 0 ? 0 : -ENOENT;
}

/* "message", "error" and "errors" hold words, lists of them, or objects with more of the same. */
static void gather(const json_t *json, unsigned depth, FILE *f) {
        static const char *const keys[] = {"message", "error", "error_description", "errors", "base", "code"};

        if (json_is_string(json) && json_string_length(json) > 0)
                fprintf(f, "%s%s", ftell(f) > 0 ? ": " : "", json_string_value(json));
        for (size_t i = 0; depth > 0 && i < json_array_size(json); i++)
                gather(json_array_get(json, i), depth - 1, f);
        for (size_t i = 0; depth > 0 && json_is_object(json) && i < RV_ARRAY_SIZE(keys); i++)
                gather(json_object_get(json, keys[i]), depth - 1, f);
}

/* One line, safe to show. NULL: out of memory. */
static char *words_of(const json_t *json) {
        _cleanup_free_ char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);

        if (!f)
                return NULL;
        gather(json, 4, f);
        return fclose(f) == 0 ? rv_text_line(text, RV_FORGE_WORDS_BYTES_MAX) : NULL;
}

static enum rv_forge_verdict say_wait(int64_t wait_usec, struct rv_error *words) {
        char text[RV_DURATION_TEXT_MAX];

        rv_error_set(words, 0, "the forge asks to be left alone for %s", rv_duration_humanize(wait_usec, text));
        return RV_FORGE_UNAVAILABLE;
}

static enum rv_forge_verdict say(enum rv_forge_verdict verdict, struct rv_error *words, const char *what, long status,
                                 const char *said) {
        rv_error_set(words, 0, "the forge %s (HTTP %ld)%s%s", what, status, *said ? ": " : "", said);
        return verdict;
}

static enum rv_forge_verdict judge_refusal(const struct forge_kind *kind, enum rv_forge_question question,
                                           const struct rv_forge_answer *answer, const char *said,
                                           struct rv_error *words) {
        long status = answer->status;

        if (answer->wait_usec > 0 && (status == 403 || status == 429))
                return say_wait(answer->wait_usec, words);
        if (status == 429 || status >= 500)
                return say(RV_FORGE_UNAVAILABLE, words, "is not well", status, said);
        if (status >= 300 && status < 400)
                return say(RV_FORGE_REFUSED, words, "redirects, which is not followed: correct forge_url", status,
                           said);
        if (status == 401 && question != RV_FORGE_ACCEPT) /* GitLab's word for: not allowed to merge */
                return say(RV_FORGE_REFUSED, words, "does not accept forge_credential", status, said);
        if (status == 404 && (question == RV_FORGE_READ || (question == RV_FORGE_FIND && kind == &forge_gitea)))
                return say(RV_FORGE_MISSING, words, "has no such proposal, or hides it from the token", status, said);
        if (status == 404 && question == RV_FORGE_FIND)
                return say(RV_FORGE_REFUSED, words, "has no such project, or hides it from the token", status, said);
        return say(kind->refusal(question, status, said), words, "refuses", status, said);
}

static enum rv_forge_verdict judge_success(const struct forge_kind *kind, enum rv_forge_question question,
                                           const struct rv_forge_subject *subject, const struct rv_forge_answer *answer,
                                           const json_t *json, const char *said, struct rv_forge_pull *ret,
                                           struct rv_error *words) {
        bool has_errors = json_array_size(json_object_get(json, "errors")) > 0; /* GraphQL's way to say no */
        int r = 0;

        if (question == RV_FORGE_ACCEPT && has_errors)
                return say(kind->refusal(question, answer->status, said), words, "refuses", answer->status, said);
        if (question == RV_FORGE_FIND && json_is_array(json)) {
                if (json_array_size(json) == 0 || (r = read_one_of(kind, json, subject->branch, ret)) == -ENOENT)
                        return RV_FORGE_MISSING;
        } else if (question == RV_FORGE_FIND || question == RV_FORGE_CREATE || question == RV_FORGE_READ) {
                r = json ? kind->read(json, ret) : -EINVAL;
                if (r < 0)
                        rv_forge_pull_done(ret);
        }
        return r < 0 ? say(RV_FORGE_UNAVAILABLE, words, "gives an answer that is none", answer->status, "")
                     : RV_FORGE_DONE;
}

int rv_forge_judge(const struct rv_repository_config *config, enum rv_forge_question question,
                   const struct rv_forge_subject *subject, const struct rv_forge_answer *answer,
                   struct rv_forge_pull *ret, enum rv_forge_verdict *ret_verdict, struct rv_error *words) {
        const struct forge_kind *kind = kind_of(config);
        _cleanup_json_ json_t *json = NULL;
        _cleanup_free_ char *said = NULL;
        struct rv_error ignored;

        *ret = (struct rv_forge_pull){};
        if (answer->n > 0 && rv_json_parse(&json, answer->body, answer->n, VALUES_MAX, &ignored) == -ENOMEM)
                return -ENOMEM;
        said = words_of(json);
        if (!said)
                return -ENOMEM;
        *ret_verdict = answer->status >= 200 && answer->status < 300
                               ? judge_success(kind, question, subject, answer, json, said, ret, words)
                               : judge_refusal(kind, question, answer, said, words);
        return 0;
}
