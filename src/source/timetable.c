#include "source/timetable.h"
#include "revertd/clock.h"

#include <errno.h>
#include <stdlib.h>

/* FNV-1a; the same in every replica, so that they ask for the same times. */
static uint64_t hash_name(const char *name) {
        uint64_t hash = UINT64_C(14695981039346656037);

        for (; *name; name++)
                hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
        return hash;
}

/* The first time after now. */
static int64_t time_after(const struct timetable_entry *entry, int64_t now_usec) {
        int64_t since = (now_usec - entry->offset_usec) % entry->interval_usec;

        return now_usec - since + (since < 0 ? 0 : entry->interval_usec);
}

static void sift_down(struct timetable *timetable, size_t i) {
        struct timetable_entry *entry = timetable->entry, moved = entry[i];

        for (size_t child; (child = 2 * i + 1) < timetable->n; i = child) {
                if (child + 1 < timetable->n && entry[child + 1].next_usec < entry[child].next_usec)
                        child++;
                if (moved.next_usec <= entry[child].next_usec)
                        break;
                entry[i] = entry[child];
        }
        entry[i] = moved;
}

void timetable_resync(struct timetable *timetable, int64_t now_usec) {
        for (size_t i = 0; i < timetable->n; i++)
                timetable->entry[i].next_usec = time_after(&timetable->entry[i], now_usec);
        for (size_t i = timetable->n / 2; i-- > 0;)
                sift_down(timetable, i);
}

int timetable_init(struct timetable *timetable, const struct rv_config *config, int64_t now_usec) {
        *timetable = (struct timetable){.entry = calloc(config->n_rules + 1, sizeof(struct timetable_entry))};
        if (!timetable->entry)
                return -ENOMEM;
        for (size_t i = 0; i < config->n_rules; i++) {
                const struct rv_rule_config *rule = &config->rules[i];
                if (!rule->expr || rule->interval_usec < RV_USEC_PER_MSEC)
                        continue;
                /* In whole milliseconds, as the times in a query. */
                uint64_t interval_msec = (uint64_t)(rule->interval_usec / RV_USEC_PER_MSEC);
                timetable->entry[timetable->n++] = (struct timetable_entry){
                        .interval_usec = (int64_t)interval_msec * RV_USEC_PER_MSEC,
                        .offset_usec = (int64_t)(hash_name(rule->name) % interval_msec) * RV_USEC_PER_MSEC,
                        .rule = i};
        }
        timetable_resync(timetable, now_usec);
        return 0;
}

void timetable_done(struct timetable *timetable) {
        free(timetable->entry);
        *timetable = (struct timetable){0};
}

int64_t timetable_next_usec(const struct timetable *timetable) {
        return timetable->n > 0 ? timetable->entry[0].next_usec : RV_USEC_INFINITY;
}

bool timetable_pop(struct timetable *timetable, int64_t now_usec, size_t *ret_rule, int64_t *ret_at_usec,
                   uint64_t *ret_missed) {
        struct timetable_entry *first = timetable->entry;

        if (timetable_next_usec(timetable) > now_usec)
                return false;
        int64_t late_usec = now_usec - first->next_usec;
        bool is_lost = late_usec >= first->interval_usec;
        *ret_rule = first->rule;
        *ret_at_usec = is_lost ? 0 : first->next_usec;
        *ret_missed = is_lost ? (uint64_t)(late_usec / first->interval_usec) + 1 : 0;
        first->next_usec = time_after(first, now_usec);
        sift_down(timetable, 0);
        return true;
}
