#include "git/transport_url.h"

#include "revertd/cleanup.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <string.h>

void rv_remote_url_done(struct rv_remote_url *url) {
        free(url->path);
        free(url->user);
        free(url->host);
        free(url->http);
        *url = (struct rv_remote_url){0};
}

static int invalid(struct rv_error *err, const char *what) {
        return rv_error_set(err, -EINVAL, "the repository's url %s", what);
}

/* ssh(1) and the remote shell get these; what they cannot be is refused rather than escaped. */
static bool is_plain(const char *s, const char *extra) {
        if (!*s || *s == '-')
                return false;
        for (; *s; s++)
                if (!isalnum((unsigned char)*s) && !strchr(extra, *s))
                        return false;
        return true;
}

static int take(char **ret, const char *s, size_t n, struct rv_error *err) {
        *ret = strndup(s, n);
        return *ret ? 0 : rv_error_oom(err);
}

static int check_ssh(const struct rv_remote_url *url, struct rv_error *err) {
        if (!is_plain(url->host, "._-:"))
                return invalid(err, "has a host name that is none");
        if (url->user && !is_plain(url->user, "._-+"))
                return invalid(err, "has a user name that is none");
        if (!*url->path || *url->path == '-')
                return invalid(err, "has no path, or one that starts with '-'");
        return 0;
}

/* [user@]host, the host perhaps an IPv6 address in brackets */
static int parse_authority(struct rv_remote_url *url, const char *s, size_t n, struct rv_error *err) {
        const char *at = memrchr(s, '@', n);
        int r = 0;

        if (at) {
                r = take(&url->user, s, (size_t)(at - s), err);
                n -= (size_t)(at + 1 - s);
                s = at + 1;
        }
        if (r == 0 && n >= 2 && s[0] == '[' && s[n - 1] == ']')
                return take(&url->host, s + 1, n - 2, err);
        return r < 0 ? r : take(&url->host, s, n, err);
}

static int parse_port(struct rv_remote_url *url, const char *s, size_t n, struct rv_error *err) {
        int port = 0;

        for (size_t i = 0; i < n; i++) {
                if (s[i] < '0' || s[i] > '9' || i >= 5)
                        return invalid(err, "has a port that is none");
                port = 10 * port + (s[i] - '0');
        }
        if (n == 0 || port == 0 || port > 65535)
                return invalid(err, "has a port that is none");
        url->port = port;
        return 0;
}

static int parse_ssh(struct rv_remote_url *url, const char *rest, struct rv_error *err) {
        const char *slash = strchr(rest, '/');

        if (!slash)
                return invalid(err, "has no path");
        size_t n = (size_t)(slash - rest);
        const char *bracket = memrchr(rest, ']', n);
        const char *colon = memchr(bracket ? bracket : rest, ':', (size_t)(slash - (bracket ? bracket : rest)));
        int r = 0;
        if (colon) {
                r = parse_port(url, colon + 1, (size_t)(slash - colon) - 1, err);
                n = (size_t)(colon - rest);
        }
        if (r == 0)
                r = parse_authority(url, rest, n, err);
        if (r == 0) /* "/~user/…" is below that user's home */
                r = take(&url->path, slash[1] == '~' ? slash + 1 : slash, strlen(slash), err);
        return r < 0 ? r : check_ssh(url, err);
}

static int parse_scp(struct rv_remote_url *url, const char *text, struct rv_error *err) {
        const char *first = strpbrk(text, "[:");
        const char *bracket = first && *first == '[' ? strchr(first, ']') : NULL;
        const char *colon = strchr(bracket ? bracket : text, ':');

        if (!colon || colon[1] == ':') /* "helper::address" is something else to Git */
                return invalid(err, "is malformed");
        int r = parse_authority(url, text, (size_t)(colon - text), err);
        if (r == 0)
                r = take(&url->path, colon + 1, strlen(colon + 1), err);
        return r < 0 ? r : check_ssh(url, err);
}

static int parse_http(struct rv_remote_url *url, const char *text, struct rv_error *err) {
        char *password = NULL, *query = NULL, *fragment = NULL;
        CURLU *handle = curl_url();

        if (!handle)
                return rv_error_oom(err);
        int r = 0;
        if (curl_url_set(handle, CURLUPART_URL, text, 0) != CURLUE_OK)
                r = invalid(err, "is malformed");
        else if (curl_url_get(handle, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK)
                r = invalid(err, "has a password in it: name a credential instead");
        else if (curl_url_get(handle, CURLUPART_QUERY, &query, 0) == CURLUE_OK ||
                 curl_url_get(handle, CURLUPART_FRAGMENT, &fragment, 0) == CURLUE_OK)
                r = invalid(err, "has a query or a fragment");
        curl_free(password);
        curl_free(query);
        curl_free(fragment);
        curl_url_cleanup(handle);
        if (r < 0)
                return r;
        size_t n = strlen(text);
        while (n > 0 && text[n - 1] == '/')
                n--;
        return take(&url->http, text, n, err);
}

static int parse_kind(struct rv_remote_url *url, const char *text, struct rv_error *err) {
        if (strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0) {
                url->kind = RV_REMOTE_HTTP;
                return parse_http(url, text, err);
        }
        if (strncasecmp(text, "ssh://", 6) == 0 || strncasecmp(text, "git+ssh://", 10) == 0) {
                url->kind = RV_REMOTE_SSH;
                return parse_ssh(url, strstr(text, "://") + 3, err);
        }
        if (strncasecmp(text, "file://", 7) == 0)
                text += 7;
        if (text[0] == '/') {
                url->kind = RV_REMOTE_LOCAL;
                return take(&url->path, text, strlen(text), err);
        }
        if (strstr(text, "://"))
                return invalid(err, "has a scheme that is not supported (a path, http, https, ssh)");
        const char *colon = strchr(text, ':'), *slash = strchr(text, '/');
        if (text[0] == '[' || (colon && (!slash || colon < slash))) {
                url->kind = RV_REMOTE_SSH;
                return parse_scp(url, text, err);
        }
        return invalid(err, "is no absolute path, http://, https://, ssh:// or host:path");
}

int rv_remote_url_parse(struct rv_remote_url *ret, const char *text, struct rv_error *err) {
        struct rv_remote_url url = {0};

        for (const char *p = text; *p; p++)
                if (iscntrl((unsigned char)*p))
                        return invalid(err, "has a control character in it");
        int r = parse_kind(&url, text, err);
        if (r < 0) {
                rv_remote_url_done(&url);
                return r;
        }
        *ret = url;
        return 0;
}
