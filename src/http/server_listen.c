/* Listening sockets: TCP addresses, the Unix socket, and those that systemd hands over. */

#include "http/server_internal.h"
#include "revertd/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

static void free_addresses(struct addrinfo **list) {
        if (*list)
                freeaddrinfo(*list);
}

static bool is_loopback(const struct sockaddr_storage *address) {
        if (address->ss_family == AF_UNIX)
                return true;
        if (address->ss_family == AF_INET)
                return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
        if (address->ss_family != AF_INET6)
                return false;
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

bool listen_is_exposed(int fd) {
        struct sockaddr_storage address = {0};
        socklen_t n = sizeof(address);

        return getsockname(fd, (struct sockaddr *)&address, &n) < 0 || !is_loopback(&address);
}

/* "host:port", "[::1]:port" or ":port" into its parts; an empty host is every interface. */
static int split_address(const char *address, char **ret_host, const char **ret_port, struct rv_error *err) {
        const char *colon = strrchr(address, ':');
        size_t n;

        if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5 ||
            strtoul(colon + 1, NULL, 10) > UINT16_MAX)
                return rv_error_set(err, -EINVAL, "not an address of the form \"host:port\"");
        n = (size_t)(colon - address);
        if (n >= 2 && address[0] == '[' && colon[-1] == ']') {
                address++;
                n -= 2;
        } else if (memchr(address, ':', n))
                return rv_error_set(err, -EINVAL, "an IPv6 address needs brackets: \"[::1]:9798\"");
        *ret_host = strndup(address, n);
        *ret_port = colon + 1;
        return *ret_host ? 0 : rv_error_oom(err);
}

static int open_tcp(const struct addrinfo *address, bool is_dual, int *ret) {
        _cleanup_close_ int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int on = 1, v6_only = !is_dual;

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
                return -errno;
        if (address->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) < 0)
                return -errno;
        if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0)
                return -errno;
        *ret = RV_TAKE_FD(fd);
        return 0;
}

/* A name may stand for several addresses ("localhost" is 127.0.0.1 and ::1): all that this machine has are taken. */
int listen_tcp(const char *address, struct listener *listener, size_t max, size_t *ret_n, struct rv_error *err) {
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
        __attribute__((cleanup(free_addresses))) struct addrinfo *list = NULL;
        _cleanup_free_ char *host = NULL;
        const char *port = NULL;
        size_t n = 0;
        int r;

        r = split_address(address, &host, &port, err);
        if (r < 0)
                return rv_error_prefix(err, r, "listen on %s", address);
        bool is_any = host[0] == '\0';
        int failed = getaddrinfo(is_any ? "::" : host, port, &hints, &list);
        if (failed)
                return rv_error_set(err, -EADDRNOTAVAIL, "listen on %s: %s", address, gai_strerror(failed));
        r = -EADDRNOTAVAIL;
        for (const struct addrinfo *a = list; a && n < max; a = a->ai_next) {
                int opened = open_tcp(a, is_any, &listener[n].fd);
                if (opened == -EAFNOSUPPORT && is_any) { /* a machine without IPv6 */
                        struct sockaddr_in v4 = {.sin_family = AF_INET,
                                                 .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
                        struct addrinfo any = {
                                .ai_family = AF_INET, .ai_addr = (struct sockaddr *)&v4, .ai_addrlen = sizeof(v4)};
                        opened = open_tcp(&any, false, &listener[n].fd);
                }
                if (opened >= 0)
                        n++;
                else if (opened == -EADDRINUSE || opened == -EACCES || n == 0)
                        r = opened;
        }
        if (n == 0)
                return rv_error_set(err, r, "listen on %s: %s", address, strerror(-r));
        *ret_n = n;
        return 0;
}

/* One that nobody listens on is left from before; one that somebody answers on is not ours. */
static int remove_stale(const struct sockaddr_un *address, struct rv_error *err) {
        struct stat st;

        if (lstat(address->sun_path, &st) < 0)
                return errno == ENOENT ? 0 : rv_error_set(err, -errno, "%s", strerror(errno));
        if (!S_ISSOCK(st.st_mode))
                return rv_error_set(err, -EEXIST, "there is a file that is not a socket");
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return rv_error_set(err, -errno, "%s", strerror(errno));
        if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) >= 0 || errno != ECONNREFUSED)
                return rv_error_set(err, -EADDRINUSE, "another process listens there");
        if (unlink(address->sun_path) < 0)
                return rv_error_set(err, -errno, "cannot remove the stale socket: %s", strerror(errno));
        return 0;
}

static int open_unix(const char *path, struct listener *listener, struct rv_error *err) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct stat st;
        int r;

        if (strlen(path) >= sizeof(address.sun_path))
                return rv_error_set(err, -ENAMETOOLONG, "the path is over %zu bytes", sizeof(address.sun_path) - 1);
        memcpy(address.sun_path, path, strlen(path) + 1);
        r = remove_stale(&address, err);
        if (r < 0)
                return r;
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return rv_error_set(err, -errno, "%s", strerror(errno));
        /* The mode is the socket's from its first moment. */
        mode_t mask = umask(0117);
        r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
        umask(mask);
        if (r < 0 || listen(fd, SOMAXCONN) < 0 || lstat(path, &st) < 0)
                return rv_error_set(err, r < 0 ? r : -errno, "%s", strerror(r < 0 ? -r : errno));
        listener->path = strdup(path);
        if (!listener->path)
                return rv_error_oom(err);
        listener->device = st.st_dev;
        listener->inode = st.st_ino;
        listener->is_local = true;
        listener->fd = RV_TAKE_FD(fd);
        return 0;
}

int listen_unix(const char *path, struct listener *listener, struct rv_error *err) {
        int r = open_unix(path, listener, err);

        return r < 0 ? rv_error_prefix(err, r, "listen on %s", path) : 0;
}

int listen_inherited(int fd, struct listener *listener, struct rv_error *err) {
        struct sockaddr_storage address = {0};
        socklen_t n = sizeof(address), int_size = sizeof(int);
        int is_listening = 0;

        if (getsockname(fd, (struct sockaddr *)&address, &n) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &int_size) < 0 || !is_listening)
                return rv_error_set(err, -EINVAL, "descriptor %d is not a listening socket", fd);
        /* systemd keeps the socket itself: closing our copy leaves it open, shutdown() would end it for all. */
        listener->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (listener->fd < 0 || fcntl(listener->fd, F_SETFL, O_NONBLOCK) < 0)
                return rv_error_set(err, -errno, "descriptor %d: %s", fd, strerror(errno));
        listener->is_local = address.ss_family == AF_UNIX;
        return 0;
}

void listener_done(struct listener *listener) {
        struct stat st;

        sd_event_source_disable_unref(listener->source);
        if (listener->path && lstat(listener->path, &st) >= 0 && st.st_dev == listener->device &&
            st.st_ino == listener->inode)
                unlink(listener->path);
        free(listener->path);
        if (listener->fd >= 0)
                close(listener->fd);
        *listener = (struct listener){.fd = -1};
}
