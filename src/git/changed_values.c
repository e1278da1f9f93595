#include "git/changed_values.h"

#include "git/treewalk.h"
#include "git/utf8.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/text.h"

#include <errno.h>
#include <string.h>

enum { ENTRIES_MAX = 1 << 16, DEPTH_MAX = 128, PATH_BYTES_MAX = 4096, BINARY_PROBE_BYTES = 8000 };

struct text {
        git_odb_object *object; /* NULL: there is no such file */
        const char *data;
        size_t n;
};

struct look {
        git_odb *odb;
        const struct rv_git_request *request;
        size_t bytes_left;
        const char *path; /* of the file looked at */
        struct rv_value found[RV_VALUES_MAX];
        struct rv_error err;
};

static bool is_regular(const struct rv_tree_entry *entry) {
        return entry->mode == GIT_FILEMODE_BLOB || entry->mode == GIT_FILEMODE_BLOB_EXECUTABLE;
}

/* A file that is none, or binary, has no lines. */
static int read_text(struct look *look, const struct rv_tree_entry *entry, struct text *ret) {
        int r;

        *ret = (struct text){.data = ""};
        if (!is_regular(entry))
                return 0;
        r = rv_tree_read_object(look->odb, &entry->id, GIT_OBJECT_BLOB, look->bytes_left, &ret->object, &look->err);
        if (r < 0)
                return r;
        size_t n = git_odb_object_size(ret->object);
        const char *data = git_odb_object_data(ret->object);
        look->bytes_left -= n;
        if (memchr(data, 0, n < BINARY_PROBE_BYTES ? n : BINARY_PROBE_BYTES))
                return 0;
        ret->data = data;
        ret->n = n;
        return 0;
}

static int note(struct look *look, size_t i, bool is_added) {
        struct rv_value *found = &look->found[i];

        if (!is_added)
                found->removed = true;
        else if (!found->path)
                found->path = rv_utf8_copy(look->path, PATH_BYTES_MAX);
        return is_added && !found->path ? -ENOMEM : 0;
}

static int note_line(const git_diff_delta *delta, const git_diff_hunk *hunk, const git_diff_line *line,
                     void *userdata) {
        struct look *look = userdata;
        int r = 0;

        (void)delta, (void)hunk;
        if (line->origin != GIT_DIFF_LINE_ADDITION && line->origin != GIT_DIFF_LINE_DELETION)
                return 0;
        for (size_t i = 0; r == 0 && i < look->request->n_values; i++)
                if (rv_text_has_word(line->content, line->content_len, look->request->values[i].value))
                        r = note(look, i, line->origin == GIT_DIFF_LINE_ADDITION);
        return r;
}

static int compare_lines(struct look *look, const struct text *from, const struct text *to) {
        git_diff_options options = GIT_DIFF_OPTIONS_INIT;
        int r;

        options.context_lines = 0;
        r = git_diff_buffers(from->data, from->n, NULL, to->data, to->n, NULL, &options, NULL, NULL, NULL, note_line,
                             look);
        return r == -ENOMEM ? r : r < 0 ? rv_libgit2_error(&look->err, r, "compare a file") : 0;
}

/* What only one side has stands in a line that changed. */
static int compare(struct look *look, const struct text *from, const struct text *to) {
        bool is_both = false;

        for (size_t i = 0; i < look->request->n_values; i++) {
                const char *value = look->request->values[i].value;

                is_both |= rv_text_has_word(from->data, from->n, value) && rv_text_has_word(to->data, to->n, value);
        }
        if (is_both)
                return compare_lines(look, from, to);
        for (size_t i = 0; i < look->request->n_values; i++) {
                const char *value = look->request->values[i].value;
                int r = 0;

                if (rv_text_has_word(to->data, to->n, value))
                        r = note(look, i, true);
                if (r == 0 && rv_text_has_word(from->data, from->n, value))
                        r = note(look, i, false);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int look_at(void *userdata, const char *path, const struct rv_tree_entry *from, const struct rv_tree_entry *to,
                   const struct rv_tree_entry *along) {
        struct look *look = userdata;
        struct text before, after = {0};
        int r;

        (void)along;
        look->path = path;
        r = read_text(look, from, &before);
        if (r == 0)
                r = read_text(look, to, &after);
        if (r == 0)
                r = compare(look, &before, &after);
        git_odb_object_free(before.object);
        git_odb_object_free(after.object);
        return r;
}

/* In the request's order, which is that of the labels. */
static int take_found(struct look *look, struct rv_commit *commit) {
        commit->values = calloc(look->request->n_values, sizeof(*commit->values));
        if (!commit->values)
                return -ENOMEM;
        for (size_t i = 0; i < look->request->n_values; i++) {
                const struct rv_value *wanted = &look->request->values[i];
                struct rv_value *value = &commit->values[commit->n_values];

                if (!look->found[i].path && !look->found[i].removed)
                        continue;
                *value = (struct rv_value){.label = strdup(wanted->label),
                                           .value = strdup(wanted->value),
                                           .path = RV_TAKE(look->found[i].path),
                                           .removed = look->found[i].removed};
                commit->n_values++;
                if (!value->label || !value->value)
                        return -ENOMEM;
        }
        return 0;
}

int rv_changed_values(git_odb *odb, const git_oid *from, const git_oid *to, const struct rv_git_request *request,
                      struct rv_values_budget *budget, struct rv_commit *commit) {
        size_t allowed = budget->bytes < RV_VALUES_COMMIT_BYTES_MAX ? budget->bytes : RV_VALUES_COMMIT_BYTES_MAX;
        struct look look = {.odb = odb, .request = request, .bytes_left = allowed};
        struct rv_tree_budget cost = {.entries = ENTRIES_MAX, .depth = DEPTH_MAX, .deadline_usec = RV_USEC_INFINITY};
        int r;

        if (request->n_values == 0 || commit->commit_usec > request->until_usec || budget->commits == 0)
                return 0;
        budget->commits--;
        if (commit->n_inside > RV_COMMIT_PATHS_MAX)
                return 0;
        r = rv_tree_walk(odb, from, to, NULL, (const char *const *)request->scope, request->n_scope, &cost, look_at,
                         &look, &look.err);
        budget->bytes -= allowed - look.bytes_left;
        if (r == 0)
                r = take_found(&look, commit);
        for (size_t i = 0; i < RV_VALUES_MAX; i++)
                free(look.found[i].path);
        return r == -ENOMEM ? r : 0;
}
