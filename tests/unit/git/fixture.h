/* A folder for a test, and commands run in it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
        char folder[64];
};

static inline int __attribute__((format(printf, 1, 2))) run(const char *fmt, ...) {
        char *command;
        va_list args;

        va_start(args, fmt);
        int n = vasprintf(&command, fmt, args);
        va_end(args);
        assert_true(n >= 0);
        int status = system(command);
        free(command);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* The first line that a command prints; the caller frees it. */
static inline char *__attribute__((format(printf, 1, 2))) output(const char *fmt, ...) {
        char *command, *line = NULL;
        size_t size = 0;
        va_list args;

        va_start(args, fmt);
        int n = vasprintf(&command, fmt, args);
        va_end(args);
        assert_true(n >= 0);
        FILE *f = popen(command, "re");
        assert_non_null(f);
        if (getline(&line, &size, f) < 0) {
                free(line);
                line = strdup("");
        }
        line[strcspn(line, "\n")] = 0;
        pclose(f);
        free(command);
        return line;
}

static inline void fixture_init(struct fixture *fixture) {
        strcpy(fixture->folder, "/tmp/revertd-test-XXXXXX");
        assert_non_null(mkdtemp(fixture->folder));
        setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
        setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
        setenv("HOME", fixture->folder, 1);
        setenv("GIT_AUTHOR_NAME", "Test", 1);
        setenv("GIT_AUTHOR_EMAIL", "test@example.com", 1);
        setenv("GIT_COMMITTER_NAME", "Test", 1);
        setenv("GIT_COMMITTER_EMAIL", "test@example.com", 1);
}

static inline void fixture_done(struct fixture *fixture) {
        run("rm -rf '%s'", fixture->folder);
}
