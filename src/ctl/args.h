/* The command line: verbs, their options, and the help that is made from the same table. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2, CTL_PATHS_MAX = 64 };

enum ctl_output { CTL_TABLE, CTL_JSON, CTL_HTML };

struct args {
        const struct verb *verb;
        enum ctl_output output;

        /* Where the daemon is. */
        const char *socket; /* NULL: a URL */
        const char *url;
        bool is_default_socket; /* nobody said where */
        const char *token_file, *username, *ca_file;
        int64_t timeout_usec;

        /* Without a daemon. */
        bool no_daemon;
        const char *config_file, *storage_path, *git_program;

        const char *repository, *rule, *reason, *state, *duration;
        const char *from, *to, *last, *file; /* backtest; to: of a restore too */
        int64_t step_usec, apply_usec;       /* 0: each rule's own */
        const char *path[CTL_PATHS_MAX];
        size_t n_paths;
        int limit;
        bool force, dry_run, yes, no_wait, diff, progress, show;

        char **operand;
        int n_operands;
};

struct verb {
        const char *name;
        const char *operands; /* for the synopsis */
        const char *summary;
        const char *takes; /* its options, by their keys in args.c */
        const char *text;  /* what it does */
        const char *examples;
        int min_operands, max_operands; /* −1: any number */
        bool is_local;                  /* speaks to no daemon */
        int (*run)(const struct args *args);
};

/* In the order of the help; the last one has no name. */
extern const struct verb verbs[];

/* −1: go on with *ret; else the exit status, and all is said. */
int args_parse(int argc, char **argv, struct args *ret);

/* "revertctl: error: …" on standard error. Returns CTL_USAGE. */
int args_complain(const struct args *args, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
