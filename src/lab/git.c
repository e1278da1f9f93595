/* A worker that answers as revertd-git would, of branches without files: a commit has paths, and words for the lines
 * that it changes; a later commit to the same lines of the same path stands in a revert's way. What stands in lines
 * that it adds and removes is said apart from that, and is in the first of its paths in the scope. */
#include "lab/lab.h"
#include "lab/tell.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool answer_fresh(const struct lab_branch *branch, const struct rv_git_request *request,
                         struct rv_git_reply *reply) {
        ssize_t known = lab_branch_find(branch, request->known.hex);

        if (known < 0)
                return true;
        reply->fresh = calloc(branch->n + 1, sizeof(*reply->fresh));
        for (size_t i = branch->n; reply->fresh && i-- > (size_t)known + 1;)
                reply->fresh[reply->n_fresh++] = branch->change[i].id;
        return reply->fresh != NULL;
}

/* An id, its beginning, or the one before it as in a1b2~1. */
static ssize_t resolve(const struct lab_branch *branch, const char *revision) {
        struct rv_oid name = {{0}};
        size_t n = strcspn(revision, "~");
        ssize_t at;

        snprintf(name.hex, sizeof(name.hex), "%.*s", (int)n, revision);
        at = lab_branch_find(branch, name.hex);
        return at >= 0 && revision[n] ? at - strtol(revision + n + 1, NULL, 10) : at;
}

enum { TOO_OLD_IN_A_ROW = 16 }; /* as the worker has it: what was made long ago may have been pushed just now */

static bool answer_history(const struct lab_branch *branch, const struct rv_git_request *request,
                           struct rv_git_reply *reply) {
        ssize_t last = request->revision ? resolve(branch, request->revision) : -1;
        unsigned too_old = 0;

        reply->commits = calloc(branch->n + 1, sizeof(*reply->commits));
        if (!reply->commits || !answer_fresh(branch, request, reply))
                return false;
        if (last >= 0)
                reply->commit = branch->change[last].id;
        else if (request->revision) {
                reply->outcome = RV_GIT_NOT_FOUND;
                return true;
        }
        for (size_t i = branch->n; i-- > (size_t)(last + 1);) {
                struct lab_touched touched = {.scope = request->scope, .n_scope = request->n_scope};

                too_old = branch->change[i].made_usec < request->since_usec ? too_old + 1 : 0;
                if (!request->revision && too_old >= TOO_OLD_IN_A_ROW)
                        break;
                reply->n_scanned++;
                touched.paths = calloc(RV_COMMIT_PATHS_MAX, sizeof(char *));
                if (!touched.paths)
                        return false;
                lab_touch(branch, &branch->change[i], &touched);
                if (touched.n_inside == 0) {
                        free(touched.paths);
                        continue;
                }
                struct rv_commit *commit = &reply->commits[reply->n_commits++];
                if (!lab_tell_commit(branch, &branch->change[i], &touched, commit) ||
                    !lab_tell_values(branch->change[i].commit, request, commit))
                        return false;
                lab_tell_reapplied(branch, i, commit);
        }
        return true;
}

static bool answer_show(const struct lab_branch *branch, const struct rv_git_request *request,
                        struct rv_git_reply *reply) {
        ssize_t at = resolve(branch, request->revision);
        struct lab_touched touched = {.paths = calloc(RV_COMMIT_PATHS_MAX, sizeof(char *))};

        reply->commits = calloc(1, sizeof(*reply->commits));
        if (!touched.paths || !reply->commits)
                return false;
        if (at < 0) {
                free(touched.paths);
                reply->outcome = RV_GIT_NOT_FOUND;
                return true;
        }
        lab_touch(branch, &branch->change[at], &touched);
        return lab_tell_commit(branch, &branch->change[at], &touched, &reply->commits[reply->n_commits++]);
}

static bool share(const config_setting_t *a, const config_setting_t *b) {
        for (int i = 0; i < lab_length(a); i++)
                for (int k = 0; k < lab_length(b); k++)
                        if (strcmp(lab_item(a, i), lab_item(b, k)) == 0)
                                return true;
        return false;
}

static bool is_undone_too(const struct rv_revert_spec *spec, const struct rv_oid *id) {
        for (size_t k = 0; k < spec->n_commits; k++)
                if (strcmp(spec->commits[k].hex, id->hex) == 0)
                        return true;
        return false;
}

/* In the scope: what is outside stays as it is. */
static const char *common_path(const struct rv_revert_spec *spec, const struct lab_commit *a,
                               const struct lab_commit *b) {
        for (int i = 0; i < lab_length(a->paths); i++)
                if (lab_is_inside(spec->scope, spec->n_scope, lab_item(a->paths, i)) &&
                    lab_has_path(b, lab_item(a->paths, i)))
                        return lab_item(a->paths, i);
        return NULL;
}

/* The path of the scope that a later change to the same lines (is_near: to lines beside) has in common with the
 * culprit; NULL: none. *at: where to begin, and where it was found. */
static const char *find_later(const struct lab_branch *branch, const struct rv_revert_spec *spec, size_t culprit,
                              bool is_near, size_t *at) {
        const struct lab_commit *c = branch->change[culprit].commit;

        for (; c && *at < branch->n; ++*at) {
                const struct lab_change *later = &branch->change[*at];
                const char *path;

                if (!later->commit || !later->in_force || is_undone_too(spec, &later->id) ||
                    !(is_near ? share(c->near, later->commit->lines) || share(c->lines, later->commit->near)
                              : share(c->lines, later->commit->lines)))
                        continue;
                path = common_path(spec, c, later->commit);
                if (path)
                        return path;
        }
        return NULL;
}

static bool add_commit(const struct lab_branch *branch, const struct lab_change *change, const char *path,
                       struct rv_git_reply *reply) {
        struct lab_touched touched = {.paths = calloc(1, sizeof(char *)), .n_paths = 1, .n_inside = 1};
        struct rv_commit *grown = reallocarray(reply->commits, reply->n_commits + 1, sizeof(*grown));

        if (grown)
                reply->commits = grown;
        if (!touched.paths || !grown) {
                free(touched.paths);
                return false;
        }
        touched.failed = !(touched.paths[0] = strdup(path));
        return lab_tell_commit(branch, change, &touched, &grown[reply->n_commits++]);
}

static bool tell_dependents(const struct lab_branch *branch, const struct rv_revert_spec *spec, size_t culprit,
                            struct rv_git_reply *reply) {
        const char *path;
        for (size_t at = culprit + 1; (path = find_later(branch, spec, culprit, true, &at)); at++)
                if (!add_commit(branch, &branch->change[at], path, reply))
                        return false;
        return true;
}

/* With the commits that changed the path since, newest first. */
static bool tell_conflict(const struct lab_branch *branch, const struct rv_revert_spec *spec, size_t culprit,
                          const char *path, struct rv_git_reply *reply) {
        while (reply->n_commits > 0) /* what only depends on another one */
                rv_commit_done(&reply->commits[--reply->n_commits]);
        reply->outcome = RV_GIT_CONFLICT;
        reply->message = strdup("1 path was changed since in a way that cannot be put together");
        reply->paths[reply->n_paths] = strdup(path);
        if (!reply->message || !reply->paths[reply->n_paths++])
                return false;
        for (size_t at = branch->n; at-- > culprit + 1;) {
                const struct lab_change *later = &branch->change[at];

                if (later->commit && lab_has_path(later->commit, path) && !is_undone_too(spec, &later->id) &&
                    !add_commit(branch, later, path, reply))
                        return false;
        }
        return rv_git_reply_name_commits(reply) == 0;
}

static uint64_t hash_text(uint64_t hash, const char *s) {
        for (; *s; s++)
                hash = (hash ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
        return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

static struct rv_oid make_id(const struct rv_revert_spec *spec) {
        struct rv_oid id;
        uint64_t hash = hash_text(hash_text(UINT64_C(0xcbf29ce484222325), spec->base.hex), spec->message);

        snprintf(id.hex, sizeof(id.hex), "%016llx%024llx", (unsigned long long)hash,
                 (unsigned long long)spec->time_usec);
        return id;
}

static bool answer_plan(const struct lab_branch *branch, const struct rv_revert_spec *spec,
                        struct rv_git_reply *reply) {
        bool is_any = false;

        reply->paths = calloc(RV_COMMIT_PATHS_MAX, sizeof(char *));
        if (!reply->paths)
                return false;
        for (size_t k = 0; k < spec->n_commits; k++) {
                struct lab_touched touched = {.scope = spec->scope, .n_scope = spec->n_scope};
                ssize_t at = lab_branch_find(branch, spec->commits[k].hex);
                size_t later = (size_t)at + 1;
                const char *conflict =
                        at < 0 || spec->restore.hex[0] ? NULL : find_later(branch, spec, (size_t)at, false, &later);

                if (at < 0) {
                        reply->outcome = RV_GIT_NOT_FOUND;
                        return true;
                }
                if (conflict)
                        return tell_conflict(branch, spec, (size_t)at, conflict, reply);
                lab_touch(branch, &branch->change[at], &touched);
                reply->n_files += touched.n_inside;
                is_any |= branch->change[at].in_force && touched.n_inside > 0;
                reply->empties |= spec->n_scope > 0 && branch->change[at].commit && branch->change[at].commit->creates;
                if (!spec->restore.hex[0] && !tell_dependents(branch, spec, (size_t)at, reply))
                        return false;
        }
        reply->outcome = is_any ? RV_GIT_OK : RV_GIT_EMPTY;
        reply->commit = make_id(spec);
        reply->n_insertions = reply->n_deletions = reply->n_files;
        return true;
}

static bool answer_push(struct lab_branch *branch, const struct rv_git_request *request, struct rv_git_reply *reply,
                        int64_t now_usec) {
        if (lab_branch_find(branch, request->commit.hex) >= 0) {
                reply->outcome = RV_GIT_ALREADY;
                return true;
        }
        if (strcmp(request->spec.base.hex, lab_branch_head(branch).hex) != 0) {
                reply->outcome = RV_GIT_MOVED;
                return true;
        }
        if (!answer_plan(branch, &request->spec, reply))
                return false;
        return reply->outcome != RV_GIT_OK || lab_branch_push(branch, &request->spec, &request->commit, now_usec) == 0;
}

static bool answer(struct lab_branch *branch, const struct rv_git_request *request, struct rv_git_reply *reply,
                   int64_t now_usec) {
        bool is_push = request->op == RV_GIT_PUSH || request->op == RV_GIT_PROPOSE;

        if (branch->outcome != RV_GIT_OK && (branch->outcome != RV_GIT_REFUSED || is_push)) {
                reply->outcome = branch->outcome;
                reply->message = strdup("as the test says");
                return reply->message != NULL;
        }
        switch (request->op) {
        case RV_GIT_SYNC:
                return answer_fresh(branch, request, reply);
        case RV_GIT_HISTORY:
                return answer_history(branch, request, reply);
        case RV_GIT_PLAN:
                return answer_plan(branch, &request->spec, reply);
        case RV_GIT_PUSH:
                return answer_push(branch, request, reply, now_usec);
        case RV_GIT_PROPOSE:
                return lab_proposal_open(branch, request, reply);
        case RV_GIT_PROPOSAL:
                return lab_proposal_tell(branch, request->number, reply);
        case RV_GIT_CHECK:
                reply->contained = lab_branch_find(branch, request->commit.hex) >= 0;
                return true;
        default:
                return answer_show(branch, request, reply);
        }
}

struct rv_git_reply *lab_branch_answer(struct lab_branch *branch, const struct rv_git_request *request,
                                       int64_t now_usec) {
        struct rv_git_reply *reply = calloc(1, sizeof(*reply));

        if (!reply)
                return NULL;
        if (!answer(branch, request, reply, now_usec))
                return rv_git_reply_free(reply);
        reply->head = lab_branch_head(branch);
        return reply;
}
