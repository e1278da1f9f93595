/* Secrets: named files in $CREDENTIALS_DIRECTORY, or in the configured directory. The values stay out of the
 * configuration, the log, argv and the environment. */
#pragma once

#include "revertd/error.h"

enum { RV_CREDENTIAL_BYTES_MAX = 65536 };

/* A credential's name: [A-Za-z0-9._-], no leading dot, at most 128 bytes. */
int rv_credential_check_name(const char *name, struct rv_error *err) RV_MUST_CHECK;

/* Where it would be read: $CREDENTIALS_DIRECTORY first, then directory (NULL: none). Caller frees *ret.
 * -ENOENT: in neither. */
int rv_credential_path(const char *directory, const char *name, char **ret, struct rv_error *err) RV_MUST_CHECK;

/* Read it; one trailing newline is stripped. Refuses an empty one, one with a NUL, one over the cap, and anything
 * but a regular file. *ret is NUL-terminated; free with rv_credential_free(), which wipes it. */
int rv_credential_read(const char *directory, const char *name, char **ret, struct rv_error *err) RV_MUST_CHECK;
/* The same from a file that is named by its path. */
int rv_credential_read_file(const char *path, char **ret, struct rv_error *err) RV_MUST_CHECK;
char *rv_credential_free(char *secret);
