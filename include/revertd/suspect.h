/* Attribution: which commit did it. Pure. */
#pragma once

#include "revertd/config.h"
#include "revertd/gitwire.h"

/* When a commit went live, as far as that is known. */
struct rv_live {
        int64_t not_before_usec; /* the branch was seen without it then, or its commit time: it was not live earlier */
        int64_t seen_usec;       /* first seen at the branch, or applied by the operator */
        bool observed;           /* revertd saw it arrive, or applied; else both come from its commit time */
        bool applied;            /* the operator says so; not yet: both are now */
};

/* X(NAME, name, "for people") */
#define RV_EVIDENCE(X)                                                                                                 \
        X(IN_SCOPE, "in_scope", "touches the scope")                                                                   \
        X(IN_WINDOW, "in_window", "went live in the window before the onset")                                          \
        X(ONLY_CANDIDATE, "only_candidate", "is the only such commit")                                                 \
        X(NEWEST, "newest", "is the newest such commit")                                                               \
        X(TOGETHER, "together", "arrived with others, or too close to them to be told apart")                          \
        X(CLOSE, "close", "the onset followed it closely")                                                             \
        X(NAMED, "named", "a label's value (a version, a tag, a commit id) names it")                                  \
        X(ADDED, "added", "it added a label's value (a version, a tag, a digest, a commit id)")                        \
        X(FURTHER_BACK, "further_back", "what came after it was reverted, and that did not help")                      \
        X(BY_HAND, "by_hand", "named by a person")                                                                     \
        X(PASSED, "passed", "is no suspect, but lies between the branch and what the scope goes back to")

enum rv_evidence {
#define X(name, str, doc) RV_EVIDENCE_##name,
        RV_EVIDENCE(X)
#undef X
                RV_EVIDENCE_MAX
};
const char *rv_evidence_to_string(enum rv_evidence evidence);
const char *rv_evidence_explain(enum rv_evidence evidence);

struct rv_suspect {
        struct rv_commit commit;
        struct rv_live live;
        unsigned evidence; /* bits 1 << RV_EVIDENCE_… */
        double confidence; /* 0 to 1 */
        bool reverted;     /* a later commit on the branch reverts it */
        struct rv_oid reverted_by;
};
/* "Culprit" once it was acted upon, "Suspect" until then; "Commit" where a person named it. */
const char *rv_suspect_title(bool is_pushed, bool by_hand);
void rv_suspect_done(struct rv_suspect *suspect);
json_t *rv_suspect_to_json(const struct rv_suspect *suspect);
int rv_suspect_from_json(struct rv_suspect *ret, const json_t *json, struct rv_error *err) RV_MUST_CHECK;

/* Which commits of a history (newest first) were reverted by later ones, as these say. A revert that was itself
 * reverted undoes nothing. */
struct rv_undone;
int rv_undone_find(struct rv_undone **ret, const struct rv_commit *history, size_t n) RV_MUST_CHECK;
const struct rv_oid *rv_undone_by(const struct rv_undone *undone, const struct rv_oid *commit); /* NULL: it was not */
struct rv_undone *rv_undone_free(struct rv_undone *undone);

enum { RV_SUSPECTS_MAX = 32 }; /* kept; more are counted */

/* How many of the first are of one arrival: they went live together, or too close to each other to be told apart.
 * 1 if the first stands alone, 0 without suspects. */
size_t rv_suspects_together(const struct rv_suspect *suspects, size_t n);

struct rv_attribution {
        struct rv_suspect *suspects; /* candidates, newest first: those that arrived with the first are the culprits */
        size_t n_suspects;
        size_t n_candidates;  /* all of them */
        size_t n_together;    /* candidates that arrived with the newest, itself among them */
        size_t n_after_onset; /* commits in the scope that came after the onset */
        bool is_answered;     /* a revert is among what was first seen after the onset */
        bool is_incomplete;   /* there may be older candidates, beyond where the history was cut */

        /* Of the history, which lends them; NULL: there is none. */
        const struct rv_commit *answer;  /* the newest such revert */
        const struct rv_commit *after;   /* the oldest that came after the onset */
        const struct rv_commit *before;  /* the newest that went live too early to be a candidate */
        const struct rv_commit *inert;   /* the newest in the window that touched nothing that is applied */
        int64_t after_usec, before_usec; /* when these two did */
};
void rv_attribution_done(struct rv_attribution *a);

/* Whether the commit whose value it is brought it: it stands in lines that were added, and in none that was removed. */
bool rv_value_is_added(const struct rv_value *value);
/* "label=value in path", of such a one as a commit's JSON has it; NULL: it is none, or out of memory. Caller frees. */
char *rv_value_added_text(const json_t *value);

/* The values that a history is asked to look for. *ret, *ret_n are a request's, also where it fails (-ENOMEM). */
int rv_values_pick(const struct rv_labels *labels, char *const *scope, size_t n_scope, struct rv_value **ret,
                   size_t *ret_n) RV_MUST_CHECK;

struct rv_attribution_facts {
        const struct rv_commit *history; /* that touch the scope, newest first */
        size_t n_history;
        bool is_cut; /* older ones are not among them */
        int64_t onset_usec, window_usec;
        const struct rv_labels *labels;
        struct rv_live (*live)(const struct rv_commit *commit, void *userdata); /* when it went live */
        void *userdata;
        const char *after;       /* the incident that reverted a suspect of this breach, in vain; "" or NULL: none */
        struct rv_oid ruled_out; /* the oldest that it undid: neither that nor anything newer is a candidate */
        bool is_whole;           /* what a culprit changed outside of the scope goes back too */
};

/* Whether all that it touched in the scope is for people: documentation, licences, owners, settings of Git. Not where it
 * touched more than is listed. */
bool rv_commit_is_inert(const struct rv_commit *commit);

/* A candidate is not inert, and went live no later than the onset (its not_before ≤ onset) and no earlier than window
 * before it. */
int rv_attribute(const struct rv_attribution_facts *facts, struct rv_attribution *ret) RV_MUST_CHECK;
