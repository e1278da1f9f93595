#include "revertd/cleanup.h"
#include "revertd/forge.h"
#include "revertd/text.h"

#include <errno.h>
#include <string.h>

enum { TITLE_BYTES_MAX = 240, TEXT_BYTES_MAX = 32 << 10 };

static size_t longest_run(const char *text, char c) {
        size_t longest = 0, n = 0;

        for (; *text; text++) {
                n = *text == c ? n + 1 : 0;
                longest = n > longest ? n : longest;
        }
        return longest;
}

/* As code, where no forge looks for mentions, for issues to close, or for markup; the fence is longer than any in it. */
int rv_forge_describe(const char *message, char **ret_title, char **ret_text) {
        const char *rest = message + strcspn(message, "\n");
        _cleanup_free_ char *first = strndup(message, (size_t)(rest - message));
        _cleanup_free_ char *title = first ? rv_text_line(first, TITLE_BYTES_MAX) : NULL;
        _cleanup_free_ char *body = rv_text_block(rest + strspn(rest, "\n"), TEXT_BYTES_MAX);
        _cleanup_free_ char *fence = NULL;
        char *text;

        if (!title || !body)
                return -ENOMEM;
        size_t n = longest_run(body, '`') + 1;
        n = n < 3 ? 3 : n;
        fence = malloc(n + 1);
        if (!fence)
                return -ENOMEM;
        memset(fence, '`', n);
        fence[n] = '\0';
        if (asprintf(&text, "%s\n%s%s%s\n", fence, body, body[0] && body[strlen(body) - 1] == '\n' ? "" : "\n", fence) <
            0)
                return -ENOMEM;
        *ret_title = RV_TAKE(title);
        *ret_text = text;
        return 0;
}
