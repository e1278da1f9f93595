#include "git/libgit2.h"

#include "revertd/cleanup.h"
#include "revertd/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
        WINDOW_BYTES = 16 << 20, /* one mapped window of a pack */
        MAPPED_BYTES_MAX = 128 << 20,
        MAPPED_FILES_MAX = 128,
        CACHE_BYTES_MAX = 48 << 20,
        CACHED_TREE_BYTES_MAX = 256 << 10,
        CACHED_COMMIT_BYTES_MAX = 16 << 10,
        TEXT_BYTES_MAX = 512,
};

static int set_options(void) {
        static const int levels[] = {GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
                                     GIT_CONFIG_LEVEL_GLOBAL};
        int r = 0;

        /* Nobody's ~/.gitconfig may say where we push (url.*.insteadOf) or how. */
        for (size_t i = 0; i < RV_ARRAY_SIZE(levels); i++)
                r |= git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
        r |= git_libgit2_opts(GIT_OPT_ENABLE_STRICT_OBJECT_CREATION, 1);
        r |= git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1);
        /* The mirror is a cache: what a power cut damages is found by its hash, and fetched anew. What is written to
         * a remote is synced where it is written. */
        r |= git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 0);
        r |= git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, (size_t)WINDOW_BYTES);
        r |= git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, (size_t)MAPPED_BYTES_MAX);
        r |= git_libgit2_opts(GIT_OPT_SET_MWINDOW_FILE_LIMIT, (size_t)MAPPED_FILES_MAX);
        r |= git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)CACHE_BYTES_MAX);
        r |= git_libgit2_opts(GIT_OPT_SET_CACHE_OBJECT_LIMIT, GIT_OBJECT_TREE, (size_t)CACHED_TREE_BYTES_MAX);
        r |= git_libgit2_opts(GIT_OPT_SET_CACHE_OBJECT_LIMIT, GIT_OBJECT_COMMIT, (size_t)CACHED_COMMIT_BYTES_MAX);
        return r;
}

int rv_libgit2_init(struct rv_error *err) {
        int r;

        r = git_libgit2_init();
        if (r < 0)
                return rv_libgit2_error(err, r, "libgit2 does not start");
        r = set_options();
        if (r < 0)
                return rv_libgit2_error(err, r, "libgit2 does not take its options");
        return 0;
}

/* An object that must be there is not, or is not what its name says: that is the mirror's fault, not the request's. */
static bool is_damage(int code, int klass) {
        if (klass == GIT_ERROR_ZLIB || code == GIT_EMISMATCH)
                return true;
        return klass == GIT_ERROR_ODB || klass == GIT_ERROR_OBJECT || klass == GIT_ERROR_TREE ||
               klass == GIT_ERROR_INDEXER;
}

int rv_libgit2_error(struct rv_error *err, int code, const char *fmt, ...) {
        const git_error *last = git_error_last();
        _cleanup_free_ char *said = NULL;
        char what[TEXT_BYTES_MAX];
        va_list args;
        int klass = last ? last->klass : GIT_ERROR_NONE;

        va_start(args, fmt);
        vsnprintf(what, sizeof(what), fmt, args);
        va_end(args);
        if (klass == GIT_ERROR_NOMEMORY)
                return rv_error_oom(err);
        said = rv_text_line(last && last->message ? last->message : "unknown error", TEXT_BYTES_MAX);
        return rv_error_set(err, is_damage(code, klass) ? -EBADMSG : -EIO, "%s: %s", what, said ? said : "");
}

void rv_oid_from_git(struct rv_oid *ret, const git_oid *id) {
        *ret = (struct rv_oid){};
        git_oid_tostr(ret->hex, sizeof(ret->hex), id);
}

int rv_oid_to_git(git_oid *ret, const struct rv_oid *id) {
        if (strlen(id->hex) != GIT_OID_HEXSZ || git_oid_fromstr(ret, id->hex) < 0)
                return -EINVAL;
        return 0;
}

int rv_commit_lookup(git_commit **ret, git_repository *repo, const git_oid *id, struct rv_error *err) {
        _cleanup_git_(odb) git_odb *odb = NULL;
        char hex[GIT_OID_HEXSZ + 1];
        git_object_t type;
        size_t size;
        int r;

        git_oid_tostr(hex, sizeof(hex), id);
        r = git_repository_odb(&odb, repo);
        if (r < 0)
                return rv_libgit2_error(err, r, "no object database");
        r = git_odb_read_header(&size, &type, odb, id);
        if (r == GIT_ENOTFOUND)
                return rv_error_set(err, -ENOENT, "there is no object %s", hex);
        if (r < 0)
                return rv_libgit2_error(err, r, "commit %s", hex);
        if (type != GIT_OBJECT_COMMIT)
                return rv_error_set(err, -EINVAL, "%s is a %s and no commit", hex, git_object_type2string(type));
        if (size > RV_COMMIT_BYTES_MAX)
                return rv_error_set(err, -E2BIG, "commit %s has %zu bytes, over the cap of %d", hex, size,
                                    RV_COMMIT_BYTES_MAX);
        r = git_commit_lookup(ret, repo, id);
        if (r < 0)
                return rv_libgit2_error(err, r, "commit %s", hex);
        return 0;
}
