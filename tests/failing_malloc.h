/* An allocator that fails when it is told to. Included once in a program; not under a sanitizer, which has its own:
 * FAILING_MALLOC says whether it is there. */
#pragma once

#include <stdbool.h>
#include <stdlib.h>

#define FAILING_MALLOC 1
#ifdef __SANITIZE_ADDRESS__
#undef FAILING_MALLOC
#endif
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#undef FAILING_MALLOC
#endif
#endif

static long malloc_left = -1; /* allocations until one fails; −1: none will */

#ifdef FAILING_MALLOC

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);

static bool malloc_fails(void) {
        return malloc_left >= 0 && malloc_left-- == 0;
}

void *malloc(size_t n) {
        return malloc_fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size) {
        return malloc_fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n) {
        return malloc_fails() ? NULL : __libc_realloc(p, n);
}

#endif
