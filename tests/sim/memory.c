/* Memory that runs out while the engine works. Under a sanitizer, which has an allocator of its own, it never does. */
#include "sim.h"

#include <stdlib.h>

#ifdef __SANITIZE_ADDRESS__
#define IS_SANITIZED 1
#endif
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif

static long left = -1; /* allocations until one fails; −1: none will */

void memory_fail_after(long n) {
        left = n;
}

#ifndef IS_SANITIZED

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);

static bool fails(void) {
        return left >= 0 && left-- == 0;
}

void *malloc(size_t n) {
        return fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size) {
        return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n) {
        return fails() ? NULL : __libc_realloc(p, n);
}

#endif
