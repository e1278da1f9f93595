#include "git/treeedit.h"

#include "revertd/cleanup.h"
#include "revertd/text.h"

#include <errno.h>
#include <git2/sys/path.h>
#include <string.h>

int rv_oid_list_add(struct rv_oid_list *list, const git_oid *id) {
        if (list->n == list->size) {
                size_t size = list->size ? 2 * list->size : 16;
                git_oid *ids = reallocarray(list->ids, size, sizeof *ids);
                if (!ids)
                        return -ENOMEM;
                list->ids = ids;
                list->size = size;
        }
        list->ids[list->n++] = *id;
        return 0;
}

void rv_oid_list_done(struct rv_oid_list *list) {
        free(list->ids);
        *list = (struct rv_oid_list){0};
}

/* ".git" as a file system may read it: in any case, with dots, blanks or a stream's name behind it (NTFS), as NTFS's
 * short name, or with characters in between that HFS+ ignores (those are format characters, refused below). */
static bool name_is_dot_git(const char *name, size_t n) {
        size_t n_base = strcspn(name, ":/");

        if (n_base > n)
                n_base = n;
        while (n_base > 0 && (name[n_base - 1] == '.' || name[n_base - 1] == ' '))
                n_base--;
        return (n_base == 4 && strncasecmp(name, ".git", 4) == 0) ||
               (n_base == 5 && strncasecmp(name, "git~1", 5) == 0);
}

static const char *name_refusal(const char *name, size_t n, bool is_last, uint32_t mode) {
        if (n == 0)
                return "it has an empty name";
        if ((n == 1 && name[0] == '.') || (n == 2 && name[0] == '.' && name[1] == '.'))
                return "it has a name of dots";
        if (name_is_dot_git(name, n))
                return "it has the name of a git directory";
        if (n > RV_TREEWALK_NAME_BYTES_MAX)
                return "it has a name that is too long";
        if (is_last && (mode == GIT_FILEMODE_LINK || mode == GIT_FILEMODE_COMMIT) &&
            (git_path_is_gitfile(name, n, GIT_PATH_GITFILE_GITMODULES, GIT_PATH_FS_GENERIC) == 1 ||
             git_path_is_gitfile(name, n, GIT_PATH_GITFILE_GITATTRIBUTES, GIT_PATH_FS_GENERIC) == 1 ||
             git_path_is_gitfile(name, n, GIT_PATH_GITFILE_GITIGNORE, GIT_PATH_FS_GENERIC) == 1))
                return mode == GIT_FILEMODE_LINK ? "a file that git reads would be a symbolic link"
                                                 : "a file that git reads would be a submodule";
        return NULL;
}

const char *rv_tree_path_refusal(const char *path, uint32_t mode) {
        _cleanup_free_ char *shown = NULL;
        size_t n = strlen(path);

        if (mode != GIT_FILEMODE_BLOB && mode != GIT_FILEMODE_BLOB_EXECUTABLE && mode != GIT_FILEMODE_LINK &&
            mode != GIT_FILEMODE_COMMIT)
                return "its mode is none of git's";
        if (!rv_text_is_utf8(path, n))
                return "its name is not valid UTF-8";
        shown = rv_text_line(path, n + 16);
        if (!shown || strcmp(shown, path) != 0)
                return "its name holds control or invisible characters";
        for (const char *name = path;; name++) {
                size_t n_name = strcspn(name, "/");
                const char *why = name_refusal(name, n_name, name[n_name] == 0, mode);
                if (why)
                        return why;
                name += n_name;
                if (*name == 0)
                        return NULL;
        }
}

struct editor {
        git_odb *odb;
        rv_tree_edit_clash_fn clash;
        void *userdata;
        struct rv_oid_list *written;
        struct rv_error *err;
};

/* What the edits say of one name in one folder. */
struct slot {
        const char *path; /* of an edit at or below it; the name starts at n_skip */
        size_t n_skip, n_name;
        const struct rv_tree_edit *leaf;  /* NULL: the name itself is not edited */
        const struct rv_tree_edit *below; /* the first edit below it */
        size_t n_below;
        struct rv_tree_entry existing, result;
        size_t start, end; /* where the existing entry stands in the folder's object */
};

/* By components: what lies below a name follows it directly. */
static int path_order(const void *pa, const void *pb) {
        const char *a = ((const struct rv_tree_edit *)pa)->path, *b = ((const struct rv_tree_edit *)pb)->path;

        while (*a && *a == *b)
                a++, b++;
        int x = *a == '/' ? 1 : *a == 0 ? 0 : 1 + (unsigned char)*a;
        int y = *b == '/' ? 1 : *b == 0 ? 0 : 1 + (unsigned char)*b;
        return x - y;
}

/* Slots in the order of names (as path_order has them, and as files sort in a tree). */
static size_t make_slots(struct slot *slots, const struct rv_tree_edit *edits, size_t n_edits, size_t n_skip) {
        size_t n = 0;

        for (size_t i = 0; i < n_edits; i++) {
                const char *name = edits[i].path + n_skip;
                size_t n_name = strcspn(name, "/");
                struct slot *slot = n > 0 ? &slots[n - 1] : NULL;
                if (!slot || slot->n_name != n_name || memcmp(slot->path + n_skip, name, n_name) != 0) {
                        slot = &slots[n++];
                        *slot = (struct slot){.path = edits[i].path, .n_skip = n_skip, .n_name = n_name};
                }
                if (name[n_name] == 0) {
                        slot->leaf = &edits[i];
                } else {
                        if (!slot->below)
                                slot->below = &edits[i];
                        slot->n_below++;
                }
        }
        return n;
}

static struct slot *find_slot(struct slot *slots, size_t n, const struct rv_tree_cursor *cursor) {
        if (n == 1) {
                bool is_it = slots->n_name == cursor->n_name &&
                             memcmp(slots->path + slots->n_skip, cursor->name, cursor->n_name) == 0;
                return is_it ? slots : NULL;
        }
        for (size_t low = 0, high = n; low < high;) {
                struct slot *slot = &slots[low + (high - low) / 2];
                int c = rv_tree_compare(slot->path + slot->n_skip, slot->n_name, false, cursor->name, cursor->n_name,
                                        false);
                if (c == 0)
                        return slot;
                if (c < 0)
                        low = (size_t)(slot - slots) + 1;
                else
                        high = (size_t)(slot - slots);
        }
        return NULL;
}

/* Reads the folder whole, and so sees that it is well-formed. */
static int read_existing(struct rv_tree_cursor *cursor, struct slot *slots, size_t n, struct rv_error *err) {
        const char *data = cursor->raw;
        int r = 0;

        while (r == 0 && cursor->name) {
                struct slot *slot = find_slot(slots, n, cursor);
                if (slot && slot->existing.mode)
                        return rv_error_set(err, -EILSEQ, "a tree is malformed: it has a name twice");
                if (slot) {
                        slot->existing = cursor->entry;
                        slot->start = (size_t)(cursor->raw - data);
                        slot->end = (size_t)(cursor->position - data);
                }
                r = rv_tree_cursor_next(cursor, err);
        }
        return r;
}

static int edit_folder(struct editor *editor, const git_oid *folder, const struct rv_tree_edit *edits, size_t n_edits,
                       size_t n_skip, struct rv_tree_entry *ret);

static int resolve_slot(struct editor *editor, struct slot *slot) {
        bool existing_is_folder = rv_tree_mode_is_folder(slot->existing.mode);
        struct rv_tree_entry file = {0}, folder = {0};

        if (slot->leaf)
                file = slot->leaf->entry;
        else if (!existing_is_folder)
                file = slot->existing;
        if (slot->below) {
                int r = edit_folder(editor, existing_is_folder ? &slot->existing.id : NULL, slot->below, slot->n_below,
                                    slot->n_skip + slot->n_name + 1, &folder);
                if (r < 0)
                        return r;
        } else if (existing_is_folder) {
                folder = slot->existing;
        }
        if (file.mode && folder.mode) {
                _cleanup_free_ char *path = strndup(slot->path, slot->n_skip + slot->n_name);
                return path ? editor->clash(editor->userdata, path) : rv_error_oom(editor->err);
        }
        slot->result = file.mode ? file : folder;
        return 0;
}

static void put_slot(FILE *out, const struct slot *slot) {
        if (slot->result.mode == 0)
                return;
        fprintf(out, "%o ", slot->result.mode);
        fwrite(slot->path + slot->n_skip, 1, slot->n_name, out);
        putc(0, out);
        fwrite(slot->result.id.id, 1, GIT_OID_RAWSZ, out);
}

/* Where a slot's result goes: the first entry that comes after it in git's order. */
static int find_place(struct editor *editor, const git_oid *folder, struct slot *slot) {
        bool is_folder = rv_tree_mode_is_folder(slot->result.mode);
        struct rv_tree_cursor cursor;
        int r = rv_tree_cursor_init(&cursor, editor->odb, folder, editor->err);
        const char *data = cursor.raw;

        while (r == 0 && cursor.name &&
               rv_tree_compare(cursor.name, cursor.n_name, rv_tree_mode_is_folder(cursor.entry.mode),
                               slot->path + slot->n_skip, slot->n_name, is_folder) < 0)
                r = rv_tree_cursor_next(&cursor, editor->err);
        slot->start = slot->end = r == 0 && cursor.object ? (size_t)(cursor.raw - data) : 0;
        rv_tree_cursor_done(&cursor);
        return r;
}

/* An entry that stays a folder, or stays a file, keeps its place, and so the folder's object is its old bytes with the
 * changed ones in between. One that becomes the other may move: it is taken out, and put in at its new place. */
static int make_splices(struct editor *editor, const git_oid *folder, const struct slot *slots, size_t n,
                        struct slot *splices, size_t *ret_n) {
        size_t n_splices = 0;

        for (size_t i = 0; i < n; i++) {
                const struct slot *slot = &slots[i];
                bool had = slot->existing.mode != 0, has = slot->result.mode != 0;
                bool stays = had && has &&
                             rv_tree_mode_is_folder(slot->existing.mode) == rv_tree_mode_is_folder(slot->result.mode);
                if (had) {
                        splices[n_splices] = *slot;
                        if (!stays)
                                splices[n_splices].result.mode = 0;
                        n_splices++;
                }
                if (has && !stays) {
                        splices[n_splices] = *slot;
                        int r = find_place(editor, folder, &splices[n_splices++]);
                        if (r < 0)
                                return r;
                }
        }
        *ret_n = n_splices;
        return 0;
}

static int splice_order(const void *pa, const void *pb) {
        const struct slot *a = pa, *b = pb;

        if (a->start != b->start)
                return a->start < b->start ? -1 : 1;
        if (a->end != b->end) /* put in before what is taken out or stays at the same place */
                return a->end < b->end ? -1 : 1;
        return rv_tree_compare(a->path + a->n_skip, a->n_name, rv_tree_mode_is_folder(a->result.mode),
                               b->path + b->n_skip, b->n_name, rv_tree_mode_is_folder(b->result.mode));
}

static void put_spliced(FILE *out, const char *data, size_t n_data, const struct slot *splices, size_t n) {
        size_t at = 0;

        for (size_t i = 0; i < n; i++) {
                if (splices[i].start > at)
                        fwrite(data + at, 1, splices[i].start - at, out);
                put_slot(out, &splices[i]);
                at = splices[i].end;
        }
        if (n_data > at)
                fwrite(data + at, 1, n_data - at, out);
}

static int make_object(struct editor *editor, const git_oid *folder, git_odb_object *object, const struct slot *slots,
                       size_t n, char **ret, size_t *ret_n) {
        _cleanup_free_ struct slot *splices = calloc(2 * n, sizeof *splices);
        size_t n_splices;

        if (!splices)
                return rv_error_oom(editor->err);
        int r = make_splices(editor, folder, slots, n, splices, &n_splices);
        if (r < 0)
                return r;
        qsort(splices, n_splices, sizeof *splices, splice_order);
        FILE *out = open_memstream(ret, ret_n);
        if (!out)
                return rv_error_oom(editor->err);
        put_spliced(out, object ? git_odb_object_data(object) : NULL, object ? git_odb_object_size(object) : 0, splices,
                    n_splices);
        return fclose(out) == 0 ? 0 : rv_error_oom(editor->err);
}

static int write_folder(struct editor *editor, const git_oid *folder, git_odb_object *object, const struct slot *slots,
                        size_t n, struct rv_tree_entry *ret) {
        _cleanup_free_ char *data = NULL;
        size_t n_data = 0;
        int r = make_object(editor, folder, object, slots, n, &data, &n_data);

        if (r < 0)
                return r;
        *ret = (struct rv_tree_entry){0};
        if (n_data == 0)
                return 0;
        if (git_odb_write(&ret->id, editor->odb, data, n_data, GIT_OBJECT_TREE) < 0)
                return rv_libgit2_error(editor->err, -1, "write a tree");
        ret->mode = GIT_FILEMODE_TREE;
        return rv_oid_list_add(editor->written, &ret->id) < 0 ? rv_error_oom(editor->err) : 0;
}

static int resolve_slots(struct editor *editor, struct slot *slots, size_t n, bool *ret_changed) {
        *ret_changed = false;
        for (size_t i = 0; i < n; i++) {
                int r = resolve_slot(editor, &slots[i]);
                if (r < 0)
                        return r;
                *ret_changed = *ret_changed || !rv_tree_entry_equal(&slots[i].existing, &slots[i].result);
        }
        return 0;
}

static int edit_folder(struct editor *editor, const git_oid *folder, const struct rv_tree_edit *edits, size_t n_edits,
                       size_t n_skip, struct rv_tree_entry *ret) {
        _cleanup_free_ struct slot *slots = NULL;
        struct rv_tree_cursor cursor;
        bool changed;

        slots = calloc(n_edits, sizeof *slots);
        if (!slots)
                return rv_error_oom(editor->err);
        size_t n = make_slots(slots, edits, n_edits, n_skip);
        int r = rv_tree_cursor_init(&cursor, editor->odb, folder, editor->err);
        if (r < 0)
                return r;
        r = read_existing(&cursor, slots, n, editor->err);
        if (r == 0)
                r = resolve_slots(editor, slots, n, &changed);
        if (r == 0 && changed)
                r = write_folder(editor, folder, cursor.object, slots, n, ret);
        else if (r == 0 && folder)
                *ret = (struct rv_tree_entry){.mode = GIT_FILEMODE_TREE, .id = *folder};
        else if (r == 0)
                *ret = (struct rv_tree_entry){0};
        rv_tree_cursor_done(&cursor);
        return r;
}

int rv_tree_edit_apply(git_odb *odb, const git_oid *root, struct rv_tree_edit *edits, size_t n_edits,
                       rv_tree_edit_clash_fn clash, void *userdata, struct rv_oid_list *written, git_oid *ret,
                       struct rv_error *err) {
        struct editor editor = {.odb = odb, .clash = clash, .userdata = userdata, .written = written, .err = err};
        struct rv_tree_entry result;

        *ret = *root;
        if (n_edits == 0)
                return 0;
        for (size_t i = 0; i < n_edits; i++) {
                if (edits[i].entry.mode == 0)
                        continue;
                const char *why = rv_tree_path_refusal(edits[i].path, edits[i].entry.mode);
                if (!why && git_oid_is_zero(&edits[i].entry.id))
                        why = "its id is that of no object";
                if (why)
                        return rv_error_set(err, -EPERM, "%s may not be written: %s", edits[i].path, why);
        }
        qsort(edits, n_edits, sizeof *edits, path_order);
        int r = edit_folder(&editor, root, edits, n_edits, 0, &result);
        if (r < 0)
                return r;
        if (result.mode) {
                *ret = result.id;
                return 0;
        }
        if (git_odb_write(ret, odb, "", 0, GIT_OBJECT_TREE) < 0)
                return rv_libgit2_error(err, -1, "write a tree");
        return rv_oid_list_add(written, ret) < 0 ? rv_error_oom(err) : 0;
}
