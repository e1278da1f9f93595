#include "revertd/pointer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int rv_pointer_check(const char *pointer, struct rv_error *err) {
        if (*pointer && *pointer != '/')
                return rv_error_set(err, -EINVAL, "'%s' is no JSON pointer: it begins with /", pointer);
        if (strlen(pointer) > RV_POINTER_BYTES_MAX)
                return rv_error_set(err, -EINVAL, "is longer than %d bytes", RV_POINTER_BYTES_MAX);
        for (const char *p = strchr(pointer, '~'); p; p = strchr(p + 1, '~'))
                if (p[1] != '0' && p[1] != '1')
                        return rv_error_set(err, -EINVAL, "'%s' is no JSON pointer: after ~ comes 0 or 1", pointer);
        return 0;
}

/* ~1 is a slash, ~0 a tilde. */
static void unescape(const char *token, size_t n, char *to) {
        for (size_t i = 0; i < n; i++) {
                bool is_escape = token[i] == '~';
                *to++ = is_escape ? (token[i + 1] == '1' ? '/' : '~') : token[i];
                i += is_escape;
        }
        *to = '\0';
}

/* Digits without a leading zero; no array has so many elements that nine of them are not enough. */
static const json_t *element(const json_t *array, const char *token) {
        size_t n = strlen(token);

        if (n == 0 || n > 9 || strspn(token, "0123456789") < n || (n > 1 && token[0] == '0'))
                return NULL;
        return json_array_get(array, strtoul(token, NULL, 10));
}

const json_t *rv_pointer_get(const json_t *document, const char *pointer) {
        char token[RV_POINTER_BYTES_MAX + 1];

        for (const char *p = pointer; document && *p;) {
                size_t n = strcspn(++p, "/");
                unescape(p, n, token);
                document = json_is_array(document) ? element(document, token) : json_object_get(document, token);
                p += n;
        }
        return document;
}
