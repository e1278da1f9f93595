#include "git/linediff.h"

#include "git/libgit2.h"
#include "revertd/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum {
        OFTEN = 64,   /* a line that a has more often is no place to begin at */
        ID_BYTES = 9, /* of a line's number, printed as a line */
};

#define NONE SIZE_MAX

struct region {
        size_t a, n_a, b, n_b;
};

struct diff {
        struct rv_line_ids a, b;
        bool *a_changed, *b_changed; /* with a false before and behind them */
        size_t *steps;

        /* Of the region that is looked at: how often a has a line, where first, and where next. */
        uint32_t *count;
        size_t *first, *next;

        struct region *todo;
        size_t n_todo, todo_size;
};

static int push(struct diff *diff, struct region region) {
        if (region.n_a == 0 && region.n_b == 0)
                return 0;
        if (diff->n_todo == diff->todo_size) {
                size_t size = diff->todo_size ? 2 * diff->todo_size : 16;
                struct region *todo = reallocarray(diff->todo, size, sizeof *todo);
                if (!todo)
                        return -ENOMEM;
                diff->todo = todo;
                diff->todo_size = size;
        }
        diff->todo[diff->n_todo++] = region;
        return 0;
}

static bool spend(struct diff *diff, size_t n) {
        bool enough = n <= *diff->steps;

        *diff->steps -= enough ? n : *diff->steps;
        return enough;
}

/* -- What two regions have in common -- */

static void count_lines(struct diff *diff, const struct region *region) {
        for (size_t i = region->a + region->n_a; i-- > region->a;) {
                uint32_t id = diff->a.ids[i];
                diff->next[i] = diff->count[id] > 0 ? diff->first[id] : NONE;
                diff->first[id] = i;
                diff->count[id]++;
        }
}

static void forget_lines(struct diff *diff, const struct region *region) {
        for (size_t i = 0; i < region->n_a; i++)
                diff->count[diff->a.ids[region->a + i]] = 0;
}

/* A run of equal lines in both: as good as its rarest line is rare, and then as it is long. */
struct run {
        size_t a, b, n; /* n 0: none yet */
        uint32_t count;
        bool any_common;
};

/* As far as the lines at a and b are the same in both directions. */
static struct run grow(const struct diff *diff, const struct region *region, size_t a, size_t b) {
        struct run run = {.a = a, .b = b, .n = 1, .count = diff->count[diff->a.ids[a]]};

        while (run.a > region->a && run.b > region->b && diff->a.ids[run.a - 1] == diff->b.ids[run.b - 1]) {
                run.a--, run.b--, run.n++;
                uint32_t count = diff->count[diff->a.ids[run.a]];
                run.count = count < run.count ? count : run.count;
        }
        while (run.a + run.n < region->a + region->n_a && run.b + run.n < region->b + region->n_b &&
               diff->a.ids[run.a + run.n] == diff->b.ids[run.b + run.n]) {
                uint32_t count = diff->count[diff->a.ids[run.a + run.n]];
                run.count = count < run.count ? count : run.count;
                run.n++;
        }
        return run;
}

/* Try b's line wherever a has it. *ret_next: the line of b to go on with. */
static int try_line(struct diff *diff, const struct region *region, size_t b, struct run *best, size_t *ret_next) {
        uint32_t id = diff->b.ids[b];

        *ret_next = b + 1;
        if (diff->count[id] == 0)
                return 0;
        best->any_common = true;
        if (diff->count[id] > best->count)
                return 0;
        for (size_t a = diff->first[id]; a != NONE;) {
                struct run run = grow(diff, region, a, b);
                if (!spend(diff, run.n))
                        return -E2BIG;
                if (run.b + run.n > *ret_next)
                        *ret_next = run.b + run.n;
                if (run.count < best->count || run.n > (best->n > 0 ? best->n : 1)) {
                        run.any_common = true;
                        *best = run;
                }
                while (a != NONE && a < run.a + run.n)
                        a = diff->next[a];
        }
        return 0;
}

static int find_run(struct diff *diff, const struct region *region, struct run *ret) {
        int r = 0;

        *ret = (struct run){.count = OFTEN + 1};
        if (!spend(diff, region->n_a + region->n_b))
                return -E2BIG;
        count_lines(diff, region);
        for (size_t b = region->b; r == 0 && b < region->b + region->n_b;)
                r = try_line(diff, region, b, ret, &b);
        forget_lines(diff, region);
        return r;
}

static void mark(bool *changed, size_t at, size_t n) {
        for (size_t i = 0; i < n; i++)
                changed[at + i] = true;
}

/* -- Where all that they have in common a has too often: there git goes by Myers' algorithm, which libgit2 has -- */

struct marking {
        struct diff *diff;
        const struct region *region;
};

static int mark_line(const git_diff_delta *delta, const git_diff_hunk *hunk, const git_diff_line *line,
                     void *userdata) {
        const struct marking *marking = userdata;

        (void)delta, (void)hunk;
        if (line->origin == GIT_DIFF_LINE_DELETION)
                marking->diff->a_changed[marking->region->a + (size_t)line->old_lineno - 1] = true;
        if (line->origin == GIT_DIFF_LINE_ADDITION)
                marking->diff->b_changed[marking->region->b + (size_t)line->new_lineno - 1] = true;
        return 0;
}

static char *print(const uint32_t *ids, size_t n) {
        char *text = malloc(n * ID_BYTES + 1), *end = text;

        for (size_t i = 0; text && i < n; i++)
                end += snprintf(end, ID_BYTES + 1, "%08" PRIx32 "\n", ids[i]);
        return text;
}

static int compare_classically(struct diff *diff, const struct region *region) {
        _cleanup_free_ char *a = print(diff->a.ids + region->a, region->n_a);
        _cleanup_free_ char *b = print(diff->b.ids + region->b, region->n_b);
        git_diff_options options = GIT_DIFF_OPTIONS_INIT;
        struct marking marking = {.diff = diff, .region = region};

        options.flags = GIT_DIFF_FORCE_TEXT;
        options.context_lines = 0;
        options.max_size = -1;
        if (!a || !b ||
            git_diff_buffers(a, region->n_a * ID_BYTES, NULL, b, region->n_b * ID_BYTES, NULL, &options, NULL, NULL,
                             NULL, mark_line, &marking) < 0)
                return -ENOMEM;
        return 0;
}

/* The lines before the best run, and those behind it, are compared each for themselves. */
static int compare_around(struct diff *diff, const struct region *region) {
        struct run run;

        int r = find_run(diff, region, &run);
        if (r < 0)
                return r;
        if (run.any_common && run.count > OFTEN)
                return compare_classically(diff, region);
        if (run.n == 0) {
                mark(diff->a_changed, region->a, region->n_a);
                mark(diff->b_changed, region->b, region->n_b);
                return 0;
        }
        size_t a = run.a + run.n, b = run.b + run.n;
        r = push(diff, (struct region){region->a, run.a - region->a, region->b, run.b - region->b});
        if (r == 0)
                r = push(diff, (struct region){a, region->a + region->n_a - a, b, region->b + region->n_b - b});
        return r;
}

static int compare(struct diff *diff) {
        int r = 0;

        while (r == 0 && diff->n_todo > 0) {
                const struct region region = diff->todo[--diff->n_todo];
                if (region.n_a > 0 && region.n_b > 0) {
                        r = compare_around(diff, &region);
                } else {
                        mark(diff->a_changed, region.a, region.n_a);
                        mark(diff->b_changed, region.b, region.n_b);
                }
        }
        return r;
}

/* -- Sliding: a change whose first line is the one that follows it, or whose last is the one before it, can stand in
 * several places. It goes down as far as it can, or to the last place where the other text changed too; changes that it
 * meets become one with it. Between the n-th and the next unchanged line of either text is its n-th group. -- */

struct side {
        const struct rv_line_ids *lines;
        bool *changed;
        size_t start, end; /* the group; it may be empty */
};

static void first_group(struct side *side) {
        side->start = side->end = 0;
        while (side->changed[side->end])
                side->end++;
}

static bool next_group(struct side *side) {
        if (side->end == side->lines->n)
                return false;
        side->start = ++side->end;
        while (side->changed[side->end])
                side->end++;
        return true;
}

static void previous_group(struct side *side) {
        side->end = --side->start;
        while (side->start > 0 && side->changed[side->start - 1])
                side->start--;
}

static bool slide_up(struct side *side) {
        if (side->start == 0 || side->lines->ids[side->start - 1] != side->lines->ids[side->end - 1])
                return false;
        side->changed[--side->start] = true;
        side->changed[--side->end] = false;
        while (side->start > 0 && side->changed[side->start - 1])
                side->start--;
        return true;
}

static bool slide_down(struct side *side) {
        if (side->end == side->lines->n || side->lines->ids[side->start] != side->lines->ids[side->end])
                return false;
        side->changed[side->start++] = false;
        side->changed[side->end++] = true;
        while (side->changed[side->end])
                side->end++;
        return true;
}

static int slide_group(struct diff *diff, struct side *side, struct side *other) {
        bool meets_other, moved;
        size_t n;

        do {
                n = side->end - side->start;
                moved = false;
                while (slide_up(side)) {
                        previous_group(other);
                        if (!spend(diff, 1))
                                return -E2BIG;
                }
                meets_other = other->end > other->start;
                while (slide_down(side)) {
                        (void)next_group(other);
                        moved = true;
                        meets_other = meets_other || other->end > other->start;
                        if (!spend(diff, 1))
                                return -E2BIG;
                }
        } while (side->end - side->start != n);
        while (moved && meets_other && other->end == other->start) {
                (void)slide_up(side);
                previous_group(other);
        }
        return 0;
}

static int slide(struct diff *diff, struct side side, struct side other) {
        first_group(&side);
        first_group(&other);
        do {
                if (side.end > side.start) {
                        int r = slide_group(diff, &side, &other);
                        if (r < 0)
                                return r;
                }
                if (!next_group(&side))
                        return 0;
        } while (next_group(&other));
        return 0;
}

/* -- The hunks -- */

static int collect(const struct diff *diff, struct rv_line_hunk **ret, size_t *ret_n) {
        _cleanup_free_ struct rv_line_hunk *hunks = NULL;
        size_t n = 0, size = 0;

        for (size_t a = 0, b = 0; a < diff->a.n || b < diff->b.n; a++, b++) {
                struct rv_line_hunk hunk = {.a = a, .b = b};
                while (diff->a_changed[a])
                        a++;
                while (diff->b_changed[b])
                        b++;
                hunk.n_a = a - hunk.a;
                hunk.n_b = b - hunk.b;
                if (hunk.n_a == 0 && hunk.n_b == 0)
                        continue;
                if (n == size) {
                        size = size ? 2 * size : 16;
                        struct rv_line_hunk *grown = reallocarray(hunks, size, sizeof *hunks);
                        if (!grown)
                                return -ENOMEM;
                        hunks = grown;
                }
                hunks[n++] = hunk;
        }
        *ret = RV_TAKE(hunks);
        *ret_n = n;
        return 0;
}

static int run(struct diff *diff, struct rv_line_hunk **ret, size_t *ret_n) {
        struct side a = {.lines = &diff->a, .changed = diff->a_changed};
        struct side b = {.lines = &diff->b, .changed = diff->b_changed};

        int r = push(diff, (struct region){0, diff->a.n, 0, diff->b.n});
        if (r == 0)
                r = compare(diff);
        if (r == 0)
                r = slide(diff, a, b);
        if (r == 0)
                r = slide(diff, b, a);
        return r < 0 ? r : collect(diff, ret, ret_n);
}

int rv_line_diff(const struct rv_line_ids *a, const struct rv_line_ids *b, size_t n_ids, size_t *steps,
                 struct rv_line_hunk **ret, size_t *ret_n) {
        struct diff diff = {.a = *a, .b = *b, .steps = steps};
        int r = -ENOMEM;

        diff.a_changed = calloc(a->n + 1, sizeof(bool));
        diff.b_changed = calloc(b->n + 1, sizeof(bool));
        diff.count = calloc(n_ids + 1, sizeof *diff.count);
        diff.first = calloc(n_ids + 1, sizeof *diff.first);
        diff.next = calloc(a->n + 1, sizeof *diff.next);
        if (diff.a_changed && diff.b_changed && diff.count && diff.first && diff.next)
                r = run(&diff, ret, ret_n);
        free(diff.a_changed);
        free(diff.b_changed);
        free(diff.count);
        free(diff.first);
        free(diff.next);
        free(diff.todo);
        return r;
}
