#include "git/askpass.h"

#include "revertd/cleanup.h"
#include "revertd/credential.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define FILE_VARIABLE "REVERTD_PASSPHRASE_FILE"

/* Only a passphrase is told: never whether a host is to be trusted. */
int rv_askpass_answer(int argc, char **argv) {
        const char *path = getenv(FILE_VARIABLE);
        struct rv_error err = {0};
        char *secret;

        if (!path)
                return -1;
        if (argc != 2 || !strstr(argv[1], "passphrase"))
                return 1;
        if (rv_credential_read_file(path, &secret, &err) < 0) {
                fprintf(stderr, "passphrase: %s\n", err.text);
                return 1;
        }
        int r = puts(secret) >= 0 && fflush(stdout) == 0 ? 0 : 1;
        rv_credential_free(secret);
        return r;
}

/* What this program is, also where its file was replaced by a newer one since. */
static int own_path(char path[static PATH_MAX], struct rv_error *err) {
        static const char replaced[] = " (deleted)";
        ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

        if (n < 0)
                return rv_error_set(err, -errno, "/proc/self/exe: %s", strerror(errno));
        path[n] = 0;
        size_t n_replaced = sizeof replaced - 1;
        if ((size_t)n > n_replaced && strcmp(path + n - n_replaced, replaced) == 0)
                path[(size_t)n - n_replaced] = 0;
        return 0;
}

int rv_askpass_init(struct rv_askpass *askpass, const char *credentials_directory, const char *credential,
                    struct rv_error *err) {
        _cleanup_free_ char *file = NULL;
        char self[PATH_MAX];

        *askpass = (struct rv_askpass){0};
        int r = rv_credential_path(credentials_directory, credential, &file, err);
        if (r < 0)
                return r == -ENOENT ? -EACCES : r;
        r = own_path(self, err);
        if (r < 0)
                return r;
        if (asprintf(&askpass->env[0], "SSH_ASKPASS=%s", self) < 0 ||
            asprintf(&askpass->env[1], FILE_VARIABLE "=%s", file) < 0 ||
            !(askpass->env[2] = strdup("SSH_ASKPASS_REQUIRE=force"))) {
                rv_askpass_done(askpass);
                return rv_error_oom(err);
        }
        return 0;
}

void rv_askpass_done(struct rv_askpass *askpass) {
        for (size_t i = 0; i < RV_ASKPASS_ENV_MAX; i++)
                free(askpass->env[i]);
        *askpass = (struct rv_askpass){0};
}
