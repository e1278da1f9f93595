#include "git/history.h"

#include "git/changed_values.h"
#include "git/commit_info.h"
#include "git/reapplied.h"
#include "git/record.h"
#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

/* Committers' clocks differ, and what was committed days ago may have been pushed just now: so many commits in a row must
 * be too old before the walk ends. Those of them that are met are looked at: when they arrived is not known here. */
enum { TOO_OLD_IN_A_ROW = 16 };

struct rv_history {
        struct rv_records *records;
        git_repository *repo;
        git_odb *odb;
        unsigned generation, walks;
        struct rv_values_budget values; /* of the request under way */
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

int rv_history_use(struct rv_history *history, git_repository *repo, unsigned generation, struct rv_error *err) {
        int r;

        if (history->repo == repo && history->generation == generation)
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
        history->generation = generation;
        return 0;
}

/* A step of the first-parent walk. What a commit of the branch names as its parent must be there. */
static int step(struct rv_history *history, const git_oid *id, struct rv_record **ret, struct rv_error *err) {
        int r;

        r = rv_records_get(history->records, history->repo, id, ret, err);
        return r == -ENOENT ? -EBADMSG : r;
}

/* The touched paths move into the commit. */
static int append_commit(struct rv_history *history, const git_oid *id, const struct rv_git_request *request,
                         struct rv_touched *touched, struct rv_git_reply *reply, struct rv_error *err) {
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
        commit->n_inside = touched->n_inside;
        commit->n_outside = touched->n_outside;
        if (request->no_paths)
                rv_touched_done(touched);
        commit->paths = RV_TAKE(touched->paths);
        commit->n_paths = touched->n_paths;
        reply->n_commits++;
        return 0;
}

static int look_for_values(struct rv_history *history, const git_oid *id, const struct rv_git_request *request,
                           struct rv_commit *commit, struct rv_error *err) {
        struct rv_record *record;
        const git_oid *from;
        git_oid from_id, to;
        int r = step(history, id, &record, err);

        if (r == 0)
                r = rv_records_trees(history->records, history->repo, record, &from, &from_id, &to, err);
        if (r < 0)
                return r;
        r = rv_changed_values(history->odb, from, &to, request, &history->values, commit);
        return r < 0 ? rv_error_oom(err) : 0;
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
                r = append_commit(history, id, request, &touched, reply, err);
        if (r < 0 || touched.n_inside == 0)
                rv_touched_done(&touched);
        else if (request->n_values > 0 && history->values.commits > 0)
                r = look_for_values(history, id, request, &reply->commits[reply->n_commits - 1], err);
        return r;
}

static void begin(struct rv_history *history) {
        history->values = (struct rv_values_budget){.commits = RV_VALUES_COMMITS_MAX, .bytes = RV_VALUES_BYTES_MAX};
}

static int mark_reapplied(struct rv_history *history, const struct rv_git_request *request, struct rv_git_reply *reply,
                          struct rv_error *err) {
        int r = rv_reapplied_mark(history->records, history->repo, history->odb, request->scope, request->n_scope,
                                  reply);

        return r < 0 ? rv_error_oom(err) : 0;
}

static int read_all(struct rv_history *history, const git_oid *head, const struct rv_git_request *request,
                    struct rv_git_reply *reply, struct rv_error *err) {
        size_t max = request->max_commits > 0 ? request->max_commits : RV_COMMITS_MAX;
        size_t touching = request->max_touching > 0 ? request->max_touching : RV_COMMITS_MAX;
        unsigned too_old = 0;
        git_oid id = *head;

        begin(history);
        for (;;) {
                struct rv_record *record;
                git_oid parent;
                bool has_parent;
                int r;

                r = step(history, &id, &record, err);
                if (r < 0)
                        return r;
                has_parent = record->n_parents > 0;
                if (has_parent)
                        parent = record->parents[0];
                too_old = record->commit_usec < request->since_usec ? too_old + 1 : 0;
                if (too_old >= TOO_OLD_IN_A_ROW)
                        return 0;
                if (reply->n_scanned >= max || reply->n_commits >= touching) {
                        reply->truncated = too_old == 0;
                        return 0;
                }
                reply->n_scanned++;
                r = look_at(history, &id, request, reply, err);
                if (r < 0)
                        return r;
                if (!has_parent)
                        return 0;
                id = parent;
        }
}

int rv_history_read(struct rv_history *history, const git_oid *head, const struct rv_git_request *request,
                    struct rv_git_reply *reply, struct rv_error *err) {
        int r = read_all(history, head, request, reply, err);

        return r < 0 ? r : mark_reapplied(history, request, reply, err);
}

int rv_history_read_since(struct rv_history *history, const git_oid *head, const git_oid *last,
                          const struct rv_git_request *request, struct rv_git_reply *reply, struct rv_error *err) {
        git_oid id = *head;
        int r;

        begin(history);
        while (!git_oid_equal(&id, last)) {
                struct rv_record *record;
                git_oid parent;

                r = step(history, &id, &record, err);
                if (r < 0)
                        return r;
                if (record->n_parents == 0 || reply->n_scanned == request->max_commits)
                        return 0;
                parent = record->parents[0];
                reply->n_scanned++;
                r = look_at(history, &id, request, reply, err);
                if (r < 0)
                        return r;
                id = parent;
        }
        r = mark_reapplied(history, request, reply, err);
        return r < 0 ? r : 1;
}

/* A revision that is met on the way down: what was passed until then came after it. */
static void place(const struct rv_oid *revisions, size_t n, const struct rv_oid *id, size_t passed, size_t *above,
                  size_t *left) {
        for (size_t i = 0; i < n; i++)
                if (above[i] == SIZE_MAX && strcmp(revisions[i].hex, id->hex) == 0) {
                        above[i] = passed;
                        --*left;
                }
}

int rv_history_place(struct rv_history *history, const git_oid *head, const struct rv_oid *revisions, size_t n,
                     struct rv_git_reply *reply, struct rv_error *err) {
        size_t passed = 0, left = n;
        git_oid id = *head;

        if (n == 0)
                return 0;
        reply->above = malloc(n * sizeof(*reply->above));
        if (!reply->above)
                return rv_error_oom(err);
        memset(reply->above, 0xff, n * sizeof(*reply->above)); /* SIZE_MAX */
        reply->n_above = n;
        for (size_t steps = 0; left > 0 && steps < RV_COMMITS_MAX; steps++) {
                struct rv_record *record;
                struct rv_oid oid;
                int r = step(history, &id, &record, err);

                if (r < 0)
                        return r;
                rv_oid_from_git(&oid, &id);
                place(revisions, n, &oid, passed, reply->above, &left);
                if (passed < reply->n_commits && strcmp(reply->commits[passed].id.hex, oid.hex) == 0)
                        passed++;
                if (record->n_parents == 0)
                        return 0;
                id = record->parents[0];
        }
        return 0;
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
                if (reply->n_fresh >= RV_HISTORY_FRESH_MAX || record->n_parents == 0)
                        return fresh_by_walk(history, head, &known_id, reply, err);
                r = append_fresh(reply, &id, err);
                if (r < 0)
                        return r;
                id = record->parents[0];
        }
        return 0;
}

/* Commits still to be looked at, first in, first out: so that the newest come first. */
struct queue {
        git_oid *ids;
        size_t first, n, size;
};

static int enqueue(struct queue *queue, const git_oid *ids, size_t n) {
        if (queue->n + n > queue->size) {
                size_t size = 2 * queue->size + n;
                git_oid *grown = reallocarray(queue->ids, size, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                queue->ids = grown;
                queue->size = size;
        }
        for (size_t i = 0; i < n; i++)
                queue->ids[queue->n++] = ids[i];
        return 0;
}

/* 1: found. */
static int search(struct rv_history *history, struct queue *queue, const char *incident, int64_t since_usec,
                  git_oid *ret, struct rv_error *err) {
        unsigned walk = ++history->walks;

        for (size_t looked = 0; queue->first < queue->n && looked < RV_COMMITS_MAX;) {
                git_oid id = queue->ids[queue->first++];
                struct rv_record *record;
                int r;

                r = step(history, &id, &record, err);
                if (r < 0)
                        return r;
                if (record->walk == walk)
                        continue;
                record->walk = walk;
                looked++;
                if (record->incident && strcmp(record->incident, incident) == 0) {
                        *ret = id;
                        return 1;
                }
                if (record->commit_usec >= since_usec && enqueue(queue, record->parents, record->n_parents) < 0)
                        return rv_error_oom(err);
        }
        return 0;
}

int rv_history_find_incident(struct rv_history *history, const git_oid *head, const char *incident, int64_t since_usec,
                             git_oid *ret, struct rv_error *err) {
        struct queue queue = {};
        int r;

        r = enqueue(&queue, head, 1) < 0 ? rv_error_oom(err) : search(history, &queue, incident, since_usec, ret, err);
        free(queue.ids);
        return r;
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
