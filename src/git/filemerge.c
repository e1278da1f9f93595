#include "git/filemerge.h"

#include "git/merge_attributes.h"
#include "git/textmerge.h"
#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

enum { BINARY_PROBE_BYTES = 8000 };

static bool is_regular(uint32_t mode) {
        return mode == GIT_FILEMODE_BLOB || mode == GIT_FILEMODE_BLOB_EXECUTABLE;
}

static bool same_type(const struct rv_tree_entry *a, const struct rv_tree_entry *b) {
        return a->mode == b->mode || (is_regular(a->mode) && is_regular(b->mode));
}

static bool is_binary(git_odb_object *object) {
        size_t n = git_odb_object_size(object);

        return memchr(git_odb_object_data(object), 0, n < BINARY_PROBE_BYTES ? n : BINARY_PROBE_BYTES) != NULL;
}

static int merge_texts(const struct rv_file_merge *merge, git_odb_object *const objects[3], git_oid *ret,
                       bool *ret_conflict, struct rv_error *err) {
        struct rv_text_merge_input inputs[3];
        _cleanup_free_ char *text = NULL;
        size_t n;

        for (unsigned i = 0; i < 3; i++)
                inputs[i] = (struct rv_text_merge_input){.text = git_odb_object_data(objects[i]),
                                                         .n = git_odb_object_size(objects[i])};
        if (rv_text_merge(&inputs[0], &inputs[1], &inputs[2], &text, &n, ret_conflict) < 0)
                return rv_error_oom(err);
        if (*ret_conflict)
                return 0;
        int r = git_odb_write(ret, merge->odb, text, n, GIT_OBJECT_BLOB);
        return r < 0 ? rv_libgit2_error(err, r, "write a file's object") : 0;
}

static int merge_contents(const struct rv_file_merge *merge, const char *path, const git_oid *base, const git_oid *ours,
                          const git_oid *theirs, git_oid *ret, bool *ret_conflict, struct rv_error *err) {
        const git_oid *ids[3] = {base, ours, theirs};
        git_odb_object *objects[3] = {0};
        bool mergeable = true;

        *ret_conflict = true;
        int r = rv_merge_attributes_allow(merge->repository, merge->odb, merge->attributes, merge->now, path,
                                          &mergeable, err);
        for (unsigned i = 0; r == 0 && mergeable && i < 3; i++) {
                r = rv_tree_read_object(merge->odb, ids[i], GIT_OBJECT_BLOB, merge->bytes_max, &objects[i], err);
                mergeable = r == 0 && !is_binary(objects[i]);
                if (r == -E2BIG)
                        r = 0;
        }
        if (r == 0 && mergeable)
                r = merge_texts(merge, objects, ret, ret_conflict, err);
        for (unsigned i = 0; i < 3; i++)
                git_odb_object_free(objects[i]);
        return r;
}

int rv_file_merge(const struct rv_file_merge *merge, const char *path, const struct rv_tree_entry *base,
                  const struct rv_tree_entry *ours, const struct rv_tree_entry *theirs, struct rv_tree_entry *ret,
                  bool *ret_written, bool *ret_conflict, struct rv_error *err) {
        struct rv_tree_entry result = *ours;

        *ret_written = false;
        *ret_conflict = true;
        if (!same_type(base, ours) || !same_type(base, theirs))
                return 0;
        if (ours->mode == base->mode)
                result.mode = theirs->mode;
        else if (theirs->mode != base->mode && theirs->mode != ours->mode)
                return 0;
        if (git_oid_equal(&ours->id, &base->id)) {
                result.id = theirs->id;
        } else if (!git_oid_equal(&theirs->id, &base->id) && !git_oid_equal(&theirs->id, &ours->id)) {
                bool conflict;
                if (!is_regular(base->mode))
                        return 0;
                int r = merge_contents(merge, path, &base->id, &ours->id, &theirs->id, &result.id, &conflict, err);
                if (r < 0 || conflict)
                        return r;
                *ret_written = true;
        }
        *ret = result;
        *ret_conflict = false;
        return 0;
}
