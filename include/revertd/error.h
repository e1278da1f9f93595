/* Errors: what a failing call says to the one above it.
 *
 * Functions return 0 or a negative errno. Those that can fail for a reason that a person must read also take a
 * struct rv_error, which carries one line of text that grows to the left as the error rises:
 * "repository fleet: push: refused by the server: protected branch". Outcomes of the domain (a guard said no, a path
 * is in conflict) are no errors; they are enums. */
#pragma once

#include <stddef.h>

#define RV_MUST_CHECK __attribute__((warn_unused_result))
#define RV_PRINTF(f, a) __attribute__((format(printf, f, a)))

enum { RV_ERROR_TEXT_MAX = 1024 };

struct rv_error {
        char text[RV_ERROR_TEXT_MAX]; /* NUL-terminated, cut at the end if too long; empty: no error */
};

/* Set the text. Returns code (a negative errno) for `return rv_error_set(…)`. err may be NULL. */
int rv_error_set(struct rv_error *err, int code, const char *fmt, ...) RV_PRINTF(3, 4);

/* Put "<prefix>: " before the text. Returns code. err may be NULL. */
int rv_error_prefix(struct rv_error *err, int code, const char *fmt, ...) RV_PRINTF(3, 4);

/* The code for "out of memory", with its text set. */
int rv_error_oom(struct rv_error *err);
