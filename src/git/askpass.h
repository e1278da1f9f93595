/* Passphrases for the OpenSSH programs. They ask a program, and that is this one, started anew by them: it reads the
 * credential's file, so that the passphrase stands neither in arguments nor in the environment. */
#pragma once

#include "revertd/error.h"

/* First thing in main(): where an OpenSSH program asks, answer. The exit status; −1: nobody asks. */
int rv_askpass_answer(int argc, char **argv);

enum { RV_ASKPASS_ENV_MAX = 3 };
struct rv_askpass {
        char *env[RV_ASKPASS_ENV_MAX + 1]; /* "NAME=value", NULL-terminated: for the program's environment */
};
/* -EACCES: no such credential. */
int rv_askpass_init(struct rv_askpass *askpass, const char *credentials_directory, const char *credential,
                    struct rv_error *err) RV_MUST_CHECK;
void rv_askpass_done(struct rv_askpass *askpass);
#define _cleanup_askpass_ __attribute__((cleanup(rv_askpass_done)))
