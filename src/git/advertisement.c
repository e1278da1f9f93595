#include "git/advertisement.h"

#include "revertd/cleanup.h"
#include "revertd/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int rv_remote_says(const char *text, struct rv_error *err) {
        _cleanup_free_ char *shown = rv_text_line(text, 512);

        return rv_error_set(err, -EREMOTEIO, "the remote says: %s", shown ? shown : "");
}

void rv_advertisement_done(struct rv_advertisement *advertisement) {
        free(advertisement->capabilities);
        *advertisement = (struct rv_advertisement){0};
}

bool rv_advertisement_can(const struct rv_advertisement *advertisement, const char *capability) {
        const char *all = advertisement->capabilities;
        size_t n = strlen(capability);

        for (const char *p = all; p && (p = strstr(p, capability)); p += n)
                if ((p == all || p[-1] == ' ') && (p[n] == 0 || p[n] == ' ' || p[n] == '\n'))
                        return true;
        return false;
}

bool rv_advertisement_is_foreign(const struct rv_advertisement *advertisement) {
        return advertisement->capabilities && strstr(advertisement->capabilities, "object-format=") &&
               !rv_advertisement_can(advertisement, "object-format=sha1");
}

static void note_ref(const struct rv_packet *packet, const char *ref, git_oid *head) {
        if (packet->n > GIT_OID_HEXSZ + 1 && packet->data[GIT_OID_HEXSZ] == ' ' &&
            strcmp(packet->data + GIT_OID_HEXSZ + 1, ref) == 0)
                (void)!git_oid_fromstrn(head, packet->data, GIT_OID_HEXSZ);
}

int rv_advertisement_read(struct rv_link *link, const char *ref, struct rv_packet *packet, struct rv_advertisement *ret,
                          struct rv_error *err) {
        bool first = true, header = false;

        for (;;) {
                int r = rv_packet_read(link, packet, err);
                if (r < 0)
                        return r;
                if (packet->kind == RV_PACKET_FLUSH && header) {
                        header = false; /* the one behind "# service=" */
                        continue;
                }
                if (packet->kind == RV_PACKET_FLUSH)
                        return 0;
                if (packet->kind != RV_PACKET_DATA)
                        return rv_error_set(err, -EREMOTEIO, "the remote broke off within its list of refs");
                if (first && strncmp(packet->data, "# service=", 10) == 0) {
                        header = true;
                        continue;
                }
                if (strncmp(packet->data, "ERR ", 4) == 0)
                        return rv_remote_says(packet->data + 4, err);
                size_t n = strlen(packet->data);
                if (first && n < packet->n && !(ret->capabilities = strdup(packet->data + n + 1)))
                        return rv_error_oom(err);
                first = false;
                rv_packet_chomp(packet);
                note_ref(packet, ref, &ret->head);
        }
}
