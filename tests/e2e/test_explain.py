"""revertctl explain: what would be done now, and why, from a daemon and without one. Nothing is ever pushed."""
import json

import parts
from conftest import PAGE


def test_explains_what_would_be_done(broken):
    broken.start(PAGE)
    told = broken.revertd.ctl("explain", "page", "app=checkout", "alertname=Errors").stdout
    assert broken.bad in told and "confidence" in told
    assert '-  "timeout_ms": 5,' in told.replace("\t", " ")
    assert "passed: paused no_candidate" in told and "objects" not in told
    assert broken.repository.reverts() == []
    assert "If it fired now, it would revert and push:" in told and "passed: paused" in told
    assert broken.slack.texts() == []
    assert broken.revertd.incidents() == []  # looking leaves no record, and counts as no incident
    metrics = parts.http_get(broken.revertd.url + "/metrics", broken.revertd.TOKEN)
    assert not [m for m in metrics.splitlines() if m.startswith("revertd_incidents_ended_total") and m[-2:] != " 0"]


def test_explains_what_would_stop_it(broken):
    broken.start(PAGE)
    broken.revertd.ctl("pause", "--reason", "migration")
    told = broken.revertd.ctl("explain", "page", "app=checkout", "alertname=Errors").stdout
    assert "If it fired now, nothing would be reverted: revertd is paused" in told
    assert "paused objects: revertd is paused" in told and "budget" in told
    assert broken.bad in told  # who it would have been is told all the same


def test_explains_for_programs(broken):
    broken.start(PAGE)
    answer = json.loads(broken.revertd.ctl("explain", "-o", "json", "page", "app=nothing", "alertname=Errors").stdout)
    incident = answer["incident"]
    assert answer["series"] is None and incident["reason"] == "no_candidate"
    assert incident["guards"]["no_candidate"] is True and incident["guards"]["paused"] is False
    assert "is_revert" not in incident["guards"]  # there is no culprit to ask about


def test_what_the_guards_said_stays_with_the_incident(broken):
    broken.start(PAGE)
    broken.alert(alertname="Errors", app="checkout")
    incident = broken.until({"verifying", "recovered"})
    assert not any(incident["guards"].values()) and "budget" in incident["guards"]
    assert "passed: paused" in broken.revertd.ctl("show", incident["id"]).stdout


def test_completes_the_labels_and_lists_those_to_choose_from(broken):
    broken.start(PAGE)
    broken.alert(alertname="Errors", app="checkout")
    broken.until({"verifying", "recovered"})
    told = broken.revertd.ctl("explain", "page", "app=checkout").stdout
    assert 'page {alertname="Errors", app="checkout"}' in told and "breach" in told
    assert 'page {alertname="Errors", app="checkout"}' in broken.revertd.ctl("explain", "page").stdout
    broken.alert(alertname="Errors", app="it's")
    several = broken.revertd.ctl("explain", "page", check=False)
    assert several.returncode == 1 and several.stdout == ""
    assert "the rule has 2 such label sets" in several.stderr
    assert "  revertctl explain page alertname='Errors' app='it'\\''s'  # breach\n" in several.stderr


def test_asks_for_labels(broken):
    broken.start(PAGE)
    assert broken.revertd.ctl("explain", "page", "checkout", check=False).returncode == 2
    assert broken.revertd.ctl("explain", "nobody", "app=checkout", check=False).returncode == 1
    assert parts.wait_until(lambda: broken.revertd.get("/api/v1/status")["ready"], 30, "revertd to be ready")
