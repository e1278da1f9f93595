#include "git/sign.h"

#include "git/askpass.h"
#include "git/key_file.h"
#include "git/transport_process.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/credential.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SIGNATURE_BYTES_MAX = 64 << 10 };
#define SIGN_MAX_USEC (30 * RV_USEC_PER_SEC)

static const char ssh_end[] = "-----END SSH SIGNATURE-----", gpg_end[] = "-----END PGP SIGNATURE-----";

/* A signature is armored text, and known to be whole by its last line. */
static int read_signature(struct rv_link *link, const char *end, char **ret, struct rv_error *err) {
        _cleanup_free_ char *text = malloc(SIGNATURE_BYTES_MAX);
        size_t n = 0;

        if (!text)
                return rv_error_oom(err);
        for (;;) {
                size_t got;
                int r = rv_link_read(link, text + n, SIGNATURE_BYTES_MAX - 1 - n, &got, err);
                if (r < 0)
                        return r == -ETIMEDOUT ? r : -EKEYREJECTED;
                n += got;
                text[n] = 0;
                char *found = strstr(text, end);
                if (found) {
                        found[strlen(end)] = 0;
                        *ret = RV_TAKE(text);
                        return 0;
                }
                if (n >= SIGNATURE_BYTES_MAX - 1)
                        return rv_error_set(err, -EKEYREJECTED, "the signature is too long");
        }
}

static int run(const char *const *argv, const char *const *env, const char *content, const char *end,
               int64_t deadline_usec, char **ret, struct rv_error *err) {
        int64_t until_usec = rv_clock_monotonic_usec() + SIGN_MAX_USEC;
        const struct rv_process_options options = {.argv = argv,
                                                   .env = env,
                                                   .deadline_usec =
                                                           until_usec < deadline_usec ? until_usec : deadline_usec,
                                                   .idle_usec = SIGN_MAX_USEC};
        _cleanup_link_ struct rv_link *link = NULL;

        int r = rv_process_link(&link, &options, err);
        if (r == 0)
                r = rv_link_write(link, content, strlen(content), err);
        if (r == 0) {
                rv_process_end_input(link);
                r = read_signature(link, end, ret, err);
        } else if (r != -ETIMEDOUT && r != -ENOMEM) {
                r = -EKEYREJECTED;
        }
        return r;
}

static int by_ssh(const struct rv_signer *signer, const char *content, int64_t deadline_usec, char **ret,
                  struct rv_error *err) {
        const struct rv_repository_config *config = signer->config;
        _cleanup_askpass_ struct rv_askpass askpass = {0};
        _cleanup_free_ char *copy = NULL, *key = NULL, *agent = NULL;
        const char *env[RV_ASKPASS_ENV_MAX + 2] = {0};
        size_t n_env = 0;
        int r = 0;

        if (asprintf(&copy, "%s/signing-key", signer->state_directory) < 0) {
                copy = NULL;
                return rv_error_oom(err);
        }
        if (config->ssh_agent) {
                if (asprintf(&agent, "SSH_AUTH_SOCK=%s", config->ssh_agent) < 0) {
                        agent = NULL;
                        return rv_error_oom(err);
                }
                env[n_env++] = agent;
        }
        if (config->signing_passphrase)
                r = rv_askpass_init(&askpass, signer->credentials_directory, config->signing_passphrase, err);
        for (size_t i = 0; askpass.env[i]; i++)
                env[n_env++] = askpass.env[i];
        if (r == 0)
                r = rv_key_file(signer->credentials_directory, config->signing_key, copy, &key, err);
        if (r < 0)
                return r;
        const char *const argv[] = {"ssh-keygen", "-Y", "sign", "-n", "git", "-f", key, NULL};
        r = run(argv, env, content, ssh_end, deadline_usec, ret, err);
        (void)unlink(copy);
        return r;
}

/* The clock stands at the commit's time: it is in the signature, which is thus the same each time. */
static int by_gpg(const struct rv_signer *signer, const char *content, int64_t time_usec, int64_t deadline_usec,
                  char **ret, struct rv_error *err) {
        const struct rv_repository_config *config = signer->config;
        _cleanup_free_ char *passphrase = NULL;
        char time[32];
        int r = 0;

        snprintf(time, sizeof time, "%" PRId64 "!", time_usec / RV_USEC_PER_SEC);
        if (config->signing_passphrase)
                r = rv_credential_path(signer->credentials_directory, config->signing_passphrase, &passphrase, err);
        if (r < 0)
                return r == -ENOENT ? -EACCES : r;
        const char *const argv[] = {"gpg",
                                    "--homedir",
                                    config->gpg_home,
                                    "--batch",
                                    "--quiet",
                                    "--no-tty",
                                    "--faked-system-time",
                                    time,
                                    "--local-user",
                                    config->gpg_key,
                                    "--armor",
                                    "--detach-sign",
                                    passphrase ? "--pinentry-mode" : NULL,
                                    "loopback",
                                    "--passphrase-file",
                                    passphrase,
                                    NULL};
        return run(argv, NULL, content, gpg_end, deadline_usec, ret, err);
}

static int read_content(git_repository *repository, const git_oid *commit, char **ret, struct rv_error *err) {
        _cleanup_git_(odb) git_odb *odb = NULL;
        git_odb_object *object;

        int r = git_repository_odb(&odb, repository);
        if (r == 0)
                r = git_odb_read(&object, odb, commit);
        if (r < 0)
                return rv_libgit2_error(err, r, "read the commit to sign");
        *ret = strndup(git_odb_object_data(object), git_odb_object_size(object));
        git_odb_object_free(object);
        return *ret ? 0 : rv_error_oom(err);
}

static bool signs(git_repository *repository, const struct rv_oid *known, const char *content, git_oid *ret) {
        git_buf signature = {0}, signed_content = {0};

        bool same = known->hex[0] && rv_oid_to_git(ret, known) == 0 &&
                    git_commit_extract_signature(&signature, &signed_content, repository, ret, NULL) == 0 &&
                    strcmp(signed_content.ptr, content) == 0;
        git_buf_dispose(&signature);
        git_buf_dispose(&signed_content);
        return same;
}

int rv_sign_commit(const struct rv_signer *signer, git_repository *repository, const struct rv_oid *known,
                   int64_t time_usec, int64_t deadline_usec, git_oid *commit, struct rv_error *err) {
        _cleanup_free_ char *content = NULL, *signature = NULL;
        git_oid earlier;

        int r = read_content(repository, commit, &content, err);
        if (r < 0)
                return r;
        if (signs(repository, known, content, &earlier)) {
                *commit = earlier;
                return 0;
        }
        if (signer->config->signing_key)
                r = by_ssh(signer, content, deadline_usec, &signature, err);
        else
                r = by_gpg(signer, content, time_usec, deadline_usec, &signature, err);
        if (r < 0)
                return rv_error_prefix(err, r, "sign the commit");
        r = git_commit_create_with_signature(commit, repository, content, signature, NULL);
        return r < 0 ? rv_libgit2_error(err, r, "write the signed commit") : 0;
}
