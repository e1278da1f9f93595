/* Ownership at a scope's end, as compilers give it. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void rv_freep(void *p) {
        free(*(void **)p);
}
static inline void rv_closep(const int *fd) {
        if (*fd >= 0)
                close(*fd);
}
static inline void rv_fclosep(FILE **f) {
        if (*f)
                fclose(*f);
}
#define _cleanup_free_ __attribute__((cleanup(rv_freep)))
#define _cleanup_close_ __attribute__((cleanup(rv_closep)))
#define _cleanup_fclose_ __attribute__((cleanup(rv_fclosep)))

/* Take a pointer out of its variable: the variable is NULL afterwards and its cleanup does nothing. */
#define RV_TAKE(p)                                                                                                     \
        ({                                                                                                             \
                __typeof__(p) *_pp = &(p);                                                                             \
                __typeof__(p) _taken = *_pp;                                                                           \
                *_pp = NULL;                                                                                           \
                _taken;                                                                                                \
        })
#define RV_TAKE_FD(fd)                                                                                                 \
        ({                                                                                                             \
                int *_pfd = &(fd);                                                                                     \
                int _taken = *_pfd;                                                                                    \
                *_pfd = -1;                                                                                            \
                _taken;                                                                                                \
        })
#define RV_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
