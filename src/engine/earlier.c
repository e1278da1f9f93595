/* The breach of a label set before the present one. What came to the branch while it lasted, or shortly after, is no more
 * likely to have caused the present one than to have been made against the first.
 *
 * A breach is one that fired. What comes back shortly after is the same one, though an ok stood in between. */
#include "core.h"

#define SHORTLY_USEC (10 * RV_USEC_PER_MINUTE)

static bool joins(const struct series *series, int64_t onset_usec) {
        return series->earlier_end_usec > 0 && onset_usec - series->earlier_end_usec <= SHORTLY_USEC;
}

void earlier_note(struct series *series, bool has_fired, int64_t onset_usec, int64_t end_usec) {
        bool is_same = joins(series, onset_usec);

        if (!has_fired && !is_same)
                return;
        if (!is_same || series->earlier_usec > onset_usec)
                series->earlier_usec = onset_usec;
        series->earlier_end_usec = end_usec;
}

int earlier_forget(struct turn *t, struct series *series) {
        series->earlier_usec = series->earlier_end_usec = 0;
        return series->s.latched || series->s.onset_usec > 0 ? series_store(t, series) : series_forget(t, series);
}

bool earlier_matters(const struct turn *t, const struct series *series) {
        const struct rv_rule_config *rule = rule_config(t->engine, series->key.rule);

        return series->earlier_end_usec > 0 && rule && t->now_usec - series->earlier_end_usec <= rule->window_usec;
}

void earlier_tell(const struct turn *t, const struct series *series, struct rv_incident_times *times) {
        if (!earlier_matters(t, series))
                return;
        times->earlier_usec = series->earlier_usec;
        times->earlier_end_usec = joins(series, times->onset_usec) ? times->onset_usec : series->earlier_end_usec;
}

bool earlier_holds(const struct rv_incident_times *times, const struct rv_live *live) {
        return times->earlier_end_usec > 0 && live->not_before_usec > times->earlier_usec &&
               live->not_before_usec <= times->earlier_end_usec + SHORTLY_USEC;
}
