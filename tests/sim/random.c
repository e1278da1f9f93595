/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
#include "sim.h"

#include <math.h>

uint64_t random_next(struct sim *sim) {
        uint64_t z = (sim->random += UINT64_C(0x9e3779b97f4a7c15));
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

int64_t random_between(struct sim *sim, int64_t low, int64_t high) {
        return low + (int64_t)(random_next(sim) % (uint64_t)(high - low + 1));
}

bool random_chance(struct sim *sim, int percent) {
        return random_between(sim, 0, 99) < percent;
}

int64_t random_delay(struct sim *sim, int64_t mean_usec) {
        double u = ((double)(random_next(sim) >> 11) + 1) / 9007199254740993.0;
        return 1 + (int64_t)(-log(u) * (double)mean_usec);
}
