/* The breach of a label set before the present one. What came to the branch while it lasted, or shortly after, is no more
 * likely to have caused the present one than to have been made against the first.
 *
 * A breach is one that fired. What comes back shortly after is the same one, though an ok stood in between. One that a
 * revert of ours has mended is none: its cause is known. Not stored while the label set is well. */
#include "core.h"

#include <errno.h>

#define SHORTLY_USEC (10 * RV_USEC_PER_MINUTE)

static bool joins(const struct series *series, int64_t onset_usec) {
        return series->earlier_end_usec > 0 && onset_usec - series->earlier_end_usec <= SHORTLY_USEC;
}

static void forget(struct series *series) {
        series->earlier_usec = series->earlier_end_usec = 0;
}

void earlier_begin(struct series *series, int64_t onset_usec) {
        series->fired_usec = onset_usec;
        series->is_mended = false;
}

void earlier_end(struct series *series, int64_t end_usec) {
        if (series->is_mended)
                forget(series);
        else {
                if (!joins(series, series->fired_usec))
                        series->earlier_usec = series->fired_usec;
                series->earlier_end_usec = end_usec;
        }
        series->fired_usec = 0;
        series->is_mended = false;
}

/* What else was ill in the same scope, and is not any more, is mended by the same. */
int earlier_mend(struct turn *t, const struct open *o) {
        struct series *series, *next;

        HASH_ITER (hh, t->engine->series, series, next) {
                bool is_mended = series == o->series;

                if (!series->s.latched && series->earlier_end_usec == 0)
                        continue;
                if (!is_mended && series->s.verdict != RV_VERDICT_BREACH &&
                    good_overlaps(t, series, o, &is_mended) == -ENOMEM)
                        return -ENOMEM;
                if (!is_mended)
                        continue;
                forget(series);
                series->is_mended = series->s.latched;
        }
        return 0;
}

int64_t earlier_kept_usec(const struct series *series, const struct rv_rule_config *rule) {
        return series->earlier_end_usec > 0 ? rule->window_usec + rule->for_usec + SHORTLY_USEC : 0;
}

void earlier_tell(const struct series *series, const struct rv_rule_config *rule, int64_t onset_usec,
                  struct rv_incident_times *times) {
        if (series->earlier_end_usec == 0 || onset_usec - series->earlier_end_usec > rule->window_usec + SHORTLY_USEC)
                return;
        times->earlier_usec = series->earlier_usec;
        times->earlier_end_usec = joins(series, onset_usec) ? onset_usec : series->earlier_end_usec;
}

bool earlier_holds(const struct rv_incident_times *times, const struct rv_live *live) {
        return times->earlier_end_usec > 0 && live->not_before_usec > times->earlier_usec &&
               live->not_before_usec <= times->earlier_end_usec + SHORTLY_USEC;
}
