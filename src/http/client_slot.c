/* Slots: easy handles of a target, with its constant options set once and used again and again. */

#include "http/client_internal.h"
#include "revertd/credential.h"

#include <errno.h>
#include <string.h>

static struct slot *slot_free(struct slot *slot) {
        curl_easy_cleanup(slot->easy);
        rv_credential_free(slot->path);
        free(slot->content_type);
        free(slot->body);
        free(slot);
        return NULL;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *userdata) {
        struct slot *slot = userdata;

        n *= size;
        if (n > slot->body_bytes_max - slot->body_bytes) {
                slot->is_too_large = true;
                return 0;
        }
        if (slot->body_bytes + n + 1 > slot->body_size) {
                size_t wanted = (slot->body_bytes + n) * 2 + 1;
                if (wanted > slot->body_bytes_max + 1)
                        wanted = slot->body_bytes_max + 1;
                char *body = realloc(slot->body, wanted);
                if (!body) {
                        slot->is_oom = true;
                        return 0;
                }
                slot->body = body;
                slot->body_size = wanted;
        }
        memcpy(slot->body + slot->body_bytes, bytes, n);
        slot->body_bytes += n;
        slot->body[slot->body_bytes] = '\0';
        return n;
}

static struct slot *slot_new(struct rv_http_target *target) {
        struct slot *slot = calloc(1, sizeof(*slot));

        if (!slot)
                return NULL;
        slot->easy = curl_easy_init();
        if (!slot->easy)
                return slot_free(slot);

        CURL *easy = slot->easy;
        curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->error);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* never wait for a resolver's thread */
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(easy, CURLOPT_USERAGENT, target->client->user_agent);
        if (target->ca_file)
                curl_easy_setopt(easy, CURLOPT_CAINFO, target->ca_file);
        if (target->cert_file)
                curl_easy_setopt(easy, CURLOPT_SSLCERT, target->cert_file);
        if (target->key) {
                struct curl_blob key = {target->key, strlen(target->key), CURL_BLOB_NOCOPY};
                curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &key);
        }
        client_loop_prepare_easy(target->client, easy);
        return slot;
}

int target_take_slot(struct rv_http_target *target, struct slot **ret) {
        struct slot *slot = target->free_slots;

        if (slot)
                target->free_slots = slot->next;
        else {
                if (target->n_slots >= RV_HTTP_PARALLEL_MAX)
                        return -EAGAIN;
                slot = slot_new(target);
                if (!slot)
                        return -ENOMEM;
                target->n_slots++;
        }
        *ret = slot;
        return 0;
}

void target_give_slot(struct rv_http_target *target, struct slot *slot) {
        if (slot->body_size > RV_HTTP_BODY_KEPT_BYTES_MAX) {
                free(slot->body);
                slot->body = NULL;
                slot->body_size = 0;
        }
        slot->transfer = NULL;
        slot->next = target->free_slots;
        target->free_slots = slot;
}

void target_drop_slots(struct rv_http_target *target) {
        while (target->free_slots) {
                struct slot *slot = target->free_slots;
                target->free_slots = slot->next;
                target->n_slots--;
                slot_free(slot);
        }
}

/* Set an option only where the last request with this handle had another value. */
static int prepare_url(struct slot *slot, const struct rv_http_target *target, const char *path) {
        char *url;

        if (slot->path && strcmp(slot->path, path) == 0)
                return 0;
        if (asprintf(&url, "%s%s", target->url, path) < 0)
                return -ENOMEM;
        CURLcode code = curl_easy_setopt(slot->easy, CURLOPT_URL, url);
        rv_credential_free(url);
        rv_credential_free(slot->path);
        slot->path = strdup(path);
        return code == CURLE_OK && slot->path ? 0 : -ENOMEM;
}

static int prepare_headers(struct slot *slot, struct rv_http_target *target, const char *content_type) {
        static const char prefix[] = "Content-Type: ";

        if (!content_type) {
                curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, target->headers);
                return 0;
        }
        if (!slot->content_type || strcmp(slot->content_type + strlen(prefix), content_type) != 0) {
                free(slot->content_type);
                if (asprintf(&slot->content_type, "%s%s", prefix, content_type) < 0) {
                        slot->content_type = NULL;
                        return -ENOMEM;
                }
        }
        slot->headers = (struct curl_slist){slot->content_type, target->headers};
        curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, &slot->headers);
        return 0;
}

int slot_prepare(struct slot *slot, struct rv_http_target *target, struct rv_http_transfer *transfer) {
        int r;

        r = prepare_url(slot, target, transfer->path);
        if (r < 0)
                return r;
        r = prepare_headers(slot, target, transfer->body ? transfer->content_type : NULL);
        if (r < 0)
                return r;
        if (transfer->body) {
                curl_easy_setopt(slot->easy, CURLOPT_POST, 1L);
                curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, transfer->body);
                curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body_bytes);
        } else
                curl_easy_setopt(slot->easy, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(slot->easy, CURLOPT_CUSTOMREQUEST, transfer->method);
        slot->transfer = transfer;
        slot->body_bytes = 0;
        slot->body_bytes_max = transfer->response_bytes_max;
        slot->is_too_large = slot->is_oom = false;
        slot->error[0] = '\0';
        if (slot->body)
                slot->body[0] = '\0';
        return 0;
}
