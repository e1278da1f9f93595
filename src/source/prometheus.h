/* Queries that can be called off, for the schedule. */
#pragma once

#include "revertd/source.h"

struct query;

/* Percent-encoded for a form; `to` has room for three times the text. Returns the end. */
char *prometheus_encode(char *to, const char *s);
struct rv_http_client *prometheus_client(struct rv_prometheus *prometheus);
struct rv_http_target *prometheus_target(struct rv_prometheus *prometheus, size_t index, int64_t *ret_timeout_usec);

int prometheus_start(struct rv_prometheus *prometheus, size_t index, const char *expr, int64_t at_usec,
                     rv_query_callback callback, void *userdata, struct query **ret,
                     struct rv_error *err) RV_MUST_CHECK;
void prometheus_cancel(struct query *query); /* no callback */
