/* Answers /api/v1/query at once, so that what is measured is who asks: with one series, or with none where its argument
 * is "none". GET /count says how many queries there were. Prints its port, then serves until it is killed. */

#include "revertd/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { CONNECTIONS_MAX = 4096, REQUEST_BYTES_MAX = 16384, EVENTS_MAX = 64 };

struct connection {
        size_t n;
        char bytes[REQUEST_BYTES_MAX + 1];
};
static struct connection *connections[CONNECTIONS_MAX];
static uint64_t queries;

static const char one_series[] =
        "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":"
        "{\"app\":\"checkout\",\"namespace\":\"shop\"},\"value\":[1772359200.000,\"0.0125\"]}]}}";
static const char no_series[] = "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}";

static const char *body; /* of each answer */

static int answer(int fd, const char *json) {
        char text[1024];
        int n = snprintf(text, sizeof(text),
                         "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                         strlen(json), json);

        return send(fd, text, (size_t)n, MSG_NOSIGNAL) == n ? 0 : -EPIPE;
}

static int serve(int fd, const char *request) {
        char count[32];

        if (strstr(request, "/api/v1/query")) {
                queries++;
                return answer(fd, body);
        }
        snprintf(count, sizeof(count), "%llu\n", (unsigned long long)queries);
        return answer(fd, strncmp(request, "GET /count ", 11) == 0 ? count : "{}");
}

/* One request at a time, as keep-alive clients send them. */
static int take(int fd, struct connection *connection) {
        char *end = strstr(connection->bytes, "\r\n\r\n");

        if (!end)
                return connection->n == REQUEST_BYTES_MAX ? -E2BIG : 0;
        const char *length = strcasestr(connection->bytes, "\r\nContent-Length:");
        size_t body_bytes = length && length < end ? strtoul(length + strlen("\r\nContent-Length:"), NULL, 10) : 0;
        size_t total = (size_t)(end + 4 - connection->bytes) + body_bytes;
        if (total > REQUEST_BYTES_MAX)
                return -E2BIG;
        if (connection->n < total)
                return 0;
        connection->n = 0;
        return serve(fd, connection->bytes);
}

static void on_readable(int fd) {
        struct connection *connection = connections[fd];
        ssize_t n = recv(fd, connection->bytes + connection->n, REQUEST_BYTES_MAX - connection->n, 0);

        if (n > 0) {
                connection->n += (size_t)n;
                connection->bytes[connection->n] = '\0';
                if (take(fd, connection) >= 0)
                        return;
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        free(connection);
        connections[fd] = NULL;
        close(fd);
}

static void on_accept(int listener, int epoll) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
                return;
        if (fd < CONNECTIONS_MAX && (connections[fd] = malloc(sizeof(struct connection)))) {
                connections[fd]->n = 0;
                if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd}) == 0)
                        return;
                free(connections[fd]);
        }
        close(fd);
}

int main(int argc, char **argv) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(address);
        _cleanup_close_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        _cleanup_close_ int epoll = epoll_create1(EPOLL_CLOEXEC);

        body = argc > 1 && strcmp(argv[1], "none") == 0 ? no_series : one_series;
        if (listener < 0 || epoll < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 ||
            listen(listener, SOMAXCONN) < 0 || getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
            epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.fd = listener}) <
                    0) {
                perror("responder");
                return 1;
        }
        printf("%d\n", ntohs(address.sin_port));
        fflush(stdout);
        for (;;) {
                struct epoll_event events[EVENTS_MAX];
                int n = epoll_wait(epoll, events, EVENTS_MAX, -1);
                for (int i = 0; i < n; i++)
                        if (events[i].data.fd == listener)
                                on_accept(listener, epoll);
                        else
                                on_readable(events[i].data.fd);
        }
}
