"""A reload takes a whole valid configuration, or none."""
import os
import signal

import parts
from conftest import PAGE


def names(world):
    return [r["name"] for r in world.revertd.get("/api/v1/rules")["rules"]]


def metric(world, name):
    for line in parts.http_get(world.revertd.url + "/metrics", parts.Revertd.TOKEN).splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise AssertionError(name + " is not among the metrics")


def test_by_request_and_by_signal(broken):
    broken.start(PAGE)
    broken.configure(PAGE + ", " + PAGE.replace('"page"', '"second"'))
    assert broken.revertd.post("/-/reload", b"")[0] == 200
    assert names(broken) == ["page", "second"]
    broken.configure(PAGE)
    os.kill(broken.revertd.part.process.pid, signal.SIGHUP)
    parts.wait_until(lambda: names(broken) == ["page"], 20, "the reload")
    broken.alert(alertname="Errors", app="checkout")
    broken.until("verifying")


def test_a_bad_configuration_changes_nothing(broken):
    broken.start(PAGE)
    broken.configure(PAGE.replace('window = "30m"', 'window = "thirty"') + ', { nmae = "x"; }')
    status, text = broken.revertd.post("/-/reload", b"")
    assert status == 500
    assert "thirty" in str(text) and "nmae" in str(text), "all errors, not just the first"
    assert "revertd.conf:" in str(text)
    assert names(broken) == ["page"]
    assert metric(broken, "revertd_config_last_reload_successful") == 0
    broken.alert(alertname="Errors", app="checkout")
    broken.until("verifying")
    broken.configure(PAGE)
    assert broken.revertd.post("/-/reload", b"")[0] == 200
    assert metric(broken, "revertd_config_last_reload_successful") == 1


def test_an_incident_goes_on_over_a_reload(broken):
    broken.start(PAGE.replace("enforce", "approve"))
    broken.alert(alertname="Errors", app="checkout")
    incident = broken.until("holding")
    broken.configure(PAGE.replace("enforce", "approve").replace('"30m"', '"40m"'))
    assert broken.revertd.post("/-/reload", b"")[0] == 200
    broken.revertd.ctl("approve", incident["id"], "--no-wait")
    broken.until("verifying")


def test_a_rule_that_is_gone_ends_its_incident(broken):
    broken.start(PAGE.replace("enforce", "approve"))
    broken.alert(alertname="Errors", app="checkout")
    broken.until("holding")
    broken.configure(PAGE.replace('"page"', '"other"'))
    assert broken.revertd.post("/-/reload", b"")[0] == 200
    assert broken.until("declined")["reason"] == "rule_gone"
    assert broken.repository.reverts() == []


def head_seen(world):
    return world.revertd.get("/api/v1/status")["repositories"][0]["head"]


def test_what_came_before_a_reload_is_seen_to_arrive(broken):
    """Also where the reload makes a new worker: else the committer's clock would tell when it went live."""
    broken.start(PAGE, poll="1h")
    parts.wait_until(lambda: head_seen(broken) == broken.repository.head(), 30, "the first look")
    bad = broken.repository.commit({"apps/checkout/settings.json": parts.settings(4)}, "Lower it once more")
    broken.configure(PAGE, poll="50m", timeout="40s")
    status, text = broken.revertd.post("/-/reload", b"")
    assert status == 200, text
    parts.wait_until(lambda: head_seen(broken) == bad, 30, "the look after the reload")
    broken.alert(alertname="Errors", app="checkout")
    suspect = broken.until("verifying")["suspects"][0]
    assert suspect["commit"]["id"] == bad and suspect["observed"]
