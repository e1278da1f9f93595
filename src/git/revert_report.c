#include "git/revert_report.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/text.h"

#include <errno.h>
#include <string.h>

struct report {
        git_odb *odb;
        struct rv_revert_result *result;
        struct rv_error *err;
        int64_t deadline_usec;
        size_t paths_size;
        FILE *diff;              /* NULL: not wanted, or full */
        struct rv_oid_list held; /* ids in the new tree that differ from the old one */
};

static int load(struct report *report, const struct rv_tree_entry *entry, git_odb_object **ret, bool *ret_too_large) {
        *ret_too_large = false;
        if (entry->mode == 0 || entry->mode == GIT_FILEMODE_COMMIT)
                return 0;
        int r = rv_tree_read_object(report->odb, &entry->id, GIT_OBJECT_BLOB, RV_REVERT_DIFF_BLOB_BYTES_MAX, ret,
                                    report->err);
        if (r != -E2BIG)
                return r;
        *ret_too_large = true;
        return 0;
}

static void print(struct report *report, const char *text, size_t n) {
        if (report->diff)
                fwrite(text, 1, n, report->diff);
        if (report->diff && ftello(report->diff) > RV_DIFF_BYTES_MAX) {
                fclose(report->diff);
                report->diff = NULL;
        }
}

static void print_unloaded(struct report *report, const char *path, const char *why) {
        _cleanup_free_ char *text = NULL;

        int n = asprintf(&text, "diff --git a/%s b/%s\n%s\n", path, path, why);
        if (n >= 0)
                print(report, text, (size_t)n);
        else
                text = NULL;
}

static void print_modes(struct report *report, const char *path, const struct rv_tree_entry *from,
                        const struct rv_tree_entry *to) {
        _cleanup_free_ char *text = NULL;

        if (!from->mode || !to->mode || from->mode == to->mode)
                return;
        int n = git_oid_equal(&from->id, &to->id) ? asprintf(&text, "diff --git a/%s b/%s\nold mode %o\nnew mode %o\n",
                                                             path, path, from->mode, to->mode)
                                                  : asprintf(&text, "old mode %o\nnew mode %o\n", from->mode, to->mode);
        if (n >= 0)
                print(report, text, (size_t)n);
        else
                text = NULL;
}

static int count_and_print(struct report *report, const char *path, git_odb_object *from, git_odb_object *to) {
        git_diff_options options = GIT_DIFF_OPTIONS_INIT;
        git_patch *patch = NULL;
        git_buf text = GIT_BUF_INIT;
        size_t insertions, deletions;

        int r = git_patch_from_buffers(&patch, from ? git_odb_object_data(from) : NULL,
                                       from ? git_odb_object_size(from) : 0, path, to ? git_odb_object_data(to) : NULL,
                                       to ? git_odb_object_size(to) : 0, path, &options);
        if (r == 0)
                r = git_patch_line_stats(NULL, &insertions, &deletions, patch);
        if (r == 0) {
                report->result->n_insertions += insertions;
                report->result->n_deletions += deletions;
                if (report->diff)
                        r = git_patch_to_buf(&text, patch);
        }
        if (r == 0 && text.ptr)
                print(report, text.ptr, text.size);
        if (r < 0)
                r = rv_libgit2_error(report->err, r, "compare a file");
        git_buf_dispose(&text);
        git_patch_free(patch);
        return r;
}

static int add_path(struct report *report, const char *path) {
        struct rv_revert_result *result = report->result;

        if (result->n_paths == report->paths_size) {
                size_t size = report->paths_size ? 2 * report->paths_size : 16;
                char **paths = reallocarray(result->paths, size, sizeof *paths);
                if (!paths)
                        return rv_error_oom(report->err);
                result->paths = paths;
                report->paths_size = size;
        }
        char *copy = strdup(path);
        if (!copy)
                return rv_error_oom(report->err);
        result->paths[result->n_paths++] = copy;
        return 0;
}

static int note_held(struct report *report, const struct rv_tree_entry *to) {
        if (to->mode && rv_oid_list_add(&report->held, &to->id) < 0)
                return rv_error_oom(report->err);
        return 0;
}

static int note_file(void *userdata, const char *path, const struct rv_tree_entry *from, const struct rv_tree_entry *to,
                     const struct rv_tree_entry *along) {
        struct report *report = userdata;
        git_odb_object *from_object = NULL, *to_object = NULL;
        bool from_too_large = false, to_too_large = false;

        (void)along;
        if (rv_clock_monotonic_usec() > report->deadline_usec)
                return rv_error_set(report->err, -ETIMEDOUT, "out of time while comparing files");
        report->result->n_files++;
        int r = add_path(report, path);
        if (r == 0)
                r = note_held(report, to);
        if (r == 0)
                r = load(report, from, &from_object, &from_too_large);
        if (r == 0)
                r = load(report, to, &to_object, &to_too_large);
        if (r == 0 && (from_too_large || to_too_large)) {
                print_unloaded(report, path, "Large files differ");
        } else if (r == 0 && (from->mode == GIT_FILEMODE_COMMIT || to->mode == GIT_FILEMODE_COMMIT)) {
                print_unloaded(report, path, "Submodules differ");
        } else if (r == 0) {
                bool same = from->mode && to->mode && git_oid_equal(&from->id, &to->id);
                if (!same)
                        r = count_and_print(report, path, from_object, to_object);
                print_modes(report, path, from, to);
        }
        git_odb_object_free(from_object);
        git_odb_object_free(to_object);
        return r;
}

static int note_folder(void *userdata, const char *path, const struct rv_tree_entry *from,
                       const struct rv_tree_entry *to, const struct rv_tree_entry *along) {
        (void)path, (void)from, (void)along;
        return note_held(userdata, to);
}

static int oid_order(const void *a, const void *b) {
        return git_oid_cmp(a, b);
}

/* A revert of several commits writes trees on the way that the last tree does not hold. */
static int pick_objects(struct report *report, const struct rv_oid_list *written) {
        _cleanup_free_ git_oid *picked = NULL;
        size_t n = 0;

        picked = calloc(written->n + 1, sizeof *picked);
        if (!picked)
                return rv_error_oom(report->err);
        if (report->held.n > 0)
                qsort(report->held.ids, report->held.n, sizeof(git_oid), oid_order);
        for (size_t i = 0; i < written->n; i++)
                if (report->held.n > 0 &&
                    bsearch(&written->ids[i], report->held.ids, report->held.n, sizeof(git_oid), oid_order))
                        picked[n++] = written->ids[i];
        if (n > 0)
                qsort(picked, n, sizeof *picked, oid_order);
        size_t kept = 0;
        for (size_t i = 0; i < n; i++)
                if (kept == 0 || !git_oid_equal(&picked[kept - 1], &picked[i]))
                        picked[kept++] = picked[i];
        report->result->n_objects = kept;
        report->result->objects = RV_TAKE(picked); /* one place is left over, for the commit */
        return 0;
}

static int take_diff(struct report *report, char *text, bool complete) {
        char *end = text + strnlen(text, RV_DIFF_BYTES_MAX);

        if (!complete) {
                while (end > text && end[-1] != '\n')
                        end--;
                *end = 0;
        }
        report->result->diff = rv_text_block(text, RV_DIFF_BYTES_MAX);
        return report->result->diff ? 0 : rv_error_oom(report->err);
}

int rv_revert_report(git_odb *odb, const git_oid *old_tree, const git_oid *new_tree, const struct rv_oid_list *written,
                     bool want_diff, int64_t deadline_usec, struct rv_revert_result *result, struct rv_error *err) {
        struct report report = {.odb = odb, .result = result, .err = err, .deadline_usec = deadline_usec};
        const struct rv_tree_visitor visitor = {.file = note_file, .folder = note_folder, .userdata = &report};
        struct rv_tree_budget budget = {
                .entries = RV_REVERT_ENTRIES_MAX, .depth = RV_REVERT_DEPTH_MAX, .deadline_usec = deadline_usec};
        const struct rv_tree_entry root = {.mode = GIT_FILEMODE_TREE, .id = *new_tree};
        _cleanup_free_ char *text = NULL;
        size_t n_text = 0;

        if (want_diff && !(report.diff = open_memstream(&text, &n_text)))
                return rv_error_oom(err);
        int r = note_held(&report, &root);
        /* What is read here was read and checked before, or was made a moment ago, or is only shown: hashing a wide
         * folder again would take as long as all else. */
        git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0);
        if (r == 0)
                r = rv_tree_walk_visit(odb, old_tree, new_tree, NULL, NULL, 0, &budget, &visitor, err);
        git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1);
        bool complete = report.diff != NULL;
        if (report.diff && fclose(report.diff) != 0 && r == 0)
                r = rv_error_oom(err);
        if (r == 0)
                r = pick_objects(&report, written);
        if (r == 0 && want_diff)
                r = take_diff(&report, text, complete);
        rv_oid_list_done(&report.held);
        return r;
}
