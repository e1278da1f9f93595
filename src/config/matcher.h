/* One matcher of `match`: name=value, name!=value, name=~regex, name!~regex. */
#pragma once

#include "revertd/config.h"

enum { RV_MATCHER_BYTES_MAX = 4096 };

int rv_matcher_parse(struct rv_matcher *ret, const char *text, struct rv_error *err) RV_MUST_CHECK;
void rv_matcher_done(struct rv_matcher *matcher);
