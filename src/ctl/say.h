/* What verbs say, to people and to programs. */
#pragma once

#include "ctl/args.h"
#include "revertd/json.h"

/* What went wrong, on standard error. Returns CTL_FAILED. */
int ctl_fail(const struct rv_error *err);
int ctl_oom(void);

/* Asked on standard error, answered on standard input; whatever is not a yes is a no. */
bool ctl_confirm(const char *question);

/* The object on one line, as programs want it: ASCII, so that no terminal is told anything by it. Returns CTL_OK. */
int ctl_print_json(const json_t *json);

/* The end of a verb that looks at files one by one. all: what it found of each, as JSON; NULL: it told as it went. what:
 * how it is with those that are bad. Returns the exit status. */
int ctl_end_files(const json_t *all, int n_bad, int n, const char *what);
