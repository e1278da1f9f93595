/* One conversation with one service of the remote: a child process that speaks the protocol over its standard input
 * and output, or a pair of HTTP requests. What is read first is the service's advertisement. */
#pragma once

#include "git/transport.h"

#include <stddef.h>

enum rv_service { RV_SERVICE_UPLOAD_PACK, RV_SERVICE_RECEIVE_PACK };
const char *rv_service_name(enum rv_service service); /* "git-upload-pack", "git-receive-pack" */

struct rv_link;
struct rv_link_ops {
        /* At least one byte, or *ret 0 at the end. -EREMOTEIO, -ETIMEDOUT, -ENOMEM. */
        int (*read)(struct rv_link *link, void *data, size_t n, size_t *ret, struct rv_error *err);
        int (*write)(struct rv_link *link, const void *data, size_t n, struct rv_error *err);
        /* Nothing more will be written; read the answer. */
        int (*finish)(struct rv_link *link, struct rv_error *err);
        struct rv_link *(*free)(struct rv_link *link);
};

/* The first member of every kind of link. */
struct rv_link {
        const struct rv_link_ops *ops;
        bool stateless; /* each question after the advertisement is whole, and answered once (HTTP) */
        int64_t deadline_usec;
        int64_t idle_usec; /* silence that is taken for death */
        size_t advertised_bytes;
        bool asked; /* something was written: what is read is no advertisement */
};

int rv_link_read(struct rv_link *link, void *data, size_t n, size_t *ret, struct rv_error *err) RV_MUST_CHECK;
int rv_link_write(struct rv_link *link, const void *data, size_t n, struct rv_error *err) RV_MUST_CHECK;
int rv_link_finish(struct rv_link *link, struct rv_error *err) RV_MUST_CHECK;
struct rv_link *rv_link_free(struct rv_link *link);
static inline void rv_link_freep(struct rv_link **link) {
        rv_link_free(*link);
}
#define _cleanup_link_ __attribute__((cleanup(rv_link_freep)))

/* Milliseconds to wait in poll(2); 0: the deadline has passed. */
int rv_link_wait_msec(const struct rv_link *link);

/* Open a conversation. protocol_2: say that version 2 of the protocol is understood (upload-pack only). */
struct rv_link_options {
        enum rv_service service;
        bool protocol_2;
        int64_t deadline_usec;
};
int rv_remote_open_link(struct rv_remote *remote, const struct rv_link_options *options, struct rv_link **ret,
                        struct rv_error *err) RV_MUST_CHECK;

/* Packets of the protocol ("pkt-lines"). */
enum rv_packet_kind { RV_PACKET_DATA, RV_PACKET_FLUSH, RV_PACKET_DELIMITER, RV_PACKET_END, RV_PACKET_EOF };
enum { RV_PACKET_BYTES_MAX = 65520 };
struct rv_packet {
        enum rv_packet_kind kind;
        size_t n;
        char data[RV_PACKET_BYTES_MAX + 1]; /* NUL-terminated; a newline at the end is cut off by rv_packet_chomp() */
};
int rv_packet_read(struct rv_link *link, struct rv_packet *packet, struct rv_error *err) RV_MUST_CHECK;
void rv_packet_chomp(struct rv_packet *packet);
int rv_packet_write(struct rv_link *link, const void *data, size_t n, struct rv_error *err) RV_MUST_CHECK;
int rv_packet_write_special(struct rv_link *link, enum rv_packet_kind kind, struct rv_error *err) RV_MUST_CHECK;
