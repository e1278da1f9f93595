/* The second half of invariant 8: every notice that is stored arrives, or stands as undeliverable; in the order of its
 * incident, and only once where it can be known that it has arrived. */
#include "sim.h"

#include "revertd/json.h"

#include <string.h>

#define CHANCE_USEC (24 * RV_USEC_PER_HOUR)

static struct notice *find(struct sim *sim, const char *key) {
        for (size_t i = sim->me->n_notices; i-- > 0;)
                if (strcmp(sim->me->notice[i].key, key) == 0)
                        return &sim->me->notice[i];
        return NULL;
}

static bool is_of(const struct notice *notice, int receiver) {
        return notice->receiver == receiver;
}

/* -- They are stored -- */

static void add(struct sim *sim, const struct rv_write *write) {
        if (find(sim, write->key)) {
                sim_fail(sim, "8: %s is told again", write->key);
                return;
        }
        SIM_MUST(sim->me->n_notices == NOTICES_MAX ? -1 : 0);
        struct notice *notice = &sim->me->notice[sim->me->n_notices++];
        *notice = (struct notice){.receiver = -1, .committed_usec = sim->now_usec, .clock_usec = sim->me->clock_usec};
        snprintf(notice->key, sizeof(notice->key), "%s", write->key);
        for (int i = 0; i < RECEIVERS; i++)
                if (strcmp(rv_json_string(write->value, "receiver", ""), receiver_names[i]) == 0)
                        notice->receiver = i;
        notice->incident = strchr(notice->key, '/');
        notice->number = (unsigned)rv_json_int(json_object_get(write->value, "transition"), "number", 0);
        sim->me->n_waiting++;
        if (notice->receiver < 0)
                sim_fail(sim, "8: %s is for nobody", notice->key);
}

void notices_committed(struct sim *sim, const struct rv_batch *batch) {
        for (size_t i = 0; i < batch->n && !sim->failure[0]; i++)
                if (batch->write[i].kind == RV_RECORD_OUTBOX && batch->write[i].value)
                        add(sim, &batch->write[i]);
}

/* -- They are sent: nothing that is not stored, not what is done with, and in order -- */

static void check_order(struct sim *sim, const struct notice *notice) {
        for (size_t i = 0; i < sim->me->n_notices; i++) {
                const struct notice *other = &sim->me->notice[i];
                if (!is_of(other, notice->receiver) ||
                    strncmp(other->incident, notice->incident, RV_INCIDENT_ID_MAX) != 0)
                        continue;
                if (other->number < notice->number && !other->is_settled)
                        sim_fail(sim, "8: %s overtakes %s", notice->key, other->key);
                if (other->number > notice->number && other->arrived > 0)
                        sim_fail(sim, "8: %s comes after %s", notice->key, other->key);
        }
}

struct notice *notices_begin(struct sim *sim, int receiver, const char *key) {
        struct notice *notice = find(sim, key);
        const struct line *line = &sim->me->line[receiver];
        if (!notice || !is_of(notice, receiver)) {
                sim_fail(sim, "8: %s is sent to %s, and was never stored for it", key, receiver_names[receiver]);
                return NULL;
        }
        if (line->sending)
                sim_fail(sim, "8: %s is sent while %s is", key, line->sending->key);
        if (sim->now_usec < line->quiet_usec)
                sim_fail(sim, "8: %s is sent before the time that Slack asked for", key);
        if (notice->is_settled || notice->was_refused)
                sim_fail(sim, "8: %s is sent again after its end", key);
        if (notice->arrived > 0 && !notice->may_come_again)
                sim_fail(sim, "8: %s is sent again, and had arrived", key);
        check_order(sim, notice);
        return notice;
}

void notices_arrived(struct sim *sim, struct notice *notice) {
        sim->count.sent += notice->arrived == 0;
        sim->count.resent += notice->arrived > 0;
        notice->arrived++;
        notice->may_come_again = false;
}

/* The notice that failed must not wait for ever. Its age is by the replica's clock, which may have been set. */
void notices_failed(struct sim *sim, const struct notice *notice) {
        int64_t set_usec = llabs(sim->me->clock_usec - notice->clock_usec),
                least_usec = CHANCE_USEC + (set_usec < CHANCE_USEC ? set_usec : CHANCE_USEC),
                failing_usec = sim->me->line[notice->receiver].failing_usec;
        if (!notice->is_settled && sim->now_usec - notice->committed_usec >= least_usec &&
            sim->now_usec - failing_usec >= CHANCE_USEC)
                sim_fail(sim, "8: %s has had its chance, and is not given up", notice->key);
}

/* Revertd, or this part of it, has ended: what was not settled may have arrived. */
void notices_forgotten(struct sim *sim, int receiver) {
        for (size_t i = 0; i < sim->me->n_notices; i++) {
                struct notice *notice = &sim->me->notice[i];
                if (!is_of(notice, receiver) || notice->is_settled)
                        continue;
                notice->may_come_again = true;
                notice->was_refused = false;
        }
}

/* -- What became of them is stored -- */

static void check_given_up(struct sim *sim, const struct notice *notice) {
        int64_t failing_usec = sim->me->line[notice->receiver].failing_usec;
        if (!notice->was_refused && (failing_usec == 0 || sim->now_usec - failing_usec < CHANCE_USEC))
                sim_fail(sim, "8: %s is given up before its time", notice->key);
}

static void settle(struct sim *sim, const struct rv_write *write) {
        struct notice *notice = find(sim, write->key);
        if (!notice || notice->is_settled)
                return;
        notice->is_settled = true;
        sim->me->n_waiting--;
        if (notice->is_given_up)
                check_given_up(sim, notice);
        else if (notice->arrived == 0)
                sim_fail(sim, "8: %s is deleted, and has not arrived", notice->key);
}

void notices_settled(struct sim *sim, const struct rv_batch *batch) {
        for (size_t i = 0; i < batch->n; i++) {
                struct notice *notice = batch->write[i].kind == RV_RECORD_UNDELIVERABLE && batch->write[i].value
                                                ? find(sim, batch->write[i].key)
                                                : NULL;
                if (!notice)
                        continue;
                TRACE(sim, "slack: %s is given up", notice->key);
                notice->is_given_up = true;
                sim->count.given_up++;
        }
        for (size_t i = 0; i < batch->n; i++)
                if (batch->write[i].kind == RV_RECORD_OUTBOX && !batch->write[i].value)
                        settle(sim, &batch->write[i]);
}

/* -- The end -- */

static size_t count_given_up(const struct sim *sim, int receiver) {
        size_t n = 0;
        for (size_t i = 0; i < sim->me->n_notices; i++)
                n += is_of(&sim->me->notice[i], receiver) && sim->me->notice[i].is_given_up;
        return n < RV_UNDELIVERABLE_MAX ? n : RV_UNDELIVERABLE_MAX;
}

void notices_end(struct sim *sim) {
        size_t n = 0;
        for (size_t i = 0; i < sim->me->n_notices; i++)
                if (!sim->me->notice[i].is_settled)
                        sim_fail(sim, "8: %s never arrived", sim->me->notice[i].key);
        SIM_MUST(rv_store_count(sim->me->store, RV_RECORD_OUTBOX, "", &n, NULL));
        if (n > 0)
                sim_fail(sim, "8: %zu notices are left", n);
        for (int i = 0; i < RECEIVERS; i++) {
                SIM_MUST(rv_store_count(sim->me->store, RV_RECORD_UNDELIVERABLE, receiver_names[i], &n, NULL));
                if (n != count_given_up(sim, i))
                        sim_fail(sim, "8: %zu notices of %s stand as undeliverable", n, receiver_names[i]);
        }
}
