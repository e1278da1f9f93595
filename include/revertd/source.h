/* The sources: what is outside, made into signals. */
#pragma once

#include "revertd/config.h"
#include "revertd/http_client.h"
#include "revertd/signal.h"

/* -- Prometheus: queries of one time, and of a range -- */

/* The answer of /api/v1/query. result: of the transport. -EAGAIN: transient (timeout, 5xx, starting); -EINVAL: the
 * query is wrong (4xx), or the answer is not understood; err says which. */
int rv_prometheus_parse(const struct rv_http_response *response, struct rv_samples *ret,
                        struct rv_error *err) RV_MUST_CHECK;

struct rv_prometheus; /* the configured servers, with their connections and counters */

int rv_prometheus_new(struct rv_prometheus **ret, const struct rv_config *config, struct rv_http_client *client,
                      struct rv_error *err) RV_MUST_CHECK;
struct rv_prometheus *rv_prometheus_free(struct rv_prometheus *prometheus); /* drops what is under way */

/* The callback comes exactly once, from the loop; samples NULL: it failed, err says why. */
typedef void (*rv_query_callback)(const struct rv_samples *samples, const struct rv_error *err, void *userdata);
int rv_prometheus_query(struct rv_prometheus *prometheus, size_t index, const char *expr, int64_t at_usec,
                        rv_query_callback callback, void *userdata, struct rv_error *err) RV_MUST_CHECK;

/* The same by /api/v1/query_range: at from_usec and n_steps - 1 times every step_usec after it (whole milliseconds).
 * -E2BIG: the answer is too large; fewer steps may do. */
typedef void (*rv_range_callback)(const struct rv_range *range, int code, const struct rv_error *err, void *userdata);
int rv_prometheus_query_range(struct rv_prometheus *prometheus, size_t index, const char *expr, int64_t from_usec,
                              int64_t step_usec, size_t n_steps, rv_range_callback callback, void *userdata,
                              struct rv_error *err) RV_MUST_CHECK;
int rv_prometheus_parse_range(const struct rv_http_response *response, int64_t from_usec, int64_t step_usec,
                              size_t n_steps, struct rv_range *ret, struct rv_error *err) RV_MUST_CHECK;

struct rv_prometheus_metrics {
        uint64_t queries, failures;
        double seconds_sum;
        bool is_unwell; /* `healthy` said so, or had no answer, when it was asked last */
};
const struct rv_prometheus_metrics *rv_prometheus_get_metrics(const struct rv_prometheus *prometheus, size_t index);

/* -- The schedule of polled rules: each at times aligned to its interval plus an offset that is a hash of its name,
 *    so that load is spread and replicas agree. An evaluation that is still running when the next is due skips it. After
 *    a stall of an interval or more, or a jump of the clock, a rule waits for its next time: nothing is made up for. -- */

struct rv_schedule;

/* samples NULL: it failed. Both lent. at_usec is the time that was asked about: the scheduled one less the server's
 * delay. A schedule is freed before its rv_prometheus, and not from within the callback. */
typedef void (*rv_evaluated_callback)(size_t rule, int64_t at_usec, const struct rv_samples *samples,
                                      const struct rv_samples *require, const struct rv_error *err, void *userdata);
int rv_schedule_new(struct rv_schedule **ret, const struct rv_config *config, sd_event *event,
                    struct rv_prometheus *prometheus, rv_evaluated_callback callback, void *userdata,
                    struct rv_error *err) RV_MUST_CHECK;
struct rv_schedule *rv_schedule_free(struct rv_schedule *schedule);

struct rv_schedule_metrics {
        uint64_t evaluations, failures, missed;
        double seconds_sum;
};
const struct rv_schedule_metrics *rv_schedule_get_metrics(const struct rv_schedule *schedule);
/* Of one rule: when last evaluated (0: never), how long it took, and the error of the newest (NULL: none). */
void rv_schedule_rule_health(const struct rv_schedule *schedule, size_t rule, int64_t *ret_at_usec,
                             int64_t *ret_duration_usec, const char **ret_error);

/* -- Alertmanager: is an alert silenced or inhibited? -- */

struct rv_alertmanagers; /* the configured servers */
int rv_alertmanagers_new(struct rv_alertmanagers **ret, const struct rv_config *config, struct rv_http_client *client,
                         struct rv_error *err) RV_MUST_CHECK;
struct rv_alertmanagers *rv_alertmanagers_free(struct rv_alertmanagers *alertmanagers); /* drops what is under way */

/* The callback comes exactly once, from the loop. UNKNOWN: with err, or the server has not made up its mind. words: by
 * what it is silenced or inhibited; NULL: not, or not known. They are asked for by a second question, on whose answer
 * nothing else depends. */
typedef void (*rv_alert_callback)(enum rv_alert_state state, const char *words, const struct rv_error *err,
                                  void *userdata);
int rv_alert_lookup(struct rv_alertmanagers *alertmanagers, size_t index, struct rv_labels *labels,
                    rv_alert_callback callback, void *userdata, struct rv_error *err) RV_MUST_CHECK;

struct rv_alert_standing {
        enum rv_alert_state state;
        bool is_muted; /* SILENCED: by a time interval */
        char *by; /* the silence's id, the interval's name, the inhibiting alert's fingerprint; the first of several.
                   * NULL: not said */
};
void rv_alert_standing_done(struct rv_alert_standing *standing);
/* The answer of /api/v2/alerts, for the alert with exactly these labels. Failed: UNKNOWN. */
int rv_alert_lookup_parse(const struct rv_http_response *response, const struct rv_labels *labels,
                          struct rv_alert_standing *ret, struct rv_error *err) RV_MUST_CHECK;
/* The path of the second question; NULL: there is none. Caller frees. */
char *rv_alert_words_path(const struct rv_alert_standing *standing);
/* response: its answer; NULL: there is none. What it says is safe to show. Caller frees; NULL: nothing is known. */
char *rv_alert_words(const struct rv_alert_standing *standing, const struct rv_http_response *response);

/* -- Alertmanager: webhooks, version 4; Grafana's, version 1 -- */

/* One delivery. -EINVAL: malformed, err says what: answer 400. -EPROTONOSUPPORT: another version. */
int rv_alertmanager_parse(const char *body, size_t n, struct rv_alerts *ret, struct rv_error *err) RV_MUST_CHECK;

/* -- Sources of events: JSON of any shape, by the pointers of their configuration -- */

enum { RV_EVENTS_MAX = 1000 }; /* items of one body */

/* How many items said what. */
struct rv_events_tally {
        size_t firing, ok, inconclusive;
        size_t unknown;     /* inconclusive, for the verdict is none of the configured words */
        char *unknown_word; /* the first of them, safe to show; NULL: none */
};
void rv_events_tally_done(struct rv_events_tally *tally);

/* One body, whole or not at all. -EINVAL: err names the item and the pointer: answer 400. */
int rv_events_parse(const struct rv_event_config *config, const char *body, size_t n, struct rv_alerts *ret,
                    struct rv_events_tally *ret_tally, struct rv_error *err) RV_MUST_CHECK;
