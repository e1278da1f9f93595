/* source → rule: what the sources saw. */
#pragma once

#include "revertd/labels.h"

/* One series at one time. */
struct rv_sample {
        struct rv_labels *labels; /* without __name__; owned */
        double value;             /* may be NaN or infinite */
        bool is_histogram;        /* a native histogram: there is no single value */
};

/* The answer to one instant query. */
struct rv_samples {
        struct rv_sample *sample;
        size_t n;
        bool is_scalar;  /* one sample with empty labels */
        bool is_partial; /* the server answered, with warnings: what is there may not be all */
        char *warning;   /* the first warning; NULL: none */
};
enum { RV_SAMPLES_MAX = 10000 }; /* series in an answer; more is an error */

void rv_samples_done(struct rv_samples *samples);

/* The answer to a query over a range: rows of n_steps, at from_usec and every step_usec after it. */
struct rv_range {
        struct rv_labels **labels;
        double *value;    /* n × n_steps */
        bool *is_present; /* the same; NaN may be a value */
        size_t n, n_steps;
        int64_t from_usec, step_usec;
        bool is_partial;
};
enum { RV_RANGE_VALUES_MAX = 2000000 };
void rv_range_done(struct rv_range *range);

/* One alert of one delivery. */
struct rv_alert {
        struct rv_labels *labels;
        struct rv_labels *annotations;
        bool firing;       /* else resolved */
        bool is_undecided; /* neither: what watches it had no data, or failed */
        bool is_unlisted;  /* no Alertmanager knows it */
        bool is_event; /* it starts when it was said: what fires again without an end in between is more of the same */
        int64_t starts_usec;        /* 0: when it comes in */
        int64_t ends_usec;          /* 0 while firing, or when it comes in */
        int64_t resolve_after_usec; /* firing: it is over that long after it was last told; 0: when that is told */
        char *generator_url;        /* NULL: none */
};

/* What its Alertmanager makes of an alert. */
enum rv_alert_state {
        RV_ALERT_UNKNOWN, /* no answer */
        RV_ALERT_ABSENT,  /* it has no such alert */
        RV_ALERT_ACTIVE,
        RV_ALERT_SILENCED, /* or muted by a time interval */
        RV_ALERT_INHIBITED,
};

struct rv_alerts {
        struct rv_alert *alert;
        size_t n;
        uint64_t truncated; /* alerts that the sender left out (max_alerts) */
        char *receiver;     /* as sent: regex-quoted; for the log only */
        char *group_key;
};
enum { RV_ALERTS_MAX = 10000 };

void rv_alerts_done(struct rv_alerts *alerts);
