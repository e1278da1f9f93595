"""Reverts on a branch of their own, with a pull or merge request: the real worker, at stand-ins of the three forges and,
where REVERTD_TEST_GITEA names its binary, at a real Gitea."""
import json
import os
import threading
import time

import pytest
from forges import Forge, Gitea
from servers import make_certificate
from worker import World, git

REAL = os.environ.get("REVERTD_TEST_GITEA")
KINDS = ["github", "gitlab", "gitea", pytest.param("real gitea", marks=pytest.mark.skipif(
    not REAL, reason="REVERTD_TEST_GITEA names no Gitea"))]


class Proposals(World):
    def __init__(self, folder, kind, **settings):
        super().__init__(folder, "propose", lambda remote: Gitea(REAL, folder / "gitea", folder / "work")
                         if kind == "real gitea" else Forge(kind, remote), **settings)

    def plan(self, commits=None, incident="7f3c-1", **more):
        """What a plan is: the spec, and the commit that comes of it."""
        commits = commits or [self.commits[3]]
        message = f"Revert \"a `b` #1 @all\"\n\nFor ```this``` closes #1\n\nRevertd-Incident: {incident}\n" \
                  f"Revertd-Reverts: {commits[0]}\n"
        spec = self.spec(commits, message=message, **more)
        planned = self.ask("plan", spec=spec)
        assert planned["outcome"] == "ok", planned
        return {"spec": spec, "commit": planned["commit"]}

    def proposed(self, plan, outcome="ok", **more):
        reply = self.ask("propose", **plan, **more)
        assert reply["outcome"] == outcome, reply
        return reply

    def state(self, plan, number):
        reply = self.ask("proposal", number=number, commit=plan["commit"])
        assert reply["outcome"] == "ok", reply
        return reply["proposal"]

    def branch(self, plan, incident="7f3c-1"):
        return f"revertd/{incident}-{plan['commit'][:12]}"

    def push_plan(self, plan, branch):
        """By a person, from what the worker has made."""
        git(self.work, "fetch", "-q", self.folder / "state" / "git" / "fleet.git", plan["commit"])
        git(self.work, "push", "-q", self.origin, f"{plan['commit']}:refs/heads/{branch}")

    def move_on(self, name="apps/moved"):
        git(self.work, "fetch", "-q", self.remote, "main")
        git(self.work, "reset", "-q", "--hard", "FETCH_HEAD")
        made = self.commit({name: "1"})
        git(self.work, "push", "-q", self.origin, "main")
        return made


@pytest.fixture
def make(tmp_path):
    made = []

    def one(kind, **settings):
        made.append(Proposals(tmp_path, kind, **settings))
        return made[-1]
    yield one
    for world in made:
        world.stop()
        world.forge.stop()


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


@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])
def test_a_forge_that_does_not_merge(make, kind):
    """The proposal is there all the same, and the forge's words are told."""
    world = make(kind, auto_merge=True)
    world.forge.auto_merge = "off"
    reply = world.proposed(world.plan())
    assert reply["proposal"]["state"] == "open" and reply["message"].startswith("not merged by itself: the forge refuses")
    assert "401" in reply["message"] or "allowed" in reply["message"]


@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])
def test_what_somebody_added_is_not_merged(make, kind):
    world = make(kind, auto_merge=True)
    plan = world.plan()
    world.forge.auto_merge = "off"
    world.proposed(plan)
    world.forge.auto_merge = "ready"
    git(world.work, "fetch", "-q", world.remote, world.branch(plan))
    git(world.work, "switch", "-q", "--detach", "FETCH_HEAD")
    world.commit({"apps/evil": "1"})
    git(world.work, "push", "-q", world.origin, f"HEAD:{world.branch(plan)}")
    git(world.work, "switch", "-q", "main")
    before = len(world.forge.asked)
    reply = world.proposed(plan)
    assert reply["proposal"]["state"] == "open" and "changed" in reply["message"]
    assert [method for method, _, _ in world.forge.asked[before:]] == ["GET"]


@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])
def test_a_forge_that_is_slow_to_see_the_branch(make, kind):
    world = make(kind)
    status, body = {"github": (422, {"message": "Validation Failed", "errors": [{"field": "head", "code": "invalid"}]}),
                    "gitlab": (400, {"message": {"base": ["Source branch does not exist"]}}),
                    "gitea": (404, {"message": "The target couldn't be found."})}[kind]
    world.forge.fault("POST", "pulls|merge_requests", status, body, times=2)
    assert world.proposed(world.plan())["proposal"]["number"] == 1


def test_mergeability_is_computed_first(make):
    world = make("gitlab", auto_merge=True)
    world.forge.auto_merge = "ready"
    world.forge.fault("PUT", "merge", 405, {"message": "405 Method Not Allowed"}, times=2)
    assert world.proposed(world.plan())["proposal"]["state"] == "merged"


@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])
def test_created_by_another_in_between(make, kind):
    """FIND sees nothing, and then there is one."""
    world = make(kind)
    plan = world.plan()
    first = world.proposed(plan)["proposal"]
    empty = (404, {"message": "Not Found"}) if kind == "gitea" else (200, [])
    world.forge.fault("GET", "pulls|merge_requests", *empty)
    assert world.proposed(plan)["proposal"] == first
    assert len(world.forge.proposals) == 1


def test_a_strangers_request_from_a_branch_of_the_same_name(make):
    world = make("gitlab")
    plan = world.plan()
    world.forge.proposals.append({"number": 1, "branch": world.branch(plan), "base": "main", "sha": "a" * 40, "title": "x",
                                  "text": "", "state": "closed", "target": 8, "made": 0})
    assert world.proposed(plan)["proposal"]["number"] == 2


@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])
def test_refusals_in_the_forges_words(make, kind):
    world = make(kind)
    plan = world.plan()
    world.forge.fault("POST", "pulls|merge_requests", 403, {"message": "Resource \x1b[31mnot\u202e accessible\n\nby"})
    reply = world.proposed(plan, "refused")
    assert "Resource  [31mnot accessible  by" in reply["message"] and "403" in reply["message"]
    world.forge.fault("GET", "pulls|merge_requests", 401, {"message": "Bad credentials"})
    assert "forge_credential" in world.proposed(plan, "refused")["message"]
    world.forge.fault("GET", "pulls|merge_requests", 302, b"", {"Location": "https://evil.example/"})
    assert "redirects" in world.proposed(plan, "refused")["message"]


@pytest.mark.parametrize("status, body, headers, text", [
    (429, {"message": "slow down"}, {"Retry-After": "90"}, "1m 30s"),
    (403, {"message": "rate limit"}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}, "left alone for 1s"),
    (403, {"message": "secondary rate limit"}, {"Retry-After": "60"}, "1m"),
    (500, {"message": "oops"}, {}, "oops"),
    (502, b"<html>bad gateway</html>", {}, "502"),
    (200, b"<html>log in</html>", {"Content-Type": "text/html"}, "none"),
    (200, {"number": "seven"}, {}, "none"),
    (200, b"[" * 100000, {}, "none"),
    (200, b"x" * (5 << 20), {}, "more than 4 MiB"),
    (200, "hang up", {}, "the forge: "),
], ids=["429", "used up", "secondary", "500", "502", "a page", "no number", "deep", "long", "hung up"])
def test_a_forge_that_is_not_well(make, status, body, headers, text):
    """Nothing is pushed; later all is well."""
    world = make("github")
    plan = world.plan()
    world.forge.fault("GET", "pulls", status, body, headers)
    before = world.refs()
    assert text in world.proposed(plan, "unavailable")["message"]
    assert world.refs() == before
    assert world.proposed(plan)["proposal"]["state"] == "open"


def test_a_forge_that_says_nothing(make):
    world = make("github")
    plan = world.plan()
    with world.forge.lock:
        reply = world.ask("propose", **plan, timeout_usec=6000000)
    assert reply["outcome"] == "unavailable", reply
    assert world.proposed(plan)["proposal"]["state"] == "open"


@pytest.mark.parametrize("is_known", [True, False])
def test_certificates(tmp_path, is_known):
    certificate = make_certificate(tmp_path)
    world = World(tmp_path, "propose", lambda remote: Forge("github", remote, certificate),
                  **({"ca_file": certificate} if is_known else {}))
    reply = world.ask("propose", spec=world.spec([world.commits[3]]))
    assert reply["outcome"] == ("ok" if is_known else "unavailable"), reply
    assert is_known or "certificate" in reply["message"]
    world.stop()
    world.forge.stop()


def test_merged_but_not_on_the_branch(make):
    """What the forge says of its merge is looked up, and until it is there nothing is merged."""
    world = make("github")
    plan = world.plan()
    number = world.proposed(plan)["proposal"]["number"]
    world.forge.proposals[0].update(state="merged", merged=world.elsewhere)
    seen = world.state(plan, number)
    assert seen["state"] == "open" and "merged" not in seen


def test_numbers_that_are_none(make):
    world = make("github")
    assert world.ask("proposal", number=99)["outcome"] == "not_found"
    assert world.ask("proposal")["outcome"] == "not_found"


def test_without_a_token(make):
    world = make("github")
    plan = world.plan()
    (world.folder / "credentials" / "forge-token").unlink()
    assert "forge-token" in world.proposed(plan, "failed")["message"]
    assert world.refs().count("revertd/") == 0


def test_no_forge(tmp_path):
    world = World(tmp_path, "propose")
    assert "no forge" in world.refused("failed", commits=[world.commits[3]])["message"]
    assert world.ask("proposal", number=1)["outcome"] == "failed"
    world.stop()


def test_names_of_incidents(make):
    """Nothing but an incident's name comes into the name of a branch."""
    world = make("github")
    for incident in ("../../main", "a/b", "x y", "@{1}", "", "A" * 65, "-\u202e"):
        message = f"Undo\n\nRevertd-Incident: {incident}\nRevertd-Reverts: {world.commits[3]}\n"
        world.refused("policy", commits=[world.commits[3]], message=message)


def test_the_pause_counts_though_the_base_has_it_not(make):
    world = make("github")
    plan = world.plan()
    world.move_on(".revertd/pause")
    before = world.refs()
    assert "pause" in world.proposed(plan, "policy")["message"]
    assert world.refs() == before


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
    return [(revert, "success", f"Reverts {culprit[:12]}"),
            (culprit, "failed" if world.forge.kind == "gitlab" else "failure", f"Reverted by {revert[:12]}")]


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
