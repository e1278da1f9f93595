#include "git/advertisement.h"
#include "git/transport_remote.h"
#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

/* Reading one ref: version 2 of the protocol sends no others. A remote that does not speak it sends them all. */

struct ref_reading {
        struct rv_link *link;
        const char *name;
        struct rv_packet packet;
        git_oid id;
        bool found;
        struct rv_error *err;
};

/* "<id> <name>", perhaps with more behind a NUL (protocol 0) or a blank (protocol 2). */
static void note_ref(struct ref_reading *reading) {
        struct rv_packet *packet = &reading->packet;
        size_t n = strlen(reading->name);

        rv_packet_chomp(packet);
        if (packet->n < GIT_OID_HEXSZ + 1 + n || packet->data[GIT_OID_HEXSZ] != ' ')
                return;
        const char *name = packet->data + GIT_OID_HEXSZ + 1;
        if (strncmp(name, reading->name, n) != 0 || (name[n] != 0 && name[n] != ' '))
                return;
        reading->found = git_oid_fromstrn(&reading->id, packet->data, GIT_OID_HEXSZ) == 0;
}

static int read_refs(struct ref_reading *reading) {
        for (;;) {
                int r = rv_packet_read(reading->link, &reading->packet, reading->err);
                if (r < 0)
                        return r;
                if (reading->packet.kind == RV_PACKET_EOF)
                        return rv_error_set(reading->err, -EREMOTEIO, "the remote broke off within its list of refs");
                if (reading->packet.kind != RV_PACKET_DATA)
                        return 0;
                if (strncmp(reading->packet.data, "ERR ", 4) == 0)
                        return rv_remote_says(reading->packet.data + 4, reading->err);
                if (!reading->found)
                        note_ref(reading);
        }
}

static int skip_to_flush(struct ref_reading *reading) {
        do {
                int r = rv_packet_read(reading->link, &reading->packet, reading->err);
                if (r < 0)
                        return r;
                if (reading->packet.kind == RV_PACKET_EOF)
                        return rv_error_set(reading->err, -EREMOTEIO, "the remote broke off");
        } while (reading->packet.kind == RV_PACKET_DATA);
        return 0;
}

static int ask_protocol_2(struct ref_reading *reading) {
        static const char command[] = "command=ls-refs\n";
        _cleanup_free_ char *prefix = NULL;

        if (asprintf(&prefix, "ref-prefix %s\n", reading->name) < 0) {
                prefix = NULL;
                return rv_error_oom(reading->err);
        }
        int r = rv_packet_write(reading->link, command, strlen(command), reading->err);
        if (r == 0)
                r = rv_packet_write_special(reading->link, RV_PACKET_DELIMITER, reading->err);
        if (r == 0)
                r = rv_packet_write(reading->link, prefix, strlen(prefix), reading->err);
        if (r == 0)
                r = rv_packet_write_special(reading->link, RV_PACKET_FLUSH, reading->err);
        if (r == 0)
                r = rv_link_finish(reading->link, reading->err);
        return r < 0 ? r : read_refs(reading);
}

/* The first packet says which protocol is spoken. */
static int read_advertisement(struct rv_remote *remote, struct ref_reading *reading) {
        struct rv_packet *packet = &reading->packet;

        int r = rv_packet_read(reading->link, packet, reading->err);
        if (r == 0 && packet->kind == RV_PACKET_DATA && strncmp(packet->data, "# service=", 10) == 0) {
                r = skip_to_flush(reading);
                if (r == 0)
                        r = rv_packet_read(reading->link, packet, reading->err);
        }
        if (r < 0)
                return r;
        if (packet->kind == RV_PACKET_FLUSH)
                return 0; /* no refs at all */
        if (packet->kind != RV_PACKET_DATA)
                return rv_error_set(reading->err, -EREMOTEIO, "the remote does not speak Git's protocol");
        if (strncmp(packet->data, "ERR ", 4) == 0)
                return rv_remote_says(reading->packet.data + 4, reading->err);
        if (strncmp(packet->data, "version 2", 9) != 0) {
                note_ref(reading);
                return read_refs(reading);
        }
        r = skip_to_flush(reading);
        if (r < 0)
                return r;
        remote->speaks_protocol_2 = true;
        return ask_protocol_2(reading);
}

int rv_remote_smart_read_ref(struct rv_remote *remote, const char *branch, int64_t deadline_usec, git_oid *ret,
                             struct rv_error *err) {
        const struct rv_link_options options = {
                .service = RV_SERVICE_UPLOAD_PACK, .protocol_2 = true, .deadline_usec = deadline_usec};
        _cleanup_link_ struct rv_link *link = NULL;
        _cleanup_free_ struct ref_reading *reading = calloc(1, sizeof *reading);
        _cleanup_free_ char *name = NULL;

        if (!reading)
                return rv_error_oom(err);
        int r = rv_remote_ref_name(branch, &name, err);
        if (r == 0)
                r = rv_remote_open_link(remote, &options, &link, err);
        if (r < 0)
                return r;
        reading->link = link;
        reading->name = name;
        reading->err = err;
        r = link->stateless && remote->speaks_protocol_2 ? ask_protocol_2(reading)
                                                         : read_advertisement(remote, reading);
        if (r < 0) {
                remote->speaks_protocol_2 = false; /* it may have been replaced; ask again next time */
                return r;
        }
        if (!reading->found)
                return rv_error_set(err, -ENOENT, "the remote has no branch %s", branch);
        *ret = reading->id;
        return 0;
}
