#include "ctl/table.h"

#include "revertd/cleanup.h"
#include "revertd/text.h"

#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <wchar.h>

enum { CELL_BYTES_MAX = 400, GAP = 2 };

struct cell {
        char *text;
        enum colour colour;
};

struct table {
        struct cell *cell; /* the titles first */
        size_t n, room, n_columns;
        bool is_broken;
};

struct table *table_new(const char *const *titles, size_t n) {
        struct table *table = calloc(1, sizeof(*table));

        if (!table)
                return NULL;
        table->n_columns = n;
        for (size_t i = 0; i < n; i++)
                table_add(table, DIM, titles[i]);
        return table;
}

struct table *table_free(struct table *table) {
        if (table) {
                for (size_t i = 0; i < table->n; i++)
                        free(table->cell[i].text);
                free(table->cell);
                free(table);
        }
        return NULL;
}

void table_add(struct table *table, enum colour colour, const char *text) {
        char *safe = rv_text_line(text && text[0] ? text : "-", CELL_BYTES_MAX);

        if (table->n == table->room) {
                size_t room = table->room ? 2 * table->room : 64;
                struct cell *grown = reallocarray(table->cell, room, sizeof(*grown));
                if (!grown) {
                        free(safe);
                        table->is_broken = true;
                        return;
                }
                table->cell = grown;
                table->room = room;
        }
        table->is_broken |= !safe;
        table->cell[table->n++] = (struct cell){safe, colour};
}

void table_addf(struct table *table, enum colour colour, const char *fmt, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, fmt);
        if (vasprintf(&text, fmt, ap) < 0) {
                text = NULL;
                table->is_broken = true;
        }
        va_end(ap);
        table_add(table, colour, text);
}

/* How many columns the text takes up to max, and in *ret_bytes how many bytes that is. The text is UTF-8 whatever the
 * locale is. */
static size_t measure(const char *text, size_t max, size_t *ret_bytes) {
        locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
        locale_t old = utf8 ? uselocale(utf8) : (locale_t)0;
        mbstate_t state = {0};
        size_t columns = 0, bytes = 0, length;
        wchar_t c;

        while ((length = mbrtowc(&c, text + bytes, MB_CUR_MAX, &state)) > 0 && length < (size_t)-2) {
                int width = wcwidth(c);
                size_t more = width < 0 ? 1 : (size_t)width;
                if (columns + more > max)
                        break;
                columns += more;
                bytes += length;
        }
        if (utf8) {
                uselocale(old);
                freelocale(utf8);
        }
        *ret_bytes = bytes;
        return columns;
}

static void print_cell(FILE *f, const struct cell *cell, size_t width, bool is_last, size_t left) {
        size_t bytes, columns = measure(cell->text, SIZE_MAX, &bytes);
        bool is_cut = columns > left;

        if (is_cut)
                columns = measure(cell->text, left - 1, &bytes);
        fprintf(f, "%s%.*s%s%s", paint_begin(f, cell->colour), (int)bytes, cell->text, is_cut ? "…" : "",
                paint_end(f, cell->colour));
        for (size_t i = columns + is_cut; !is_last && i < width + GAP; i++)
                fputc(' ', f);
}

static void print_row(const struct table *table, const struct cell *row, const size_t *widths, FILE *f, size_t width) {
        size_t left = width ? width : SIZE_MAX;

        for (size_t i = 0; i < table->n_columns; i++) {
                bool is_last = i + 1 == table->n_columns || left <= widths[i] + GAP;
                print_cell(f, &row[i], widths[i], is_last, left);
                if (is_last)
                        break;
                left -= widths[i] + GAP;
        }
        fputc('\n', f);
}

int table_print(const struct table *table, FILE *f, size_t width) {
        _cleanup_free_ size_t *widths = calloc(table->n_columns, sizeof(*widths));

        if (table->is_broken || !widths)
                return -ENOMEM;
        for (size_t i = 0; i < table->n; i++) {
                size_t bytes, columns = measure(table->cell[i].text, SIZE_MAX, &bytes);
                if (columns > widths[i % table->n_columns])
                        widths[i % table->n_columns] = columns;
        }
        for (size_t i = 0; i + table->n_columns <= table->n; i += table->n_columns)
                print_row(table, table->cell + i, widths, f, width);
        return 0;
}

size_t table_terminal_width(FILE *f) {
        struct winsize size = {0};
        int fd = fileno(f);

        return fd >= 0 && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
