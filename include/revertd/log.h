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
#define RV_LOG_EVENTS(X)                                                                                               \
        X(STARTED, "5a4d8971582b4283adb2a494ed2bceb2")                                                                 \
        X(STOPPING, "db491f0579b2475b88b0a1c93baf940b")                                                                \
        X(RELOADED, "8915b99b67584b99abd21b779503da23")                                                                \
        X(RELOAD_FAILED, "129e2f6e4e734d11a4da6b39780f2b21")                                                           \
        X(INCIDENT, "f1a0d6e31f9143cd8d571d5a2cce8704")                                                                \
        X(REVERTED, "68edd039daea48deb2fd186a77787c35")                                                                \
        X(RECOVERED, "f5174b79e6224f57994b012991f2cc6b")                                                               \
        X(DECLINED, "1555a05dcce7464f87351bbc35af6793")                                                                \
        X(UNRECOVERED, "6e33dc93c10e4d92b6fb3c01706cb49a")                                                             \
        X(FAILED, "2a1063cc278243a28115359618c7aaba")                                                                  \
        X(QUERY_FAILED, "fb903627f8dc43fcae00b5449a334549")                                                            \
        X(WORKER_LOST, "fb9802b6c88d431d9d8fc610113ed233")                                                             \
        X(OPERATOR_FAILED, "e68a13a65e314b86b2cc0562caee036e")                                                         \
        X(STORE_FAILED, "a311a0e690404813bd076425ac85cd8f")                                                            \
        X(NOTICE_FAILED, "870580c8987c45fcb1d302a826ace400")                                                           \
        X(PAUSED, "6c7a5dd1497540a18635d38fbd7786d4")                                                                  \
        X(RESUMED, "0578568ad0a64c758c712630130025cf")                                                                 \
        X(CLOCK_SET, "195ba6555c994e06a499436411467b2b")

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
