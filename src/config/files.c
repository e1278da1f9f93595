#include "config/files.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

static int check_regular(const struct stat *st, struct rv_error *err) {
        if (S_ISDIR(st->st_mode))
                return rv_error_set(err, -EINVAL, "is a folder");
        if (!S_ISREG(st->st_mode))
                return rv_error_set(err, -EINVAL, "is not a regular file");
        if (st->st_size > RV_CONFIG_FILE_BYTES_MAX)
                return rv_error_set(err, -EINVAL, "is larger than %d KiB", RV_CONFIG_FILE_BYTES_MAX / 1024);
        return 0;
}

size_t rv_file_close_text(char *text, size_t n) {
        if (n == 0 || text[n - 1] != '\n')
                text[n++] = '\n';
        text[n] = '\0';
        return n;
}

int rv_file_read(struct rv_file *ret, const char *path, struct rv_error *err) {
        /* Not blocking, for the sake of a FIFO, which is refused after it is open. */
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        return fd < 0 ? rv_error_set(err, -errno, "%s", strerror(errno)) : rv_file_read_fd(ret, fd, err);
}

int rv_file_read_fd(struct rv_file *ret, int fd, struct rv_error *err) {
        struct stat st;
        size_t n = 0;

        if (fstat(fd, &st) < 0)
                return rv_error_set(err, -errno, "%s", strerror(errno));
        int r = check_regular(&st, err);
        if (r < 0)
                return r;
        _cleanup_free_ char *text = malloc(RV_CONFIG_FILE_BYTES_MAX + 2);
        if (!text)
                return rv_error_oom(err);
        for (;;) {
                ssize_t k = read(fd, text + n, RV_CONFIG_FILE_BYTES_MAX + 1 - n);
                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return rv_error_set(err, -errno, "%s", strerror(errno));
                if (k == 0)
                        break;
                n += (size_t)k;
                if (n > RV_CONFIG_FILE_BYTES_MAX)
                        return rv_error_set(err, -EINVAL, "is larger than %d KiB", RV_CONFIG_FILE_BYTES_MAX / 1024);
        }
        n = rv_file_close_text(text, n);
        *ret = (struct rv_file){.text = RV_TAKE(text), .n = n, .device = st.st_dev, .inode = st.st_ino};
        return 0;
}

void rv_file_done(struct rv_file *file) {
        free(file->text);
        *file = (struct rv_file){0};
}

char **rv_files_free(char **paths) {
        for (char **p = paths; p && *p; p++)
                free(*p);
        free(paths);
        return NULL;
}

/* In the order of bytes: glob(3) sorts by the locale, and the order of rules must not depend on it. */
static int compare_paths(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static int copy_paths(char ***ret, char *const *paths, size_t n, struct rv_error *err) {
        char **copy = calloc(n + 1, sizeof(*copy));
        if (!copy)
                return rv_error_oom(err);
        for (size_t i = 0; i < n; i++) {
                copy[i] = strdup(paths[i]);
                if (!copy[i]) {
                        rv_files_free(copy);
                        return rv_error_oom(err);
                }
        }
        qsort(copy, n, sizeof(*copy), compare_paths);
        *ret = copy;
        return 0;
}

/* A folder that is not there has no files; one that cannot be read may have some. */
static int is_worse_than_absent(const char *path, int error) {
        (void)path;
        return error != ENOENT && error != ENOTDIR;
}

int rv_files_glob(char ***ret, const char *directory, const char *pattern, struct rv_error *err) {
        _cleanup_free_ char *full = NULL;
        glob_t found = {0};
        int r;

        if (asprintf(&full, "%s%s%s", pattern[0] == '/' ? "" : directory, pattern[0] == '/' ? "" : "/", pattern) < 0) {
                full = NULL;
                return rv_error_oom(err);
        }
        if (!strpbrk(pattern, "*?["))
                return copy_paths(ret, &full, 1, err);
        switch (glob(full, GLOB_NOSORT, is_worse_than_absent, &found)) {
        case 0:
                if (found.gl_pathc > RV_CONFIG_FILES_MAX)
                        r = rv_error_set(err, -EINVAL, "names more than %d files", RV_CONFIG_FILES_MAX);
                else
                        r = copy_paths(ret, found.gl_pathv, found.gl_pathc, err);
                break;
        case GLOB_NOMATCH:
                r = copy_paths(ret, NULL, 0, err);
                break;
        case GLOB_NOSPACE:
                r = rv_error_oom(err);
                break;
        default:
                r = rv_error_set(err, -EIO, "a folder cannot be read");
        }
        globfree(&found);
        return r;
}
