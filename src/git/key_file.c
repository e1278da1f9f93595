#include "git/key_file.h"

#include "revertd/cleanup.h"
#include "revertd/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int write_private(const char *path, const char *text, struct rv_error *err) {
        unlink(path);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return rv_error_set(err, -errno, "%s: %s", path, strerror(errno));
        /* The last newline of a key was cut off when it was read; OpenSSH's own format needs it. */
        if (dprintf(fd, "%s\n", text) < 0)
                return rv_error_set(err, -errno, "%s: %s", path, strerror(errno));
        return 0;
}

int rv_key_file(const char *credentials_directory, const char *name, const char *copy, char **ret,
                struct rv_error *err) {
        _cleanup_free_ char *path = NULL;
        struct stat st;
        char *secret;

        int r = rv_credential_path(credentials_directory, name, &path, err);
        if (r < 0)
                return r == -ENOENT ? -EACCES : r;
        if (stat(path, &st) < 0)
                return rv_error_set(err, -EACCES, "credential %s: %s", name, strerror(errno));
        if (st.st_uid != geteuid() || !(st.st_mode & 077)) {
                *ret = RV_TAKE(path);
                return 0;
        }
        r = rv_credential_read(credentials_directory, name, &secret, err);
        if (r < 0)
                return r == -ENOENT ? -EACCES : r;
        r = write_private(copy, secret, err);
        rv_credential_free(secret);
        if (r < 0)
                return r;
        *ret = strdup(copy);
        return *ret ? 0 : rv_error_oom(err);
}
