#include "handlers.h"

#include "revertd/cleanup.h"

void rv_api_healthy(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        (void)call;
        (void)userdata;
        rv_api_reply_text(answer, 200, "OK\n");
}

void rv_api_ready(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        const struct rv_api_context *context = userdata;
        (void)call;

        if (context->not_ready) {
                rv_api_reply_text(answer, 503, context->not_ready);
                answer->retry_after_sec = 5;
                return;
        }
        rv_api_reply_text(answer, 200, "OK\n");
}

void rv_api_reload(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        struct rv_api_context *context = userdata;
        _cleanup_free_ char *errors = NULL;

        if (rv_api_is_foreign(context, call, answer))
                return;
        if (context->reload(&errors, context->userdata) < 0)
                rv_api_reply_text(answer, 500, errors ? errors : "out of memory\n");
        else
                answer->status = 200;
}
