/* Notices given up: moved out of the queue, kept for display, the oldest forgotten first. */
#pragma once

#include "revertd/store.h"

/* Adds to the batch what moves the notice; after a failure it may hold a part of that. */
int undeliverable_put(struct rv_batch *batch, struct rv_store *store, const struct rv_record *notice, const char *error,
                      int64_t now_usec, struct rv_error *err) RV_MUST_CHECK;
