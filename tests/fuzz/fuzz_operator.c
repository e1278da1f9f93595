/* Answers of an Argo CD or a Flux that is not one. */

#include "response.h"

#include "revertd/operator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        struct rv_http_response response;
        struct rv_applied applied;
        struct rv_flux_source source;
        struct rv_error err;
        char *body = fuzz_response(data, n, 403, &response);

        if (!body)
                return 0;
        must(rv_argocd_parse(&response, &applied, &err) < 0 || applied.words);
        rv_applied_done(&applied);
        must(rv_flux_parse(&response, &applied, &source, &err) < 0 || applied.words);
        rv_applied_done(&applied);
        free(body);
        return 0;
}
