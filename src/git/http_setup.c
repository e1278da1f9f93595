#include "git/http_setup.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/credential.h"
#include "revertd/text.h"

#include <errno.h>

enum { CONNECT_MSEC_MAX = 30000, ERROR_BYTES_MAX = 512 };

static bool set_connection(CURL *easy, const struct rv_repository_config *config, const char *user_agent,
                           int64_t left_msec, char *curl_error) {
        return curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, curl_error) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_USERAGENT, user_agent) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "") == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                                (long)(left_msec < CONNECT_MSEC_MAX ? left_msec : CONNECT_MSEC_MAX)) == CURLE_OK &&
               (!config->proxy || (curl_easy_setopt(easy, CURLOPT_PROXY, config->proxy) == CURLE_OK &&
                                   curl_easy_setopt(easy, CURLOPT_NOPROXY, "") == CURLE_OK)) &&
               (!config->ca_file || curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file) == CURLE_OK);
}

int rv_http_set_secret(CURL *easy, CURLoption option, const struct rv_remote *remote, const char *credential,
                       struct rv_error *err) {
        char *secret;

        int r = rv_credential_read(remote->credentials_directory, credential, &secret, err);
        if (r < 0)
                return r == -ENOENT ? -EACCES : r;
        bool fine = curl_easy_setopt(easy, option, secret) == CURLE_OK;
        rv_credential_free(secret);
        return fine ? 0 : rv_error_oom(err);
}

int rv_http_setup(CURL *easy, const struct rv_remote *remote, const char *user_agent, int64_t deadline_usec,
                  char *curl_error, struct rv_error *err) {
        const struct rv_repository_config *config = remote->config;
        int64_t left_msec = (deadline_usec - rv_clock_monotonic_usec()) / RV_USEC_PER_MSEC;

        if (!set_connection(easy, config, user_agent, left_msec < 1 ? 1 : left_msec, curl_error))
                return rv_error_oom(err);
        return config->proxy_login /* "user:password" */
                       ? rv_http_set_secret(easy, CURLOPT_PROXYUSERPWD, remote, config->proxy_login, err)
                       : 0;
}

int rv_http_error(CURLcode result, const char *curl_error, struct rv_error *err) {
        _cleanup_free_ char *shown =
                rv_text_line(curl_error[0] ? curl_error : curl_easy_strerror(result), ERROR_BYTES_MAX);

        return rv_error_set(err, result == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EREMOTEIO, "%s",
                            shown ? shown : "");
}
