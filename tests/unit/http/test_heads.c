/* Heads of requests: each gets one answer at once, however long it is and whatever it is made of. */

#include "server.h"

/* One answer, and the first words of it. No other head may follow it. */
static const char *answer(const char *request) {
        const char *text = exchange(request), *first = strstr(text, "HTTP/1."), *end = strstr(text, "\r\n\r\n");

        if (first != text || !end || strstr(end, "Content-Length:"))
                fail_msg("%.100s: %zu bytes: %s", request, strlen(request), text);
        return text;
}

static const char *status_of(const char *text) {
        static char status[4];
        snprintf(status, sizeof(status), "%.3s", text + strlen("HTTP/1.1 "));
        return status;
}

static char *query(size_t n, int digits) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        fputs("GET /echo?q=1", f);
        for (size_t i = 1; i < n; i++)
                fprintf(f, "&a%zu=%0*d", i, digits, 1);
        fputs(" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", f);
        fclose(f);
        return text;
}

static void a_query_is_limited(void **state) {
        static const struct {
                size_t n;
                int digits;
                const char *status;
        } cases[] = {{1, 1, "200"},   {64, 1, "200"},  {65, 1, "414"},  {230, 1, "414"}, {240, 1, "414"},
                     {300, 1, "414"}, {999, 1, "414"}, {64, 50, "200"}, {64, 90, "414"}, {64, 200, "414"}};

        (void)state;
        start_with((struct rv_listen_config){0});
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *request = query(cases[i].n, cases[i].digits);
                const char *text = answer(request);
                if (strcmp(status_of(text), cases[i].status) != 0)
                        fail_msg("%zu arguments: %s", cases[i].n, text);
        }
        assert_int_equal(rv_http_server_get_metrics(server)->timed_out, 0);
        assert_int_equal(calls, 3);
}

static void each_length_is_answered(void **state) {
        enum { FROM = 15000, TO = 18000, STEP = 20 };
        static char request[TO + 1];
        unsigned large = 0;

        (void)state;
        start_with((struct rv_listen_config){0});
        for (int n = FROM; n < TO; n += STEP) {
                int head =
                        snprintf(request, sizeof(request), "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: ");
                memset(request + head, 'a', (size_t)(n - head - 4));
                memcpy(request + n - 4, "\r\n\r\n", 5);
                const char *status = status_of(answer(request));
                large += strcmp(status, "431") == 0;
                assert_string_equal(status, large > 0 ? "431" : "200");
        }
        assert_in_range(calls, 50, 100); /* up to a little less than 16 KiB */
        assert_int_equal(rv_http_server_get_metrics(server)->timed_out, 0);
}

static void each_number_of_headers_is_answered(void **state) {
        static char request[4096];

        (void)state;
        start_with((struct rv_listen_config){0});
        for (size_t n = 150; n < 300; n++) {
                char *p = stpcpy(request, "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
                for (size_t i = 0; i < n; i++)
                        p = stpcpy(p, "a:b\r\n");
                stpcpy(p, "\r\n");
                const char *status = status_of(answer(request));
                assert_true(strcmp(status, "200") == 0 || strcmp(status, "431") == 0);
        }
        assert_int_equal(rv_http_server_get_metrics(server)->timed_out, 0);
}

static void the_host_is_there_once(void **state) {
        static const struct {
                const char *request, *status;
        } cases[] = {
                {"GET /echo HTTP/1.1\r\nConnection: close\r\n\r\n", "400"},
                {"GET /echo HTTP/1.1\r\nHost: x\r\nHost: x\r\nConnection: close\r\n\r\n", "400"},
                {"GET /echo HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", "200"},
                {"GET /echo HTTP/1.0\r\n\r\n", "200"},
                {"GET /ec ho HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "400"},
        };

        (void)state;
        start_with((struct rv_listen_config){0});
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++)
                assert_string_equal(status_of(answer(cases[i].request)), cases[i].status);
        assert_int_equal(calls, 2);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(a_query_is_limited),
                T(each_length_is_answered),
                T(each_number_of_headers_is_answered),
                T(the_host_is_there_once),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
