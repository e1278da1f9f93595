/* Words for people: made safe, and in colour where a terminal shows them. */
#pragma once

#include "revertd/clock.h"
#include "revertd/incident.h"

#include <stdio.h>

enum colour { PLAIN, BOLD, DIM, RED, GREEN, YELLOW, CYAN };

bool paint_is_on(FILE *f);
/* Sequences that begin and end a colour; "" where f shows none. */
const char *paint_begin(FILE *f, enum colour colour);
const char *paint_end(FILE *f, enum colour colour);

enum colour paint_state(const char *state); /* an incident's */

/* Outside text, on one line, at most so many bytes. NULL shows nothing. */
void paint_text(FILE *f, const char *text);
void paint_text_max(FILE *f, const char *text, size_t max_bytes);
/* The beginning of an incident's or a commit's id. */
void paint_id(FILE *f, const char *id, size_t digits);
/* Of several lines, a diff say; each one indented. */
void paint_block(FILE *f, const char *text, const char *indent);
void paint_diff(FILE *f, const char *diff);
void paint_quoted(FILE *f, const char *text); /* on one line, in quotes for a shell */

/* "2026-03-01 10:00:00Z"; "-" for 0. Returns buf. */
enum { PAINT_TIME_MAX = RV_DURATION_TEXT_MAX }; /* one buffer does for both */
char *paint_time(int64_t usec, char buf[static PAINT_TIME_MAX]);
/* "5m 3s ago" */
char *paint_ago(int64_t usec, int64_t now_usec, char buf[static PAINT_TIME_MAX]);
