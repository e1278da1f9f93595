/* Telling an operator that there is something new, so that it need not find out by itself. */
#pragma once

#include "revertd/operator.h"

struct nudger;

int nudger_new(struct nudger **ret, struct rv_http_client *client, rv_nudged_callback nudged,
               void *userdata) RV_MUST_CHECK;
struct nudger *nudger_free(struct nudger *nudger); /* drops what is under way */

/* A request; then, once it is answered well, the next of them. The callback comes at the end, or at the first failure. */
struct nudge_step {
        const char *method; /* NULL: GET */
        char *path, *body;  /* body NULL: none */
};
enum { NUDGE_STEPS_MAX = 2 };
struct nudge {
        size_t index; /* of the operator */
        struct rv_http_target *target;
        struct rv_operator_metrics *metrics;
        char *application;
        struct nudge_step step[NUDGE_STEPS_MAX];
        size_t n_steps;
};
void nudge_done(struct nudge *nudge);
/* Takes what the nudge holds, also on failure, which the callback is told of. */
void nudge_start(struct nudger *nudger, struct nudge *nudge);
