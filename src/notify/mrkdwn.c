#include "notify/mrkdwn.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/text.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#define ELLIPSIS "\xe2\x80\xa6"
#define ZERO_WIDTH_SPACE "\xe2\x80\x8b"

enum { ELLIPSIS_BYTES = sizeof(ELLIPSIS) - 1 };

void mrkdwn_init(struct mrkdwn *m, size_t max) {
        m->n = 0;
        m->max = max < MRKDWN_BYTES_MAX ? max : MRKDWN_BYTES_MAX;
        m->text[0] = '\0';
}

static void append(struct mrkdwn *m, const char *s, size_t n) {
        memcpy(m->text + m->n, s, n);
        m->n += n;
        m->text[m->n] = '\0';
}

static bool append_whole(struct mrkdwn *m, const char *s) {
        size_t n = strlen(s);
        if (m->n + n > m->max)
                return false;
        append(m, s, n);
        return true;
}

bool mrkdwn_markup(struct mrkdwn *m, const char *format, ...) {
        va_list args;
        va_start(args, format);
        char *text = NULL;
        int n = vasprintf(&text, format, args);
        va_end(args);
        if (n < 0)
                return false;
        bool fits = append_whole(m, text);
        free(text);
        return fits;
}

/* Slack turns these into mentions where a workspace has name parsing on. */
static bool is_broadcast(const char *after_at) {
        static const char *const words[] = {"channel", "here", "everyone", "group"};
        for (size_t i = 0; i < RV_ARRAY_SIZE(words); i++)
                if (strncasecmp(after_at, words[i], strlen(words[i])) == 0)
                        return true;
        return false;
}

/* The next character of s as it is shown; returns how many bytes of s it took. Lent. */
static size_t escape(const char *s, const char **ret, size_t *ret_n) {
        const char *shown = NULL;
        switch (*s) {
        case '&':
                shown = "&amp;";
                break;
        case '<':
                shown = "&lt;";
                break;
        case '>':
                shown = "&gt;";
                break;
        case '`':
                shown = "'";
                break;
        case '@':
                shown = is_broadcast(s + 1) ? "@" ZERO_WIDTH_SPACE : "@";
                break;
        default:
                break;
        }
        size_t n = 1;
        while ((s[n] & 0xc0) == 0x80)
                n++;
        *ret = shown ? shown : s;
        *ret_n = shown ? strlen(shown) : n;
        return n;
}

static void append_escaped(struct mrkdwn *m, const char *line, size_t max) {
        size_t end = m->max - m->n < max ? m->max : m->n + max;
        size_t cut = m->n; /* the last place where an ellipsis would still fit */
        while (*line) {
                const char *shown;
                size_t n;
                line += escape(line, &shown, &n);
                if (m->n + ELLIPSIS_BYTES <= end)
                        cut = m->n;
                if (m->n + n > end) {
                        m->n = cut;
                        if (cut + ELLIPSIS_BYTES <= end)
                                append(m, ELLIPSIS, ELLIPSIS_BYTES);
                        m->text[m->n] = '\0';
                        return;
                }
                append(m, shown, n);
        }
}

void mrkdwn_text(struct mrkdwn *m, const char *s, size_t max) {
        _cleanup_free_ char *line = s ? rv_text_line(s, MRKDWN_BYTES_MAX) : NULL;
        if (line)
                append_escaped(m, line, max);
}

void mrkdwn_code(struct mrkdwn *m, const char *s, size_t max) {
        _cleanup_free_ char *line = s ? rv_text_line(s, MRKDWN_BYTES_MAX) : NULL;
        size_t room = m->max - m->n;
        if (!line || line[0] == '\0' || room < 2 + ELLIPSIS_BYTES)
                return;
        append(m, "`", 1);
        append_escaped(m, line, max < room - 2 ? max : room - 2);
        append(m, "`", 1);
}

/* What would end the link's address is percent-encoded. NULL: not an address to link to. */
static char *link_address(const char *url) {
        if (!url || (strncasecmp(url, "https://", 8) != 0 && strncasecmp(url, "http://", 7) != 0))
                return NULL;
        char *address = NULL;
        size_t n;
        FILE *out = open_memstream(&address, &n);
        if (!out)
                return NULL;
        for (const char *p = url; *p; p++) {
                if (*p == '&')
                        fputs("&amp;", out);
                else if (strchr("<>|\"`", *p) || (unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
                        fprintf(out, "%%%02X", (unsigned char)*p);
                else
                        fputc(*p, out);
        }
        if (fclose(out) != 0) {
                free(address);
                return NULL;
        }
        return address;
}

void mrkdwn_link(struct mrkdwn *m, const char *url, const char *label, size_t max) {
        _cleanup_free_ char *address = link_address(url);
        struct mrkdwn shown;
        mrkdwn_init(&shown, max);
        mrkdwn_text(&shown, label, max);
        if (!address || !mrkdwn_markup(m, "`<%s|%s>`", address, shown.text))
                mrkdwn_code(m, label, max);
}

void mrkdwn_time(struct mrkdwn *m, long long usec) {
        char text[RV_TIME_TEXT_MAX];
        mrkdwn_markup(m, "<!date^%lld^{date_num} {time_secs}|%s>", usec / RV_USEC_PER_SEC, rv_time_format(usec, text));
}
