/* Bytes of a repository as JSON can carry them. */
#pragma once

#include <stddef.h>

/* What is no UTF-8 becomes U+FFFD, byte by byte; cut to max_bytes on a character's boundary. Caller frees; NULL: out
 * of memory. */
char *rv_utf8_copy(const char *bytes, size_t max_bytes);
