/* The inside of a backtest. */
#pragma once

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION HASH_FNV /* the default one falls through its cases, which clang warns about */
#include "lab/lab.h"

#include <uthash.h>

enum { STEPS_FIRST = 240, STEPS_MAX = 11000 /* a server's limit */, RING = 60 };

struct point {
        int64_t at_usec;
        double value;
};

/* A label set of a rule, as it really was. */
struct track {
        uint64_t fingerprint;
        struct rv_series s;
        struct point ring[RING];
        size_t n_ring, after, stride, skip;
        json_t *breach;           /* the newest; lent; NULL: none */
        int64_t over_usec;        /* when the newest incident ended; RV_USEC_INFINITY: not yet */
        int64_t evaluation;       /* the newest that had it */
        int64_t starts_usec;      /* of an alert: the newest episode */
        bool is_present, is_told; /* of an alert: it fires; and that was delivered */
        int64_t cured_usec;       /* from then on it would have been well; 0: no revert */
        UT_hash_handle hh;
};

/* A rule's answers, and its label sets. */
struct asked {
        struct rv_range expr, require;
        struct track **track; /* of each row */
        char *alerts_expr;    /* of a rule that is fed by alerts; NULL: polled */
        size_t n_steps, most; /* asked for at once, and at most */
        bool has_failed;      /* the one step of expr; it is empty */
        bool is_vector;       /* what require gives without labels */
        struct track *tracks;
        int64_t n_evaluations, n_breaches;
        int64_t n_failed;
        char *failure;                             /* the words of the first */
        int64_t n_answered, first_usec, last_usec; /* answers with anything in them; of a polled rule */
};

struct past;
struct run {
        const struct rv_backtest *b;
        struct past *past;
        struct asked *asked; /* by rule */
        bool *evaluated;     /* by rule */
        json_t *breaches;
        int64_t told_usec;
};

static inline const struct rv_rule_config *rule_of(const struct run *run, size_t rule) {
        return &run->b->config->rules[rule];
}

/* -- track.c: label sets as they really were -- */
int track_get(struct asked *asked, struct rv_labels *labels, struct track **ret, struct rv_error *err) RV_MUST_CHECK;
struct track *track_find(const struct asked *asked, const struct rv_labels *labels); /* NULL: not seen */
int track_follow(struct run *run, size_t rule, struct track *track, enum rv_verdict verdict, double value,
                 int64_t at_usec, struct rv_error *err) RV_MUST_CHECK;
/* The would-be revert works, and the real breach or its incident is not over: the engine is to see it as well. */
bool track_is_cured(const struct track *track, int64_t now_usec);
/* Breaches that are not over get "until_usec": when they were last seen. */
int tracks_finish(struct asked *asked) RV_MUST_CHECK;
/* A value that is neither in breach nor short of clear. */
double track_well(const struct rv_rule_config *rule);
void tracks_done(struct asked *asked);

/* -- asked.c: what the engine asks of Prometheus; for struct lab_sources -- */
int asked_query(void *run, size_t rule, enum lab_query query, int64_t now_usec, struct rv_samples *ret,
                struct rv_error *err);
int asked_confirm(void *run, size_t rule, const struct rv_labels *labels, const char *expr, int64_t now_usec,
                  struct rv_samples *ret, struct rv_error *err);
int asked_alerts(void *run, size_t rule, int64_t now_usec, struct rv_alerts *ret, struct rv_error *err);

/* -- backtest_report.c: modes are the rules' own -- */
int backtest_report(const struct run *run, const enum rv_mode *modes, json_t **ret) RV_MUST_CHECK;
