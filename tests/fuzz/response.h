/* An input as a server's answer: its first byte says whether all went well, the rest is the body. */
#pragma once

#include "fuzz.h"

#include "revertd/http_client.h"

#include <string.h>

/* The body, which the caller frees; NULL: out of memory. refused: the status where it did not go well. */
static inline char *fuzz_response(const uint8_t *data, size_t n, int refused, struct rv_http_response *ret) {
        size_t body_bytes = n > 1 ? n - 1 : 0;
        char *body = calloc(1, body_bytes + 1);

        if (!body)
                return NULL;
        if (body_bytes > 0)
                memcpy(body, data + 1, body_bytes);
        *ret = (struct rv_http_response){
                .status = n > 0 && data[0] & 1 ? 200 : refused, .body = body, .body_bytes = body_bytes};
        return body;
}
