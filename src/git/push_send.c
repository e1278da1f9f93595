#include "git/push_send.h"

#include "git/advertisement.h"
#include "git/libgit2.h"
#include "revertd/build.h"
#include "revertd/cleanup.h"
#include "revertd/text.h"

#include <errno.h>
#include <string.h>

enum { REPORT_BYTES_MAX = 64 << 10 };

struct sending {
        const struct rv_push *push;
        struct rv_link *link;
        struct rv_packet packet;
        struct rv_error *err;
        struct rv_advertisement advertisement;
        bool report_status, side_band;
        char report[REPORT_BYTES_MAX]; /* packets within packets, if there is a side band */
        size_t n_report;
        char said[RV_REMOTE_MESSAGE_BYTES_MAX]; /* by the server and its hooks */
        size_t n_said;
};

static int send_command(struct sending *sending) {
        char old_hex[GIT_OID_HEXSZ + 1], new_hex[GIT_OID_HEXSZ + 1];
        _cleanup_free_ char *text = NULL;

        git_oid_tostr(old_hex, sizeof old_hex, sending->push->old_id);
        git_oid_tostr(new_hex, sizeof new_hex, sending->push->new_id);
        int n = asprintf(&text, "%s %s %s%c%s%s agent=revertd/" RV_VERSION, old_hex, new_hex, sending->push->name, 0,
                         sending->report_status ? " report-status" : "", sending->side_band ? " side-band-64k" : "");
        if (n < 0) {
                text = NULL;
                return rv_error_oom(sending->err);
        }
        int r = rv_packet_write(sending->link, text, (size_t)n, sending->err);
        return r < 0 ? r : rv_packet_write_special(sending->link, RV_PACKET_FLUSH, sending->err);
}

static int on_pack(void *data, size_t n, void *userdata) {
        struct sending *sending = userdata;

        return rv_link_write(sending->link, data, n, sending->err);
}

static int make_pack(const struct rv_push *push, git_packbuilder **ret, struct rv_error *err) {
        int r = git_packbuilder_new(ret, push->mirror);

        if (r == 0)
                git_packbuilder_set_threads(*ret, 1);
        for (size_t i = 0; r == 0 && i < push->n_objects; i++)
                r = git_packbuilder_insert(*ret, &push->objects[i], NULL);
        if (r < 0) {
                git_packbuilder_free(*ret);
                return rv_libgit2_error(err, r, "pack the revert's objects");
        }
        return 0;
}

static void keep_said(struct sending *sending, const char *data, size_t n) {
        size_t room = sizeof sending->said - 1 - sending->n_said;

        if (n > room)
                n = room;
        memcpy(sending->said + sending->n_said, data, n);
        sending->n_said += n;
        sending->said[sending->n_said] = 0;
}

static int keep_report(struct sending *sending, const char *data, size_t n) {
        if (n > sizeof sending->report - sending->n_report)
                return rv_error_set(sending->err, -EREMOTEIO, "the remote's report is too long");
        memcpy(sending->report + sending->n_report, data, n);
        sending->n_report += n;
        return 0;
}

/* Band 1 carries the report, band 2 words for people, band 3 the server's last words. */
static int read_bands(struct sending *sending) {
        for (;;) {
                struct rv_packet *packet = &sending->packet;
                int r = rv_packet_read(sending->link, packet, sending->err);
                if (r < 0)
                        return r;
                if (packet->kind != RV_PACKET_DATA)
                        return packet->kind == RV_PACKET_EOF
                                       ? rv_error_set(sending->err, -EREMOTEIO, "the remote broke off")
                                       : 0;
                if (packet->n == 0)
                        continue;
                switch (packet->data[0]) {
                case 1:
                        r = keep_report(sending, packet->data + 1, packet->n - 1);
                        if (r < 0)
                                return r;
                        break;
                case 2:
                        keep_said(sending, packet->data + 1, packet->n - 1);
                        break;
                default:
                        keep_said(sending, packet->data + 1, packet->n - 1);
                        return rv_remote_says(packet->data + 1, sending->err);
                }
        }
}

static int read_plain(struct sending *sending) {
        for (;;) {
                struct rv_packet *packet = &sending->packet;
                char head[5];
                int r = rv_packet_read(sending->link, packet, sending->err);
                if (r < 0)
                        return r;
                if (packet->kind != RV_PACKET_DATA)
                        return packet->kind == RV_PACKET_EOF
                                       ? rv_error_set(sending->err, -EREMOTEIO, "the remote broke off")
                                       : 0;
                snprintf(head, sizeof head, "%04zx", packet->n + 4);
                r = keep_report(sending, head, 4);
                if (r == 0)
                        r = keep_report(sending, packet->data, packet->n);
                if (r < 0)
                        return r;
        }
}

/* One line of the report, NUL-terminated in line; false: there is none any more. */
static bool next_line(const struct sending *sending, size_t *at, char *line, size_t size) {
        char head[5] = "";

        if (sending->n_report - *at < 4)
                return false;
        memcpy(head, sending->report + *at, 4);
        size_t n = strtoul(head, NULL, 16);
        if (n <= 4 || n > sending->n_report - *at)
                return false;
        size_t n_line = n - 4;
        if (n_line > size - 1)
                n_line = size - 1;
        memcpy(line, sending->report + *at + 4, n_line);
        line[n_line] = 0;
        line[strcspn(line, "\n")] = 0;
        *at += n;
        return true;
}

static int say_refused(struct sending *sending, const char *reason, struct rv_push_result *result) {
        _cleanup_free_ char *text = NULL;

        if (asprintf(&text, "%s%s%s", reason, sending->n_said ? "\n" : "", sending->said) < 0) {
                text = NULL;
                return rv_error_oom(sending->err);
        }
        result->outcome = RV_PUSH_REFUSED;
        result->message = rv_text_block(text, RV_REMOTE_MESSAGE_BYTES_MAX);
        return result->message ? 0 : rv_error_oom(sending->err);
}

/* Only "unpack ok" and "ok <our ref>" together are success. */
static int judge_report(struct sending *sending, struct rv_push_result *result) {
        size_t n_name = strlen(sending->push->name), at = 0;
        bool unpacked = false;
        char line[2048];

        while (next_line(sending, &at, line, sizeof line)) {
                if (strcmp(line, "unpack ok") == 0) {
                        unpacked = true;
                } else if (strncmp(line, "unpack ", 7) == 0) {
                        return say_refused(sending, line, result);
                } else if (unpacked && strncmp(line, "ok ", 3) == 0 && strcmp(line + 3, sending->push->name) == 0) {
                        result->outcome = RV_PUSH_OK;
                        result->head = *sending->push->new_id;
                        return 0;
                } else if (strncmp(line, "ng ", 3) == 0 && strncmp(line + 3, sending->push->name, n_name) == 0 &&
                           (line[3 + n_name] == ' ' || line[3 + n_name] == 0)) {
                        const char *reason = line + 3 + n_name;
                        return say_refused(sending, *reason ? reason + 1 : "no reason given", result);
                }
        }
        return rv_error_set(sending->err, -EREMOTEIO, "the remote's report does not speak of the branch");
}

static int exchange(struct sending *sending, git_packbuilder *pack, struct rv_push_result *result) {
        int r = send_command(sending);

        if (r == 0 && (r = git_packbuilder_foreach(pack, on_pack, sending)) < 0 && !sending->err->text[0])
                r = rv_libgit2_error(sending->err, r, "pack the revert's objects");
        if (r == 0)
                r = rv_link_finish(sending->link, sending->err);
        if (r == 0 && !sending->report_status)
                return rv_error_set(sending->err, -EREMOTEIO, "the remote does not report what became of a push");
        if (r == 0)
                r = sending->side_band ? read_bands(sending) : read_plain(sending);
        return r < 0 ? r : judge_report(sending, result);
}

static int lost(struct sending *sending, const char *why, struct rv_push_result *result) {
        _cleanup_free_ char *text = NULL;

        if (asprintf(&text, "%s%s%s", why, sending->n_said ? "\n" : "", sending->said) < 0) {
                text = NULL;
                return rv_error_oom(sending->err);
        }
        *result = (struct rv_push_result){.outcome = RV_PUSH_LOST};
        result->message = rv_text_block(text, RV_REMOTE_MESSAGE_BYTES_MAX);
        return result->message ? 0 : rv_error_oom(sending->err);
}

static int send_over(struct sending *sending, struct rv_push_result *result) {
        git_packbuilder *pack = NULL;

        const struct rv_advertisement *advertisement = &sending->advertisement;
        int r = rv_advertisement_read(sending->link, sending->push->name, &sending->packet, &sending->advertisement,
                                      sending->err);
        if (r < 0)
                return r;
        if (rv_advertisement_is_foreign(advertisement))
                return rv_error_set(sending->err, -EREMOTEIO, "the remote repository does not use SHA-1");
        sending->report_status = rv_advertisement_can(advertisement, "report-status");
        sending->side_band = rv_advertisement_can(advertisement, "side-band-64k");
        if (!git_oid_equal(&advertisement->head, sending->push->old_id)) {
                result->outcome =
                        git_oid_equal(&advertisement->head, sending->push->new_id) ? RV_PUSH_OK : RV_PUSH_MOVED;
                result->was_there = true;
                result->head = advertisement->head;
                return 0;
        }
        r = make_pack(sending->push, &pack, sending->err);
        if (r < 0)
                return r;
        struct rv_error said = {0}, *err = sending->err;
        sending->err = &said;
        r = exchange(sending, pack, result);
        sending->err = err;
        git_packbuilder_free(pack);
        /* From here on the server may have done it, whatever went wrong on our side. */
        return r < 0 ? lost(sending, said.text, result) : 0;
}

int rv_push_send(const struct rv_push *push, struct rv_push_result *ret, struct rv_error *err) {
        const struct rv_link_options options = {.service = RV_SERVICE_RECEIVE_PACK,
                                                .deadline_usec = push->deadline_usec};
        _cleanup_link_ struct rv_link *link = NULL;
        _cleanup_free_ struct sending *sending = calloc(1, sizeof *sending);

        if (!sending)
                return rv_error_oom(err);
        int r = rv_remote_open_link(push->remote, &options, &link, err);
        if (r < 0)
                return r;
        sending->push = push;
        sending->link = link;
        sending->err = err;
        r = send_over(sending, ret);
        rv_advertisement_done(&sending->advertisement);
        return r;
}
