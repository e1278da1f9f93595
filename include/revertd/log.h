/* The log: one structured line an event, to the journal when systemd reads our standard error, else logfmt or JSON on
 * standard error. Values are sanitised. A function either logs or returns its error, never both; the core never logs. */
#pragma once

#include "revertd/error.h"

#include <stdbool.h>

enum rv_log_level { RV_LOG_ERROR, RV_LOG_WARN, RV_LOG_INFO, RV_LOG_DEBUG, RV_LOG_LEVEL_MAX };
enum rv_log_format { RV_LOG_LOGFMT, RV_LOG_JSON, RV_LOG_JOURNAL, RV_LOG_FORMAT_MAX };

/* -EINVAL: no such name. */
int rv_log_level_from_string(const char *s, enum rv_log_level *ret) RV_MUST_CHECK;
int rv_log_format_from_string(const char *s, enum rv_log_format *ret) RV_MUST_CHECK;

/* Events that an operator may want explained: each has a message id, and an entry in
 * contrib/systemd/revertd.catalog (a test holds them together). X(NAME, id128 as 32 lower-case hex digits) */
#define RV_LOG_EVENTS(X)                                      \
        X(STARTED, "3c0e2a5b8d1f4e6f9a7b0c1d2e3f4a51")        \
        X(STOPPING, "3c0e2a5b8d1f4e6f9a7b0c1d2e3f4a52")       \
        X(RELOADED, "3c0e2a5b8d1f4e6f9a7b0c1d2e3f4a53")       \
        X(RELOAD_FAILED, "3c0e2a5b8d1f4e6f9a7b0c1d2e3f4a54")  \
        X(INCIDENT, "3c0e2a5b8d1f4e6f9a7b0c1d2e3f4a55")       \
        X(REVERTED, "3c0e2a5b8d1f4e6f9a7b0c1d2e3f4a56")       \
        X(RECOVERED, "3c0e2a5b8d1f4e6f9a7b0c1d2e3f4a57")      \
        X(DECLINED, "3c0e2a5b8d1f4e6f9a7b0c1d2e3f4a58")       \
        X(UNRECOVERED, "3c0e2a5b8d1f4e6f9a7b0c1d2e3f4a59")    \
        X(FAILED, "3c0e2a5b8d1f4e6f9a7b0c1d2e3f4a5a")         \
        X(QUERY_FAILED, "3c0e2a5b8d1f4e6f9a7b0c1d2e3f4a5b")   \
        X(WORKER_LOST, "3c0e2a5b8d1f4e6f9a7b0c1d2e3f4a5c")    \
        X(STORE_FAILED, "3c0e2a5b8d1f4e6f9a7b0c1d2e3f4a5d")   \
        X(NOTICE_FAILED, "3c0e2a5b8d1f4e6f9a7b0c1d2e3f4a5e")  \
        X(PAUSED, "3c0e2a5b8d1f4e6f9a7b0c1d2e3f4a5f")         \
        X(RESUMED, "3c0e2a5b8d1f4e6f9a7b0c1d2e3f4a60")

enum rv_log_event {
        RV_EV_NONE,
#define X(name, id) RV_EV_##name,
        RV_LOG_EVENTS(X)
#undef X
                RV_LOG_EVENT_MAX
};

/* Until called: info, logfmt. */
void rv_log_init(enum rv_log_level level, enum rv_log_format format);
/* Whether standard error is a stream to the journal ($JOURNAL_STREAM names its device and inode). */
bool rv_log_is_journal(void);

/* rv_log(RV_LOG_INFO, RV_EV_INCIDENT, "incident opened", "incident", id, "rule", name, NULL): pairs of strings, keys
 * in snake_case (the journal gets REVERTD_INCIDENT=…); a pair with a NULL value is left out. */
void rv_log(enum rv_log_level level, enum rv_log_event event, const char *message, ...) __attribute__((sentinel));
