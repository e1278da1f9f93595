/* One evaluation: each sample becomes a verdict. */
#include "revertd/cleanup.h"
#include "revertd/rule.h"

#include <math.h>
#include <stdlib.h>

static bool compares(enum rv_breach_op op, double value, double threshold) {
        switch (op) {
        case RV_BREACH_GT:
                return value > threshold;
        case RV_BREACH_GE:
                return value >= threshold;
        case RV_BREACH_LT:
                return value < threshold;
        case RV_BREACH_LE:
                return value <= threshold;
        case RV_BREACH_EQ:
                return !(value < threshold) && !(value > threshold);
        case RV_BREACH_NE:
                return value < threshold || value > threshold;
        case RV_BREACH_OP_MAX:
                break;
        }
        return false;
}

enum rv_verdict rv_rule_judge(const struct rv_rule_config *rule, double value) {
        if (isnan(value))
                return RV_VERDICT_NO_DATA;
        return compares(rule->breach_op, value, rule->breach_value) ? RV_VERDICT_BREACH : RV_VERDICT_OK;
}

enum rv_verdict rv_rule_settle(const struct rv_rule_config *rule, enum rv_verdict verdict, double value,
                               bool is_firing) {
        if (verdict != RV_VERDICT_OK || !is_firing || !rule->has_clear ||
            compares(rule->clear_op, value, rule->clear_value))
                return verdict;
        return RV_VERDICT_INCONCLUSIVE;
}

static bool is_met(const struct rv_sample *sample) {
        return !sample->is_histogram && !isnan(sample->value) && (sample->value < 0 || sample->value > 0);
}

static int compare_fingerprints(const void *a, const void *b) {
        uint64_t x = (*(const struct rv_sample *const *)a)->labels->fingerprint;
        uint64_t y = (*(const struct rv_sample *const *)b)->labels->fingerprint;

        return (x > y) - (x < y);
}

/* The samples of require that are met, sorted by fingerprint. NULL: out of memory. */
static const struct rv_sample **index_require(const struct rv_samples *require, size_t *ret_n) {
        const struct rv_sample **met = calloc(require->n + 1, sizeof(*met));
        size_t n = 0;

        if (!met)
                return NULL;
        for (size_t i = 0; i < require->n; i++)
                if (is_met(&require->sample[i]))
                        met[n++] = &require->sample[i];
        qsort(met, n, sizeof(*met), compare_fingerprints);
        *ret_n = n;
        return met;
}

static bool find_labels(const struct rv_sample *const *met, size_t n, const struct rv_labels *labels) {
        size_t low = 0, high = n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (met[middle]->labels->fingerprint < labels->fingerprint)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (; low < n && met[low]->labels->fingerprint == labels->fingerprint; low++)
                if (rv_labels_equal(met[low]->labels, labels))
                        return true;
        return false;
}

void rv_rule_judge_all(const struct rv_rule_config *rule, const struct rv_samples *samples,
                       const struct rv_samples *require, enum rv_verdict *verdict) {
        _cleanup_free_ const struct rv_sample **met = NULL;
        size_t n_met = 0;
        /* What an answer with warnings holds may be a part of the truth; a part can look like either. */
        bool is_whole = !samples->is_partial && !(require && require->is_partial);

        if (require && is_whole) {
                met = index_require(require, &n_met);
                is_whole = met != NULL;
        }
        for (size_t i = 0; i < samples->n; i++) {
                const struct rv_sample *sample = &samples->sample[i];

                if (!is_whole || sample->is_histogram) {
                        verdict[i] = RV_VERDICT_ERROR;
                        continue;
                }
                verdict[i] = rv_rule_judge(rule, sample->value);
                if (!require || verdict[i] == RV_VERDICT_NO_DATA)
                        continue;
                if (require->is_scalar ? n_met == 0 : !find_labels(met, n_met, sample->labels))
                        verdict[i] = RV_VERDICT_INCONCLUSIVE;
        }
}
