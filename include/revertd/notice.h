/* What is told to people: built by the engine in the same step as the transition it tells of, kept in the outbox,
 * rendered when it is sent.
 *
 * The record (RV_RECORD_OUTBOX): key "<receiver>/<incident id>/<number of the transition, 6 digits>", so that the same
 * transition is never told twice and the keys of an incident stand in order; sort: the transition's time; value:
 *
 *     { "receiver": name,
 *       "incident": rv_incident_to_json(), as it is after the transition; a plan's diff may be left out,
 *       "transition": rv_transition_to_json(),
 *       "rule": null, or { "threshold": "> 0.05" or null (fed by alerts), "runbook": url or null,
 *                          "recover_usec": integer },
 *       "commit_url": "https://git.example.com/fleet/commit/{}" or null,
 *       "queued_usec": the transition's time }
 *
 * A notice is self-contained, so that it can be sent when the configuration has changed. */
#pragma once

#include "revertd/incident.h"
#include "revertd/store.h"

/* Puts one outbox record for each receiver of the rule into the batch. */
int rv_notice_put(struct rv_batch *batch, const struct rv_config *config, const struct rv_incident *incident,
                  const struct rv_transition *transition) RV_MUST_CHECK;

/* Whether people hear of a change to this state (confirming and attributing are silent). */
bool rv_notice_wanted(enum rv_incident_state to);
