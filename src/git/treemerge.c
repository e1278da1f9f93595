#include "git/treemerge.h"

#include "git/filemerge.h"
#include "git/treerename.h"
#include "revertd/pathspec.h"

#include <errno.h>
#include <string.h>

/* A path that differs between base and theirs. */
struct change {
        char *path;
        struct rv_tree_entry base, theirs, ours;
        bool settled; /* its edit is made, or none is needed */
};

/* A folder of base that one side has no more; the topmost only. */
struct lost_folder {
        char *path;
        struct rv_tree_entry base, ours;
};

struct merging {
        struct rv_tree_merge *merge;
        const git_oid *base, *ours;
        struct rv_error *err;
        struct change *changes;
        size_t n_changes, changes_size;
        struct rv_tree_edit *edits;
        size_t n_edits, edits_size;
        struct lost_folder *lost_by_theirs, *lost_by_ours;
        size_t n_lost_by_theirs, n_lost_by_ours;
        struct rv_tree_files theirs_gone, theirs_fresh; /* base → theirs */
        struct rv_tree_files ours_gone, ours_fresh;     /* base → ours, read when first needed */
        bool have_ours, ours_too_many;
        struct rv_rename rename;
};

static int conflict(struct merging *m, const char *path) {
        struct rv_tree_merge *merge = m->merge;

        if (merge->n_conflicts < RV_TREEMERGE_CONFLICTS_MAX) {
                char *copy = strdup(path);
                if (!copy)
                        return rv_error_oom(m->err);
                merge->conflicts[merge->n_conflicts] = copy;
        }
        merge->n_conflicts++;
        return 0;
}

static int clash(void *userdata, const char *path) {
        return conflict(userdata, path);
}

static int add_edit(struct merging *m, const char *path, const struct rv_tree_entry *entry) {
        if (m->n_edits == m->edits_size) {
                size_t size = m->edits_size ? 2 * m->edits_size : 16;
                struct rv_tree_edit *p = reallocarray(m->edits, size, sizeof *p);
                if (!p)
                        return rv_error_oom(m->err);
                m->edits = p;
                m->edits_size = size;
        }
        char *copy = strdup(path);
        if (!copy)
                return rv_error_oom(m->err);
        m->edits[m->n_edits++] = (struct rv_tree_edit){.path = copy, .entry = *entry};
        return 0;
}

/* Reading the change. */

static int note_change(void *userdata, const char *path, const struct rv_tree_entry *base,
                       const struct rv_tree_entry *theirs, const struct rv_tree_entry *ours) {
        struct merging *m = userdata;

        if (m->n_changes == RV_TREEMERGE_PATHS_MAX)
                return rv_error_set(m->err, -E2BIG, "more than %d paths changed", RV_TREEMERGE_PATHS_MAX);
        if (m->n_changes == m->changes_size) {
                size_t size = m->changes_size ? 2 * m->changes_size : 16;
                struct change *p = reallocarray(m->changes, size, sizeof *p);
                if (!p)
                        return rv_error_oom(m->err);
                m->changes = p;
                m->changes_size = size;
        }
        char *copy = strdup(path);
        if (!copy)
                return rv_error_oom(m->err);
        m->changes[m->n_changes++] = (struct change){.path = copy, .base = *base, .theirs = *theirs, .ours = *ours};
        int r = 0;
        if (theirs->mode == 0)
                r = rv_tree_files_add(&m->theirs_gone, path, base);
        else if (base->mode == 0)
                r = rv_tree_files_add(&m->theirs_fresh, path, theirs);
        return r < 0 ? rv_error_oom(m->err) : 0;
}

static bool is_below(const char *path, const char *folder) {
        size_t n = strlen(folder);

        return strncmp(path, folder, n) == 0 && path[n] == '/';
}

static int add_lost_folder(struct merging *m, struct lost_folder **folders, size_t *n, const char *path,
                           const struct rv_tree_entry *base, const struct rv_tree_entry *ours) {
        if (*n > 0 && is_below(path, (*folders)[*n - 1].path))
                return 0;
        struct lost_folder *p = reallocarray(*folders, *n + 1, sizeof *p);
        if (!p)
                return rv_error_oom(m->err);
        *folders = p;
        char *copy = strdup(path);
        if (!copy)
                return rv_error_oom(m->err);
        p[(*n)++] = (struct lost_folder){.path = copy, .base = *base, .ours = *ours};
        return 0;
}

static int note_folder(void *userdata, const char *path, const struct rv_tree_entry *base,
                       const struct rv_tree_entry *theirs, const struct rv_tree_entry *ours) {
        struct merging *m = userdata;

        if (base->mode == 0)
                return 0;
        if (theirs->mode == 0)
                return add_lost_folder(m, &m->lost_by_theirs, &m->n_lost_by_theirs, path, base, ours);
        if (ours->mode == 0)
                return add_lost_folder(m, &m->lost_by_ours, &m->n_lost_by_ours, path, base, ours);
        return 0;
}

static int note_ours(void *userdata, const char *path, const struct rv_tree_entry *base,
                     const struct rv_tree_entry *ours, const struct rv_tree_entry *along) {
        struct merging *m = userdata;

        (void)along;
        struct rv_tree_files *files = ours->mode == 0 ? &m->ours_gone : base->mode == 0 ? &m->ours_fresh : NULL;
        if (!files)
                return 0;
        if (files->n == RV_RENAME_FILES_MAX) {
                m->ours_too_many = true;
                return 1;
        }
        return rv_tree_files_add(files, path, files == &m->ours_gone ? base : ours) < 0 ? rv_error_oom(m->err) : 0;
}

/* What the branch lost and got since: needed only where a file of the change is not where it was. */
static int read_ours(struct merging *m) {
        if (m->have_ours)
                return 0;
        m->have_ours = true;
        struct rv_tree_budget budget = m->merge->budget;
        int r = rv_tree_walk(m->merge->odb, m->base, m->ours, NULL, NULL, 0, &budget, note_ours, m, m->err);
        /* It looks beyond the scope, where others' trees may be anything: then it is not known where a file went, and
         * that is a conflict of this file alone. */
        if (r == -EILSEQ || r == -E2BIG) {
                m->ours_too_many = true;
                return 0;
        }
        return r < 0 ? r : 0;
}

static int find_ours(struct merging *m, const struct change *change, enum rv_rename_kind *ret, size_t *ret_index) {
        const struct rv_tree_file source = {.path = change->path, .entry = change->base};

        int r = read_ours(m);
        if (r < 0)
                return r;
        *ret = RV_RENAME_AMBIGUOUS;
        if (m->ours_too_many)
                return 0;
        for (size_t i = 0; i < m->ours_gone.n; i++)
                if (strcmp(m->ours_gone.files[i].path, change->path) == 0)
                        return rv_rename_find(&m->rename, &m->ours_gone.files[i], &m->ours_gone, &m->ours_fresh, ret,
                                              ret_index, m->err);
        return rv_rename_find(&m->rename, &source, &m->ours_gone, &m->ours_fresh, ret, ret_index, m->err);
}

static int find_theirs(struct merging *m, const struct change *change, enum rv_rename_kind *ret, size_t *ret_index) {
        for (size_t i = 0; i < m->theirs_gone.n; i++)
                if (strcmp(m->theirs_gone.files[i].path, change->path) == 0)
                        return rv_rename_find(&m->rename, &m->theirs_gone.files[i], &m->theirs_gone, &m->theirs_fresh,
                                              ret, ret_index, m->err);
        *ret = RV_RENAME_NONE;
        return 0;
}

static struct change *find_change(struct merging *m, const char *path) {
        for (size_t i = 0; i < m->n_changes; i++)
                if (strcmp(m->changes[i].path, path) == 0)
                        return &m->changes[i];
        return NULL;
}

/* Settling each path. */

static int merge_file_to(struct merging *m, const char *path, const char *shown, const struct rv_tree_entry *base,
                         const struct rv_tree_entry *ours, const struct rv_tree_entry *theirs) {
        const struct rv_file_merge file_merge = {.repository = m->merge->repository,
                                                 .odb = m->merge->odb,
                                                 .attributes = m->merge->attributes,
                                                 .now = m->ours,
                                                 .bytes_max = RV_TREEMERGE_BLOB_BYTES_MAX};
        struct rv_tree_entry result;
        bool in_conflict, written;

        int r = rv_file_merge(&file_merge, path, base, ours, theirs, &result, &written, &in_conflict, m->err);
        if (r < 0)
                return r;
        if (in_conflict)
                return conflict(m, shown);
        if (written && rv_oid_list_add(&m->merge->written, &result.id) < 0)
                return rv_error_oom(m->err);
        return add_edit(m, path, &result);
}

/* The change deletes the file, and the branch changed it since: git follows a rename in the change, else it is a
 * conflict. */
static int settle_delete_of_changed(struct merging *m, struct change *change) {
        static const struct rv_tree_entry nothing;
        enum rv_rename_kind kind;
        size_t index;

        int r = find_theirs(m, change, &kind, &index);
        if (r < 0)
                return r;
        struct change *target = kind == RV_RENAME_CLEAR ? find_change(m, m->theirs_fresh.files[index].path) : NULL;
        if (!target || target->ours.mode)
                return conflict(m, change->path);
        target->settled = true;
        r = add_edit(m, change->path, &nothing);
        if (r < 0)
                return r;
        return merge_file_to(m, target->path, change->path, &change->base, &change->ours, &target->theirs);
}

/* Both have the file no more. Deleted here and there is fine, and so is moved to the same place here and there. */
static int settle_gone(struct merging *m, struct change *change) {
        enum rv_rename_kind theirs, ours;
        size_t index, index_ours;

        int r = find_theirs(m, change, &theirs, &index);
        if (r == 0)
                r = find_ours(m, change, &ours, &index_ours);
        if (r < 0)
                return r;
        if (theirs == RV_RENAME_NONE && ours == RV_RENAME_NONE)
                return 0;
        struct change *target = theirs == RV_RENAME_CLEAR ? find_change(m, m->theirs_fresh.files[index].path) : NULL;
        if (!target || ours != RV_RENAME_CLEAR || strcmp(target->path, m->ours_fresh.files[index_ours].path) != 0)
                return conflict(m, change->path);
        target->settled = true;
        return merge_file_to(m, target->path, change->path, &change->base, &target->ours, &target->theirs);
}

/* The branch has a file that the change edits no more: it is followed to where it went. */
static int settle_lost(struct merging *m, struct change *change) {
        enum rv_rename_kind kind;
        size_t index;

        int r = find_ours(m, change, &kind, &index);
        if (r < 0)
                return r;
        if (kind != RV_RENAME_CLEAR)
                return conflict(m, change->path);
        const struct rv_tree_file *target = &m->ours_fresh.files[index];
        if (find_change(m, target->path))
                return conflict(m, change->path);
        if (m->merge->n_scope > 0 && !rv_pathspec_match_any(m->merge->scope, m->merge->n_scope, target->path))
                return conflict(m, change->path);
        return merge_file_to(m, target->path, change->path, &change->base, &target->entry, &change->theirs);
}

static int settle(struct merging *m, struct change *change) {
        if (change->settled)
                return 0;
        if (change->base.mode && !change->ours.mode)
                return settle_lost(m, change);
        if (rv_tree_entry_equal(&change->ours, &change->theirs))
                return 0;
        if (rv_tree_entry_equal(&change->ours, &change->base))
                return add_edit(m, change->path, &change->theirs);
        if (change->base.mode == 0)
                return conflict(m, change->path);
        if (change->theirs.mode == 0)
                return settle_delete_of_changed(m, change);
        return merge_file_to(m, change->path, change->path, &change->base, &change->ours, &change->theirs);
}

/* Renamed folders: git asks a person where files belong that one side puts into a folder which the other renamed. */

static int check_lost_by_ours(struct merging *m, const struct lost_folder *folder) {
        bool renamed;

        for (size_t i = 0; i < m->theirs_fresh.n; i++) {
                if (!is_below(m->theirs_fresh.files[i].path, folder->path))
                        continue;
                int r = read_ours(m);
                if (r == 0 && !m->ours_too_many)
                        r = rv_rename_any_below(&m->rename, folder->path, &m->ours_gone, &m->ours_fresh, &renamed,
                                                m->err);
                if (r < 0)
                        return r;
                return m->ours_too_many || renamed ? conflict(m, m->theirs_fresh.files[i].path) : 0;
        }
        return 0;
}

static int find_addition(void *userdata, const char *path, const struct rv_tree_entry *base,
                         const struct rv_tree_entry *ours, const struct rv_tree_entry *along) {
        (void)path, (void)ours, (void)along, (void)userdata;
        return base->mode == 0;
}

static int check_lost_by_theirs(struct merging *m, const struct lost_folder *folder) {
        bool renamed;

        if (m->theirs_fresh.n == 0 || folder->ours.mode == 0)
                return 0;
        int r = rv_tree_walk(m->merge->odb, &folder->base.id, &folder->ours.id, NULL, NULL, 0, &m->merge->budget,
                             find_addition, NULL, m->err);
        if (r <= 0)
                return r;
        r = rv_rename_any_below(&m->rename, folder->path, &m->theirs_gone, &m->theirs_fresh, &renamed, m->err);
        if (r < 0)
                return r;
        return renamed ? conflict(m, folder->path) : 0;
}

static int settle_all(struct merging *m) {
        int r = 0;

        /* First what may take over the path of another change. */
        for (size_t i = 0; r == 0 && i < m->n_changes; i++) {
                struct change *change = &m->changes[i];
                if (change->theirs.mode || rv_tree_entry_equal(&change->ours, &change->base))
                        continue;
                change->settled = true;
                r = change->ours.mode ? settle_delete_of_changed(m, change) : settle_gone(m, change);
        }
        for (size_t i = 0; r == 0 && i < m->n_changes; i++)
                r = settle(m, &m->changes[i]);
        for (size_t i = 0; r == 0 && i < m->n_lost_by_ours; i++)
                r = check_lost_by_ours(m, &m->lost_by_ours[i]);
        for (size_t i = 0; r == 0 && i < m->n_lost_by_theirs; i++)
                r = check_lost_by_theirs(m, &m->lost_by_theirs[i]);
        return r;
}

static void merging_done(struct merging *m) {
        for (size_t i = 0; i < m->n_changes; i++)
                free(m->changes[i].path);
        free(m->changes);
        for (size_t i = 0; i < m->n_edits; i++)
                free(m->edits[i].path);
        free(m->edits);
        for (size_t i = 0; i < m->n_lost_by_ours; i++)
                free(m->lost_by_ours[i].path);
        free(m->lost_by_ours);
        for (size_t i = 0; i < m->n_lost_by_theirs; i++)
                free(m->lost_by_theirs[i].path);
        free(m->lost_by_theirs);
        rv_tree_files_done(&m->theirs_gone);
        rv_tree_files_done(&m->theirs_fresh);
        rv_tree_files_done(&m->ours_gone);
        rv_tree_files_done(&m->ours_fresh);
}

int rv_tree_merge_apply(struct rv_tree_merge *merge, const git_oid *base, const git_oid *theirs, const git_oid *ours,
                        git_oid *ret, struct rv_error *err) {
        struct merging m = {.merge = merge,
                            .base = base,
                            .ours = ours,
                            .err = err,
                            .rename = {.odb = merge->odb,
                                       .comparisons = RV_RENAME_COMPARISONS_MAX,
                                       .deadline_usec = merge->budget.deadline_usec}};
        const struct rv_tree_visitor visitor = {.file = note_change, .folder = note_folder, .userdata = &m};

        int r = rv_tree_walk_visit(merge->odb, base, theirs, ours, merge->scope, merge->n_scope, &merge->budget,
                                   &visitor, err);
        if (r == 0)
                r = settle_all(&m);
        if (r == 0 && merge->n_conflicts == 0)
                r = rv_tree_edit_apply(merge->odb, ours, m.edits, m.n_edits, clash, &m, &merge->written, ret, err);
        merging_done(&m);
        return r;
}

void rv_tree_merge_done(struct rv_tree_merge *merge) {
        for (size_t i = 0; i < merge->n_conflicts && i < RV_TREEMERGE_CONFLICTS_MAX; i++)
                free(merge->conflicts[i]);
        merge->n_conflicts = 0;
        rv_oid_list_done(&merge->written);
}
