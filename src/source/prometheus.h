/* Queries that can be called off, for the schedule. */
#pragma once

#include "revertd/source.h"

struct query;

int prometheus_start(struct rv_prometheus *prometheus, size_t index, const char *expr, int64_t at_usec,
                     rv_query_callback callback, void *userdata, struct query **ret,
                     struct rv_error *err) RV_MUST_CHECK;
void prometheus_cancel(struct query *query); /* no callback */
