"""Someone has taken over the daemon and says to the worker what they like. Only reverts that the policy allows come of it.

The real worker is spoken to over its socket; after each attempt all refs of the remote are where they were."""
import json
import os
import pathlib
import socket
import subprocess
import time

import pytest

PROGRAMS = pathlib.Path(os.environ.get("REVERTD_PROGRAMS", pathlib.Path(__file__).parents[2] / "build" / "dev"))
BUDGET = 2


def git(folder, *arguments):
    return subprocess.run(["git", "-C", folder, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


class World:
    def __init__(self, folder):
        self.folder, self.work, self.remote = folder, folder / "work", folder / "remote.git"
        os.environ.update(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1")
        for name in ("AUTHOR", "COMMITTER"):
            os.environ.update({f"GIT_{name}_NAME": "Ana", f"GIT_{name}_EMAIL": "ana@example.com"})
        subprocess.run(["git", "init", "-q", "-b", "main", self.work], check=True)
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", self.remote], check=True)
        self.commits = [self.commit({"apps/a": "1", "lib/b": "1"}), self.commit({"apps/a": "2"}),
                        self.commit({"lib/b": "2"}), self.commit({"apps/c": "1"}), self.commit({"apps/d": "1"}),
                        self.commit({"apps/e": "1", "lib/f": "1"})]
        git(self.work, "switch", "-q", "-c", "other", self.commits[1])
        self.elsewhere = self.commit({"apps/evil": "1"})
        git(self.work, "switch", "-q", "main")
        git(self.work, "push", "-q", self.remote, "main", "other")
        (folder / "revertd.conf").write_text(f"""
repositories: ( {{ name = "fleet"; url = "{self.remote}"; branch = "main"; allow_paths = [ "apps/**" ];
                  budget = {BUDGET}; }} );
""")
        self.process, self.number = None, 0
        self.start()

    def commit(self, files):
        for name, text in files.items():
            (self.work / name).parent.mkdir(parents=True, exist_ok=True)
            (self.work / name).write_text(text + "\n")
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "-m", f"Set {' '.join(files)}")
        return git(self.work, "rev-parse", "HEAD")

    def start(self, *more):
        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [PROGRAMS / "revertd-git", "--config.file", self.folder / "revertd.conf", "--repository", "fleet",
             "--storage.path", self.folder / "state", "--socket-fd", str(theirs.fileno()), "--log.level", "error", *more],
            pass_fds=[theirs.fileno()])
        theirs.close()
        ours.settimeout(60)
        self.socket, self.stream = ours, ours.makefile("rwb")
        assert "error" not in json.loads(self.stream.readline())

    def stop(self):
        self.stream.close()
        self.socket.close()
        return self.process.wait(30)

    def ask(self, op, **more):
        self.number += 1
        self.stream.write(json.dumps({"op": op, "id": self.number, "timeout_usec": 20000000, **more}).encode() + b"\n")
        self.stream.flush()
        while True:
            reply = json.loads(self.stream.readline())
            if not reply.get("progress"):
                return reply

    def spec(self, commits, **more):
        message = f"Undo\n\nRevertd-Incident: evil-{self.number}\nRevertd-Reverts: {commits[0]}\n"
        return {"base": self.head(), "commits": commits, "scope": [], "message": message,
                "time_usec": int(time.time()) * 1000000, **more}

    def head(self):
        return git(self.remote, "rev-parse", "main")

    def refs(self):
        return git(self.remote, "for-each-ref")

    def refused(self, *outcomes, request=None, **more):
        before = self.refs()
        reply = self.ask("push", spec=self.spec(**more), **(request or {}))
        assert reply["outcome"] in outcomes, reply
        assert self.refs() == before
        return reply


@pytest.fixture
def world(tmp_path):
    one = World(tmp_path)
    yield one
    one.stop()


def test_paths_that_are_not_allowed(world):
    assert "allow_paths" in world.refused("policy", commits=[world.commits[2]])["message"]
    world.refused("policy", commits=[world.commits[2]], scope=["lib/**"])
    world.refused("policy", commits=[world.commits[5]])
    world.refused("policy", commits=[world.commits[3], world.commits[2]])
    assert world.ask("push", spec=world.spec([world.commits[5]], scope=["apps/**"]))["outcome"] == "ok"
    assert git(world.remote, "diff", "--name-status", "main~", "main") == "D\tapps/e"


def test_commits_that_are_not_the_branchs(world):
    world.refused("not_found", commits=[world.elsewhere])
    world.refused("not_found", "failed", commits=["0" * 40])
    world.refused("not_found", "failed", commits=["a" * 64])


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
def test_names_that_are_no_ids(world, name):
    """Not even a request: the worker ends."""
    before = world.refs()
    spec = {**world.spec([world.commits[1]]), "commits": [name]}
    world.stream.write(json.dumps({"op": "push", "id": 1, "timeout_usec": 20000000, "spec": spec}).encode() + b"\n")
    world.stream.flush()
    assert world.process.wait(30) == 76
    assert world.refs() == before


def test_the_branch_never_goes_back(world):
    for base in (world.commits[1], world.elsewhere, "0" * 40):
        reply = world.refused("moved", "not_found", "failed", commits=[world.commits[1]], base=base)
        assert reply.get("commit", "") == ""


def test_messages_and_times(world):
    incident = [world.commits[3]]
    world.refused("policy", commits=incident, message="Deploy v2\n")
    world.refused("policy", commits=incident, message="")
    world.refused("policy", commits=incident, message="x" * 100000 + "\n\nRevertd-Reverts: 1\n")
    for seconds in (0, 4000000000):
        world.refused("policy", commits=incident, time_usec=seconds * 1000000)
    world.refused("policy", commits=incident, scope=["apps/**"] * 65)
    world.refused("policy", "failed", commits=incident, scope=["/etc/passwd"])


def test_a_commit_of_their_own(world):
    """What the daemon says the result is cannot become it."""
    world.refused("policy", commits=[world.commits[3]], request={"commit": world.elsewhere})


def test_words_that_the_protocol_has_not(world):
    """Another remote, another branch, a forced push, another repository: there is no way to say it."""
    elsewhere = world.folder / "elsewhere.git"
    subprocess.run(["git", "init", "-q", "--bare", elsewhere], check=True)
    extra = {"url": str(elsewhere), "remote": str(elsewhere), "branch": "other", "ref": "refs/heads/other", "force": True,
             "repository": "another", "allow_paths": [], "budget": 1000, "credential": "other"}
    spec = world.spec([world.commits[3]])
    reply = world.ask("push", spec={**spec, **extra}, **extra)
    assert reply["outcome"] == "ok"
    assert git(world.remote, "rev-parse", "other") == world.elsewhere
    assert git(world.remote, "diff", "--name-status", "main~", "main") == "D\tapps/c"
    assert git(elsewhere, "for-each-ref") == ""


def test_the_budget_is_the_workers_own(world):
    for commit in (world.commits[3], world.commits[4]):
        assert world.ask("push", spec=world.spec([commit]))["outcome"] == "ok"
    world.refused("policy", commits=[world.commits[1]])
    assert world.stop() == 0
    world.start()
    world.refused("policy", commits=[world.commits[1]])


def test_the_branchs_own_pause(world):
    git(world.work, "pull", "-q", world.remote, "main")
    world.commit({".revertd/pause": "no"})
    git(world.work, "push", "-q", world.remote, "main")
    world.ask("sync")
    assert "pause" in world.refused("policy", commits=[world.commits[3]])["message"]


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


def test_a_worker_that_reads_only_pushes_nothing(world):
    world.stop()
    world.start("--read-only")
    spec = world.spec([world.commits[1]])
    planned = world.ask("plan", spec=spec)
    assert planned["outcome"] == "ok"
    pushed = world.ask("push", spec=spec, commit=planned["commit"])
    assert pushed["outcome"] == "policy" and "read only" in pushed["message"]
    assert world.head() == spec["base"]
