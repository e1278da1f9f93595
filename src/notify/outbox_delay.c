#include "notify/outbox.h"

#include "revertd/clock.h"

#define DELAY_MIN_USEC (1 * RV_USEC_PER_SEC)
#define DELAY_MAX_USEC (5 * RV_USEC_PER_MINUTE)
#define ASKED_MAX_USEC (1 * RV_USEC_PER_HOUR)
#define GIVE_UP_USEC (24 * RV_USEC_PER_HOUR)

int64_t outbox_delay_usec(unsigned failures, int64_t asked_usec) {
        int64_t delay_usec = DELAY_MIN_USEC;
        while (failures > 1 && delay_usec < DELAY_MAX_USEC) {
                delay_usec *= 2;
                failures--;
        }
        if (delay_usec > DELAY_MAX_USEC)
                delay_usec = DELAY_MAX_USEC;
        if (asked_usec > ASKED_MAX_USEC)
                asked_usec = ASKED_MAX_USEC;
        return asked_usec > delay_usec ? asked_usec : delay_usec;
}

bool outbox_gives_up(int64_t queued_usec, int64_t now_usec, int64_t failing_for_usec) {
        return now_usec - queued_usec >= GIVE_UP_USEC && failing_for_usec >= GIVE_UP_USEC;
}
