#include "handlers.h"

#include "revertd/json.h"
#include "revertd/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { RETRY_AFTER_SEC = 5, MESSAGE_BYTES_MAX = 2048 };

void rv_api_reply_json(struct rv_http_answer *answer, int status, json_t *take) {
        _cleanup_json_ json_t *json = take;

        answer->body = json ? rv_json_dump(json) : NULL;
        if (!answer->body) {
                answer->status = 500;
                return;
        }
        answer->status = status;
        answer->content_type = "application/json";
        answer->body_bytes = strlen(answer->body);
}

void rv_api_reply_error(struct rv_http_answer *answer, int status, const char *fmt, ...) {
        char text[MESSAGE_BYTES_MAX];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);

        /* What was sent may stand in it, cut in the middle of a character. */
        char *line = rv_text_line(text, sizeof(text));
        rv_api_reply_json(answer, status, json_pack("{s:s}", "error", line ? line : "out of memory"));
        free(line);
}

void rv_api_reply_text(struct rv_http_answer *answer, int status, const char *text) {
        answer->status = status;
        answer->body = strdup(text);
        answer->body_bytes = answer->body ? strlen(text) : 0;
}

void rv_api_reply_unavailable(struct rv_http_answer *answer, const char *why) {
        rv_api_reply_error(answer, 503, "%s", why);
        answer->retry_after_sec = RETRY_AFTER_SEC;
}

void rv_api_reply_method(struct rv_http_answer *answer, const char *allow) {
        rv_api_reply_error(answer, 405, "the method must be one of %s", allow);
        answer->allow = allow;
}

static int status_of(int error) {
        switch (error) {
        case -ENOENT:
                return 404;
        case -EBUSY:
        case -ENOTUNIQ:
        case -EEXIST:
                return 409;
        case -EINVAL:
        case -E2BIG:
                return 400;
        default:
                return 503; /* the store, or memory: the same request may do later */
        }
}

bool rv_api_submit(struct rv_api_context *context, const struct rv_event *event, struct rv_api_outcome *ret,
                   struct rv_http_answer *answer) {
        struct rv_error err = {};
        int r = context->submit(event, ret, &err, context->userdata);

        if (r >= 0)
                return true;

        int status = status_of(r);
        const char *text = err.text[0] ? err.text : strerror(-r);
        if (status == 503)
                rv_api_reply_unavailable(answer, text);
        else
                rv_api_reply_error(answer, status, "%s", text);
        return false;
}
