/* What the parts of an incident in words have in common. */
#pragma once

#include "ctl/paint.h"

#include "revertd/gitwire.h"
#include "revertd/json.h"

#include <stdio.h>

enum { SHORT_ID = 8, SHORT_COMMIT = RV_OID_SHORT, LABEL_COLUMN = 12, PATHS_SHOWN_MAX = 20, SUSPECTS_SHOWN_MAX = 10 };

static inline const char *string(const json_t *object, const char *key) {
        const char *text = rv_json_string(object, key, NULL);

        return text && text[0] ? text : NULL;
}

static inline void heading(FILE *f, const char *text) {
        fprintf(f, "\n%s%s%s\n", paint_begin(f, BOLD), text, paint_end(f, BOLD));
}

static inline void field(FILE *f, const char *name, const char *text) {
        if (!text)
                return;
        fprintf(f, "  %-*s", LABEL_COLUMN, name);
        paint_text(f, text);
        fputc('\n', f);
}

/* -- incident_head.c -- */
void incident_print_head(FILE *f, const json_t *incident, const char *breach, int64_t now_usec);
void incident_print_rule(FILE *f, const json_t *incident); /* "errors {app="checkout"}" */
/* In a line: which commit and whose, when it went live, how sure that is. */
void incident_print_suspect(FILE *f, const json_t *incident, const json_t *suspect, size_t n_more);
void incident_print_reason(FILE *f, const char *name); /* what it means, and its name */

/* -- incident_next.c -- */
void incident_print_waiting(FILE *f, const json_t *incident, int64_t now_usec);

/* -- incident_suspects.c -- */
size_t incident_culprits(const json_t *incident); /* so many of the first suspects are (to be) undone */
void incident_print_paths(FILE *f, const json_t *paths, const char *indent);
void incident_print_suspects(FILE *f, const json_t *incident);
/* Seen at the branch after the onset, and may have come before it. */
bool incident_is_perhaps_live(const json_t *suspect, int64_t onset_usec);
