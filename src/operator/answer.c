#include "operator/answer.h"

#include "revertd/clock.h"
#include "revertd/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES_MAX = 400000, MESSAGE_BYTES_MAX = 300 };

int answer_read(json_t **ret, const struct rv_http_response *response, struct rv_error *err) {
        _cleanup_json_ json_t *root = NULL;
        int r;

        if (response->result < 0)
                return rv_error_set(err, response->result, "%s", response->error);
        r = rv_json_parse(&root, response->body, response->body_bytes, VALUES_MAX, err);
        if (response->status != 200) {
                const char *message = r < 0 ? "" : rv_json_string(root, "message", "");

                return rv_error_set(err, response->status == 404 ? -ENOENT : -EIO, "status %d%s%.*s", response->status,
                                    *message ? ": " : "", MESSAGE_BYTES_MAX, message);
        }
        if (r < 0)
                return r;
        if (!json_is_object(root))
                return rv_error_set(err, -EINVAL, "not an object");
        *ret = root;
        root = NULL;
        return 0;
}

struct rv_oid answer_oid(const char *text) {
        struct rv_oid oid = {{0}};
        size_t n = strspn(text, "0123456789abcdef");

        if ((n == 40 || n == 64) && text[n] == '\0')
                memcpy(oid.hex, text, n + 1);
        return oid;
}

int64_t answer_time(const json_t *object, const char *key) {
        int64_t usec;

        return rv_time_parse(rv_json_string(object, key, ""), &usec) < 0 ? 0 : usec;
}

void answer_say(FILE *words, const char *text, const char *more) {
        fprintf(words, "%s%s", ftell(words) > 0 ? "; " : "", text);
        if (more && *more)
                fprintf(words, ": %s", more);
}

int answer_end_words(FILE *words, struct rv_applied *applied, struct rv_error *err) {
        return fclose(words) == 0 && applied->words ? 0 : rv_error_oom(err);
}
