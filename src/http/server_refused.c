/* Who asks without the right credential is answered, counted and named in the log: once a minute, for anybody can ask. */
#include "http/server_internal.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/log.h"
#include "revertd/text.h"

#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>

#define LOG_EVERY_USEC RV_USEC_PER_MINUTE
enum { PATH_SHOWN_MAX = 100 };

static void name_peer(int fd, char buf[static NI_MAXHOST]) {
        struct sockaddr_storage address = {0};
        socklen_t n = sizeof(address);

        if (getpeername(fd, (struct sockaddr *)&address, &n) < 0 ||
            getnameinfo((struct sockaddr *)&address, n, buf, NI_MAXHOST, NULL, 0, NI_NUMERICHOST) != 0)
                snprintf(buf, NI_MAXHOST, "unknown");
}

void refused_note(struct connection *connection, const char *url, const char *why) {
        struct rv_http_server *server = connection->server;
        int64_t now_usec = rv_clock_monotonic_usec();
        char from[NI_MAXHOST], others[24] = "";

        server->metrics.unauthorized++;
        if (server->refused_logged_usec > 0 && now_usec - server->refused_logged_usec < LOG_EVERY_USEC) {
                server->n_refused_unlogged++;
                return;
        }
        _cleanup_free_ char *path = rv_text_line(url, PATH_SHOWN_MAX);
        name_peer(connection->fd, from);
        if (server->n_refused_unlogged > 0)
                snprintf(others, sizeof(others), "%" PRIu64, server->n_refused_unlogged);
        rv_log(RV_LOG_WARN, RV_EV_NONE, "a request was refused", "path", path, "from", from, "why", why,
               "others_before", *others ? others : NULL, NULL);
        server->refused_logged_usec = now_usec;
        server->n_refused_unlogged = 0;
}
