#include "revertd/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* vsnprintf cuts between bytes; a text that was cut must not end inside a character. */
static void drop_cut_character(char *text) {
        size_t n = strlen(text), start = n;

        while (start > 0 && n - start < 3 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
                start--;
        if (start == 0)
                return;
        unsigned char lead = (unsigned char)text[start - 1];
        size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
        if (want > n - start + 1)
                text[start - 1] = '\0';
}

int rv_error_set(struct rv_error *err, int code, const char *fmt, ...) {
        char text[RV_ERROR_TEXT_MAX]; /* the arguments may point into err->text */
        va_list ap;

        if (!err)
                return code;
        va_start(ap, fmt);
        int n = vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        if (n < 0)
                text[0] = '\0';
        else if ((size_t)n >= sizeof(text))
                drop_cut_character(text);
        memcpy(err->text, text, strlen(text) + 1);
        return code;
}

int rv_error_prefix(struct rv_error *err, int code, const char *fmt, ...) {
        char prefix[RV_ERROR_TEXT_MAX];
        va_list ap;

        if (!err)
                return code;
        va_start(ap, fmt);
        int n = vsnprintf(prefix, sizeof(prefix), fmt, ap);
        va_end(ap);
        if (n < 0)
                prefix[0] = '\0';
        else if ((size_t)n >= sizeof(prefix))
                drop_cut_character(prefix);
        if (err->text[0] == '\0' && code < 0)
                return rv_error_set(err, code, "%s: %s", prefix, strerror(-code));
        return rv_error_set(err, code, "%s: %s", prefix, err->text);
}

int rv_error_oom(struct rv_error *err) {
        return rv_error_set(err, -ENOMEM, "out of memory");
}
