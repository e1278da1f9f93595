/* Answers of a Prometheus that is not one. */

#include "fuzz.h"

#include "revertd/source.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        struct rv_http_response response = {.status = n > 0 && data[0] & 1 ? 200 : 422};
        struct rv_samples samples;
        struct rv_range range;
        struct rv_error err;
        char *body = calloc(1, n + 1);

        if (!body)
                return 0;
        if (n > 1)
                memcpy(body, data + 1, n - 1);
        response.body = body;
        response.body_bytes = n > 1 ? n - 1 : 0;
        if (rv_prometheus_parse(&response, &samples, &err) >= 0)
                rv_samples_done(&samples);
        if (rv_prometheus_parse_range(&response, 100000000, 10000000, 10, &range, &err) >= 0)
                rv_range_done(&range);
        free(body);
        return 0;
}
