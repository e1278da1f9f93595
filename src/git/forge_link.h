/* One conversation with the forge: questions and their answers, over connections that are kept from one to the next. */
#pragma once

#include "git/transport.h"
#include "revertd/forge.h"

struct rv_forge_link;

/* remote lends its configuration and its credentials. */
int rv_forge_link_new(struct rv_forge_link **ret, const struct rv_remote *remote, int64_t deadline_usec,
                      struct rv_error *err) RV_MUST_CHECK;
struct rv_forge_link *rv_forge_link_free(struct rv_forge_link *link);

/* How long the forge asks to be left alone, by its last answer, at most RV_GIT_WAIT_USEC_MAX; 0: it does not. */
int64_t rv_forge_link_wait_usec(const struct rv_forge_link *link);

/* Ask, and judge the answer as rv_forge_judge() does; NOT_YET is asked again for a while before it is the answer.
 * What does not reach the forge is UNAVAILABLE. Negative: failures of our own. */
int rv_forge_link_ask(struct rv_forge_link *link, enum rv_forge_question question,
                      const struct rv_forge_subject *subject, struct rv_forge_pull *ret,
                      enum rv_forge_verdict *ret_verdict, struct rv_error *words) RV_MUST_CHECK;
