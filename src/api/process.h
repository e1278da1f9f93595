/* The process_… metrics that every Prometheus client has. */
#pragma once

#include <stdio.h>

void rv_metrics_process(FILE *f);
