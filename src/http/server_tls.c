/* TLS: the certificate, its key and the CA of clients, read at the start and again at each reload. */

#include "http/server_internal.h"
#include "revertd/cleanup.h"
#include "revertd/credential.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 1024 * 1024 };

struct tls {
        char *certificate, *key;
        char *ca; /* of clients; NULL: they show no certificate */
};

static void tls_done(struct tls *tls) {
        free(tls->certificate);
        rv_credential_free(tls->key);
        free(tls->ca);
}

static int read_file(const char *path, char **ret, struct rv_error *err) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        _cleanup_free_ char *text = calloc(1, FILE_BYTES_MAX + 1);

        if (!text)
                return rv_error_oom(err);
        size_t n = f ? fread(text, 1, FILE_BYTES_MAX + 1, f) : 0;
        if (!f || ferror(f))
                return rv_error_set(err, -errno, "%s: %s", path, strerror(errno));
        if (n > FILE_BYTES_MAX)
                return rv_error_set(err, -EFBIG, "%s: too large", path);
        *ret = strndup(text, n);
        return *ret ? 0 : rv_error_oom(err);
}

static gnutls_datum_t datum(char *text) {
        return (gnutls_datum_t){(unsigned char *)text, text ? (unsigned)strlen(text) : 0};
}

/* libmicrohttpd would only say that it did not start. */
static int check(const struct tls *tls, const struct rv_listen_config *listen, struct rv_error *err) {
        gnutls_datum_t certificate = datum(tls->certificate), key = datum(tls->key), ca = datum(tls->ca);
        gnutls_certificate_credentials_t credentials;
        int r;

        if (gnutls_certificate_allocate_credentials(&credentials) < 0)
                return rv_error_oom(err);
        r = gnutls_certificate_set_x509_key_mem(credentials, &certificate, &key, GNUTLS_X509_FMT_PEM);
        if (r < 0)
                r = rv_error_set(err, -EINVAL, "%s with the key in credential %s: %s", listen->cert_file,
                                 listen->key_credential, gnutls_strerror(r));
        else if (tls->ca && gnutls_certificate_set_x509_trust_mem(credentials, &ca, GNUTLS_X509_FMT_PEM) <= 0)
                r = rv_error_set(err, -EINVAL, "%s: there is no certificate in it", listen->client_ca_file);
        gnutls_certificate_free_credentials(credentials);
        return r;
}

static int read_tls(struct tls *tls, const struct rv_listen_config *listen, const char *credentials_directory,
                    struct rv_error *err) {
        int r;

        if (!listen->key_credential)
                return rv_error_set(err, -EINVAL, "cert_file needs key_credential");
        r = read_file(listen->cert_file, &tls->certificate, err);
        if (r >= 0 && listen->client_ca_file)
                r = read_file(listen->client_ca_file, &tls->ca, err);
        if (r >= 0)
                r = rv_credential_read(credentials_directory, listen->key_credential, &tls->key, err);
        return r < 0 ? r : check(tls, listen, err);
}

/* Of what was read, so that it is known again where it has not changed. */
static int digest(const struct tls *tls, unsigned char ret[static RV_HTTP_TLS_DIGEST_BYTES]) {
        const char *const parts[] = {tls->certificate, tls->key, tls->ca ? tls->ca : ""};
        gnutls_hash_hd_t hash;
        int r = gnutls_hash_init(&hash, GNUTLS_DIG_SHA256);

        if (r < 0)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < RV_ARRAY_SIZE(parts); i++)
                r = gnutls_hash(hash, parts[i], strlen(parts[i]) + 1);
        gnutls_hash_deinit(hash, ret);
        return r < 0 ? -ENOMEM : 0;
}

static int start(struct backend **ret, struct rv_http_server *server, const struct tls *tls, struct rv_error *err) {
        struct MHD_OptionItem options[] = {
                {MHD_OPTION_HTTPS_MEM_CERT, 0, tls->certificate},
                {MHD_OPTION_HTTPS_MEM_KEY, 0, tls->key},
                {MHD_OPTION_HTTPS_PRIORITIES, 0, (char *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
                {tls->ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0, tls->ca},
                {MHD_OPTION_END, 0, NULL},
        };

        return backend_new(ret, server, options, err);
}

/* *ret stays as it is where all is as with `before` (NULL: there is none). */
static int start_changed(struct backend **ret, const struct backend *before, struct rv_http_server *server,
                         const struct rv_listen_config *listen, const char *credentials_directory,
                         struct rv_error *err) {
        __attribute__((cleanup(tls_done))) struct tls tls = {0};
        unsigned char read[RV_HTTP_TLS_DIGEST_BYTES];
        int r = read_tls(&tls, listen, credentials_directory, err);

        if (r < 0)
                return rv_error_prefix(err, r, "listen");
        if (digest(&tls, read) < 0)
                return rv_error_oom(err);
        if (before && memcmp(before->tls_digest, read, sizeof(read)) == 0)
                return 0;
        r = start(ret, server, &tls, err);
        if (r == 0) {
                (*ret)->is_tls = true;
                memcpy((*ret)->tls_digest, read, sizeof(read));
        }
        return r;
}

int tls_start(struct rv_http_server *server, const struct rv_listen_config *listen, const char *credentials_directory,
              struct rv_error *err) {
        return start_changed(&server->backend[false], NULL, server, listen, credentials_directory, err);
}

int rv_http_server_read_certificate(struct rv_http_server *server, const struct rv_listen_config *listen,
                                    const char *credentials_directory, struct rv_error *err) {
        const struct backend *before = server->backend[false];

        server->renewed = backend_free(server->renewed);
        if (!before || !before->is_tls || !listen->cert_file ||
            server->auth.is_by_certificate != (listen->client_ca_file != NULL))
                return 0;
        return start_changed(&server->renewed, before, server, listen, credentials_directory, err);
}

bool rv_http_server_use_certificate(struct rv_http_server *server) {
        if (!server->renewed)
                return false;
        backend_replace(server, false, RV_TAKE(server->renewed));
        return true;
}
