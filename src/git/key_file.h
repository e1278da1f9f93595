/* A private key as the OpenSSH programs take it: a file that nobody else can read, and that ends with a newline. */
#pragma once

#include "revertd/error.h"

/* The credential's own path, or where that is not so, copy's, to which it is written anew. Caller frees *ret.
 * -EACCES: no such credential, or not readable; else as rv_credential_read(). */
int rv_key_file(const char *credentials_directory, const char *name, const char *copy, char **ret,
                struct rv_error *err) RV_MUST_CHECK;
