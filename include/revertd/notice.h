/* What is told to people: built by the engine in the same step as the transition it tells of, kept in the outbox,
 * rendered when it is sent. */
#pragma once

#include "revertd/incident.h"
#include "revertd/store.h"

/* A notice is the incident as it was (rv_incident_to_json) plus what happened; self-contained, so that it can be sent
 * when the configuration has changed. Puts one outbox record for each receiver of the rule into the batch; the key is
 * "<receiver>/<incident id>/<number of the transition>", so that the same transition is never told twice. */
int rv_notice_put(struct rv_batch *batch, const struct rv_config *config, const struct rv_incident *incident,
                  const struct rv_transition *transition) RV_MUST_CHECK;

/* Whether people hear of a change to this state (confirming and attributing are silent). */
bool rv_notice_wanted(enum rv_incident_state to);
