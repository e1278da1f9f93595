/* When each polled rule is due: at wall times ≡ its offset (a hash of its name) modulo its interval. Pure. */
#pragma once

#include "revertd/config.h"

struct timetable_entry {
        int64_t next_usec;
        int64_t interval_usec;
        int64_t offset_usec;
        size_t rule;
};

struct timetable { /* a binary heap: the first is the next to be due */
        struct timetable_entry *entry;
        size_t n;
};

int timetable_init(struct timetable *timetable, const struct rv_config *config, int64_t now_usec) RV_MUST_CHECK;
void timetable_done(struct timetable *timetable);

/* Forget what is due, and set each rule to its first time after now: when the clock has jumped. */
void timetable_resync(struct timetable *timetable, int64_t now_usec);

int64_t timetable_next_usec(const struct timetable *timetable); /* RV_USEC_INFINITY: no rules */

/* One rule that is due at now, moved on to its next time. *ret_missed: its times that went by and are not made up for;
 * where the newest lies an interval back or more, *ret_at_usec is 0 and the rule waits for its next. False: none due. */
bool timetable_pop(struct timetable *timetable, int64_t now_usec, size_t *ret_rule, int64_t *ret_at_usec,
                   uint64_t *ret_missed);
