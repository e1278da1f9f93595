/* The world: what is true, people who commit, and all kinds of trouble. Each task puts itself on the agenda again. */
#include "sim.h"

#include "revertd/cleanup.h"

/* -- Truth -- */

bool world_is_bad(struct sim *sim, int set) {
        if (sim->now_usec < sim->spurious_until_usec[set])
                return true;
        for (int i = 0; set < APPS && i < REPOSITORIES; i++)
                if (sim->now_usec >= sim->branch[i].broken_usec[set])
                        return true;
        return false;
}

/* -- People who commit -- */

static void undo_something(struct sim *sim, struct branch *branch, struct change *change) {
        size_t back = (size_t)random_between(sim, 1, 6);
        if (back >= branch->n)
                return;
        const struct change *undone = &branch->change[branch->n - back];
        change->undoes[change->n_undoes++] = branch->n - back;
        change->apps = undone->apps;
        change->breaks = -1;
        change->says_so = random_chance(sim, 50);
}

void world_commit(struct sim *sim, int repository) {
        struct branch *branch = &sim->branch[repository];
        struct change change = {.breaks = -1, .commit_usec = sim->now_usec, .arrived_usec = sim->now_usec};
        if (branch->n >= COMMITS_MAX - PUSHES_MAX / 2)
                return;
        change.apps = 1u << random_between(sim, 0, APPS - 1);
        if (random_chance(sim, 25))
                change.apps |= 1u << random_between(sim, 0, APPS - 1);
        if (random_chance(sim, 45)) {
                change.breaks = __builtin_ctz(change.apps);
                change.breaks_after_usec = random_chance(sim, 70) ? 0 : random_delay(sim, 5 * RV_USEC_PER_MINUTE);
        }
        change.is_entangled = random_chance(sim, 10);
        change.is_beside = !change.is_entangled && random_chance(sim, 10);
        change.skip = random_chance(sim, 5);
        if (random_chance(sim, 15))
                change.author = (enum author)random_between(sim, AUTHOR_SRE, AUTHOR_ROBOT);
        if (random_chance(sim, 25))
                change.commit_usec -= random_delay(sim, 20 * RV_USEC_PER_MINUTE); /* made earlier than pushed */
        if (random_chance(sim, 20))
                undo_something(sim, branch, &change);
        const struct change *made = branch_append(branch, &change);
        TRACE(sim, "commit r%d %.8s apps %x%s%s", repository, made->id.hex, made->apps,
              made->breaks >= 0 ? ", breaks" : "", made->n_undoes > 0 ? ", undoes" : "");
}

static void commit(struct sim *sim, struct task *task) {
        if (sim->is_calm)
                return;
        world_commit(sim, task->a);
        agenda_add(sim, sim->now_usec + random_arrival(sim, 12 * RV_USEC_PER_MINUTE), commit)->a = task->a;
}

/* -- Trouble that no commit made, and data that says nothing -- */

/* For a while, or for so long that notices are given up. */
static void mute_slack(struct sim *sim, int64_t until_usec) {
        int receiver = (int)random_between(sim, 0, RECEIVERS - 1);
        sim->mute_until_usec[receiver] =
                random_chance(sim, 5) ? sim->now_usec + random_between(sim, 24, 60) * RV_USEC_PER_HOUR : until_usec;
        TRACE(sim, "Slack takes nothing for %s for %lld s", receiver_names[receiver],
              (long long)((sim->mute_until_usec[receiver] - sim->now_usec) / RV_USEC_PER_SEC));
}

static void trouble(struct sim *sim, struct task *task) {
        int64_t until_usec = sim->now_usec + random_delay(sim, 4 * RV_USEC_PER_MINUTE);
        (void)task;
        if (sim->is_calm)
                return;
        switch (random_between(sim, 0, 10)) {
        case 0:
                sim->spurious_until_usec[random_between(sim, 0, LABEL_SETS - 1)] = until_usec;
                break;
        case 1:
                sim->blind_until_usec = until_usec;
                break;
        case 2:
                sim->partial_until_usec = until_usec;
                break;
        case 3:
                sim->quiet_until_usec = until_usec;
                break;
        case 4:
                sim->vanished_until_usec[random_between(sim, 0, LABEL_SETS - 1)] = until_usec;
                break;
        case 5:
                sim->broken_until_usec = until_usec;
                break;
        case 6:
                sim->busy_until_usec = until_usec;
                break;
        case 7:
                sim->silenced_until_usec[random_between(sim, 0, LABEL_SETS - 1)] = until_usec;
                break;
        case 8:
                sim->stuck_until_usec[random_between(sim, 0, REPOSITORIES - 1)] =
                        sim->now_usec + 3 * (until_usec - sim->now_usec);
                TRACE(sim, "an operator is stuck");
                break;
        case 9:
                mute_slack(sim, until_usec);
                break;
        default:
                sim->full_until_usec = sim->now_usec + random_delay(sim, RV_USEC_PER_MINUTE);
                TRACE(sim, "the disk is full");
                break;
        }
        agenda_add(sim, sim->now_usec + random_arrival(sim, 12 * RV_USEC_PER_MINUTE), trouble);
}

static void crash(struct sim *sim, struct task *task) {
        (void)task;
        if (sim->is_calm)
                return;
        shell_crash(sim, random_delay(sim, 30 * RV_USEC_PER_SEC));
        agenda_add(sim, sim->now_usec + random_arrival(sim, 90 * RV_USEC_PER_MINUTE), crash);
}

static void set_clock(struct sim *sim, struct task *task) {
        static const int64_t by_usec[] = {RV_USEC_PER_HOUR, RV_USEC_PER_MINUTE, 3650 * RV_USEC_PER_DAY};
        (void)task;
        if (slack_is_calm(sim))
                return;
        int64_t by = by_usec[random_between(sim, 0, RV_ARRAY_SIZE(by_usec) - 1)];
        bool back = random_chance(sim, 50);
        if (by > RV_USEC_PER_DAY) /* there and back again */
                back = sim->me->clock_usec > RV_USEC_PER_DAY || (back && sim->me->clock_usec > -RV_USEC_PER_DAY);
        shell_set_clock(sim, back ? -by : by);
        agenda_add(sim, sim->now_usec + random_arrival(sim, 5 * RV_USEC_PER_HOUR), set_clock);
}

static void reload(struct sim *sim, struct task *task) {
        (void)task;
        if (sim->is_calm)
                return;
        shell_reload(sim);
        agenda_add(sim, sim->now_usec + random_arrival(sim, 3 * RV_USEC_PER_HOUR), reload);
}

/* -- Beginning and end -- */

/* What happens to one revertd, and what it sees. */
static void start_around(struct sim *sim) {
        for (int i = 0; i < REPOSITORIES; i++)
                agenda_add(sim, sim->now_usec + 2, worker_poll)->a = i;
        for (int rule = 0; rule < FIRST_ALERT_RULE; rule++)
                agenda_add(sim, sim->now_usec + random_between(sim, 1, 60 * RV_USEC_PER_SEC), metrics_evaluate)->a =
                        rule;
        for (int i = 0; i < ALERTMANAGERS; i++)
                agenda_add(sim, sim->now_usec + random_between(sim, 1, 60 * RV_USEC_PER_SEC), alerts_deliver)->a = i;
        agenda_add(sim, sim->now_usec + random_arrival(sim, RV_USEC_PER_HOUR), crash);
        agenda_add(sim, sim->now_usec + random_arrival(sim, 3 * RV_USEC_PER_HOUR), reload);
        agenda_add(sim, sim->now_usec + random_arrival(sim, 5 * RV_USEC_PER_HOUR), set_clock);
        agenda_add(sim, sim->now_usec + random_arrival(sim, 10 * RV_USEC_PER_MINUTE), people_decide);
}

void world_start(struct sim *sim) {
        sim->me = sim->replica;
        for (int i = 0; i < REPOSITORIES; i++) {
                branch_init(sim, &sim->branch[i]);
                agenda_add(sim, sim->now_usec + random_arrival(sim, 10 * RV_USEC_PER_MINUTE), commit)->a = i;
                agenda_add(sim, sim->now_usec + 1, operator_deploy)->a = i;
        }
        sim->are_there_events = random_chance(sim, 20);
        agenda_add(sim, sim->now_usec + 3, alerts_fire);
        agenda_add(sim, sim->now_usec + random_arrival(sim, 10 * RV_USEC_PER_MINUTE), trouble);
        EACH_REPLICA(sim)
        start_around(sim);
}

/* All is over but that Slack has not heard of it yet: only clocks are still set. */
static bool is_about_notices(const struct task *task) {
        return slack_is_task(task) || task->run == set_clock;
}

void world_stop(struct sim *sim) {
        agenda_keep(sim, is_about_notices);
}

void world_calm(struct sim *sim) {
        sim->is_calm = true;
        sim->full_until_usec = sim->broken_until_usec = sim->busy_until_usec = 0;
        for (int i = 0; i < REPOSITORIES; i++)
                sim->stuck_until_usec[i] = 0;
        sim->slack_calm_usec = sim->now_usec;
        for (int i = 0; i < RECEIVERS; i++)
                if (sim->mute_until_usec[i] > sim->slack_calm_usec)
                        sim->slack_calm_usec = sim->mute_until_usec[i];
        EACH_REPLICA(sim)
        for (int which = 0; which < PAUSES; which++)
                if (sim->me->paused[which].until_usec == 0 && sim->me->paused[which].on)
                        TRACE(sim, "pause %d stays", which);
}
