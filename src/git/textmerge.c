#include "git/textmerge.h"

#include "git/linediff.h"
#include "revertd/cleanup.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BASE, OURS, THEIRS, SIDES };

struct line {
        const char *text; /* with its newline, which the last may lack */
        size_t n;
        uint32_t *id;
};

struct text {
        size_t *starts; /* of each line; starts[lines.n] is the end */
        uint32_t *ids;
        struct rv_line_ids lines;
};

struct merging {
        const struct rv_text_merge_input *inputs[SIDES];
        struct text texts[SIDES];
        size_t n_ids;
        struct rv_line_hunk *hunks[SIDES]; /* base → ours, base → theirs */
        size_t n_hunks[SIDES];
        FILE *out;
        size_t copied; /* lines of ours that are in out, or left out */
        bool in_conflict;
};

/* -- Lines, and numbers for them -- */

/* Where the line that starts there ends. */
static size_t line_end(const struct rv_text_merge_input *input, size_t at) {
        const char *newline = memchr(input->text + at, '\n', input->n - at);

        return newline ? (size_t)(newline - input->text) + 1 : input->n;
}

static int split(const struct rv_text_merge_input *input, struct text *text) {
        size_t n = 0;

        for (size_t at = 0; at < input->n; at = line_end(input, at))
                if (++n > RV_TEXT_MERGE_LINES_MAX)
                        return -E2BIG;
        text->starts = calloc(n + 1, sizeof *text->starts);
        text->ids = calloc(n + 1, sizeof *text->ids);
        if (!text->starts || !text->ids)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                text->starts[i + 1] = line_end(input, text->starts[i]);
        text->lines = (struct rv_line_ids){.ids = text->ids, .n = n};
        return 0;
}

static int line_order(const void *pa, const void *pb) {
        const struct line *a = pa, *b = pb;

        if (a->n != b->n)
                return a->n < b->n ? -1 : 1;
        return memcmp(a->text, b->text, a->n);
}

static int number_lines(struct merging *m) {
        size_t n = m->texts[BASE].lines.n + m->texts[OURS].lines.n + m->texts[THEIRS].lines.n, k = 0;
        _cleanup_free_ struct line *lines = calloc(n + 1, sizeof *lines);

        if (!lines)
                return -ENOMEM;
        for (unsigned side = 0; side < SIDES; side++) {
                const struct text *text = &m->texts[side];
                for (size_t i = 0; i < text->lines.n; i++)
                        lines[k++] = (struct line){.text = m->inputs[side]->text + text->starts[i],
                                                   .n = text->starts[i + 1] - text->starts[i],
                                                   .id = &text->ids[i]};
        }
        qsort(lines, n, sizeof *lines, line_order);
        for (size_t i = 0; i < n; i++) {
                if (i > 0 && line_order(&lines[i - 1], &lines[i]) != 0)
                        m->n_ids++;
                *lines[i].id = (uint32_t)m->n_ids;
        }
        m->n_ids++;
        return 0;
}

static int compare(struct merging *m) {
        size_t steps = RV_LINE_DIFF_STEPS_MAX;
        int r = 0;

        for (unsigned side = OURS; r == 0 && side < SIDES; side++)
                r = rv_line_diff(&m->texts[BASE].lines, &m->texts[side].lines, m->n_ids, &steps, &m->hunks[side],
                                 &m->n_hunks[side]);
        return r;
}

/* -- Putting them together -- */

static void put(struct merging *m, unsigned side, size_t from, size_t n) {
        const struct text *text = &m->texts[side];

        fwrite(m->inputs[side]->text + text->starts[from], 1, text->starts[from + n] - text->starts[from], m->out);
}

static bool same_lines(const struct merging *m, size_t ours, size_t theirs, size_t n) {
        return memcmp(m->texts[OURS].ids + ours, m->texts[THEIRS].ids + theirs, n * sizeof(uint32_t)) == 0;
}

static void take_theirs(struct merging *m, const struct rv_line_hunk *theirs, size_t ours_at) {
        put(m, OURS, m->copied, ours_at - m->copied);
        put(m, THEIRS, theirs->b, theirs->n_b);
        m->copied = ours_at + theirs->n_a;
}

/* Changes that overlap or touch, with all that these touch in turn: fine where both sides have the same lines there. */
static void take_both(struct merging *m, size_t *i, size_t *k) {
        const struct rv_line_hunk *ours = &m->hunks[OURS][*i], *theirs = &m->hunks[THEIRS][*k];
        const struct rv_line_hunk *end_ours = m->hunks[OURS] + m->n_hunks[OURS];
        const struct rv_line_hunk *end_theirs = m->hunks[THEIRS] + m->n_hunks[THEIRS];
        const struct rv_line_hunk *o = ours, *t = theirs;
        size_t start = o->a < t->a ? o->a : t->a, end = start;

        for (bool more = true; more;) {
                more = false;
                for (; o < end_ours && (o == ours || o->a <= end); o++, more = true)
                        end = o->a + o->n_a > end ? o->a + o->n_a : end;
                for (; t < end_theirs && (t == theirs || t->a <= end); t++, more = true)
                        end = t->a + t->n_a > end ? t->a + t->n_a : end;
        }
        size_t ours_from = ours->b - (ours->a - start), ours_to = o[-1].b + o[-1].n_b + (end - o[-1].a - o[-1].n_a);
        size_t theirs_from = theirs->b - (theirs->a - start),
               theirs_to = t[-1].b + t[-1].n_b + (end - t[-1].a - t[-1].n_a);
        m->in_conflict = ours_to - ours_from != theirs_to - theirs_from ||
                         !same_lines(m, ours_from, theirs_from, ours_to - ours_from);
        *i = (size_t)(o - m->hunks[OURS]);
        *k = (size_t)(t - m->hunks[THEIRS]);
}

static void put_together(struct merging *m) {
        size_t i = 0, k = 0;

        while (k < m->n_hunks[THEIRS] && !m->in_conflict) {
                const struct rv_line_hunk *ours = i < m->n_hunks[OURS] ? &m->hunks[OURS][i] : NULL;
                const struct rv_line_hunk *theirs = &m->hunks[THEIRS][k];
                if (ours && ours->a + ours->n_a < theirs->a) {
                        i++;
                } else if (!ours || theirs->a + theirs->n_a < ours->a) {
                        const struct rv_line_hunk *before = i > 0 ? &m->hunks[OURS][i - 1] : NULL;
                        take_theirs(m, theirs,
                                    before ? before->b + before->n_b + (theirs->a - before->a - before->n_a)
                                           : theirs->a);
                        k++;
                } else {
                        take_both(m, &i, &k);
                }
        }
        put(m, OURS, m->copied, m->texts[OURS].lines.n - m->copied);
}

static int merge(struct merging *m, char **ret, size_t *ret_n) {
        int r = 0;

        for (unsigned side = 0; r == 0 && side < SIDES; side++)
                r = split(m->inputs[side], &m->texts[side]);
        if (r == 0)
                r = number_lines(m);
        if (r == 0)
                r = compare(m);
        if (r < 0)
                return r;
        m->out = open_memstream(ret, ret_n);
        if (!m->out)
                return -ENOMEM;
        put_together(m);
        return fclose(m->out) == 0 ? 0 : -ENOMEM;
}

int rv_text_merge(const struct rv_text_merge_input *base, const struct rv_text_merge_input *ours,
                  const struct rv_text_merge_input *theirs, char **ret, size_t *ret_n, bool *ret_conflict) {
        struct merging m = {.inputs = {base, ours, theirs}};
        _cleanup_free_ char *text = NULL;
        size_t n = 0;

        int r = merge(&m, &text, &n);
        for (unsigned side = 0; side < SIDES; side++) {
                free(m.texts[side].starts);
                free(m.texts[side].ids);
                free(m.hunks[side]);
        }
        if (r < 0 && r != -E2BIG)
                return r;
        *ret_conflict = r == -E2BIG || m.in_conflict;
        *ret = *ret_conflict ? NULL : RV_TAKE(text);
        *ret_n = *ret_conflict ? 0 : n;
        return 0;
}
