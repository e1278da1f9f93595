/* Which lines of two texts differ, as git's merge sees it: by the histogram algorithm (Shawn Pearce, JGit's
 * HistogramDiff; git has it from there), the changes then slid together as git slides them. */
#pragma once

#include "revertd/error.h"

#include <stddef.h>
#include <stdint.h>

enum { RV_LINE_DIFF_STEPS_MAX = 100 * 1000 * 1000 }; /* lines compared */

/* Lines as numbers: equal ones have the same, below n_ids. */
struct rv_line_ids {
        const uint32_t *ids;
        size_t n;
};

/* a's lines [a, a + n_a) became b's [b, b + n_b), counted from 0. */
struct rv_line_hunk {
        size_t a, n_a, b, n_b;
};

/* From first to last; between two of them is at least one line that both have. Caller frees *ret. -E2BIG: more than
 * *steps, which are counted down; -ENOMEM. */
int rv_line_diff(const struct rv_line_ids *a, const struct rv_line_ids *b, size_t n_ids, size_t *steps,
                 struct rv_line_hunk **ret, size_t *ret_n) RV_MUST_CHECK;
