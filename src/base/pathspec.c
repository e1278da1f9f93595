#include "revertd/pathspec.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

enum { PATTERN_BYTES_MAX = 4096 };

struct component {
        const char *s;
        size_t n;
};

/* Take the next component off *path. False: there is none. */
static bool next(const char **path, struct component *ret) {
        if (**path == '\0')
                return false;
        *ret = (struct component){*path, strcspn(*path, "/")};
        *path += ret->n;
        if (**path == '/')
                (*path)++;
        return true;
}

static bool is_double_star(const struct component *c) {
        return c->n == 2 && c->s[0] == '*' && c->s[1] == '*';
}

static bool has_wildcard(const char *pattern) {
        return strpbrk(pattern, "*?[\\") != NULL;
}

static bool component_matches(const struct component *pattern, const struct component *name) {
        char p[PATTERN_BYTES_MAX + 1], s[PATTERN_BYTES_MAX + 1];

        if (pattern->n > PATTERN_BYTES_MAX || name->n > PATTERN_BYTES_MAX)
                return false;
        memcpy(p, pattern->s, pattern->n);
        p[pattern->n] = '\0';
        memcpy(s, name->s, name->n);
        s[name->n] = '\0';
        return fnmatch(p, s, 0) == 0;
}

int rv_pathspec_check(const char *pattern, struct rv_error *err) {
        const char *rest = pattern;

        if (*pattern == '\0')
                return rv_error_set(err, -EINVAL, "path pattern is empty");
        if (strlen(pattern) > PATTERN_BYTES_MAX)
                return rv_error_set(err, -EINVAL, "path pattern of %zu bytes, over %d", strlen(pattern),
                                    PATTERN_BYTES_MAX);
        if (*pattern == '/')
                return rv_error_set(err, -EINVAL, "path pattern \"%s\" is absolute", pattern);
        for (const char *s = pattern; *s; s++)
                if ((unsigned char)*s < 0x20 || *s == 0x7F)
                        return rv_error_set(err, -EINVAL, "path pattern has a control character");
        do {
                size_t n = strcspn(rest, "/");
                if (n == 0 || (n == 1 && rest[0] == '.') || (n == 2 && rest[0] == '.' && rest[1] == '.'))
                        return rv_error_set(err, -EINVAL, "path pattern \"%s\" has the component \"%.*s\"", pattern,
                                            (int)n, rest);
                rest += n;
        } while (*rest++ == '/');
        return 0;
}

/* As `*` in a name is matched: on a mismatch, the last "**" takes one component more. One at the pattern's end is not
 * reached when no component is left, so it takes at least one. */
static bool match_wildcards(const char *pattern, const char *path) {
        const char *after_star = NULL, *star_path = NULL;
        struct component p, s;

        while (*path != '\0') {
                const char *here = path;
                if (next(&pattern, &p)) {
                        if (is_double_star(&p)) {
                                after_star = pattern;
                                star_path = here;
                                continue;
                        }
                        next(&path, &s);
                        if (component_matches(&p, &s))
                                continue;
                }
                if (!after_star)
                        return false;
                pattern = after_star;
                path = star_path;
                next(&path, &s);
                star_path = path;
        }
        return *pattern == '\0';
}

/* pattern is path, or a folder above it. */
static bool match_literal(const char *pattern, const char *path) {
        size_t n = strlen(pattern);

        return strncmp(pattern, path, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

bool rv_pathspec_match(const char *pattern, const char *path) {
        return has_wildcard(pattern) ? match_wildcards(pattern, path) : match_literal(pattern, path);
}

bool rv_pathspec_could_match_below(const char *pattern, const char *dir) {
        bool wild = has_wildcard(pattern);
        struct component p, s;

        while (next(&dir, &s)) {
                if (!next(&pattern, &p))
                        return !wild; /* below the folder that a pattern without a wildcard names */
                if (is_double_star(&p))
                        return true;
                if (wild ? !component_matches(&p, &s) : p.n != s.n || memcmp(p.s, s.s, p.n) != 0)
                        return false;
        }
        return !wild || *pattern != '\0';
}

bool rv_pathspec_match_any(const char *const *patterns, size_t n, const char *path) {
        for (size_t i = 0; i < n; i++)
                if (rv_pathspec_match(patterns[i], path))
                        return true;
        return false;
}

bool rv_pathspec_could_match_below_any(const char *const *patterns, size_t n, const char *dir) {
        for (size_t i = 0; i < n; i++)
                if (rv_pathspec_could_match_below(patterns[i], dir))
                        return true;
        return false;
}
