#include "git/mirror_packs.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <git2/sys/odb_backend.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

static bool is_small(const char *path) {
        struct stat st;

        return stat(path, &st) == 0 && st.st_size <= RV_MIRROR_SMALL_PACK_BYTES;
}

static int find_packs(git_repository *repo, glob_t *ret, struct rv_error *err) {
        _cleanup_free_ char *pattern = NULL;
        int r;

        if (asprintf(&pattern, "%sobjects/pack/pack-*.pack", git_repository_commondir(repo)) < 0)
                return rv_error_oom(err);
        r = glob(pattern, 0, NULL, ret);
        if (r == GLOB_NOSPACE)
                return rv_error_oom(err);
        return 0; /* a folder that cannot be read has no packs for us */
}

static int insert(const git_oid *id, void *payload) {
        return git_packbuilder_insert(payload, id, NULL);
}

static int insert_pack(git_packbuilder *builder, const char *index) {
        _cleanup_git_(odb) git_odb *odb = NULL;
        git_odb_backend *backend = NULL;
        int r;

        r = git_odb_new(&odb);
        if (r == 0)
                r = git_odb_backend_one_pack(&backend, index);
        if (r == 0)
                r = git_odb_add_backend(odb, backend, 1);
        return r == 0 ? git_odb_foreach(odb, insert, builder) : r;
}

/* The index of x.pack is x.idx. Caller frees; NULL: out of memory. */
static char *index_path(const char *pack) {
        char *path;

        return asprintf(&path, "%.*s.idx", (int)(strlen(pack) - strlen(".pack")), pack) < 0 ? NULL : path;
}

static int build(git_packbuilder *builder, const glob_t *packs) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < packs->gl_pathc; i++) {
                _cleanup_free_ char *index = index_path(packs->gl_pathv[i]);

                if (!index)
                        return GIT_ERROR;
                if (is_small(packs->gl_pathv[i]))
                        r = insert_pack(builder, index);
        }
        git_packbuilder_set_threads(builder, 1);
        return r == 0 ? git_packbuilder_write(builder, NULL, 0, NULL, NULL) : r;
}

static void remove_small(const glob_t *packs, const char *but) {
        for (size_t i = 0; i < packs->gl_pathc; i++) {
                const char *pack = packs->gl_pathv[i];
                _cleanup_free_ char *index = index_path(pack);

                if (!index || !is_small(pack) || strstr(pack, but))
                        continue;
                (void)unlink(pack);
                (void)unlink(index);
        }
}

static int join(git_repository *repo, const glob_t *packs, struct rv_error *err) {
        git_packbuilder *builder = NULL;
        int r;

        r = git_packbuilder_new(&builder, repo);
        if (r == 0)
                r = build(builder, packs);
        if (r < 0)
                r = rv_libgit2_error(err, r, "join packs");
        else {
                remove_small(packs, git_packbuilder_name(builder));
                r = 1;
        }
        git_packbuilder_free(builder);
        return r;
}

int rv_mirror_packs_join(git_repository *repo, struct rv_error *err) {
        glob_t packs = {};
        size_t n_small = 0;
        int r;

        r = find_packs(repo, &packs, err);
        if (r == 0)
                for (size_t i = 0; i < packs.gl_pathc; i++)
                        n_small += is_small(packs.gl_pathv[i]);
        if (r == 0 && n_small > RV_MIRROR_PACKS_MAX)
                r = join(repo, &packs, err);
        globfree(&packs);
        return r;
}
