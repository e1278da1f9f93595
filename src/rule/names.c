#include "revertd/rule.h"

#include <errno.h>
#include <string.h>

static const char *const verdict_names[] = {
        [RV_VERDICT_OK] = "ok",
        [RV_VERDICT_BREACH] = "breach",
        [RV_VERDICT_NO_DATA] = "no_data",
        [RV_VERDICT_ERROR] = "error",
        [RV_VERDICT_INCONCLUSIVE] = "inconclusive",
};

const char *rv_verdict_to_string(enum rv_verdict verdict) {
        return verdict < RV_VERDICT_MAX ? verdict_names[verdict] : "unknown";
}

int rv_verdict_from_string(const char *s, enum rv_verdict *ret) {
        for (unsigned i = 0; i < RV_VERDICT_MAX; i++)
                if (strcmp(s, verdict_names[i]) == 0) {
                        *ret = i;
                        return 0;
                }
        return -EINVAL;
}
