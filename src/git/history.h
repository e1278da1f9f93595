/* The branch's first-parent line with what each commit touched, remembered while the worker lives. */
#pragma once

#include "git/libgit2.h"

enum {
        RV_HISTORY_OUTSIDE_MAX = 512, /* paths outside the scope are counted up to this; also: not known */
        RV_HISTORY_INSIDE_MAX = RV_COMMIT_INSIDE_UNKNOWN,
        RV_HISTORY_RECORDS_MAX = 50000, /* commits remembered */
        RV_HISTORY_FRESH_MAX = 1000,
};

struct rv_history;

int rv_history_new(struct rv_history **ret) RV_MUST_CHECK;
struct rv_history *rv_history_free(struct rv_history *history);

/* The repository to read (NULL: none); generation is another one each time that it was opened anew. */
int rv_history_use(struct rv_history *history, git_repository *repo, unsigned generation,
                   struct rv_error *err) RV_MUST_CHECK;

/* Commits from head down that touch the scope, newest first, into reply->commits, n_commits, n_scanned, truncated.
 * Committer times need not be in order: the walk goes on a few commits past the first one that is too old. */
int rv_history_read(struct rv_history *history, const git_oid *head, const struct rv_git_request *request,
                    struct rv_git_reply *reply, struct rv_error *err) RV_MUST_CHECK;

/* The same from head down to `last`, without it; request->since_usec does not count. 1: `last` was reached; 0: it is
 * not on head's first-parent line, or more than request->max_commits below. */
int rv_history_read_since(struct rv_history *history, const git_oid *head, const git_oid *last,
                          const struct rv_git_request *request, struct rv_git_reply *reply,
                          struct rv_error *err) RV_MUST_CHECK;

/* After either of these: where revisions stand on head's first-parent line, into reply->above. */
int rv_history_place(struct rv_history *history, const git_oid *head, const struct rv_oid *revisions, size_t n,
                     struct rv_git_reply *reply, struct rv_error *err) RV_MUST_CHECK;

/* First-parent commits that head has and known has not, newest first, into reply->fresh. known "" gives none. */
int rv_history_fresh(struct rv_history *history, const git_oid *head, const struct rv_oid *known,
                     struct rv_git_reply *reply, struct rv_error *err) RV_MUST_CHECK;

/* A commit that head reaches (by any parent), committed after since_usec, that carries this incident's trailer.
 * 1: found; 0: none. */
int rv_history_find_incident(struct rv_history *history, const git_oid *head, const char *incident, int64_t since_usec,
                             git_oid *ret, struct rv_error *err) RV_MUST_CHECK;

/* One commit with its paths, as SHOW gives it. */
int rv_history_show(struct rv_history *history, const git_oid *id, struct rv_commit *ret,
                    struct rv_error *err) RV_MUST_CHECK;
