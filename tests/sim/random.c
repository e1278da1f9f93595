/* Decisions. Each is a function of the seed, of who asks (the function's name) and of how often that one has asked, so
 * that another decision elsewhere does not change it; this is what lets a failing schedule be made smaller (shrink.c).
 * Each has a value with which nothing special happens: a script lists only those that have another.
 *
 * The mixing is SplitMix64's (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
#include "sim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t z) {
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

static uint64_t hash_name(const char *s) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325);
        for (; *s; s++)
                hash = (hash ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
        return hash;
}

static struct stream *find_stream(struct sim *sim, const char *who) {
        size_t i = 0;
        while (i < STREAMS_MAX && sim->stream[i].who && sim->stream[i].who != who)
                i++;
        SIM_MUST(i < STREAMS_MAX ? 0 : -1);
        for (size_t k = 0; k < i && !sim->stream[i].who; k++) /* by its name it stands in a script */
                SIM_MUST(strcmp(sim->stream[k].who, who) == 0 ? -1 : 0);
        if (!sim->stream[i].who)
                sim->stream[i] = (struct stream){who, hash_name(who), 0};
        return &sim->stream[i];
}

static int compare(const void *a, const void *b) {
        const struct decision *x = a, *y = b;
        int by_name = strcmp(x->who, y->who);
        return by_name != 0 ? by_name : (x->number > y->number) - (x->number < y->number);
}

void script_sort(struct script *script) {
        if (script->n > 1)
                qsort(script->decision, script->n, sizeof(*script->decision), compare);
}

void script_add(struct script *script, const char *who, uint64_t number, int64_t value) {
        if (script->n == script->size) {
                script->size = script->size > 0 ? 2 * script->size : 256;
                script->decision = realloc(script->decision, script->size * sizeof(*script->decision));
                SIM_MUST(script->decision ? 0 : -1);
        }
        struct decision *decision = &script->decision[script->n++];
        *decision = (struct decision){.number = number, .value = value};
        snprintf(decision->who, sizeof(decision->who), "%s", who);
}

void script_done(struct script *script) {
        free(script->decision);
        *script = (struct script){0};
}

enum kind { BETWEEN, DELAY, ARRIVAL };

static int64_t draw(uint64_t z, enum kind kind, int64_t low, int64_t high) {
        if (kind == BETWEEN)
                return low + (int64_t)(z % (uint64_t)(high - low + 1));
        double u = ((double)(z >> 11) + 1) / 9007199254740993.0;
        return 1 + (int64_t)(-log(u) * (double)low);
}

static int64_t decide(struct sim *sim, const char *who, enum kind kind, int64_t low, int64_t high) {
        struct stream *stream = find_stream(sim, who);
        uint64_t number = stream->count++;
        int64_t plain = kind == ARRIVAL ? RV_USEC_PER_DAY * 30 : low;
        if (sim->script && sim->script->is_replayed) {
                struct decision key = {.number = number};
                snprintf(key.who, sizeof(key.who), "%s", who);
                const struct decision *found = sim->script->n == 0 ? NULL
                                                                   : bsearch(&key, sim->script->decision,
                                                                             sim->script->n, sizeof(key), compare);
                int64_t value = found ? found->value : plain;
                return value < low && kind == BETWEEN ? low : value > high && kind == BETWEEN ? high : value;
        }
        int64_t value = draw(mix(mix(sim->seed + UINT64_C(0x9e3779b97f4a7c15)) ^
                                 (stream->hash + number * UINT64_C(0x9e3779b97f4a7c15))),
                             kind, low, high);
        if (sim->script && value != plain)
                script_add(sim->script, who, number, value);
        return value;
}

int64_t random_between_for(struct sim *sim, const char *who, int64_t low, int64_t high) {
        return low == high ? low : decide(sim, who, BETWEEN, low, high);
}

bool random_per_mille_for(struct sim *sim, const char *who, int per_mille) {
        return decide(sim, who, BETWEEN, 0, 999) >= 1000 - per_mille;
}

int64_t random_delay_for(struct sim *sim, const char *who, int64_t mean_usec) {
        return decide(sim, who, DELAY, mean_usec, 0);
}

int64_t random_arrival_for(struct sim *sim, const char *who, int64_t mean_usec) {
        return decide(sim, who, ARRIVAL, mean_usec, 0);
}
