#include "ctl/api.h"

#include "revertd/build.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/credential.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_BYTES_MAX = 64 << 20, ANSWER_VALUES_MAX = 4 << 20, ERROR_BYTES_MAX = 900 };

struct answer {
        char *bytes;
        size_t n;
        bool is_too_long;
};

static void curl_freep(CURL **curl) {
        curl_easy_cleanup(*curl);
}
static void slist_freep(struct curl_slist **list) {
        curl_slist_free_all(*list);
}
static void secret_freep(char **secret) {
        rv_credential_free(*secret);
}

char *api_path(const char *prefix, const char *text) {
        char *encoded = curl_easy_escape(NULL, text, 0), *path = NULL;

        if (!encoded || asprintf(&path, "%s%s", prefix, encoded) < 0)
                path = NULL;
        curl_free(encoded);
        return path;
}

static size_t on_bytes(char *bytes, size_t size, size_t n, void *userdata) {
        struct answer *answer = userdata;

        n *= size;
        if (answer->n + n > ANSWER_BYTES_MAX) {
                answer->is_too_long = true;
                return 0;
        }
        char *grown = realloc(answer->bytes, answer->n + n + 1);
        if (!grown)
                return 0;
        memcpy(grown + answer->n, bytes, n);
        answer->bytes = grown;
        answer->n += n;
        return n;
}

static int authenticate(CURL *curl, const struct args *args, struct curl_slist **headers, struct rv_error *err) {
        __attribute__((cleanup(secret_freep))) char *secret = NULL;
        char line[RV_CREDENTIAL_BYTES_MAX + 32];

        if (!args->token_file)
                return 0;
        int r = rv_credential_read_file(args->token_file, &secret, err);
        if (r < 0)
                return rv_error_prefix(err, r, "%s", args->token_file);
        if (args->username) {
                curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
                curl_easy_setopt(curl, CURLOPT_USERNAME, args->username);
                curl_easy_setopt(curl, CURLOPT_PASSWORD, secret);
                return 0;
        }
        for (const char *c = secret; *c; c++)
                if ((unsigned char)*c < 0x20 || *c == 0x7F)
                        return rv_error_set(err, -EINVAL, "%s: a token is one line of text", args->token_file);
        snprintf(line, sizeof(line), "Authorization: Bearer %s", secret);
        *headers = curl_slist_append(*headers, line);
        explicit_bzero(line, sizeof(line));
        return *headers ? 0 : rv_error_oom(err);
}

static int describe_failure(const struct args *args, CURL *curl, CURLcode code, const char *detail,
                            const struct answer *answer, struct rv_error *err) {
        const char *where = args->socket ? args->socket : args->url;
        const char *what = detail[0] ? detail : curl_easy_strerror(code);
        long system_error = 0; /* curl's own words name a port, which a socket has not */

        curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &system_error);
        if (code == CURLE_COULDNT_CONNECT && args->socket && system_error > 0 && system_error != ENOENT &&
            system_error != ECONNREFUSED)
                return rv_error_set(err, -(int)system_error, "%s: %s", where, strerror((int)system_error));

        if (answer->is_too_long)
                return rv_error_set(err, -E2BIG, "%s: the answer is over %d MiB", where, ANSWER_BYTES_MAX >> 20);
        if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
                return rv_error_set(err, -ECONNREFUSED, "no revertd at %s: %s\n%s", where,
                                    args->socket && system_error > 0 ? strerror((int)system_error) : what,
                                    args->is_default_socket
                                            ? "Is it running (systemctl status revertd)? Another place is named by "
                                              "--socket, --url or $REVERTD_URL."
                                            : "Is it running, and is that the right place?");
        if (code == CURLE_OPERATION_TIMEDOUT)
                return rv_error_set(err, -ETIMEDOUT, "%s: %s", where, what);
        return rv_error_set(err, -EIO, "%s: %s", where, what);
}

/* {"error": "text"}, or whatever else stands there. */
static int describe_status(const struct args *args, long status, const json_t *json, struct rv_error *err) {
        const char *text = rv_json_string(json, "error", NULL);
        const char *where = args->socket ? args->socket : args->url;

        if (status == 401)
                return rv_error_set(err, -EREMOTEIO, "%s: %s\nThe token is given with --token-file.", where,
                                    text ? text : "not authenticated");
        if (!text)
                return rv_error_set(err, -EREMOTEIO, "%s: the server answered with status %ld; is that a revertd?",
                                    where, status);
        return rv_error_set(err, -EREMOTEIO, "%.*s", ERROR_BYTES_MAX, text);
}

static int read_answer(const struct args *args, long status, const struct answer *answer, json_t **ret,
                       struct rv_error *err) {
        _cleanup_json_ json_t *json = NULL;
        struct rv_error why = {0};
        int r = rv_json_parse(&json, answer->bytes ? answer->bytes : "", answer->n, ANSWER_VALUES_MAX, &why);

        if (status >= 300)
                return describe_status(args, status, json, err);
        if (r < 0 || !json_is_object(json))
                return rv_error_set(err, -EREMOTEIO, "%s: the answer is no JSON object%s%s",
                                    args->socket ? args->socket : args->url, r < 0 ? ": " : "", why.text);
        *ret = RV_TAKE(json);
        return 0;
}

static void set_place(CURL *curl, const struct args *args) {
        long timeout_msec = (long)(args->timeout_usec / RV_USEC_PER_MSEC);

        if (args->socket) {
                curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, args->socket);
                curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
        }
        if (args->ca_file) {
                curl_easy_setopt(curl, CURLOPT_CAINFO, args->ca_file);
                curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
        }
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_msec > 0 ? timeout_msec : 1L);
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "revertctl/" RV_VERSION);
}

static int perform(const struct args *args, CURL *curl, const char *method, const char *path, const char *body,
                   struct answer *answer, struct rv_error *err) {
        __attribute__((cleanup(slist_freep))) struct curl_slist *headers = NULL;
        _cleanup_free_ char *url = NULL;
        char detail[CURL_ERROR_SIZE] = "";
        size_t base = args->url ? strlen(args->url) : 0;

        while (base > 0 && args->url[base - 1] == '/')
                base--;
        if (asprintf(&url, "%.*s%s", args->url ? (int)base : (int)strlen("http://revertd"),
                     args->url ? args->url : "http://revertd", path) < 0) {
                url = NULL;
                return rv_error_oom(err);
        }
        set_place(curl, args);
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
        if (strcmp(method, "GET") != 0)
                curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
        if (body) {
                curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
                headers = curl_slist_append(headers, "Content-Type: application/json");
                if (!headers)
                        return rv_error_oom(err);
        }
        int r = authenticate(curl, args, &headers, err);
        if (r < 0)
                return r;
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        CURLcode code = curl_easy_perform(curl);
        return code == CURLE_OK ? 0 : describe_failure(args, curl, code, detail, answer, err);
}

int api_call(const struct args *args, const char *method, const char *path, const json_t *body, json_t **ret,
             struct rv_error *err) {
        __attribute__((cleanup(curl_freep))) CURL *curl = curl_easy_init();
        _cleanup_free_ char *text = body ? rv_json_dump(body) : NULL;
        struct answer answer = {0};
        long status = 0;

        if (!curl || (body && !text))
                return rv_error_oom(err);
        int r = perform(args, curl, method, path, text, &answer, err);
        if (r == 0) {
                curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
                r = read_answer(args, status, &answer, ret, err);
        }
        free(answer.bytes);
        return r;
}
