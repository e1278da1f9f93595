/* The daemon's HTTP API, one request at a time. */
#pragma once

#include "ctl/args.h"
#include "revertd/error.h"
#include "revertd/json.h"

/* *ret is the answer's object. body: NULL for none; not taken. -ECONNREFUSED: nobody is there; -EREMOTEIO: there is an
 * answer, and it is an error. */
int api_call(const struct args *args, const char *method, const char *path, const json_t *body, json_t **ret,
             struct rv_error *err) RV_MUST_CHECK;

/* prefix and text, the text percent-encoded; caller frees; NULL: out of memory. */
char *api_path(const char *prefix, const char *text);
