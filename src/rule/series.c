/* From verdicts to firing. */
#include "revertd/clock.h"
#include "revertd/rule.h"

static int64_t gap_usec(const struct rv_rule_config *rule) {
        unsigned looks = rule->breaches.of > 2 ? 2 * rule->breaches.of : 4;
        int64_t gap = looks * rule->interval_usec, least = 5 * RV_USEC_PER_MINUTE;

        return gap > least ? gap : least;
}

/* -- by count -- */

static bool counts(const struct rv_rule_config *rule) {
        return rule->breaches.of > 0;
}

static void count(struct rv_series *series, const struct rv_rule_config *rule, bool is_breach) {
        uint64_t mask = (UINT64_C(1) << rule->breaches.of) - 1;

        series->recent = (series->recent << 1 | is_breach) & mask;
}

static bool has_enough(const struct rv_series *series, const struct rv_rule_config *rule) {
        return (unsigned)__builtin_popcountll(series->recent) >= rule->breaches.needed;
}

/* -- both -- */

static enum rv_series_change breach(struct rv_series *series, const struct rv_rule_config *rule, int64_t at_usec) {
        bool begins = series->onset_usec == 0 || at_usec - series->breach_usec > gap_usec(rule);
        bool fires;

        /* A clock that was set back must not make the run look long. */
        if (begins || at_usec < series->onset_usec)
                series->onset_usec = at_usec;
        if (begins && !series->latched)
                series->recent = 0;
        if (counts(rule))
                count(series, rule, true);
        series->breach_usec = at_usec;
        series->ok_usec = 0;
        fires = counts(rule) ? has_enough(series, rule) : at_usec - series->onset_usec >= rule->for_usec;
        if (fires || !counts(rule))
                series->left_usec = 0;
        if (series->latched)
                return RV_SERIES_SAME;
        if (fires) {
                series->latched = true;
                return RV_SERIES_FIRED;
        }
        return begins || counts(rule) ? RV_SERIES_PENDING : RV_SERIES_SAME;
}

static enum rv_series_change over(struct rv_series *series) {
        bool is_news = series->onset_usec != 0 || series->latched;

        series->onset_usec = series->breach_usec = series->left_usec = 0;
        series->recent = 0;
        series->latched = false;
        return is_news ? RV_SERIES_OVER : RV_SERIES_SAME;
}

/* Whether it leaves, and since when. */
static enum rv_series_change leave(struct rv_series *series, const struct rv_rule_config *rule, int64_t at_usec) {
        bool is_news = series->left_usec == 0 || at_usec < series->left_usec;

        if (is_news)
                series->left_usec = at_usec;
        if (at_usec - series->left_usec >= rule->keep_firing_usec)
                return over(series);
        return is_news ? RV_SERIES_LEAVING : RV_SERIES_SAME;
}

static enum rv_series_change ok(struct rv_series *series, const struct rv_rule_config *rule, int64_t at_usec) {
        if (series->ok_usec == 0 || at_usec < series->ok_usec)
                series->ok_usec = at_usec;
        if (counts(rule))
                count(series, rule, false);
        if (series->latched)
                return counts(rule) && has_enough(series, rule) ? RV_SERIES_SAME : leave(series, rule, at_usec);
        return series->recent > 0 ? RV_SERIES_PENDING : over(series);
}

/* A reload took the counting away: a run with oks in it is none by time. */
static void stop_counting(struct rv_series *series) {
        series->recent = 0;
        if (!series->latched)
                series->onset_usec = series->breach_usec = 0;
}

enum rv_series_change rv_series_advance(struct rv_series *series, const struct rv_rule_config *rule,
                                        enum rv_verdict verdict, double value, int64_t at_usec) {
        series->verdict = verdict;
        series->seen_usec = at_usec;
        if (series->recent > 0 && !counts(rule))
                stop_counting(series);
        if (verdict != RV_VERDICT_NO_DATA && verdict != RV_VERDICT_ERROR)
                series->value = value;
        switch (verdict) {
        case RV_VERDICT_BREACH:
                return breach(series, rule, at_usec);
        case RV_VERDICT_OK:
                return ok(series, rule, at_usec);
        default:
                return RV_SERIES_SAME;
        }
}
