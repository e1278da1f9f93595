/* Bodies that are signed by a secret that both sides know. */

#include "http/server_internal.h"
#include "revertd/clock.h"

#include <gnutls/crypto.h>
#include <string.h>
#include <strings.h>

enum { MAC_BYTES = 32, TIME_DIGITS_MAX = 12 };

static int digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        c |= 0x20;
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One that is empty is none: Gitea sends such where it has no secret. */
static bool read_mac(const char *text, unsigned char mac[static MAC_BYTES]) {
        static const char scheme[] = "sha256=";
        size_t n = strlen(scheme);

        if (strncasecmp(text, scheme, n) == 0)
                text += n;
        if (strlen(text) != (size_t)2 * MAC_BYTES)
                return false;
        for (size_t i = 0; i < MAC_BYTES; i++) {
                int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
                if (high < 0 || low < 0)
                        return false;
                mac[i] = (unsigned char)(high << 4 | low);
        }
        return true;
}

static bool is_recent(const char *text, int64_t now_usec) {
        size_t n = strlen(text);

        if (n == 0 || n > TIME_DIGITS_MAX || strspn(text, "0123456789") != n)
                return false;
        int64_t skew_sec = strtoll(text, NULL, 10) - now_usec / RV_USEC_PER_SEC;
        return skew_sec <= RV_HTTP_SIGNATURE_SKEW_SEC && skew_sec >= -RV_HTTP_SIGNATURE_SKEW_SEC;
}

static bool compute(const struct rv_http_signature *signature, const char *time, const char *body, size_t n,
                    unsigned char mac[static MAC_BYTES]) {
        gnutls_hmac_hd_t hmac;

        if (gnutls_hmac_init(&hmac, GNUTLS_MAC_SHA256, signature->secret, strlen(signature->secret)) < 0)
                return false;
        bool is_done = !time || (gnutls_hmac(hmac, time, strlen(time)) >= 0 && gnutls_hmac(hmac, ":", 1) >= 0);
        is_done = is_done && gnutls_hmac(hmac, body, n) >= 0;
        gnutls_hmac_deinit(hmac, mac);
        return is_done;
}

bool signature_check(const struct rv_http_signature *signature, struct MHD_Connection *mhd, const char *body, size_t n,
                     int64_t now_usec) {
        const char *text = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, signature->header), *time = NULL;
        unsigned char said[MAC_BYTES], right[MAC_BYTES];

        if (!text || !read_mac(text, said))
                return false;
        if (signature->time_header) {
                time = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, signature->time_header);
                if (!time || !is_recent(time, now_usec))
                        return false;
        }
        return compute(signature, time, body, n, right) && gnutls_memcmp(said, right, MAC_BYTES) == 0;
}
