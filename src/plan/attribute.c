/* Attribution by scope and time: among the commits that touch the scope, which could have caused the breach?
 *
 * The newest arrival is the culprit: the newest candidate, and those that nothing tells apart from it, for what ran
 * before ran well. That cannot be said of what went live with it, nor of what ran for less than a minute before it; and
 * where the newest was first seen after the onset, it may have come too late, so that what the onset followed closely
 * is not told apart from it either. If one of them is reverted already, or is itself a revert, the search does not go
 * on to the next arrival: the state that broke is the one that the newest made, and what lies below it ran well.
 *
 * A commit that touches nothing but what no operator applies is no candidate.
 *
 * Where that was reverted in vain, the search is made once more below it, as if it had never been.
 *
 * Confidence: 0.5 for the newest arrival and 0.5/rank for those below; +0.2 for the only candidate, +0.15 where the
 * onset is known to have followed closely, +0.15 where a label names the commit, +0.25 where a label's value stands in
 * lines that it added; never more than 1. Where a revert was in vain, 0.4 instead of 0.5: perhaps it is not a change in
 * Git at all. */
#include "revertd/clock.h"
#include "revertd/suspect.h"
#include "revertd/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE_USEC_MAX (10 * RV_USEC_PER_MINUTE)
#define ALONE_USEC_MIN RV_USEC_PER_MINUTE /* what ran by itself for less was not seen to run well */
enum { NAME_BYTES_MIN = 4, SHORT_ID_MIN = 7 };

/* A version, a tag or a commit id has a digit; words that do not could stand in any subject. */
static bool names_commit(const char *value, const struct rv_commit *commit) {
        size_t n = strlen(value);

        if (n >= SHORT_ID_MIN && strncmp(commit->id.hex, value, n) == 0)
                return true;
        return n >= NAME_BYTES_MIN && strpbrk(value, "0123456789") && commit->subject &&
               rv_text_has_word(commit->subject, strlen(commit->subject), value);
}

static bool is_named(const struct rv_labels *labels, const struct rv_commit *commit) {
        for (size_t i = 0; labels && i < labels->n; i++)
                if (names_commit(labels->label[i].value, commit))
                        return true;
        return false;
}

static bool has_added(const struct rv_commit *commit) {
        for (size_t i = 0; i < commit->n_values; i++)
                if (rv_value_is_added(&commit->values[i]))
                        return true;
        return false;
}

/* It may have come after the onset, for all that is known. */
static bool is_perhaps_late(const struct rv_attribution_facts *facts, const struct rv_live *live) {
        return !live->applied && live->seen_usec > facts->onset_usec;
}

static bool is_close(const struct rv_attribution_facts *facts, const struct rv_live *live) {
        int64_t close_usec = facts->window_usec / 3 < CLOSE_USEC_MAX ? facts->window_usec / 3 : CLOSE_USEC_MAX;

        return facts->onset_usec - live->seen_usec <= close_usec && !is_perhaps_late(facts, live);
}

struct newcomer {
        const struct rv_commit *commit;
        struct rv_live live;
};

/* Whether nothing tells their effects apart. Commit times alone say nothing of when they arrived. Of a revert it is known
 * that what it made ran before, and what a label names is known to run. */
static bool came_together(const struct rv_attribution_facts *facts, const struct newcomer *newer,
                          const struct newcomer *older) {
        if (!newer->live.observed || !older->live.observed)
                return false;
        if (newer->live.seen_usec == older->live.seen_usec)
                return true;
        if (older->commit->incident || older->commit->n_reverts > 0 ||
            (has_added(newer->commit) && !has_added(older->commit)))
                return false;
        return newer->live.not_before_usec - older->live.seen_usec < ALONE_USEC_MIN ||
               (is_perhaps_late(facts, &newer->live) && is_close(facts, &older->live));
}

/* Whether it is of the arrival that begins with the newest. What surely came before the onset takes the place of what
 * perhaps did not: further ones are compared with it. */
static bool joins(const struct rv_attribution_facts *facts, struct newcomer *newest, const struct rv_commit *commit,
                  const struct rv_live *live) {
        const struct newcomer older = {commit, *live};
        bool is_joining = newest->commit && came_together(facts, newest, &older);

        if (!is_joining || (is_perhaps_late(facts, &newest->live) && !is_perhaps_late(facts, live)))
                *newest = older;
        return is_joining;
}

static void weigh(struct rv_attribution *a, const struct rv_attribution_facts *facts) {
        bool is_further_back = *facts->ruled_out.hex;
        struct newcomer newest = {0};
        size_t rank = 0;

        for (size_t i = 0; i < a->n_suspects; i++) {
                struct rv_suspect *s = &a->suspects[i];

                rank += !joins(facts, &newest, &s->commit, &s->live);
                s->evidence = 1u << RV_EVIDENCE_IN_SCOPE | 1u << RV_EVIDENCE_IN_WINDOW;
                s->confidence = (is_further_back ? 0.4 : 0.5) / (double)rank;
                if (is_further_back)
                        s->evidence |= 1u << RV_EVIDENCE_FURTHER_BACK;
                if (i == 0)
                        s->evidence |= 1u << RV_EVIDENCE_NEWEST;
                if (a->n_together > 1 && i < a->n_together)
                        s->evidence |= 1u << RV_EVIDENCE_TOGETHER;
                if (a->n_candidates == 1 && !a->is_incomplete) {
                        s->evidence |= 1u << RV_EVIDENCE_ONLY_CANDIDATE;
                        s->confidence += 0.2;
                }
                if (is_close(facts, &s->live)) {
                        s->evidence |= 1u << RV_EVIDENCE_CLOSE;
                        s->confidence += 0.15;
                }
                if (is_named(facts->labels, &s->commit)) {
                        s->evidence |= 1u << RV_EVIDENCE_NAMED;
                        s->confidence += 0.15;
                }
                if (has_added(&s->commit)) {
                        s->evidence |= 1u << RV_EVIDENCE_ADDED;
                        s->confidence += 0.25;
                }
                if (s->confidence > 1)
                        s->confidence = 1;
        }
}

static int append(struct rv_attribution *a, const struct rv_commit *commit, const struct rv_live *live,
                  const struct rv_oid *by) {
        struct rv_suspect *grown = reallocarray(a->suspects, a->n_suspects + 1, sizeof(*grown)), *s;

        if (!grown)
                return -ENOMEM;
        a->suspects = grown;
        s = &grown[a->n_suspects];
        *s = (struct rv_suspect){.live = *live};
        if (rv_commit_copy(&s->commit, commit) < 0)
                return -ENOMEM;
        a->n_suspects++;
        if (by) {
                s->reverted = true;
                s->reverted_by = *by;
        }
        return 0;
}

void rv_attribution_done(struct rv_attribution *a) {
        for (size_t i = 0; i < a->n_suspects; i++)
                rv_suspect_done(&a->suspects[i]);
        free(a->suspects);
        *a = (struct rv_attribution){0};
}

static bool is_in_vain(const struct rv_attribution_facts *facts, const struct rv_commit *commit) {
        return commit->incident && facts->after && strcmp(commit->incident, facts->after) == 0;
}

/* With all that it changed elsewhere, if that goes back too. */
static bool is_inert(const struct rv_attribution_facts *facts, const struct rv_commit *commit) {
        return rv_commit_is_inert(commit) && !(facts->is_whole && commit->n_outside > 0);
}

static int judge(struct rv_attribution *a, const struct rv_attribution_facts *facts, const struct rv_undone *undone) {
        int64_t oldest_usec = facts->onset_usec - facts->window_usec;
        struct newcomer newest = {0};
        bool is_ruled_out = *facts->ruled_out.hex;
        int r = 0;

        for (size_t i = 0; r == 0 && i < facts->n_history; i++) {
                const struct rv_commit *commit = &facts->history[i];
                struct rv_live l = facts->live(commit, facts->userdata);
                bool inert = is_inert(facts, commit);

                if (is_in_vain(facts, commit))
                        continue;
                if (!a->answer && !inert && l.seen_usec > facts->onset_usec &&
                    (commit->n_reverts > 0 || commit->incident))
                        a->answer = commit;
                if (i == facts->n_history - 1 && l.seen_usec < oldest_usec)
                        a->is_incomplete = false;
                if (inert) {
                        if (!a->inert && l.not_before_usec <= facts->onset_usec && l.seen_usec >= oldest_usec)
                                a->inert = commit;
                } else if (l.not_before_usec > facts->onset_usec) {
                        a->n_after_onset++;
                        a->after = commit;
                        a->after_usec = l.seen_usec;
                } else if (l.seen_usec < oldest_usec && !a->before) {
                        a->before = commit;
                        a->before_usec = l.seen_usec;
                } else if (l.seen_usec >= oldest_usec && !is_ruled_out) {
                        a->n_candidates++;
                        if (a->n_together == a->n_candidates - 1 &&
                            (joins(facts, &newest, commit, &l) || a->n_candidates == 1))
                                a->n_together++;
                        if (a->n_suspects < RV_SUSPECTS_MAX)
                                r = append(a, commit, &l, rv_undone_by(undone, &commit->id));
                }
                is_ruled_out = is_ruled_out && strcmp(commit->id.hex, facts->ruled_out.hex) != 0;
        }
        a->is_answered = a->answer != NULL;
        return r;
}

int rv_attribute(const struct rv_attribution_facts *facts, struct rv_attribution *ret) {
        struct rv_attribution a = {.is_incomplete = facts->is_cut};
        struct rv_undone *undone;
        int r = rv_undone_find(&undone, facts->history, facts->n_history);

        if (r < 0)
                return r;
        r = judge(&a, facts, undone);
        rv_undone_free(undone);
        if (r < 0) {
                rv_attribution_done(&a);
                return r;
        }
        weigh(&a, facts);
        *ret = a;
        return 0;
}
