#include "git/key_file.h"

#include "revertd/cleanup.h"
#include "revertd/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

static int write_private(const char *path, const char *text, struct rv_error *err) {
        unlink(path);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return rv_error_set(err, -errno, "%s: %s", path, strerror(errno));
        /* A newline at its end was cut off when it was read; OpenSSH's own format needs one. */
        if (dprintf(fd, "%s\n", text) < 0)
                return rv_error_set(err, -errno, "%s: %s", path, strerror(errno));
        return 0;
}

/* As OpenSSH wants it: not ours with others reading it too, and with a newline at its end. */
static bool is_fit(const char *path, const char *secret) {
        struct stat st;

        return stat(path, &st) == 0 && (st.st_uid != geteuid() || !(st.st_mode & 077)) &&
               (size_t)st.st_size == strlen(secret) + 1;
}

int rv_key_file(const char *credentials_directory, const char *name, const char *copy, char **ret,
                struct rv_error *err) {
        _cleanup_free_ char *path = NULL;
        char *secret = NULL;

        int r = rv_credential_path(credentials_directory, name, &path, err);
        if (r >= 0)
                r = rv_credential_read(credentials_directory, name, &secret, err);
        if (r < 0)
                return r == -ENOENT ? -EACCES : r;
        if (is_fit(path, secret))
                *ret = RV_TAKE(path);
        else {
                r = write_private(copy, secret, err);
                if (r >= 0 && !(*ret = strdup(copy)))
                        r = rv_error_oom(err);
        }
        rv_credential_free(secret);
        return r;
}
