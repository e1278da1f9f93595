/* The outbox's decisions about time, apart from its wiring. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How long to wait after so many failures in a row; asked_usec: what the receiver asked for (0: nothing). */
int64_t outbox_delay_usec(unsigned failures, int64_t asked_usec);

/* Whether a notice has had its chance: it has waited for long enough by the wall clock, and by a clock that nobody sets
 * the receiver has failed for as long. */
bool outbox_gives_up(int64_t queued_usec, int64_t now_usec, int64_t failing_for_usec);
