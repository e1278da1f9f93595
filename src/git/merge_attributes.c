#include "git/merge_attributes.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

enum { LINE_BYTES_MAX = 2048 }; /* git passes over longer ones */

static const char name_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

static bool starts_with(const char *text, size_t n, const char *prefix) {
        size_t n_prefix = strlen(prefix);

        return n >= n_prefix && memcmp(text, prefix, n_prefix) == 0;
}

static bool is_plain_pattern(const char *text, size_t n) {
        unsigned stars = 0;

        for (size_t i = 0; i + 1 < n; i++)
                stars += text[i] == '*' && text[i + 1] == '*';
        return stars <= RV_ATTRIBUTES_STARS_MAX && *text != '"' && *text != '!' && !memchr(text, '\\', n) &&
               !starts_with(text, n, "[attr]");
}

/* git passes over a whole line for one name that is none, and in "-name=value" over the value. */
static bool is_plain_assignment(const char *text, size_t n) {
        bool is_value = *text != '-' && *text != '!';
        size_t name = !is_value, i = name;

        while (i < n && memchr(name_characters, text[i], sizeof name_characters - 1))
                i++;
        return i > name && text[name] != '-' && !starts_with(text + name, n - name, "builtin_") &&
               (i == n || (is_value && text[i] == '='));
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r';
}

static bool is_plain_line(const char *text, size_t n) {
        bool is_pattern = true;

        for (size_t i = 0; i < n; i++)
                if ((unsigned char)text[i] < ' ' && text[i] != '\t' && (text[i] != '\r' || i + 1 < n))
                        return false;
        for (size_t i = 0, end; i < n; i = end) {
                for (end = i; end < n && !is_blank(text[end]);)
                        end++;
                if (end == i) {
                        end++;
                        continue;
                }
                if (is_pattern && text[i] == '#')
                        return true;
                if (!(is_pattern ? is_plain_pattern : is_plain_assignment)(text + i, end - i))
                        return false;
                is_pattern = false;
        }
        return n <= LINE_BYTES_MAX;
}

/* libgit2 reads otherwise than git: quoted patterns, escapes, macros that are used before they are defined, lines that
 * git passes over. */
static bool is_plain(const char *text, size_t n) {
        for (size_t i = 0; i < n;) {
                const char *newline = memchr(text + i, '\n', n - i);
                size_t end = newline ? (size_t)(newline - text) : n;
                if (!is_plain_line(text + i, end - i))
                        return false;
                i = end + 1;
        }
        return true;
}

static int check_file(git_odb *odb, const git_oid *tree, const git_oid *now, const char *path, bool *ret,
                      struct rv_error *err) {
        git_odb_object *object = NULL;
        struct rv_tree_entry entry, other;

        int r = rv_tree_find(odb, tree, path, &entry, err);
        if (r < 0)
                return r;
        other = entry;
        if (!git_oid_equal(tree, now))
                r = rv_tree_find(odb, now, path, &other, err);
        *ret = r == 0 && rv_tree_entry_equal(&entry, &other);
        if (!*ret || entry.mode == 0)
                return r;
        *ret = false;
        if (entry.mode != GIT_FILEMODE_BLOB && entry.mode != GIT_FILEMODE_BLOB_EXECUTABLE)
                return 0;
        r = rv_tree_read_object(odb, &entry.id, GIT_OBJECT_BLOB, RV_ATTRIBUTES_BYTES_MAX, &object, err);
        *ret = r == 0 && is_plain(git_odb_object_data(object), git_odb_object_size(object));
        git_odb_object_free(object);
        return r == -E2BIG ? 0 : r;
}

/* Those in the path's folder and in all above it. */
static int check_files(git_repository *repository, git_odb *odb, const git_oid *commit_id, const git_oid *now,
                       const char *path, bool *ret, struct rv_error *err) {
        _cleanup_git_(commit) git_commit *commit = NULL;
        const char *name = path;

        *ret = true;
        int r = rv_commit_lookup(&commit, repository, commit_id, err);
        while (r == 0 && *ret && name) {
                _cleanup_free_ char *file = NULL;
                if (asprintf(&file, "%.*s.gitattributes", (int)(name - path), path) < 0) {
                        file = NULL;
                        return rv_error_oom(err);
                }
                r = check_file(odb, git_commit_tree_id(commit), now, file, ret, err);
                name = strchr(name, '/');
                name += name != NULL;
        }
        return r;
}

int rv_merge_attributes_allow(git_repository *repository, git_odb *odb, const git_oid *commit, const git_oid *now,
                              const char *path, bool *ret, struct rv_error *err) {
        git_attr_options options = GIT_ATTR_OPTIONS_INIT;
        const char *value = NULL;

        int r = check_files(repository, odb, commit, now, path, ret, err);
        if (r < 0 || !*ret)
                return r;
        /* What libgit2 keeps of another commit's. */
        r = git_attr_cache_flush(repository);
        if (r < 0)
                return rv_libgit2_error(err, r, "drop the attributes read before");
        options.flags = GIT_ATTR_CHECK_INDEX_ONLY | GIT_ATTR_CHECK_NO_SYSTEM | GIT_ATTR_CHECK_INCLUDE_COMMIT;
        git_oid_cpy(&options.attr_commit_id, commit);
        r = git_attr_get_ext(&value, repository, &options, path, "merge");
        if (r < 0)
                return rv_libgit2_error(err, r, "read the attributes of a file");
        switch (git_attr_value(value)) {
        case GIT_ATTR_VALUE_FALSE:
                *ret = false;
                return 0;
        case GIT_ATTR_VALUE_STRING:
                *ret = strcmp(value, "text") == 0;
                return 0;
        case GIT_ATTR_VALUE_UNSPECIFIED:
        case GIT_ATTR_VALUE_TRUE:
        default:
                *ret = true;
                return 0;
        }
}
