/* Who is asking: peer credentials of the Unix socket, a credential, a client certificate. */

#include "http/server_internal.h"
#include "revertd/cleanup.h"
#include "revertd/text.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* From the file alone: the name service may ask the network, and take its time. */
void auth_name_peer(int fd, char actor[static 128]) {
        struct ucred peer;
        socklen_t n = sizeof(peer);
        struct passwd entry, *found;
        char buf[1024];

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0) {
                snprintf(actor, 128, "unknown");
                return;
        }
        snprintf(actor, 128, "uid %u", peer.uid);
        _cleanup_fclose_ FILE *f = fopen("/etc/passwd", "re");
        while (f && fgetpwent_r(f, &entry, buf, sizeof(buf), &found) == 0)
                if (entry.pw_uid == peer.uid) {
                        snprintf(actor, 128, "uid %u (%.100s)", peer.uid, entry.pw_name);
                        return;
                }
}

/* -- a client certificate -- */

static int read_common_name(gnutls_session_t session, char *name, size_t size) {
        unsigned n = 0;
        const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);
        gnutls_x509_crt_t certificate;
        int r;

        if (!chain || n == 0 || gnutls_x509_crt_init(&certificate) < 0)
                return -1;
        r = gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER);
        if (r >= 0)
                r = gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size);
        gnutls_x509_crt_deinit(certificate);
        return r;
}

static bool check_certificate(struct MHD_Connection *mhd, char actor[static 128]) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                         .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT};
        unsigned status = 0;
        char name[256];

        if (!info || !info->tls_session)
                return false;
        if (gnutls_certificate_verify_peers(info->tls_session, &purpose, 1, &status) < 0 || status != 0)
                return false;
        if (read_common_name(info->tls_session, name, sizeof(name)) < 0)
                snprintf(name, sizeof(name), "client certificate");
        _cleanup_free_ char *safe = rv_text_line(name, 120);
        snprintf(actor, 128, "%s", safe ? safe : "client certificate");
        return true;
}

/* -- a credential -- */

static const char *after_scheme(const char *header, const char *scheme) {
        size_t n = strlen(scheme);

        if (!header || strncasecmp(header, scheme, n) != 0 || header[n] != ' ')
                return NULL;
        return header + n + strspn(header + n, " ");
}

static bool check_basic(const struct auth *auth, const char *encoded) {
        gnutls_datum_t in = {(unsigned char *)encoded, (unsigned)strlen(encoded)}, out = {0};
        bool is_right = false;

        if (gnutls_base64_decode2(&in, &out) < 0)
                return false;
        bool is_text = memchr(out.data, '\0', out.size) == NULL;
        char *pair = strndup((const char *)out.data, out.size);
        char *colon = pair && is_text ? strchr(pair, ':') : NULL;
        if (colon) {
                *colon = '\0';
                /* Both, always: which of them was wrong stays unsaid by time, too. */
                bool is_user = rv_text_equal_secret(pair, auth->username);
                bool is_password = rv_text_equal_secret(colon + 1, auth->secret);
                is_right = is_user && is_password;
        }
        if (pair)
                explicit_bzero(pair, out.size);
        free(pair);
        explicit_bzero(out.data, out.size);
        gnutls_free(out.data);
        return is_right;
}

static bool check_credential(const struct auth *auth, struct MHD_Connection *mhd, char actor[static 128]) {
        const char *header = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
        const char *value = after_scheme(header, auth->username ? "Basic" : "Bearer");

        if (!value)
                return false;
        if (auth->username) {
                snprintf(actor, 128, "user %.100s", auth->username);
                return check_basic(auth, value);
        }
        snprintf(actor, 128, "token");
        return rv_text_equal_secret(value, auth->secret);
}

enum auth_result auth_check(const struct auth *auth, struct MHD_Connection *mhd, bool is_local,
                            char actor[static 128]) {
        if (is_local)
                return AUTH_OK;
        if (auth->is_by_certificate)
                return check_certificate(mhd, actor) ? AUTH_OK : AUTH_NEEDS_CERTIFICATE;
        if (auth->secret)
                return check_credential(auth, mhd, actor) ? AUTH_OK : AUTH_NEEDS_CREDENTIAL;
        snprintf(actor, 128, "loopback");
        return AUTH_OK;
}

const char *auth_challenge(const struct auth *auth) {
        return auth->username ? "Basic realm=\"revertd\", charset=\"UTF-8\"" : "Bearer realm=\"revertd\"";
}
