#include "config/matcher.h"

#include "config/values.h"
#include "revertd/cleanup.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <string.h>

/* The limits travel inside the compiled pattern, so that whoever matches with it is bounded: a pattern from a file must
 * not let a label from the network take seconds. */
#define LIMITS "(*LIMIT_MATCH=100000)(*LIMIT_DEPTH=1000)(*LIMIT_HEAP=2000)"

static size_t parse_name(const char *s) {
        size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:");
        return n > 0 && s[0] >= '0' && s[0] <= '9' ? 0 : n;
}

static int parse_op(const char **s, enum rv_match_op *ret) {
        /* Longest first. */
        static const struct {
                const char *text;
                enum rv_match_op op;
        } ops[] = {{"=~", RV_MATCH_RE}, {"!~", RV_MATCH_NRE}, {"!=", RV_MATCH_NE}, {"=", RV_MATCH_EQ}};
        for (size_t i = 0; i < RV_ARRAY_SIZE(ops); i++)
                if (strncmp(*s, ops[i].text, strlen(ops[i].text)) == 0) {
                        *s += strlen(ops[i].text);
                        *ret = ops[i].op;
                        return 0;
                }
        return -EINVAL;
}

/* As amtool: the value may stand in double quotes, with \" \\ and \n in it. */
static int parse_value(const char *s, char **ret, struct rv_error *err) {
        size_t n = strlen(s), k = 0;
        while (n > 0 && strchr(" \t", s[n - 1]))
                n--;
        bool quoted = n > 0 && s[0] == '"';
        if (quoted && (n < 2 || s[n - 1] != '"'))
                return rv_error_set(err, -EINVAL, "a quote in the value is not closed");
        _cleanup_free_ char *value = malloc(n + 1);
        if (!value)
                return rv_error_oom(err);
        for (size_t i = quoted, end = n - quoted; i < end; i++) {
                if (quoted && s[i] == '"')
                        return rv_error_set(err, -EINVAL, "the value goes on after its closing quote");
                if (quoted && s[i] == '\\' && i + 1 < end && strchr("\"\\n", s[i + 1])) {
                        i++;
                        value[k++] = s[i] == 'n' ? '\n' : s[i];
                } else if (quoted && s[i] == '\\' && i + 1 == end) {
                        return rv_error_set(err, -EINVAL, "a quote in the value is not closed");
                } else {
                        value[k++] = s[i];
                }
        }
        value[k] = '\0';
        *ret = RV_TAKE(value);
        return 0;
}

static int compile(const char *pattern, void **ret, struct rv_error *err) {
        _cleanup_free_ char *limited = NULL;
        int code;
        size_t at;

        if (asprintf(&limited, "%s%s", LIMITS, pattern) < 0) {
                limited = NULL;
                return rv_error_oom(err);
        }
        *ret = pcre2_compile((PCRE2_SPTR)limited, PCRE2_ZERO_TERMINATED,
                             PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_DOLLAR_ENDONLY |
                                     PCRE2_NEVER_BACKSLASH_C,
                             &code, &at, NULL);
        if (*ret)
                return 0;
        PCRE2_UCHAR message[256] = "";
        pcre2_get_error_message(code, message, sizeof(message));
        if (code == PCRE2_ERROR_HEAP_FAILED)
                return rv_error_oom(err);
        return rv_error_set(err, -EINVAL, "bad regular expression at character %zu: %s",
                            at < strlen(LIMITS) ? 1 : at - strlen(LIMITS) + 1, (char *)message);
}

int rv_matcher_parse(struct rv_matcher *ret, const char *text, struct rv_error *err) {
        struct rv_matcher matcher = {0};
        const char *s = text + strspn(text, " \t");
        size_t name = parse_name(s);
        const char *op = s + name + strspn(s + name, " \t");
        int r;

        if (strlen(text) > RV_MATCHER_BYTES_MAX)
                return rv_error_set(err, -EINVAL, "is longer than %d bytes", RV_MATCHER_BYTES_MAX);
        if (name == 0 || parse_op(&op, &matcher.op) < 0)
                return rv_error_set(err, -EINVAL, "'%s' is no matcher: name=value, !=, =~ or !~", text);
        op += strspn(op, " \t");
        matcher.name = strndup(s, name);
        if (!matcher.name)
                return rv_error_oom(err);
        r = parse_value(op, &matcher.value, err);
        if (r == 0 && (matcher.op == RV_MATCH_RE || matcher.op == RV_MATCH_NRE))
                r = compile(matcher.value, &matcher.regex, err);
        if (r < 0) {
                rv_matcher_done(&matcher);
                return rv_error_prefix(err, r, "'%s'", text);
        }
        *ret = matcher;
        return 0;
}

void rv_matcher_done(struct rv_matcher *matcher) {
        free(matcher->name);
        free(matcher->value);
        pcre2_code_free(matcher->regex);
        *matcher = (struct rv_matcher){0};
}
