/* Bodies that are signed, instead of a credential that is shown. */

#include "server.h"

static void signatures(void **state) {
        static const char *const right[] = {"sha256=" SIGNATURE, SIGNATURE,
                                            "SHA256=5BDCC146BF60754E6A042426089575C75A003"
                                            "F089D2739839DEC58B964EC3843"};
        static const char *const wrong[] = {
                "",
                "sha256=",
                "sha1=" SIGNATURE,
                "sha256=" SIGNATURE "00",
                "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec38",
                "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3842",
                "sha256=0bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec384g",
        };

        (void)state;
        write_file(directory, "token", "s3cret\n");
        start_with((struct rv_listen_config){.credential = (char *)"token"});
        for (size_t i = 0; i < RV_ARRAY_SIZE(wrong); i++) {
                const char *refused = curl("-i -H 'X-Signature%s %s' -H 'Authorization: Bearer s3cret' -d '%s' "
                                           "http://127.0.0.1:%d/signed/yes",
                                           wrong[i][0] ? ":" : ";", wrong[i], SIGNED, port());
                assert_contains(refused, "403 Forbidden");
                assert_contains(refused, "the signature is missing, or is not that of the body");
        }
        assert_contains(curl("-i -d '%s' http://127.0.0.1:%d/signed/yes", SIGNED, port()), "403 Forbidden");
        assert_contains(
                curl("-i -H 'X-Signature: %s' -d '%s?' http://127.0.0.1:%d/signed/yes", SIGNATURE, SIGNED, port()),
                "403 Forbidden");
        assert_int_equal(calls, 0);
        assert_int_equal(rv_http_server_get_metrics(server)->unauthorized, RV_ARRAY_SIZE(wrong) + 2);
        for (size_t i = 0; i < RV_ARRAY_SIZE(right); i++) {
                assert_contains(curl("-i -H 'X-Signature: %s' -d '%s' http://127.0.0.1:%d/signed/yes", right[i], SIGNED,
                                     port()),
                                "200 OK");
                assert_string_equal(last_actor, "signature");
        }
        assert_int_equal(server->bodies_bytes, 0);
        /* Elsewhere it is worth nothing. */
        assert_contains(
                curl("-i -H 'X-Signature: %s' -d '%s' http://127.0.0.1:%d/signed/no", SIGNATURE, SIGNED, port()),
                "401 ");
        assert_contains(curl("-i -H 'X-Signature: %s' http://127.0.0.1:%d/signed/yes", SIGNATURE, port()), "405 ");
}

static void a_signature_that_a_reload_takes_away_opens_nothing(void **state) {
        const char *head = "POST /signed/yes HTTP/1.1\r\nHost: x\r\nX-Signature: " SIGNATURE
                           "\r\nContent-Length: 28\r\nConnection: close\r\n\r\nwhat";

        (void)state;
        write_file(directory, "token", "s3cret\n");
        start_with((struct rv_listen_config){.credential = (char *)"token"});
        int fd = connect_raw();
        assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
        while (server->bodies_bytes == 0)
                turn(UINT64_MAX);
        is_signed = false;
        assert_int_equal(send(fd, &SIGNED[4], strlen(SIGNED) - 4, MSG_NOSIGNAL), strlen(SIGNED) - 4);
        assert_contains(read_to_end(fd), "403 ");
        is_signed = true;
        assert_int_equal(calls, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(signatures, setup, teardown),
                cmocka_unit_test_setup_teardown(a_signature_that_a_reload_takes_away_opens_nothing, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
