/* A link to a child process: the OpenSSH client, or git's receive-pack at a local path. */
#pragma once

#include "git/transport_link.h"

struct rv_process_options {
        const char *const *argv; /* found in PATH */
        const char *const *env;  /* set besides PATH, HOME and LC_ALL; "NAME=value"; NULL-terminated */
        int64_t deadline_usec, idle_usec;
        bool outlives; /* left to end by itself if we die; see jail.h */
};

/* The child has its own process group, which is killed when the link is freed. What it writes to standard error, and
 * how it ended, stands in the error of the call that finds it gone. */
int rv_process_link(struct rv_link **ret, const struct rv_process_options *options, struct rv_error *err) RV_MUST_CHECK;
/* The child finds the end of its input; what it says can still be read. */
void rv_process_end_input(struct rv_link *link);
