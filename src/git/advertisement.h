/* What a service says first: its refs, of which one is looked for, and what it can (protocol 0). */
#pragma once

#include "git/transport_link.h"

#include <git2.h>

struct rv_advertisement {
        git_oid head;       /* of the ref; zero: it is not there */
        char *capabilities; /* separated by blanks; NULL: it said none */
};
void rv_advertisement_done(struct rv_advertisement *advertisement);
#define _cleanup_advertisement_ __attribute__((cleanup(rv_advertisement_done)))

/* -EREMOTEIO: it breaks off, or refuses; err holds its words. packet is scratch. */
int rv_advertisement_read(struct rv_link *link, const char *ref, struct rv_packet *packet, struct rv_advertisement *ret,
                          struct rv_error *err) RV_MUST_CHECK;

bool rv_advertisement_can(const struct rv_advertisement *advertisement, const char *capability);
/* Whether its objects have names of another kind than SHA-1. */
bool rv_advertisement_is_foreign(const struct rv_advertisement *advertisement);

/* "the remote says: …", made safe; -EREMOTEIO. */
int rv_remote_says(const char *text, struct rv_error *err);
