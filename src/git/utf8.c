#include "git/utf8.h"

#include "revertd/text.h"

#include <stdlib.h>
#include <string.h>

static const char replacement[] = "\xEF\xBF\xBD";

/* The length of the character at s; 0: none. */
static size_t character(const char *s, size_t n) {
        for (size_t i = 1; i <= 4 && i <= n; i++)
                if (rv_text_is_utf8(s, i))
                        return i;
        return 0;
}

char *rv_utf8_copy(const char *bytes, size_t max_bytes) {
        size_t n = strlen(bytes), used = 0;
        char *copy;

        if (n <= max_bytes && rv_text_is_utf8(bytes, n))
                return strdup(bytes);
        copy = malloc(max_bytes + 1);
        if (!copy)
                return NULL;
        for (size_t i = 0; i < n;) {
                size_t length = character(bytes + i, n - i);
                size_t add = length > 0 ? length : sizeof(replacement) - 1;

                if (used + add > max_bytes)
                        break;
                memcpy(copy + used, length > 0 ? bytes + i : replacement, add);
                used += add;
                i += length > 0 ? length : 1;
        }
        copy[used] = '\0';
        return copy;
}
