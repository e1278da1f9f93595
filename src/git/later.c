#include "git/later.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <string.h>

static bool is_to_undo(const struct rv_revert_spec *spec, const git_oid *id) {
        for (size_t i = 0; i < spec->n_commits; i++) {
                git_oid undone;
                if (rv_oid_to_git(&undone, &spec->commits[i]) == 0 && git_oid_equal(&undone, id))
                        return true;
        }
        return false;
}

/* When the oldest of those to undo was committed: nothing before it came later. */
static int read_oldest(git_repository *repository, const struct rv_revert_spec *spec, git_time_t *ret,
                       struct rv_error *err) {
        *ret = INT64_MAX;
        for (size_t i = 0; i < spec->n_commits; i++) {
                _cleanup_git_(commit) git_commit *commit = NULL;
                git_oid id;
                int r = rv_oid_to_git(&id, &spec->commits[i]) < 0 ? -EINVAL
                                                                  : rv_commit_lookup(&commit, repository, &id, err);
                if (r < 0)
                        return r;
                if (git_commit_time(commit) < *ret)
                        *ret = git_commit_time(commit);
        }
        return 0;
}

int rv_later_walk(git_repository *repository, const struct rv_revert_spec *spec, int64_t deadline_usec, rv_later_fn fn,
                  void *userdata, struct rv_error *err) {
        _cleanup_git_(commit) git_commit *commit = NULL;
        size_t n_left = spec->n_commits;
        git_time_t oldest;
        git_oid base;
        int r;

        if (rv_oid_to_git(&base, &spec->base) < 0)
                return rv_error_set(err, -EINVAL, "the base is no object id");
        r = read_oldest(repository, spec, &oldest, err);
        if (r == 0)
                r = rv_commit_lookup(&commit, repository, &base, err);
        for (unsigned n = 0; r == 0 && n < RV_LATER_COMMITS_MAX; n++) {
                git_commit *parent = NULL;
                bool is_undone = is_to_undo(spec, git_commit_id(commit));

                if (git_commit_time(commit) < oldest || rv_clock_monotonic_usec() > deadline_usec)
                        break;
                if (git_commit_parentcount(commit) > 0)
                        r = rv_commit_lookup(&parent, repository, git_commit_parent_id(commit, 0), err);
                if (r == -ENOENT)
                        r = -EBADMSG; /* its child is here */
                if (r == 0)
                        r = fn(userdata, git_commit_id(commit), git_commit_tree_id(commit),
                               parent ? git_commit_tree_id(parent) : NULL, is_undone);
                n_left -= is_undone;
                git_commit_free(commit);
                commit = parent;
                if (!commit || n_left == 0)
                        break;
        }
        return r;
}
