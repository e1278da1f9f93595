#include "git/treerename.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <string.h>

int rv_tree_files_add(struct rv_tree_files *files, const char *path, const struct rv_tree_entry *entry) {
        if (files->n == files->size) {
                size_t size = files->size ? 2 * files->size : 16;
                struct rv_tree_file *p = reallocarray(files->files, size, sizeof *p);
                if (!p)
                        return -ENOMEM;
                files->files = p;
                files->size = size;
        }
        char *copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        files->files[files->n++] = (struct rv_tree_file){.path = copy, .entry = *entry};
        return 0;
}

void rv_tree_files_done(struct rv_tree_files *files) {
        for (size_t i = 0; i < files->n; i++)
                free(files->files[i].path);
        free(files->files);
        *files = (struct rv_tree_files){0};
}

/* git's measure: a file is a bag of lines, the long ones cut every 64 bytes; what both have of each is in common. Its
 * hashes are so short that different lines of a large file often count as equal, so they must be the same here. */
struct chunk {
        uint32_t hash;
        size_t n_bytes;
};
enum { CHUNK_BYTES_MAX = 64, CHUNK_HASHES = 107927 };

struct text {
        const unsigned char *data;
        size_t n;
};

/* How git reads depends on what is not looked at here. */
struct reading {
        bool is_text;  /* CRLF counts as LF; attributes decide */
        bool has_rest; /* what follows the last newline counts; git's version decides: from 2.44 on */
};

static int chunk_order(const void *pa, const void *pb) {
        const struct chunk *a = pa, *b = pb;

        return a->hash < b->hash ? -1 : a->hash > b->hash;
}

static struct chunk next_chunk(const unsigned char *data, size_t n_data, const struct reading *reading, size_t *i) {
        uint64_t state = 0;
        size_t n_bytes = 0;

        while (*i < n_data && n_bytes < CHUNK_BYTES_MAX) {
                unsigned char c = data[(*i)++];
                if (reading->is_text && c == '\r' && *i < n_data && data[*i] == '\n')
                        continue;
                /* Turned by 7 bits; the sum carries nothing into the upper half. */
                state = state << 7 | state >> 57;
                state = (state & ~UINT64_C(0xffffffff)) | (uint32_t)(state + c);
                n_bytes++;
                if (c == '\n')
                        break;
        }
        return (struct chunk){.hash = ((uint32_t)state + (uint32_t)(state >> 32) * 97) % CHUNK_HASHES,
                              .n_bytes = n_bytes};
}

static int make_chunks(const unsigned char *data, size_t n_data, const struct reading *reading, struct chunk **ret,
                       size_t *ret_n) {
        struct chunk *chunks = NULL;
        size_t n = 0, size = 0;

        for (size_t i = 0; i < n_data;) {
                struct chunk chunk = next_chunk(data, n_data, reading, &i);
                if (!reading->has_rest && i == n_data && data[i - 1] != '\n' && chunk.n_bytes < CHUNK_BYTES_MAX)
                        break;
                if (n == size) {
                        size = size ? 2 * size : 64;
                        struct chunk *p = reallocarray(chunks, size, sizeof *p);
                        if (!p) {
                                free(chunks);
                                return -ENOMEM;
                        }
                        chunks = p;
                }
                chunks[n++] = chunk;
        }
        if (n > 0)
                qsort(chunks, n, sizeof *chunks, chunk_order);
        *ret = chunks;
        *ret_n = n;
        return 0;
}

static size_t take_run(const struct chunk *chunks, size_t n, size_t *i, uint32_t hash) {
        size_t n_bytes = 0;

        for (; *i < n && chunks[*i].hash == hash; ++*i)
                n_bytes += chunks[*i].n_bytes;
        return n_bytes;
}

static size_t common_bytes(const struct chunk *a, size_t n_a, const struct chunk *b, size_t n_b) {
        size_t common = 0;

        for (size_t i = 0, j = 0; i < n_a && j < n_b;) {
                uint32_t hash = a[i].hash < b[j].hash ? a[i].hash : b[j].hash;
                size_t in_a = take_run(a, n_a, &i, hash), in_b = take_run(b, n_b, &j, hash);
                common += in_a < in_b ? in_a : in_b;
        }
        return common;
}

enum similarity { DIFFERENT, UNCERTAIN, SIMILAR };

/* git draws the line at half of the larger file. */
static enum similarity judge(size_t common, size_t larger) {
        return 2 * common < larger ? DIFFERENT : SIMILAR;
}

static int compare_texts(const struct text *a, const struct text *b, const struct reading *reading,
                         enum similarity *ret) {
        _cleanup_free_ struct chunk *chunks_a = NULL, *chunks_b = NULL;
        size_t n_a, n_b;

        int r = make_chunks(a->data, a->n, reading, &chunks_a, &n_a);
        if (r == 0)
                r = make_chunks(b->data, b->n, reading, &chunks_b, &n_b);
        if (r < 0)
                return r;
        *ret = judge(common_bytes(chunks_a, n_a, chunks_b, n_b), a->n > b->n ? a->n : b->n);
        return 0;
}

static bool has_crlf(const struct text *text) {
        return memmem(text->data, text->n, "\r\n", 2) != NULL;
}

static bool has_rest(const struct text *text) {
        return text->n > 0 && text->data[text->n - 1] != '\n';
}

/* It says only what it says in every reading. */
static int compare_readings(const struct text *a, const struct text *b, enum similarity *ret) {
        const bool crlf = has_crlf(a) || has_crlf(b), rest = has_rest(a) || has_rest(b);
        enum similarity similarity;

        int r = compare_texts(a, b, &(struct reading){}, ret);
        for (unsigned i = 1; r == 0 && *ret != UNCERTAIN && i < 4; i++) {
                const struct reading reading = {.is_text = i & 1, .has_rest = i & 2};
                if ((reading.is_text && !crlf) || (reading.has_rest && !rest))
                        continue;
                r = compare_texts(a, b, &reading, &similarity);
                if (r == 0 && similarity != *ret)
                        *ret = UNCERTAIN;
        }
        return r;
}

static int compare_blobs(git_odb_object *a, git_odb_object *b, enum similarity *ret) {
        const struct text text_a = {.data = git_odb_object_data(a), .n = git_odb_object_size(a)};
        const struct text text_b = {.data = git_odb_object_data(b), .n = git_odb_object_size(b)};

        return compare_readings(&text_a, &text_b, ret);
}

static bool is_regular(const struct rv_tree_entry *entry) {
        return entry->mode == GIT_FILEMODE_BLOB || entry->mode == GIT_FILEMODE_BLOB_EXECUTABLE;
}

static bool is_exact(const struct rv_tree_entry *a, const struct rv_tree_entry *b) {
        return git_oid_equal(&a->id, &b->id) && (a->mode == b->mode || (is_regular(a) && is_regular(b)));
}

static int blob_size(git_odb *odb, const git_oid *id, size_t *ret, struct rv_error *err) {
        git_object_t type;

        if (git_odb_read_header(ret, &type, odb, id) < 0 || type != GIT_OBJECT_BLOB)
                return rv_error_set(err, -EBADMSG, "a file's object is missing or damaged");
        return 0;
}

static int compare(struct rv_rename *rename, const struct rv_tree_entry *a, const struct rv_tree_entry *b,
                   enum similarity *ret, struct rv_error *err) {
        git_odb_object *object_a = NULL, *object_b = NULL;
        size_t size_a, size_b;

        *ret = DIFFERENT;
        if (!is_regular(a) || !is_regular(b))
                return 0;
        int r = blob_size(rename->odb, &a->id, &size_a, err);
        if (r == 0)
                r = blob_size(rename->odb, &b->id, &size_b, err);
        if (r < 0)
                return r;
        size_t larger = size_a > size_b ? size_a : size_b, smaller = size_a > size_b ? size_b : size_a;
        if (smaller == 0 || judge(smaller, larger) == DIFFERENT)
                return 0; /* git takes no empty file for a renamed one */
        *ret = UNCERTAIN;
        if (larger > RV_RENAME_BLOB_BYTES_MAX || rename->comparisons == 0)
                return 0;
        rename->comparisons--;
        if (rv_clock_monotonic_usec() > rename->deadline_usec)
                return rv_error_set(err, -ETIMEDOUT, "out of time while looking for renames");
        r = rv_tree_read_object(rename->odb, &a->id, GIT_OBJECT_BLOB, RV_RENAME_BLOB_BYTES_MAX, &object_a, err);
        if (r == 0)
                r = rv_tree_read_object(rename->odb, &b->id, GIT_OBJECT_BLOB, RV_RENAME_BLOB_BYTES_MAX, &object_b, err);
        if (r == 0 && compare_blobs(object_a, object_b, ret) < 0)
                r = rv_error_oom(err);
        git_odb_object_free(object_a);
        git_odb_object_free(object_b);
        return r;
}

static int is_empty(struct rv_rename *rename, const struct rv_tree_entry *entry, bool *ret, struct rv_error *err) {
        size_t size = 1;

        int r = is_regular(entry) ? blob_size(rename->odb, &entry->id, &size, err) : 0;
        *ret = size == 0;
        return r;
}

static size_t count_exact(const struct rv_tree_entry *entry, const struct rv_tree_files *files, size_t *ret_last) {
        size_t n = 0;

        for (size_t i = 0; i < files->n; i++)
                if (is_exact(entry, &files->files[i].entry)) {
                        *ret_last = i;
                        n++;
                }
        return n;
}

/* Whether any file but `except` is, or could be, like the entry. */
static int any_like(struct rv_rename *rename, const struct rv_tree_entry *entry, const struct rv_tree_files *files,
                    const struct rv_tree_file *except, bool *ret, struct rv_error *err) {
        *ret = false;
        for (size_t i = 0; i < files->n && !*ret; i++) {
                enum similarity similarity;
                if (&files->files[i] == except)
                        continue;
                *ret = is_exact(entry, &files->files[i].entry);
                if (*ret)
                        return 0;
                int r = compare(rename, entry, &files->files[i].entry, &similarity, err);
                if (r < 0)
                        return r;
                *ret = similarity != DIFFERENT;
        }
        return 0;
}

static int find_similar(struct rv_rename *rename, const struct rv_tree_file *source, const struct rv_tree_files *gone,
                        const struct rv_tree_files *fresh, enum rv_rename_kind *ret, size_t *ret_index,
                        struct rv_error *err) {
        *ret = RV_RENAME_NONE;
        for (size_t i = 0; i < fresh->n; i++) {
                enum similarity similarity;
                int r = compare(rename, &source->entry, &fresh->files[i].entry, &similarity, err);
                if (r < 0)
                        return r;
                if (similarity == DIFFERENT)
                        continue;
                if (similarity == UNCERTAIN || *ret != RV_RENAME_NONE) {
                        *ret = RV_RENAME_AMBIGUOUS;
                        return 0;
                }
                *ret = RV_RENAME_CLEAR;
                *ret_index = i;
        }
        if (*ret == RV_RENAME_CLEAR) {
                bool contested;
                int r = any_like(rename, &fresh->files[*ret_index].entry, gone, source, &contested, err);
                if (r < 0)
                        return r;
                if (contested)
                        *ret = RV_RENAME_AMBIGUOUS;
        }
        return 0;
}

int rv_rename_find(struct rv_rename *rename, const struct rv_tree_file *source, const struct rv_tree_files *gone,
                   const struct rv_tree_files *fresh, enum rv_rename_kind *ret, size_t *ret_index,
                   struct rv_error *err) {
        size_t last;
        bool empty;

        *ret = RV_RENAME_NONE;
        int r = is_empty(rename, &source->entry, &empty, err);
        if (r < 0 || empty)
                return r;
        size_t n_exact = count_exact(&source->entry, fresh, ret_index);
        if (n_exact == 0)
                return find_similar(rename, source, gone, fresh, ret, ret_index, err);
        *ret = n_exact == 1 && count_exact(&source->entry, gone, &last) == 1 ? RV_RENAME_CLEAR : RV_RENAME_AMBIGUOUS;
        return 0;
}

int rv_rename_any_below(struct rv_rename *rename, const char *folder, const struct rv_tree_files *gone,
                        const struct rv_tree_files *fresh, bool *ret, struct rv_error *err) {
        size_t n = strlen(folder);

        *ret = false;
        for (size_t i = 0; i < gone->n && !*ret; i++) {
                const struct rv_tree_file *file = &gone->files[i];
                bool empty;
                if (strncmp(file->path, folder, n) != 0 || file->path[n] != '/')
                        continue;
                int r = is_empty(rename, &file->entry, &empty, err);
                if (r == 0 && !empty)
                        r = any_like(rename, &file->entry, fresh, NULL, ret, err);
                if (r < 0)
                        return r;
        }
        return 0;
}
