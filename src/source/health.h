/* Whether a Prometheus server is itself in a state to be believed. Pure. */
#pragma once

#include "revertd/source.h"

/* The answer to the server's `healthy`: at least one series, and none that is 0 or NaN. Negative: it is not; err says
 * why. */
int health_judge(const struct rv_samples *samples, struct rv_error *err) RV_MUST_CHECK;

/* Its clock, by the answer's Date, is no further from ours than max_skew_usec (0: any). */
int health_check_clock(const struct rv_http_response *response, int64_t now_usec, int64_t max_skew_usec,
                       struct rv_error *err) RV_MUST_CHECK;
