/* Untrusted text made safe to show. */
#pragma once

#include "revertd/error.h"

#include <stdbool.h>

bool rv_text_is_utf8(const char *s, size_t n);

/* One line for a terminal, a log or a commit message: invalid UTF-8 becomes U+FFFD; control characters (C0, C1, DEL),
 * line and paragraph separators become a space; bidirectional and other invisible format characters are dropped; cut
 * to max_bytes on a character's boundary, with "…" where cut. Caller frees; NULL: out of memory. */
char *rv_text_line(const char *s, size_t max_bytes);

/* The same for several lines (a diff, a server's message): newlines and tabs stay. */
char *rv_text_block(const char *s, size_t max_bytes);

/* Whether a word (a version, a tag, an id) stands in a text as a whole one: "1.2" does not stand in "1.20", nor in
 * "a1.2". With or without a v before its first digit it is the same. */
bool rv_text_has_word(const char *text, size_t n, const char *word);

/* Compare secrets: the time does not depend on where they differ. */
bool rv_text_equal_secret(const char *a, const char *b);
