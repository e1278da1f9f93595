/* Slack's text format, built within a bound from parts that may be hostile: nothing in them can mention, link, or leave
 * its place, and no character or entity is cut in two.
 *
 * Source: https://docs.slack.dev/messaging/formatting-message-text/ (only & < > are escaped). */
#pragma once

#include "revertd/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Bytes, where Slack counts characters: never more. */
enum { MRKDWN_BYTES_MAX = 3000, MRKDWN_HEADER_BYTES_MAX = 150 };

struct mrkdwn {
        char text[MRKDWN_BYTES_MAX + 1];
        size_t n;
        size_t max; /* at most MRKDWN_BYTES_MAX */
};

void mrkdwn_init(struct mrkdwn *m, size_t max);

/* Our own markup, trusted: all of it or, where it does not fit, nothing. false: nothing. */
bool mrkdwn_markup(struct mrkdwn *m, const char *format, ...) RV_PRINTF(2, 3);

/* One line of any text, in at most max bytes, with an ellipsis where it was cut. NULL is "". */
void mrkdwn_text(struct mrkdwn *m, const char *s, size_t max);
/* The same in a code span; nothing for "". */
void mrkdwn_code(struct mrkdwn *m, const char *s, size_t max);
/* A link in a code span. Only http and https; else just the label. */
void mrkdwn_link(struct mrkdwn *m, const char *url, const char *label, size_t max);
/* A time as the reader's Slack shows it. */
void mrkdwn_time(struct mrkdwn *m, long long usec);
