/* A worker's process, or a connection to the socket unit of one. */
#pragma once

#include "revertd/gitclient.h"

#include <sys/types.h>

struct process {
        int fd;    /* stream socket, non-blocking; −1: none */
        pid_t pid; /* 0: not ours (a socket unit) */
        int pidfd; /* −1: none */
};

int process_start(struct process *ret, const struct rv_gitclient_options *options, struct rv_error *err) RV_MUST_CHECK;

/* Kills it and ends its children; closes the socket. */
void process_kill(struct process *process);

/* After the pidfd says that it has ended: how, for people. Ends the process struct's life. */
void process_reap(struct process *process, char *text, size_t size);

/* Close the socket, at whose end an idle worker ends by itself; after wait_usec kill it; reap. */
void process_end(struct process *process, int64_t wait_usec);
