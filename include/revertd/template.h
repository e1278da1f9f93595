/* Templates in Prometheus's words: {{ $labels.x }}, {{ $value }}, and a pipe to humanize, humanizePercentage or
 * humanizeDuration. Compiled once, when the configuration is read; expanded for each breach. */
#pragma once

#include "revertd/labels.h"

struct rv_template;

/* err names the column. -EINVAL: not a template. */
int rv_template_compile(struct rv_template **ret, const char *text, struct rv_error *err) RV_MUST_CHECK;
struct rv_template *rv_template_ref(struct rv_template *t);
struct rv_template *rv_template_free(struct rv_template *t); /* gives one reference back */
const char *rv_template_source(const struct rv_template *t);

/* How values are let in.
 * TEXT: as they are (what shows them sanitises them); a missing label is "".
 * PATH: a missing or empty label, or a value that is no plain single path component ("..", "/", glob and control
 *       characters, a leading dot or dash, invalid UTF-8), is -EINVAL; so is a result that is no path pattern.
 * PROMQL: for an expression, where the template puts the value between double quotes: escaped, so that it cannot end
 *       the string; a missing label is -EINVAL. */
enum rv_template_use { RV_TEMPLATE_TEXT, RV_TEMPLATE_PATH, RV_TEMPLATE_PROMQL };

enum {
        RV_TEMPLATE_BYTES_MAX = 65536,         /* a template */
        RV_TEMPLATE_RESULT_BYTES_MAX = 262144, /* what it expands to; over it is -E2BIG */
};

/* Caller frees *ret. */
int rv_template_expand(const struct rv_template *t, enum rv_template_use use, const struct rv_labels *labels,
                       double value, char **ret, struct rv_error *err) RV_MUST_CHECK;
