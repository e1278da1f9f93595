#include "git/conflict.h"

#include "git/commit_info.h"
#include "git/later.h"
#include "git/treewalk.h"
#include "git/utf8.h"
#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

enum { PATH_BYTES_MAX = 4096 };

struct explain {
        git_repository *repository;
        git_odb *odb;
        const char *const *paths;
        size_t n_paths;
        struct rv_git_reply *reply;
        struct rv_error *err;
        bool is_begun;
        struct rv_tree_entry at[RV_CONFLICT_PATHS_MAX]; /* what the commit looked at has there */
};

/* The commit differs from its parent at those paths; its entry is made when the first is found. */
static int note_path(struct explain *explain, const git_oid *id, const char *path, struct rv_commit **commit) {
        if (!*commit) {
                *commit = &explain->reply->commits[explain->reply->n_commits];
                int r = rv_commit_info_read(explain->repository, id, *commit, explain->err);
                if (r < 0)
                        return r;
                explain->reply->n_commits++;
                (*commit)->paths = calloc(RV_CONFLICT_PATHS_MAX, sizeof *(*commit)->paths);
                if (!(*commit)->paths)
                        return rv_error_oom(explain->err);
        }
        (*commit)->n_inside++;
        (*commit)->paths[(*commit)->n_paths] = rv_utf8_copy(path, PATH_BYTES_MAX);
        if (!(*commit)->paths[(*commit)->n_paths])
                return rv_error_oom(explain->err);
        (*commit)->n_paths++;
        return 0;
}

static int look_at(void *userdata, const git_oid *id, const git_oid *tree, const git_oid *parent_tree, bool is_undone) {
        struct explain *explain = userdata;
        struct rv_commit *commit = NULL;

        for (size_t i = 0; i < explain->n_paths; i++) {
                struct rv_tree_entry before = {0};
                int r = explain->is_begun
                                ? 0
                                : rv_tree_find(explain->odb, tree, explain->paths[i], &explain->at[i], explain->err);
                if (r == 0 && parent_tree)
                        r = rv_tree_find(explain->odb, parent_tree, explain->paths[i], &before, explain->err);
                if (r == 0 && !is_undone && !rv_tree_entry_equal(&before, &explain->at[i]))
                        r = note_path(explain, id, explain->paths[i], &commit);
                if (r < 0)
                        return r;
                explain->at[i] = before;
        }
        explain->is_begun = true;
        return explain->reply->n_commits == RV_CONFLICT_COMMITS_MAX;
}

int rv_conflict_explain(git_repository *repository, const struct rv_revert_spec *spec, const char *const *paths,
                        size_t n_paths, int64_t deadline_usec, struct rv_git_reply *reply, struct rv_error *err) {
        _cleanup_git_(odb) git_odb *odb = NULL;
        struct explain explain = {.repository = repository, .paths = paths, .reply = reply, .err = err};

        explain.n_paths = n_paths < RV_CONFLICT_PATHS_MAX ? n_paths : RV_CONFLICT_PATHS_MAX;
        int r = git_repository_odb(&odb, repository);
        if (r < 0)
                return rv_libgit2_error(err, r, "no object database");
        explain.odb = odb;
        reply->commits = calloc(RV_CONFLICT_COMMITS_MAX, sizeof *reply->commits);
        if (!reply->commits)
                return rv_error_oom(err);
        r = rv_later_walk(repository, spec, deadline_usec, look_at, &explain, err);
        if (r > 0)
                r = 0;
        if (r == 0 && rv_git_reply_name_commits(reply) < 0)
                r = rv_error_oom(err);
        return r;
}
