#include "ctl/paint.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_BYTES_MAX = 1000, BLOCK_BYTES_MAX = 1 << 20 };

bool paint_is_on(FILE *f) {
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
        int fd = fileno(f);

        return fd >= 0 && isatty(fd) && !(no_color && no_color[0]) && term && strcmp(term, "dumb") != 0;
}

const char *paint_begin(FILE *f, enum colour colour) {
        static const char *const sequences[] = {"",         "\x1B[1m",  "\x1B[2m", "\x1B[31m",
                                                "\x1B[32m", "\x1B[33m", "\x1B[36m"};

        return paint_is_on(f) ? sequences[colour] : "";
}

const char *paint_end(FILE *f, enum colour colour) {
        return colour != PLAIN && paint_is_on(f) ? "\x1B[0m" : "";
}

enum colour paint_state(const char *name) {
        enum rv_incident_state state;

        if (rv_incident_state_from_string(name, &state) < 0)
                return PLAIN;
        switch (state) {
        case RV_INCIDENT_RECOVERED:
        case RV_INCIDENT_REVERTED:
        case RV_INCIDENT_CLEARED:
                return GREEN;
        case RV_INCIDENT_DECLINED:
        case RV_INCIDENT_REJECTED:
                return YELLOW;
        case RV_INCIDENT_UNRECOVERED:
        case RV_INCIDENT_FAILED:
                return RED;
        default:
                return CYAN;
        }
}

void paint_text_max(FILE *f, const char *text, size_t max_bytes) {
        _cleanup_free_ char *safe = text ? rv_text_line(text, max_bytes) : NULL;

        if (safe)
                fputs(safe, f);
}

void paint_text(FILE *f, const char *text) {
        paint_text_max(f, text, TEXT_BYTES_MAX);
}

void paint_id(FILE *f, const char *id, size_t digits) {
        size_t n = id ? strspn(id, "0123456789abcdef") : 0;

        fprintf(f, "%.*s", (int)(n < digits ? n : digits), id ? id : "");
}

static enum colour of_diff_line(const char *line) {
        if (line[0] == '+')
                return GREEN;
        if (line[0] == '-')
                return RED;
        if (strncmp(line, "@@", 2) == 0)
                return CYAN;
        return strncmp(line, "diff ", 5) == 0 ? BOLD : PLAIN;
}

static void paint_lines(FILE *f, const char *text, const char *indent, bool is_diff) {
        _cleanup_free_ char *safe = text ? rv_text_block(text, BLOCK_BYTES_MAX) : NULL;
        char *rest = safe, *line;

        while (rest && *rest && (line = strsep(&rest, "\n"))) {
                enum colour colour = is_diff ? of_diff_line(line) : PLAIN;
                fprintf(f, "%s%s%s%s\n", line[0] ? indent : "", paint_begin(f, colour), line, paint_end(f, colour));
        }
}

void paint_block(FILE *f, const char *text, const char *indent) {
        paint_lines(f, text, indent, false);
}

void paint_diff(FILE *f, const char *diff) {
        paint_lines(f, diff, "", true);
}

char *paint_time(int64_t usec, char buf[static PAINT_TIME_MAX]) {
        char text[RV_TIME_TEXT_MAX];

        if (usec == 0) {
                snprintf(buf, PAINT_TIME_MAX, "-");
                return buf;
        }
        rv_time_format(usec, text);
        char *t = strchr(text, 'T'), *dot = strchr(text, '.');
        if (t && dot)
                snprintf(buf, PAINT_TIME_MAX, "%.*s %.*sZ", (int)(t - text), text, (int)(dot - t - 1), t + 1);
        return buf;
}

char *paint_ago(int64_t usec, int64_t now_usec, char buf[static PAINT_TIME_MAX]) {
        char text[RV_DURATION_TEXT_MAX];

        if (usec == 0)
                snprintf(buf, PAINT_TIME_MAX, "-");
        else
                snprintf(buf, PAINT_TIME_MAX, "%.30s ago",
                         rv_duration_humanize(now_usec > usec ? now_usec - usec : 0, text));
        return buf;
}

void paint_quoted(FILE *f, const char *text) {
        _cleanup_free_ char *safe = rv_text_line(text ? text : "", TEXT_BYTES_MAX);

        fputc('\'', f);
        for (const char *c = safe; c && *c; c++)
                if (*c == '\'')
                        fputs("'\\''", f);
                else
                        fputc(*c, f);
        fputc('\'', f);
}
