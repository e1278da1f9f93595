"""Someone has taken over the daemon and says to the worker what they like. Only reverts that the policy allows come of it.

The real worker is spoken to over its socket; after each attempt all refs of the remote are where they were."""
import json
import os
import subprocess

import pytest
from forges import Forge
from worker import World, git

@pytest.fixture
def world(tmp_path):
    one = World(tmp_path)
    yield one
    one.stop()


@pytest.fixture(params=["push", "propose"])
def either(request, tmp_path):
    one = World(tmp_path, request.param, (lambda remote: Forge("gitea", remote)) if request.param == "propose" else None)
    yield one
    one.stop()
    if one.forge:
        one.forge.stop()


def test_paths_that_are_not_allowed(either):
    assert "allow_paths" in either.refused("policy", commits=[either.commits[2]])["message"]
    either.refused("policy", commits=[either.commits[2]], scope=["lib/**"])
    either.refused("policy", commits=[either.commits[5]])
    either.refused("policy", commits=[either.commits[3], either.commits[2]])
    ours = either.pushed([either.commits[5]], scope=["apps/**"])
    assert git(either.remote, "diff", "--name-status", f"{ours}~", ours) == "D\tapps/e"


def test_commits_that_are_not_the_branchs(either):
    either.refused("not_found", commits=[either.elsewhere])
    either.refused("not_found", "failed", commits=["0" * 40])
    either.refused("not_found", "failed", commits=["a" * 64])


def restore(world, to, commits, scope=("apps/**",), names=None, **more):
    message = "".join(["Go back\n\n", f"Revertd-Incident: evil-{world.number}\n", f"Revertd-Restores: {names or to}\n",
                       *(f"Revertd-Reverts: {commit}\n" for commit in commits or world.commits[:1])])
    return {"commits": commits, "restore": to, "scope": list(scope), "message": message, **more}


def test_restores_only_as_far_as_the_policy_goes(world):
    """All that touched the paths since must be told; nothing old, nothing elsewhere, no revert of ours."""
    one, two, _, four, five, six = world.commits
    told = [six, five, four]
    world.refused("policy", **restore(world, two, told, scope=()))
    assert "does not say so" in world.refused("policy", **restore(world, two, told[:2]))["message"]
    assert "does not say so" in world.refused("policy", **restore(world, two, told[::-1]))["message"]
    assert "did not touch" in world.refused("policy", **restore(world, two, [*told, two]))["message"]
    assert "Revertd-Restores" in world.refused("policy", **restore(world, two, told, names=one))["message"]
    assert "allow_paths" in world.refused("policy", **restore(world, five, [six], scope=("**",)))["message"]
    world.refused("policy", **restore(world, world.elsewhere, told))
    world.refused("policy", "not_found", **restore(world, "0" * 40, told))
    assert world.ask("push", spec=world.spec(**restore(world, two, told)))["outcome"] == "ok"
    assert git(world.remote, "diff", "--name-only", two, "main", "--", "apps") == ""
    assert git(world.remote, "diff", "--name-only", "main~", "main") == "apps/c\napps/d\napps/e"
    ours = world.head()
    again = world.refused("policy", **restore(world, six, [ours]))
    assert "a revert by revertd" in again["message"]


def test_no_restore_undoes_what_is_old(world):
    os.environ["GIT_COMMITTER_DATE"] = "@1700000000 +0000"
    try:
        old = world.commit({"apps/old": "1"})
    finally:
        del os.environ["GIT_COMMITTER_DATE"]
    git(world.work, "push", "-q", world.remote, "main")
    assert "older than 7 days" in world.refused("policy", **restore(world, world.commits[5], [old]))["message"]


@pytest.mark.parametrize("name", ["main", "refs/heads/other", "HEAD", "--upload-pack=touch pwned", "../x", 7, None])
def test_names_that_are_no_ids(either, name):
    """Not even a request: the worker ends."""
    before = either.refs()
    spec = {**either.spec([either.commits[1]]), "commits": [name]}
    either.stream.write(json.dumps({"op": either.op, "id": 1, "timeout_usec": 20000000, "spec": spec}).encode() + b"\n")
    either.stream.flush()
    assert either.process.wait(30) == 76
    assert either.refs() == before


def test_the_branch_never_goes_back(world):
    for base in (world.commits[1], world.elsewhere, "0" * 40):
        reply = world.refused("moved", "not_found", "failed", commits=[world.commits[1]], base=base)
        assert reply.get("commit", "") == ""


def test_messages_and_times(either):
    incident = [either.commits[3]]
    either.refused("policy", commits=incident, message="Deploy v2\n")
    either.refused("policy", commits=incident, message="")
    either.refused("policy", commits=incident, message="x" * 100000 + "\n\nRevertd-Reverts: 1\n")
    for seconds in (0, 4000000000):
        either.refused("policy", commits=incident, time_usec=seconds * 1000000)
    either.refused("policy", commits=incident, scope=["apps/**"] * 65)
    either.refused("policy", "failed", commits=incident, scope=["/etc/passwd"])


def test_a_commit_of_their_own(either):
    """What the daemon says the result is cannot become it."""
    either.refused("policy", commits=[either.commits[3]], request={"commit": either.elsewhere})


def test_words_that_the_protocol_has_not(either):
    """Another remote, another branch, a forced push, another repository: there is no way to say it."""
    elsewhere = either.folder / "elsewhere.git"
    subprocess.run(["git", "init", "-q", "--bare", elsewhere], check=True)
    extra = {"url": str(elsewhere), "remote": str(elsewhere), "branch": "other", "ref": "refs/heads/other", "force": True,
             "repository": "another", "allow_paths": [], "budget": 1000, "credential": "other"}
    spec = either.spec([either.commits[3]])
    reply = either.ask(either.op, spec={**spec, **extra}, **extra)
    assert reply["outcome"] == "ok"
    ours = reply["commit"]
    assert git(either.remote, "rev-parse", "other") == either.elsewhere
    assert git(either.remote, "diff", "--name-status", f"{ours}~", ours) == "D\tapps/c"
    assert git(elsewhere, "for-each-ref") == ""


def test_the_budget_is_the_workers_own(either):
    for commit in (either.commits[3], either.commits[4]):
        either.pushed([commit])
    before = either.refs()
    for _ in range(2):
        reply = either.ask(either.op, spec=either.spec([either.commits[1]]))
        assert reply["outcome"] == "policy" and "budget" in reply["message"]
        assert either.stop() == 0
        either.start()
    assert either.refs() == before and (not either.forge or len(either.forge.proposals) == 2)


def test_the_branchs_own_pause(either):
    git(either.work, "pull", "-q", either.remote, "main")
    either.commit({".revertd/pause": "no"})
    git(either.work, "push", "-q", either.remote, "main")
    either.ask("sync")
    assert "pause" in either.refused("policy", commits=[either.commits[3]])["message"]


def test_revisions_show_nothing_else(world):
    for revision in ("other", "refs/heads/other", "main:lib/b", "HEAD@{1}", "HEAD^{tree}", ":/Set", world.elsewhere,
                     "HEAD~99999999999", "-x", ""):
        assert world.ask("show", revision=revision)["outcome"] in ("not_found", "failed"), revision


@pytest.mark.parametrize("line", [b"{", b"[]", b"null", b"{\"op\": \"exec\", \"id\": 1}", b"{\"op\": 7}", b"\xff\xfe",
                                  b"[" * 100000, b"{\"op\": \"push\", \"spec\": " + b"{\"base\": " * 5000,
                                  b"x" * (9 << 20)], ids=lambda line: repr(line[:12]))
def test_what_is_no_request(world, line):
    before = world.refs()
    try:
        world.stream.write(line + b"\n")
        world.stream.flush()
    except OSError:
        pass  # it has hung up already
    assert world.process.wait(30) == 76
    assert world.refs() == before
    world.start()
    assert world.ask("sync")["outcome"] == "ok"


def test_a_worker_that_reads_only_pushes_nothing(either):
    either.stop()
    either.start("--read-only")
    spec = either.spec([either.commits[1]])
    planned = either.ask("plan", spec=spec)
    assert planned["outcome"] == "ok"
    pushed = either.ask(either.op, spec=spec, commit=planned["commit"])
    assert pushed["outcome"] == "policy" and "read only" in pushed["message"]
    assert either.head() == spec["base"]
