/* The head of a request: what libmicrohttpd lets pass and must not, and what it cannot answer for want of memory. */

#include "http/server_internal.h"

#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
        ARGUMENTS_MAX = 64, /* in a query: where they do not fit its memory, libmicrohttpd stops and says nothing */
        ENTRY_BYTES = 64,   /* that it takes of that memory for each header, argument and cookie, next to their text */
};

struct head {
        unsigned n_lengths, n_codings, n_hosts;
        const char *length, *coding;
        size_t bytes; /* of entries, and of cookies, which are copied */
};

static enum MHD_Result collect(void *userdata, enum MHD_ValueKind kind, const char *name, const char *value) {
        struct head *head = userdata;

        head->bytes += ENTRY_BYTES;
        if (kind == MHD_COOKIE_KIND)
                head->bytes += strlen(name) + (value ? strlen(value) : 0) + 2;
        if (kind != MHD_HEADER_KIND)
                return MHD_YES;
        if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
                head->n_lengths++;
                head->length = value;
        } else if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
                head->n_codings++;
                head->coding = value;
        } else if (strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0)
                head->n_hosts++;
        return MHD_YES;
}

/* How long is the body? Two answers to that are how requests are smuggled past a proxy: 400, and the end of the
 * connection. */
static bool read_length(const struct head *head, uint64_t *ret_bytes) {
        if (head->n_lengths + head->n_codings > 1)
                return false;
        *ret_bytes = 0;
        if (head->n_codings > 0) {
                *ret_bytes = UINT64_MAX;
                return head->coding && strcasecmp(head->coding, "chunked") == 0;
        }
        if (head->n_lengths == 0)
                return true;
        size_t digits = head->length ? strspn(head->length, "0123456789") : 0;
        if (digits == 0 || digits > 18 || head->length[digits] != '\0')
                return false;
        *ret_bytes = strtoull(head->length, NULL, 10);
        return true;
}

int head_check(struct MHD_Connection *mhd, const char *version, uint64_t *ret_body_bytes) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
        struct head head = {0};

        MHD_get_connection_values(mhd, MHD_HEADER_KIND | MHD_GET_ARGUMENT_KIND | MHD_COOKIE_KIND, collect, &head);
        if (info && info->header_size + head.bytes > RV_HTTP_HEAD_BYTES_MAX)
                return 431;
        if (head.n_hosts > 1 || (head.n_hosts == 0 && strcmp(version, MHD_HTTP_VERSION_1_1) == 0))
                return 400;
        return read_length(&head, ret_body_bytes) ? 0 : 400;
}

int head_check_uri(const char *uri) {
        size_t n = 0;

        for (const char *p = strchr(uri, '?'); p && n <= ARGUMENTS_MAX; p = strchr(p + 1, '&'))
                n++;
        if (n > ARGUMENTS_MAX || strlen(uri) + n * ENTRY_BYTES > RV_HTTP_HEAD_BYTES_MAX / 2)
                return 414;
        /* Behind an encoded NUL a path would go on unseen; a blank ends it for others. */
        return strstr(uri, "%00") || strchr(uri, ' ') ? 400 : 0;
}

void head_refuse(struct connection *connection, struct MHD_Connection *mhd, int status, const char *reason) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        char text[256];
        int n = snprintf(text, sizeof(text),
                         "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: application/json\r\n"
                         "Content-Length: %zu\r\n\r\n{\"error\":\"%s\"}\n",
                         status, status == 414 ? "URI Too Long" : "Request Header Fields Too Large",
                         strlen("{\"error\":\"\"}\n") + strlen(reason), reason);

        if (info && info->tls_session)
                (void)!gnutls_record_send(info->tls_session, text, (size_t)n);
        else
                (void)!send(connection->fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
        connection_end(connection);
}
