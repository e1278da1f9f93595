"""Reverts on a branch of their own, with a pull or merge request: the real worker, at stand-ins of the three forges and,
where REVERTD_TEST_GITEA names its binary, at a real Gitea: opened, merged, closed, raced for and killed in between."""
import json
import threading
import time

import pytest
from proposals import KINDS, make  # noqa: F401
from worker import World, git


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
@pytest.mark.parametrize("kind", KINDS)
def test_opened_and_merged(make, kind, method):
    world = make(kind)
    plan = world.plan()
    main = world.head()
    reply = world.proposed(plan)
    proposal = reply["proposal"]
    assert proposal["state"] == "open" and proposal["url"].startswith("http") and reply["commit"] == plan["commit"]
    assert world.head() == main
    assert git(world.remote, "rev-parse", world.branch(plan)) == plan["commit"]
    [shown] = world.forge.proposals
    assert shown["title"] == "Revert \"a `b` #1 @all\"" and shown["branch"] == world.branch(plan)
    assert shown["text"].startswith("````\n") and shown["text"].rstrip().endswith("\n````")
    assert "Revertd-Incident: 7f3c-1" in shown["text"]
    assert world.state(plan, proposal["number"])["state"] == "open"

    merged = world.forge.merge(proposal["number"], method)
    seen = world.state(plan, proposal["number"])
    assert (seen["state"], seen["merged"]) == ("merged", merged)
    assert git(world.remote, "diff", "--name-status", main, "main") == "D\tapps/c"
    assert world.ask("check", commit=merged)["contained"]
    again = world.ask("propose", **plan)
    assert again["outcome"] == "already" or again["proposal"]["state"] == "merged"
    assert len(world.forge.proposals) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_closed_by_a_person_stays_closed(make, kind):
    world = make(kind)
    plan = world.plan()
    number = world.proposed(plan)["proposal"]["number"]
    world.forge.close(number)
    assert world.state(plan, number)["state"] == "closed"
    assert world.proposed(plan)["proposal"] == {**world.state(plan, number), "state": "closed"}
    assert len(world.forge.proposals) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_asked_again_it_is_the_same(make, kind):
    """The answer was lost, the worker died, or another replica was as far."""
    world = make(kind)
    plan = world.plan()
    first = world.proposed(plan)["proposal"]
    assert world.stop() == 0
    world.start()
    assert world.proposed(plan)["proposal"] == first
    assert len(world.forge.proposals) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_branch_is_there_but_not_the_proposal(make, kind):
    """The worker died in between."""
    world = make(kind)
    plan = world.plan()
    world.push_plan(plan, world.branch(plan))
    assert world.proposed(plan)["proposal"]["state"] == "open"


@pytest.mark.parametrize("kind", KINDS)
def test_another_plan_has_another_branch(make, kind):
    world = make(kind)
    first = world.plan()
    world.proposed(first)
    world.move_on()
    assert world.ask("sync")["outcome"] == "ok"
    second = world.plan()
    assert world.branch(first) != world.branch(second)
    assert world.proposed(second)["proposal"]["number"] != world.proposed(first)["proposal"]["number"]
    assert len(world.forge.proposals) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_branch_moved_since_the_plan(make, kind):
    world = make(kind)
    plan = world.plan()
    world.move_on()
    number = world.proposed(plan)["proposal"]["number"]
    merged = world.forge.merge(number)
    assert world.state(plan, number) == {**world.state(plan, number), "state": "merged", "merged": merged}
    assert git(world.remote, "ls-tree", "-r", "--name-only", "main", "apps/c", "apps/moved") == "apps/moved"


@pytest.mark.parametrize("kind", KINDS)
def test_pushed_by_a_person_instead(make, kind):
    """What counts is the branch."""
    world = make(kind)
    plan = world.plan()
    number = world.proposed(plan)["proposal"]["number"]
    world.push_plan(plan, "main")
    seen = world.state(plan, number)
    assert (seen["state"], seen["merged"]) == ("merged", plan["commit"])
    assert world.proposed(plan, "already")["commit"] == plan["commit"]


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
@pytest.mark.parametrize("kind", KINDS)
def test_merged_by_the_forge_at_once(make, kind, method):
    if (kind, method) == ("gitlab", "rebase"):
        pytest.skip("GitLab knows no such request")
    world = make(kind, auto_merge=True, merge_method=method)
    world.forge.auto_merge = "ready"
    main = world.head()
    reply = world.proposed(world.plan())
    assert reply["proposal"]["state"] == "merged", json.dumps(reply)
    assert git(world.remote, "rev-parse", "main") == reply["proposal"]["merged"]
    assert git(world.remote, "diff", "--name-status", main, "main") == "D\tapps/c"
    if method != "rebase" or kind != "github":
        assert git(world.remote, "log", "-1", "--format=%(trailers:key=Revertd-Incident,valueonly)", "main") == "7f3c-1"


@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])
def test_merged_by_the_forge_later(make, kind):
    world = make(kind, auto_merge=True, merge_method="squash")
    plan = world.plan()
    for _ in range(2):
        reply = world.proposed(plan)
        assert reply["proposal"]["state"] == "open" and reply["proposal"]["number"] == 1 and "message" not in reply
        assert world.forge.proposals[0]["scheduled"] == "squash"


@pytest.mark.parametrize("kind", KINDS[3:])
def test_merged_when_its_check_ended_well(make, kind):
    world = make(kind, auto_merge=True)
    world.forge.require_check("ci")
    plan = world.plan()
    reply = world.proposed(plan)
    assert reply["proposal"]["state"] == "open" and "message" not in reply, reply
    assert world.proposed(plan) == {**reply, "id": world.number}
    world.forge.check_ends_well(plan["commit"], "ci")
    until = time.monotonic() + 30
    while (seen := world.state(plan, reply["proposal"]["number"]))["state"] != "merged":
        assert seen["state"] == "open" and time.monotonic() < until
        time.sleep(0.1)
    # The branch may hold it an instant before the forge says so.
    assert seen["merged"] in (git(world.remote, "rev-parse", "main"), plan["commit"])


@pytest.mark.parametrize("is_made", [True, False], ids=["before the answer", "before the request is made"])
@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])
def test_killed(make, kind, is_made):
    world = make(kind)
    plan = world.plan()

    def kill():
        world.process.kill()
        world.process.wait()
        return is_made
    world.forge.on_create = kill
    with pytest.raises((ValueError, OSError)):
        world.proposed(plan)
    with world.forge.lock:
        assert len(world.forge.proposals) == is_made
    assert git(world.remote, "rev-parse", world.branch(plan)) == plan["commit"]
    world.stop()
    world.start()
    assert world.proposed(plan)["proposal"]["number"] == 1
    assert len(world.forge.proposals) == 1


def statuses(world, n=2):
    """What the forge shows, once there is so much."""
    until = time.monotonic() + 30
    while len(world.forge.statuses) < n:
        assert time.monotonic() < until, world.forge.statuses
        time.sleep(0.05)
    return [(commit, body["state"], body["description"]) for commit, body in world.forge.statuses]


def expected(world, revert, culprit):
    return [(revert, "success", f"Reverts {culprit[:10]}"),
            (culprit, "failed" if world.forge.kind == "gitlab" else "failure", f"Reverted by {revert[:10]}")]


@pytest.mark.parametrize("kind", KINDS)
def test_statuses_of_a_push(make, kind):
    world = make(kind)
    plan = world.plan()
    assert world.ask("push", **plan)["outcome"] == "ok"
    assert statuses(world) == expected(world, plan["commit"], world.commits[3])


@pytest.mark.parametrize("kind", KINDS)
def test_statuses_of_a_merge(make, kind):
    world = make(kind)
    plan = world.plan()
    number = world.proposed(plan)["proposal"]["number"]
    assert world.state(plan, number)["state"] == "open"
    assert not world.forge.statuses
    merged = world.forge.merge(number)
    assert world.state(plan, number)["state"] == "merged"
    assert statuses(world) == expected(world, merged, world.commits[3])


def test_statuses_keep_nobody_waiting(make):
    world = make("github")
    world.forge.fault("POST", "statuses", 403, {"message": "Resource not accessible by personal access token"})
    plan = world.plan()
    with world.forge.lock:  # it answers nothing
        assert world.ask("push", **plan)["outcome"] == "ok"
        assert world.ask("check", commit=plan["commit"])["contained"]
        assert world.stop() == 0
    world.start()


@pytest.mark.parametrize("kind", KINDS)
def test_two_at_once(make, kind):
    """Two workers with the same plan, many times: one request comes of each."""
    world = make(kind, budget=100)
    other = World.__new__(World)
    other.__dict__.update(world.__dict__, number=1000)
    other.storage = "other"
    other.start()
    try:
        for i in range(5):
            plan = world.plan(incident=f"race-{i}")
            replies = []
            threads = [threading.Thread(target=lambda one=one: replies.append(one.ask("propose", **plan)))
                       for one in (world, other)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            settled = [world.proposed(plan)["proposal"]["number"]]
            assert {reply["proposal"]["number"] for reply in replies if reply["outcome"] == "ok"} <= set(settled), replies
            assert any(reply["outcome"] == "ok" for reply in replies), replies
        assert len(world.forge.proposals) == 5
    finally:
        other.stop()
