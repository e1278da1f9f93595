/* A file of no content that takes up space, given back when the disk is full: SQLite needs space even to delete, and
 * what is under way must be brought to its end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { BALLAST_BYTES = 1 << 20, BALLAST_RESTORE_FACTOR = 4 };

struct ballast {
        int dir_fd; /* −1: there is none (in memory) */
        bool spent; /* it was given back, and the disk is still full */
};

/* Takes the space; spent if there is none. dir_fd is lent. */
void ballast_init(struct ballast *ballast, int dir_fd);
/* Gives the space back. false: that was done already. */
bool ballast_spend(struct ballast *ballast);
/* Takes it again when there is plenty. */
void ballast_restore(struct ballast *ballast);
