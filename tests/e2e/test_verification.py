"""What is proven before and after a revert: confirm, hold, recovery, deadlines, and the budget."""
import json
import time
import urllib.parse

import pytest

import parts
from conftest import PAGE, now_text
from servers import Silent
from test_prometheus import deploy

CONFIRM = 'sum(rate(http_requests_total{app="{{ $labels.app }}",code=~"5.."}[5s])) or vector(0)'
CONFIRMED = PAGE.replace("summary", 'prometheus = "prod"; interval = "1s"; breach = "> 1"; '
                                    f"confirm = {json.dumps(CONFIRM)}; summary")


def rate(server, app):
    """Errors a second; of a while ago, as revertd looks a second into the past."""
    query = f'sum(rate(http_requests_total{{app="{app}",code="500"}}[5s] offset 2s))'
    text = parts.http_get(f"{server.url}/api/v1/query?query=" + urllib.parse.quote(query))
    found = json.loads(text)["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0


def test_an_alert_is_confirmed_and_recovery_proven_by_prometheus(world):
    """The alert is never resolved: the rule's confirm expression proves the recovery."""
    server = deploy(world)
    world.start(CONFIRMED, server.url)
    bad = world.repository.commit({"apps/checkout/settings.json": parts.settings(5)}, "Lower checkout's timeout")
    parts.wait_until(lambda: rate(server, "checkout") > 5, 60, "checkout to fail")
    assert world.alert(alertname="Errors", app="checkout")[0] == 200
    incident = world.until("recovered", timeout=60)
    assert incident["suspects"][0]["commit"]["id"] == bad
    assert [t["to"] for t in world.revertd.get("/api/v1/incidents/" + incident["id"])["transitions"]] == [
        "confirming", "attributing", "reverting", "converging", "verifying", "recovered"]


def test_an_alert_that_prometheus_does_not_confirm(world):
    server = deploy(world)
    world.start(CONFIRMED, server.url)
    world.repository.commit({"apps/checkout/settings.json": parts.settings(499)}, "Trim checkout's timeout")
    parts.wait_until(lambda: (world.directory / "deployed/apps/checkout/settings.json").read_text() ==
                     parts.settings(499), 20, "the operator")
    world.alert(alertname="Errors", app="checkout")
    incident = world.until({"cleared", "declined"})
    assert incident["state"] == "cleared" or incident["reason"] == "not_confirmed"
    assert world.repository.reverts() == []


def test_killed_while_confirming(broken):
    """Prometheus says nothing when the alert comes; it is asked again after the crash."""
    silent = broken.add(Silent())
    broken.start(CONFIRMED, f"http://127.0.0.1:{silent.port}")
    broken.alert(alertname="Errors", app="checkout")
    broken.until("confirming")
    broken.revertd.kill()
    server = broken.add(parts.prometheus(broken.directory, []))
    broken.start(CONFIRMED.replace("> 1", ">= 0"), server.url)
    broken.until({"verifying", "recovered", "unrecovered"})
    assert len(broken.repository.reverts()) == 1


def test_unrecovered_at_the_deadline(broken):
    broken.start(PAGE.replace('"1m"', '"2s"'))
    broken.alert(alertname="Errors", app="checkout")
    incident = broken.until("unrecovered")
    assert incident["reason"] == "not_recovered" and incident["times"]["recovered_usec"] == 0
    assert broken.repository.reverts() == [incident["plan"]["commit"]]
    broken.told("not recover")
    # It stays so when the alert resolves late.
    broken.alert(firing=False, alertname="Errors", app="checkout")
    assert broken.incident()["state"] == "unrecovered"


def test_what_was_looked_at_further_back(broken):
    broken.repository.commit({"apps/checkout/note.txt": "harmless\n"}, "Add a note")
    broken.start(PAGE.replace('"1m"', '"2s"').replace("mode =", 'unrecovered = "further_back"; mode ='))
    broken.alert(alertname="Errors", app="checkout")
    first, second = broken.until("unrecovered"), broken.until({"verifying", "unrecovered"}, 2)
    assert second["after"] == first["id"] and first["next"] == second["id"]
    shown = broken.revertd.ctl("show", first["id"]).stdout
    assert f"looked further back for the cause: revertctl show {second['id'][:8]}" in shown and "nothing more" not in shown


def test_hold_waits_and_then_pushes(broken):
    broken.start(PAGE.replace("cooldown", 'hold = "2s"; cooldown'))
    broken.alert(alertname="Errors", app="checkout")
    assert broken.until("holding")["plan"]["paths"] == ["apps/checkout/settings.json"]
    assert broken.repository.reverts() == []
    incident = broken.until("verifying")
    times = incident["times"]
    assert times["pushed_usec"] - times["decided_usec"] >= 2_000_000 or \
        times["pushed_usec"] - times["detected_usec"] >= 2_000_000


def test_cleared_while_it_holds(broken):
    broken.start(PAGE.replace("cooldown", 'hold = "1h"; cooldown'))
    broken.alert(alertname="Errors", app="checkout")
    broken.until("holding")
    broken.alert(firing=False, alertname="Errors", app="checkout")
    broken.until("cleared")
    assert broken.repository.reverts() == []


def test_nobody_approves(broken):
    broken.start(PAGE.replace("enforce", "approve").replace("cooldown", 'approval_timeout = "1s"; cooldown'))
    broken.alert(alertname="Errors", app="checkout")
    assert broken.until("declined")["reason"] == "approval_expired"
    broken.told("nobody approved")
    assert broken.repository.reverts() == []


def test_paused_by_a_person_nothing_is_pushed(broken):
    broken.start(PAGE)
    broken.revertd.ctl("pause", "--reason", "migration")
    broken.alert(alertname="Errors", app="checkout")
    assert broken.until("declined")["reason"] == "paused"
    assert broken.repository.reverts() == []


@pytest.mark.parametrize("where", ["repository", "all"])
def test_the_budget_is_kept_over_a_restart(broken, where):
    broken.repository.commit({"apps/search/settings.json": parts.settings(3)}, "Break search too")
    if where == "repository":
        broken.start(PAGE, budget=1)
    else:
        broken.configure(PAGE)
        broken.revertd.config.write_text("budget = 1;\n" + broken.revertd.config.read_text())
        broken.revertd.start()
    broken.alert(alertname="Errors", app="checkout")
    broken.until("verifying")
    broken.revertd.kill()
    broken.revertd.start()
    broken.alert(alertname="Errors", app="search")
    assert broken.until("declined", number=2)["reason"] == "budget"
    assert len(broken.repository.reverts()) == 1


def test_a_commit_that_opts_out_is_left_alone(broken):
    bad = broken.repository.commit({"apps/checkout/settings.json": parts.settings(2)}, "Lower it again",
                                   body="Revertd: skip")
    broken.start(PAGE)
    broken.alert(alertname="Errors", app="checkout")
    incident = broken.until("declined")
    assert incident["reason"] == "opted_out" and incident["suspects"][0]["commit"]["id"] == bad
    assert broken.repository.reverts() == []


def test_what_came_in_one_push_goes_back_together(world):
    """The newest of the two is harmless; nothing but the push tells that they belong together."""
    repository = world.repository
    repository.commit({"apps/checkout/settings.json": parts.settings(500)}, "Start the fleet")
    world.start(PAGE)
    looked_at = lambda: world.revertd.get("/api/v1/status")["repositories"][0]["head"]
    parts.wait_until(lambda: looked_at() == repository.head(), 20, "the first look at the branch")
    bad = repository.commit({"apps/checkout/settings.json": parts.settings(5)}, "Lower the timeout", push=False)
    owners = repository.commit({"apps/checkout/owners.json": parts.settings(1)}, "Add owners")
    parts.wait_until(lambda: looked_at() == owners, 20, "a look that sees both")
    world.alert(alertname="Errors", app="checkout")
    incident = world.until({"verifying", "declined"})
    assert incident["state"] == "verifying", incident["reason"]
    assert [s["commit"]["id"] for s in incident["suspects"]][:2] == [owners, bad]
    assert len(repository.reverts()) == 1
    assert repository.read("apps/checkout/settings.json") + "\n" == parts.settings(500)
    assert "owners" not in repository.git("-C", repository.path, "ls-tree", "-r", "--name-only", repository.branch)
    assert "2 commits that cannot be told apart" in world.revertd.ctl("show", incident["id"]).stdout
    world.told("2 commits that cannot be told apart")


def test_a_commit_that_is_too_old_is_left_alone(broken):
    """It caused the alert, which comes only now."""
    committed = int(broken.repository.git("-C", broken.repository.path, "log", "-1", "--format=%ct", broken.bad))
    broken.start(PAGE.replace('"30m"', '"3s"').replace("cooldown", 'max_age = "3s"; cooldown'))
    parts.wait_until(lambda: time.time() > committed + 5, 10, "the commit to be old")
    broken.alert(starts=now_text(committed + 2 - time.time()), alertname="Errors", app="checkout")
    incident = broken.until("declined")
    assert incident["reason"] == "too_old", incident
    assert broken.repository.reverts() == []


def test_a_revert_by_a_person_is_not_undone(broken):
    broken.repository.git("-C", broken.repository.clone, "pull", "--quiet", "origin", "main")
    broken.repository.git("-C", broken.repository.clone, "-c", "user.name=Ana", "-c", "user.email=ana@example.com",
                          "revert", "--no-edit", broken.bad)
    broken.repository.git("-C", broken.repository.clone, "push", "--quiet", "origin", "main")
    head = broken.repository.head()
    broken.start(PAGE)
    broken.alert(alertname="Errors", app="checkout")
    assert broken.until("declined")["reason"] == "is_revert"
    assert broken.repository.head() == head
