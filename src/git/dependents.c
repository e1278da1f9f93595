#include "git/dependents.h"

#include "git/commit_info.h"
#include "git/later.h"
#include "git/treewalk.h"
#include "git/utf8.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <string.h>

enum { STEPS_MAX = 128, RANGES_MAX = 256, PATH_BYTES_MAX = 4096, ENTRIES_MAX = 1 << 20, DEPTH_MAX = 128 };

/* Lines [first, end) of a file, counted from 0; none where first == end, the place between two lines. */
struct range {
        size_t first, end;
};

/* One change of a file, as the walk met it. */
struct step {
        git_oid commit;
        struct rv_tree_entry before, after;
        bool is_undone;
};

struct file {
        char *path;
        struct step *steps; /* newest first, while the walk goes on */
        size_t n_steps;
};

struct search {
        git_repository *repository;
        git_odb *odb;
        const struct rv_revert_spec *spec;
        struct rv_git_reply *reply;
        struct rv_error *err;
        struct file files[RV_DEPENDENTS_PATHS_MAX];
        size_t n_files;
};

/* -- which files -- */

static bool is_regular(const struct rv_tree_entry *entry) {
        return entry->mode == GIT_FILEMODE_BLOB || entry->mode == GIT_FILEMODE_BLOB_EXECUTABLE;
}

static int add_file(void *userdata, const char *path, const struct rv_tree_entry *from, const struct rv_tree_entry *to,
                    const struct rv_tree_entry *along) {
        struct search *search = userdata;

        (void)from;
        if (!is_regular(to) || !is_regular(along) || rv_tree_entry_equal(to, along))
                return 0;
        for (size_t i = 0; i < search->n_files; i++)
                if (strcmp(search->files[i].path, path) == 0)
                        return 0;
        if (search->n_files == RV_DEPENDENTS_PATHS_MAX)
                return 1;
        search->files[search->n_files].path = strdup(path);
        if (!search->files[search->n_files].path)
                return rv_error_oom(search->err);
        search->n_files++;
        return 0;
}

/* What a commit to undo touched and something has changed since. */
static int find_files(struct search *search, const git_oid *base_tree, int64_t deadline_usec) {
        const struct rv_revert_spec *spec = search->spec;
        struct rv_tree_budget cost = {.entries = ENTRIES_MAX, .depth = DEPTH_MAX, .deadline_usec = deadline_usec};
        int r = 0;

        for (size_t i = 0; r >= 0 && i < spec->n_commits; i++) {
                _cleanup_git_(commit) git_commit *commit = NULL, *parent = NULL;
                git_oid id;

                r = rv_oid_to_git(&id, &spec->commits[i]);
                if (r == 0)
                        r = rv_commit_lookup(&commit, search->repository, &id, search->err);
                if (r == 0 && git_commit_parentcount(commit) > 0)
                        r = rv_commit_lookup(&parent, search->repository, git_commit_parent_id(commit, 0), search->err);
                if (r == 0)
                        r = rv_tree_walk(search->odb, parent ? git_commit_tree_id(parent) : NULL,
                                         git_commit_tree_id(commit), base_tree, (const char *const *)spec->scope,
                                         spec->n_scope, &cost, add_file, search, search->err);
        }
        return r < 0 ? r : 0;
}

/* -- what happened to each -- */

static int note_step(struct search *search, struct file *file, const git_oid *id, const struct rv_tree_entry *before,
                     const struct rv_tree_entry *after, bool is_undone) {
        if (file->n_steps == STEPS_MAX)
                return 0;
        if (!file->steps)
                file->steps = calloc(STEPS_MAX, sizeof(*file->steps));
        if (!file->steps)
                return rv_error_oom(search->err);
        file->steps[file->n_steps++] =
                (struct step){.commit = *id, .before = *before, .after = *after, .is_undone = is_undone};
        return 0;
}

static int note_commit(void *userdata, const git_oid *id, const git_oid *tree, const git_oid *parent_tree,
                       bool is_undone) {
        struct search *search = userdata;
        int r = 0;

        for (size_t i = 0; r == 0 && i < search->n_files; i++) {
                struct file *file = &search->files[i];
                struct rv_tree_entry before = {0}, after;

                r = rv_tree_find(search->odb, tree, file->path, &after, search->err);
                if (r == 0 && parent_tree)
                        r = rv_tree_find(search->odb, parent_tree, file->path, &before, search->err);
                if (r == 0 && !rv_tree_entry_equal(&before, &after))
                        r = note_step(search, file, id, &before, &after, is_undone);
        }
        return r;
}

/* From here on oldest first. A change that later ones took back byte for byte is as if it had not been. */
static void straighten(struct file *file) {
        size_t n = 0;

        for (size_t i = 0; i < file->n_steps / 2; i++) {
                struct step swap = file->steps[i];

                file->steps[i] = file->steps[file->n_steps - 1 - i];
                file->steps[file->n_steps - 1 - i] = swap;
        }
        for (size_t i = 0; i < file->n_steps; i++) {
                size_t k = 0;

                while (k < n && !rv_tree_entry_equal(&file->steps[k].before, &file->steps[i].after))
                        k++;
                if (k == n)
                        file->steps[k++] = file->steps[i];
                n = k;
        }
        file->n_steps = n;
}

/* -- its lines -- */

struct hunk {
        struct range from, to;
};

struct hunks {
        struct hunk hunk[RANGES_MAX];
        size_t n;
        bool is_too_many;
};

/* Git counts from 1; where there is no line it names the one before. */
static struct range range_of(int start, int lines) {
        size_t first = (size_t)(lines > 0 ? start - 1 : start);

        return (struct range){first, first + (size_t)lines};
}

static int note_hunk(const git_diff_delta *delta, const git_diff_hunk *hunk, void *userdata) {
        struct hunks *hunks = userdata;

        (void)delta;
        if (hunks->n == RANGES_MAX) {
                hunks->is_too_many = true;
                return 0;
        }
        hunks->hunk[hunks->n++] =
                (struct hunk){range_of(hunk->old_start, hunk->old_lines), range_of(hunk->new_start, hunk->new_lines)};
        return 0;
}

/* 1: they could be compared; 0: not looked into. */
static int compare(struct search *search, const struct step *step, struct hunks *ret) {
        git_diff_options options = GIT_DIFF_OPTIONS_INIT;
        git_odb_object *before = NULL, *after = NULL;
        int r = 0;

        *ret = (struct hunks){0};
        options.context_lines = options.interhunk_lines = 0;
        if (is_regular(&step->before))
                r = rv_tree_read_object(search->odb, &step->before.id, GIT_OBJECT_BLOB, RV_DEPENDENTS_BYTES_MAX,
                                        &before, search->err);
        if (r == 0 && is_regular(&step->after))
                r = rv_tree_read_object(search->odb, &step->after.id, GIT_OBJECT_BLOB, RV_DEPENDENTS_BYTES_MAX, &after,
                                        search->err);
        if (r == 0 &&
            git_diff_buffers(before ? git_odb_object_data(before) : "", before ? git_odb_object_size(before) : 0, NULL,
                             after ? git_odb_object_data(after) : "", after ? git_odb_object_size(after) : 0, NULL,
                             &options, NULL, NULL, note_hunk, NULL, ret) < 0)
                r = rv_libgit2_error(search->err, -1, "compare a file");
        git_odb_object_free(before);
        git_odb_object_free(after);
        if (r == -E2BIG)
                return 0;
        return r < 0 ? r : ret->n > 0 && !ret->is_too_many;
}

static bool is_beside(const struct range *a, const struct range *b) {
        size_t between = a->first >= b->end ? a->first - b->end : b->first >= a->end ? b->first - a->end : 0;

        return between < RV_DEPENDENTS_CONTEXT;
}

static bool touches(const struct hunks *hunks, const struct range *ranges, size_t n) {
        for (size_t h = 0; h < hunks->n; h++)
                for (size_t i = 0; i < n; i++)
                        if (is_beside(&hunks->hunk[h].from, &ranges[i]))
                                return true;
        return false;
}

/* Where the lines are after the change; it becomes part of what it overlaps. */
static void follow(const struct hunks *hunks, struct range *range) {
        struct range was = *range;
        ptrdiff_t shift = 0, grow = 0;

        for (size_t h = 0; h < hunks->n && hunks->hunk[h].from.first < was.end + (was.first == was.end); h++) {
                const struct range *from = &hunks->hunk[h].from, *to = &hunks->hunk[h].to;
                ptrdiff_t more = (ptrdiff_t)(to->end - to->first) - (ptrdiff_t)(from->end - from->first);

                if (from->end <= was.first) {
                        shift += more;
                        continue;
                }
                was.first = from->first < was.first ? from->first : was.first;
                was.end = from->end > was.end ? from->end : was.end;
                grow += more;
        }
        range->first = (size_t)((ptrdiff_t)was.first + shift);
        range->end = (size_t)((ptrdiff_t)was.end + shift + grow);
}

/* Calls told() for each step that depends on those to undo. */
static int follow_file(struct search *search, const struct file *file,
                       int (*told)(struct search *search, const struct file *file, const git_oid *commit)) {
        struct range ranges[RANGES_MAX];
        struct hunks hunks;
        size_t n = 0;

        for (size_t i = 0; i < file->n_steps; i++) {
                const struct step *step = &file->steps[i];
                int r;

                if ((n == 0 && !step->is_undone) || git_oid_equal(&step->before.id, &step->after.id))
                        continue;
                r = compare(search, step, &hunks);
                if (r <= 0)
                        return r;
                if (!step->is_undone && touches(&hunks, ranges, n) && (r = told(search, file, &step->commit)) < 0)
                        return r;
                for (size_t k = 0; k < n; k++)
                        follow(&hunks, &ranges[k]);
                for (size_t h = 0; step->is_undone && h < hunks.n && n < RANGES_MAX; h++)
                        ranges[n++] = hunks.hunk[h].to;
        }
        return 0;
}

/* -- what is told -- */

static int tell(struct search *search, const struct file *file, const git_oid *id) {
        struct rv_git_reply *reply = search->reply;
        struct rv_commit *commit = NULL;
        struct rv_oid hex;

        rv_oid_from_git(&hex, id);
        for (size_t i = 0; i < reply->n_commits && !commit; i++)
                if (strcmp(reply->commits[i].id.hex, hex.hex) == 0)
                        commit = &reply->commits[i];
        if (!commit && reply->n_commits == RV_DEPENDENTS_COMMITS_MAX)
                return 0;
        if (!commit) {
                commit = &reply->commits[reply->n_commits];
                int r = rv_commit_info_read(search->repository, id, commit, search->err);
                if (r < 0)
                        return r;
                reply->n_commits++;
                commit->paths = calloc(RV_DEPENDENTS_PATHS_MAX, sizeof(*commit->paths));
                if (!commit->paths)
                        return rv_error_oom(search->err);
        }
        commit->paths[commit->n_paths] = rv_utf8_copy(file->path, PATH_BYTES_MAX);
        if (!commit->paths[commit->n_paths])
                return rv_error_oom(search->err);
        commit->n_inside = ++commit->n_paths;
        return 0;
}

static int compare_age(const void *a, const void *b) {
        const struct rv_commit *x = a, *y = b;

        return (x->commit_usec < y->commit_usec) - (x->commit_usec > y->commit_usec);
}

static int search_all(struct search *search, int64_t deadline_usec) {
        _cleanup_git_(commit) git_commit *base = NULL;
        git_oid id;
        int r = rv_oid_to_git(&id, &search->spec->base);

        if (r == 0)
                r = rv_commit_lookup(&base, search->repository, &id, search->err);
        if (r == 0)
                r = find_files(search, git_commit_tree_id(base), deadline_usec);
        if (r < 0 || search->n_files == 0)
                return r;
        r = rv_later_walk(search->repository, search->spec, deadline_usec, note_commit, search, search->err);
        if (r < 0)
                return r;
        search->reply->commits = calloc(RV_DEPENDENTS_COMMITS_MAX, sizeof(*search->reply->commits));
        if (!search->reply->commits)
                return rv_error_oom(search->err);
        for (size_t i = 0; r == 0 && i < search->n_files; i++) {
                straighten(&search->files[i]);
                r = follow_file(search, &search->files[i], tell);
        }
        if (r == 0 && search->reply->n_commits > 0)
                qsort(search->reply->commits, search->reply->n_commits, sizeof(struct rv_commit), compare_age);
        return r;
}

int rv_dependents_find(git_repository *repository, const struct rv_revert_spec *spec, int64_t deadline_usec,
                       struct rv_git_reply *reply, struct rv_error *err) {
        _cleanup_git_(odb) git_odb *odb = NULL;
        struct search search = {.repository = repository, .spec = spec, .reply = reply, .err = err};
        int r;

        if (spec->restore.hex[0] || (spec->n_commits == 1 && strcmp(spec->commits[0].hex, spec->base.hex) == 0))
                return 0;
        r = git_repository_odb(&odb, repository);
        if (r < 0)
                return rv_libgit2_error(err, r, "no object database");
        search.odb = odb;
        r = search_all(&search, deadline_usec);
        for (size_t i = 0; i < search.n_files; i++) {
                free(search.files[i].path);
                free(search.files[i].steps);
        }
        return r == -EILSEQ || r == -E2BIG || r == -ETIMEDOUT ? 0 : r;
}
