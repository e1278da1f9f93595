/* What happens when: a heap by time, then by order of arrival. */
#include "sim.h"

static bool is_before(const struct task *a, const struct task *b) {
        return a->at_usec != b->at_usec ? a->at_usec < b->at_usec : a->order < b->order;
}

static void swap(struct task *a, struct task *b) {
        struct task c = *a;
        *a = *b;
        *b = c;
}

/* The task returned may be filled in until the next call, but for its time. */
struct task *agenda_add(struct sim *sim, int64_t at_usec, void (*run)(struct sim *sim, struct task *task)) {
        if (sim->n_tasks == TASKS_MAX)
                SIM_MUST(-1);
        size_t i = sim->n_tasks++;
        sim->task[i] = (struct task){.at_usec = at_usec, .order = sim->n_ordered++, .replica = sim->me, .run = run};
        while (i > 0 && is_before(&sim->task[i], &sim->task[(i - 1) / 2])) {
                swap(&sim->task[i], &sim->task[(i - 1) / 2]);
                i = (i - 1) / 2;
        }
        return &sim->task[i];
}

bool agenda_take(struct sim *sim, struct task *ret) {
        if (sim->n_tasks == 0)
                return false;
        *ret = sim->task[0];
        sim->task[0] = sim->task[--sim->n_tasks];
        for (size_t i = 0, least;; i = least) {
                least = i;
                for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < sim->n_tasks; child++)
                        if (is_before(&sim->task[child], &sim->task[least]))
                                least = child;
                if (least == i)
                        return true;
                swap(&sim->task[i], &sim->task[least]);
        }
}

void agenda_clear(struct sim *sim) {
        for (size_t i = 0; i < sim->n_tasks; i++)
                if (sim->task[i].data)
                        sim->task[i].free_data(sim->task[i].data);
        sim->n_tasks = 0;
}
