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

static struct task *push(struct sim *sim, struct task task) {
        size_t i = sim->n_tasks++;
        sim->task[i] = task;
        while (i > 0 && is_before(&sim->task[i], &sim->task[(i - 1) / 2])) {
                swap(&sim->task[i], &sim->task[(i - 1) / 2]);
                i = (i - 1) / 2;
        }
        return &sim->task[i];
}

/* The task returned may be filled in until the next call, but for its time. */
struct task *agenda_add(struct sim *sim, int64_t at_usec, void (*run)(struct sim *sim, struct task *task)) {
        if (sim->n_tasks == TASKS_MAX)
                SIM_MUST(-1);
        return push(sim, (struct task){.at_usec = at_usec, .order = sim->n_ordered++, .replica = sim->me, .run = run});
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

static void drop(struct task *task) {
        if (task->data)
                task->free_data(task->data);
}

void agenda_keep(struct sim *sim, bool (*is_wanted)(const struct task *task)) {
        size_t n = sim->n_tasks;
        sim->n_tasks = 0;
        for (size_t i = 0; i < n; i++) {
                struct task task = sim->task[i];
                if (is_wanted(&task))
                        push(sim, task);
                else
                        drop(&task);
        }
}

void agenda_clear(struct sim *sim) {
        for (size_t i = 0; i < sim->n_tasks; i++)
                drop(&sim->task[i]);
        sim->n_tasks = 0;
}
