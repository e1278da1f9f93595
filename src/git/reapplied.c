#include "git/reapplied.h"

#include "git/treerename.h"
#include "git/treewalk.h"
#include "git/utf8.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <string.h>

enum { ENTRIES_MAX = 1 << 16, DEPTH_MAX = 128, PATH_BYTES_MAX = 4096 };

struct marking {
        struct rv_records *records;
        git_repository *repo;
        git_odb *odb;
        struct rv_error err;
};

/* The trees before and after a commit. */
struct change {
        const git_oid *from; /* NULL: empty */
        git_oid from_id, to;
};

static int find_change(struct marking *m, const struct rv_commit *commit, struct change *ret) {
        struct rv_record *record;
        git_oid id;
        int r = rv_oid_to_git(&id, &commit->id);

        if (r == 0)
                r = rv_records_get(m->records, m->repo, &id, &record, &m->err);
        if (r == 0)
                r = rv_records_trees(m->records, m->repo, record, &ret->from, &ret->from_id, &ret->to, &m->err);
        return r;
}

/* What stood there before the revert. A file that the revert brought back was not there: to delete it again is not told
 * from any other way of doing so. */
static int note_removed(void *userdata, const char *path, const struct rv_tree_entry *from,
                        const struct rv_tree_entry *to, const struct rv_tree_entry *along) {
        struct rv_tree_files *removed = userdata;

        (void)to, (void)along;
        if (from->mode == 0)
                return 0;
        if (removed->n == RV_COMMIT_PATHS_MAX)
                return 1;
        return rv_tree_files_add(removed, path, from);
}

static bool is_touched(const struct rv_commit *commit, const char *path) {
        _cleanup_free_ char *name = rv_utf8_copy(path, PATH_BYTES_MAX);

        for (size_t i = 0; name && i < commit->n_paths; i++)
                if (strcmp(commit->paths[i], name) == 0)
                        return true;
        return false;
}

/* 1: it brings one of them back. */
static int brings_back(struct marking *m, const struct rv_commit *commit, const struct rv_tree_files *removed) {
        struct change change;
        int r = find_change(m, commit, &change);

        for (size_t i = 0; r == 0 && i < removed->n; i++) {
                const struct rv_tree_file *file = &removed->files[i];
                struct rv_tree_entry after;

                if (!is_touched(commit, file->path))
                        continue;
                r = rv_tree_find(m->odb, &change.to, file->path, &after, &m->err);
                if (r == 0 && rv_tree_entry_equal(&after, &file->entry))
                        return 1;
        }
        return r;
}

/* All that came after one revert: `newer` commits from the first on. */
static int mark(struct marking *m, const struct rv_commit *revert, char *const *scope, size_t n_scope,
                struct rv_commit *commits, size_t newer) {
        struct rv_tree_budget cost = {.entries = ENTRIES_MAX, .depth = DEPTH_MAX, .deadline_usec = RV_USEC_INFINITY};
        struct rv_tree_files removed = {0};
        struct change change;
        int r = find_change(m, revert, &change);

        if (r == 0)
                r = rv_tree_walk(m->odb, change.from, &change.to, NULL, (const char *const *)scope, n_scope, &cost,
                                 note_removed, &removed, &m->err);
        for (size_t i = 0; r >= 0 && i < newer; i++) {
                if (commits[i].incident || commits[i].reapplies.hex[0])
                        continue;
                int found = brings_back(m, &commits[i], &removed);
                if (found > 0)
                        commits[i].reapplies = revert->id;
                else if (found == -ENOMEM)
                        r = found;
        }
        rv_tree_files_done(&removed);
        return r == -ENOMEM ? r : 0;
}

int rv_reapplied_mark(struct rv_records *records, git_repository *repo, git_odb *odb, char *const *scope,
                      size_t n_scope, struct rv_git_reply *reply) {
        struct marking m = {.records = records, .repo = repo, .odb = odb};
        size_t n = reply->n_commits < RV_REAPPLIED_COMMITS_MAX ? reply->n_commits : RV_REAPPLIED_COMMITS_MAX;
        size_t n_reverts = 0;
        int r = 0;

        for (size_t i = 0; r == 0 && i < reply->n_commits && n_reverts < RV_REAPPLIED_REVERTS_MAX; i++) {
                if (!reply->commits[i].incident)
                        continue;
                n_reverts++;
                r = mark(&m, &reply->commits[i], scope, n_scope, reply->commits, i < n ? i : n);
        }
        return r;
}
