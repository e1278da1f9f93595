/* A delivery of alerts. Each alert is a series of each rule that it matches; all that matters of a delivery goes into
 * one batch, so that the sender may be told that it was taken. Deliveries come twice and late, from several
 * Alertmanagers, so the episode (startsAt) decides what is new. */
#include "core.h"

#include <errno.h>
#include <math.h>

#define LATE_USEC (10 * RV_USEC_PER_MINUTE) /* Alertmanager tries a delivery again for its group_interval: 5 minutes */

/* Over the cap nothing may be dropped silently: the sender keeps what is refused, and comes again. */
static int check_room(struct turn *t, const struct rv_alerts *alerts) {
        const struct rv_config *config = t->engine->config;

        for (size_t k = 0; k < config->n_rules; k++) {
                struct rule *rule = t->engine->rule[k];
                size_t n = rule->n_series;

                if (config->rules[k].n_match == 0 || n + alerts->n <= SERIES_PER_RULE_MAX)
                        continue;
                for (struct series *series = rule->series; series; series = series->next)
                        n -= series_is_over(series);
                for (size_t i = 0; i < alerts->n; i++)
                        n += alerts->alert[i].firing && !alerts->alert[i].is_undecided &&
                             rv_rule_matches(&config->rules[k], alerts->alert[i].labels) &&
                             !series_find(t->engine, rule, alerts->alert[i].labels);
                if (n > SERIES_PER_RULE_MAX)
                        return rv_error_set(t->err, -ENOBUFS, "rule %s: more than %d alerts are firing", rule->name,
                                            SERIES_PER_RULE_MAX);
        }
        return 0;
}

/* What began while the last incident was under way was dealt with by it. Were our clock behind, all would seem to begin
 * later: so it must also be another than was told of before. */
static bool is_new_episode(const struct series *series, int64_t starts_usec) {
        if (series->open)
                return false;
        if (!series->s.latched)
                return true;
        return series->ended_usec > 0 && starts_usec > series->ended_usec && starts_usec > series->starts_usec;
}

static void note_expiry(struct rv_engine *engine, const struct series *series) {
        if (series->expires_usec > 0 && (engine->expiry_usec == 0 || series->expires_usec < engine->expiry_usec))
                engine->expiry_usec = series->expires_usec;
}

static void expire_later(struct turn *t, struct series *series) {
        series->expires_usec = series->resolve_after_usec > 0 ? t->now_usec + series->resolve_after_usec : 0;
        note_expiry(t->engine, series);
}

/* By the sender's clock. An event that claims to be from the future would make all that are stamped right look old. */
static int64_t starts_of(const struct turn *t, const struct rv_alert *alert) {
        return alert->is_event && alert->starts_usec > t->now_usec ? t->now_usec : alert->starts_usec;
}

/* An alert starts when it fires, which is after the breach has lasted for the alert's own `for`. */
static int64_t onset_of(const struct turn *t, const struct rule *rule, int64_t starts_usec) {
        const struct rv_rule_config *config = rule_config(t->engine, rule);

        return (starts_usec < t->now_usec ? starts_usec : t->now_usec) - (config ? config->for_usec : 0);
}

/* A copy of what is over: sent again, or by another Alertmanager that had not heard. Once all that must have ended, who
 * still says so contradicts the end, and is believed. */
static bool is_late(const struct turn *t, const struct series *series, const struct rv_alert *alert) {
        return alert->starts_usec > 0 && alert->starts_usec <= series->resolved_usec &&
               t->now_usec - series->resolved_at_usec <= LATE_USEC;
}

static int note_firing(struct turn *t, struct rule *rule, const struct rv_alert *alert) {
        int64_t starts_usec = alert->starts_usec > 0 ? starts_of(t, alert) : t->now_usec;
        int64_t onset_usec = onset_of(t, rule, starts_usec);
        struct series *series;
        bool is_later, is_more, is_changed, opens;
        int r = series_get(t->engine, rule, alert->labels, &series);

        if (r < 0)
                return r;
        series->answered_usec = t->now_usec;
        if (is_late(t, series, alert)) {
                t->step->n_alerts_late++;
                return 0;
        }
        series->round = t->engine->round;
        is_more = alert->is_event && series->s.latched;
        opens = !is_more && is_new_episode(series, starts_usec);
        /* The newest start that is known: by it the end of an episode before this one is told from its own. */
        is_later = !series->s.latched || starts_usec > series->starts_usec;
        if (opens && series->s.latched) /* nobody told of its end */
                earlier_end(series, series->s.breach_usec);
        if (opens || !series->s.latched)
                earlier_begin(series, onset_usec);
        series->s.verdict = RV_VERDICT_BREACH;
        series->s.seen_usec = series->s.breach_usec = t->now_usec;
        series->s.ok_usec = 0;
        series->s.latched = true;
        if (is_later)
                series->starts_usec = starts_usec;
        if (is_later && !is_more)
                series->s.onset_usec = onset_usec;
        is_changed = series->resolve_after_usec != alert->resolve_after_usec;
        series->is_unlisted = alert->is_unlisted;
        series->is_event = alert->is_event;
        series->resolve_after_usec = alert->resolve_after_usec;
        expire_later(t, series);
        if (opens) {
                series->ended_usec = 0;
                r = incident_open(t, series, onset_usec);
        } else
                r = state_tell(t, series, t->now_usec);
        if (r == 0 && (opens || is_later || is_changed))
                r = series_store(t, series);
        return r < 0 ? r : good_breach(t, series);
}

static int end_episode(struct turn *t, struct series *series) {
        int r;

        series->answered_usec = series->resolved_at_usec = t->now_usec;
        series->expires_usec = series->resolve_after_usec = 0;
        series->s.verdict = RV_VERDICT_OK;
        series->s.seen_usec = t->now_usec;
        if (series->s.ok_usec == 0)
                series->s.ok_usec = t->now_usec;
        if (series->s.latched)
                earlier_end(series, t->now_usec);
        series->s.onset_usec = series->s.breach_usec = 0;
        series->s.latched = false;
        r = good_breach(t, series); /* until now */
        if (r == 0)
                r = series_forget(t, series);
        return r < 0 ? r : state_tell(t, series, t->now_usec);
}

static int note_resolved(struct turn *t, struct rule *rule, const struct rv_alert *alert) {
        struct series *series = series_find(t->engine, rule, alert->labels);

        if (!series || (!series->s.latched && !series->open))
                return 0;
        if (alert->starts_usec > 0 && alert->ends_usec > 0 && alert->ends_usec < series->starts_usec)
                return 0; /* the end of an episode before this one */
        if (starts_of(t, alert) > series->resolved_usec)
                series->resolved_usec = starts_of(t, alert);
        return end_episode(t, series);
}

void alerts_resume(struct turn *t) {
        struct series *series, *next;

        HASH_ITER (hh, t->engine->series, series, next)
                if (series->s.latched)
                        expire_later(t, series);
}

int alerts_expire(struct turn *t) {
        struct series *series, *next;

        if (t->engine->expiry_usec == 0 || t->now_usec < t->engine->expiry_usec)
                return 0;
        t->engine->expiry_usec = 0;
        HASH_ITER (hh, t->engine->series, series, next) {
                int r = 0;

                if (series->expires_usec > 0 && series->expires_usec <= t->now_usec) {
                        series->resolved_usec = series->starts_usec; /* a late copy is of what is over */
                        r = end_episode(t, series);
                }
                if (r < 0)
                        return r;
                note_expiry(t->engine, series);
        }
        return 0;
}

int alerts(struct turn *t, const struct rv_event *event) {
        const struct rv_alerts *alerts = event->alerts;
        const struct rv_config *config = t->engine->config;
        int r = check_room(t, alerts);

        /* The tick that ends an episode may come later than what begins the next. */
        if (r == 0)
                r = alerts_expire(t);
        if (r < 0)
                return r;
        t->engine->round++;
        for (size_t i = 0; i < alerts->n; i++) {
                const struct rv_alert *alert = &alerts->alert[i];
                bool matched = false;

                if (alert->is_undecided)
                        continue;
                for (size_t k = 0; k < config->n_rules; k++) {
                        struct rule *rule = t->engine->rule[k];

                        if (!rv_rule_matches(&config->rules[k], alert->labels))
                                continue;
                        matched = true;
                        r = alert->firing ? note_firing(t, rule, alert) : note_resolved(t, rule, alert);
                        if (r < 0)
                                return r;
                }
                t->step->n_alerts_matched += matched;
        }
        return 0;
}
