#include "git/policy.h"

#include "git/commit_info.h"
#include "git/pause_file.h"
#include "git/treeedit.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/pathspec.h"
#include "revertd/text.h"

#include <string.h>

enum {
        MESSAGE_BYTES_MAX = 64 << 10,
        SCOPE_MAX = 64,
        ENTRIES_MAX = 1 << 20,
        DEPTH_MAX = 512,
        SHOWN_BYTES_MAX = 200,
};

/* A revert waits at most this long between its plan and its push (an approval, a remote that is away); and clocks
 * differ a little. */
#define TIME_BEFORE_MAX_USEC (30 * RV_USEC_PER_DAY)
#define TIME_AFTER_MAX_USEC (10 * RV_USEC_PER_MINUTE)

#define refuse(err, ...) (rv_error_set(err, 0, __VA_ARGS__), 1)

static int check_message(const char *message, struct rv_error *err) {
        _cleanup_free_ char *trailer = NULL;

        if (!message || !message[0])
                return refuse(err, "the revert has no message");
        if (strlen(message) > MESSAGE_BYTES_MAX)
                return refuse(err, "the message has more than %d bytes", MESSAGE_BYTES_MAX);
        if (!rv_text_is_utf8(message, strlen(message)))
                return refuse(err, "the message is not UTF-8");
        trailer = rv_commit_info_trailer(message, "Revertd-Reverts");
        if (!trailer)
                return refuse(err, "the message has no trailer \"Revertd-Reverts\"");
        return 0;
}

int rv_policy_check_spec(const struct rv_revert_spec *spec, int64_t now_usec, struct rv_error *err) {
        struct rv_error why = {};

        if (!spec->base.hex[0])
                return refuse(err, "the request names no base");
        if (spec->n_commits == 0 || spec->n_commits > RV_REVERT_COMMITS_MAX)
                return refuse(err, "%zu commits to undo; it must be 1 to %d", spec->n_commits, RV_REVERT_COMMITS_MAX);
        if (spec->n_scope > SCOPE_MAX)
                return refuse(err, "more than %d path patterns", SCOPE_MAX);
        for (size_t i = 0; i < spec->n_scope; i++)
                if (rv_pathspec_check(spec->scope[i], &why) < 0)
                        return refuse(err, "%s", why.text);
        if (spec->time_usec < now_usec - TIME_BEFORE_MAX_USEC || spec->time_usec > now_usec + TIME_AFTER_MAX_USEC)
                return refuse(err, "the revert's time is not near the present");
        return check_message(spec->message, err);
}

int rv_policy_check_pause(git_repository *repo, const git_oid *head, struct rv_error *err) {
        _cleanup_free_ char *text = NULL;
        int r = rv_pause_file_read(repo, head, &text, err);

        if (r < 0)
                return r;
        return text ? refuse(err, "the branch holds .revertd/pause") : 0;
}

struct check {
        const struct rv_repository_config *config;
        const struct rv_revert_spec *spec;
        struct rv_error *err;
};

static size_t count(char *const *patterns) {
        size_t n = 0;

        while (patterns && patterns[n])
                n++;
        return n;
}

static int check_change(void *userdata, const char *path, const struct rv_tree_entry *from,
                        const struct rv_tree_entry *to, const struct rv_tree_entry *along) {
        const struct check *check = userdata;
        const struct rv_revert_spec *spec = check->spec;
        const char *const *allowed = (const char *const *)check->config->allow_paths;
        size_t n_allowed = count(check->config->allow_paths);
        _cleanup_free_ char *shown = rv_text_line(path, SHOWN_BYTES_MAX);
        const char *refusal;

        (void)from, (void)along;
        if (!shown)
                return rv_error_oom(check->err);
        if (n_allowed > 0 && !rv_pathspec_match_any(allowed, n_allowed, path))
                return refuse(check->err, "\"%s\" is not in the repository's allow_paths", shown);
        if (spec->n_scope > 0 && !rv_pathspec_match_any((const char *const *)spec->scope, spec->n_scope, path))
                return refuse(check->err, "\"%s\" is outside the scope", shown);
        refusal = to->mode ? rv_tree_path_refusal(path, to->mode) : NULL;
        if (refusal)
                return refuse(check->err, "\"%s\": %s", shown, refusal);
        return 0;
}

static int check_trees(const struct check *check, git_repository *repo, const git_commit *base,
                       const git_commit *commit) {
        struct rv_tree_budget budget = {.entries = ENTRIES_MAX, .depth = DEPTH_MAX, .deadline_usec = RV_USEC_INFINITY};
        _cleanup_git_(odb) git_odb *odb = NULL;
        int r;

        r = git_repository_odb(&odb, repo);
        if (r < 0)
                return rv_libgit2_error(check->err, r, "no object database");
        return rv_tree_walk(odb, git_commit_tree_id(base), git_commit_tree_id(commit), NULL, NULL, 0, &budget,
                            check_change, (void *)check, check->err);
}

int rv_policy_check_commit(const struct rv_repository_config *config, git_repository *repo,
                           const struct rv_revert_spec *spec, const git_oid *id, struct rv_error *err) {
        struct check check = {.config = config, .spec = spec, .err = err};
        _cleanup_git_(commit) git_commit *commit = NULL;
        _cleanup_git_(commit) git_commit *base = NULL;
        git_oid base_id;
        int r;

        if (rv_oid_to_git(&base_id, &spec->base) < 0)
                return refuse(err, "the base is no object id");
        r = rv_commit_lookup(&commit, repo, id, err);
        if (r == 0)
                r = rv_commit_lookup(&base, repo, &base_id, err);
        if (r < 0)
                return r;
        if (git_commit_parentcount(commit) != 1 || !git_oid_equal(git_commit_parent_id(commit, 0), &base_id))
                return refuse(err, "the revert's parent is not its base");
        r = rv_policy_check_pause(repo, &base_id, err);
        return r != 0 ? r : check_trees(&check, repo, base, commit);
}
