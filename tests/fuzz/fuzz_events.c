/* Bodies from a source of events that is not one. */

#include "fuzz.h"

#include "revertd/cleanup.h"
#include "revertd/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static char name[] = "e", items[] = "/items", verdict[] = "/a/0", fail[] = "Fail", pass[] = "Pass",
                    start[] = "/t~1";
        static char *firing[] = {fail, NULL}, *ok[] = {pass, NULL};
        static struct rv_event_label labels[] = {{name, name, false}, {items, verdict, true}};
        static const struct rv_event_config config = {.name = name,
                                                      .items = items,
                                                      .verdict = verdict,
                                                      .firing = firing,
                                                      .ok = ok,
                                                      .labels = labels,
                                                      .n_labels = RV_ARRAY_SIZE(labels),
                                                      .start = start};
        struct rv_alerts alerts;
        struct rv_events_tally tally;
        struct rv_error err;

        if (rv_events_parse(&config, (const char *)data, n, &alerts, &tally, &err) >= 0) {
                rv_alerts_done(&alerts);
                rv_events_tally_done(&tally);
        }
        return 0;
}
