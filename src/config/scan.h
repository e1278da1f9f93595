/* A look at the text before libconfig sees it.
 *
 * libconfig wraps integers that do not fit, turns 1e999 into infinity, cuts strings at NUL, opens what @include names
 * (a FIFO hangs it, a folder ends the process), and takes a comment without its end. All of these are refused here,
 * each with its line. What passes has at most the depth and the group size that libconfig handles in linear time. */
#pragma once

#include "config/problems.h"

enum {
        RV_CONFIG_DEPTH_MAX = 16,          /* groups and lists in each other */
        RV_CONFIG_GROUP_MEMBERS_MAX = 256, /* settings in one group: libconfig compares each with each */
        RV_CONFIG_SCAN_PROBLEMS_MAX = 20,
};

/* Adds to problems in the newest file. Returns whether libconfig may have the text. */
bool rv_scan(const char *text, size_t n, struct rv_problems *problems);
