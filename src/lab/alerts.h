/* The alerts of a rule, as Prometheus remembers them. */
#pragma once

#include "lab/lab.h"

/* A query for the firing alerts that the rule's matchers want, without the labels that ALERTS adds. Caller frees; NULL:
 * out of memory. */
char *alerts_expr(const struct rv_rule_config *rule);
