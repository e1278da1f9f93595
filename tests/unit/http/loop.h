/* Programs run beside an event loop: what they print is collected while the loop turns. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

struct program {
        pid_t pid;
        int fd;
        char output[65536];
        size_t n;
        bool is_done;
};

static inline void program_start(struct program *program, const char *command) {
        int pipes[2];

        *program = (struct program){0};
        assert_int_equal(pipe(pipes), 0);
        program->pid = fork();
        assert_true(program->pid >= 0);
        if (program->pid == 0) {
                setpgid(0, 0);
                dup2(pipes[1], 1);
                dup2(pipes[1], 2);
                close(pipes[0]);
                close(pipes[1]);
                execl("/bin/sh", "sh", "-c", command, NULL);
                _exit(127);
        }
        close(pipes[1]);
        program->fd = pipes[0];
}

static inline int program_read(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct program *program = userdata;
        ssize_t n = read(fd, program->output + program->n, sizeof(program->output) - 1 - program->n);

        (void)events;
        if (n > 0)
                program->n += (size_t)n;
        else {
                program->is_done = true;
                sd_event_source_set_enabled(source, SD_EVENT_OFF);
        }
        program->output[program->n] = '\0';
        return 0;
}

/* Turn the loop until the program has ended; its exit status. */
static inline int program_finish(struct program *program, sd_event *event) {
        sd_event_source *source;
        int status;

        assert_true(sd_event_add_io(event, &source, program->fd, EPOLLIN, program_read, program) >= 0);
        while (!program->is_done)
                assert_true(sd_event_run(event, UINT64_MAX) >= 0);
        sd_event_source_disable_unref(source);
        close(program->fd);
        assert_int_equal(waitpid(program->pid, &status, 0), program->pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The first line that a server prints, which says that it is ready. */
static inline void program_first_line(struct program *program, char *line, size_t size) {
        size_t n = 0;

        while (n + 1 < size && read(program->fd, line + n, 1) == 1 && line[n] != '\n')
                n++;
        line[n] = '\0';
        assert_true(n > 0);
}

static inline void program_stop(struct program *program) {
        kill(-program->pid, SIGKILL);
        waitpid(program->pid, NULL, 0);
        close(program->fd);
}

/* A CA, and a certificate of it each for 127.0.0.1 as a server and for a client named "ana"; another CA that signed a
 * client named "mallory". */
static inline void make_certificates(const char *directory) {
        char command[4096];

        snprintf(command, sizeof(command),
                 "set -e; cd %s; q='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'\n"
                 "ca() { openssl req -x509 $q -keyout $1.key -out $1.pem -subj /CN=$1; }\n"
                 "leaf() { openssl req $q -keyout $1.key -out $1.csr -subj /CN=$1\n"
                 "  printf \"subjectAltName=IP:127.0.0.1\\nextendedKeyUsage=$3\\n\" >$1.ext\n"
                 "  openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days 2 -extfile $1.ext "
                 "-out $1.pem; }\n"
                 "(ca ca; ca other; leaf server ca serverAuth; leaf ana ca clientAuth; leaf mallory other clientAuth) "
                 ">openssl.log 2>&1",
                 directory);
        assert_int_equal(system(command), 0);
}

static inline char *make_directory(void) {
        char *path = strdup("/tmp/revertd-test-XXXXXX");

        assert_non_null(path);
        assert_non_null(mkdtemp(path));
        return path;
}

static inline void remove_directory(char *path) {
        char command[256];

        snprintf(command, sizeof(command), "rm -rf '%s'", path);
        assert_int_equal(system(command), 0);
        free(path);
}

static inline void write_file(const char *directory, const char *name, const char *text) {
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        FILE *f = fopen(path, "we");
        assert_non_null(f);
        fputs(text, f);
        assert_int_equal(fclose(f), 0);
}
