/* sim --seed S --schedules N [--jobs J] [--trace]: runs schedules S to S + N - 1. A failure prints its seed and the
 * trace of the smallest schedule that fails alike, and writes that to a file: `sim --replay FILE` shows it again. */
#include "sim.h"

#include "revertd/cleanup.h"

#include <ftw.h>
#include <getopt.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
        FILE_EVERY = 50 /* schedules, one has its store in files */,
        TICKS_MAX = 1000,
        JOBS_MAX = 64,
        TWO_REPLICAS_PERCENT = 30,
        COVER_LEAST = 10000 /* schedules, in which all should have been met */
};
#define BEGIN_USEC (INT64_C(1772323200) * RV_USEC_PER_SEC)
#define CALM_MAX_USEC (12 * RV_USEC_PER_HOUR)

struct result {
        uint64_t done, failed_seed;
        bool failed;
        struct sim sum; /* its counts */
};

void sim_trace(struct sim *sim, const char *format, ...) {
        char text[RV_TIME_TEXT_MAX];
        va_list args;
        va_start(args, format);
        fprintf(sim->trace, "%s  ", rv_time_format(sim->now_usec, text));
        if (sim->n_replicas > 1)
                fprintf(sim->trace, "%c: ", 'A' + (int)(sim->me - sim->replica));
        vfprintf(sim->trace, format, args);
        fputc('\n', sim->trace);
        va_end(args);
}

void sim_fail(struct sim *sim, const char *format, ...) {
        va_list args;
        if (sim->failure[0])
                return;
        va_start(args, format);
        vsnprintf(sim->failure, sizeof(sim->failure), format, args);
        sim->broken = format;
        va_end(args);
        TRACE(sim, "BROKEN: %s", sim->failure);
}

/* -- One schedule -- */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st, (void)type, (void)ftw;
        return remove(path);
}

static void open_store(struct sim *sim) {
        struct rv_error err = {0};
        int r;
        if (sim->me->keeps_file) {
                const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
                SIM_MUST(asprintf(&sim->me->directory, "%s/revertd-sim-XXXXXX", base));
                SIM_MUST(mkdtemp(sim->me->directory) ? 0 : -1);
                r = rv_store_open(&sim->me->store, sim->me->directory, &err);
        } else {
                r = rv_store_open_memory(&sim->me->store, &err);
        }
        if (r < 0) {
                fprintf(stderr, "sim: %s\n", err.text);
                exit(1);
        }
}

static void close_store(struct sim *sim) {
        shell_stop(sim);
        if (sim->me->directory)
                nftw(sim->me->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        free(sim->me->directory);
}

/* What a replica set an alarm clock for: the engine or the queue of a receiver. */
struct alarm {
        int64_t at_usec;
        struct replica *replica;
        int receiver; /* −1: the engine */
};

/* The first. */
static struct alarm find_alarm(struct sim *sim) {
        struct alarm alarm = {.at_usec = RV_USEC_INFINITY};
        EACH_REPLICA(sim) {
                int receiver = -1;
                int64_t deadline_usec = sim->me->engine ? rv_engine_deadline(sim->me->engine) : RV_USEC_INFINITY;
                if (deadline_usec != RV_USEC_INFINITY)
                        deadline_usec -= sim->me->clock_usec;
                if (deadline_usec < alarm.at_usec)
                        alarm = (struct alarm){deadline_usec, sim->me, -1};
                deadline_usec = slack_due_usec(sim->me, &receiver);
                if (deadline_usec < alarm.at_usec)
                        alarm = (struct alarm){deadline_usec, sim->me, receiver};
        }
        return alarm;
}

static void tick(struct sim *sim) {
        sim->me->n_ticks = sim->me->ticked_usec == sim->now_usec ? sim->me->n_ticks + 1 : 0;
        sim->me->ticked_usec = sim->now_usec;
        if (sim->me->n_ticks > TICKS_MAX) {
                sim_fail(sim, "the engine wants to be woken for ever");
                return;
        }
        (void)shell_handle(sim, &(struct rv_event){.kind = RV_EVENT_TICK});
}

static bool is_busy(struct sim *sim) {
        EACH_REPLICA(sim) {
                if (!sim->me->engine)
                        return true;
                for (size_t i = 0; i < sim->me->n_incidents; i++)
                        if (!rv_incident_state_is_end(sim->me->incident[i].state))
                                return true;
        }
        return false;
}

static void ring(struct sim *sim, const struct alarm *alarm) {
        sim->me = alarm->replica;
        if (alarm->at_usec > sim->now_usec)
                sim->now_usec = alarm->at_usec;
        if (alarm->receiver < 0)
                tick(sim);
        else
                slack_look(sim, alarm->receiver);
}

static void step(struct sim *sim) {
        struct task task;
        struct alarm alarm = find_alarm(sim);
        if (alarm.at_usec < RV_USEC_INFINITY && (sim->n_tasks == 0 || alarm.at_usec < sim->task[0].at_usec)) {
                ring(sim, &alarm);
                return;
        }
        if (!agenda_take(sim, &task))
                return;
        sim->now_usec = task.at_usec;
        sim->me = task.replica;
        task.run(sim, &task);
}

static bool has_notices(struct sim *sim) {
        EACH_REPLICA(sim)
        if (sim->me->n_waiting > 0)
                return true;
        return false;
}

static void deliver(struct sim *sim) {
        int64_t until_usec = sim->slack_calm_usec + CALM_MAX_USEC;
        world_stop(sim);
        while (!sim->failure[0] && sim->now_usec < until_usec && has_notices(sim))
                step(sim);
}

static void run(struct sim *sim) {
        int64_t calm_usec = BEGIN_USEC + random_between(sim, 2, 10) * RV_USEC_PER_HOUR / 2;
        world_start(sim);
        EACH_REPLICA(sim)
        shell_start(sim);
        while (!sim->failure[0] && sim->now_usec < calm_usec)
                step(sim);
        world_calm(sim);
        while (!sim->failure[0] && sim->now_usec < calm_usec + CALM_MAX_USEC && is_busy(sim))
                step(sim);
        deliver(sim);
        EACH_REPLICA(sim)
        if (!sim->failure[0]) {
                check_end(sim);
                notices_end(sim);
        }
}

static void add_counts(struct sim *sum, const struct sim *sim) {
        const uint64_t *from = (const uint64_t *)&sim->count;
        uint64_t *to = (uint64_t *)&sum->count;
        for (size_t i = 0; i < sizeof(sim->count) / sizeof(*from); i++)
                to[i] += from[i];
}

/* The invariant that was broken (its text, not to be freed), or NULL. */
static const char *run_schedule(uint64_t seed, struct script *script, FILE *trace, struct sim *sum) {
        struct sim *sim = calloc(1, sizeof(*sim));
        SIM_MUST(sim ? 0 : -1);
        sim->seed = seed;
        sim->script = script;
        sim->trace = trace;
        sim->now_usec = BEGIN_USEC;
        sim->me = sim->replica;
        sim->n_replicas = random_chance(sim, TWO_REPLICAS_PERCENT) ? 2 : 1;
        for (int i = 0; i < VARIANTS; i++)
                sim->variant[i] = config_vary(sim, i);
        EACH_REPLICA(sim) {
                sim->me->keeps_file = seed % FILE_EVERY == 0;
                open_store(sim);
        }
        run(sim);
        const char *broken = sim->failure[0] ? sim->broken : NULL;
        if (sum)
                add_counts(sum, sim);
        EACH_REPLICA(sim)
        close_store(sim);
        agenda_clear(sim);
        for (int i = 0; i < REPOSITORIES; i++)
                branch_done(&sim->branch[i]);
        for (int i = 0; i < VARIANTS; i++)
                rv_config_unref(sim->variant[i]);
        free(sim);
        return broken;
}

/* -- A failure, made small -- */

struct failure {
        uint64_t seed;
        const char *broken;
};

static bool fails_alike(struct script *script, void *userdata) {
        const struct failure *failure = userdata;
        return run_schedule(failure->seed, script, NULL, NULL) == failure->broken;
}

static void show_failure(uint64_t seed) {
        struct script script = {0};
        struct failure failure = {seed, run_schedule(seed, &script, NULL, NULL)};
        char path[64];
        if (!failure.broken) {
                fprintf(stderr, "seed %llu: ended by a signal; again: sim --seed %llu --trace\n",
                        (unsigned long long)seed, (unsigned long long)seed);
                return;
        }
        size_t before = script.n;
        script_shrink(&script, fails_alike, &failure);
        snprintf(path, sizeof(path), "sim-%llu.script", (unsigned long long)seed);
        FILE *f = fopen(path, "we");
        bool is_kept = f && script_write(&script, seed, f) == 0;
        if (f)
                is_kept &= fclose(f) == 0;
        fprintf(stderr, "\nseed %llu failed; %zu of its %zu decisions are enough:\n", (unsigned long long)seed,
                script.n, before);
        (void)run_schedule(seed, &script, stderr, NULL);
        fprintf(stderr, "again: sim --replay %s, or whole: sim --seed %llu --trace\n", is_kept ? path : "(not written)",
                (unsigned long long)seed);
        script_done(&script);
}

static int replay(const char *path) {
        struct script script = {0};
        uint64_t seed = 0;
        FILE *f = fopen(path, "re");
        int r = f ? script_read(&script, &seed, f) : -errno;
        if (f)
                fclose(f);
        if (r < 0) {
                fprintf(stderr, "sim: %s: %s\n", path, strerror(-r));
                return 2;
        }
        const char *broken = run_schedule(seed, &script, stderr, NULL);
        script_done(&script);
        return broken ? 1 : 0;
}

/* -- All of them -- */

static void work(uint64_t seed, uint64_t n, unsigned job, unsigned jobs, struct result *result) {
        for (uint64_t i = job; i < n && !result->failed; i += jobs) {
                if (run_schedule(seed + i, NULL, NULL, &result->sum)) {
                        result->failed_seed = seed + i;
                        result->failed = true;
                }
                result->done++;
        }
}

/* Whether all was met that should be, if there were enough schedules for that. */
static bool print_counts(const struct result *result, unsigned jobs) {
        static struct sim sum;
        uint64_t done = 0;
        for (unsigned i = 0; i < jobs; i++) {
                add_counts(&sum, &result[i].sum);
                done += result[i].done;
        }
        printf("%llu schedules: %llu events, %llu commits, %llu crashes, %llu times out of memory, %llu pushes, %llu "
               "restores, %llu requests, of "
               "which %llu were merged, %llu notices, of which %llu arrived again and %llu were given up\n",
               (unsigned long long)done, (unsigned long long)sum.count.events, (unsigned long long)sum.count.commits,
               (unsigned long long)sum.count.crashes, (unsigned long long)sum.count.outages,
               (unsigned long long)sum.count.pushes, (unsigned long long)sum.count.restores,
               (unsigned long long)sum.count.proposals, (unsigned long long)sum.count.merges,
               (unsigned long long)sum.count.sent, (unsigned long long)sum.count.resent,
               (unsigned long long)sum.count.given_up);
        for (int i = 0; i < RV_INCIDENT_STATE_MAX; i++)
                if (rv_incident_state_is_end((enum rv_incident_state)i))
                        printf("  %-18s %8llu\n", rv_incident_state_to_string((enum rv_incident_state)i),
                               (unsigned long long)sum.count.ended[i]);
        for (int i = 1; i < RV_REASON_MAX; i++)
                printf("  %-18s %8llu\n", rv_reason_to_string((enum rv_reason)i),
                       (unsigned long long)sum.count.reasons[i]);
        return cover_print(&sum) || done < COVER_LEAST;
}

static int run_all(uint64_t seed, uint64_t n, unsigned jobs) {
        struct result *result =
                mmap(NULL, jobs * sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        pid_t pid[JOBS_MAX];
        bool failed = false;
        SIM_MUST(result == MAP_FAILED ? -1 : 0);
        fflush(NULL);
        for (unsigned i = 0; i < jobs; i++) {
                pid[i] = fork();
                SIM_MUST(pid[i]);
                if (pid[i] == 0) {
                        work(seed, n, i, jobs, &result[i]);
                        _exit(0);
                }
        }
        for (unsigned i = 0; i < jobs; i++) {
                int status = 0;
                waitpid(pid[i], &status, 0);
                if (status != 0) {
                        result[i].failed = true;
                        result[i].failed_seed = seed + i + result[i].done * jobs;
                }
        }
        failed |= !print_counts(result, jobs);
        for (unsigned i = 0; i < jobs; i++) {
                if (!result[i].failed)
                        continue;
                failed = true;
                fflush(stdout);
                show_failure(result[i].failed_seed);
                break;
        }
        munmap(result, jobs * sizeof(*result));
        return failed;
}

static int usage(FILE *out, int status) {
        fprintf(out, "usage: sim [--seed S] [--schedules N] [--jobs J] [--trace]\n       sim --replay FILE\n");
        return status;
}

int main(int argc, char **argv) {
        static const struct option options[] = {{"seed", required_argument, NULL, 's'},
                                                {"schedules", required_argument, NULL, 'n'},
                                                {"jobs", required_argument, NULL, 'j'},
                                                {"trace", no_argument, NULL, 't'},
                                                {"replay", required_argument, NULL, 'r'},
                                                {"help", no_argument, NULL, 'h'},
                                                {NULL, 0, NULL, 0}};
        uint64_t seed = (uint64_t)rv_clock_realtime_usec() % 1000000000, n = 1;
        long jobs = sysconf(_SC_NPROCESSORS_ONLN);
        bool is_traced = false;
        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
                switch (c) {
                case 's':
                        seed = strtoull(optarg, NULL, 10);
                        break;
                case 'n':
                        n = strtoull(optarg, NULL, 10);
                        break;
                case 'j':
                        jobs = strtol(optarg, NULL, 10);
                        break;
                case 't':
                        is_traced = true;
                        break;
                case 'r':
                        return replay(optarg);
                case 'h':
                        return usage(stdout, 0);
                default:
                        return usage(stderr, 2);
                }
        }
        if (optind < argc)
                return usage(stderr, 2);
        if (jobs < 1 || jobs > JOBS_MAX)
                jobs = jobs < 1 ? 1 : JOBS_MAX;
        printf("seed %llu\n", (unsigned long long)seed);
        if (is_traced)
                return run_schedule(seed, NULL, stderr, NULL) ? 1 : 0;
        return run_all(seed, n, (unsigned)jobs);
}
