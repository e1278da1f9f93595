/* What a single value must look like. All: 0, or -EINVAL with the reason in err. */
#pragma once

#include "revertd/error.h"

#include <stdbool.h>

enum { RV_CONFIG_NAME_BYTES_MAX = 64, RV_CONFIG_TEXT_BYTES_MAX = 4096, RV_CONFIG_EXPR_BYTES_MAX = 65536 };

/* Not empty, UTF-8, no control characters, not too long. Expressions may have tabs and line ends. */
int rv_value_check_text(const char *s, struct rv_error *err) RV_MUST_CHECK;
int rv_value_check_expression(const char *s, struct rv_error *err) RV_MUST_CHECK;

/* Names stand in paths, metrics and records: [A-Za-z0-9._-], no leading dot or dash. */
int rv_value_check_name(const char *s, struct rv_error *err) RV_MUST_CHECK;

int rv_value_check_url(const char *s, struct rv_error *err) RV_MUST_CHECK;  /* http(s)://host[:port][/path] */
int rv_value_check_page(const char *s, struct rv_error *err) RV_MUST_CHECK; /* the same, with [?query][#fragment] */
int rv_value_check_link(const char *s, struct rv_error *err) RV_MUST_CHECK; /* a page, with one {} */

/* http(s)://, ssh://, [user@]host:path or an absolute path. */
int rv_value_check_remote(const char *s, struct rv_error *err) RV_MUST_CHECK;
bool rv_remote_is_ssh(const char *remote);

/* OWNER/NAME, or further down (GitLab's groups), or a number. */
int rv_value_check_project(const char *s, struct rv_error *err) RV_MUST_CHECK;

int rv_value_check_branch(const char *s, struct rv_error *err) RV_MUST_CHECK; /* git-check-ref-format(1) */

/* HOST:PORT, HOST a numeric address (IPv6 in brackets), "localhost" or nothing: all addresses. */
int rv_value_check_address(const char *s, struct rv_error *err) RV_MUST_CHECK;
bool rv_address_is_loopback(const char *address);

int rv_value_check_header_name(const char *s, struct rv_error *err) RV_MUST_CHECK;
int rv_value_check_header(const char *s, struct rv_error *err) RV_MUST_CHECK; /* Name: value, not one of HTTP's own */
