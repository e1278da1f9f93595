#include "config/scan.h"

#include "revertd/text.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct scanner {
        const char *p, *end;
        unsigned line;
        unsigned depth;
        unsigned members[RV_CONFIG_DEPTH_MAX + 1];
        unsigned problems;
        struct rv_problems *sink;
};

#define complain(s, ...)                                                                                               \
        do {                                                                                                           \
                if ((s)->problems++ < RV_CONFIG_SCAN_PROBLEMS_MAX)                                                     \
                        rv_problems_add((s)->sink, NULL, (s)->line, __VA_ARGS__);                                      \
        } while (0)

static bool check_bytes(struct scanner *s, const char *text, size_t n) {
        if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
                complain(s, "begins with a byte order mark: save the file as plain UTF-8, without one");
        const char *nul = memchr(text, '\0', n);
        if (nul) {
                for (const char *p = text; p < nul; p++)
                        s->line += *p == '\n';
                complain(s, "holds a NUL byte: this is no text file");
        } else if (!rv_text_is_utf8(text, n)) {
                /* Find the line: the first one that is not valid on its own. */
                const char *p = text, *end = text + n;
                while (p < end) {
                        const char *newline = memchr(p, '\n', (size_t)(end - p));
                        size_t length = newline ? (size_t)(newline - p) : (size_t)(end - p);
                        if (!rv_text_is_utf8(p, length))
                                break;
                        p += length + 1;
                        s->line++;
                }
                complain(s, "is not valid UTF-8");
        }
        s->line = 1;
        return s->problems == 0;
}

static void skip_line_comment(struct scanner *s) {
        while (s->p < s->end && *s->p != '\n')
                s->p++;
}

static void skip_block_comment(struct scanner *s) {
        unsigned opened = s->line;
        for (s->p += 2; s->p < s->end; s->p++) {
                if (*s->p == '\n')
                        s->line++;
                if (*s->p == '*' && s->p + 1 < s->end && s->p[1] == '/') {
                        s->p += 2;
                        return;
                }
        }
        s->line = opened;
        complain(s, "a comment begins here and has no end");
}

static void skip_string(struct scanner *s) {
        unsigned opened = s->line;
        for (s->p++; s->p < s->end; s->p++) {
                if (*s->p == '\n')
                        s->line++;
                if (*s->p == '"') {
                        s->p++;
                        return;
                }
                if (*s->p != '\\' || s->p + 1 >= s->end)
                        continue;
                s->p++;
                if (*s->p == '\n')
                        s->line++;
                if (s->end - s->p >= 3 && strncmp(s->p, "x00", 3) == 0)
                        complain(s, "\\x00 in a string");
        }
        s->line = opened;
        complain(s, "a string begins here and has no end");
}

static bool is_integer(const char *word) {
        const char *p = word + (*word == '+' || *word == '-');
        if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
                p += 2 + strspn(p + 2, "0123456789abcdefABCDEF");
        else
                p += strspn(p, "0123456789");
        return strcmp(p, "") == 0 || strcmp(p, "L") == 0 || strcmp(p, "LL") == 0;
}

static bool is_real(const char *word) {
        return strspn(word, "+-0123456789.eE") == strlen(word) && strpbrk(word, "0123456789");
}

/* libconfig keeps 32 bits of an integer without L, and lets the rest go. */
static void check_number(struct scanner *s, const char *word) {
        const char *digits = word + (*word == '+' || *word == '-');
        errno = 0;
        if (is_integer(word)) {
                bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
                if (!hex && digits[0] == '0' && isdigit((unsigned char)digits[1])) {
                        complain(s, "%s: a number has no leading zeros", word);
                        return;
                }
                long long value = strtoll(word, NULL, hex ? 16 : 10);
                bool wide = strchr(word, 'L') != NULL;
                if (errno == ERANGE || (!wide && (value > INT_MAX || value < INT_MIN)))
                        complain(s, "%s is too large a number", word);
        } else if (is_real(word)) {
                double value = strtod(word, NULL);
                if (!isfinite(value))
                        complain(s, "%s is too large a number", word);
        } else {
                complain(s, "%s is not a number; text stands in quotes, a duration too: \"15s\"", word);
        }
}

static void scan_number(struct scanner *s) {
        char word[64];
        size_t n = 0;
        while (s->p < s->end && (isalnum((unsigned char)*s->p) || strchr("+-._", *s->p))) {
                if (n + 1 < sizeof(word))
                        word[n++] = *s->p;
                s->p++;
        }
        word[n] = '\0';
        check_number(s, word);
}

static void scan_word(struct scanner *s) {
        while (s->p < s->end && (isalnum((unsigned char)*s->p) || strchr("-_*", *s->p)))
                s->p++;
}

static void open_nested(struct scanner *s) {
        s->depth++;
        if (s->depth <= RV_CONFIG_DEPTH_MAX)
                s->members[s->depth] = 0;
        else if (s->depth == RV_CONFIG_DEPTH_MAX + 1)
                complain(s, "groups and lists more than %d deep", RV_CONFIG_DEPTH_MAX);
}

static void count_member(struct scanner *s) {
        if (s->depth <= RV_CONFIG_DEPTH_MAX && ++s->members[s->depth] == RV_CONFIG_GROUP_MEMBERS_MAX + 1)
                complain(s, "more than %d settings in one group", RV_CONFIG_GROUP_MEMBERS_MAX);
}

/* libconfig includes only where a line begins with it and takes an @ for a syntax error elsewhere, so each is refused. */
static bool refuse_include(struct scanner *s) {
        static const char word[] = "@include";
        if ((size_t)(s->end - s->p) < strlen(word) || memcmp(s->p, word, strlen(word)) != 0)
                return false;
        complain(s, "@include is not supported: rule_files reads further files");
        skip_line_comment(s);
        return true;
}

bool rv_scan(const char *text, size_t n, struct rv_problems *problems) {
        struct scanner s = {.p = text, .end = text + n, .line = 1, .sink = problems};

        if (!check_bytes(&s, text, n))
                return false;
        while (s.p < s.end) {
                char c = *s.p;
                if (c == '\n') {
                        s.line++;
                        s.p++;
                } else if (c == '#' || (c == '/' && s.p + 1 < s.end && s.p[1] == '/')) {
                        skip_line_comment(&s);
                } else if (c == '/' && s.p + 1 < s.end && s.p[1] == '*') {
                        skip_block_comment(&s);
                } else if (c == '"') {
                        skip_string(&s);
                } else if (isdigit((unsigned char)c) || c == '+' || c == '-' || c == '.') {
                        scan_number(&s);
                } else if (isalpha((unsigned char)c) || c == '*') {
                        scan_word(&s);
                } else if (c == '@' && refuse_include(&s)) {
                        continue;
                } else {
                        if (c == '{' || c == '(' || c == '[')
                                open_nested(&s);
                        else if ((c == '}' || c == ')' || c == ']') && s.depth > 0)
                                s.depth--;
                        else if (c == '=' || c == ':')
                                count_member(&s);
                        s.p++;
                }
        }
        return s.problems == 0;
}
