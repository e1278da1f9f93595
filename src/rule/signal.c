#include "revertd/signal.h"

#include <stdlib.h>

void rv_samples_done(struct rv_samples *samples) {
        for (size_t i = 0; i < samples->n; i++)
                rv_labels_unref(samples->sample[i].labels);
        free(samples->sample);
        free(samples->warning);
        *samples = (struct rv_samples){0};
}

void rv_alerts_done(struct rv_alerts *alerts) {
        for (size_t i = 0; i < alerts->n; i++) {
                rv_labels_unref(alerts->alert[i].labels);
                rv_labels_unref(alerts->alert[i].annotations);
                free(alerts->alert[i].generator_url);
        }
        free(alerts->alert);
        free(alerts->receiver);
        free(alerts->group_key);
        *alerts = (struct rv_alerts){0};
}

void rv_range_done(struct rv_range *range) {
        for (size_t i = 0; i < range->n; i++)
                rv_labels_unref(range->labels[i]);
        free(range->labels);
        free(range->value);
        free(range->is_present);
        *range = (struct rv_range){0};
}
