#include "git/conflict.h"

#include "git/commit_info.h"
#include "git/treewalk.h"
#include "git/utf8.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/text.h"

#include <errno.h>
#include <string.h>

enum { TOLD_MAX = 3, PATH_BYTES_MAX = 4096, ID_DIGITS = 12, SHOWN_BYTES_MAX = 100 };

struct explain {
        git_repository *repository;
        git_odb *odb;
        const struct rv_revert_spec *spec;
        const char *const *paths;
        size_t n_paths;
        struct rv_git_reply *reply;
        struct rv_error *err;
        size_t n_left;                                  /* of those to undo, how many the walk has not met */
        struct rv_tree_entry at[RV_CONFLICT_PATHS_MAX]; /* what the commit looked at has there */
};

static bool is_to_undo(const struct explain *explain, const git_oid *id) {
        for (size_t i = 0; i < explain->spec->n_commits; i++) {
                git_oid undone;
                if (rv_oid_to_git(&undone, &explain->spec->commits[i]) == 0 && git_oid_equal(&undone, id))
                        return true;
        }
        return false;
}

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

static int look_at(struct explain *explain, const git_oid *id, const git_oid *parent_tree) {
        bool skip = is_to_undo(explain, id);
        struct rv_commit *commit = NULL;

        if (skip)
                explain->n_left--;
        for (size_t i = 0; i < explain->n_paths; i++) {
                struct rv_tree_entry before = {0};
                int r = parent_tree ? rv_tree_find(explain->odb, parent_tree, explain->paths[i], &before, explain->err)
                                    : 0;
                if (r == 0 && !skip && !rv_tree_entry_equal(&before, &explain->at[i]))
                        r = note_path(explain, id, explain->paths[i], &commit);
                if (r < 0)
                        return r;
                explain->at[i] = before;
        }
        return 0;
}

/* When the oldest of those to undo was committed: nothing before it can be in their way. */
static int read_oldest(struct explain *explain, git_time_t *ret) {
        *ret = INT64_MAX;
        for (size_t i = 0; i < explain->spec->n_commits; i++) {
                _cleanup_git_(commit) git_commit *commit = NULL;
                git_oid id;
                int r = rv_oid_to_git(&id, &explain->spec->commits[i]) < 0
                                ? -EINVAL
                                : rv_commit_lookup(&commit, explain->repository, &id, explain->err);
                if (r < 0)
                        return r;
                if (git_commit_time(commit) < *ret)
                        *ret = git_commit_time(commit);
        }
        return 0;
}

static int walk(struct explain *explain, const git_oid *base, git_time_t oldest, int64_t deadline_usec) {
        _cleanup_git_(commit) git_commit *commit = NULL;
        int r = rv_commit_lookup(&commit, explain->repository, base, explain->err);

        for (size_t i = 0; r == 0 && i < explain->n_paths; i++)
                r = rv_tree_find(explain->odb, git_commit_tree_id(commit), explain->paths[i], &explain->at[i],
                                 explain->err);
        for (unsigned n = 0; r == 0 && n < RV_CONFLICT_LOOKED_AT_MAX; n++) {
                git_commit *parent = NULL;

                if (git_commit_time(commit) < oldest || explain->reply->n_commits == RV_CONFLICT_COMMITS_MAX ||
                    rv_clock_monotonic_usec() > deadline_usec)
                        break;
                if (git_commit_parentcount(commit) > 0)
                        r = rv_commit_lookup(&parent, explain->repository, git_commit_parent_id(commit, 0),
                                             explain->err);
                if (r == -ENOENT)
                        r = -EBADMSG; /* its child is here */
                if (r == 0)
                        r = look_at(explain, git_commit_id(commit), parent ? git_commit_tree_id(parent) : NULL);
                git_commit_free(commit);
                commit = parent;
                if (!commit || explain->n_left == 0) /* what is older than all of them is in nobody's way */
                        break;
        }
        return r;
}

/* "1 path was changed since …, by 0123456789ab (Ana: Set the image), …" */
static int tell(const struct explain *explain) {
        struct rv_git_reply *reply = explain->reply;
        char *text = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&text, &n);

        if (!out)
                return rv_error_oom(explain->err);
        fprintf(out, "%s, by ", reply->message ? reply->message : "");
        for (size_t i = 0; i < reply->n_commits && i < TOLD_MAX; i++) {
                const struct rv_commit *commit = &reply->commits[i];
                _cleanup_free_ char *author = rv_text_line(commit->author_name, SHOWN_BYTES_MAX);
                _cleanup_free_ char *subject = rv_text_line(commit->subject, SHOWN_BYTES_MAX);
                fprintf(out, "%s%.*s (%s: %s)", i > 0 ? ", " : "", ID_DIGITS, commit->id.hex, author ? author : "",
                        subject ? subject : "");
        }
        if (reply->n_commits > TOLD_MAX)
                fputs(" and others", out);
        if (fclose(out) != 0) {
                free(text);
                return rv_error_oom(explain->err);
        }
        free(reply->message);
        reply->message = text;
        return 0;
}

int rv_conflict_explain(git_repository *repository, const struct rv_revert_spec *spec, const char *const *paths,
                        size_t n_paths, int64_t deadline_usec, struct rv_git_reply *reply, struct rv_error *err) {
        _cleanup_git_(odb) git_odb *odb = NULL;
        struct explain explain = {.repository = repository, .spec = spec, .paths = paths, .reply = reply, .err = err};
        git_time_t oldest;
        git_oid base;

        explain.n_left = spec->n_commits;
        explain.n_paths = n_paths < RV_CONFLICT_PATHS_MAX ? n_paths : RV_CONFLICT_PATHS_MAX;
        if (rv_oid_to_git(&base, &spec->base) < 0)
                return rv_error_set(err, -EINVAL, "the base is no object id");
        int r = git_repository_odb(&odb, repository);
        if (r < 0)
                return rv_libgit2_error(err, r, "no object database");
        explain.odb = odb;
        reply->commits = calloc(RV_CONFLICT_COMMITS_MAX, sizeof *reply->commits);
        if (!reply->commits)
                return rv_error_oom(err);
        r = read_oldest(&explain, &oldest);
        if (r == 0)
                r = walk(&explain, &base, oldest, deadline_usec);
        return r == 0 && reply->n_commits > 0 ? tell(&explain) : r;
}
