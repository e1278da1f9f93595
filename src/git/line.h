/* Lines over a stream socket, blocking and bounded. */
#pragma once

#include "revertd/error.h"

struct rv_line {
        int fd;
        char *buffer;
        size_t used, size, taken; /* taken: the line handed out last */
};

void rv_line_done(struct rv_line *line); /* leaves fd open */

/* 1: *ret is a line without its newline, lent until the next call; 0: the peer has closed. -E2BIG: over the cap. */
int rv_line_read(struct rv_line *line, char **ret, size_t *ret_n, struct rv_error *err) RV_MUST_CHECK;

/* text and a newline. -EPIPE: the peer has gone. */
int rv_line_write(const struct rv_line *line, const char *text, struct rv_error *err) RV_MUST_CHECK;
