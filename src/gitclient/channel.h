/* Lines over a non-blocking stream socket, both ways buffered and bounded. */
#pragma once

#include "revertd/error.h"

#include <stdbool.h>

struct channel {
        char *in, *out;
        size_t in_used, in_size, in_taken, in_searched;
        size_t out_used, out_sent;
};

void channel_done(struct channel *channel);

/* Queue one line; takes text. */
int channel_queue(struct channel *channel, char *text) RV_MUST_CHECK;

/* Write what is queued, as far as the socket takes it. */
int channel_write(struct channel *channel, int fd) RV_MUST_CHECK;
static inline bool channel_wants_write(const struct channel *channel) {
        return channel->out_used > channel->out_sent;
}

/* Read what is there. 1: more or none; 0: the peer has closed. -E2BIG: a line over the cap. */
int channel_read(struct channel *channel, int fd) RV_MUST_CHECK;

/* The next whole line, lent until the next call; NULL: none yet. */
char *channel_line(struct channel *channel, size_t *ret_n);
