"""What the files say of the cause, told by the real worker: evidence in lines, what comes back, and what stands beside."""
import time

import parts
from conftest import PAGE, now_text

VERSIONED = PAGE.replace("match", 'confidence = "0.9"; match')


def manifest(version, replicas=2):
    """The two values are three lines apart."""
    return f"image: checkout:{version}\nports: [ 80 ]\nprobe: /\nreplicas: {replicas}\n"


def commit(world, content, subject, author="Ana Example <ana@example.com>"):
    return world.repository.commit({"apps/checkout/deploy.yaml": content}, subject, author)


def fleet(world, rule=PAGE, **repository):
    commit(world, manifest("v2.4.0"), "Start")
    world.start(rule, **repository)


def page(world, **labels):
    assert world.alert(alertname="Errors", app="checkout", **labels)[0] == 200


def await_look(world, head):
    """Arrivals are told apart by the look at the branch that saw them."""
    def seen():
        return world.revertd.get("/api/v1/status")["repositories"][0]["head"] == head
    parts.wait_until(seen, 30, "revertd to look at the branch")


def test_a_label_s_version_in_its_lines_makes_sure(world):
    fleet(world, VERSIONED)
    await_look(world, commit(world, manifest("v2.4.0", replicas=3), "More replicas"))
    bad = commit(world, manifest("v2.4.1", replicas=3), "Roll out")
    await_look(world, bad)
    page(world, version="v2.4.1", image="registry.example.com/team/checkout:v2.4.1")
    incident = world.until({"verifying", "recovered"})
    culprit = incident["suspects"][0]
    assert culprit["commit"]["id"] == bad and "added" in culprit["evidence"]
    assert culprit["commit"]["values"] == [
        {"label": "image", "value": "v2.4.1", "path": "apps/checkout/deploy.yaml"}]
    assert "image=v2.4.1 in apps/checkout/deploy.yaml" in world.revertd.ctl("show", incident["id"]).stdout
    world.told("`v2.4.1` in `apps/checkout/deploy.yaml`")


def test_without_it_the_same_is_not_sure_enough(world):
    fleet(world, VERSIONED)
    await_look(world, commit(world, manifest("v2.4.1"), "Roll out"))
    await_look(world, commit(world, manifest("v2.4.1", replicas=3), "More replicas"))
    page(world, version="v2.4.1")
    incident = world.until("declined")
    assert incident["reason"] == "ambiguous"
    assert ["added" in suspect["evidence"] for suspect in incident["suspects"]][:2] == [False, True]
    assert "version=v2.4.1 in" in world.revertd.ctl("show", incident["id"]).stdout


def test_an_image_updater_is_left_to_people(world):
    fleet(world)
    await_look(world, commit(world, manifest("v2.4.1"), "build: automatic update of checkout",
                             "argocd-image-updater <noreply@argoproj.io>"))
    page(world)
    incident = world.until("declined")
    assert incident["reason"] == "image_updater"
    world.told("pin the version")
    assert world.repository.reverts() == []


def test_what_was_reverted_and_comes_back_is_not_reverted_again(world):
    fleet(world, PAGE.replace("match", 'image_updates = "revert"; match').replace('cooldown = "1s"', 'cooldown = "0"'))
    updater = "argocd-image-updater <noreply@argoproj.io>"
    await_look(world, commit(world, manifest("v2.4.1"), "build: automatic update of checkout", updater))
    page(world)
    world.until({"verifying", "recovered"})
    world.alert(firing=False, alertname="Errors", app="checkout")
    first = world.until("recovered")
    again = commit(world, manifest("v2.4.1"), "build: automatic update of checkout", updater)
    await_look(world, again)
    page(world)
    second = world.until("declined", number=2)
    assert second["reason"] == "reapplied" and second["suspects"][0]["commit"]["id"] == again
    assert first["plan"]["commit"][:10] in second["detail"]
    world.told("brings back")
    assert world.repository.reverts() == [first["plan"]["commit"]]


def test_what_comes_back_while_it_is_verified_is_told_at_once(world):
    """The alert goes on firing; the deadline of the verification is far away."""
    fleet(world, PAGE.replace('verify_timeout = "1m"', 'verify_timeout = "1h"'))
    await_look(world, commit(world, manifest("v2.4.1"), "Roll out"))
    page(world)
    world.until("verifying")
    again = commit(world, manifest("v2.4.1"), "Roll out, once more")
    incident = world.until("unrecovered")
    assert incident["reason"] == "reapplied" and again[:10] in incident["detail"]
    world.told("brings back")
    assert "revertctl revert" not in world.revertd.ctl("show", incident["id"]).stdout
    assert world.repository.reverts() == [incident["plan"]["commit"]]


def test_a_branch_forced_back_while_it_is_verified_has_lost_the_revert(world):
    fleet(world, PAGE.replace('verify_timeout = "1m"', 'verify_timeout = "1h"'))
    bad = commit(world, manifest("v2.4.1"), "Roll out")
    await_look(world, bad)
    page(world)
    incident = world.until("verifying")
    await_look(world, incident["plan"]["commit"])
    world.repository.git("-C", world.repository.path, "update-ref", "refs/heads/main", bad)
    incident = world.until("failed")
    assert incident["reason"] == "revert_lost"
    world.told("no longer on the branch")
    assert "docs/reasons.md#revert_lost" in world.revertd.ctl("show", incident["id"]).stdout


def test_later_changes_beside_it_stop_the_revert(world):
    fleet(world)
    bad = commit(world, manifest("v2.4.1"), "Roll out")
    await_look(world, bad)
    onset, second = now_text(), int(time.time())
    parts.wait_until(lambda: int(time.time()) > second, 5, "Git's next second")
    later = commit(world, manifest("v2.4.1", replicas=9), "More replicas, for now")
    await_look(world, later)
    assert world.alert(starts=onset, alertname="Errors", app="checkout")[0] == 200
    incident = world.until("declined")
    assert incident["reason"] == "dependents" and incident["suspects"][0]["commit"]["id"] == bad
    assert [each["id"] for each in incident["plan"]["dependents"]] == [later]
    assert "More replicas, for now" in incident["detail"]
    shown = world.revertd.ctl("show", incident["id"]).stdout
    assert "Later commits changed lines beside it:" in shown and "--force" in shown
    world.told("More replicas, for now")
    assert world.repository.reverts() == []
    # A person may mean it.
    world.revertd.ctl("revert", "--rule=page", "-r", "fleet", "--yes", "--force", "--no-wait", bad, "app=checkout")
    world.until({"verifying", "recovered", "reverted"}, number=2)
    assert world.repository.read("apps/checkout/deploy.yaml") == manifest("v2.4.0", replicas=9).strip()
