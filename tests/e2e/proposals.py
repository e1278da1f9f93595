"""A worker that proposes, at a stand-in of each forge or at a real Gitea."""
import os

import pytest
from forges import Forge, Gitea
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
