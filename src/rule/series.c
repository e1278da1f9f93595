/* From verdicts to firing. */
#include "revertd/clock.h"
#include "revertd/rule.h"

static int64_t gap_usec(const struct rv_rule_config *rule) {
        int64_t gap = 4 * rule->interval_usec, least = 5 * RV_USEC_PER_MINUTE;

        return gap > least ? gap : least;
}

static enum rv_series_change breach(struct rv_series *series, const struct rv_rule_config *rule, int64_t at_usec) {
        bool begins = series->onset_usec == 0 || at_usec - series->breach_usec > gap_usec(rule);

        /* A clock that was set back must not make the run look long. */
        if (begins || at_usec < series->onset_usec)
                series->onset_usec = at_usec;
        series->breach_usec = at_usec;
        series->ok_usec = 0;
        if (series->latched)
                return RV_SERIES_SAME;
        if (at_usec - series->onset_usec >= rule->for_usec) {
                series->latched = true;
                return RV_SERIES_FIRED;
        }
        return begins ? RV_SERIES_PENDING : RV_SERIES_SAME;
}

static enum rv_series_change ok(struct rv_series *series, int64_t at_usec) {
        bool is_over = series->onset_usec != 0 || series->latched;

        if (series->ok_usec == 0 || at_usec < series->ok_usec)
                series->ok_usec = at_usec;
        series->onset_usec = series->breach_usec = 0;
        series->latched = false;
        return is_over ? RV_SERIES_OVER : RV_SERIES_SAME;
}

enum rv_series_change rv_series_advance(struct rv_series *series, const struct rv_rule_config *rule,
                                        enum rv_verdict verdict, double value, int64_t at_usec) {
        series->verdict = verdict;
        series->seen_usec = at_usec;
        if (verdict == RV_VERDICT_OK || verdict == RV_VERDICT_BREACH)
                series->value = value;
        switch (verdict) {
        case RV_VERDICT_BREACH:
                return breach(series, rule, at_usec);
        case RV_VERDICT_OK:
                return ok(series, at_usec);
        default:
                return RV_SERIES_SAME;
        }
}
