/* Targets: an endpoint of the configuration made into curl's options, once. */

#include "http/client_internal.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/credential.h"
#include "revertd/http_client.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <string.h>

static void curl_freep(char **p) {
        curl_free(*p);
}
static void curl_url_freep(CURLU **u) {
        curl_url_cleanup(*u);
}

/* "host:port" for messages, and only what may stand in such a URL. */
static int read_url(struct rv_http_target *target, const char *url, struct rv_error *err) {
        __attribute__((cleanup(curl_url_freep))) CURLU *u = curl_url();
        __attribute__((cleanup(curl_freep))) char *scheme = NULL;
        __attribute__((cleanup(curl_freep))) char *host = NULL;
        __attribute__((cleanup(curl_freep))) char *port = NULL;
        __attribute__((cleanup(curl_freep))) char *user = NULL;

        if (!u)
                return rv_error_oom(err);
        if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
            curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
            curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
            (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
                return rv_error_set(err, -EINVAL, "not an http:// or https:// URL");
        if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK)
                return rv_error_set(err, -EINVAL, "%s: a URL must not hold a user name or password", host);
        if (curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
                return rv_error_set(err, -EINVAL, "%s: no port", host);
        if (asprintf(&target->host, "%s:%s", host, port) < 0) {
                target->host = NULL;
                return rv_error_oom(err);
        }
        target->url = strdup(url);
        if (!target->url)
                return rv_error_oom(err);
        size_t n = strlen(target->url);
        while (n > 0 && target->url[n - 1] == '/')
                target->url[--n] = '\0';
        return 0;
}

static bool has_control(const char *s) {
        for (; *s; s++)
                if ((unsigned char)*s < 0x20 || *s == 0x7f)
                        return true;
        return false;
}

static int add_header(struct rv_http_target *target, const char *line, struct rv_error *err) {
        struct curl_slist *list = curl_slist_append(target->headers, line);

        if (!list)
                return rv_error_oom(err);
        target->headers = list;
        return 0;
}

/* Credentials as a header of our own: curl would keep copies that it does not wipe. */
static int add_authorization(struct rv_http_target *target, const char *username, const char *secret,
                             struct rv_error *err) {
        _cleanup_free_ char *line = NULL;
        int r;

        if (has_control(secret))
                return rv_error_set(err, -EINVAL, "the credential holds control characters");
        if (!username)
                r = asprintf(&line, "Authorization: Bearer %s", secret);
        else {
                char *pair = NULL;
                gnutls_datum_t encoded = {0};
                r = asprintf(&pair, "%s:%s", username, secret);
                if (r < 0)
                        return rv_error_oom(err);
                r = gnutls_base64_encode2(&(gnutls_datum_t){(unsigned char *)pair, (unsigned)r}, &encoded);
                rv_credential_free(pair);
                if (r < 0)
                        return rv_error_oom(err);
                r = asprintf(&line, "Authorization: Basic %.*s", (int)encoded.size, encoded.data);
                explicit_bzero(encoded.data, encoded.size);
                gnutls_free(encoded.data);
        }
        if (r < 0) {
                line = NULL;
                return rv_error_oom(err);
        }
        r = add_header(target, line, err);
        explicit_bzero(line, strlen(line));
        return r;
}

/* curl takes "Name: value"; a header without a value is "Name;" there, for "Name:" would remove it. */
static int add_custom_header(struct rv_http_target *target, const char *header, struct rv_error *err) {
        const char *colon = strchr(header, ':');
        _cleanup_free_ char *line = NULL;

        if (!colon || colon == header || has_control(header))
                return rv_error_set(err, -EINVAL, "header \"%.40s\" is not of the form \"Name: value\"",
                                    has_control(header) ? "" : header);
        if (colon[1 + strspn(colon + 1, " ")])
                return add_header(target, header, err);
        if (asprintf(&line, "%.*s;", (int)(colon - header), header) < 0) {
                line = NULL;
                return rv_error_oom(err);
        }
        return add_header(target, line, err);
}

static int read_headers(struct rv_http_target *target, const struct rv_endpoint *endpoint,
                        const char *credentials_directory, struct rv_error *err) {
        int r;

        /* No wait for "100 Continue" before a body. */
        r = add_header(target, "Expect:", err);
        if (r < 0)
                return r;
        for (char **h = endpoint->headers; h && *h; h++) {
                r = add_custom_header(target, *h, err);
                if (r < 0)
                        return r;
        }
        if (endpoint->credential) {
                char *secret;
                r = rv_credential_read(credentials_directory, endpoint->credential, &secret, err);
                if (r < 0)
                        return r;
                r = add_authorization(target, endpoint->username, secret, err);
                rv_credential_free(secret);
                if (r < 0)
                        return rv_error_prefix(err, r, "credential %s", endpoint->credential);
        }
        return 0;
}

static int read_tls(struct rv_http_target *target, const struct rv_endpoint *endpoint,
                    const char *credentials_directory, struct rv_error *err) {
        const char *files[] = {endpoint->ca_file, endpoint->cert_file};

        for (size_t i = 0; i < RV_ARRAY_SIZE(files); i++)
                if (files[i] && access(files[i], R_OK) < 0)
                        return rv_error_set(err, -errno, "%s: %s", files[i], strerror(errno));
        if (endpoint->ca_file && !(target->ca_file = strdup(endpoint->ca_file)))
                return rv_error_oom(err);
        if (endpoint->cert_file && !(target->cert_file = strdup(endpoint->cert_file)))
                return rv_error_oom(err);
        if (endpoint->key_credential)
                return rv_credential_read(credentials_directory, endpoint->key_credential, &target->key, err);
        return 0;
}

static struct rv_http_target *target_free(struct rv_http_target *target) {
        target_drop_slots(target);
        if (target->client)
                DL_DELETE(target->client->targets, target);
        for (struct curl_slist *h = target->headers; h; h = h->next)
                explicit_bzero(h->data, strlen(h->data));
        curl_slist_free_all(target->headers);
        rv_credential_free(target->key);
        /* A URL's path may be a secret too: that of an incoming webhook is. */
        rv_credential_free(target->url);
        free(target->host);
        free(target->ca_file);
        free(target->cert_file);
        free(target);
        return NULL;
}

int rv_http_target_new(struct rv_http_target **ret, const struct rv_endpoint *endpoint,
                       const char *credentials_directory, struct rv_error *err) {
        struct rv_http_target *target = calloc(1, sizeof(*target));
        int r;

        if (!target)
                return rv_error_oom(err);
        target->refs = 1;
        target->timeout_usec =
                endpoint->timeout_usec > 0 ? endpoint->timeout_usec : RV_HTTP_DURATION_DEFAULT_SEC * RV_USEC_PER_SEC;
        r = read_url(target, endpoint->url, err);
        if (r >= 0)
                r = read_headers(target, endpoint, credentials_directory, err);
        if (r >= 0)
                r = read_tls(target, endpoint, credentials_directory, err);
        if (r < 0) {
                target_free(target);
                return r;
        }
        *ret = target;
        return 0;
}

struct rv_http_target *rv_http_target_unref(struct rv_http_target *target) {
        if (target && --target->refs == 0)
                target_free(target);
        return NULL;
}
