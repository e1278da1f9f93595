/* Answers of an Argo CD or a Flux that is not one. */

#include "fuzz.h"

#include "revertd/operator.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        struct rv_http_response response = {.status = n > 0 && data[0] & 1 ? 200 : 403};
        struct rv_applied applied;
        struct rv_flux_source source;
        struct rv_error err;
        char *body = calloc(1, n + 1);

        if (!body)
                return 0;
        if (n > 1)
                memcpy(body, data + 1, n - 1);
        response.body = body;
        response.body_bytes = n > 1 ? n - 1 : 0;
        must(rv_argocd_parse(&response, &applied, &err) < 0 || applied.words);
        rv_applied_done(&applied);
        must(rv_flux_parse(&response, &applied, &source, &err) < 0 || applied.words);
        rv_applied_done(&applied);
        free(body);
        return 0;
}
