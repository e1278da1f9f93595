/* Which commit did it. */
#include "revertd/clock.h"
#include "revertd/suspect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE RV_USEC_PER_MINUTE
#define ONSET (INT64_C(1000000) * RV_USEC_PER_SEC)
#define WINDOW (30 * MINUTE)

static struct rv_commit commit(unsigned n, int64_t minutes_before) {
        struct rv_commit c = {.subject = (char *)"Change something",
                              .author_name = (char *)"Ana",
                              .author_email = (char *)"ana@example.com",
                              .commit_usec = ONSET - minutes_before * MINUTE};

        snprintf(c.id.hex, sizeof(c.id.hex), "%040x", n);
        return c;
}

static struct rv_live by_commit_time(const struct rv_commit *c, void *userdata) {
        (void)userdata;
        return (struct rv_live){c->commit_usec, c->commit_usec, false};
}

static struct rv_attribution attribute_by(struct rv_attribution_facts facts) {
        struct rv_attribution a;

        facts.onset_usec = ONSET;
        facts.window_usec = WINDOW;
        if (!facts.live)
                facts.live = by_commit_time;
        assert_int_equal(rv_attribute(&facts, &a), 0);
        return a;
}

static struct rv_attribution attribute(const struct rv_commit *history, size_t n, const struct rv_labels *labels) {
        return attribute_by((struct rv_attribution_facts){.history = history, .n_history = n, .labels = labels});
}

static bool has(const struct rv_suspect *s, enum rv_evidence evidence) {
        return s->evidence & (1u << evidence);
}

static void window_and_onset(void **state) {
        const struct rv_commit history[] = {commit(5, -1), commit(4, 0), commit(3, 29), commit(2, 30), commit(1, 31)};
        struct rv_attribution a = attribute(history, 5, NULL);

        (void)state;
        assert_int_equal(a.n_after_onset, 1);
        assert_int_equal(a.n_suspects, 3);
        assert_int_equal(a.n_candidates, 3);
        assert_string_equal(a.suspects[0].commit.id.hex, history[1].id.hex);
        assert_true(has(&a.suspects[0], RV_EVIDENCE_NEWEST));
        assert_false(has(&a.suspects[1], RV_EVIDENCE_NEWEST));
        assert_false(has(&a.suspects[0], RV_EVIDENCE_ONLY_CANDIDATE));
        assert_true(has(&a.suspects[0], RV_EVIDENCE_CLOSE));
        assert_false(has(&a.suspects[1], RV_EVIDENCE_CLOSE));
        assert_true(a.suspects[0].confidence > a.suspects[1].confidence);
        assert_true(a.suspects[1].confidence > a.suspects[2].confidence);
        rv_attribution_done(&a);
}

static void nothing_in_the_window(void **state) {
        const struct rv_commit history[] = {commit(1, 31)};
        struct rv_attribution a = attribute(history, 1, NULL);

        (void)state;
        assert_int_equal(a.n_suspects, 0);
        assert_int_equal(a.n_after_onset, 0);
        rv_attribution_done(&a);
        a = attribute(NULL, 0, NULL);
        assert_int_equal(a.n_suspects, 0);
        rv_attribution_done(&a);
}

static void labels_name_a_commit(void **state) {
        struct rv_commit history[] = {commit(2, 20), commit(1, 25)};
        const struct rv_label label[] = {{"app", "checkout"}, {"version", "v1.2.3"}};
        struct rv_labels *labels;
        struct rv_attribution a;

        (void)state;
        assert_int_equal(rv_labels_new(&labels, label, 2, NULL), 0);
        history[0].subject = (char *)"checkout: go to v1.2.30";
        history[1].subject = (char *)"checkout: go to v1.2.3";
        a = attribute(history, 2, labels);
        assert_false(has(&a.suspects[0], RV_EVIDENCE_NAMED));
        assert_true(has(&a.suspects[1], RV_EVIDENCE_NAMED));
        rv_attribution_done(&a);
        rv_labels_unref(labels);

        assert_int_equal(rv_labels_new(&labels, &(struct rv_label){"revision", "00000000"}, 1, NULL), 0);
        a = attribute(history, 1, labels);
        assert_true(has(&a.suspects[0], RV_EVIDENCE_NAMED)); /* its id begins so */
        assert_true(a.suspects[0].confidence <= 1);
        rv_attribution_done(&a);
        rv_labels_unref(labels);
}

/* What a commit brought speaks against it; what it only took away, or moved about, does not. */
static void added_values_are_evidence(void **state) {
        struct rv_value value = {(char *)"version", (char *)"v1.2.3", (char *)"apps/web/a.yaml", false};
        struct rv_commit history[] = {commit(2, 20), commit(1, 25)};
        struct rv_attribution a;

        (void)state;
        history[1].values = &value;
        history[1].n_values = 1;
        a = attribute(history, 2, NULL);
        assert_false(has(&a.suspects[0], RV_EVIDENCE_ADDED));
        assert_true(has(&a.suspects[1], RV_EVIDENCE_ADDED));
        assert_float_equal(a.suspects[1].confidence, 0.5, 1e-9);
        assert_string_equal(a.suspects[1].commit.values[0].path, value.path); /* it is kept */
        rv_attribution_done(&a);
        value.removed = true;
        a = attribute(history, 2, NULL);
        assert_false(has(&a.suspects[1], RV_EVIDENCE_ADDED));
        rv_attribution_done(&a);
        value.path = NULL;
        a = attribute(history, 2, NULL);
        assert_false(has(&a.suspects[1], RV_EVIDENCE_ADDED));
        rv_attribution_done(&a);
}

/* All sets of evidence that two of three candidates can have, with one more for one of them. */
enum { EVIDENCES = 3, SETS = 1 << EVIDENCES };

static void attribute_with(const unsigned sets[3], double ret[3]) {
        static struct rv_value value = {(char *)"version", (char *)"v1.2.3", (char *)"a", false};
        const struct rv_label label = {"version", "v1.2.3"};
        struct rv_commit history[3];
        struct rv_labels *labels;
        struct rv_attribution a;

        assert_int_equal(rv_labels_new(&labels, &label, 1, NULL), 0);
        for (unsigned i = 0; i < 3; i++) {
                history[i] = commit(3 - i, sets[i] & 1 ? 9 : 20);
                history[i].subject = (char *)(sets[i] & 2 ? "go to v1.2.3" : "go");
                history[i].values = &value;
                history[i].n_values = sets[i] & 4 ? 1 : 0;
        }
        a = attribute(history, 3, labels);
        assert_int_equal(a.n_suspects, 3);
        for (unsigned i = 0; i < 3; i++)
                ret[i] = a.suspects[i].confidence;
        rv_attribution_done(&a);
        rv_labels_unref(labels);
}

static void more_evidence_never_lowers_confidence(void **state) {
        (void)state;
        for (unsigned all = 0; all < SETS * SETS * SETS; all++)
                for (unsigned more = 0; more < 3 * EVIDENCES; more++) {
                        unsigned sets[3] = {all % SETS, all / SETS % SETS, all / SETS / SETS};
                        unsigned at = more / EVIDENCES;
                        double before[3], after[3];

                        attribute_with(sets, before);
                        sets[at] |= 1u << more % EVIDENCES;
                        attribute_with(sets, after);
                        for (unsigned i = 0; i < 3; i++) {
                                assert_true(after[i] >= before[i] - 1e-9 && after[i] <= 1);
                                if (i != at) { /* and it is about the one alone: the others stand as they stood */
                                        assert_float_equal(after[i], before[i], 1e-9);
                                        if (before[at] >= before[i])
                                                assert_true(after[at] >= after[i]);
                                }
                        }
                }
}

static void later_reverts_are_known(void **state) {
        struct rv_commit history[] = {commit(3, -2), commit(2, -1), commit(1, 5)};
        struct rv_attribution a;

        (void)state;
        history[1].reverts = &history[2].id;
        history[1].n_reverts = 1;
        a = attribute(&history[1], 2, NULL);
        assert_true(a.suspects[0].reverted);
        assert_string_equal(a.suspects[0].reverted_by.hex, history[1].id.hex);
        rv_attribution_done(&a);

        /* The revert was itself reverted: the change is live again. */
        history[0].reverts = &history[1].id;
        history[0].n_reverts = 1;
        a = attribute(history, 3, NULL);
        assert_false(a.suspects[0].reverted);
        rv_attribution_done(&a);
}

/* Two looks at the branch, six minutes apart: one saw arrive what stands between the two that userdata points to, the
 * other the rest. */
static struct rv_live by_look(const struct rv_commit *c, void *userdata) {
        const struct rv_commit *const *first_of_both = userdata;
        bool is_newer = c < first_of_both[1] && c >= first_of_both[0];

        return (struct rv_live){c->commit_usec, ONSET - (is_newer ? 2 : 8) * MINUTE, true};
}

static void what_arrived_together_stands_together(void **state) {
        const struct rv_commit history[] = {commit(4, 5), commit(3, 6), commit(2, 10), commit(1, 20)};
        const struct rv_commit *looks[] = {&history[0], &history[2]};
        struct rv_attribution a;

        (void)state;
        a = attribute_by(
                (struct rv_attribution_facts){.history = history, .n_history = 4, .live = by_look, .userdata = looks});
        assert_int_equal(a.n_suspects, 4);
        assert_int_equal(a.n_together, 2);
        assert_int_equal(rv_suspects_together(a.suspects, a.n_suspects), 2);
        for (size_t i = 0; i < 4; i++)
                assert_int_equal(has(&a.suspects[i], RV_EVIDENCE_TOGETHER), i < 2);
        assert_true(a.suspects[0].confidence == a.suspects[1].confidence);
        assert_true(a.suspects[1].confidence > a.suspects[2].confidence);
        assert_true(a.suspects[2].confidence == a.suspects[3].confidence);
        rv_attribution_done(&a);

        looks[1] = &history[1];
        a = attribute_by(
                (struct rv_attribution_facts){.history = history, .n_history = 4, .live = by_look, .userdata = looks});
        assert_int_equal(a.n_together, 1);
        assert_int_equal(rv_suspects_together(a.suspects, a.n_suspects), 1);
        assert_false(has(&a.suspects[0], RV_EVIDENCE_TOGETHER));
        rv_attribution_done(&a);

        /* Made in the same second, and nobody saw them come: each stands alone. */
        a = attribute((struct rv_commit[]){commit(2, 5), commit(1, 5)}, 2, NULL);
        assert_int_equal(a.n_together, 1);
        assert_int_equal(rv_suspects_together(a.suspects, a.n_suspects), 1);
        rv_attribution_done(&a);
        assert_int_equal(rv_suspects_together(NULL, 0), 0);
}

/* The newest, and one before it, as they were seen; in seconds from the onset. */
struct pair {
        struct rv_live newest, before;
};

static struct rv_live of_pair(const struct rv_commit *c, void *userdata) {
        const struct pair *pair = userdata;
        struct rv_live live = c->id.hex[RV_OID_HEX_MAX - 25] == '2' ? pair->newest : pair->before;

        live.not_before_usec = ONSET + live.not_before_usec * RV_USEC_PER_SEC;
        live.seen_usec = ONSET + live.seen_usec * RV_USEC_PER_SEC;
        return live;
}

static void what_is_too_close_is_not_told_apart(void **state) {
        static const struct {
                struct pair pair;
                bool is_together, is_close; /* close: the newest */
        } cases[] = {
                {{{-98, -88, true}, {-110, -100, true}}, true, true},  /* two seconds, and a look between them */
                {{{-41, -40, true}, {-110, -100, true}}, true, true},  /* 59 seconds at least */
                {{{-40, -30, true}, {-110, -100, true}}, false, true}, /* a minute at least */
                {{{-30, 30, true}, {-400, -390, true}}, true, false},  /* perhaps after the onset; the other was not */
                {{{-30, 30, true}, {-1400, -1300, true}}, false, false}, /* the other ran well for twenty minutes */
                {{{-30, 30, true}, {-400, -390, false}}, false, false},  /* nobody saw it come */
                {{{-30, 30, true, true}, {-400, -390, true, true}}, false, true}, /* the operator was at it */
                {{{-38, -36, true, true}, {-42, -40, true, true}}, true, true}, /* applied one right after the other */
        };
        const struct rv_commit history[] = {commit(2, 5), commit(1, 6)};

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct pair pair = cases[i].pair;
                struct rv_attribution a = attribute_by((struct rv_attribution_facts){
                        .history = history, .n_history = 2, .live = of_pair, .userdata = &pair});

                assert_int_equal(a.n_candidates, 2);
                assert_int_equal(a.n_together, cases[i].is_together ? 2 : 1);
                assert_int_equal(rv_suspects_together(a.suspects, a.n_suspects), a.n_together);
                assert_int_equal(has(&a.suspects[0], RV_EVIDENCE_CLOSE), cases[i].is_close);
                if (cases[i].is_together) /* what may have come too late is no surer than what did not */
                        assert_true(a.suspects[0].confidence <= a.suspects[1].confidence);
                rv_attribution_done(&a);
        }
}

static void what_nothing_applies_is_no_candidate(void **state) {
        static const struct {
                const char *paths[2];
                size_t n_inside, n_outside;
                bool is_whole, is_inert;
        } cases[] = {
                {{"apps/web/README.md"}, 1, 0, false, true},
                {{"README"}, 1, 0, false, true},
                {{"apps/web/Readme.MD", "apps/web/OWNERS"}, 2, 0, false, true},
                {{"apps/web/README.md", "apps/web/a.yaml"}, 2, 0, false, false},
                {{"apps/web/README.md.yaml"}, 1, 0, false, false},
                {{"apps/README.md/a.yaml"}, 1, 0, false, false},
                {{"apps/web/NOTES.txt"}, 1, 0, false, false},
                {{"apps/web/README.md"}, 2, 0, false, false}, /* more than is listed */
                {{"apps/web/README.md"}, 1, 1, false, true},
                {{"apps/web/README.md"}, 1, 1, true, false},
                {{NULL}, 0, 0, false, false},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct rv_commit history[] = {commit(2, 5), commit(1, 8)};
                struct rv_attribution a;

                history[0].paths = (char **)cases[i].paths;
                history[0].n_paths = !!cases[i].paths[0] + !!cases[i].paths[1];
                history[0].n_inside = cases[i].n_inside;
                history[0].n_outside = cases[i].n_outside;
                a = attribute_by((struct rv_attribution_facts){
                        .history = history, .n_history = 2, .is_whole = cases[i].is_whole});
                assert_int_equal(a.n_candidates, cases[i].is_inert ? 1 : 2);
                assert_ptr_equal(a.inert, cases[i].is_inert ? history : NULL);
                assert_int_equal(has(&a.suspects[0], RV_EVIDENCE_ONLY_CANDIDATE), cases[i].is_inert);
                rv_attribution_done(&a);
        }
}

/* What is beyond the cut is no candidate only if what stands before it is too old already. */
static void a_cut_history_leaves_doubt(void **state) {
        const struct rv_commit history[] = {commit(2, 5), commit(1, 20)}, old[] = {commit(2, 5), commit(1, 500)};
        struct rv_attribution a;

        (void)state;
        a = attribute_by((struct rv_attribution_facts){.history = history, .n_history = 1, .is_cut = true});
        assert_true(a.is_incomplete);
        assert_false(has(&a.suspects[0], RV_EVIDENCE_ONLY_CANDIDATE));
        rv_attribution_done(&a);
        a = attribute_by((struct rv_attribution_facts){.history = old, .n_history = 2, .is_cut = true});
        assert_false(a.is_incomplete);
        assert_true(has(&a.suspects[0], RV_EVIDENCE_ONLY_CANDIDATE));
        rv_attribution_done(&a);
        a = attribute(history, 2, NULL);
        assert_false(a.is_incomplete);
        rv_attribution_done(&a);
}

/* Below what was reverted in vain the search begins anew, but less sure; that revert is nobody's answer to the breach. */
static void a_revert_in_vain_leads_further_back(void **state) {
        struct rv_commit history[] = {commit(4, -3), commit(3, 2), commit(2, 4), commit(1, 8)};
        struct rv_attribution_facts facts = {
                .history = history, .n_history = 4, .after = "0123456789abcdef", .ruled_out = history[1].id};
        struct rv_attribution a;

        (void)state;
        history[0].incident = (char *)"0123456789abcdef";
        a = attribute_by(facts);
        assert_false(a.is_answered);
        assert_int_equal(a.n_candidates, 2);
        assert_int_equal(a.n_together, 1);
        assert_string_equal(a.suspects[0].commit.id.hex, history[2].id.hex);
        assert_true(has(&a.suspects[0], RV_EVIDENCE_FURTHER_BACK) && has(&a.suspects[0], RV_EVIDENCE_NEWEST));
        assert_true(a.suspects[0].confidence > 0.54 && a.suspects[0].confidence < 0.56);
        rv_attribution_done(&a);

        facts.n_history = 2; /* the last good head lies there */
        a = attribute_by(facts);
        assert_int_equal(a.n_candidates, 0);
        rv_attribution_done(&a);

        history[0].incident = (char *)"another";
        a = attribute_by(facts);
        assert_true(a.is_answered);
        rv_attribution_done(&a);
}

static void many_are_counted_and_few_kept(void **state) {
        static struct rv_commit history[RV_COMMITS_MAX];
        struct rv_attribution a;

        (void)state;
        for (unsigned i = 0; i < RV_COMMITS_MAX; i++)
                history[i] = commit(RV_COMMITS_MAX - i, 5);
        a = attribute(history, RV_COMMITS_MAX, NULL);
        assert_int_equal(a.n_suspects, RV_SUSPECTS_MAX);
        assert_int_equal(a.n_candidates, RV_COMMITS_MAX);
        rv_attribution_done(&a);
}

static void records_go_both_ways(void **state) {
        struct rv_suspect suspect = {.commit = commit(7, 3), .live = {1, 2, true}, .confidence = 0.5, .reverted = true},
                          back;
        json_t *json;

        (void)state;
        suspect.evidence = 1u << RV_EVIDENCE_CLOSE | 1u << RV_EVIDENCE_IN_SCOPE;
        suspect.reverted_by = suspect.commit.id;
        json = rv_suspect_to_json(&suspect);
        assert_int_equal(rv_suspect_from_json(&back, json, NULL), 0);
        assert_string_equal(back.commit.id.hex, suspect.commit.id.hex);
        assert_int_equal(back.evidence, suspect.evidence);
        assert_int_equal(back.live.not_before_usec, 1);
        assert_int_equal(back.live.seen_usec, 2);
        assert_true(back.live.observed && back.reverted);
        assert_string_equal(back.reverted_by.hex, suspect.reverted_by.hex);
        json_decref(json);
        rv_suspect_done(&back);
        for (unsigned i = 0; i < RV_EVIDENCE_MAX; i++)
                assert_true(strlen(rv_evidence_to_string(i)) > 0 && strlen(rv_evidence_explain(i)) > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(window_and_onset),
                cmocka_unit_test(nothing_in_the_window),
                cmocka_unit_test(labels_name_a_commit),
                cmocka_unit_test(added_values_are_evidence),
                cmocka_unit_test(more_evidence_never_lowers_confidence),
                cmocka_unit_test(later_reverts_are_known),
                cmocka_unit_test(what_arrived_together_stands_together),
                cmocka_unit_test(what_is_too_close_is_not_told_apart),
                cmocka_unit_test(what_nothing_applies_is_no_candidate),
                cmocka_unit_test(a_cut_history_leaves_doubt),
                cmocka_unit_test(a_revert_in_vain_leads_further_back),
                cmocka_unit_test(many_are_counted_and_few_kept),
                cmocka_unit_test(records_go_both_ways),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
