#include "revertd/log.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/json.h"
#include "revertd/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

enum {
        PAIRS_MAX = 32,
        VALUE_BYTES_MAX = 4096,
        OWN_FIELDS = 4, /* MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, MESSAGE_ID */
};

static const char *const level_names[RV_LOG_LEVEL_MAX] = {"error", "warn", "info", "debug"};
static const int priorities[RV_LOG_LEVEL_MAX] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
static const char *const format_names[RV_LOG_FORMAT_MAX] = {"logfmt", "json", "journal"};

static const char *const event_ids[RV_LOG_EVENT_MAX] = {
#define X(name, id) [RV_EV_##name] = (id),
        RV_LOG_EVENTS(X)
#undef X
};

static enum rv_log_level level_max = RV_LOG_INFO;
static enum rv_log_format output = RV_LOG_LOGFMT;

struct pair {
        const char *key;
        char *value; /* made safe */
};

struct entry {
        enum rv_log_level level;
        enum rv_log_event event;
        char *message;
        struct pair pair[PAIRS_MAX];
        size_t n;
};

static int index_of(const char *const *names, int n, const char *s) {
        for (int i = 0; i < n; i++)
                if (strcmp(names[i], s) == 0)
                        return i;
        return -EINVAL;
}

int rv_log_level_from_string(const char *s, enum rv_log_level *ret) {
        int r = index_of(level_names, RV_LOG_LEVEL_MAX, s);

        if (r < 0)
                return r;
        *ret = (enum rv_log_level)r;
        return 0;
}

int rv_log_format_from_string(const char *s, enum rv_log_format *ret) {
        int r = index_of(format_names, RV_LOG_FORMAT_MAX, s);

        if (r < 0)
                return r;
        *ret = (enum rv_log_format)r;
        return 0;
}

void rv_log_init(enum rv_log_level level, enum rv_log_format format) {
        level_max = level;
        output = format;
}

bool rv_log_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        _cleanup_free_ char *ours = NULL;
        struct stat st;

        if (!stream || fstat(STDERR_FILENO, &st) < 0)
                return false;
        if (asprintf(&ours, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino) < 0) {
                ours = NULL;
                return false;
        }
        return strcmp(stream, ours) == 0;
}

static void write_line(const char *line, size_t n) {
        while (n > 0) {
                ssize_t written = write(STDERR_FILENO, line, n);
                if (written < 0 && errno == EINTR)
                        continue;
                if (written <= 0)
                        return; /* nowhere left to say it */
                line += written;
                n -= (size_t)written;
        }
}

static void write_logfmt_pair(FILE *f, const char *key, const char *value) {
        bool quote = value[0] == '\0' || strpbrk(value, " =\"\\") || strstr(value, "\xEF\xBF\xBD");

        fprintf(f, " %s=", key);
        if (!quote) {
                fputs(value, f);
                return;
        }
        fputc('"', f);
        for (; *value; value++) {
                if (*value == '"' || *value == '\\')
                        fputc('\\', f);
                fputc(*value, f);
        }
        fputc('"', f);
}

static void log_logfmt(const struct entry *entry) {
        _cleanup_free_ char *line = NULL;
        char ts[RV_TIME_TEXT_MAX];
        size_t size = 0;
        FILE *f = open_memstream(&line, &size);

        if (!f)
                return;
        fprintf(f, "ts=%s level=%s", rv_time_format(rv_clock_realtime_usec(), ts), level_names[entry->level]);
        write_logfmt_pair(f, "msg", entry->message);
        for (size_t i = 0; i < entry->n; i++)
                write_logfmt_pair(f, entry->pair[i].key, entry->pair[i].value);
        fputc('\n', f);
        if (fclose(f) == 0)
                write_line(line, size);
}

static void log_json(const struct entry *entry) {
        _cleanup_json_ json_t *object = json_object();
        _cleanup_free_ char *text = NULL;
        _cleanup_free_ char *line = NULL;
        char ts[RV_TIME_TEXT_MAX];

        json_object_set_new(object, "ts", json_string(rv_time_format(rv_clock_realtime_usec(), ts)));
        json_object_set_new(object, "level", json_string(level_names[entry->level]));
        json_object_set_new(object, "msg", json_string(entry->message));
        for (size_t i = 0; i < entry->n; i++)
                json_object_set_new(object, entry->pair[i].key, json_string(entry->pair[i].value));
        text = rv_json_dump(object);
        int n = text ? asprintf(&line, "%s\n", text) : -1;
        if (n < 0)
                line = NULL;
        else
                write_line(line, (size_t)n);
}

/* "REVERTD_INCIDENT=…" */
static char *journal_field(const struct pair *pair) {
        char *field = NULL;

        if (asprintf(&field, "REVERTD_%s=%s", pair->key, pair->value) < 0)
                return NULL;
        for (char *c = field; *c != '='; c++)
                *c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
        return field;
}

/* With the pairs behind it: whoever reads the journal without -o verbose sees the message alone. */
static char *journal_message(const struct entry *entry) {
        char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);

        if (!f)
                return NULL;
        fprintf(f, "MESSAGE=%s", entry->message);
        if (entry->n > 0)
                fputc(':', f);
        for (size_t i = 0; i < entry->n; i++)
                write_logfmt_pair(f, entry->pair[i].key, entry->pair[i].value);
        if (fclose(f) == 0)
                return text;
        free(text);
        return NULL;
}

static int log_journal(const struct entry *entry) {
        char *field[OWN_FIELDS + PAIRS_MAX] = {0};
        struct iovec iov[OWN_FIELDS + PAIRS_MAX];
        int n = 0, count = 0;

        n += (field[n] = journal_message(entry)) != NULL;
        n += asprintf(&field[n], "PRIORITY=%d", priorities[entry->level]) > 0;
        n += asprintf(&field[n], "SYSLOG_IDENTIFIER=%s", program_invocation_short_name) > 0;
        if (entry->event != RV_EV_NONE)
                n += asprintf(&field[n], "MESSAGE_ID=%s", event_ids[entry->event]) > 0;
        for (size_t i = 0; i < entry->n; i++)
                n += (field[n] = journal_field(&entry->pair[i])) != NULL;
        for (; count < n; count++)
                iov[count] = (struct iovec){field[count], strlen(field[count])};
        int r = sd_journal_sendv(iov, count);
        for (int i = 0; i < n; i++)
                free(field[i]);
        return r;
}

static void emit(const struct entry *entry) {
        if (output == RV_LOG_JOURNAL && log_journal(entry) >= 0)
                return;
        if (output == RV_LOG_JSON)
                log_json(entry);
        else
                log_logfmt(entry);
}

void rv_log(enum rv_log_level level, enum rv_log_event event, const char *message, ...) {
        struct entry entry = {.level = level, .event = event};
        const char *key;
        va_list ap;

        if (level > level_max)
                return;
        va_start(ap, message);
        while (entry.n < PAIRS_MAX && (key = va_arg(ap, const char *))) {
                const char *value = va_arg(ap, const char *);
                char *safe = value ? rv_text_line(value, VALUE_BYTES_MAX) : NULL;
                if (safe)
                        entry.pair[entry.n++] = (struct pair){key, safe};
        }
        va_end(ap);
        entry.message = rv_text_line(message, VALUE_BYTES_MAX);
        if (entry.message)
                emit(&entry);
        free(entry.message);
        for (size_t i = 0; i < entry.n; i++)
                free(entry.pair[i].value);
}
