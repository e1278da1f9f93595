/* Slack, and the shell of the queues before it: messages take their time, and are refused, lost on the way or on the
 * way back; for minutes or for days it takes none at all. */
#include "sim.h"

static struct queue_time now_of(const struct sim *sim) {
        return (struct queue_time){.steady_usec = sim->now_usec, .wall_usec = wall_usec(sim)};
}

bool slack_is_calm(const struct sim *sim) {
        return sim->is_calm && sim->now_usec >= sim->slack_calm_usec;
}

/* -- The store, while a queue is at work -- */

static struct store_fault draw_fault(struct sim *sim) {
        if (slack_is_calm(sim))
                return (struct store_fault){0};
        bool is_tight = random_per_mille(sim, 3);
        return (struct store_fault){.commit_fails = sim->now_usec < sim->full_until_usec || random_per_mille(sim, 20),
                                    .list_fails = random_per_mille(sim, 5),
                                    .count_fails = random_per_mille(sim, 5),
                                    .is_tight = is_tight,
                                    .allocations = is_tight ? random_between(sim, 0, 40) : -1};
}

/* -- Messages -- */

/* What comes of the message that is sent now. Returns how long it takes to arrive, or not to. */
static int64_t draw_fate(struct sim *sim, int receiver, struct line *line) {
        int fate = slack_is_calm(sim) ? 100 : 99 - (int)random_between(sim, 0, 99);
        if (sim->now_usec < sim->mute_until_usec[receiver])
                fate %= 4;
        line->outcome = fate < 6 ? SEND_RETRY : fate < 7 ? SEND_PERMANENT : SEND_DONE;
        line->is_to_arrive = fate >= 7 || fate == 5 || fate == 4;
        line->retry_after_usec = fate == 2 ? random_between(sim, 1, 7200) * RV_USEC_PER_SEC : 0;
        return fate < 2 ? 10 * RV_USEC_PER_SEC : random_between(sim, 1, 2 * RV_USEC_PER_SEC);
}

/* Not often while nothing arrives anyway: else no outage would be long enough for revertd to give up. Without an engine
 * it waits for its store, and is started again in a moment. */
static bool dies_here(struct sim *sim, const struct line *line) {
        if (!sim->me->engine || slack_is_calm(sim) || !random_per_mille(sim, line->outcome == SEND_RETRY ? 1 : 5))
                return false;
        shell_crash(sim, random_delay(sim, 20 * RV_USEC_PER_SEC));
        return true;
}

static void note_outcome(struct sim *sim, struct line *line) {
        if (line->outcome != SEND_RETRY)
                line->failing_usec = 0;
        else if (line->failing_usec == 0)
                line->failing_usec = sim->now_usec;
        line->sending->may_come_again |= line->outcome == SEND_RETRY && line->sending->arrived > 0;
        line->sending->was_refused = line->outcome == SEND_PERMANENT;
        int64_t asked_usec = line->retry_after_usec;
        line->quiet_usec = sim->now_usec + (asked_usec < RV_USEC_PER_HOUR ? asked_usec : RV_USEC_PER_HOUR);
}

static void be_answered(struct sim *sim, struct task *task) {
        struct line *line = &sim->me->line[task->a];
        if (!line->is_open || line->generation != task->generation || dies_here(sim, line))
                return;
        struct notice *notice = line->sending;
        struct store_fault fault = draw_fault(sim);
        struct queue_time now = now_of(sim);
        struct rv_batch batch = {0};
        struct send_result result = {.outcome = line->outcome,
                                     .error = line->outcome == SEND_DONE ? NULL : "no",
                                     .retry_after_usec = line->retry_after_usec,
                                     .batch = &batch};
        TRACE(sim, "slack: %s: %s", notice->key,
              line->outcome == SEND_DONE    ? "done"
              : line->outcome == SEND_RETRY ? "failed"
                                            : "refused");
        note_outcome(sim, line);
        line->sending = NULL;
        store_fails_for(sim, &fault);
        queue_answer(&line->queue, &result, &now);
        store_fails_for(NULL, NULL);
        rv_batch_done(&batch);
        if (line->outcome == SEND_RETRY && !fault.commit_fails && !fault.list_fails && !fault.count_fails &&
            !fault.is_tight)
                notices_failed(sim, notice);
        (void)dies_here(sim, line);
}

static void come_through(struct sim *sim, struct task *task) {
        struct line *line = &sim->me->line[task->a];
        int receiver = task->a;
        unsigned generation = task->generation;
        if (!line->is_open || line->generation != generation)
                return;
        if (line->is_to_arrive)
                notices_arrived(sim, line->sending);
        line->is_to_arrive = false;
        bool is_lost = line->outcome == SEND_RETRY && line->sending->arrived > 0;
        int64_t delay_usec = is_lost ? 10 * RV_USEC_PER_SEC : random_between(sim, 1, RV_USEC_PER_SEC);
        struct task *next = agenda_add(sim, sim->now_usec + delay_usec, be_answered);
        next->a = receiver;
        next->generation = generation;
}

bool slack_is_task(const struct task *task) {
        return task->run == come_through || task->run == be_answered;
}

static void send(struct sim *sim, int receiver, const char *key) {
        struct line *line = &sim->me->line[receiver];
        line->sending = notices_begin(sim, receiver, key);
        if (!line->sending)
                return;
        int64_t delay_usec = draw_fate(sim, receiver, line);
        struct task *task = agenda_add(sim, sim->now_usec + delay_usec, come_through);
        task->a = receiver;
        task->generation = line->generation;
}

/* -- The queues -- */

int64_t slack_due_usec(const struct replica *replica, int *ret_receiver) {
        int64_t first_usec = RV_USEC_INFINITY;
        for (int i = 0; i < RECEIVERS; i++) {
                const struct line *line = &replica->line[i];
                int64_t due_usec = line->is_open ? queue_due_usec(&line->queue) : RV_USEC_INFINITY;
                if (due_usec < first_usec) {
                        first_usec = due_usec;
                        *ret_receiver = i;
                }
        }
        return first_usec;
}

/* Its timer has rung. */
void slack_look(struct sim *sim, int receiver) {
        struct line *line = &sim->me->line[receiver];
        struct store_fault fault = draw_fault(sim);
        struct queue_time now = now_of(sim);
        store_fails_for(sim, &fault);
        const struct rv_record *notice = queue_next(&line->queue, &now);
        store_fails_for(NULL, NULL);
        if (notice)
                send(sim, receiver, notice->key);
        else if (queue_due_usec(&line->queue) <= sim->now_usec)
                sim_fail(sim, "the queue of %s wants to be woken for ever", receiver_names[receiver]);
}

void slack_wake(struct sim *sim) {
        for (int i = 0; i < RECEIVERS; i++)
                if (sim->me->line[i].is_open)
                        queue_wake(&sim->me->line[i].queue);
}

void slack_open(struct sim *sim) {
        for (int i = 0; i < RECEIVERS; i++) {
                struct line *line = &sim->me->line[i];
                if (line->is_open)
                        continue;
                *line = (struct line){.is_open = true, .generation = line->generation + 1};
                SIM_MUST(queue_init(&line->queue, receiver_names[i], sim->me->store, NULL));
        }
        slack_wake(sim);
}

void slack_drop(struct sim *sim) {
        for (int i = 0; i < RECEIVERS; i++) {
                if (sim->me->line[i].is_open)
                        queue_done(&sim->me->line[i].queue);
                sim->me->line[i].is_open = false;
        }
}

/* What is on its way arrives now or never. */
void slack_close(struct sim *sim) {
        for (int i = 0; i < RECEIVERS; i++) {
                struct line *line = &sim->me->line[i];
                if (line->is_open && line->sending && line->is_to_arrive && random_chance(sim, 50))
                        notices_arrived(sim, line->sending);
                notices_forgotten(sim, i);
        }
        slack_drop(sim);
}
