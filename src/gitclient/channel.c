#include "gitclient/channel.h"

#include "revertd/gitwire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { READ_BYTES = 64 << 10 };

void channel_done(struct channel *channel) {
        free(channel->in);
        free(channel->out);
        *channel = (struct channel){};
}

int channel_queue(struct channel *channel, char *text) {
        size_t n = strlen(text);
        char *grown;

        /* One request at a time: what was sent before is done with. */
        if (!channel_wants_write(channel))
                channel->out_used = channel->out_sent = 0;
        grown = realloc(channel->out, channel->out_used + n + 1);
        if (!grown) {
                free(text);
                return -ENOMEM;
        }
        channel->out = grown;
        memcpy(channel->out + channel->out_used, text, n);
        channel->out[channel->out_used + n] = '\n';
        channel->out_used += n + 1;
        free(text);
        return 0;
}

int channel_write(struct channel *channel, int fd) {
        while (channel_wants_write(channel)) {
                ssize_t n =
                        send(fd, channel->out + channel->out_sent, channel->out_used - channel->out_sent, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return 0;
                if (n < 0)
                        return -errno;
                channel->out_sent += (size_t)n;
        }
        return 0;
}

static int make_room(struct channel *channel) {
        size_t size = channel->in_size ? 2 * channel->in_size : READ_BYTES;
        char *grown;

        if (channel->in_taken > 0) {
                memmove(channel->in, channel->in + channel->in_taken, channel->in_used - channel->in_taken);
                channel->in_used -= channel->in_taken;
                channel->in_searched -= channel->in_taken;
                channel->in_taken = 0;
        }
        if (channel->in_used > RV_GITWIRE_LINE_BYTES_MAX)
                return -E2BIG;
        if (channel->in_used < channel->in_size)
                return 0;
        grown = realloc(channel->in, size);
        if (!grown)
                return -ENOMEM;
        channel->in = grown;
        channel->in_size = size;
        return 0;
}

int channel_read(struct channel *channel, int fd) {
        ssize_t n;
        int r;

        r = make_room(channel);
        if (r < 0)
                return r;
        n = recv(fd, channel->in + channel->in_used, channel->in_size - channel->in_used, 0);
        if (n < 0)
                return errno == EINTR || errno == EAGAIN ? 1 : errno == ECONNRESET ? 0 : -errno;
        channel->in_used += (size_t)n;
        return n > 0;
}

char *channel_line(struct channel *channel, size_t *ret_n) {
        char *start = channel->in + channel->in_taken, *newline;

        if (channel->in_searched < channel->in_taken)
                channel->in_searched = channel->in_taken;
        if (channel->in_used == channel->in_searched)
                return NULL;
        newline = memchr(channel->in + channel->in_searched, '\n', channel->in_used - channel->in_searched);
        if (!newline) {
                channel->in_searched = channel->in_used;
                return NULL;
        }
        *newline = '\0';
        *ret_n = (size_t)(newline - start);
        channel->in_taken = channel->in_searched = (size_t)(newline + 1 - channel->in);
        return start;
}
