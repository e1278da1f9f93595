#include "git/treewalk.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/pathspec.h"

#include <errno.h>
#include <string.h>

enum { DEADLINE_EVERY_ENTRIES = 4096 };

int rv_tree_read_object(git_odb *odb, const git_oid *id, git_object_t type, size_t bytes_max, git_odb_object **ret,
                        struct rv_error *err) {
        char hex[GIT_OID_HEXSZ + 1];
        size_t n;
        git_object_t found;

        git_oid_tostr(hex, sizeof hex, id);
        if (git_odb_read_header(&n, &found, odb, id) < 0)
                return rv_error_set(err, -EBADMSG, "object %s is missing or damaged", hex);
        if (n > bytes_max)
                return rv_error_set(err, -E2BIG, "object %s has %zu bytes, more than %zu", hex, n, bytes_max);
        if (git_odb_read(ret, odb, id) < 0)
                return rv_error_set(err, -EBADMSG, "object %s is damaged", hex);
        found = git_odb_object_type(*ret);
        if (found == type)
                return 0;
        /* Its hash is right: whoever named it is wrong, and fetching it again is of no use. */
        git_odb_object_free(*ret);
        *ret = NULL;
        return rv_error_set(err, -EILSEQ, "object %s is a %s, not a %s", hex, git_object_type2string(found),
                            git_object_type2string(type));
}

int rv_tree_compare(const char *a, size_t n_a, bool a_is_folder, const char *b, size_t n_b, bool b_is_folder) {
        size_t n = n_a < n_b ? n_a : n_b;
        int c = memcmp(a, b, n);

        if (c != 0)
                return c;
        unsigned char end_a = n_a > n ? (unsigned char)a[n] : a_is_folder ? '/' : 0;
        unsigned char end_b = n_b > n ? (unsigned char)b[n] : b_is_folder ? '/' : 0;
        if (end_a != end_b)
                return end_a < end_b ? -1 : 1;
        return n_a == n_b ? 0 : n_a < n_b ? -1 : 1;
}

static uint32_t mode_canonical(uint32_t mode) {
        switch (mode & 0170000) {
        case 0100000:
                return mode & 0100 ? GIT_FILEMODE_BLOB_EXECUTABLE : GIT_FILEMODE_BLOB;
        case 0040000:
                return GIT_FILEMODE_TREE;
        case 0120000:
                return GIT_FILEMODE_LINK;
        case 0160000:
                return GIT_FILEMODE_COMMIT;
        default:
                return 0;
        }
}

static int malformed(struct rv_tree_cursor *cursor, const char *what, struct rv_error *err) {
        char hex[GIT_OID_HEXSZ + 1];

        git_oid_tostr(hex, sizeof hex, git_odb_object_id(cursor->object));
        return rv_error_set(err, -EILSEQ, "tree %s is malformed: %s", hex, what);
}

int rv_tree_cursor_next(struct rv_tree_cursor *cursor, struct rv_error *err) {
        const char *previous = cursor->name;
        size_t n_previous = cursor->n_name;
        bool previous_is_folder = rv_tree_mode_is_folder(cursor->entry.mode);
        const char *p = cursor->position;
        uint32_t mode = 0;

        cursor->name = NULL;
        cursor->raw = p;
        if (p == cursor->end)
                return 0;
        for (unsigned digits = 0; p < cursor->end && *p != ' '; p++, digits++) {
                if (*p < '0' || *p > '7' || digits >= 6)
                        return malformed(cursor, "an entry's mode is no octal number", err);
                mode = mode << 3 | (uint32_t)(*p - '0');
        }
        if (p == cursor->end)
                return malformed(cursor, "it ends within an entry", err);
        const char *name = ++p;
        const char *nul = memchr(name, 0, (size_t)(cursor->end - name));
        if (!nul || (size_t)(cursor->end - nul) < 1 + GIT_OID_RAWSZ)
                return malformed(cursor, "it ends within an entry", err);
        size_t n_name = (size_t)(nul - name);
        if (n_name == 0 || n_name > RV_TREEWALK_NAME_BYTES_MAX || memchr(name, '/', n_name))
                return malformed(cursor, "an entry's name is empty, too long, or holds a slash", err);
        mode = mode_canonical(mode);
        if (mode == 0)
                return malformed(cursor, "an entry's mode is unknown", err);
        if (previous &&
            rv_tree_compare(previous, n_previous, previous_is_folder, name, n_name, rv_tree_mode_is_folder(mode)) >= 0)
                return malformed(cursor, "its entries are not in order", err);
        git_oid_fromraw(&cursor->entry.id, (const unsigned char *)nul + 1);
        cursor->entry.mode = mode;
        cursor->name = name;
        cursor->n_name = n_name;
        cursor->position = nul + 1 + GIT_OID_RAWSZ;
        return 0;
}

int rv_tree_cursor_init(struct rv_tree_cursor *cursor, git_odb *odb, const git_oid *id, struct rv_error *err) {
        *cursor = (struct rv_tree_cursor){0};
        if (!id)
                return 0;
        int r = rv_tree_read_object(odb, id, GIT_OBJECT_TREE, RV_TREEWALK_TREE_BYTES_MAX, &cursor->object, err);
        if (r < 0)
                return r;
        cursor->position = git_odb_object_data(cursor->object);
        cursor->end = cursor->position + git_odb_object_size(cursor->object);
        r = rv_tree_cursor_next(cursor, err);
        if (r < 0)
                rv_tree_cursor_done(cursor);
        return r;
}

void rv_tree_cursor_done(struct rv_tree_cursor *cursor) {
        git_odb_object_free(cursor->object);
        *cursor = (struct rv_tree_cursor){0};
}

struct walk {
        git_odb *odb;
        const char *const *scope;
        size_t n_scope;
        struct rv_tree_budget *budget;
        const struct rv_tree_visitor *visitor;
        struct rv_error *err;
        char *path; /* of the current folder, with a trailing slash unless it is the root */
        size_t n_path, path_size;
};

static int path_push(struct walk *walk, const char *name, size_t n_name) {
        size_t need = walk->n_path + n_name + 2;

        if (need > RV_TREEWALK_PATH_BYTES_MAX)
                return rv_error_set(walk->err, -E2BIG, "a path is longer than %d bytes", RV_TREEWALK_PATH_BYTES_MAX);
        if (need > walk->path_size) {
                size_t size = need < 256 ? 256 : 2 * need;
                char *p = realloc(walk->path, size);
                if (!p)
                        return rv_error_oom(walk->err);
                walk->path = p;
                walk->path_size = size;
        }
        memcpy(walk->path + walk->n_path, name, n_name);
        walk->n_path += n_name;
        walk->path[walk->n_path] = 0;
        return 0;
}

static int spend_entry(struct walk *walk) {
        struct rv_tree_budget *budget = walk->budget;

        if (budget->entries == 0)
                return rv_error_set(walk->err, -E2BIG, "too many tree entries to look at");
        if (--budget->entries % DEADLINE_EVERY_ENTRIES == 0 && rv_clock_monotonic_usec() > budget->deadline_usec)
                return rv_error_set(walk->err, -ETIMEDOUT, "out of time while reading trees");
        return 0;
}

static int walk_folder(struct walk *walk, const git_oid *from, const git_oid *to, const git_oid *along, unsigned depth);

static const struct rv_tree_entry none;

static int walk_entry(struct walk *walk, const char *name, size_t n_name, const struct rv_tree_entry *from,
                      const struct rv_tree_entry *to, const struct rv_tree_entry *along, unsigned depth) {
        bool is_folder = rv_tree_mode_is_folder(from->mode ? from->mode : to->mode);
        size_t n_path = walk->n_path;
        rv_tree_walk_fn fn = is_folder ? walk->visitor->folder : walk->visitor->file;

        int r = path_push(walk, name, n_name);
        if (r < 0)
                return r;
        if (!is_folder) {
                if (fn && (walk->n_scope == 0 || rv_pathspec_match_any(walk->scope, walk->n_scope, walk->path)))
                        r = fn(walk->visitor->userdata, walk->path, from, to, along);
        } else if (walk->n_scope == 0 || rv_pathspec_could_match_below_any(walk->scope, walk->n_scope, walk->path)) {
                if (fn)
                        r = fn(walk->visitor->userdata, walk->path, from, to, along);
                if (r == 0)
                        r = path_push(walk, "/", 1);
                if (r == 0)
                        r = walk_folder(walk, from->mode ? &from->id : NULL, to->mode ? &to->id : NULL,
                                        along->mode ? &along->id : NULL, depth + 1);
        }
        walk->n_path = n_path;
        walk->path[n_path] = 0;
        return r;
}

static int cursor_compare(const struct rv_tree_cursor *a, const struct rv_tree_cursor *b) {
        if (!a->name || !b->name)
                return a->name ? -1 : b->name ? 1 : 0;
        return rv_tree_compare(a->name, a->n_name, rv_tree_mode_is_folder(a->entry.mode), b->name, b->n_name,
                               rv_tree_mode_is_folder(b->entry.mode));
}

enum { COMPARE_BYTES = 256 };

/* How far two strings of bytes are the same, in whole steps. */
static size_t common_bytes(const char *a, const char *b, size_t n) {
        size_t same = 0;

        while (n - same >= COMPARE_BYTES && memcmp(a + same, b + same, COMPARE_BYTES) == 0)
                same += COMPARE_BYTES;
        return same;
}

/* Past the entries that stand byte for byte in both trees, for nothing is asked of them: a wide folder costs little
 * more than comparing its memory. They are not checked; a folder that is written is read whole before (treeedit.c). */
static int skip_common(struct walk *walk, struct rv_tree_cursor *from, struct rv_tree_cursor *to) {
        size_t n_from = (size_t)(from->end - from->raw), n_to = (size_t)(to->end - to->raw);
        const char *stop = from->raw + common_bytes(from->raw, to->raw, n_from < n_to ? n_from : n_to);
        const char *at = from->raw;

        for (;;) {
                const char *space = stop - at > 7 ? memchr(at, ' ', 7) : NULL;
                const char *nul = space ? memchr(space, 0, (size_t)(stop - space)) : NULL;
                if (!nul || stop - nul <= 1 + GIT_OID_RAWSZ)
                        break;
                int r = spend_entry(walk);
                if (r < 0)
                        return r;
                at = nul + 1 + GIT_OID_RAWSZ;
        }
        if (at == from->raw)
                return 0;
        to->position = to->raw + (at - from->raw);
        from->position = at;
        from->name = to->name = NULL; /* its place in the order is not compared with what was skipped */
        int r = rv_tree_cursor_next(from, walk->err);
        return r < 0 ? r : rv_tree_cursor_next(to, walk->err);
}

static int walk_cursors(struct walk *walk, struct rv_tree_cursor *from, struct rv_tree_cursor *to,
                        struct rv_tree_cursor *along, unsigned depth) {
        while (from->name || to->name) {
                if (from->name && to->name) {
                        int r = skip_common(walk, from, to);
                        if (r < 0)
                                return r;
                }
                int c = cursor_compare(from, to);
                const struct rv_tree_cursor *first = c <= 0 ? from : to;
                int r = spend_entry(walk);

                if (r == 0 && (c != 0 || !rv_tree_entry_equal(&from->entry, &to->entry))) {
                        int d = 1;
                        while (r == 0 && along->name && (d = cursor_compare(along, first)) < 0)
                                r = rv_tree_cursor_next(along, walk->err);
                        if (r == 0)
                                r = walk_entry(walk, first->name, first->n_name, c <= 0 ? &from->entry : &none,
                                               c >= 0 ? &to->entry : &none,
                                               along->name && d == 0 ? &along->entry : &none, depth);
                }
                if (r == 0 && c <= 0)
                        r = rv_tree_cursor_next(from, walk->err);
                if (r == 0 && c >= 0)
                        r = rv_tree_cursor_next(to, walk->err);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int walk_folder(struct walk *walk, const git_oid *from, const git_oid *to, const git_oid *along,
                       unsigned depth) {
        struct rv_tree_cursor a = {0}, b = {0}, c = {0};

        if (depth > walk->budget->depth)
                return rv_error_set(walk->err, -E2BIG, "folders are nested deeper than %u", walk->budget->depth);
        int r = rv_tree_cursor_init(&a, walk->odb, from, walk->err);
        if (r == 0)
                r = rv_tree_cursor_init(&b, walk->odb, to, walk->err);
        if (r == 0)
                r = rv_tree_cursor_init(&c, walk->odb, along, walk->err);
        if (r == 0)
                r = walk_cursors(walk, &a, &b, &c, depth);
        rv_tree_cursor_done(&a);
        rv_tree_cursor_done(&b);
        rv_tree_cursor_done(&c);
        return r;
}

int rv_tree_walk_visit(git_odb *odb, const git_oid *from, const git_oid *to, const git_oid *along,
                       const char *const *scope, size_t n_scope, struct rv_tree_budget *budget,
                       const struct rv_tree_visitor *visitor, struct rv_error *err) {
        struct walk walk = {
                .odb = odb, .scope = scope, .n_scope = n_scope, .budget = budget, .visitor = visitor, .err = err};

        if (from && to && git_oid_equal(from, to))
                return 0;
        int r = path_push(&walk, "", 0);
        if (r == 0)
                r = walk_folder(&walk, from, to, along, 0);
        free(walk.path);
        return r;
}

int rv_tree_walk(git_odb *odb, const git_oid *from, const git_oid *to, const git_oid *along, const char *const *scope,
                 size_t n_scope, struct rv_tree_budget *budget, rv_tree_walk_fn fn, void *userdata,
                 struct rv_error *err) {
        struct rv_tree_visitor visitor = {.file = fn, .userdata = userdata};

        return rv_tree_walk_visit(odb, from, to, along, scope, n_scope, budget, &visitor, err);
}

static int find_in_folder(git_odb *odb, const git_oid *tree, const char *name, size_t n_name, struct rv_tree_entry *ret,
                          struct rv_error *err) {
        struct rv_tree_cursor cursor;

        *ret = none;
        int r = rv_tree_cursor_init(&cursor, odb, tree, err);
        if (r < 0)
                return r;
        while (r == 0 && cursor.name) {
                if (cursor.n_name == n_name && memcmp(cursor.name, name, n_name) == 0) {
                        *ret = cursor.entry;
                        break;
                }
                r = rv_tree_cursor_next(&cursor, err);
        }
        rv_tree_cursor_done(&cursor);
        return r;
}

int rv_tree_find(git_odb *odb, const git_oid *tree, const char *path, struct rv_tree_entry *ret, struct rv_error *err) {
        struct rv_tree_entry entry = {.mode = GIT_FILEMODE_TREE, .id = *tree};

        for (;;) {
                size_t n = strcspn(path, "/");
                git_oid folder = entry.id;
                int r = find_in_folder(odb, &folder, path, n, &entry, err);
                if (r < 0)
                        return r;
                if (path[n] == 0)
                        break;
                if (!rv_tree_mode_is_folder(entry.mode)) {
                        entry = none;
                        break;
                }
                path += n + 1;
        }
        *ret = entry;
        return 0;
}
