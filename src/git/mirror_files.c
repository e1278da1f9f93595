#include "git/mirror_files.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <fnmatch.h>
#include <ftw.h>
#include <stdbool.h>
#include <string.h>

enum { FILES_OPEN_MAX = 16 };

static bool is_absent(int error) {
        return error == ENOENT || error == ENOTDIR;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st, (void)type, (void)ftw;
        return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

static int remove_all(const char *path, struct rv_error *err) {
        if (nftw(path, remove_one, FILES_OPEN_MAX, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
                return rv_error_set(err, -errno, "remove %s: %s", path, strerror(errno));
        return 0;
}

static int trash_path(const char *path, char **ret, struct rv_error *err) {
        return asprintf(ret, "%s.trash", path) < 0 ? rv_error_oom(err) : 0;
}

int rv_mirror_files_remove(const char *path, struct rv_error *err) {
        _cleanup_free_ char *trash = NULL;
        int r;

        r = trash_path(path, &trash, err);
        if (r == 0)
                r = remove_all(trash, err);
        if (r < 0)
                return r;
        /* Gone at once, so that a crash cannot leave half a mirror in its place. */
        if (rename(path, trash) < 0)
                return errno == ENOENT ? 0 : rv_error_set(err, -errno, "rename %s: %s", path, strerror(errno));
        return remove_all(trash, err);
}

static int remove_lock(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return type == FTW_F && fnmatch("*.lock", path + ftw->base, 0) == 0 ? remove_one(path, st, type, ftw) : 0;
}

static int remove_temporary(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        const char *name = path + ftw->base;

        if (type != FTW_F || (fnmatch("tmp_*", name, 0) != 0 && fnmatch("*_git2_*", name, 0) != 0))
                return 0;
        return remove_one(path, st, type, ftw);
}

bool rv_mirror_files_are_complete(const char *path) {
        static const char *const folders[] = {"refs", "objects", "objects/info", "objects/pack"};

        for (size_t i = 0; i < RV_ARRAY_SIZE(folders); i++) {
                _cleanup_free_ char *folder = NULL;
                struct stat st;

                if (asprintf(&folder, "%s/%s", path, folders[i]) < 0) {
                        folder = NULL;
                        return true; /* nothing is known against it */
                }
                if (stat(folder, &st) < 0 ? is_absent(errno) : !S_ISDIR(st.st_mode))
                        return false;
        }
        return true;
}

int rv_mirror_files_clean(const char *path, struct rv_error *err) {
        _cleanup_free_ char *trash = NULL;
        _cleanup_free_ char *objects = NULL;
        int r;

        r = trash_path(path, &trash, err);
        if (r == 0)
                r = remove_all(trash, err);
        if (r < 0)
                return r;
        if (asprintf(&objects, "%s/objects", path) < 0)
                return rv_error_oom(err);
        if ((nftw(path, remove_lock, FILES_OPEN_MAX, FTW_PHYS) < 0 && !is_absent(errno)) ||
            (nftw(objects, remove_temporary, FILES_OPEN_MAX, FTW_PHYS) < 0 && !is_absent(errno)))
                return rv_error_set(err, -errno, "clean %s: %s", path, strerror(errno));
        return 0;
}
