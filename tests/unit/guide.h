/* The examples in the guides and manual pages, for the tests that run them. */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

/* Caller frees. */
static inline char *guide_read(const char *path) {
        char *text = NULL;
        size_t n = 0;
        FILE *f = fopen(path, "re");
        if (!f)
                fail_msg("%s: %s", path, strerror(errno));
        ssize_t k = getdelim(&text, &n, '\0', f);
        fclose(f);
        assert_true(k > 0);
        return text;
}

/* The next block between a line that begins with `begin` and the line `end`, from *p on, which moves past it; the text
 * is cut there. *ret_more: the rest of the first line. NULL: there is no more. */
static inline char *guide_block(char **p, const char *begin, const char *end, char **ret_more) {
        char *found = strstr(*p, begin);
        if (!found)
                return NULL;
        char *more = found + strlen(begin), *block = strchr(more, '\n'), *stop = block ? strstr(block, end) : NULL;
        assert_non_null(stop);
        *block++ = '\0';
        stop[1] = '\0'; /* its line end stays */
        *p = stop + 2;
        if (ret_more)
                *ret_more = more;
        return block;
}

/* Those of a manual page's EXAMPLES, where \e is a backslash; from *p on, which is its whole text at first. */
static inline char *guide_manual_block(char **p) {
        if (strstr(*p, ".Sh NAME\n"))
                assert_non_null(*p = strstr(*p, ".Sh EXAMPLES\n"));
        char *block = guide_block(p, ".Bd -literal", "\n.Ed\n", NULL);
        for (char *e = block ? strstr(block, "\\e") : NULL; e; e = strstr(e + 1, "\\e"))
                memmove(e + 1, e + 2, strlen(e + 2) + 1);
        return block;
}

/* What a block may leave out. */
__attribute__((unused)) static const struct {
        const char *key, *text;
} guide_rest[] = {
        {"repositories:", "repositories: ( { name = \"fleet\"; url = \"/srv/fleet.git\"; } );\n"},
        {"prometheus:", "prometheus: ( { name = \"prod\"; url = \"http://127.0.0.1:9090\"; } );\n"},
};

/* A whole configuration of it. Caller frees. */
static inline char *guide_complete(const char *block) {
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);
        assert_non_null(f);
        fputs(block, f);
        for (size_t i = 0; i < sizeof(guide_rest) / sizeof(guide_rest[0]); i++)
                if (!strstr(block, guide_rest[i].key))
                        fputs(guide_rest[i].text, f);
        fclose(f);
        return text;
}
