#include "git/forge_link.h"

#include "git/http_setup.h"
#include "revertd/build.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* One answer is waited for so long, and an answer that is not there yet asked for so long. */
enum { ANSWER_MSEC_MAX = 20000, NOT_YET_MSEC_MAX = 10000, NOT_YET_PAUSE_MSEC = 500 };

struct rv_forge_link {
        const struct rv_remote *remote;
        CURL *easy;
        int64_t deadline_usec, wait_usec;
        struct curl_slist *headers;
        char *body;
        size_t n, size;
        bool out_of_memory;
        char curl_error[CURL_ERROR_SIZE];
};

struct rv_forge_link *rv_forge_link_free(struct rv_forge_link *link) {
        if (!link)
                return NULL;
        curl_easy_cleanup(link->easy);
        curl_slist_free_all(link->headers);
        free(link->body);
        free(link);
        return NULL;
}

int rv_forge_link_new(struct rv_forge_link **ret, const struct rv_remote *remote, int64_t deadline_usec,
                      struct rv_error *err) {
        static const char *const headers[] = {"Accept: application/json", "Content-Type: application/json", "Expect:"};
        struct rv_forge_link *link = calloc(1, sizeof *link);

        if (!link)
                return rv_error_oom(err);
        *link = (struct rv_forge_link){.remote = remote, .deadline_usec = deadline_usec, .easy = curl_easy_init()};
        bool fine = link->easy;
        for (size_t i = 0; fine && i < RV_ARRAY_SIZE(headers); i++) {
                struct curl_slist *list = curl_slist_append(link->headers, headers[i]);
                fine = list;
                link->headers = list ? list : link->headers;
        }
        if (!fine) {
                rv_forge_link_free(link);
                return rv_error_oom(err);
        }
        *ret = link;
        return 0;
}

static size_t on_body(char *data, size_t one, size_t n, void *userdata) {
        struct rv_forge_link *link = userdata;

        (void)one;
        if (n > RV_FORGE_ANSWER_BYTES_MAX - link->n)
                return 0;
        if (link->size - link->n < n) {
                size_t size = 2 * (link->n + n);
                char *p = realloc(link->body, size);
                if (!p) {
                        link->out_of_memory = true;
                        return 0;
                }
                link->body = p;
                link->size = size;
        }
        memcpy(link->body + link->n, data, n);
        link->n += n;
        return n;
}

/* Retry-After, which curl reads, or GitHub's way to say when the hour's budget is renewed. */
static int64_t wait_of(CURL *easy) {
        struct curl_header *left, *reset;
        curl_off_t seconds = 0;

        curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
        if (seconds == 0 && curl_easy_header(easy, "x-ratelimit-remaining", 0, CURLH_HEADER, -1, &left) == CURLHE_OK &&
            strcmp(left->value, "0") == 0 &&
            curl_easy_header(easy, "x-ratelimit-reset", 0, CURLH_HEADER, -1, &reset) == CURLHE_OK) {
                int64_t now = rv_clock_realtime_usec() / RV_USEC_PER_SEC, then = strtoll(reset->value, NULL, 10);
                seconds = then > now ? then - now : 1;
        }
        if (seconds < 0)
                return 0;
        return (seconds < 86400 ? seconds : 86400) * RV_USEC_PER_SEC;
}

int64_t rv_forge_link_wait_usec(const struct rv_forge_link *link) {
        return link->wait_usec < RV_GIT_WAIT_USEC_MAX ? link->wait_usec : RV_GIT_WAIT_USEC_MAX;
}

static bool set_request(struct rv_forge_link *link, const struct rv_forge_request *request, int64_t left_msec) {
        CURL *easy = link->easy;

        return curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_HTTPHEADER, link->headers) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_WRITEDATA, link) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                                (long)(left_msec < ANSWER_MSEC_MAX ? left_msec : ANSWER_MSEC_MAX)) == CURLE_OK &&
               (!request->body ||
                curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(request->body)) == CURLE_OK) &&
               (!request->body || curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body) == CURLE_OK) &&
               curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
}

/* -EREMOTEIO, -ETIMEDOUT: nothing is known. */
static int call(struct rv_forge_link *link, const struct rv_forge_request *request, struct rv_forge_answer *ret,
                struct rv_error *err) {
        int64_t left_msec = (link->deadline_usec - rv_clock_monotonic_usec()) / RV_USEC_PER_MSEC;

        if (left_msec < 1)
                return rv_error_set(err, -ETIMEDOUT, "no time is left for it");
        link->n = 0;
        link->wait_usec = 0;
        link->curl_error[0] = '\0';
        curl_easy_reset(link->easy); /* which keeps the connections */
        int r = rv_http_setup(link->easy, link->remote, "revertd/" RV_VERSION, link->deadline_usec, link->curl_error,
                              err);
        if (r == 0 && !set_request(link, request, left_msec))
                r = rv_error_oom(err);
        if (r == 0)
                r = rv_http_set_secret(link->easy, CURLOPT_XOAUTH2_BEARER, link->remote,
                                       link->remote->config->forge_credential, err);
        if (r < 0)
                return r;
        CURLcode result = curl_easy_perform(link->easy);
        if (link->out_of_memory)
                return rv_error_oom(err);
        if (result == CURLE_WRITE_ERROR)
                return rv_error_set(err, -EREMOTEIO, "its answer has more than %d MiB",
                                    RV_FORGE_ANSWER_BYTES_MAX >> 20);
        if (result != CURLE_OK)
                return rv_http_error(result, link->curl_error, err);
        *ret = (struct rv_forge_answer){.body = link->body, .n = link->n, .wait_usec = wait_of(link->easy)};
        link->wait_usec = ret->wait_usec;
        curl_easy_getinfo(link->easy, CURLINFO_RESPONSE_CODE, &ret->status);
        return 0;
}

static int ask_once(struct rv_forge_link *link, enum rv_forge_question question, const struct rv_forge_subject *subject,
                    struct rv_forge_pull *ret, enum rv_forge_verdict *ret_verdict, struct rv_error *words) {
        const struct rv_repository_config *config = link->remote->config;
        struct rv_forge_request request = {};
        struct rv_forge_answer answer;

        if (rv_forge_ask(config, question, subject, &request) < 0)
                return rv_error_oom(words);
        int r = call(link, &request, &answer, words);
        rv_forge_request_done(&request);
        if (r == -EREMOTEIO || r == -ETIMEDOUT) {
                *ret = (struct rv_forge_pull){};
                *ret_verdict = RV_FORGE_UNAVAILABLE;
                (void)rv_error_prefix(words, r, "the forge");
                return 0;
        }
        if (r < 0)
                return r;
        return rv_forge_judge(config, question, subject, &answer, ret, ret_verdict, words) < 0 ? rv_error_oom(words)
                                                                                               : 0;
}

int rv_forge_link_ask(struct rv_forge_link *link, enum rv_forge_question question,
                      const struct rv_forge_subject *subject, struct rv_forge_pull *ret,
                      enum rv_forge_verdict *ret_verdict, struct rv_error *words) {
        int64_t until_usec = rv_clock_monotonic_usec() + NOT_YET_MSEC_MAX * RV_USEC_PER_MSEC;
        int r;

        if (until_usec > link->deadline_usec)
                until_usec = link->deadline_usec;
        for (;;) {
                r = ask_once(link, question, subject, ret, ret_verdict, words);
                if (r < 0 || *ret_verdict != RV_FORGE_NOT_YET || rv_clock_monotonic_usec() >= until_usec)
                        return r;
                poll(NULL, 0, NOT_YET_PAUSE_MSEC);
        }
}
