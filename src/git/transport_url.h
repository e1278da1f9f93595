/* The remote's URL, taken apart: what is in it goes to a child's arguments and a remote shell. */
#pragma once

#include "git/transport.h"

struct rv_remote_url {
        enum rv_remote_kind kind;
        char *path; /* LOCAL: absolute. SSH: as the server is told */
        char *user; /* SSH; NULL: none in the URL */
        char *host; /* SSH */
        int port;   /* SSH; 0: the default */
        char *http; /* HTTP: whole, without a trailing slash */
};
void rv_remote_url_done(struct rv_remote_url *url);

/* -EINVAL: none of the kinds, a password in it, or one that could be read as an option. */
int rv_remote_url_parse(struct rv_remote_url *ret, const char *text, struct rv_error *err) RV_MUST_CHECK;
