/* A worker that answers as revertd-git would, of branches without files: a commit has paths, and words for the lines
 * that it changes; a later commit to the same lines of the same path stands in a revert's way. What stands in lines
 * that it adds and removes is said apart from that, and is in the first of its paths in the scope. */
#include "lab/lab.h"

#include "revertd/cleanup.h"
#include "revertd/pathspec.h"
#include "revertd/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* -- paths -- */

/* A revert changes what it undoes. */
static bool each_path(const struct lab_branch *branch, const struct lab_change *change,
                      bool (*fn)(const char *path, void *userdata), void *userdata) {
        for (int k = 0; change->commit && k < lab_length(change->commit->paths); k++)
                if (fn(lab_item(change->commit->paths, k), userdata))
                        return true;
        for (size_t k = 0; !change->commit && k < change->spec.n_commits; k++) {
                ssize_t at = lab_branch_find(branch, change->spec.commits[k].hex);
                if (at >= 0 && each_path(branch, &branch->change[at], fn, userdata))
                        return true;
        }
        return false;
}

struct touched {
        char *const *scope;
        size_t n_scope;
        char **paths; /* inside, at most RV_COMMIT_PATHS_MAX; NULL: count only */
        size_t n_paths, n_inside, n_outside;
        bool failed;
};

static bool touch(const char *path, void *userdata) {
        struct touched *t = userdata;

        if (t->n_scope > 0 && !rv_pathspec_match_any((const char *const *)t->scope, t->n_scope, path)) {
                t->n_outside++;
                return false;
        }
        t->n_inside++;
        if (t->paths && t->n_paths < RV_COMMIT_PATHS_MAX) {
                t->paths[t->n_paths] = strdup(path);
                t->failed |= !t->paths[t->n_paths];
                t->n_paths += t->paths[t->n_paths] != NULL;
        }
        return false;
}

/* -- answers -- */

static char *copy(const char *text, bool *failed) {
        char *s = strdup(text);
        *failed |= !s;
        return s;
}

static bool tell_reverts(const struct lab_branch *branch, const struct lab_change *change, struct rv_commit *ret) {
        size_t n = change->commit ? (size_t)lab_length(change->commit->reverts) : change->spec.n_commits;

        ret->reverts = calloc(n + 1, sizeof(*ret->reverts));
        for (size_t k = 0; ret->reverts && k < n; k++) {
                ssize_t at =
                        change->commit ? lab_branch_find_name(branch, lab_item(change->commit->reverts, (int)k)) : -1;
                if (!change->commit)
                        ret->reverts[ret->n_reverts++] = change->spec.commits[k];
                else if (at >= 0)
                        ret->reverts[ret->n_reverts++] = branch->change[at].id;
        }
        return ret->reverts != NULL;
}

static bool tell(const struct lab_branch *branch, const struct lab_change *change, const struct touched *touched,
                 struct rv_commit *ret) {
        const struct lab_commit *c = change->commit;
        bool failed = touched->failed;

        *ret = (struct rv_commit){
                .id = change->id,
                .n_parents = c && c->is_merge ? 2 : 1,
                .author_name = copy(c ? c->author : "revertd", &failed),
                .author_email = copy(c ? c->email : "revertd@localhost", &failed),
                .subject = copy(c ? c->subject : "Revert", &failed),
                .author_usec = change->made_usec,
                .commit_usec = change->made_usec,
                .skip = c && c->skip,
                .incident = c ? NULL : copy(change->incident, &failed),
                .paths = touched->paths,
                .n_paths = touched->n_paths,
                .n_inside = touched->n_inside,
                .n_outside = touched->n_outside,
        };
        return tell_reverts(branch, change, ret) && !failed;
}

static bool stands_in(const config_setting_t *lines, const char *value) {
        for (int i = 0; i < lab_length(lines); i++)
                if (rv_text_has_word(lab_item(lines, i), strlen(lab_item(lines, i)), value))
                        return true;
        return false;
}

static bool tell_values(const struct lab_commit *c, const struct rv_git_request *request, struct rv_commit *ret) {
        bool failed = false;

        if (!c || request->n_values == 0 || ret->commit_usec > request->until_usec)
                return true;
        ret->values = calloc(request->n_values, sizeof(*ret->values));
        for (size_t i = 0; ret->values && i < request->n_values; i++) {
                const struct rv_value *wanted = &request->values[i];
                bool is_added = stands_in(c->adds, wanted->value), is_removed = stands_in(c->removes, wanted->value);

                if (is_added || is_removed)
                        ret->values[ret->n_values++] =
                                (struct rv_value){.label = copy(wanted->label, &failed),
                                                  .value = copy(wanted->value, &failed),
                                                  .path = is_added ? copy(ret->paths[0], &failed) : NULL,
                                                  .removed = is_removed};
        }
        return ret->values && !failed;
}

static bool has_path(const struct lab_commit *c, const char *path) {
        for (int k = 0; k < lab_length(c->paths); k++)
                if (strcmp(lab_item(c->paths, k), path) == 0)
                        return true;
        return false;
}

/* The same content at a path of the scope as what a revert of ours took away. */
static bool is_content_of(const struct lab_branch *branch, const struct lab_change *revert, const struct lab_commit *c,
                          const struct rv_commit *told) {
        for (size_t k = 0; !revert->commit && k < revert->spec.n_commits; k++) {
                ssize_t at = lab_branch_find(branch, revert->spec.commits[k].hex);
                const struct lab_commit *undone = at >= 0 ? branch->change[at].commit : NULL;

                if (!undone || !undone->content || strcmp(undone->content, c->content) != 0)
                        continue;
                for (size_t p = 0; p < told->n_paths; p++)
                        if (has_path(undone, told->paths[p]))
                                return true;
        }
        return false;
}

static void tell_reapplied(const struct lab_branch *branch, size_t i, struct rv_commit *ret) {
        const struct lab_commit *c = branch->change[i].commit;

        while (c && c->content && i-- > 0)
                if (is_content_of(branch, &branch->change[i], c, ret)) {
                        ret->reapplies = branch->change[i].id;
                        return;
                }
}

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

static bool answer_history(const struct lab_branch *branch, const struct rv_git_request *request,
                           struct rv_git_reply *reply) {
        ssize_t last = request->revision ? resolve(branch, request->revision) : -1;

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
                struct touched touched = {.scope = request->scope, .n_scope = request->n_scope};

                if (!request->revision && branch->change[i].made_usec < request->since_usec)
                        continue;
                reply->n_scanned++;
                touched.paths = calloc(RV_COMMIT_PATHS_MAX, sizeof(char *));
                if (!touched.paths)
                        return false;
                each_path(branch, &branch->change[i], touch, &touched);
                if (touched.n_inside == 0) {
                        free(touched.paths);
                        continue;
                }
                struct rv_commit *commit = &reply->commits[reply->n_commits++];
                if (!tell(branch, &branch->change[i], &touched, commit) ||
                    !tell_values(branch->change[i].commit, request, commit))
                        return false;
                tell_reapplied(branch, i, commit);
        }
        return true;
}

static bool answer_show(const struct lab_branch *branch, const struct rv_git_request *request,
                        struct rv_git_reply *reply) {
        ssize_t at = resolve(branch, request->revision);
        struct touched touched = {.paths = calloc(RV_COMMIT_PATHS_MAX, sizeof(char *))};

        reply->commits = calloc(1, sizeof(*reply->commits));
        if (!touched.paths || !reply->commits)
                return false;
        if (at < 0) {
                free(touched.paths);
                reply->outcome = RV_GIT_NOT_FOUND;
                return true;
        }
        each_path(branch, &branch->change[at], touch, &touched);
        return tell(branch, &branch->change[at], &touched, &reply->commits[reply->n_commits++]);
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

static const char *common_path(const struct lab_commit *a, const struct lab_commit *b) {
        for (int i = 0; i < lab_length(a->paths); i++)
                if (has_path(b, lab_item(a->paths, i)))
                        return lab_item(a->paths, i);
        return NULL;
}

/* The path that a later change to the same lines (is_near: to lines beside) has in common with the culprit; NULL: none.
 * *at: where to begin, and where it was found. */
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
                path = common_path(c, later->commit);
                if (path)
                        return path;
        }
        return NULL;
}

static bool tell_dependents(const struct lab_branch *branch, const struct rv_revert_spec *spec, size_t culprit,
                            struct rv_git_reply *reply) {
        const char *path;
        bool failed = false;

        for (size_t at = culprit + 1; (path = find_later(branch, spec, culprit, true, &at)); at++) {
                struct touched touched = {.paths = calloc(1, sizeof(char *)), .n_paths = 1, .n_inside = 1};
                struct rv_commit *grown = reallocarray(reply->commits, reply->n_commits + 1, sizeof(*grown));

                if (!touched.paths || !grown) {
                        free(touched.paths);
                        return false;
                }
                reply->commits = grown;
                touched.paths[0] = copy(path, &failed);
                if (!tell(branch, &branch->change[at], &touched, &grown[reply->n_commits++]) || failed)
                        return false;
        }
        return true;
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
        bool is_any = false, failed = false;

        reply->paths = calloc(RV_COMMIT_PATHS_MAX, sizeof(char *));
        if (!reply->paths)
                return false;
        for (size_t k = 0; k < spec->n_commits; k++) {
                struct touched touched = {.scope = spec->scope, .n_scope = spec->n_scope};
                ssize_t at = lab_branch_find(branch, spec->commits[k].hex);
                size_t later = (size_t)at + 1;
                const char *conflict =
                        at < 0 || spec->restore.hex[0] ? NULL : find_later(branch, spec, (size_t)at, false, &later);

                if (at < 0) {
                        reply->outcome = RV_GIT_NOT_FOUND;
                        return true;
                }
                if (conflict) {
                        reply->outcome = RV_GIT_CONFLICT;
                        reply->paths[reply->n_paths++] = copy(conflict, &failed);
                        return !failed;
                }
                each_path(branch, &branch->change[at], touch, &touched);
                reply->n_files += touched.n_inside;
                is_any |= branch->change[at].in_force && touched.n_inside > 0;
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
