/* A server on the loop with routes that echo, and clients that send what curl would not. */
#pragma once

#include "loop.h"

#include "http/server_internal.h"
#include "revertd/cleanup.h"
#include "revertd/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>

static sd_event *event;
static char *directory;
static struct rv_http_server *server;
static char last_actor[128];
static size_t last_body_bytes;
static unsigned calls;

static void on_echo(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        const char *query = rv_http_call_query(call, "q");

        (void)userdata;
        calls++;
        last_body_bytes = call->body_bytes;
        strcpy(last_actor, call->actor);
        answer->status = 200;
        int n = asprintf(&answer->body, "%s %s q=%s body=%.20s\n", call->method, call->path, query ? query : "",
                         call->body);
        assert_true(n > 0);
        answer->body_bytes = (size_t)n;
}

static void on_busy(const struct rv_http_call *call, struct rv_http_answer *answer, void *userdata) {
        (void)call;
        (void)userdata;
        answer->status = 503;
        answer->retry_after_sec = 7;
}

/* RFC 4231, test case 2. */
#define SIGNED "what do ya want for nothing?"
#define SIGNATURE "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

static bool is_signed = true;

static const struct rv_http_signature *on_signature(const char *path, void *userdata) {
        static const struct rv_http_signature signature = {.secret = "Jefe", .header = "X-Signature"};

        (void)userdata;
        return is_signed && strcmp(path, "/signed/yes") == 0 ? &signature : NULL;
}

static const struct rv_http_route routes[] = {
        {.path = "/signed/",
         .methods = "POST",
         .auth = RV_HTTP_AUTH_REQUIRED,
         .handler = on_echo,
         .signature = on_signature},
        {.path = "/echo", .methods = "GET,POST", .auth = RV_HTTP_AUTH_REQUIRED, .handler = on_echo},
        {.path = "/small", .methods = "POST", .body_bytes_max = 100, .handler = on_echo},
        {.path = "/tree/", .methods = "GET", .handler = on_echo},
        {.path = "/busy", .methods = "GET", .handler = on_busy},
        {.path = "/open", .methods = "GET", .auth = RV_HTTP_AUTH_NONE, .handler = on_echo},
        {.path = "/", .methods = "GET", .handler = on_echo},
};

__attribute__((unused)) static int setup(void **state) {
        (void)state;
        directory = make_directory();
        calls = 0;
        last_actor[0] = '\0';
        return sd_event_new(&event);
}

__attribute__((unused)) static int teardown(void **state) {
        (void)state;
        server = rv_http_server_free(server);
        sd_event_unref(event);
        remove_directory(directory);
        return 0;
}

__attribute__((unused)) static int start(const struct rv_listen_config *listen, struct rv_error *err) {
        return rv_http_server_new(&server, event, listen, directory, NULL, 0, routes, RV_ARRAY_SIZE(routes), NULL, err);
}

__attribute__((unused)) static void start_with(struct rv_listen_config listen) {
        char *loopback[] = {(char *)"127.0.0.1:0", NULL};
        struct rv_error err = {0};

        if (!listen.addresses && !listen.socket)
                listen.addresses = loopback;
        int r = start(&listen, &err);
        if (r < 0)
                fail_msg("%s", err.text);
}

__attribute__((format(printf, 1, 2), unused)) static const char *curl(const char *fmt, ...) {
        static struct program program;
        char arguments[2048], command[4096];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(arguments, sizeof(arguments), fmt, ap);
        va_end(ap);
        snprintf(command, sizeof(command), "cd %s && exec curl -sS -m 30 %s", directory, arguments);
        program_start(&program, command);
        program_finish(&program, event);
        return program.output;
}

__attribute__((unused)) static int port(void) {
        return rv_http_server_port(server, 0);
}

__attribute__((unused)) static void assert_contains(const char *text, const char *part) {
        if (!strstr(text, part))
                fail_msg("no \"%s\" in: %s", part, text);
}

/* -- raw connections -- */

__attribute__((unused)) static int connect_raw(void) {
        struct sockaddr_in address = {
                .sin_family = AF_INET, .sin_port = htons((uint16_t)port()), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
        return fd;
}

__attribute__((unused)) static void turn(uint64_t usec) {
        assert_true(sd_event_run(event, usec) >= 0);
}

/* What the server says until it closes. */
__attribute__((unused)) static const char *read_to_end(int fd) {
        static char text[65536];
        size_t n = 0;

        for (;;) {
                ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, 0);
                if (got > 0)
                        n += (size_t)got;
                else if (got == 0 || errno != EAGAIN)
                        break;
                else
                        turn(1000);
        }
        text[n] = '\0';
        close(fd);
        return text;
}

__attribute__((unused)) static const char *exchange(const char *request) {
        int fd = connect_raw();

        assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
        return read_to_end(fd);
}
