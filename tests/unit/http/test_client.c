/* The HTTP client against a server of odd answers. */

#include "loop.h"

#include "http/client_internal.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/http_client.h"

#include <errno.h>

static sd_event *event;
static struct rv_http_client *client;
static struct rv_http_target *target;
static char *directory;
static struct program odd;
static char base[64];

struct result {
        unsigned calls;
        int result, status;
        char *error, *body, *content_type;
        size_t body_bytes;
        int64_t retry_after_usec;
};
static struct result results[100];

static void on_response(const struct rv_http_response *response, void *userdata) {
        struct result *result = userdata;

        result->calls++;
        result->result = response->result;
        result->status = response->status;
        result->error = response->error ? strdup(response->error) : NULL;
        result->content_type = response->content_type ? strdup(response->content_type) : NULL;
        result->body = strdup(response->body);
        result->body_bytes = response->body_bytes;
        result->retry_after_usec = response->retry_after_usec;
}

static void forget_results(void) {
        for (size_t i = 0; i < RV_ARRAY_SIZE(results); i++) {
                free(results[i].error);
                free(results[i].body);
                free(results[i].content_type);
                results[i] = (struct result){0};
        }
}

static void start_server(const char *arguments) {
        char command[512], line[32];

        snprintf(command, sizeof(command), "exec /usr/bin/python3 %s/tests/unit/http/odd_server.py %s", RV_SOURCE_DIR,
                 arguments);
        program_start(&odd, command);
        program_first_line(&odd, line, sizeof(line));
        snprintf(base, sizeof(base), "%s://127.0.0.1:%d", *arguments ? "https" : "http", atoi(line));
}

static int setup(void **state) {
        (void)state;
        directory = make_directory();
        odd.pid = 0;
        assert_true(sd_event_new(&event) >= 0);
        return rv_http_client_new(&client, event, "revertd-test/1");
}

static int setup_plain(void **state) {
        setup(state);
        start_server("");
        return 0;
}

static int teardown(void **state) {
        (void)state;
        target = rv_http_target_unref(target);
        client = rv_http_client_free(client);
        sd_event_unref(event);
        if (odd.pid)
                program_stop(&odd);
        forget_results();
        remove_directory(directory);
        return 0;
}

static struct rv_http_target *target_to(struct rv_endpoint endpoint) {
        struct rv_error err = {0};
        struct rv_http_target *made = NULL;

        if (!endpoint.url)
                endpoint.url = base;
        if (rv_http_target_new(&made, &endpoint, directory, &err) < 0)
                fail_msg("%s", err.text);
        return made;
}

static struct rv_http_transfer *request(struct rv_http_request what, struct result *result) {
        struct rv_http_transfer *handle = NULL;
        struct rv_error err = {0};

        if (what.response_bytes_max == 0)
                what.response_bytes_max = 100000;
        if (rv_http_send(client, target, &what, on_response, result, &handle, &err) < 0)
                fail_msg("%s", err.text);
        assert_int_equal(result->calls, 0);
        return handle;
}

static void wait_all(void) {
        while (rv_http_client_active(client) > 0)
                assert_true(sd_event_run(event, UINT64_MAX) >= 0);
}

static struct result *ask(struct rv_http_request what) {
        forget_results();
        request(what, &results[0]);
        wait_all();
        assert_int_equal(results[0].calls, 1);
        return &results[0];
}

static struct result *get(const char *path) {
        return ask((struct rv_http_request){.path = path});
}

static void assert_contains(const char *text, const char *part) {
        if (!text || !strstr(text, part))
                fail_msg("no \"%s\" in: %s", part, text ? text : "(null)");
}

static void assert_lacks(const char *text, const char *part) {
        if (text && strstr(text, part))
                fail_msg("\"%s\" in: %s", part, text);
}

/* -- tests -- */

static void get_and_post(void **state) {
        (void)state;
        target = target_to((struct rv_endpoint){0});
        struct result *r = get("/echo");
        assert_int_equal(r->result, 0);
        assert_int_equal(r->status, 200);
        assert_string_equal(r->content_type, "text/x-echo");
        assert_contains(r->body, "GET /echo");
        assert_contains(r->body, "User-Agent: revertd-test/1");
        assert_int_equal(r->body_bytes, strlen(r->body));

        struct rv_http_request post = {
                .path = "/echo", .content_type = "application/json", .body = "{\"a\":1}", .body_bytes = 7};
        r = ask(post);
        assert_contains(r->body, "POST /echo {\"a\":1}\n");
        assert_contains(r->body, "Content-Type: application/json");
        assert_lacks(r->body, "Expect");

        /* The same handle, and nothing of the last request is left in it. */
        r = get("/echo");
        assert_contains(r->body, "GET /echo \n");
        assert_lacks(r->body, "Content-Type");
        r = get("/nothing");
        assert_int_equal(r->status, 204);
        assert_string_equal(r->body, "");
        r = get("/nowhere");
        assert_int_equal(r->status, 404);
        assert_string_equal(r->body, "no such page");
}

static void credentials_and_headers(void **state) {
        char *headers[] = {(char *)"X-Scope-OrgID: a|b", (char *)"X-Empty:", NULL};

        (void)state;
        write_file(directory, "token", "s3cret\n");
        target = target_to((struct rv_endpoint){.credential = (char *)"token", .headers = headers});
        struct result *r = get("/echo");
        assert_contains(r->body, "Authorization: Bearer s3cret\n");
        assert_contains(r->body, "X-Scope-OrgID: a|b\n");
        assert_contains(r->body, "X-Empty: \n");
        rv_http_target_unref(target);

        target = target_to((struct rv_endpoint){.credential = (char *)"token", .username = (char *)"ops"});
        assert_contains(get("/echo")->body, "Authorization: Basic b3BzOnMzY3JldA==\n");
}

static void wrong_endpoints_are_refused(void **state) {
        struct rv_error err = {0};
        char *injected[] = {(char *)"X: a\r\nY: b", NULL}, *nameless[] = {(char *)": b", NULL};
        struct rv_http_target *made;
        const struct {
                struct rv_endpoint endpoint;
                int code;
        } cases[] = {
                {{.url = (char *)"ftp://x"}, -EINVAL},
                {{.url = (char *)"nonsense"}, -EINVAL},
                {{.url = (char *)"http://user:hunter2@x/"}, -EINVAL},
                {{.url = (char *)"http://x", .headers = injected}, -EINVAL},
                {{.url = (char *)"http://x", .headers = nameless}, -EINVAL},
                {{.url = (char *)"http://x", .credential = (char *)"missing"}, -ENOENT},
                {{.url = (char *)"http://x", .credential = (char *)"lines"}, -EINVAL},
                {{.url = (char *)"https://x", .ca_file = (char *)"/nonexistent.pem"}, -ENOENT},
        };

        (void)state;
        write_file(directory, "lines", "s3cret\r\nX: y\n");
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++) {
                assert_int_equal(rv_http_target_new(&made, &cases[i].endpoint, directory, &err), cases[i].code);
                assert_lacks(err.text, "hunter2");
                assert_lacks(err.text, "s3cret");
        }
}

static void connections_are_reused(void **state) {
        (void)state;
        target = target_to((struct rv_endpoint){0});
        for (int i = 0; i < 10; i++)
                assert_int_equal(get("/echo")->status, 200);
        assert_string_equal(get("/connections")->body, "1 0");
        /* A server may close a kept connection whenever it likes. */
        for (int i = 0; i < 3; i++)
                assert_string_equal(get("/close")->body, "bye");
        assert_int_equal(get("/echo")->status, 200);
}

static void a_kept_connection_that_closes_leaves_the_loop_at_rest(void **state) {
        (void)state;
        target = target_to((struct rv_endpoint){0});
        assert_string_equal(get("/close")->body, "bye");
        /* What is left to see is one event at most, not one without end. */
        int turns = 0;
        while (turns < 10 && sd_event_run(event, 100000) > 0)
                turns++;
        assert_true(turns < 10);
        assert_int_equal(get("/echo")->status, 200);
}

static void requests_wait_for_their_turn(void **state) {
        (void)state;
        target = target_to((struct rv_endpoint){0});
        for (size_t i = 0; i < RV_ARRAY_SIZE(results); i++)
                request((struct rv_http_request){.path = "/slow"}, &results[i]);
        assert_int_equal(rv_http_client_active(client), RV_ARRAY_SIZE(results));
        wait_all();
        for (size_t i = 0; i < RV_ARRAY_SIZE(results); i++) {
                assert_int_equal(results[i].calls, 1);
                assert_string_equal(results[i].body, "done");
        }
        int connections, parallel;
        assert_int_equal(sscanf(get("/connections")->body, "%d %d", &connections, &parallel), 2);
        assert_true(connections <= RV_HTTP_PARALLEL_MAX);
        assert_true(parallel > 1 && parallel <= RV_HTTP_PARALLEL_MAX);
}

static void too_many_waiting_is_busy(void **state) {
        struct rv_error err = {0};
        struct rv_http_request what = {.path = "/silent", .response_bytes_max = 1};
        int r = 0;

        (void)state;
        target = target_to((struct rv_endpoint){0});
        for (size_t i = 0; r == 0; i++) {
                r = rv_http_send(client, target, &what, on_response, &results[0], NULL, &err);
                assert_true(i <= RV_HTTP_QUEUE_MAX + RV_HTTP_PARALLEL_MAX);
        }
        assert_int_equal(r, -EBUSY);
        assert_int_equal(rv_http_client_active(client), RV_HTTP_QUEUE_MAX + RV_HTTP_PARALLEL_MAX);
}

static void large_answers_are_cut_off(void **state) {
        (void)state;
        target = target_to((struct rv_endpoint){0});
        struct result *r = ask((struct rv_http_request){.path = "/big/1000", .response_bytes_max = 1000});
        assert_int_equal(r->result, 0);
        assert_int_equal(r->body_bytes, 1000);
        r = ask((struct rv_http_request){.path = "/big/1001", .response_bytes_max = 1000});
        assert_int_equal(r->result, -E2BIG);
        assert_contains(r->error, "too large");
        r = ask((struct rv_http_request){.path = "/big/5000000", .response_bytes_max = 5000000});
        assert_int_equal(r->body_bytes, 5000000);
        assert_int_equal(get("/echo")->status, 200);
}

static void failures_are_told(void **state) {
        (void)state;
        target = target_to((struct rv_endpoint){.timeout_usec = 200 * 1000});
        struct result *r = get("/silent");
        assert_int_equal(r->result, -ETIMEDOUT);
        assert_contains(r->error, "no whole answer within 200ms");
        r = get("/drip");
        assert_int_equal(r->result, -ETIMEDOUT);
        r = get("/cut");
        assert_int_equal(r->result, -EIO);
        r = get("/redirect");
        assert_int_equal(r->result, 0);
        assert_int_equal(r->status, 302);

        /* Behind silent ones the queue ends by its own deadline. */
        forget_results();
        for (size_t i = 0; i < RV_ARRAY_SIZE(results); i++)
                request((struct rv_http_request){.path = "/silent"}, &results[i]);
        wait_all();
        for (size_t i = 0; i < RV_ARRAY_SIZE(results); i++) {
                assert_int_equal(results[i].calls, 1);
                assert_int_equal(results[i].result, -ETIMEDOUT);
        }
        rv_http_target_unref(target);

        target = target_to((struct rv_endpoint){.url = (char *)"http://127.0.0.1:1/secret-path"});
        r = get("");
        assert_int_equal(r->result, -ECONNREFUSED);
        assert_contains(r->error, "127.0.0.1:1: ");
        assert_lacks(r->error, "secret-path");
        rv_http_target_unref(target);

        target = target_to((struct rv_endpoint){.url = (char *)"http://nowhere.invalid"});
        r = get("");
        assert_int_equal(r->result, -EHOSTUNREACH);
        assert_contains(r->error, "nowhere.invalid");
}

static void retry_after(void **state) {
        (void)state;
        target = target_to((struct rv_endpoint){0});
        assert_int_equal(get("/later")->retry_after_usec, 7 * RV_USEC_PER_SEC);
        int64_t usec = get("/later-date")->retry_after_usec;
        assert_true(usec > 2000 * RV_USEC_PER_SEC && usec <= 3000 * RV_USEC_PER_SEC);
        assert_int_equal(get("/echo")->retry_after_usec, 0);
}

static void cancelled_requests_stay_silent(void **state) {
        struct rv_http_transfer *handles[40];

        (void)state;
        target = target_to((struct rv_endpoint){0});
        for (size_t i = 0; i < 40; i++)
                handles[i] = request((struct rv_http_request){.path = "/slow"}, &results[i]);
        for (int i = 0; i < 5; i++)
                assert_true(sd_event_run(event, 1000) >= 0);
        for (size_t i = 0; i < 40; i += 2)
                if (results[i].calls == 0) {
                        rv_http_cancel(handles[i]);
                        results[i].calls = 100;
                }
        wait_all();
        for (size_t i = 0; i < 40; i++)
                assert_true(results[i].calls == 100 || (results[i].calls == 1 && results[i].status == 200));
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        (void)usec;
        (void)userdata;
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

/* As a daemon does that stops: the loop is over, and what is under way is called off one by one. */
static void cancelling_after_the_loop_calls_nobody_back(void **state) {
        struct rv_http_transfer *handles[40];

        (void)state;
        target = target_to((struct rv_endpoint){0});
        for (size_t i = 0; i < 40; i++)
                handles[i] = request((struct rv_http_request){.path = "/silent"}, &results[i]);
        assert_true(sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, 1000, 0, on_time, NULL) >= 0);
        assert_int_equal(sd_event_loop(event), 0);
        for (size_t i = 0; i < 40; i++)
                rv_http_cancel(handles[i]);
        assert_int_equal(rv_http_client_active(client), 0);
        for (size_t i = 0; i < 40; i++)
                assert_int_equal(results[i].calls, 0);
}

static void a_client_may_go_with_requests_under_way(void **state) {
        (void)state;
        target = target_to((struct rv_endpoint){0});
        for (size_t i = 0; i < 40; i++)
                request((struct rv_http_request){.path = "/slow"}, &results[i]);
        assert_true(sd_event_run(event, 1000) >= 0);
        client = rv_http_client_free(client);
        for (size_t i = 0; i < 40; i++)
                assert_int_equal(results[i].calls, 0);
}

static void on_response_send_again(const struct rv_http_response *response, void *userdata) {
        struct rv_http_request what = {.path = "/echo", .response_bytes_max = 10000};
        unsigned *left = userdata;
        struct rv_error err;

        assert_int_equal(response->result, 0);
        if (--*left > 0)
                assert_int_equal(rv_http_send(client, target, &what, on_response_send_again, left, NULL, &err), 0);
}

static void a_callback_may_send(void **state) {
        struct rv_http_request what = {.path = "/echo", .response_bytes_max = 10000};
        struct rv_error err;
        unsigned left = 20;

        (void)state;
        target = target_to((struct rv_endpoint){0});
        assert_int_equal(rv_http_send(client, target, &what, on_response_send_again, &left, NULL, &err), 0);
        wait_all();
        assert_int_equal(left, 0);
}

static void tls(void **state) {
        char path[256], ca[256], other[256], certificate[256], stranger[256];
        struct result *r;

        (void)state;
        make_certificates(directory);
        snprintf(path, sizeof(path), "%s need-client", directory);
        snprintf(ca, sizeof(ca), "%s/ca.pem", directory);
        snprintf(other, sizeof(other), "%s/other.pem", directory);
        snprintf(certificate, sizeof(certificate), "%s/ana.pem", directory);
        snprintf(stranger, sizeof(stranger), "%s/mallory.pem", directory);
        start_server(path);

        /* First, while there is no connection of this certificate to use again. */
        target = target_to(
                (struct rv_endpoint){.ca_file = ca, .cert_file = certificate, .key_credential = (char *)"mallory.key"});
        assert_int_equal(get("/echo")->result, -EPROTO);
        rv_http_target_unref(target);

        target = target_to(
                (struct rv_endpoint){.ca_file = ca, .cert_file = certificate, .key_credential = (char *)"ana.key"});
        r = get("/echo");
        if (r->result < 0)
                fail_msg("%s", r->error);
        assert_contains(r->body, "'commonName': 'ana'");
        assert_int_equal(get("/echo")->status, 200);
        rv_http_target_unref(target);

        target = target_to(
                (struct rv_endpoint){.ca_file = other, .cert_file = certificate, .key_credential = (char *)"ana.key"});
        r = get("/echo");
        assert_int_equal(r->result, -EPROTO);
        assert_contains(r->error, "certificate");
        rv_http_target_unref(target);

        target = target_to((struct rv_endpoint){.ca_file = ca});
        assert_true(get("/echo")->result < 0);
        rv_http_target_unref(target);

        target = target_to(
                (struct rv_endpoint){.ca_file = ca, .cert_file = stranger, .key_credential = (char *)"mallory.key"});
        assert_true(get("/echo")->result < 0);
}

int main(void) {
#define T(name, before) cmocka_unit_test_setup_teardown(name, before, teardown)
        const struct CMUnitTest tests[] = {
                T(get_and_post, setup_plain),
                T(credentials_and_headers, setup_plain),
                T(wrong_endpoints_are_refused, setup),
                T(connections_are_reused, setup_plain),
                T(a_kept_connection_that_closes_leaves_the_loop_at_rest, setup_plain),
                T(requests_wait_for_their_turn, setup_plain),
                T(too_many_waiting_is_busy, setup_plain),
                T(large_answers_are_cut_off, setup_plain),
                T(failures_are_told, setup_plain),
                T(retry_after, setup_plain),
                T(cancelled_requests_stay_silent, setup_plain),
                T(cancelling_after_the_loop_calls_nobody_back, setup_plain),
                T(a_client_may_go_with_requests_under_way, setup_plain),
                T(a_callback_may_send, setup_plain),
                T(tls, setup),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
