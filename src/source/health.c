#include "source/health.h"

#include "revertd/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

int health_judge(const struct rv_samples *samples, struct rv_error *err) {
        if (samples->is_partial)
                return rv_error_set(err, -EAGAIN, "it is not well: the answer to healthy may be incomplete");
        if (samples->n == 0)
                return rv_error_set(err, -EAGAIN, "it is not well: healthy has no series");
        for (size_t i = 0; i < samples->n; i++)
                if (isnan(samples->sample[i].value) || samples->sample[i].value == 0)
                        return rv_error_set(err, -EAGAIN, "it is not well: healthy is %g", samples->sample[i].value);
        return 0;
}

int health_check_clock(const struct rv_http_response *response, int64_t now_usec, int64_t max_skew_usec,
                       struct rv_error *err) {
        int64_t date_usec = response->date_usec, sent_usec = now_usec - response->duration_usec;
        int64_t skew_usec = 0;

        if (date_usec <= 0 || max_skew_usec == 0)
                return 0;
        if (date_usec > now_usec)
                skew_usec = date_usec - now_usec;
        else if (date_usec < sent_usec)
                skew_usec = date_usec - sent_usec;
        if (skew_usec <= max_skew_usec && skew_usec >= -max_skew_usec)
                return 0;
        return rv_error_set(err, -EAGAIN, "its clock is %" PRId64 " s %s ours",
                            (skew_usec > 0 ? skew_usec : -skew_usec) / RV_USEC_PER_SEC,
                            skew_usec > 0 ? "ahead of" : "behind");
}
