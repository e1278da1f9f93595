#include "revertd/incident.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *rv_act_scope(char *const *scope, size_t n) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        for (size_t i = 0; i < n; i++)
                fprintf(f, "%s%s", i > 0 ? "\n" : "", scope[i]);
        bool failed = ferror(f);
        if (fclose(f) != 0 || failed) {
                free(text);
                return NULL;
        }
        return text;
}

/* Bytes of the folders that stand before the first component with a wildcard. */
static size_t fixed_bytes(const char *pattern) {
        size_t wild = strcspn(pattern, "*?[\\");

        if (pattern[wild] == '\0')
                return wild;
        while (wild > 0 && pattern[wild - 1] != '/')
                wild--;
        return wild > 0 ? wild - 1 : 0;
}

static bool patterns_overlap(const char *a, const char *b) {
        size_t n_a = fixed_bytes(a), n_b = fixed_bytes(b);
        size_t n = n_a < n_b ? n_a : n_b;

        if (n == 0)
                return true;
        if (strncmp(a, b, n) != 0)
                return false;
        return n_a == n_b || (n_a < n_b ? b[n] : a[n]) == '/';
}

bool rv_scope_overlaps(char *const *a, size_t n_a, char *const *b, size_t n_b) {
        if (n_a == 0 || n_b == 0)
                return true;
        for (size_t i = 0; i < n_a; i++)
                for (size_t k = 0; k < n_b; k++)
                        if (patterns_overlap(a[i], b[k]))
                                return true;
        return false;
}
