/* What a backtest may ask: the real Prometheus, and a worker that can only read. */
#pragma once

#include "ctl/args.h"
#include "revertd/lab.h"

struct asker;

/* Reads the configuration: backtest->config, and backtest->rules, all false, which the caller sets. What the lab asks
 * is set in *ret_backtest, but for the range of time. */
int asker_new(struct asker **ret, const struct args *args, struct rv_backtest **ret_backtest, bool **ret_rules,
              struct rv_error *err) RV_MUST_CHECK;
struct asker *asker_free(struct asker *asker);
