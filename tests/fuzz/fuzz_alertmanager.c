/* Webhooks of an Alertmanager that is not one. */

#include "fuzz.h"

#include "revertd/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        struct rv_alerts alerts;
        struct rv_error err;

        if (rv_alertmanager_parse((const char *)data, n, &alerts, &err) >= 0)
                rv_alerts_done(&alerts);
        return 0;
}
