#include "git/history.h"

#include "git/commit_info.h"
#include "git/record.h"
#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

/* Committers' clocks differ: so many commits in a row must be too old before the walk ends. */
enum { TOO_OLD_IN_A_ROW = 16 };

struct rv_history {
        struct rv_records *records;
        git_repository *repo;
        git_odb *odb;
};

int rv_history_new(struct rv_history **ret) {
        struct rv_history *history = calloc(1, sizeof(*history));

        if (!history)
                return -ENOMEM;
        if (rv_records_new(&history->records, RV_HISTORY_RECORDS_MAX) < 0) {
                free(history);
                return -ENOMEM;
        }
        *ret = history;
        return 0;
}

struct rv_history *rv_history_free(struct rv_history *history) {
        if (!history)
                return NULL;
        rv_records_free(history->records);
        git_odb_free(history->odb);
        free(history);
        return NULL;
}

int rv_history_use(struct rv_history *history, git_repository *repo, struct rv_error *err) {
        int r;

        if (history->repo == repo)
                return 0;
        git_odb_free(history->odb);
        history->odb = NULL;
        history->repo = NULL;
        rv_records_clear(history->records);
        if (!repo)
                return 0;
        r = git_repository_odb(&history->odb, repo);
        if (r < 0)
                return rv_libgit2_error(err, r, "no object database");
        history->repo = repo;
        return 0;
}

/* A step of the first-parent walk. What a commit of the branch names as its parent must be there. */
static int step(struct rv_history *history, const git_oid *id, struct rv_record **ret, struct rv_error *err) {
        int r;

        r = rv_records_get(history->records, history->repo, id, ret, err);
        return r == -ENOENT ? -EBADMSG : r;
}

/* The touched paths move into the commit. */
static int append_commit(struct rv_history *history, const git_oid *id, struct rv_touched *touched,
                         struct rv_git_reply *reply, struct rv_error *err) {
        struct rv_commit *commit;
        int r;

        if ((reply->n_commits & (reply->n_commits - 1)) == 0) {
                size_t size = reply->n_commits > 0 ? 2 * reply->n_commits : 1;
                struct rv_commit *grown = reallocarray(reply->commits, size, sizeof(*grown));

                if (!grown)
                        return rv_error_oom(err);
                reply->commits = grown;
        }
        commit = &reply->commits[reply->n_commits];
        r = rv_commit_info_read(history->repo, id, commit, err);
        if (r < 0)
                return r;
        commit->paths = RV_TAKE(touched->paths);
        commit->n_paths = touched->n_paths;
        commit->n_inside = touched->n_inside;
        commit->n_outside = touched->n_outside;
        reply->n_commits++;
        return 0;
}

static int look_at(struct rv_history *history, const git_oid *id, const struct rv_git_request *request,
                   struct rv_git_reply *reply, struct rv_error *err) {
        struct rv_touched touched;
        int r;

        r = rv_records_touched(history->records, history->repo, history->odb, id, (const char *const *)request->scope,
                               request->n_scope, &touched, err);
        if (r < 0)
                return r;
        if (touched.n_inside > 0)
                r = append_commit(history, id, &touched, reply, err);
        if (r < 0 || touched.n_inside == 0)
                rv_touched_done(&touched);
        return r;
}

int rv_history_read(struct rv_history *history, const git_oid *head, const struct rv_git_request *request,
                    struct rv_git_reply *reply, struct rv_error *err) {
        size_t max = request->max_commits > 0 ? request->max_commits : RV_COMMITS_MAX;
        unsigned too_old = 0;
        git_oid id = *head;

        for (;;) {
                struct rv_record *record;
                git_oid parent;
                bool has_parent;
                int r;

                r = step(history, &id, &record, err);
                if (r < 0)
                        return r;
                parent = record->parent;
                has_parent = record->has_parent;
                too_old = record->commit_usec < request->since_usec ? too_old + 1 : 0;
                if (too_old >= TOO_OLD_IN_A_ROW)
                        return 0;
                if (too_old == 0) {
                        if (reply->n_scanned >= max) {
                                reply->truncated = true;
                                return 0;
                        }
                        reply->n_scanned++;
                        r = look_at(history, &id, request, reply, err);
                        if (r < 0)
                                return r;
                }
                if (!has_parent)
                        return 0;
                id = parent;
        }
}

static int append_fresh(struct rv_git_reply *reply, const git_oid *id, struct rv_error *err) {
        if (!reply->fresh)
                reply->fresh = calloc(RV_HISTORY_FRESH_MAX, sizeof(*reply->fresh));
        if (!reply->fresh)
                return rv_error_oom(err);
        rv_oid_from_git(&reply->fresh[reply->n_fresh++], id);
        return 0;
}

/* known is not on head's first-parent line: the branch was forced, or known was merged by what is the line now. Then
 * what known cannot reach is new. */
static int fresh_by_walk(struct rv_history *history, const git_oid *head, const git_oid *known,
                         struct rv_git_reply *reply, struct rv_error *err) {
        _cleanup_git_(revwalk) git_revwalk *walk = NULL;
        git_oid id;
        int r;

        reply->n_fresh = 0;
        /* A commit that never was here: nothing can be said but that head is new. */
        if (!git_odb_exists(history->odb, known))
                return append_fresh(reply, head, err);
        r = git_revwalk_new(&walk, history->repo);
        if (r == 0)
                r = git_revwalk_push(walk, head);
        if (r == 0)
                r = git_revwalk_hide(walk, known);
        if (r == 0)
                r = git_revwalk_simplify_first_parent(walk);
        if (r == 0)
                r = git_revwalk_sorting(walk, GIT_SORT_TOPOLOGICAL);
        while (r == 0 && reply->n_fresh < RV_HISTORY_FRESH_MAX && (r = git_revwalk_next(&id, walk)) == 0) {
                r = append_fresh(reply, &id, err);
                if (r < 0)
                        return r;
        }
        if (r < 0 && r != GIT_ITEROVER)
                return rv_libgit2_error(err, r, "what is new on the branch");
        return 0;
}

int rv_history_fresh(struct rv_history *history, const git_oid *head, const struct rv_oid *known,
                     struct rv_git_reply *reply, struct rv_error *err) {
        git_oid known_id, id = *head;

        if (!known->hex[0])
                return 0;
        if (rv_oid_to_git(&known_id, known) < 0)
                return rv_error_set(err, -EINVAL, "\"%s\" is no object id", known->hex);
        while (!git_oid_equal(&id, &known_id)) {
                struct rv_record *record;
                int r;

                r = step(history, &id, &record, err);
                if (r < 0)
                        return r;
                if (reply->n_fresh >= RV_HISTORY_FRESH_MAX || !record->has_parent)
                        return fresh_by_walk(history, head, &known_id, reply, err);
                r = append_fresh(reply, &id, err);
                if (r < 0)
                        return r;
                id = record->parent;
        }
        return 0;
}

/* 1: it carries the trailer; 0: it does not; -ENOENT: it is too old. */
static int carries(struct rv_history *history, const git_oid *id, const char *incident, int64_t since_usec,
                   struct rv_error *err) {
        struct rv_record *record;
        int r;

        r = step(history, id, &record, err);
        if (r < 0)
                return r;
        if (record->incident && strcmp(record->incident, incident) == 0)
                return 1;
        return record->commit_usec < since_usec ? -ENOENT : 0;
}

int rv_history_find_incident(struct rv_history *history, const git_oid *head, const char *incident, int64_t since_usec,
                             git_oid *ret, struct rv_error *err) {
        _cleanup_git_(revwalk) git_revwalk *walk = NULL;
        unsigned too_old = 0;
        git_oid id;
        int r;

        r = git_revwalk_new(&walk, history->repo);
        if (r == 0)
                r = git_revwalk_sorting(walk, GIT_SORT_TIME);
        if (r == 0)
                r = git_revwalk_push(walk, head);
        for (size_t i = 0; r == 0 && i < RV_COMMITS_MAX && too_old < TOO_OLD_IN_A_ROW; i++) {
                int found;

                r = git_revwalk_next(&id, walk);
                if (r < 0)
                        break;
                found = carries(history, &id, incident, since_usec, err);
                if (found < 0 && found != -ENOENT)
                        return found;
                too_old = found == -ENOENT ? too_old + 1 : 0;
                if (found == 1) {
                        *ret = id;
                        return 1;
                }
        }
        if (r < 0 && r != GIT_ITEROVER)
                return rv_libgit2_error(err, r, "newest commits of the branch");
        return 0;
}

int rv_history_show(struct rv_history *history, const git_oid *id, struct rv_commit *ret, struct rv_error *err) {
        struct rv_touched touched;
        int r;

        r = rv_records_touched(history->records, history->repo, history->odb, id, NULL, 0, &touched, err);
        if (r < 0)
                return r;
        r = rv_commit_info_read(history->repo, id, ret, err);
        if (r < 0) {
                rv_touched_done(&touched);
                return r;
        }
        ret->paths = touched.paths;
        ret->n_paths = touched.n_paths;
        ret->n_inside = touched.n_inside;
        return 0;
}
