/* Rules: from samples to verdicts, from verdicts to firing. Pure. */
#pragma once

#include "revertd/config.h"
#include "revertd/signal.h"

enum rv_verdict {
        RV_VERDICT_OK,
        RV_VERDICT_BREACH,
        RV_VERDICT_NO_DATA,      /* empty answer, NaN, vanished */
        RV_VERDICT_ERROR,        /* the query failed, or its answer is not whole */
        RV_VERDICT_INCONCLUSIVE, /* `require` is not met: too little traffic */
        RV_VERDICT_MAX
};
const char *rv_verdict_to_string(enum rv_verdict verdict);
int rv_verdict_from_string(const char *s, enum rv_verdict *ret) RV_MUST_CHECK;

/* One value against the threshold. NaN is no_data. */
enum rv_verdict rv_rule_judge(const struct rv_rule_config *rule, double value);

/* One evaluation of a polled rule: the answer to expr and, where the rule has it, to require (NULL: not asked). One
 * verdict a sample, in verdict[samples->n]. A series passes require when the require answer has the same label set
 * (or is a scalar) with a value that is neither 0 nor NaN; a comparison in PromQL leaves just those. */
void rv_rule_judge_all(const struct rv_rule_config *rule, const struct rv_samples *samples,
                       const struct rv_samples *require, enum rv_verdict *verdict);

/* The edge of `clear`: once a label set fires, a value that is neither in breach nor clear is inconclusive. */
enum rv_verdict rv_rule_settle(const struct rv_rule_config *rule, enum rv_verdict verdict, double value,
                               bool is_firing);

/* All matchers match. */
bool rv_rule_matches(const struct rv_rule_config *rule, const struct rv_labels *labels);

/* The state of one label set of one rule. Kept in the store while pending or latched; a series that is neither is
 * forgotten after a while. */
struct rv_series {
        struct rv_labels *labels;
        double value;            /* the newest that had one */
        enum rv_verdict verdict; /* the newest */
        int64_t seen_usec;       /* when that was */
        int64_t onset_usec;      /* the first breach of this run; 0: not in breach */
        int64_t breach_usec;     /* the newest breach of this run */
        int64_t ok_usec;         /* the first ok of the present run of ok; 0: not ok */
        bool latched;            /* an incident was opened; none more until it is over */
        uint64_t recent;         /* `breaches`: the newest evaluations that were ok (0) or breach (1), newest lowest */
        int64_t left_usec;       /* latched: since when it does not fire any more; 0: it does */
};

/* What a new verdict did to its series. */
enum rv_series_change {
        RV_SERIES_SAME,
        RV_SERIES_PENDING, /* a run of breaches began: store it */
        RV_SERIES_FIRED,   /* it has lasted for `for`, or is one breach too many: open an incident, latch, store it */
        RV_SERIES_LEAVING, /* latched, and from now on without what it fired for: store it */
        RV_SERIES_OVER,    /* ok after a breach: unlatched; forget the stored state */
};

/* A rule fires by `for` (breaches without an ok between them for that long) or by `breaches` (so many of the newest
 * evaluations that were ok or breach). Breaches further apart than 5 minutes, 4 intervals or twice what `breaches` looks
 * back on, whichever is most, are two runs, not one. no_data, error and inconclusive neither lengthen a run nor end it,
 * and count in neither way. It is over at an ok, when what it fired for has not been so for keep_firing_for. */
enum rv_series_change rv_series_advance(struct rv_series *series, const struct rv_rule_config *rule,
                                        enum rv_verdict verdict, double value, int64_t at_usec);
