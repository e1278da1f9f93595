/* The HTTP server against real clients: curl, and sockets that send what curl would not. */

#include "server.h"

static void routes_methods_and_queries(void **state) {
        (void)state;
        start_with((struct rv_listen_config){0});
        assert_string_equal(curl("'http://127.0.0.1:%d/echo?q=a%%20b'", port()), "GET /echo q=a b body=\n");
        assert_string_equal(curl("-d hello http://127.0.0.1:%d/echo", port()), "POST /echo q= body=hello\n");
        assert_string_equal(last_actor, "loopback");
        assert_string_equal(curl("http://127.0.0.1:%d/tree/a/b", port()), "GET /tree/a/b q= body=\n");
        assert_string_equal(curl("http://127.0.0.1:%d/", port()), "GET / q= body=\n");
        assert_contains(curl("-I http://127.0.0.1:%d/echo", port()), "200 OK");
        assert_contains(curl("-i http://127.0.0.1:%d/nowhere", port()), "404 Not Found");
        const char *refused = curl("-i -X DELETE http://127.0.0.1:%d/echo", port());
        assert_contains(refused, "405 Method Not Allowed");
        assert_contains(refused, "Allow: GET, HEAD, POST");
        assert_contains(curl("-i http://127.0.0.1:%d/busy", port()), "Retry-After: 7");
        assert_int_equal(rv_http_server_get_metrics(server)->by_status[2], 5);
        assert_int_equal(rv_http_server_get_metrics(server)->by_status[4], 2);
        assert_int_equal(rv_http_server_get_metrics(server)->by_status[5], 1);
}

static void connections_are_kept(void **state) {
        (void)state;
        start_with((struct rv_listen_config){0});
        const char *out = curl("-w '%%{num_connects}\\n' -d x http://127.0.0.1:%d/echo -d y http://127.0.0.1:%d/echo",
                               port(), port());
        assert_contains(out, "1\n");
        assert_contains(out, "\n0\n");
}

static void large_bodies_are_refused(void **state) {
        (void)state;
        start_with((struct rv_listen_config){0});
        char command[256];
        snprintf(command, sizeof(command), "cd %s && head -c 524288 /dev/zero >fits && head -c 524289 /dev/zero >over",
                 directory);
        assert_int_equal(system(command), 0);

        assert_contains(curl("-i --data-binary @fits http://127.0.0.1:%d/echo", port()), "200 OK");
        assert_int_equal(last_body_bytes, 524288);
        assert_contains(curl("-i --data-binary @fits -H Transfer-Encoding:chunked http://127.0.0.1:%d/echo", port()),
                        "200 OK");
        assert_int_equal(last_body_bytes, 524288);
        calls = 0;
        assert_contains(curl("-i --data-binary @over http://127.0.0.1:%d/echo", port()), "413 ");
        assert_contains(curl("-i --data-binary @over -H Expect: http://127.0.0.1:%d/echo", port()), "413 ");
        assert_contains(curl("-i --data-binary @over -H Transfer-Encoding:chunked http://127.0.0.1:%d/echo", port()),
                        "413 ");
        assert_contains(curl("-i --data-binary @over -H Transfer-Encoding:chunked -H Expect: "
                             "http://127.0.0.1:%d/small",
                             port()),
                        "413 ");
        assert_int_equal(calls, 0);
        assert_int_equal(rv_http_server_get_metrics(server)->too_large, 4);
        assert_int_equal(server->bodies_bytes, 0);
}

static void endless_chunks_end(void **state) {
        (void)state;
        start_with((struct rv_listen_config){0});
        int fd = connect_raw();
        char chunk[65536 + 16], sink[4096];
        const char *head = "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
        int n = snprintf(chunk, sizeof(chunk), "10000\r\n");
        memset(chunk + n, 'x', 65536);
        memcpy(chunk + n + 65536, "\r\n", 2);
        for (;;) { /* until the server has had enough */
                ssize_t sent = send(fd, chunk, (size_t)n + 65536 + 2, MSG_NOSIGNAL);
                if (sent < 0 && errno != EAGAIN)
                        break;
                if (recv(fd, sink, sizeof(sink), 0) == 0)
                        break;
                turn(1000);
        }
        close(fd);
        assert_int_equal(calls, 0);
}

static void bodies_share_a_budget(void **state) {
        struct rv_http_server_limits limits = RV_HTTP_SERVER_LIMITS;

        (void)state;
        start_with((struct rv_listen_config){0});
        limits.bodies_bytes_max = 1000;
        rv_http_server_set_limits(server, &limits);
        const char *head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n";
        int first = connect_raw();
        assert_int_equal(send(first, head, strlen(head), MSG_NOSIGNAL), strlen(head));
        while (server->bodies_bytes == 0)
                turn(UINT64_MAX);
        const char *refused = curl("-i -d 0123456789%0200d http://127.0.0.1:%d/echo", 0, port());
        assert_contains(refused, "503 ");
        assert_contains(refused, "Retry-After: 1");
        close(first);
        while (server->bodies_bytes > 0)
                turn(UINT64_MAX);
        assert_contains(curl("-i -d 0123456789%0200d http://127.0.0.1:%d/echo", 0, port()), "200 OK");
}

static void ambiguous_framing_is_refused(void **state) {
        static const char *const requests[] = {
                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nhello",
                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
                "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n",
                "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                "GET /echo%00/x HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET /echo HTTP/1.1\r\n\r\n",
                "nonsense\r\n\r\n",
        };

        (void)state;
        start_with((struct rv_listen_config){0});
        for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
                const char *answer = exchange(requests[i]); /* ends: the connection is closed */
                if (*answer && strncmp(answer, "HTTP/1.1 400", 12) != 0 && strncmp(answer, "HTTP/1.1 413", 12) != 0)
                        fail_msg("request %zu: %s", i, answer);
        }
        assert_int_equal(calls, 0);
}

static void heads_are_limited(void **state) {
        (void)state;
        start_with((struct rv_listen_config){0});
        char request[40000];
        int n = snprintf(request, sizeof(request), "GET /echo HTTP/1.1\r\nHost: x\r\nX-Long: ");
        memset(request + n, 'a', 30000);
        strcpy(request + n + 30000, "\r\n\r\n");
        assert_contains(exchange(request), " 431 ");
        n = snprintf(request, sizeof(request), "GET /");
        memset(request + n, 'a', 30000);
        strcpy(request + n + 30000, " HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_contains(exchange(request), " 414 ");
        assert_int_equal(calls, 0);
}

/* A byte at a time, for ever: the server ends it, however lively it looks. */
static void drip(const char *head, bool is_kept) {
        struct rv_http_server_limits limits = RV_HTTP_SERVER_LIMITS;

        start_with((struct rv_listen_config){0});
        limits.request_usec = 150 * 1000;
        rv_http_server_set_limits(server, &limits);
        int fd = connect_raw();
        char sink[4096];
        if (is_kept) {
                const char *whole = "GET /open HTTP/1.1\r\nHost: x\r\n\r\n";
                assert_int_equal(send(fd, whole, strlen(whole), MSG_NOSIGNAL), strlen(whole));
                while (recv(fd, sink, sizeof(sink), 0) <= 0)
                        turn(UINT64_MAX);
        }
        assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
        for (;;) {
                if (send(fd, "a", 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
                        break;
                if (recv(fd, sink, sizeof(sink), 0) == 0)
                        break;
                while (sd_event_run(event, 2000) > 0)
                        ; /* until the server has seen it */
        }
        close(fd);
        assert_int_equal(rv_http_server_get_metrics(server)->timed_out, 1);
        while (rv_http_server_get_metrics(server)->connections > 0)
                turn(UINT64_MAX);
        assert_int_equal(server->bodies_bytes, 0);
}

static void slow_head_is_ended(void **state) {
        (void)state;
        drip("GET /echo HTTP/1.1\r\nHost: x\r\nX-Slow: ", false);
}
static void slow_head_on_a_kept_connection_is_ended(void **state) {
        (void)state;
        drip("GET /echo HTTP/1.1\r\nHost: x\r\nX-Slow: ", true);
}
static void slow_body_is_ended(void **state) {
        (void)state;
        drip("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", false);
}
static void silent_connection_is_ended(void **state) {
        struct rv_http_server_limits limits = RV_HTTP_SERVER_LIMITS;

        (void)state;
        start_with((struct rv_listen_config){0});
        limits.request_usec = 50 * 1000;
        rv_http_server_set_limits(server, &limits);
        assert_string_equal(read_to_end(connect_raw()), "");
        assert_int_equal(rv_http_server_get_metrics(server)->timed_out, 1);
}

/* libmicrohttpd 0.9.75 asks for another run at once, for ever, where the line before a chunk does not fit its buffer. */
static void a_chunk_line_without_end_is_ended(void **state) {
        struct rv_http_server_limits limits = RV_HTTP_SERVER_LIMITS;
        char request[40000];

        (void)state;
        start_with((struct rv_listen_config){0});
        limits.request_usec = 150 * 1000;
        rv_http_server_set_limits(server, &limits);
        int n = snprintf(request, sizeof(request),
                         "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;");
        memset(request + n, 'a', 30000);
        int fd = connect_raw();
        assert_int_equal(send(fd, request, (size_t)n + 30000, MSG_NOSIGNAL), n + 30000);
        while (!server->connections[false][PHASE_BUSY])
                turn(UINT64_MAX);
        assert_contains(curl("http://127.0.0.1:%d/open", port()), "GET");
        (void)read_to_end(fd);
        while (rv_http_server_get_metrics(server)->connections > 0)
                turn(UINT64_MAX);
        assert_int_equal(server->bodies_bytes, 0);
}

static void idle_connections_are_ended(void **state) {
        struct rv_http_server_limits limits = RV_HTTP_SERVER_LIMITS;

        (void)state;
        start_with((struct rv_listen_config){0});
        limits.idle_usec = 50 * 1000;
        rv_http_server_set_limits(server, &limits);
        assert_contains(exchange("GET /open HTTP/1.1\r\nHost: x\r\n\r\n"), "200 OK");
        assert_int_equal(rv_http_server_get_metrics(server)->timed_out, 0);
}

static void a_full_server_makes_room(void **state) {
        struct rv_http_server_limits limits = RV_HTTP_SERVER_LIMITS;
        int silent[40];

        (void)state;
        start_with((struct rv_listen_config){0});
        limits.connections_max[0] = 4;
        rv_http_server_set_limits(server, &limits);
        for (int i = 0; i < 40; i++) {
                silent[i] = connect_raw();
                turn(0);
        }
        /* The newest comes through, although all the others hold on. */
        assert_contains(curl("-i http://127.0.0.1:%d/open", port()), "200 OK");
        assert_true(rv_http_server_get_metrics(server)->connections <= 4);
        for (int i = 0; i < 40; i++)
                close(silent[i]);
}

static void idle_connections_are_counted(void **state) {
        struct rv_http_server_limits limits = RV_HTTP_SERVER_LIMITS;
        int kept[8];
        char sink[4096];

        (void)state;
        start_with((struct rv_listen_config){0});
        limits.idle_max[0] = 2;
        rv_http_server_set_limits(server, &limits);
        for (int i = 0; i < 8; i++) {
                const char *whole = "GET /open HTTP/1.1\r\nHost: x\r\n\r\n";
                kept[i] = connect_raw();
                assert_int_equal(send(kept[i], whole, strlen(whole), MSG_NOSIGNAL), strlen(whole));
                while (recv(kept[i], sink, sizeof(sink), 0) <= 0)
                        turn(UINT64_MAX);
        }
        while (rv_http_server_get_metrics(server)->connections > 2)
                turn(UINT64_MAX);
        for (int i = 0; i < 8; i++)
                close(kept[i]);
}

static void bearer(void **state) {
        (void)state;
        write_file(directory, "token", "s3cret\n");
        start_with((struct rv_listen_config){.credential = (char *)"token"});
        const char *refused = curl("-i http://127.0.0.1:%d/echo", port());
        assert_contains(refused, "401 Unauthorized");
        assert_contains(refused, "WWW-Authenticate: Bearer realm=\"revertd\"");
        assert_contains(curl("-i -H 'Authorization: Bearer s3cre' http://127.0.0.1:%d/echo", port()), "401 ");
        assert_contains(curl("-i -H 'Authorization: Bearer s3crets' http://127.0.0.1:%d/echo", port()), "401 ");
        assert_contains(curl("-i -u x:s3cret http://127.0.0.1:%d/echo", port()), "401 ");
        assert_int_equal(calls, 0);
        assert_contains(curl("-i -H 'Authorization: bearer s3cret' http://127.0.0.1:%d/echo", port()), "200 OK");
        assert_string_equal(last_actor, "token");
        assert_contains(curl("-i http://127.0.0.1:%d/open", port()), "200 OK");
        assert_int_equal(rv_http_server_get_metrics(server)->unauthorized, 4);
}

static void unauthorized_bodies_are_not_kept(void **state) {
        (void)state;
        write_file(directory, "token", "s3cret\n");
        start_with((struct rv_listen_config){.credential = (char *)"token"});
        int fd = connect_raw();
        const char *head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhel";
        assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
        while (rv_http_server_get_metrics(server)->unauthorized == 0)
                turn(UINT64_MAX);
        assert_int_equal(server->bodies_bytes, 0);
        assert_int_equal(send(fd, "lo", 2, MSG_NOSIGNAL), 2);
        assert_contains(read_to_end(fd), "401 Unauthorized");
        assert_int_equal(calls, 0);
}

static void basic(void **state) {
        (void)state;
        write_file(directory, "password", "pa:ss");
        start_with((struct rv_listen_config){.credential = (char *)"password", .username = (char *)"ops"});
        assert_contains(curl("-i http://127.0.0.1:%d/echo", port()), "WWW-Authenticate: Basic realm=\"revertd\"");
        assert_contains(curl("-i -u ops:wrong http://127.0.0.1:%d/echo", port()), "401 ");
        assert_contains(curl("-i -u sop:pa:ss http://127.0.0.1:%d/echo", port()), "401 ");
        assert_contains(curl("-i -H 'Authorization: Basic !!!' http://127.0.0.1:%d/echo", port()), "401 ");
        assert_int_equal(calls, 0);
        assert_contains(curl("-i -u ops:pa:ss http://127.0.0.1:%d/echo", port()), "200 OK");
        assert_string_equal(last_actor, "user ops");
}

static void exposed_without_authentication_is_refused(void **state) {
        static const char *const addresses[] = {":0", "0.0.0.0:0", "[::]:0"};
        struct rv_error err = {0};

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                char *list[] = {(char *)addresses[i], NULL};
                assert_int_equal(start(&(struct rv_listen_config){.addresses = list}, &err), -EPERM);
                assert_contains(err.text, "authentication");
        }
        write_file(directory, "token", "s3cret");
        char *list[] = {(char *)":0", NULL};
        start_with((struct rv_listen_config){.addresses = list, .credential = (char *)"token"});
        assert_contains(curl("-i -H 'Authorization: Bearer s3cret' http://127.0.0.1:%d/echo", port()), "200 OK");
}

static void wrong_addresses_are_refused(void **state) {
        static const char *const addresses[] = {
                "9798", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "::1:9798", "127.0.0.1:65536"};
        struct rv_error err = {0};

        (void)state;
        for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
                char *list[] = {(char *)addresses[i], NULL};
                assert_int_equal(start(&(struct rv_listen_config){.addresses = list}, &err), -EINVAL);
        }
        start_with((struct rv_listen_config){0});
        char taken[32];
        snprintf(taken, sizeof(taken), "127.0.0.1:%d", port());
        char *list[] = {taken, NULL};
        struct rv_http_server *other;
        assert_int_equal(rv_http_server_new(&other, event, &(struct rv_listen_config){.addresses = list}, NULL, NULL, 0,
                                            routes, 1, NULL, &err),
                         -EADDRINUSE);
        assert_contains(err.text, taken);
}

static void unix_socket(void **state) {
        char path[256], wanted[64];
        struct stat st;
        struct rv_error err = {0};

        (void)state;
        write_file(directory, "token", "s3cret");
        snprintf(path, sizeof(path), "%s/revertd.sock", directory);
        /* One that is left from before gives way. */
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        strcpy(address.sun_path, path);
        int stale = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof(address)), 0);
        close(stale);

        start_with((struct rv_listen_config){.socket = path, .credential = (char *)"token"});
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0660);
        assert_contains(curl("-i --unix-socket %s http://localhost/echo", path), "200 OK");
        snprintf(wanted, sizeof(wanted), "uid %u", getuid());
        assert_contains(last_actor, wanted);
        if (getuid() == 0)
                assert_string_equal(last_actor, "uid 0 (root)");

        /* One that answers does not. */
        struct rv_http_server *other;
        assert_int_equal(rv_http_server_new(&other, event, &(struct rv_listen_config){.socket = path}, NULL, NULL, 0,
                                            routes, 1, NULL, &err),
                         -EADDRINUSE);
        server = rv_http_server_free(server);
        assert_int_equal(stat(path, &st), -1);

        /* A file is no socket. */
        write_file(directory, "revertd.sock", "precious");
        assert_int_equal(start(&(struct rv_listen_config){.socket = path}, &err), -EEXIST);
        assert_int_equal(stat(path, &st), 0);
}

static void inherited_sockets_stay_open(void **state) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        struct rv_error err = {0};

        (void)state;
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 10), 0);
        for (int i = 0; i < 2; i++) { /* a restart */
                assert_int_equal(rv_http_server_new(&server, event, &(struct rv_listen_config){0}, NULL, &fd, 1, routes,
                                                    sizeof(routes) / sizeof(routes[0]), NULL, &err),
                                 0);
                assert_contains(curl("-i http://127.0.0.1:%d/echo", port()), "200 OK");
                server = rv_http_server_free(server);
        }
        close(fd);
        int no_listener = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(rv_http_server_new(&server, event, &(struct rv_listen_config){0}, NULL, &no_listener, 1,
                                            routes, 1, NULL, &err),
                         -EINVAL);
        close(no_listener);
}

#define TEN_ARGUMENTS "a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9&j=0&"
#define SEVENTY_ARGUMENTS                                                                                              \
        TEN_ARGUMENTS TEN_ARGUMENTS TEN_ARGUMENTS TEN_ARGUMENTS TEN_ARGUMENTS TEN_ARGUMENTS TEN_ARGUMENTS

static void tls(void **state) {
        char certificate[256];
        struct rv_error err = {0};

        (void)state;
        make_certificates(directory);
        snprintf(certificate, sizeof(certificate), "%s/server.pem", directory);
        start_with((struct rv_listen_config){.cert_file = certificate, .key_credential = (char *)"server.key"});
        assert_contains(curl("-i --cacert ca.pem https://127.0.0.1:%d/echo", port()), "200 OK");
        assert_contains(curl("-i --cacert other.pem https://127.0.0.1:%d/echo", port()), "certificate");
        assert_contains(curl("-i --cacert ca.pem --tls-max 1.2 https://127.0.0.1:%d/echo", port()), "200 OK");
        /* What libmicrohttpd would not answer is answered past it. */
        assert_contains(curl("-i --cacert ca.pem 'https://127.0.0.1:%d/echo?" SEVENTY_ARGUMENTS "'", port()), "414 ");
        calls = 0;
        curl("-i --cacert ca.pem --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 https://127.0.0.1:%d/echo", port());
        curl("-i http://127.0.0.1:%d/echo", port());
        assert_int_equal(calls, 0);
        server = rv_http_server_free(server);

        /* A key of another certificate. */
        char *list[] = {(char *)"127.0.0.1:0", NULL};
        assert_true(start(&(struct rv_listen_config){.addresses = list,
                                                     .cert_file = certificate,
                                                     .key_credential = (char *)"ana.key"},
                          &err) < 0);
}

static void client_certificates(void **state) {
        char certificate[256], ca[256];
        char *list[] = {(char *)":0", NULL};

        (void)state;
        make_certificates(directory);
        snprintf(certificate, sizeof(certificate), "%s/server.pem", directory);
        snprintf(ca, sizeof(ca), "%s/ca.pem", directory);
        start_with((struct rv_listen_config){.addresses = list, /* beyond loopback: it is authentication enough */
                                             .cert_file = certificate,
                                             .key_credential = (char *)"server.key",
                                             .client_ca_file = ca});
        assert_contains(curl("-i --cacert ca.pem --cert ana.pem --key ana.key https://127.0.0.1:%d/echo", port()),
                        "200 OK");
        assert_string_equal(last_actor, "ana");
        calls = 0;
        assert_contains(curl("-i --cacert ca.pem https://127.0.0.1:%d/echo", port()), "403 ");
        curl("-i --cacert ca.pem --cert mallory.pem --key mallory.key https://127.0.0.1:%d/echo", port());
        curl("-i --cacert ca.pem --cert server.pem --key server.key https://127.0.0.1:%d/echo", port());
        assert_int_equal(calls, 0);
        assert_contains(curl("-i --cacert ca.pem https://127.0.0.1:%d/open", port()), "200 OK");
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(routes_methods_and_queries),
                T(connections_are_kept),
                T(large_bodies_are_refused),
                T(endless_chunks_end),
                T(bodies_share_a_budget),
                T(ambiguous_framing_is_refused),
                T(heads_are_limited),
                T(slow_head_is_ended),
                T(slow_head_on_a_kept_connection_is_ended),
                T(slow_body_is_ended),
                T(silent_connection_is_ended),
                T(a_chunk_line_without_end_is_ended),
                T(idle_connections_are_ended),
                T(a_full_server_makes_room),
                T(idle_connections_are_counted),
                T(bearer),
                T(unauthorized_bodies_are_not_kept),
                T(basic),
                T(exposed_without_authentication_is_refused),
                T(wrong_addresses_are_refused),
                T(unix_socket),
                T(inherited_sockets_stay_open),
                T(tls),
                T(client_certificates),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
