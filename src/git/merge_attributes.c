#include "git/merge_attributes.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

static bool is_modest(const char *text, size_t n) {
        unsigned stars = 0;

        for (size_t i = 0; i + 1 < n; i++) {
                if (text[i] == '\n')
                        stars = 0;
                if (text[i] == '*' && text[i + 1] == '*' && ++stars > RV_ATTRIBUTES_STARS_MAX)
                        return false;
        }
        return true;
}

static int check_file(git_odb *odb, const git_oid *tree, const char *path, bool *ret, struct rv_error *err) {
        git_odb_object *object = NULL;
        struct rv_tree_entry entry;

        int r = rv_tree_find(odb, tree, path, &entry, err);
        if (r < 0 || entry.mode == 0 || rv_tree_mode_is_folder(entry.mode) || entry.mode == GIT_FILEMODE_COMMIT)
                return r;
        r = rv_tree_read_object(odb, &entry.id, GIT_OBJECT_BLOB, RV_ATTRIBUTES_BYTES_MAX, &object, err);
        *ret = r == 0 && is_modest(git_odb_object_data(object), git_odb_object_size(object));
        git_odb_object_free(object);
        return r == -E2BIG ? 0 : r;
}

/* Those in the path's folder and in all above it. */
static int check_files(git_repository *repository, git_odb *odb, const git_oid *commit_id, const char *path, bool *ret,
                       struct rv_error *err) {
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
                r = check_file(odb, git_commit_tree_id(commit), file, ret, err);
                name = strchr(name, '/');
                name += name != NULL;
        }
        return r;
}

int rv_merge_attributes_allow(git_repository *repository, git_odb *odb, const git_oid *commit, const char *path,
                              bool *ret, struct rv_error *err) {
        git_attr_options options = GIT_ATTR_OPTIONS_INIT;
        const char *value = NULL;

        int r = check_files(repository, odb, commit, path, ret, err);
        if (r < 0 || !*ret)
                return r;
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
