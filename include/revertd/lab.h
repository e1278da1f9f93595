/* A made-up world around the real engine: rules are tried in it, in milliseconds and without any server.
 *
 * A test file is a configuration with a list `tests` beside it; docs/testing-rules.md says what may stand there. */
#pragma once

#include "revertd/json.h"

/* Runs all tests of the file.
 *
 *     { "file": path, "errors": ["file:line: text"…], "passed": n, "failed": n,
 *       "tests": [{ "name", "line", "thread": text or null, "expectations": n, "failures": ["file:line: text"…],
 *                   "story": ["10m: web: …"…], "incidents": [{"incident", "transitions", "breach": "> 0.05" or null}…],
 *                   "end_usec" }…] }
 *
 * With errors there are no tests: the file is not what it should be. -ENOMEM, -EIO: nothing is known. */
int rv_lab_test_file(const char *path, json_t **ret, struct rv_error *err) RV_MUST_CHECK;

/* -- A backtest: the same world, with what Prometheus and the repository hold of the past. It can only ask. -- */

#include "revertd/config.h"
#include "revertd/gitwire.h"
#include "revertd/signal.h"

struct rv_backtest {
        struct rv_config *config; /* modes and steps are set in it: it is the backtest's own */
        const bool *rules;        /* which take part */
        int64_t from_usec, to_usec;
        int64_t apply_usec; /* assumed from the push of a revert to the end of what it cures */

        /* What the server answers over a range. -E2BIG: fewer steps may do; -EDOM: somewhere in it the server cannot
         * evaluate the expression. */
        int (*range)(void *userdata, size_t prometheus, const char *expr, int64_t from_usec, int64_t step_usec,
                     size_t n_steps, struct rv_range *ret, struct rv_error *err);
        /* HISTORY and PLAN only. Takes request. */
        int (*git)(void *userdata, size_t repository, struct rv_git_request *request, struct rv_git_reply **ret,
                   struct rv_error *err);
        void (*progress)(void *userdata, int64_t at_usec);
        void *userdata;
};

/* The Prometheus whose ALERTS tell of a rule's alerts: that of its `confirm`, or the only one; −1: not known. */
int rv_lab_alerts_server(const struct rv_config *config, size_t rule);

/* {"from_usec", "to_usec", "apply_usec", "rules": [{"name", "mode", "step_usec", "evaluations", "breaches",
 *     "answered", "first_usec", "last_usec" (evaluations with any values), "failed",
 *     "failure" (the first one's words; "": none): of polled rules}…],
 *  "breaches": [{"rule", "labels", "mode", "threshold", "onset_usec", "fired_usec", "end_usec" (0: no end is
 *     known), "until_usec" (that end, or when it was last seen), "pushed_usec",
 *     "outcome": "reverted" | "declined" | "cleared" | "failed" | "open",
 *     "would_end_usec", "saved_usec", "undone_by", "undone_usec", "incident": the record, "points": [[usec, value]…]}…],
 *  "summary": {"breaches", "reverted", "declined", "reasons": {reason: n}, "breach_usec", "saved_usec"}}
 * undone_by: a commit by people that says that it reverts a culprit; "" none. */
int rv_lab_backtest(const struct rv_backtest *backtest, json_t **ret, struct rv_error *err) RV_MUST_CHECK;

/* Completes labels by what a rule knows, as in rv_engine_rules_json(). -ECANCELED: it cannot, and has said why. */
typedef int (*rv_lab_complete)(const json_t *rule, json_t *labels, void *userdata);

/* What the rule would do about the label set at the end of the range, which the engine has followed until then without
 * acting: as rv_engine_explain_json(). */
int rv_lab_explain(const struct rv_backtest *backtest, size_t rule, json_t *labels, rv_lab_complete complete,
                   json_t **ret, struct rv_error *err) RV_MUST_CHECK;
