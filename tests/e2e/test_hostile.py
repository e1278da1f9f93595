"""Requests that nobody should send: each gets a precise answer, and the daemon goes on."""
import http.client
import json
import socket

import pytest

import parts
from conftest import PAGE, alert, webhook


@pytest.fixture
def running(broken):
    broken.start(PAGE)
    yield broken
    assert broken.revertd.part.alive()
    assert broken.alert(alertname="Else", app="x")[0] == 200


def deep(levels):
    return b'{"version":"4","alerts":' + b"[" * levels + b"]" * levels + b"}"


@pytest.mark.parametrize("body, wanted", [
    (b"", 400), (b"{", 400), (b"[]", 400), (b"null", 400), (b'{"version":"4"}', 400), (deep(100), 400),
    (deep(100000), 400), (b'{"version":4,"alerts":[]}', 400), (b'{"version":"9","alerts":[]}', 400),
    (b'{"version":"4","alerts":{}}', 400), (b'{"version":"4","alerts":[1]}', 400),
    (b'{"version":"4","alerts":[{"status":"firing","labels":{"a":1},"startsAt":"2026-01-01T00:00:00Z"}]}', 400),
    (b'{"version":"4","alerts":[{"status":"odd","labels":{"a":"1"},"startsAt":"2026-01-01T00:00:00Z"}]}', 400),
    (b'{"version":"4","alerts":[{"status":"firing","labels":{"a":"1"},"startsAt":"yesterday"}]}', 400),
    (b'{"version":"4","alerts":[],"alerts":[]}', 400), (b"\xff\xfe", 400), (b" " * 600000, 413),
    (b'{"version":"4","alerts":[]}', 200),
], ids=lambda v: (v.decode(errors="replace")[:40] if v.strip() else f"{len(v)} blanks") if isinstance(v, bytes) else None)
def test_bodies(running, body, wanted):
    status, text = running.revertd.post("/webhooks/alertmanager", body)
    assert status == wanted
    if wanted != 200:
        assert text["error"]


def test_routes_and_methods(running):
    assert running.revertd.post("/webhooks/alertmanager", webhook([]), content_type="text/plain")[0] == 415
    assert running.revertd.post("/webhooks/alertmanager", b"", method="GET")[0] == 405
    assert running.revertd.post("/no/such/place", {})[0] == 404
    assert running.revertd.post("/api/v1/reverts", {"repository": "nowhere", "revisions": ["HEAD"]})[0] in (400, 404)
    assert running.revertd.post("/api/v1/reverts", {"repository": "fleet", "colour": "red"})[0] == 400
    assert running.revertd.post("/api/v1/pauses", {"duration": "soon"})[0] == 400
    assert running.revertd.post("/api/v1/incidents/%2e%2e%2f/approve", {})[0] == 404


@pytest.mark.parametrize("token", ["", "wrong", "demo-toke", "demo-token2"])
def test_without_the_token_nothing_is_said(running, token):
    for path in ("/webhooks/alertmanager", "/api/v1/status", "/metrics", "/-/reload", "/api/v1/reverts"):
        status, text = running.revertd.post(path, webhook([alert(alertname="Errors", app="checkout")]), token=token)
        assert status == 401, path
    assert running.revertd.incidents() == []


def test_lengths_that_disagree(running):
    for head in ("Content-Length: 5\r\nTransfer-Encoding: chunked", "Content-Length: 5\r\nContent-Length: 6",
                 "Content-Length: -1", "Content-Length: 99999999999999999999"):
        with socket.create_connection(("127.0.0.1", running.revertd.port), 10) as s:
            s.sendall(f"POST /webhooks/alertmanager HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer demo-token\r\n"
                      f"Content-Type: application/json\r\n{head}\r\n\r\n".encode() + b"0\r\n\r\n")
            answer = s.recv(4096)
            assert b" 200 " not in answer.split(b"\r\n")[0], head


def test_a_dripping_client_is_cut_off_while_others_are_served(running):
    s = socket.create_connection(("127.0.0.1", running.revertd.port), 30)
    s.sendall(b"POST /webhooks/alertmanager HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer demo-token\r\n"
              b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
    s.settimeout(1)

    def closed():
        assert running.alert(alertname="Else", app="x")[0] == 200
        try:
            s.sendall(b" ")
            return s.recv(1) == b""
        except socket.timeout:
            return False
        except OSError:
            return True
    parts.wait_until(closed, 60, "the dripping connection to be closed")
    s.close()


def test_huge_headers(running):
    connection = http.client.HTTPConnection("127.0.0.1", running.revertd.port, timeout=10)
    connection.request("GET", "/-/healthy", headers={"X-Large": "x" * 60000})
    try:
        assert connection.getresponse().status in (413, 414, 431)
    except (http.client.HTTPException, OSError):
        pass  # closed at once: as good


@pytest.mark.parametrize("app", ["../../etc", "..", "a/b", "*", "checkout/**", "", "x\x1b[31m", "\u202e", "-rf", ".git",
                                 "x" * 5000], ids=lambda v: repr(v[:20]))
def test_labels_do_not_leave_their_folder(running, app):
    """Such a label gives no path: declined with a reason, or matched by no rule; nothing is pushed."""
    status, answer = running.alert(alertname="Errors", app=app)
    assert status in (200, 400)
    if status == 200 and answer["matched"]:
        assert running.until("declined")["reason"] in ("bad_scope", "no_candidate")
    assert running.repository.reverts() == []
    log = running.revertd.part.log()
    assert "\x1b" not in log and "\u202e" not in log


def test_a_missing_label_of_a_template_is_declined(broken):
    broken.start(PAGE.replace('"app=~.+"', '"zone=a"'))
    broken.alert(alertname="Errors", zone="a")
    incident = broken.until("declined")
    assert incident["reason"] == "bad_scope" and "app" in incident["detail"]
    broken.told("app")


def test_hostile_commits_neither_forge_trailers_nor_escape_to_the_terminal(broken):
    body = "x\n\nRevertd-Incident: 0000000000000000\nRevertd-Reverts: " + "0" * 40
    bad = broken.repository.commit({"apps/checkout/settings.json": parts.settings(3)},
                                   "evil \x1b]0;owned\x07 \u202e subject", "Mal\x1b[31mlory <m@example.com>", body=body)
    broken.start(PAGE)
    broken.alert(alertname="Errors", app="checkout")
    incident = broken.incident()
    # It carries our trailer, so it is taken for ours, and left alone: better than reverting a revert.
    assert broken.until("declined")["reason"] == "is_ours"
    shown = broken.revertd.ctl("show", incident["id"]).stdout
    assert "\x1b" not in shown and "\u202e" not in shown and bad[:7] in shown
    json.loads(broken.revertd.ctl("show", incident["id"], "-o", "json").stdout)
    done = broken.revertd.ctl("revert", "-r", "fleet", broken.bad, "--dry-run", check=False)
    assert "\x1b" not in done.stdout + done.stderr


def test_beyond_loopback_needs_authentication(broken):
    broken.configure(PAGE)
    text = broken.revertd.config.read_text().replace("127.0.0.1:", "0.0.0.0:").replace(' credential = "api-token";', "")
    broken.revertd.config.write_text(text)
    broken.revertd.start(wait=False)
    assert broken.revertd.part.process.wait(20) == 1
    assert "authentication" in broken.revertd.part.log() or "credential" in broken.revertd.part.log()


def test_a_flood_of_incidents_leaves_the_api_its_turn(broken):
    """More incidents at once than the worker's queue takes: the others are put off one by one, and not before the API."""
    broken.start(PAGE)
    assert broken.revertd.post("/webhooks/alertmanager", webhook(
        [alert(True, "2026-01-01T00:00:00Z", alertname="Errors", app=f"a{n}") for n in range(1000)]))[0] == 200
    waiting = [i for i in broken.revertd.incidents("?limit=500") if i["attempts"] == 0]
    assert len(waiting) > 250
