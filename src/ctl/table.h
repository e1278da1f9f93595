/* Columns for people, as wide as what stands in them. */
#pragma once

#include "ctl/paint.h"

struct table;

/* titles: n of them. NULL: out of memory. */
struct table *table_new(const char *const *titles, size_t n);
struct table *table_free(struct table *table);

/* The next cell, left to right, row by row. The text is made safe. Out of memory is told by table_print(). */
void table_add(struct table *table, enum colour colour, const char *text);
void table_addf(struct table *table, enum colour colour, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Lines are cut to width columns; 0: they are not. −ENOMEM: a cell was lost. */
int table_print(const struct table *table, FILE *f, size_t width) RV_MUST_CHECK;

/* Of the terminal that f is; 0: it is none. */
size_t table_terminal_width(FILE *f);
