/* Paths of files. */
#pragma once

#include "revertd/error.h"

/* From the root on, for programs that run elsewhere: what is relative is taken from the working directory. Nothing
 * need be there, and symbolic links stay: what they lead to may be another file the next time. Caller frees *ret. */
int rv_path_absolute(const char *path, char **ret, struct rv_error *err) RV_MUST_CHECK;
