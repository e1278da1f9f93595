#include "git/object_files.h"

#include "git/libgit2.h"
#include "revertd/cleanup.h"

#include <fcntl.h>
#include <git2/sys/odb_backend.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum {
        PRIORITY = 3, /* before libgit2's own, which are 1 and 2 */
        HEADER_BYTES_MAX = 64,
};

struct object_files {
        git_odb_backend backend; /* the first member */
        char *folder;
};

/* A zlib stream of stored blocks. Caller frees *ret. */
static int store(const char *header, size_t n_header, const void *data, size_t n, unsigned char **ret, size_t *ret_n) {
        z_stream stream = {0};

        if (deflateInit(&stream, Z_NO_COMPRESSION) != Z_OK)
                return -ENOMEM;
        size_t size = deflateBound(&stream, n_header + n);
        unsigned char *out = malloc(size);
        int r = out ? 0 : -ENOMEM;
        if (r == 0) {
                stream.next_out = out;
                stream.avail_out = (uInt)size;
                stream.next_in = (unsigned char *)header;
                stream.avail_in = (uInt)n_header;
                r = deflate(&stream, Z_NO_FLUSH) == Z_OK ? 0 : -EIO;
        }
        if (r == 0) {
                stream.next_in = (unsigned char *)data;
                stream.avail_in = (uInt)n;
                r = deflate(&stream, Z_FINISH) == Z_STREAM_END ? 0 : -EIO;
        }
        *ret_n = size - stream.avail_out;
        deflateEnd(&stream);
        if (r < 0)
                free(out);
        else
                *ret = out;
        return r;
}

static int write_all(int fd, const unsigned char *data, size_t n) {
        while (n > 0) {
                ssize_t written = write(fd, data, n);
                if (written < 0 && errno != EINTR)
                        return -errno;
                if (written > 0) {
                        data += written;
                        n -= (size_t)written;
                }
        }
        return 0;
}

/* Whole or not at all: written beside (under a name that is cleaned up at the next start), then renamed. */
static int write_file(const char *folder, const char *path, const unsigned char *data, size_t n) {
        _cleanup_free_ char *temporary = NULL;
        int r;

        if (mkdir(folder, 0777) < 0 && errno != EEXIST)
                return -errno;
        if (asprintf(&temporary, "%s/tmp_obj_XXXXXX", folder) < 0) {
                temporary = NULL;
                return -ENOMEM;
        }
        _cleanup_close_ int fd = mkostemp(temporary, O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = write_all(fd, data, n);
        if (r == 0 && (fchmod(fd, 0444) < 0 || rename(temporary, path) < 0))
                r = -errno;
        if (r < 0)
                (void)unlink(temporary);
        return r;
}

static int write_object(git_odb_backend *backend, const git_oid *id, const void *data, size_t n, git_object_t type) {
        struct object_files *files = (struct object_files *)backend;
        _cleanup_free_ char *folder = NULL, *path = NULL;
        _cleanup_free_ unsigned char *stored = NULL;
        char header[HEADER_BYTES_MAX], hex[GIT_OID_HEXSZ + 1];
        size_t n_stored = 0;

        git_oid_tostr(hex, sizeof hex, id);
        int n_header = snprintf(header, sizeof header, "%s %zu", git_object_type2string(type), n) + 1;
        if (asprintf(&folder, "%s/%.2s", files->folder, hex) < 0) {
                folder = NULL;
                return GIT_ERROR;
        }
        if (asprintf(&path, "%s/%s", folder, hex + 2) < 0) {
                path = NULL;
                return GIT_ERROR;
        }
        int r = store(header, (size_t)n_header, data, n, &stored, &n_stored);
        if (r == 0)
                r = write_file(folder, path, stored, n_stored);
        if (r == 0)
                return 0;
        git_error_set_str(GIT_ERROR_OS, strerror(-r));
        return GIT_ERROR;
}

static void free_backend(git_odb_backend *backend) {
        struct object_files *files = (struct object_files *)backend;

        free(files->folder);
        free(files);
}

int rv_object_files_use(git_repository *repository, struct rv_error *err) {
        _cleanup_git_(odb) git_odb *odb = NULL;
        struct object_files *files = calloc(1, sizeof *files);

        if (!files || asprintf(&files->folder, "%s/objects", git_repository_commondir(repository)) < 0) {
                free(files);
                return rv_error_oom(err);
        }
        int r = git_odb_init_backend(&files->backend, GIT_ODB_BACKEND_VERSION);
        files->backend.write = write_object;
        files->backend.free = free_backend;
        if (r == 0)
                r = git_repository_odb(&odb, repository);
        if (r == 0)
                r = git_odb_add_backend(odb, &files->backend, PRIORITY);
        if (r == 0)
                return 0;
        free_backend(&files->backend);
        return rv_libgit2_error(err, r, "set up the object database");
}
