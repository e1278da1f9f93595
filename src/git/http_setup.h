/* What every HTTP request of the worker has in common, to the remote or to its forge: one way to check certificates, one
 * proxy, no redirects, an end. */
#pragma once

#include "git/transport_remote.h"

/* curl_error: CURL_ERROR_SIZE bytes that live as long as easy. */
int rv_http_setup(CURL *easy, const struct rv_remote *remote, const char *user_agent, int64_t deadline_usec,
                  char *curl_error, struct rv_error *err) RV_MUST_CHECK;

/* The credential as that option. -EACCES: there is none of this name. */
int rv_http_set_secret(CURL *easy, CURLoption option, const struct rv_remote *remote, const char *credential,
                       struct rv_error *err) RV_MUST_CHECK;

/* A transfer that failed: -ETIMEDOUT or -EREMOTEIO, with curl's words. */
int rv_http_error(CURLcode result, const char *curl_error, struct rv_error *err);
