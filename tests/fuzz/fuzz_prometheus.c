/* Answers of a Prometheus that is not one. */

#include "response.h"

#include "revertd/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        struct rv_http_response response;
        struct rv_samples samples;
        struct rv_range range;
        struct rv_error err;
        char *body = fuzz_response(data, n, 422, &response);

        if (!body)
                return 0;
        if (rv_prometheus_parse(&response, &samples, &err) >= 0)
                rv_samples_done(&samples);
        if (rv_prometheus_parse_range(&response, 100000000, 10000000, 10, &range, &err) >= 0)
                rv_range_done(&range);
        free(body);
        return 0;
}
