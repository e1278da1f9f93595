#include "git/http_setup.h"
#include "revertd/build.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

enum {
        READ_AHEAD_BYTES_MAX = 1 << 20,
        QUESTION_BYTES_MAX = 64 << 20, /* a push's pack: it is kept whole, so that its length is known */
        ERROR_BODY_BYTES_MAX = 512,
};

struct http_link {
        struct rv_link link;
        struct rv_remote *remote;
        enum rv_service service;
        bool protocol_2;
        CURL *easy;
        bool added, done, paused, checked;
        bool question; /* the second kind of request: what is written is sent, what is read answers it */
        CURLcode result;
        char *body; /* of the question */
        size_t n_body, body_size;
        char *buffer; /* of the answer, not yet taken */
        size_t start, end, size;
        bool out_of_memory;
        struct curl_slist *headers;
        char curl_error[CURL_ERROR_SIZE];
};

static struct http_link *http(struct rv_link *link) {
        return (struct http_link *)link;
}

static size_t on_body(char *data, size_t one, size_t n, void *userdata) {
        struct http_link *link = userdata;

        (void)one;
        if (link->start == link->end)
                link->start = link->end = 0;
        if (link->end - link->start >= READ_AHEAD_BYTES_MAX) {
                link->paused = true;
                return CURL_WRITEFUNC_PAUSE;
        }
        if (link->size - link->end < n) {
                size_t size = 2 * (link->end + n);
                char *p = realloc(link->buffer, size);
                if (!p) {
                        link->out_of_memory = true;
                        return 0;
                }
                link->buffer = p;
                link->size = size;
        }
        memcpy(link->buffer + link->end, data, n);
        link->end += n;
        return n;
}

static int add_header(struct http_link *link, struct rv_error *err, const char *fmt, ...) RV_PRINTF(3, 4);
static int add_header(struct http_link *link, struct rv_error *err, const char *fmt, ...) {
        char text[128];
        va_list args;

        va_start(args, fmt);
        vsnprintf(text, sizeof text, fmt, args);
        va_end(args);
        struct curl_slist *list = curl_slist_append(link->headers, text);
        if (!list)
                return rv_error_oom(err);
        link->headers = list;
        return 0;
}

static int set_credential(struct http_link *link, struct rv_error *err) {
        const struct rv_repository_config *config = link->remote->config;
        const char *user = config->username ? config->username : "git";

        if (!config->credential)
                return 0;
        if (curl_easy_setopt(link->easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) != CURLE_OK ||
            curl_easy_setopt(link->easy, CURLOPT_USERNAME, user) != CURLE_OK)
                return rv_error_oom(err);
        return rv_http_set_secret(link->easy, CURLOPT_PASSWORD, link->remote, config->credential, err);
}

static int set_headers(struct http_link *link, struct rv_error *err) {
        const char *service = rv_service_name(link->service);
        int r = 0;

        curl_slist_free_all(link->headers);
        link->headers = NULL;
        if (link->question) {
                r = add_header(link, err, "Content-Type: application/x-%s-request", service);
                if (r == 0)
                        r = add_header(link, err, "Accept: application/x-%s-result", service);
                if (r == 0)
                        r = add_header(link, err, "Expect:");
        } else {
                r = add_header(link, err, "Accept: */*");
        }
        if (r == 0)
                r = add_header(link, err, "Pragma: no-cache");
        if (r == 0 && link->protocol_2)
                r = add_header(link, err, "Git-Protocol: version=2");
        return r;
}

static bool set_request(struct http_link *link, const char *url) {
        CURL *easy = link->easy;

        return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_HTTPHEADER, link->headers) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_WRITEDATA, link) == CURLE_OK &&
               (!link->question ||
                (curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
                 curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)link->n_body) == CURLE_OK &&
                 curl_easy_setopt(easy, CURLOPT_POSTFIELDS, link->body ? link->body : "") == CURLE_OK));
}

static void stop(struct http_link *link) {
        if (link->added)
                curl_multi_remove_handle(link->remote->multi, link->easy);
        link->added = false;
        curl_easy_cleanup(link->easy);
        link->easy = NULL;
}

static int start(struct http_link *link, struct rv_error *err) {
        const char *service = rv_service_name(link->service);
        _cleanup_free_ char *url = NULL;

        stop(link);
        link->done = link->paused = link->checked = false;
        link->start = link->end = 0;
        int n = link->question ? asprintf(&url, "%s/%s", link->remote->url.http, service)
                               : asprintf(&url, "%s/info/refs?service=%s", link->remote->url.http, service);
        if (n < 0) {
                url = NULL;
                return rv_error_oom(err);
        }
        link->easy = curl_easy_init();
        if (!link->easy)
                return rv_error_oom(err);
        int r = set_headers(link, err);
        if (r < 0)
                return r;
        r = rv_http_setup(link->easy, link->remote, "git/2.39 (revertd " RV_VERSION ")", link->link.deadline_usec,
                          link->curl_error, err);
        if (r == 0 && !set_request(link, url))
                r = rv_error_oom(err);
        if (r == 0)
                r = set_credential(link, err);
        if (r < 0)
                return r;
        if (curl_multi_add_handle(link->remote->multi, link->easy) != CURLM_OK)
                return rv_error_oom(err);
        link->added = true;
        return 0;
}

static int refused(struct http_link *link, long status, struct rv_error *err) {
        _cleanup_free_ char *shown = NULL;
        const char *type = NULL, *location = NULL;

        if (status >= 300 && status < 400) {
                curl_easy_getinfo(link->easy, CURLINFO_REDIRECT_URL, &location);
                shown = rv_text_line(location ? location : "somewhere else", ERROR_BODY_BYTES_MAX);
                return rv_error_set(err, -EREMOTEIO,
                                    "the remote redirects to %s, which is not followed: set the url to where the "
                                    "repository is",
                                    shown ? shown : "");
        }
        if (status == 401 || status == 403)
                return rv_error_set(err, -EREMOTEIO, "the remote does not accept %s (HTTP %ld)",
                                    link->remote->config->credential ? "the credential" : "us without a credential",
                                    status);
        curl_easy_getinfo(link->easy, CURLINFO_CONTENT_TYPE, &type);
        if (type && strncmp(type, "text/plain", 10) == 0 && link->end > link->start) {
                size_t n = link->end - link->start;
                _cleanup_free_ char *text =
                        strndup(link->buffer + link->start, n < ERROR_BODY_BYTES_MAX ? n : ERROR_BODY_BYTES_MAX);
                shown = text ? rv_text_line(text, ERROR_BODY_BYTES_MAX) : NULL;
        }
        return rv_error_set(err, -EREMOTEIO, "the remote answers HTTP %ld%s%s", status, shown ? ": " : "",
                            shown ? shown : "");
}

/* Only what says that it is an answer of Git's is read as one. */
static int check_answer(struct http_link *link, struct rv_error *err) {
        const char *service = rv_service_name(link->service), *kind = link->question ? "result" : "advertisement";
        const char *type = NULL;
        char wanted[64];
        long status = 0;

        curl_easy_getinfo(link->easy, CURLINFO_RESPONSE_CODE, &status);
        if (status != 200)
                return refused(link, status, err);
        curl_easy_getinfo(link->easy, CURLINFO_CONTENT_TYPE, &type);
        snprintf(wanted, sizeof wanted, "application/x-%s-%s", service, kind);
        if (!type || strcasecmp(type, wanted) != 0)
                return rv_error_set(err, -EREMOTEIO,
                                    "there is no Git repository at the url: it answers with a page "
                                    "for people, not with Git's protocol");
        link->checked = true;
        return 0;
}

static int transfer_error(struct http_link *link, struct rv_error *err) {
        if (link->out_of_memory)
                return rv_error_oom(err);
        return rv_http_error(link->result, link->curl_error, err);
}

static void reap(struct http_link *link) {
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(link->remote->multi, &left)))
                if (message->msg == CURLMSG_DONE && message->easy_handle == link->easy) {
                        link->done = true;
                        link->result = message->data.result;
                }
}

static curl_off_t moved_bytes(struct http_link *link) {
        curl_off_t up = 0, down = 0;

        curl_easy_getinfo(link->easy, CURLINFO_SIZE_UPLOAD_T, &up);
        curl_easy_getinfo(link->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
        return up + down;
}

/* Until there is something to take, or the end. */
static int pump(struct http_link *link, struct rv_error *err) {
        int64_t quiet_since_usec = rv_clock_monotonic_usec();
        curl_off_t moved = 0;
        int running, events;

        for (;;) {
                if (curl_multi_perform(link->remote->multi, &running) != CURLM_OK)
                        return rv_error_oom(err);
                reap(link);
                if (link->end > link->start || link->done)
                        return 0;
                int64_t now_usec = rv_clock_monotonic_usec();
                if (moved_bytes(link) != moved) {
                        moved = moved_bytes(link);
                        quiet_since_usec = now_usec;
                }
                int wait = rv_link_wait_msec(&link->link);
                if (wait == 0 || (link->link.idle_usec > 0 && now_usec - quiet_since_usec >= link->link.idle_usec))
                        return rv_error_set(err, -ETIMEDOUT, "the remote did not answer in time");
                if (curl_multi_poll(link->remote->multi, NULL, 0, wait, &events) != CURLM_OK)
                        return rv_error_oom(err);
        }
}

static int http_read(struct rv_link *base, void *data, size_t n, size_t *ret, struct rv_error *err) {
        struct http_link *link = http(base);
        int r = 0;

        if (!link->easy)
                r = start(link, err);
        if (link->paused && link->end - link->start < READ_AHEAD_BYTES_MAX / 2) {
                link->paused = false;
                curl_easy_pause(link->easy, CURLPAUSE_CONT);
        }
        /* A refusal's text comes whole, or not at all. */
        if (r == 0 && link->start == link->end && !link->done)
                r = pump(link, err);
        if (r == 0 && !link->checked && (link->end > link->start || (link->done && link->result == CURLE_OK)))
                r = check_answer(link, err);
        if (r == 0 && link->done && link->result != CURLE_OK && link->start == link->end)
                r = transfer_error(link, err);
        if (r < 0)
                return r;
        size_t have = link->end - link->start;
        if (n > have)
                n = have;
        if (n > 0)
                memcpy(data, link->buffer + link->start, n);
        link->start += n;
        *ret = n;
        return 0;
}

static int http_write(struct rv_link *base, const void *data, size_t n, struct rv_error *err) {
        struct http_link *link = http(base);

        if (!link->question || link->easy) {
                link->question = true;
                link->n_body = 0;
                stop(link);
        }
        if (n > QUESTION_BYTES_MAX - link->n_body)
                return rv_error_set(err, -EMSGSIZE, "more than %d MiB to send in one request",
                                    QUESTION_BYTES_MAX >> 20);
        if (link->body_size - link->n_body < n) {
                size_t size = 2 * (link->n_body + n);
                char *p = realloc(link->body, size);
                if (!p)
                        return rv_error_oom(err);
                link->body = p;
                link->body_size = size;
        }
        memcpy(link->body + link->n_body, data, n);
        link->n_body += n;
        return 0;
}

static int http_finish(struct rv_link *base, struct rv_error *err) {
        return http(base)->easy ? 0 : start(http(base), err);
}

static struct rv_link *http_free(struct rv_link *base) {
        struct http_link *link = http(base);

        stop(link);
        curl_slist_free_all(link->headers);
        free(link->body);
        free(link->buffer);
        free(link);
        return NULL;
}

static const struct rv_link_ops http_ops = {
        .read = http_read, .write = http_write, .finish = http_finish, .free = http_free};

int rv_remote_http_open(struct rv_remote *remote, const struct rv_link_options *options, struct rv_link **ret,
                        struct rv_error *err) {
        if (!remote->multi)
                remote->multi = curl_multi_init();
        struct http_link *link = remote->multi ? calloc(1, sizeof *link) : NULL;
        if (!link)
                return rv_error_oom(err);
        *link = (struct http_link){.link = {.ops = &http_ops,
                                            .stateless = true,
                                            .deadline_usec = options->deadline_usec,
                                            .idle_usec = remote->idle_usec},
                                   .remote = remote,
                                   .service = options->service,
                                   .protocol_2 = options->protocol_2};
        *ret = &link->link;
        return 0;
}

void rv_remote_http_done(struct rv_remote *remote) {
        if (remote->multi)
                curl_multi_cleanup(remote->multi);
        remote->multi = NULL;
}
