/* The files: read by ourselves, so that nothing but a regular file of a sane size gets near the parser. */
#pragma once

#include "revertd/error.h"

#include <stddef.h>
#include <sys/types.h>

enum { RV_CONFIG_FILE_BYTES_MAX = 1024 * 1024, RV_CONFIG_FILES_MAX = 1024 };

struct rv_file {
        char *text; /* ends in a newline, and a NUL that is not counted */
        size_t n;
        dev_t device; /* which file it is, whatever it is called */
        ino_t inode;
};

/* -EINVAL: no regular file, or too large; else the errno of the system. */
int rv_file_read(struct rv_file *ret, const char *path, struct rv_error *err) RV_MUST_CHECK;
int rv_file_read_fd(struct rv_file *ret, int fd, struct rv_error *err) RV_MUST_CHECK; /* fd stays the caller's */
void rv_file_done(struct rv_file *file);

/* Ends the text, which has room for two more bytes, in a newline and a NUL; returns its length without the NUL. libconfig
 * takes a comment in the last line only if the line has an end. */
size_t rv_file_close_text(char *text, size_t n);

/* The paths that a pattern of rule_files names, sorted, NULL-terminated, at most RV_CONFIG_FILES_MAX. A pattern
 * without a wildcard names one file, there or not. The caller frees them with rv_files_free(). */
int rv_files_glob(char ***ret, const char *directory, const char *pattern, struct rv_error *err) RV_MUST_CHECK;
char **rv_files_free(char **paths);
