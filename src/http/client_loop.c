/* curl's multi-socket interface on sd-event.
 *
 * Between two requests on a kept connection curl takes its socket out of the loop and puts it back. The event source is
 * kept instead, so that a request costs no epoll_ctl() at all; it is dropped when curl says that it closes the socket.
 * Sockets of which curl does not say so (those of its resolver) are watched only while curl asks for it. */

#include "http/client_internal.h"
#include "revertd/clock.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { TIMER_ACCURACY_MSEC = 5 };

static int64_t loop_now_usec(struct rv_http_client *client) {
        uint64_t now = 0;

        sd_event_now(client->event, CLOCK_MONOTONIC, &now);
        return (int64_t)now;
}

static void run_curl(struct rv_http_client *client, curl_socket_t fd, int action) {
        int running, left;

        curl_multi_socket_action(client->multi, fd, action, &running);
        for (const CURLMsg *msg; (msg = curl_multi_info_read(client->multi, &left));)
                if (msg->msg == CURLMSG_DONE)
                        client_finish(client, msg->easy_handle, msg->data.result);
}

/* -- sockets -- */

static int on_socket_event(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct watch *watch = userdata;
        int action = 0;

        if (watch->is_idle) /* the server closed a kept connection; curl finds out when it wants it */
                return sd_event_source_set_enabled(source, SD_EVENT_OFF);
        if (events & (EPOLLIN | EPOLLHUP))
                action |= CURL_CSELECT_IN;
        if (events & EPOLLOUT)
                action |= CURL_CSELECT_OUT;
        if (events & EPOLLERR)
                action |= CURL_CSELECT_ERR;
        run_curl(watch->client, fd, action);
        return 0;
}

static struct watch *watch_find(struct rv_http_client *client, int fd) {
        struct watch *watch;

        DL_SEARCH_SCALAR(client->watches, watch, fd, fd);
        return watch;
}

static struct watch *watch_new(struct rv_http_client *client, int fd, bool is_connection) {
        struct watch *watch = calloc(1, sizeof(*watch));

        if (!watch)
                return NULL;
        watch->client = client;
        watch->fd = fd;
        watch->is_connection = is_connection;
        DL_PREPEND(client->watches, watch);
        return watch;
}

static void watch_drop(struct watch *watch) {
        DL_DELETE(watch->client->watches, watch);
        sd_event_source_disable_unref(watch->source);
        free(watch);
}

static int watch_set(struct watch *watch, uint32_t events) {
        watch->is_idle = false;
        if (!watch->source)
                return sd_event_add_io(watch->client->event, &watch->source, watch->fd, events, on_socket_event, watch);
        int r = sd_event_source_set_io_events(watch->source, events);
        return r < 0 ? r : sd_event_source_set_enabled(watch->source, SD_EVENT_ON);
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *userdata, void *unused) {
        struct rv_http_client *client = userdata;
        struct watch *watch = watch_find(client, fd);

        (void)easy;
        (void)unused;
        if (what == CURL_POLL_REMOVE) {
                if (watch && !watch->is_connection)
                        watch_drop(watch);
                else if (watch)
                        watch->is_idle = true;
                return 0;
        }
        if (!watch && !(watch = watch_new(client, fd, false)))
                return -1;
        uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
        return watch_set(watch, events) < 0 ? -1 : 0;
}

static curl_socket_t on_socket_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address) {
        struct rv_http_client *client = userdata;

        (void)purpose;
        int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
        if (fd < 0)
                return CURL_SOCKET_BAD;
        struct watch *stale = watch_find(client, fd);
        if (stale)
                watch_drop(stale);
        if (!watch_new(client, fd, true)) {
                close(fd);
                return CURL_SOCKET_BAD;
        }
        return fd;
}

static int on_socket_close(void *userdata, curl_socket_t fd) {
        struct rv_http_client *client = userdata;
        struct watch *watch = watch_find(client, fd);

        if (watch)
                watch_drop(watch);
        return close(fd);
}

void client_loop_prepare_easy(struct rv_http_client *client, CURL *easy) {
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket_open);
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, client);
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_socket_close);
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, client);
        /* What is not in the environment when the client is made is not looked for again with each request. */
        if (!client->has_proxy)
                curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
}

/* -- time -- */

static int on_kick(sd_event_source *source, void *userdata) {
        struct rv_http_client *client = userdata;

        (void)source;
        if (client->n_waiting > 0)
                client_start_waiting(client);
        run_curl(client, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

/* Fails on a loop that is finished, where there is no next turn to care about. */
void client_loop_kick(struct rv_http_client *client) {
        (void)sd_event_source_set_enabled(client->kick, SD_EVENT_ONESHOT);
}

static int set_timer(struct rv_http_client *client, int64_t due_usec) {
        client->timer_usec = due_usec;
        if (due_usec == RV_USEC_INFINITY)
                return sd_event_source_set_enabled(client->timer, SD_EVENT_OFF);
        int r = sd_event_source_set_time(client->timer, (uint64_t)due_usec);
        return r < 0 ? r : sd_event_source_set_enabled(client->timer, SD_EVENT_ONESHOT);
}

/* curl moves its timer with every request. Setting it later costs nothing: it comes, sees that it is early, and is set
 * again. */
static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct rv_http_client *client = userdata;

        (void)source;
        (void)usec;
        client->timer_usec = RV_USEC_INFINITY;
        if (client->curl_due_usec > loop_now_usec(client))
                return set_timer(client, client->curl_due_usec);
        client->curl_due_usec = RV_USEC_INFINITY;
        run_curl(client, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

static int on_timer_wanted(CURLM *multi, long msec, void *userdata) {
        struct rv_http_client *client = userdata;

        (void)multi;
        if (msec == 0) {
                client_loop_kick(client);
                return 0;
        }
        client->curl_due_usec = msec < 0 ? RV_USEC_INFINITY : loop_now_usec(client) + msec * RV_USEC_PER_MSEC;
        if (client->curl_due_usec < client->timer_usec)
                (void)set_timer(client, client->curl_due_usec);
        return 0;
}

/* -- the whole -- */

static bool environment_has_proxy(void) {
        static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (getenv(names[i]))
                        return true;
        return false;
}

int client_loop_init(struct rv_http_client *client) {
        int r;

        client->curl_due_usec = client->timer_usec = RV_USEC_INFINITY;
        client->has_proxy = environment_has_proxy();
        r = sd_event_add_defer(client->event, &client->kick, on_kick, client);
        if (r >= 0)
                r = sd_event_source_set_enabled(client->kick, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(client->event, &client->timer, CLOCK_MONOTONIC, UINT64_MAX,
                                      TIMER_ACCURACY_MSEC * RV_USEC_PER_MSEC, on_timer, client);
        if (r < 0)
                return r;

        client->multi = curl_multi_init();
        if (!client->multi)
                return -ENOMEM;
        curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
        curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
        curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
        curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
        /* curl's own measure is four connections for each request under way, too few after a burst. */
        curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)RV_HTTP_CONNECTIONS_MAX);
        return 0;
}

void client_loop_done(struct rv_http_client *client) {
        curl_multi_cleanup(client->multi);
        while (client->watches)
                watch_drop(client->watches);
        sd_event_source_disable_unref(client->kick);
        sd_event_source_disable_unref(client->timer);
}
