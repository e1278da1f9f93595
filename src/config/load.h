/* Reading a configuration from memory: what the fuzzer and tests use. rule_files are checked as values and not read. */
#pragma once

#include "revertd/config.h"

/* text has n bytes; name is what the messages call it. */
int rv_config_load_text(struct rv_config **ret, const char *name, const char *text, size_t n,
                        struct rv_config_errors *errors) RV_MUST_CHECK;
