/* What the worker and all that it starts give up once it knows its repository, as far as the kernel gives it: files
 * (Landlock, Linux 5.19) and system calls that none of them needs (seccomp). */
#pragma once

#include "revertd/config.h"

/* Files: what the worker may do at all is to read the system's programs, its own credentials and the files that its
 * configuration names, and to write below storage_path/git (which is made here) and in gpg_home. Nothing that it can
 * write can be executed. A remote at a local path is anywhere, and its hooks do what they please: there, files are not
 * confined. credentials_directory: NULL: none. A kernel without the one or the other is not an error: *ret_missing
 * names it (a static text; NULL: all is in force). */
int rv_confine(const struct rv_repository_config *config, const char *credentials_directory, const char *storage_path,
               const char **ret_missing, struct rv_error *err) RV_MUST_CHECK;

/* The two parts: 1: in force; 0: the kernel has it not. */
int rv_confine_files(const struct rv_repository_config *config, const char *credentials_directory,
                     const char *storage_path, struct rv_error *err) RV_MUST_CHECK;
int rv_confine_calls(struct rv_error *err) RV_MUST_CHECK;
