/* The shell around the engine. The order of rv_daemon_handle() is what makes a crash at any instant harmless: commit,
 * then act, then tell. */
#include "daemon.h"

#include "revertd/clock.h"
#include "revertd/log.h"

#include <errno.h>

enum { TICK_DELAY_MAX_SEC = 30 }; /* the wall clock may be set: look at it again by then */

static void step_cleanup(struct rv_step *step) {
        rv_step_done(step);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata);

/* The engine's deadline is a wall time; the timer runs on a clock that nobody sets. */
static void arm_tick(struct rv_daemon *daemon, int64_t delay_min_usec) {
        int64_t deadline_usec = rv_engine_deadline(daemon->engine);
        if (deadline_usec == RV_USEC_INFINITY) {
                if (daemon->tick)
                        sd_event_source_set_enabled(daemon->tick, SD_EVENT_OFF);
                return;
        }

        int64_t delay_usec = deadline_usec - rv_clock_realtime_usec();
        if (delay_usec < delay_min_usec)
                delay_usec = delay_min_usec;
        if (delay_usec > TICK_DELAY_MAX_SEC * RV_USEC_PER_SEC)
                delay_usec = TICK_DELAY_MAX_SEC * RV_USEC_PER_SEC;

        int r = 0;
        if (!daemon->tick)
                r = sd_event_add_time_relative(daemon->event, &daemon->tick, CLOCK_BOOTTIME, (uint64_t)delay_usec, 1000,
                                               on_tick, daemon);
        else {
                r = sd_event_source_set_time_relative(daemon->tick, (uint64_t)delay_usec);
                if (r >= 0)
                        r = sd_event_source_set_enabled(daemon->tick, SD_EVENT_ONESHOT);
        }
        if (r < 0)
                rv_daemon_drop_engine(daemon, "no timer could be set");
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        struct rv_daemon *daemon = userdata;
        struct rv_event event = {.kind = RV_EVENT_TICK};
        (void)source;
        (void)usec;

        if (!daemon->engine)
                return 0;
        if (rv_engine_deadline(daemon->engine) <= rv_clock_realtime_usec())
                rv_daemon_feed(daemon, &event);
        if (daemon->engine)
                arm_tick(daemon, RV_USEC_PER_MSEC);
        return 0;
}

static int commit(struct rv_daemon *daemon, const struct rv_step *step, struct rv_error *err) {
        if (step->batch.n == 0)
                return 0;

        int r = rv_store_commit(daemon->store, &step->batch, err);
        if (r < 0) {
                daemon->counters.store_failures++;
                rv_daemon_drop_engine(daemon, err->text);
                return rv_error_prefix(err, -EAGAIN, "the store cannot take it");
        }
        daemon->counters.store_commits++;
        return 0;
}

static int handle(struct rv_daemon *daemon, const struct rv_event *event, struct rv_api_outcome *ret,
                  struct rv_error *err) {
        __attribute__((cleanup(step_cleanup))) struct rv_step step = {};

        if (!daemon->engine)
                return rv_error_set(err, -EAGAIN, "%s", daemon->not_ready);

        int r = rv_engine_handle(daemon->engine, event, rv_clock_realtime_usec(), &step, err);
        if (r == -ENOMEM) { /* it may be in the middle of something */
                rv_daemon_drop_engine(daemon, "out of memory");
                return rv_error_set(err, -EAGAIN, "out of memory");
        }
        if (r < 0) { /* what was due anyway goes out with the next event: let that be soon */
                arm_tick(daemon, 0);
                return r;
        }
        r = commit(daemon, &step, err);
        if (r < 0)
                return r;

        rv_effects_start(daemon, &step);
        rv_report_step(daemon, event, &step);
        if (step.n_transitions > 0)
                rv_outbox_wake(daemon->parts->outbox);
        if (daemon->engine)
                arm_tick(daemon, 0);
        if (step.batch.n > 0) /* else nothing that it tells of has changed */
                rv_supervisor_status(daemon, NULL);
        if (ret) {
                *ret = (struct rv_api_outcome){.n_alerts_matched = step.n_alerts_matched,
                                               .n_alerts_late = step.n_alerts_late};
                __builtin_memcpy(ret->incident, step.incident, sizeof(ret->incident));
        }
        return 0;
}

/* Both at one instant, or nearly: who is not scheduled between the two sees a step where there is none. */
static int64_t clock_offset_usec(void) {
        int64_t before_usec, offset_usec, after_usec;

        for (int tries = 0;; tries++) {
                before_usec = rv_clock_boottime_usec();
                offset_usec = rv_clock_realtime_usec() - before_usec;
                after_usec = rv_clock_boottime_usec();
                if (after_usec - before_usec < 10 * RV_USEC_PER_MSEC || tries == 10)
                        return offset_usec;
        }
}

static int follow_clock(struct rv_daemon *daemon, struct rv_error *err) {
        struct rv_event event = {.kind = RV_EVENT_CLOCK,
                                 .clock = {.boot_id = daemon->boot_id, .offset_usec = clock_offset_usec()}};
        char by[RV_DURATION_TEXT_MAX];
        int64_t by_usec;

        if (rv_engine_clock_agrees(daemon->engine, event.clock.boot_id, event.clock.offset_usec, &by_usec))
                return 0;
        int r = handle(daemon, &event, NULL, err);
        if (r < 0 || by_usec == 0)
                return r;
        daemon->counters.clock_steps++;
        rv_log(RV_LOG_WARN, RV_EV_CLOCK_SET, "the clock was set; what waits goes on waiting for the time that passes",
               "by", rv_duration_humanize(by_usec, by), NULL);
        return 0;
}

int rv_daemon_handle(struct rv_daemon *daemon, const struct rv_event *event, struct rv_api_outcome *ret,
                     struct rv_error *err) {
        int r = daemon->engine ? follow_clock(daemon, err) : 0;
        return r < 0 ? r : handle(daemon, event, ret, err);
}

void rv_daemon_feed(struct rv_daemon *daemon, const struct rv_event *event) {
        struct rv_error err = {};
        int r = rv_daemon_handle(daemon, event, NULL, &err);

        if (r < 0 && r != -EAGAIN) /* that one is logged where it began */
                rv_log(RV_LOG_ERROR, RV_EV_NONE, "an event could not be handled", "error", err.text, NULL);
}
