/* By what an alert is silenced or inhibited, in words: a silence's own record (/api/v2/silence/ID), or the labels of the
 * alert that inhibits. Whether it is, is known without them. */
#include "revertd/cleanup.h"
#include "revertd/json.h"
#include "revertd/source.h"
#include "revertd/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES_MAX = 200000, ID_BYTES_MAX = 64, NAME_BYTES_MAX = 100, COMMENT_BYTES_MAX = 300, LABELS_BYTES_MAX = 300 };

void rv_alert_standing_done(struct rv_alert_standing *standing) {
        free(standing->by);
        *standing = (struct rv_alert_standing){0};
}

static bool is_id(const char *text) {
        size_t n = strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");

        return n > 0 && n <= ID_BYTES_MAX && text[n] == '\0';
}

char *rv_alert_words_path(const struct rv_alert_standing *standing) {
        char *path = NULL;

        if (!standing->by || standing->is_muted || !is_id(standing->by))
                return NULL;
        if (standing->state == RV_ALERT_INHIBITED)
                return strdup("/api/v2/alerts");
        return standing->state == RV_ALERT_SILENCED && asprintf(&path, "/api/v2/silence/%s", standing->by) >= 0 ? path
                                                                                                                : NULL;
}

/* ", by ana, until 2026-03-01T10:30:00.000Z: database migration" */
static void put_silence(FILE *f, const json_t *silence) {
        _cleanup_free_ char *by = rv_text_line(rv_json_string(silence, "createdBy", ""), NAME_BYTES_MAX);
        _cleanup_free_ char *until = rv_text_line(rv_json_string(silence, "endsAt", ""), NAME_BYTES_MAX);
        _cleanup_free_ char *comment = rv_text_line(rv_json_string(silence, "comment", ""), COMMENT_BYTES_MAX);

        if (by && *by)
                fprintf(f, ", by %s", by);
        if (until && *until)
                fprintf(f, ", until %s", until);
        if (comment && *comment)
                fprintf(f, ": %s", comment);
}

static bool put_inhibitor(FILE *f, const json_t *alerts, const char *fingerprint) {
        for (size_t i = 0; i < json_array_size(alerts); i++) {
                const json_t *alert = json_array_get(alerts, i);
                _cleanup_labels_ struct rv_labels *labels = NULL;

                if (strcmp(rv_json_string(alert, "fingerprint", ""), fingerprint) != 0 ||
                    rv_labels_from_json(&labels, json_object_get(alert, "labels"), NULL, NULL) < 0)
                        continue;
                _cleanup_free_ char *text = rv_labels_format(labels);
                _cleanup_free_ char *line = text ? rv_text_line(text, LABELS_BYTES_MAX) : NULL;
                if (line)
                        fprintf(f, "by the alert %s", line);
                return line;
        }
        return false;
}

static void put(FILE *f, const struct rv_alert_standing *standing, const json_t *answer) {
        _cleanup_free_ char *by = rv_text_line(standing->by, ID_BYTES_MAX);

        if (!by)
                return;
        if (standing->state == RV_ALERT_INHIBITED) {
                if (!put_inhibitor(f, answer, standing->by))
                        fprintf(f, "by the alert with the fingerprint %s", by);
                return;
        }
        fprintf(f, "%s %s", standing->is_muted ? "by the time interval" : "by the silence", by);
        if (!standing->is_muted)
                put_silence(f, answer);
}

char *rv_alert_words(const struct rv_alert_standing *standing, const struct rv_http_response *response) {
        _cleanup_json_ json_t *answer = NULL;
        char *words = NULL;
        size_t size;
        FILE *f;

        if (!standing->by)
                return NULL;
        if (response && response->result == 0 && response->status == 200 &&
            rv_json_parse(&answer, response->body, response->body_bytes, VALUES_MAX, NULL) < 0)
                answer = NULL;
        f = open_memstream(&words, &size);
        if (!f)
                return NULL;
        put(f, standing, answer);
        if (fclose(f) == 0)
                return words;
        free(words);
        return NULL;
}
