/* For LD_PRELOAD: counts what makes something durable or reaches somebody outside, and ends the program as a crash
 * would, right before the call whose number it is told. Once: what is started after that lives.
 *
 * $CRASH_PROGRAM names the program that it is about, $CRASH_PAGE a file of struct page, shared with the test; mapped
 * before main(), for the worker locks itself up. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct page {
        int32_t armed, at, count, crashed;
        char name[16];
};

static struct page *page;

__attribute__((constructor)) static void map_page(void) {
        const char *program = getenv("CRASH_PROGRAM"), *path = getenv("CRASH_PAGE");
        if (!program || !path || strcmp(program, program_invocation_short_name) != 0)
                return;
        int fd = open(path, O_RDWR | O_CLOEXEC);
        void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at != MAP_FAILED)
                page = at;
        if (fd >= 0)
                close(fd);
}

static void point(const char *name) {
        if (!page || !page->armed || page->crashed)
                return;
        if (__atomic_add_fetch(&page->count, 1, __ATOMIC_SEQ_CST) != page->at)
                return;
        page->crashed = 1;
        snprintf(page->name, sizeof(page->name), "%s", name);
        syscall(SYS_exit_group, 137);
}

static void *real(const char *name) {
        void *found = dlsym(RTLD_NEXT, name);
        if (!found)
                abort();
        return found;
}

static void point_at_socket(const char *name, int fd) {
        struct stat st;
        if (page && page->armed && fd > STDERR_FILENO && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
                point(name);
}

#define POINT(type, name, parameters, arguments)                                                                       \
        type name parameters {                                                                                         \
                static type(*next) parameters;                                                                         \
                if (!next)                                                                                             \
                        *(void **)&next = real(#name);                                                                 \
                point(#name);                                                                                          \
                return next arguments;                                                                                 \
        }
#define POINT_AT_SOCKET(type, name, parameters, arguments)                                                             \
        type name parameters {                                                                                         \
                static type(*next) parameters;                                                                         \
                if (!next)                                                                                             \
                        *(void **)&next = real(#name);                                                                 \
                point_at_socket(#name, fd);                                                                            \
                return next arguments;                                                                                 \
        }

POINT(int, fsync, (int fd), (fd))
POINT(int, fdatasync, (int fd), (fd))
POINT(int, ftruncate, (int fd, off_t length), (fd, length))
POINT(int, ftruncate64, (int fd, off64_t length), (fd, length))
POINT(int, rename, (const char *from, const char *to), (from, to))
POINT(int, renameat, (int d1, const char *from, int d2, const char *to), (d1, from, d2, to))
POINT(int, link, (const char *from, const char *to), (from, to))
POINT(int, linkat, (int d1, const char *from, int d2, const char *to, int flags), (d1, from, d2, to, flags))
POINT(int, unlink, (const char *path), (path))
POINT(int, unlinkat, (int d, const char *path, int flags), (d, path, flags))
POINT(int, connect, (int fd, const struct sockaddr *to, socklen_t n), (fd, to, n))
POINT(ssize_t, send, (int fd, const void *data, size_t n, int flags), (fd, data, n, flags))
POINT(ssize_t, sendto, (int fd, const void *data, size_t n, int flags, const struct sockaddr *to, socklen_t to_n),
      (fd, data, n, flags, to, to_n))
POINT(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
POINT_AT_SOCKET(ssize_t, write, (int fd, const void *data, size_t n), (fd, data, n))
POINT_AT_SOCKET(ssize_t, writev, (int fd, const struct iovec *part, int n), (fd, part, n))
