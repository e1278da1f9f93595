/* A made-up world around the real engine: rules are tried in it, in milliseconds and without any server.
 *
 * A test file is a configuration with a list `tests` beside it; docs/testing-rules.md says what may stand there. */
#pragma once

#include "revertd/json.h"

/* Runs all tests of the file.
 *
 *     { "file": path, "errors": ["file:line: text"…], "passed": n, "failed": n,
 *       "tests": [{ "name", "line", "thread": text or null, "expectations": n, "failures": ["file:line: text"…],
 *                   "story": ["10m: web: …"…] }…] }
 *
 * With errors there are no tests: the file is not what it should be. -ENOMEM, -EIO: nothing is known. */
int rv_lab_test_file(const char *path, json_t **ret, struct rv_error *err) RV_MUST_CHECK;
