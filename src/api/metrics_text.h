/* Prometheus' text format 0.0.4, family by family. */
#pragma once

#include <stdint.h>
#include <stdio.h>

enum rv_metric_type { RV_METRIC_COUNTER, RV_METRIC_GAUGE, RV_METRIC_HISTOGRAM };

/* HELP and TYPE: once for each family, before its samples. */
void rv_metric_family(FILE *f, const char *name, enum rv_metric_type type, const char *help);

/* One sample. The pairs of label name and value end with NULL; a pair with a NULL value is left out. */
void rv_metric(FILE *f, const char *name, double value, ...) __attribute__((sentinel));

/* A family of one sample without labels. */
void rv_metric_single(FILE *f, const char *name, enum rv_metric_type type, const char *help, double value);
