/* What each forge says about itself, and what they share. */
#pragma once

#include "revertd/forge.h"
#include "revertd/json.h"

struct forge_kind {
        int (*ask)(const struct rv_repository_config *config, enum rv_forge_question question,
                   const struct rv_forge_subject *subject, struct rv_forge_request *ret);
        /* Of a status that is no success; REFUSED where it is nothing particular. words: the forge's, "" for none. */
        enum rv_forge_verdict (*refusal)(enum rv_forge_question question, long status, const char *words);
        /* A proposal of a branch of the same repository: -EINVAL: this is none. */
        int (*read)(const json_t *json, struct rv_forge_pull *ret);
};
extern const struct forge_kind forge_github, forge_gitlab, forge_gitea;

/* A request with the address by format, and the body, which is taken (NULL: none). */
int forge_request(struct rv_forge_request *ret, const char *method, json_t *body, const char *fmt, ...)
        RV_PRINTF(4, 5) RV_MUST_CHECK;
#define FORGE_NO_BODY NULL

/* What GitHub's interface and Gitea's, which is made after it, have in common; and GitLab's for a status, in other words. */
json_t *forge_pull_body(const struct rv_repository_config *config, const struct rv_forge_subject *subject);
json_t *forge_status_body(const struct rv_forge_subject *subject, const char *bad, const char *name_key);
void forge_read_state(const json_t *json, bool is_merged, struct rv_forge_pull *ret);

/* For one part of a path, or of a query. Caller frees; NULL: out of memory. */
char *forge_escape(const char *text);

/* The members number, html_url and the like. */
int forge_read_proposal(const json_t *json, const char *number, const char *url, struct rv_forge_pull *ret);
void forge_read_oid(const json_t *json, const char *key, struct rv_oid *ret); /* what is no id counts as none */
