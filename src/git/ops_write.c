#include "git/ops_write.h"

#include "git/commit_info.h"
#include "git/conflict.h"
#include "git/dependents.h"
#include "git/ledger.h"
#include "git/policy.h"
#include "git/push.h"
#include "git/restore.h"
#include "git/revert.h"
#include "git/sign.h"
#include "git/treewalk.h"
#include "git/utf8.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/log.h"

#include <errno.h>
#include <string.h>

enum { PATH_BYTES_MAX = 4096, SCOPE_ENTRIES_MAX = 1 << 16 };

/* How far back another revert for the same incident is looked for. */
#define INCIDENT_AGE_MAX_USEC RV_USEC_PER_DAY

/* The commits to undo must be on the branch. 1: they are; 0: the reply says which is not. */
static int check_commits(struct rv_worker *worker, const struct rv_revert_spec *spec, const git_oid *base,
                         struct rv_git_reply *reply, struct rv_error *err) {
        for (size_t i = 0; i < spec->n_commits; i++) {
                git_oid commit;
                int r;

                if (rv_oid_to_git(&commit, &spec->commits[i]) < 0)
                        return rv_error_set(err, -EINVAL, "\"%s\" is no object id", spec->commits[i].hex);
                r = rv_op_contains(worker, base, &commit, err);
                if (r < 0)
                        return r;
                if (r == 0) {
                        r = rv_op_say(reply, RV_GIT_NOT_FOUND, "commit %s is not on the branch", spec->commits[i].hex);
                        return r < 0 ? r : 0;
                }
        }
        return 1;
}

static int copy_paths(const struct rv_revert_result *result, struct rv_git_reply *reply) {
        size_t n = result->n_paths < RV_COMMIT_PATHS_MAX ? result->n_paths : RV_COMMIT_PATHS_MAX;

        if (n == 0)
                return 0;
        reply->paths = calloc(n, sizeof(*reply->paths));
        if (!reply->paths)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                reply->paths[i] = rv_utf8_copy(result->paths[i], PATH_BYTES_MAX);
                if (!reply->paths[i])
                        return -ENOMEM;
                reply->n_paths++;
        }
        return 0;
}

static int fill_in(const struct rv_revert_result *result, struct rv_git_reply *reply, struct rv_error *err) {
        reply->outcome = result->outcome;
        reply->n_files = result->n_files;
        reply->n_insertions = result->n_insertions;
        reply->n_deletions = result->n_deletions;
        if (result->outcome == RV_GIT_OK)
                rv_oid_from_git(&reply->commit, &result->commit);
        if (result->message && !(reply->message = rv_utf8_copy(result->message, RV_ERROR_TEXT_MAX)))
                return rv_error_oom(err);
        if (result->diff && !(reply->diff = rv_utf8_copy(result->diff, RV_DIFF_BYTES_MAX)))
                return rv_error_oom(err);
        return copy_paths(result, reply) < 0 ? rv_error_oom(err) : 0;
}

/* Last of all, so that nothing is signed that may not be pushed. */
static int sign(struct rv_worker *worker, const struct rv_revert_spec *spec, const struct rv_oid *known,
                struct rv_revert_result *result, struct rv_git_reply *reply, struct rv_error *err) {
        const struct rv_signer signer = {.config = worker->config,
                                         .credentials_directory = worker->credentials_directory,
                                         .state_directory = worker->state_directory};
        int r = rv_sign_commit(&signer, rv_mirror_repository(worker->mirror), known, spec->time_usec,
                               worker->deadline_usec, &result->commit, err);

        if (r < 0)
                return r;
        result->objects[result->n_objects - 1] = result->commit;
        rv_oid_from_git(&reply->commit, &result->commit);
        return 0;
}

/* Compute, judge by the policy, sign, and fill in the reply. known: as rv_sign_commit() takes it. result is the caller's to free also where this fails. */
static int compute(struct rv_worker *worker, const struct rv_revert_spec *spec, bool want_diff,
                   const struct rv_oid *known, struct rv_revert_result *result, struct rv_git_reply *reply,
                   struct rv_error *err) {
        git_repository *repo = rv_mirror_repository(worker->mirror);
        git_oid base;
        int r;

        r = rv_policy_check_spec(spec, rv_clock_realtime_usec(), err);
        if (r != 0)
                return r < 0 ? r : rv_op_say(reply, RV_GIT_POLICY, "%s", err->text);
        if (rv_oid_to_git(&base, &spec->base) < 0)
                return rv_error_set(err, -EINVAL, "\"%s\" is no object id", spec->base.hex);
        r = check_commits(worker, spec, &base, reply, err);
        if (r <= 0)
                return r;
        if (spec->restore.hex[0]) {
                r = rv_restore_check(worker->history, spec, worker->is_read_only ? 0 : rv_clock_realtime_usec(), err);
                if (r != 0)
                        return r < 0 ? r : rv_op_say(reply, RV_GIT_POLICY, "%s", err->text);
        }
        r = rv_revert_compute(repo, spec, worker->config->committer_name, worker->config->committer_email, want_diff,
                              worker->deadline_usec, result, err);
        if (r == 0)
                r = fill_in(result, reply, err);
        if (r == 0 && result->outcome == RV_GIT_CONFLICT)
                r = rv_conflict_explain(repo, spec, (const char *const *)result->paths, result->n_paths,
                                        worker->deadline_usec, reply, err);
        if (r < 0 || result->outcome != RV_GIT_OK)
                return r;
        r = rv_policy_check_commit(worker->config, repo, spec, &result->commit, err);
        if (r != 0)
                return r < 0 ? r : rv_op_say(reply, RV_GIT_POLICY, "%s", err->text);
        return rv_signer_is_wanted(worker->config) ? sign(worker, spec, known, result, reply, err) : 0;
}

/* The mirror's head, read at the remote only if `wanted` (may be none) is something else. */
static int cached_head(struct rv_worker *worker, const struct rv_oid *wanted, git_oid *ret, struct rv_git_reply *reply,
                       struct rv_error *err) {
        struct rv_oid cached;

        if (rv_mirror_head(worker->mirror, ret) == 0) {
                rv_oid_from_git(&cached, ret);
                if (!wanted->hex[0] || strcmp(cached.hex, wanted->hex) == 0) {
                        reply->head = cached;
                        return 0;
                }
        }
        return rv_op_read_branch(worker, reply, ret, err);
}

static int stop_at_first(void *userdata, const char *path, const struct rv_tree_entry *from,
                         const struct rv_tree_entry *to, const struct rv_tree_entry *along) {
        (void)userdata, (void)path, (void)from, (void)to, (void)along;
        return 1;
}

/* 1: the revert takes the last file of the scope away. Where a changed path is still there, it does not; else the tree
 * is looked at, up to the first file. */
static int empties_scope(git_repository *repo, const struct rv_revert_spec *spec, const struct rv_revert_result *result,
                         int64_t deadline_usec, struct rv_error *err) {
        struct rv_tree_budget budget = {
                .entries = SCOPE_ENTRIES_MAX, .depth = RV_REVERT_DEPTH_MAX, .deadline_usec = deadline_usec};
        _cleanup_git_(odb) git_odb *odb = NULL;
        struct rv_tree_entry entry;
        int r = git_repository_odb(&odb, repo);

        if (r < 0)
                return rv_libgit2_error(err, r, "no object database");
        if (spec->n_scope == 0 || result->n_paths == 0)
                return 0;
        r = rv_tree_find(odb, &result->tree, result->paths[0], &entry, err);
        if (r < 0 || entry.mode != 0)
                return r;
        r = rv_tree_walk(odb, NULL, &result->tree, NULL, (const char *const *)spec->scope, spec->n_scope, &budget,
                         stop_at_first, NULL, err);
        return r == -E2BIG ? 0 : r < 0 ? r : r == 0;
}

int rv_op_plan(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
               struct rv_error *err) {
        struct rv_revert_spec spec = request->spec; /* borrows */
        struct rv_revert_result result = {};
        git_oid head, base;
        int r;

        r = cached_head(worker, &spec.base, &head, reply, err);
        if (r < 0)
                return r;
        if (!spec.base.hex[0])
                rv_oid_from_git(&spec.base, &head);
        if (rv_oid_to_git(&base, &spec.base) < 0)
                return rv_error_set(err, -EINVAL, "\"%s\" is no object id", spec.base.hex);
        r = rv_op_contains(worker, &head, &base, err);
        if (r < 0)
                return r;
        if (r == 0)
                return rv_op_say(reply, RV_GIT_NOT_FOUND, "base %s is not on the branch", spec.base.hex);
        r = compute(worker, &spec, request->want_diff, &request->commit, &result, reply, err);
        if (r == 0 && reply->outcome == RV_GIT_OK) {
                r = empties_scope(rv_mirror_repository(worker->mirror), &spec, &result, worker->deadline_usec, err);
                reply->empties = r > 0;
        }
        rv_revert_result_done(&result);
        if (r < 0 || reply->outcome != RV_GIT_OK)
                return r;
        return rv_dependents_find(rv_mirror_repository(worker->mirror), &spec, worker->deadline_usec, reply, err);
}

/* Whether the branch has a revert for this incident already, by whatever commit. 1: the reply says so. */
static int find_earlier(struct rv_worker *worker, const struct rv_revert_spec *spec, const git_oid *head,
                        struct rv_git_reply *reply, struct rv_error *err) {
        _cleanup_free_ char *incident = rv_commit_info_trailer(spec->message ? spec->message : "", "Revertd-Incident");
        git_oid found;
        int r;

        if (!incident)
                return 0;
        r = rv_history_find_incident(worker->history, head, incident, spec->time_usec - INCIDENT_AGE_MAX_USEC, &found,
                                     err);
        if (r <= 0)
                return r;
        rv_oid_from_git(&reply->commit, &found);
        reply->outcome = RV_GIT_ALREADY;
        return 1;
}

int rv_op_find_done(struct rv_worker *worker, const struct rv_git_request *request, const git_oid *head,
                    struct rv_git_reply *reply, struct rv_error *err) {
        git_oid commit;

        reply->commit = (struct rv_oid){};
        if (rv_oid_to_git(&commit, &request->commit) == 0) {
                int r = rv_op_contains(worker, head, &commit, err);
                if (r < 0)
                        return r;
                if (r == 1) {
                        reply->commit = request->commit;
                        reply->outcome = RV_GIT_ALREADY;
                        return 1;
                }
        }
        return find_earlier(worker, &request->spec, head, reply, err);
}

/* The branch is not at the base: because our commit is in it (a reply was lost), or because somebody else pushed. */
static int settle_moved(struct rv_worker *worker, const struct rv_git_request *request, const git_oid *head,
                        struct rv_git_reply *reply, struct rv_error *err) {
        int r = rv_op_find_done(worker, request, head, reply, err);

        if (r != 0)
                return r < 0 ? r : 0;
        return rv_op_say(reply, RV_GIT_MOVED, "the branch is at %s and not at %s", reply->head.hex,
                         request->spec.base.hex);
}

/* The server said ok; what counts is what it has. */
static int prove(struct rv_worker *worker, const git_oid *commit, struct rv_git_reply *reply, struct rv_error *err) {
        git_oid head;
        int r;

        r = rv_mirror_set_head(worker->mirror, commit, err);
        if (r == 0)
                r = rv_op_read_branch(worker, reply, &head, err);
        if (r == 0)
                r = rv_op_contains(worker, &head, commit, err);
        if (r < 0)
                return rv_error_prefix(err, r, "pushed, but reading the branch again");
        if (r == 0)
                return rv_op_say(reply, RV_GIT_FAILED,
                                 "the server took the push, and yet the branch (at %s) does not hold it",
                                 reply->head.hex);
        reply->outcome = RV_GIT_OK;
        return 0;
}

/* The ref is where it was, but another writer held its lock: no answer of the server's, and worth another try. */
static bool is_locked(const char *words) {
        return words && (strstr(words, "cannot lock ref") || strstr(words, "failed to update ref"));
}

int rv_op_say_unpushed(const struct rv_push_result *pushed, struct rv_git_reply *reply) {
        _cleanup_free_ char *words =
                pushed->message ? rv_utf8_copy(pushed->message, RV_REMOTE_MESSAGE_BYTES_MAX) : NULL;

        if (pushed->outcome == RV_PUSH_REFUSED)
                return rv_op_say(reply, is_locked(words) ? RV_GIT_UNAVAILABLE : RV_GIT_REFUSED, "%s",
                                 words ? words : "the server gave no reason");
        return rv_op_say(reply, RV_GIT_UNAVAILABLE, "%s", words ? words : "the server's answer was lost");
}

static int settle_push(struct rv_worker *worker, const struct rv_git_request *request,
                       const struct rv_push_result *pushed, const git_oid *commit, struct rv_git_reply *reply,
                       struct rv_error *err) {
        git_oid head;
        int r;

        switch (pushed->outcome) {
        case RV_PUSH_OK:
                return prove(worker, commit, reply, err);
        case RV_PUSH_MOVED:
                r = rv_op_read_branch(worker, reply, &head, err);
                return r < 0 ? r : settle_moved(worker, request, &head, reply, err);
        default:
                return rv_op_say_unpushed(pushed, reply);
        }
}

int rv_op_send(struct rv_worker *worker, const char *branch, const git_oid *old, const struct rv_revert_result *result,
               struct rv_push_result *ret, struct rv_git_reply *reply, struct rv_error *err) {
        struct rv_ledger ledger = {.path = worker->ledger_path, .budget = worker->config->budget};
        int r;

        r = rv_ledger_enter(&ledger, &result->commit, rv_clock_realtime_usec(), err);
        if (r == 1)
                r = rv_op_say(reply, RV_GIT_POLICY, "%s", err->text);
        if (r < 0 || reply->outcome == RV_GIT_POLICY)
                return r;
        r = rv_push(rv_mirror_remote(worker->mirror), rv_mirror_repository(worker->mirror), branch, old,
                    &result->commit, result->objects, result->n_objects, worker->deadline_usec, ret, err);
        if (r < 0 || ret->outcome == RV_PUSH_MOVED || ret->outcome == RV_PUSH_REFUSED) {
                struct rv_error why;

                if (rv_ledger_leave(&ledger, &result->commit, rv_clock_realtime_usec(), &why) < 0)
                        rv_log(RV_LOG_WARN, RV_EV_NONE, "a push that did not happen stays counted", "repository",
                               worker->config->name, "error", why.text, NULL);
        }
        return r < 0 ? r : 1;
}

static int push(struct rv_worker *worker, const struct rv_git_request *request, const struct rv_revert_result *result,
                struct rv_git_reply *reply, struct rv_error *err) {
        struct rv_push_result pushed = {};
        git_oid base;
        int r;

        if (rv_oid_to_git(&base, &request->spec.base) < 0)
                return rv_error_set(err, -EINVAL, "\"%s\" is no object id", request->spec.base.hex);
        r = rv_op_send(worker, worker->config->branch, &base, result, &pushed, reply, err);
        if (r == 1)
                r = settle_push(worker, request, &pushed, &result->commit, reply, err);
        rv_push_result_done(&pushed);
        return r;
}

int rv_op_compute(struct rv_worker *worker, const struct rv_git_request *request, struct rv_revert_result *result,
                  struct rv_git_reply *reply, struct rv_error *err) {
        int r = compute(worker, &request->spec, false, &request->commit, result, reply, err);

        if (r < 0 || reply->outcome != RV_GIT_OK)
                return r;
        if (request->commit.hex[0] && strcmp(request->commit.hex, reply->commit.hex) != 0)
                return rv_op_say(reply, RV_GIT_POLICY, "the revert came out as %s and not as the plan's %s",
                                 reply->commit.hex, request->commit.hex);
        return 1;
}

int rv_op_push(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
               struct rv_error *err) {
        struct rv_revert_result result = {};
        struct rv_oid head_id;
        git_oid head;
        int r;

        if (!request->spec.base.hex[0])
                return rv_op_say(reply, RV_GIT_POLICY, "a push must name its base");
        r = cached_head(worker, &request->spec.base, &head, reply, err);
        if (r < 0)
                return r;
        rv_oid_from_git(&head_id, &head);
        if (strcmp(head_id.hex, request->spec.base.hex) != 0)
                return settle_moved(worker, request, &head, reply, err);
        r = find_earlier(worker, &request->spec, &head, reply, err);
        if (r != 0)
                return r < 0 ? r : 0;
        r = rv_op_compute(worker, request, &result, reply, err);
        if (r == 1)
                r = push(worker, request, &result, reply, err);
        rv_revert_result_done(&result);
        return r;
}
