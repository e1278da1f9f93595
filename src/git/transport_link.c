#include "git/transport_link.h"

#include "revertd/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *rv_service_name(enum rv_service service) {
        return service == RV_SERVICE_RECEIVE_PACK ? "git-receive-pack" : "git-upload-pack";
}

int rv_link_read(struct rv_link *link, void *data, size_t n, size_t *ret, struct rv_error *err) {
        int r = link->ops->read(link, data, n, ret, err);

        if (r < 0 || link->asked)
                return r;
        link->advertised_bytes += *ret;
        if (link->advertised_bytes > RV_REMOTE_REFS_BYTES_MAX)
                return rv_error_set(err, -EREMOTEIO, "the remote advertises more than %d MiB of refs",
                                    RV_REMOTE_REFS_BYTES_MAX >> 20);
        return 0;
}

int rv_link_write(struct rv_link *link, const void *data, size_t n, struct rv_error *err) {
        link->asked = true;
        return link->ops->write(link, data, n, err);
}

int rv_link_finish(struct rv_link *link, struct rv_error *err) {
        return link->ops->finish(link, err);
}

struct rv_link *rv_link_free(struct rv_link *link) {
        return link ? link->ops->free(link) : NULL;
}

int rv_link_wait_msec(const struct rv_link *link) {
        int64_t left_usec = link->deadline_usec - rv_clock_monotonic_usec();

        if (left_usec <= 0)
                return 0;
        if (link->idle_usec > 0 && left_usec > link->idle_usec)
                left_usec = link->idle_usec;
        if (left_usec > RV_USEC_PER_HOUR)
                left_usec = RV_USEC_PER_HOUR;
        return (int)(left_usec / RV_USEC_PER_MSEC) + 1;
}

static int read_whole(struct rv_link *link, char *data, size_t n, size_t *ret, struct rv_error *err) {
        size_t have = 0;

        while (have < n) {
                size_t got;
                int r = rv_link_read(link, data + have, n - have, &got, err);
                if (r < 0)
                        return r;
                if (got == 0)
                        break;
                have += got;
        }
        *ret = have;
        return 0;
}

static int parse_length(const char head[static 4], size_t *ret) {
        size_t n = 0;

        for (unsigned i = 0; i < 4; i++) {
                char c = head[i];
                unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                                 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                        : 16;
                if (digit == 16)
                        return -EINVAL;
                n = n << 4 | digit;
        }
        *ret = n;
        return 0;
}

int rv_packet_read(struct rv_link *link, struct rv_packet *packet, struct rv_error *err) {
        char head[4];
        size_t got, n;

        packet->n = 0;
        packet->data[0] = 0;
        int r = read_whole(link, head, sizeof head, &got, err);
        if (r < 0)
                return r;
        if (got == 0) {
                packet->kind = RV_PACKET_EOF;
                return 0;
        }
        if (got < sizeof head)
                return rv_error_set(err, -EREMOTEIO, "the remote broke off within a packet");
        if (parse_length(head, &n) < 0 || n == 3 || n > RV_PACKET_BYTES_MAX)
                return rv_error_set(err, -EREMOTEIO, "the remote does not speak Git's protocol");
        if (n < 3) {
                packet->kind = n == 0 ? RV_PACKET_FLUSH : n == 1 ? RV_PACKET_DELIMITER : RV_PACKET_END;
                return 0;
        }
        n -= sizeof head;
        r = read_whole(link, packet->data, n, &got, err);
        if (r < 0)
                return r;
        if (got < n)
                return rv_error_set(err, -EREMOTEIO, "the remote broke off within a packet");
        packet->kind = RV_PACKET_DATA;
        packet->n = n;
        packet->data[n] = 0;
        return 0;
}

void rv_packet_chomp(struct rv_packet *packet) {
        if (packet->n > 0 && packet->data[packet->n - 1] == '\n')
                packet->data[--packet->n] = 0;
}

int rv_packet_write(struct rv_link *link, const void *data, size_t n, struct rv_error *err) {
        char head[5];

        if (n > RV_PACKET_BYTES_MAX - 4)
                return rv_error_set(err, -EMSGSIZE, "a packet of %zu bytes is too long", n);
        snprintf(head, sizeof head, "%04zx", n + 4);
        int r = rv_link_write(link, head, 4, err);
        return r < 0 ? r : rv_link_write(link, data, n, err);
}

int rv_packet_write_special(struct rv_link *link, enum rv_packet_kind kind, struct rv_error *err) {
        const char *text = kind == RV_PACKET_DELIMITER ? "0001" : kind == RV_PACKET_END ? "0002" : "0000";

        return rv_link_write(link, text, 4, err);
}
