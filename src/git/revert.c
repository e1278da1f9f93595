#include "git/revert.h"

#include "git/revert_report.h"
#include "git/treemerge.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/text.h"

#include <errno.h>
#include <string.h>

enum { MESSAGE_BYTES_MAX = 512 };

void rv_revert_result_done(struct rv_revert_result *result) {
        for (size_t i = 0; i < result->n_paths; i++)
                free(result->paths[i]);
        free(result->paths);
        free(result->objects);
        free(result->message);
        free(result->diff);
        *result = (struct rv_revert_result){0};
}

struct revert {
        git_repository *repository;
        const struct rv_revert_spec *spec;
        git_oid base, base_tree;
        git_odb *odb;
        struct rv_tree_merge merge;
        struct rv_revert_result *result;
        struct rv_error *err;
};

static int outcome(struct revert *revert, enum rv_git_outcome value, const char *text) {
        revert->result->outcome = value;
        revert->result->message = rv_text_line(text, MESSAGE_BYTES_MAX);
        return revert->result->message ? 1 : rv_error_oom(revert->err);
}

/* 1: the outcome is set. */
static int look_up(struct revert *revert, const struct rv_oid *id, git_oid *ret_id, git_commit **ret) {
        char text[128];

        if (rv_oid_to_git(ret_id, id) < 0 || !git_odb_exists(revert->odb, ret_id)) {
                snprintf(text, sizeof text, "commit %s is not in the repository", id->hex);
                return outcome(revert, RV_GIT_NOT_FOUND, text);
        }
        int r = rv_commit_lookup(ret, revert->repository, ret_id, revert->err);
        return r == -EINVAL ? outcome(revert, RV_GIT_NOT_FOUND, revert->err->text) : r;
}

/* Undo one commit in `tree`. 1: the outcome is set. */
static int undo(struct revert *revert, const struct rv_oid *id, git_oid *tree) {
        _cleanup_git_(commit) git_commit *commit = NULL, *parent = NULL;
        git_oid commit_id;

        int r = look_up(revert, id, &commit_id, &commit);
        if (r != 0)
                return r;
        if (git_commit_parentcount(commit) > 0) {
                r = rv_commit_lookup(&parent, revert->repository, git_commit_parent_id(commit, 0), revert->err);
                if (r < 0)
                        return r == -ENOENT ? -EBADMSG : r; /* its child is here */
        }
        return rv_tree_merge_apply(&revert->merge, git_commit_tree_id(commit),
                                   parent ? git_commit_tree_id(parent) : NULL, tree, tree, revert->err);
}

/* What changed since `restore` taken back from the branch itself: it has changed nothing besides, so that every path of
 * the scope comes out as it was, and a conflict can only be a name that is a file and a folder at once. */
static int restore(struct revert *revert, git_oid *tree) {
        _cleanup_git_(commit) git_commit *commit = NULL;
        git_oid commit_id;

        int r = look_up(revert, &revert->spec->restore, &commit_id, &commit);
        if (r != 0)
                return r;
        return rv_tree_merge_apply(&revert->merge, &revert->base_tree, git_commit_tree_id(commit), &revert->base_tree,
                                   tree, revert->err);
}

static int take_conflicts(struct revert *revert) {
        struct rv_revert_result *result = revert->result;
        size_t n = revert->merge.n_conflicts;
        char text[128];

        result->n_conflicts = n;
        if (n > RV_REVERT_CONFLICTS_MAX)
                n = RV_REVERT_CONFLICTS_MAX;
        result->paths = calloc(n, sizeof *result->paths);
        if (!result->paths)
                return rv_error_oom(revert->err);
        for (; result->n_paths < n; result->n_paths++)
                result->paths[result->n_paths] = RV_TAKE(revert->merge.conflicts[result->n_paths]);
        snprintf(text, sizeof text, "%zu %s changed since in a way that cannot be put together", result->n_conflicts,
                 result->n_conflicts == 1 ? "path was" : "paths were");
        return outcome(revert, RV_GIT_CONFLICT, text);
}

static int write_commit(struct revert *revert, const git_oid *tree_id, const char *name, const char *email) {
        _cleanup_git_(signature) git_signature *signature = NULL;
        _cleanup_git_(commit) git_commit *parent = NULL;
        _cleanup_git_(tree) git_tree *tree = NULL;
        git_buf buffer = GIT_BUF_INIT;

        int r = git_signature_new(&signature, name, email, revert->spec->time_usec / RV_USEC_PER_SEC, 0);
        if (r < 0)
                return rv_libgit2_error(revert->err, r, "make the committer's name");
        r = rv_commit_lookup(&parent, revert->repository, &revert->base, revert->err);
        if (r == 0)
                r = git_tree_lookup(&tree, revert->repository, tree_id) < 0
                            ? rv_libgit2_error(revert->err, -1, "read the new tree")
                            : 0;
        if (r < 0)
                return r;
        const git_commit *parents[] = {parent};
        r = git_commit_create_buffer(&buffer, revert->repository, signature, signature, NULL, revert->spec->message,
                                     tree, 1, (void *)parents);
        if (r == 0)
                r = git_odb_write(&revert->result->commit, revert->odb, buffer.ptr, buffer.size, GIT_OBJECT_COMMIT);
        git_buf_dispose(&buffer);
        return r < 0 ? rv_libgit2_error(revert->err, r, "write the commit") : 0;
}

static int compute(struct revert *revert, const char *name, const char *email, bool want_diff, int64_t deadline_usec) {
        _cleanup_git_(commit) git_commit *base = NULL;
        struct rv_revert_result *result = revert->result;
        git_oid tree;

        int r = look_up(revert, &revert->spec->base, &revert->base, &base);
        if (r != 0)
                return r;
        git_oid_cpy(&revert->base_tree, git_commit_tree_id(base));
        tree = revert->base_tree;
        bool is_restore = revert->spec->restore.hex[0];
        for (size_t i = 0; i < (is_restore ? 1 : revert->spec->n_commits); i++) {
                r = is_restore ? restore(revert, &tree) : undo(revert, &revert->spec->commits[i], &tree);
                if (r != 0)
                        return r;
                if (revert->merge.n_conflicts > 0)
                        return take_conflicts(revert);
        }
        if (git_oid_equal(&tree, &revert->base_tree)) {
                result->outcome = RV_GIT_EMPTY;
                return 0;
        }
        r = rv_revert_report(revert->odb, &revert->base_tree, &tree, &revert->merge.written, want_diff, deadline_usec,
                             result, revert->err);
        if (r == 0)
                r = write_commit(revert, &tree, name, email);
        if (r < 0)
                return r;
        result->objects[result->n_objects++] = result->commit;
        result->tree = tree;
        result->outcome = RV_GIT_OK;
        return 0;
}

int rv_revert_compute(git_repository *repository, const struct rv_revert_spec *spec, const char *name,
                      const char *email, bool want_diff, int64_t deadline_usec, struct rv_revert_result *ret,
                      struct rv_error *err) {
        _cleanup_git_(odb) git_odb *odb = NULL;
        struct rv_revert_result result = {0};
        struct rv_error local = {0};
        struct revert revert = {.repository = repository, .spec = spec, .result = &result, .err = &local};

        int r = git_repository_odb(&odb, repository);
        if (r < 0)
                return rv_libgit2_error(err, r, "open the object database");
        revert.odb = odb;
        revert.merge = (struct rv_tree_merge){
                .repository = repository,
                .odb = odb,
                .attributes = &revert.base,
                .scope = (const char *const *)spec->scope,
                .n_scope = spec->n_scope,
                .budget = {.entries = RV_REVERT_ENTRIES_MAX,
                           .depth = RV_REVERT_DEPTH_MAX,
                           .deadline_usec = deadline_usec},
        };
        r = compute(&revert, name, email, want_diff, deadline_usec);
        if (r == -E2BIG || r == -EPERM || r == -EILSEQ) {
                rv_revert_result_done(&result);
                r = outcome(&revert, RV_GIT_POLICY, local.text);
        }
        rv_tree_merge_done(&revert.merge);
        if (r < 0) {
                rv_revert_result_done(&result);
                return rv_error_set(err, r, "%s", local.text);
        }
        *ret = result;
        return 0;
}
