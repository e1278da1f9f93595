"""Forges that refuse, are slow, not well, silent or not who they should be, and what is proposed to them in bad faith."""
import pytest
from forges import Forge
from proposals import make  # noqa: F401
from servers import make_certificate
from worker import World, git


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
    reply = world.proposed(plan, "unavailable")
    assert text in reply["message"]
    assert reply.get("wait_usec", 0) == 1000000 * (int(headers.get("Retry-After", "1")) if status in (403, 429) else 0)
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
