/* The worker: one repository, one peer, one request at a time. */
#pragma once

#include "git/history.h"
#include "git/line.h"
#include "git/mirror.h"
#include "revertd/config.h"

struct rv_worker {
        const struct rv_repository_config *config;
        struct rv_mirror *mirror;
        struct rv_history *history;
        bool is_read_only;
        char *ledger_path;
        char *state_directory; /* private: sockets, copies of keys */
        const char *credentials_directory;
        struct rv_line line;
        int64_t rebuilt_usec; /* monotonic; 0: never */
        int64_t told_usec;    /* the same: when progress was told last */

        /* Of the request under way. */
        const struct rv_git_request *request;
        int64_t deadline_usec; /* monotonic: a little before the watchdog's */
};

struct rv_worker_options {
        const struct rv_config *config;
        const struct rv_repository_config *repository;
        const char *storage_path;
        bool is_read_only; /* pushes are refused */
        int fd;            /* the peer's stream socket */
};

/* Says hello and serves until the peer closes. 0: it has closed; -EBADMSG: it sent what is no request. */
int rv_worker_run(const struct rv_worker_options *options, struct rv_error *err) RV_MUST_CHECK;
