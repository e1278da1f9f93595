#include "revertd/credential.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { NAME_BYTES_MAX = 128 };

static const char name_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

int rv_credential_check_name(const char *name, struct rv_error *err) {
        size_t n = strlen(name);

        if (n == 0 || n > NAME_BYTES_MAX || name[0] == '.' || strspn(name, name_characters) != n)
                return rv_error_set(err, -EINVAL,
                                    "a credential's name is 1 to %d of A-Z a-z 0-9 . _ - and starts with no dot",
                                    NAME_BYTES_MAX);
        return 0;
}

/* 0: *ret is set; -ENOENT: not there. */
static int find_in(const char *directory, const char *name, char **ret, struct rv_error *err) {
        _cleanup_free_ char *path = NULL;

        if (!directory || directory[0] == '\0')
                return -ENOENT;
        if (asprintf(&path, "%s/%s", directory, name) < 0) {
                path = NULL;
                return rv_error_oom(err);
        }
        if (faccessat(AT_FDCWD, path, F_OK, 0) < 0)
                return errno == ENOENT ? -ENOENT : rv_error_set(err, -errno, "%s: %m", path);
        *ret = RV_TAKE(path);
        return 0;
}

int rv_credential_path(const char *directory, const char *name, char **ret, struct rv_error *err) {
        const char *from_service_manager = getenv("CREDENTIALS_DIRECTORY");
        int r = rv_credential_check_name(name, err);

        if (r < 0)
                return r;
        r = find_in(from_service_manager, name, ret, err);
        if (r == -ENOENT)
                r = find_in(directory, name, ret, err);
        if (r == -ENOENT && !from_service_manager && !directory)
                return rv_error_set(err, r,
                                    "credential %s: neither $CREDENTIALS_DIRECTORY nor credentials_directory "
                                    "is set",
                                    name);
        if (r == -ENOENT)
                return rv_error_set(err, r, "credential %s: not found in %s%s%s", name,
                                    from_service_manager ? from_service_manager : "",
                                    from_service_manager && directory ? " or " : "", directory ? directory : "");
        return r;
}

/* Read to the end or until the buffer is full. Returns the count or -errno. */
static ssize_t read_all(int fd, char *buf, size_t size) {
        size_t n = 0;

        while (n < size) {
                ssize_t got = read(fd, buf + n, size - n);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return -errno;
                if (got == 0)
                        break;
                n += (size_t)got;
        }
        return (ssize_t)n;
}

static int check_content(char *secret, size_t n, struct rv_error *err) {
        if (n > RV_CREDENTIAL_BYTES_MAX)
                return rv_error_set(err, -E2BIG, "over %d bytes", RV_CREDENTIAL_BYTES_MAX);
        if (n > 0 && secret[n - 1] == '\n')
                n--;
        secret[n] = '\0';
        if (n == 0)
                return rv_error_set(err, -EINVAL, "empty");
        if (strlen(secret) != n)
                return rv_error_set(err, -EINVAL, "has a NUL byte");
        return 0;
}

int rv_credential_read_file(const char *path, char **ret, struct rv_error *err) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        const size_t size = RV_CREDENTIAL_BYTES_MAX + 2;
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return rv_error_set(err, -errno, "%m");
        if (!S_ISREG(st.st_mode))
                return rv_error_set(err, -EINVAL, "not a regular file");
        char *secret = calloc(1, size);
        if (!secret)
                return rv_error_oom(err);
        ssize_t n = read_all(fd, secret, size - 1);
        int r = n < 0 ? rv_error_set(err, (int)n, "%s", strerror((int)-n)) : check_content(secret, (size_t)n, err);
        if (r < 0) {
                explicit_bzero(secret, size);
                free(secret);
                return r;
        }
        *ret = secret;
        return 0;
}

int rv_credential_read(const char *directory, const char *name, char **ret, struct rv_error *err) {
        _cleanup_free_ char *path = NULL;
        int r = rv_credential_path(directory, name, &path, err);

        if (r < 0)
                return r;
        r = rv_credential_read_file(path, ret, err);
        return r < 0 ? rv_error_prefix(err, r, "credential %s: %s", name, path) : 0;
}

char *rv_credential_free(char *secret) {
        if (secret) {
                explicit_bzero(secret, strlen(secret));
                free(secret);
        }
        return NULL;
}
