#include "git/restore.h"

#include "git/commit_info.h"
#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

#define refuse(err, ...) (rv_error_set(err, 0, __VA_ARGS__), 1)

static int check_words(const struct rv_revert_spec *spec, struct rv_error *err) {
        _cleanup_free_ char *trailer = rv_commit_info_trailer(spec->message, "Revertd-Restores");

        if (spec->n_scope == 0)
                return refuse(err, "a restore must name its paths");
        if (!trailer || strcmp(trailer, spec->restore.hex) != 0)
                return refuse(err, "the message has no trailer \"Revertd-Restores: %s\"", spec->restore.hex);
        return 0;
}

static bool is_undone(const struct rv_git_reply *since, const struct rv_oid *id) {
        for (size_t i = 0; i < since->n_commits; i++)
                if (strcmp(since->commits[i].id.hex, id->hex) == 0)
                        return true;
        return false;
}

/* Of ours, and what it took away is not undone with it: that would come back. */
static int check_ours(const struct rv_git_reply *since, const struct rv_commit *commit, struct rv_error *err) {
        if (!commit->incident)
                return 0;
        if (commit->n_reverts == 0)
                return refuse(err, "it would undo %s, a revert by revertd that does not say of what", commit->id.hex);
        for (size_t i = 0; i < commit->n_reverts; i++)
                if (!is_undone(since, &commit->reverts[i]))
                        return refuse(err, "it would undo %s, a revert by revertd, and bring back %s", commit->id.hex,
                                      commit->reverts[i].hex);
        return 0;
}

static int check_undone(const struct rv_revert_spec *spec, const struct rv_git_reply *since, int64_t now_usec,
                        struct rv_error *err) {
        if (since->n_commits > RV_REVERT_COMMITS_MAX)
                return refuse(err, "%zu commits touched the scope since %s; at most %d can be undone", since->n_commits,
                              spec->restore.hex, RV_REVERT_COMMITS_MAX);
        for (size_t i = 0; i < since->n_commits; i++) {
                const struct rv_commit *commit = &since->commits[i];

                int r = check_ours(since, commit, err);
                if (r != 0)
                        return r;
                if (commit->commit_usec < now_usec - RV_RESTORE_AGE_MAX_USEC)
                        return refuse(err, "it would undo %s, which is older than 7 days", commit->id.hex);
                if (i >= spec->n_commits || strcmp(spec->commits[i].hex, commit->id.hex) != 0)
                        return refuse(err, "it would undo %s, and does not say so", commit->id.hex);
        }
        if (spec->n_commits > since->n_commits)
                return refuse(err, "it says that it undoes %s, which did not touch the scope since %s",
                              spec->commits[since->n_commits].hex, spec->restore.hex);
        return 0;
}

int rv_restore_check(struct rv_history *history, const struct rv_revert_spec *spec, int64_t now_usec,
                     struct rv_error *err) {
        struct rv_git_request request = {
                .scope = spec->scope, .n_scope = spec->n_scope, .max_commits = RV_RESTORE_LINE_MAX};
        struct rv_git_reply *since;
        git_oid base, restore;
        int r = check_words(spec, err);

        if (r != 0)
                return r;
        if (rv_oid_to_git(&base, &spec->base) < 0 || rv_oid_to_git(&restore, &spec->restore) < 0)
                return rv_error_set(err, -EINVAL, "the restore's base or target is no object id");
        since = calloc(1, sizeof(*since));
        if (!since)
                return rv_error_oom(err);
        r = rv_history_read_since(history, &base, &restore, &request, since, err);
        if (r == 0)
                r = refuse(err, "%s is not among the last %d commits on the branch's first-parent line",
                           spec->restore.hex, RV_RESTORE_LINE_MAX);
        else if (r == 1)
                r = check_undone(spec, since, now_usec, err);
        rv_git_reply_free(since);
        return r;
}
