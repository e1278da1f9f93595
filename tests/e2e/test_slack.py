"""Slack when it is well, slow, limiting, failing, or refusing."""
import json

import parts
from conftest import PAGE
from servers import Silent


def test_one_message_updated_in_place_with_a_thread(broken):
    broken.start(PAGE)
    broken.alert(alertname="Errors", app="checkout")
    broken.until("verifying")
    broken.alert(firing=False, alertname="Errors", app="checkout")
    broken.until("recovered")
    broken.told("recovered")
    parts.wait_until(lambda: broken.revertd.get("/api/v1/status")["receivers"][0]["queued"] == 0, 20, "an empty outbox")
    requests = broken.slack.requests
    assert all(r["authorization"] == "Bearer xoxb-test" for r in requests)
    posts = [r["message"] for r in requests if r["method"] == "chat.postMessage"]
    updates = [r["message"] for r in requests if r["method"] == "chat.update"]
    assert "thread_ts" not in posts[0] and updates
    first = "1700000000.000001"
    assert {p["thread_ts"] for p in posts[1:]} == {first}
    assert {u["ts"] for u in updates} == {first}
    text = json.dumps(posts + updates)
    for wanted in ("page", "checkout", "Lower checkout's timeout", "Bob Example", broken.bad[:7]):
        assert wanted in text, wanted


def test_limits_and_failures_are_retried_and_nothing_is_lost(broken):
    broken.slack.script = [(429, "", {"Retry-After": "1"}), (500, "oops", {}),
                           (200, json.dumps({"ok": False, "error": "rate_limited"}), {})]
    broken.start(PAGE)
    broken.alert(alertname="Errors", app="checkout")
    broken.until("verifying", timeout=30)  # the revert did not wait for Slack
    broken.alert(firing=False, alertname="Errors", app="checkout")
    broken.until("recovered")
    broken.told("recovered", timeout=60)
    first, second = broken.slack.requests[:2]
    assert second["at"] - first["at"] >= 1.0, "Retry-After was not honoured"
    assert len({r["message"].get("ts") for r in broken.slack.requests if r["method"] == "chat.update"}) == 1


def test_a_slack_that_hangs_holds_nothing_up(broken):
    """It takes the connection and says nothing; the revert goes on, and the notice is sent again when it answers."""
    silent = broken.add(Silent())
    url, broken.slack.url = broken.slack.url, f"http://127.0.0.1:{silent.port}"
    broken.configure(PAGE)
    text = broken.revertd.config.read_text().replace('channel = "C1";', 'channel = "C1"; timeout = "1s";')
    broken.revertd.config.write_text(text)
    broken.revertd.start()
    broken.alert(alertname="Errors", app="checkout")
    broken.until("verifying", timeout=10)
    parts.wait_until(lambda: "no whole answer within 1s" in broken.revertd.part.log(), 20, "an attempt to end")
    broken.revertd.config.write_text(text.replace(broken.slack.url, url))
    assert broken.revertd.post("/-/reload", b"")[0] == 200
    broken.told("Lower checkout's timeout", timeout=60)


def test_a_channel_that_is_gone_is_shown_as_undeliverable(broken):
    broken.slack.script = [(200, json.dumps({"ok": False, "error": "channel_not_found"}), {})] * 50
    broken.start(PAGE)
    broken.alert(alertname="Errors", app="checkout")
    broken.until("verifying")
    parts.wait_until(lambda: broken.revertd.get("/api/v1/status")["receivers"][0]["undeliverable"] > 0, 30,
                     "the notice to be shown as undeliverable")
    assert "channel_not_found" in broken.revertd.part.log()
    assert "channel_not_found" in broken.revertd.get("/api/v1/status")["receivers"][0]["error"]
    shown = broken.revertd.ctl("status").stdout
    assert any("deploys" in line and "channel_not_found" in line for line in shown.splitlines())


def test_a_slack_that_is_down_is_told_after_a_restart(broken):
    url = broken.slack.url
    broken.slack.stop()
    broken.parts.remove(broken.slack)
    broken.start(PAGE)
    broken.alert(alertname="Errors", app="checkout")
    broken.until("verifying")
    broken.revertd.kill()
    from conftest import Slack
    broken.slack = broken.add(Slack())
    broken.configure(PAGE)
    assert url != broken.slack.url
    broken.revertd.start()
    broken.told("Lower checkout's timeout", timeout=20)
    assert broken.incident()["state"] == "verifying", "only what was queued before may have been told"


def test_hostile_text_pings_nobody(broken):
    hostile = "<!channel> <https://evil.example|click> `x` & \u202eevil"
    bad = broken.repository.commit({"apps/checkout/settings.json": parts.settings(4)}, hostile,
                                   "<!here> Mallory <m@example.com>".replace("<!here> ", "!here "))
    broken.start(PAGE)
    broken.alert(alertname="Errors", app="checkout", evil="<!channel>\n<@U123>")
    incident = broken.until("verifying")
    assert incident["suspects"][0]["commit"]["id"] == bad
    broken.told("click")
    for request in broken.slack.requests:
        text = json.dumps(request["message"], ensure_ascii=False)
        assert "<!channel>" not in text and "<@U123>" not in text and "<https://evil" not in text
        assert "\u202e" not in text


def test_an_incoming_webhook(broken):
    broken.revertd.credential("hook-url", broken.slack.url + "/services/T0/B0/secret")
    broken.configure(PAGE)
    text = broken.revertd.config.read_text().replace('credential = "slack-token"; channel = "C1";',
                                                     'credential = "hook-url";')
    broken.revertd.config.write_text(text)
    broken.slack.script = [(200, "ok", {})] * 50
    broken.revertd.start()
    broken.alert(alertname="Errors", app="checkout")
    broken.until("verifying")
    broken.told("Lower checkout's timeout")
    assert broken.slack.requests[0]["authorization"] is None
    assert "secret" not in broken.revertd.part.log()
