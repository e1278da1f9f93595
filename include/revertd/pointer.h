/* JSON pointers, RFC 6901: "" is the whole document, "/a/0/b~1c" the member "b/c" of the first element of "a". */
#pragma once

#include "revertd/error.h"

#include <jansson.h>

enum { RV_POINTER_BYTES_MAX = 1024 };

int rv_pointer_check(const char *pointer, struct rv_error *err) RV_MUST_CHECK; /* -EINVAL: it is none, or too long */

/* What it points at, lent; NULL: there is nothing. The pointer was checked. */
const json_t *rv_pointer_get(const json_t *document, const char *pointer);
