#include "git/ops.h"

#include "git/pause_file.h"
#include "git/restore.h"
#include "revertd/cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PREFIX_DIGITS_MIN = 4 };

int rv_op_say(struct rv_git_reply *reply, enum rv_git_outcome outcome, const char *fmt, ...) {
        char *message = NULL;
        va_list args;
        int n;

        va_start(args, fmt);
        n = vasprintf(&message, fmt, args);
        va_end(args);
        if (n < 0)
                return -ENOMEM;
        free(reply->message);
        reply->message = message;
        reply->outcome = outcome;
        return 0;
}

int rv_op_read_branch(struct rv_worker *worker, struct rv_git_reply *reply, git_oid *ret_head, struct rv_error *err) {
        int r;

        r = rv_mirror_sync(worker->mirror, worker->deadline_usec, ret_head, err);
        if (r < 0)
                return r;
        rv_oid_from_git(&reply->head, ret_head);
        return 0;
}

int rv_op_contains(struct rv_worker *worker, const git_oid *head, const git_oid *commit, struct rv_error *err) {
        git_repository *repo = rv_mirror_repository(worker->mirror);
        _cleanup_git_(odb) git_odb *odb = NULL;
        int r;

        if (git_oid_equal(head, commit))
                return 1;
        r = git_repository_odb(&odb, repo);
        if (r < 0)
                return rv_libgit2_error(err, r, "no object database");
        if (!git_odb_exists(odb, commit))
                return 0;
        r = git_graph_descendant_of(repo, head, commit);
        if (r < 0)
                return rv_libgit2_error(err, r, "history of the branch");
        return r;
}

int rv_op_sync(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
               struct rv_error *err) {
        git_oid head;
        int r;

        r = rv_op_read_branch(worker, reply, &head, err);
        if (r == 0)
                r = rv_pause_file_read(rv_mirror_repository(worker->mirror), &head, &reply->pause, err);
        if (r < 0)
                return r;
        return rv_history_fresh(worker->history, &head, &request->known, reply, err);
}

/* So many commits before it, along the first parents. 1: found; 0: there are not as many. */
static int go_back(struct rv_worker *worker, unsigned n, git_oid *id, struct rv_error *err) {
        _cleanup_git_(commit) git_commit *commit = NULL;
        _cleanup_git_(commit) git_commit *ancestor = NULL;
        int r;

        r = rv_commit_lookup(&commit, rv_mirror_repository(worker->mirror), id, err);
        if (r < 0)
                return r;
        r = git_commit_nth_gen_ancestor(&ancestor, commit, n);
        if (r == GIT_ENOTFOUND)
                return 0;
        if (r < 0)
                return rv_libgit2_error(err, r, "history of the branch");
        *id = *git_commit_id(ancestor);
        return 1;
}

/* 1: found; 0: not found, or not the only one. */
static int resolve_id(struct rv_worker *worker, const char *revision, git_oid *ret, struct rv_error *err) {
        size_t n = strspn(revision, "0123456789abcdefABCDEF");
        git_commit *commit = NULL;
        git_oid prefix;
        int r;

        if (n < PREFIX_DIGITS_MIN || n > GIT_OID_HEXSZ || revision[n] || git_oid_fromstrn(&prefix, revision, n) < 0)
                return 0;
        r = git_commit_lookup_prefix(&commit, rv_mirror_repository(worker->mirror), &prefix, n);
        if (r == GIT_ENOTFOUND || r == GIT_EAMBIGUOUS)
                return 0;
        if (r < 0)
                return rv_libgit2_error(err, r, "looking up \"%s\"", revision);
        *ret = *git_commit_id(commit);
        git_commit_free(commit);
        return 1;
}

static const char no_such_revision[] = "\"%s\" names no commit on the branch, or more than one (a commit is named by "
                                       "its id, the id's first %d or more "
                                       "digits, or HEAD; with ~n, the one n before it is)";

/* HEAD or an id, and how many before it, as in HEAD~2. 1: found; 0: not found. */
static int resolve(struct rv_worker *worker, const char *revision, const git_oid *head, git_oid *ret,
                   struct rv_error *err) {
        const char *tilde = strchrnul(revision, '~');
        _cleanup_free_ char *name = strndup(revision, (size_t)(tilde - revision));
        unsigned long n = 0;
        char *end;
        int r;

        if (!name)
                return rv_error_oom(err);
        if (*tilde) {
                n = strtoul(tilde + 1, &end, 10);
                if (!isdigit((unsigned char)tilde[1]) || *end || n > RV_COMMITS_MAX)
                        return 0;
        }
        r = 1;
        if (strcmp(name, "HEAD") == 0)
                *ret = *head;
        else if ((r = resolve_id(worker, name, ret, err)) == 1)
                r = rv_op_contains(worker, head, ret, err);
        return r == 1 && n > 0 ? go_back(worker, (unsigned)n, ret, err) : r;
}

/* Everything that touched the scope since a commit, for whoever wants to go back to it. */
static int history_since(struct rv_worker *worker, const struct rv_git_request *request, const git_oid *head,
                         struct rv_git_reply *reply, struct rv_error *err) {
        struct rv_git_request since = *request; /* borrows */
        git_oid last;
        int r = resolve(worker, request->revision, head, &last, err);

        if (r < 0)
                return r;
        if (r == 0)
                return rv_op_say(reply, RV_GIT_NOT_FOUND, no_such_revision, request->revision, PREFIX_DIGITS_MIN);
        rv_oid_from_git(&reply->commit, &last);
        since.max_commits = RV_RESTORE_LINE_MAX;
        since.max_touching = 0;
        r = rv_history_read_since(worker->history, head, &last, &since, reply, err);
        if (r != 0)
                return r < 0 ? r : 0;
        return rv_op_say(reply, RV_GIT_NOT_FOUND,
                         "%s is not among the last %d commits on the branch's first-parent line", reply->commit.hex,
                         RV_RESTORE_LINE_MAX);
}

int rv_op_history(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
                  struct rv_error *err) {
        git_oid head;
        int r;

        r = rv_op_read_branch(worker, reply, &head, err);
        if (r == 0)
                r = rv_pause_file_read(rv_mirror_repository(worker->mirror), &head, &reply->pause, err);
        if (r == 0)
                r = rv_history_fresh(worker->history, &head, &request->known, reply, err);
        if (r < 0)
                return r;
        r = request->revision ? history_since(worker, request, &head, reply, err)
                              : rv_history_read(worker->history, &head, request, reply, err);
        if (r < 0 || reply->outcome != RV_GIT_OK)
                return r;
        return rv_history_place(worker->history, &head, request->deployed, request->n_deployed, reply, err);
}

/* 1: the commit is in the history of one of the revisions, as far as these are known here. */
static int is_deployed(struct rv_worker *worker, const struct rv_git_request *request, const git_oid *commit,
                       struct rv_error *err) {
        _cleanup_git_(odb) git_odb *odb = NULL;
        int r = git_repository_odb(&odb, rv_mirror_repository(worker->mirror));

        if (r < 0)
                return rv_libgit2_error(err, r, "no object database");
        for (size_t i = 0; i < request->n_deployed && r == 0; i++) {
                git_object_t type;
                git_oid revision;
                size_t size;

                if (rv_oid_to_git(&revision, &request->deployed[i]) == 0 &&
                    git_odb_read_header(&size, &type, odb, &revision) == 0 && type == GIT_OBJECT_COMMIT)
                        r = rv_op_contains(worker, &revision, commit, err);
        }
        return r;
}

int rv_op_check(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
                struct rv_error *err) {
        git_oid head, commit;
        int r;

        if (rv_oid_to_git(&commit, &request->commit) < 0)
                return rv_error_set(err, -EINVAL, "the request names no commit");
        r = rv_op_read_branch(worker, reply, &head, err);
        if (r == 0)
                r = rv_op_contains(worker, &head, &commit, err);
        if (r < 0)
                return r;
        reply->contained = r;
        r = is_deployed(worker, request, &commit, err);
        if (r < 0)
                return r;
        reply->deployed = r;
        return 0;
}

int rv_op_show(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
               struct rv_error *err) {
        git_oid head, id;
        int r;

        if (!request->revision)
                return rv_error_set(err, -EINVAL, "the request names no revision");
        r = rv_op_read_branch(worker, reply, &head, err);
        if (r == 0)
                r = resolve(worker, request->revision, &head, &id, err);
        if (r < 0)
                return r;
        if (r == 0)
                return rv_op_say(reply, RV_GIT_NOT_FOUND, no_such_revision, request->revision, PREFIX_DIGITS_MIN);
        reply->commits = calloc(1, sizeof(*reply->commits));
        if (!reply->commits)
                return rv_error_oom(err);
        r = rv_history_show(worker->history, &id, reply->commits, err);
        if (r < 0)
                return r;
        reply->n_commits = 1;
        return 0;
}
