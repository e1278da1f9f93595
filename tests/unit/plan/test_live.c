/* When a commit went live, by what was deployed one after the other. */
#include "revertd/applied.h"
#include "revertd/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define M RV_USEC_PER_MINUTE
enum { COMMITS = 10 }; /* of the branch, 0 the oldest; commit n was made at n minutes */

static struct rv_oid oid(int n) {
        struct rv_oid id;

        snprintf(id.hex, sizeof(id.hex), "%040x", (unsigned)n);
        return id;
}

/* 999 is of another repository. */
static void add(struct rv_applied *applied, int revision, int64_t started_usec, int64_t at_usec) {
        struct rv_deployment deployment = {oid(revision), started_usec, at_usec};

        rv_applied_add_deployment(applied, &deployment);
}

static struct rv_live find(struct rv_applied *applied, int commit, int64_t onset_usec) {
        struct rv_oid list[RV_GIT_REVISIONS_MAX];
        size_t n = rv_applied_list(applied, list), above[RV_GIT_REVISIONS_MAX];
        struct rv_commit c = {.id = oid(commit)};

        for (size_t k = 0; k < n; k++) {
                above[k] = SIZE_MAX;
                for (int i = 0; i < COMMITS; i++)
                        if (strcmp(list[k].hex, oid(i).hex) == 0)
                                above[k] = (size_t)(COMMITS - 1 - i);
        }
        return rv_live_find(&(struct rv_live_facts){.applied = applied,
                                                    .above = above,
                                                    .n_above = n,
                                                    .commit = &c,
                                                    .at = (size_t)(COMMITS - 1 - commit),
                                                    .seen = {commit * M, commit * M + 10, true, false},
                                                    .onset_usec = onset_usec,
                                                    .now_usec = 1000 * M});
}

#define assert_seen(live, commit)                                                                                      \
        do {                                                                                                           \
                assert_false((live).applied);                                                                          \
                assert_int_equal((live).seen_usec, (commit)*M + 10);                                                   \
        } while (0)
#define assert_applied(live, from, to)                                                                                 \
        do {                                                                                                           \
                assert_true((live).applied);                                                                           \
                assert_int_equal((live).not_before_usec, from);                                                        \
                assert_int_equal((live).seen_usec, to);                                                                \
        } while (0)

static void by_the_first_deployment_that_holds_it(void **state) {
        struct rv_applied applied = {0};

        (void)state;
        add(&applied, 2, 19 * M, 20 * M);
        add(&applied, 5, 29 * M, 30 * M);
        add(&applied, 7, 0, 40 * M);
        assert_applied(find(&applied, 3, 100 * M), 29 * M, 30 * M);
        assert_applied(find(&applied, 5, 100 * M), 29 * M, 30 * M);
        assert_applied(find(&applied, 7, 100 * M), 7 * M, 40 * M); /* when it began is not said */
        assert_applied(find(&applied, 2, 100 * M), 19 * M, 20 * M);
        assert_seen(find(&applied, 1, 100 * M), 1);                     /* the deployment before it is not known */
        assert_applied(find(&applied, 8, 100 * M), 1000 * M, 1000 * M); /* not yet */
}

static void what_the_cluster_is_at_counts_too(void **state) {
        struct rv_applied applied = {0};
        struct rv_oid at = oid(9);

        (void)state;
        add(&applied, 2, 19 * M, 20 * M);
        rv_applied_add_revision(&applied, &at);
        assert_seen(find(&applied, 8, 100 * M), 8); /* it changes no manifest, or since when is not said */
}

/* A revision that stands on no line that is known may hold anything. */
static void in_doubt_as_it_was_seen(void **state) {
        struct rv_applied applied = {0}, moved = {0}, empty = {0};
        struct rv_oid other = oid(999), at = oid(3);

        (void)state;
        add(&applied, 2, 19 * M, 20 * M);
        add(&applied, 999, 29 * M, 30 * M);
        assert_seen(find(&applied, 8, 100 * M), 8);
        add(&moved, 2, 19 * M, 20 * M);
        rv_applied_add_revision(&moved, &at);
        rv_applied_add_revision(&moved, &other);
        assert_seen(find(&moved, 8, 100 * M), 8);
        assert_seen(find(&empty, 8, 100 * M), 8);
}

/* Rolled back and on again: the last time before the onset is what matters. */
static void applied_more_than_once(void **state) {
        struct rv_applied applied = {0};

        (void)state;
        add(&applied, 2, 0, 20 * M);
        add(&applied, 5, 0, 30 * M);
        add(&applied, 2, 0, 40 * M);
        add(&applied, 5, 0, 50 * M);
        assert_int_equal(find(&applied, 4, 45 * M).seen_usec, 30 * M);
        assert_int_equal(find(&applied, 4, 60 * M).seen_usec, 50 * M);
        assert_int_equal(find(&applied, 4, 25 * M).seen_usec, 30 * M);
}

/* By the cluster's clock it was applied before it was made, or will be. */
static void clocks_that_disagree(void **state) {
        struct rv_applied applied = {0}, ahead = {0};

        (void)state;
        add(&applied, 2, 0, 1 * M);
        add(&applied, 5, 0, 2 * M);
        assert_seen(find(&applied, 5, 100 * M), 5);
        add(&ahead, 2, 0, 20 * M);
        add(&ahead, 5, 0, 2000 * M);
        assert_seen(find(&ahead, 5, 100 * M), 5);
        applied = (struct rv_applied){0};
        add(&applied, 2, 0, 20 * M);
        add(&applied, 5, 0, 0); /* tried, and it is not said when */
        assert_seen(find(&applied, 5, 100 * M), 5);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(by_the_first_deployment_that_holds_it),
                cmocka_unit_test(what_the_cluster_is_at_counts_too),
                cmocka_unit_test(in_doubt_as_it_was_seen),
                cmocka_unit_test(applied_more_than_once),
                cmocka_unit_test(clocks_that_disagree),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
