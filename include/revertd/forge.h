/* Pull and merge requests at GitHub, GitLab and Gitea (Forgejo too), as HTTP requests to make and answers to judge;
 * whoever calls this sends them. Sources: docs.github.com/rest and /graphql, docs.gitlab.com/api, and Gitea 1.24's
 * routers/api/v1 and services/automerge. "Request" here is the HTTP one, "proposal" what people call pull request. */
#pragma once

#include "revertd/config.h"
#include "revertd/gitwire.h"

enum {
        RV_FORGE_ANSWER_BYTES_MAX = 4 << 20,
        RV_FORGE_WORDS_BYTES_MAX = 500, /* kept of what a forge says */
};

enum rv_forge_question {
        RV_FORGE_FIND,        /* the proposal from branch, in whatever state */
        RV_FORGE_CREATE,      /* one from branch, with title and text */
        RV_FORGE_READ,        /* the one with this number */
        RV_FORGE_ACCEPT,      /* have it merged, at this commit, as soon as it may be; number, node_id, title, text */
        RV_FORGE_ACCEPT_ELSE, /* the forge's other way to: GitHub merges at once, Gitea when its checks are done */
        RV_FORGE_STATUS,      /* say of a commit: is_well, title; text is a page, or NULL */
        RV_FORGE_QUESTION_MAX
};

/* What a question is about. Borrowed. */
struct rv_forge_subject {
        const char *branch;
        uint64_t number;
        const char *node_id; /* GitHub's name of the proposal; NULL: none known */
        struct rv_oid commit;
        const char *title, *text;
        bool is_well;
};

struct rv_forge_request {
        const char *method; /* "GET", "POST", "PUT" */
        char *url;
        char *body; /* JSON; NULL: none */
};
void rv_forge_request_done(struct rv_forge_request *request);

/* config->forge is not RV_FORGE_NONE. 0 or -ENOMEM. */
int rv_forge_ask(const struct rv_repository_config *config, enum rv_forge_question question,
                 const struct rv_forge_subject *subject, struct rv_forge_request *ret) RV_MUST_CHECK;

struct rv_forge_answer {
        long status;
        const char *body;
        size_t n;
        int64_t wait_usec; /* the server asks to be left alone for so long (Retry-After and the like); 0: it does not */
};

enum rv_forge_verdict {
        RV_FORGE_DONE,        /* FIND, CREATE, READ: here it is. Others: done */
        RV_FORGE_MISSING,     /* FIND, READ: there is none */
        RV_FORGE_EXISTS,      /* CREATE: there is one already; FIND it */
        RV_FORGE_NO_CHANGES,  /* CREATE: the branch has nothing that its target has not */
        RV_FORGE_NOT_YET,     /* CREATE, ACCEPT: the forge is still at work on what was pushed; ask again soon */
        RV_FORGE_OTHERWISE,   /* ACCEPT: not so, but by ACCEPT_ELSE */
        RV_FORGE_REFUSED,     /* the forge said no; words */
        RV_FORGE_UNAVAILABLE, /* it is not well, asks for patience, or was not understood; words */
        RV_FORGE_VERDICT_MAX
};

struct rv_forge_pull {
        struct rv_proposal proposal; /* merged: as the forge says, to be looked for on the branch; "": not said */
        char *node_id;               /* NULL: the forge has no such thing */
        struct rv_oid head;          /* what would be merged; "": not said */
};
void rv_forge_pull_done(struct rv_forge_pull *pull);

/* ret is filled with FIND, CREATE and READ where the verdict is DONE. subject: what was asked about; FIND looks at its
 * branch. words: what to tell people otherwise, safe to show. 0 or -ENOMEM. */
int rv_forge_judge(const struct rv_repository_config *config, enum rv_forge_question question,
                   const struct rv_forge_subject *subject, const struct rv_forge_answer *answer,
                   struct rv_forge_pull *ret, enum rv_forge_verdict *ret_verdict, struct rv_error *words) RV_MUST_CHECK;

/* A commit's message as the title and the text of a proposal: what strangers wrote in it notifies nobody and closes
 * nothing. 0 or -ENOMEM. */
int rv_forge_describe(const char *message, char **ret_title, char **ret_text) RV_MUST_CHECK;
