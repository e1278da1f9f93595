/* Signed commits, as `git verify-commit` wants them: by an SSH key (ssh-keygen), or by GnuPG.
 *
 * The signature becomes part of the commit's id. It is made once for one content: the mirror keeps the signed commit, and
 * who asks for the same again (a push after its plan, a retry) gets the same. Where the mirror was lost in between, or
 * in a second worker, ed25519 and RSA keys and GnuPG (whose clock is set to the commit's) sign equally again; an ECDSA
 * or hardware key does not, and the trailers of the commit tell what it is. */
#pragma once

#include "git/libgit2.h"
#include "revertd/config.h"

struct rv_signer {
        const struct rv_repository_config *config;
        const char *credentials_directory; /* NULL: none */
        const char *state_directory;       /* private, for a copy of the key */
};

static inline bool rv_signer_is_wanted(const struct rv_repository_config *config) {
        return config->signing_key || config->gpg_key;
}

/* Put the signed commit in place of an unsigned one. known (none: ""): the commit as an earlier call made it; taken if
 * it is here and signs the same. time_usec: of the commit; deadline_usec: monotonic. -EACCES: no such credential;
 * -EKEYREJECTED: the signature could not be made, with the program's words. */
int rv_sign_commit(const struct rv_signer *signer, git_repository *repository, const struct rv_oid *known,
                   int64_t time_usec, int64_t deadline_usec, git_oid *commit, struct rv_error *err) RV_MUST_CHECK;
