#include "git/line.h"

#include "revertd/gitwire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { READ_BYTES = 64 << 10 };

void rv_line_done(struct rv_line *line) {
        free(line->buffer);
        *line = (struct rv_line){.fd = line->fd};
}

static int make_room(struct rv_line *line, struct rv_error *err) {
        size_t size = line->size ? 2 * line->size : READ_BYTES;
        char *grown;

        if (line->used > RV_GITWIRE_LINE_BYTES_MAX)
                return rv_error_set(err, -E2BIG, "a message of more than %d bytes", RV_GITWIRE_LINE_BYTES_MAX);
        if (line->used < line->size)
                return 0;
        grown = realloc(line->buffer, size);
        if (!grown)
                return rv_error_oom(err);
        line->buffer = grown;
        line->size = size;
        return 0;
}

int rv_line_read(struct rv_line *line, char **ret, size_t *ret_n, struct rv_error *err) {
        size_t searched = 0;

        if (line->taken > 0) {
                memmove(line->buffer, line->buffer + line->taken, line->used - line->taken);
                line->used -= line->taken;
                line->taken = 0;
        }
        for (;;) {
                char *newline =
                        line->used > searched ? memchr(line->buffer + searched, '\n', line->used - searched) : NULL;
                ssize_t n;
                int r;

                if (newline) {
                        *newline = '\0';
                        *ret = line->buffer;
                        *ret_n = (size_t)(newline - line->buffer);
                        line->taken = *ret_n + 1;
                        return 1;
                }
                searched = line->used;
                r = make_room(line, err);
                if (r < 0)
                        return r;
                n = recv(line->fd, line->buffer + line->used, line->size - line->used, 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno != ECONNRESET)
                        return rv_error_set(err, -errno, "read: %s", strerror(errno));
                if (n <= 0)
                        return 0;
                line->used += (size_t)n;
        }
}

int rv_line_write(const struct rv_line *line, const char *text, struct rv_error *err) {
        struct iovec parts[] = {{(void *)text, strlen(text)}, {(void *)"\n", 1}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

        while (parts[0].iov_len + parts[1].iov_len > 0) {
                ssize_t n = sendmsg(line->fd, &message, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return rv_error_set(err, errno == ECONNRESET ? -EPIPE : -errno, "write: %s", strerror(errno));
                for (size_t i = 0; i < 2; i++) {
                        size_t take = (size_t)n < parts[i].iov_len ? (size_t)n : parts[i].iov_len;

                        parts[i].iov_base = (char *)parts[i].iov_base + take;
                        parts[i].iov_len -= take;
                        n -= (ssize_t)take;
                }
        }
        return 0;
}
