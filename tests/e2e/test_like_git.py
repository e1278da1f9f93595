"""What the worker plans against what git revert does, over random histories: the same tree, or a conflict in both; where
only we stop, it is for what docs/architecture.md says. REVERTD_LIKE_GIT=SEED:N tries others, and more."""
import collections
import os
import subprocess
import time

import pytest
from histories import History
from worker import World, git

FIRST, COUNT = map(int, os.environ.get("REVERTD_LIKE_GIT", "1:24").split(":"))
DECLINED_MAX = 0.06  # mostly renames that could be another's


class Compared(World):
    """The same repository for both."""

    def __init__(self, folder):
        super().__init__(folder, allow_paths=["**"])
        self.tally = collections.Counter()

    def show(self, history):
        """Put it on the branch, for the worker to fetch; the commits' ids by their marks."""
        git(self.work, "checkout", "-q", "-f", "--detach")
        subprocess.run(["git", "-C", self.work, "fast-import", "--quiet", "--force", f"--export-marks={self.folder}/marks"],
                       input=history.stream(), check=True)
        git(self.work, "checkout", "-q", "-f", "main")
        git(self.work, "push", "-q", "--force", self.remote, "main")
        assert self.ask("sync")["outcome"] == "ok"
        lines = (self.folder / "marks").read_text().splitlines()
        return {int(line.split()[0][1:]): line.split()[1] for line in lines}

    def plan(self, commits):
        """The tree; None: a conflict; "refused"."""
        message = f"Undo\n\nRevertd-Incident: x\nRevertd-Reverts: {commits[0]}\n"
        reply = self.ask("plan", spec={"base": git(self.work, "rev-parse", "main"), "commits": commits, "scope": [],
                                       "message": message, "time_usec": int(time.time()) * 1000000})
        if reply["outcome"] == "ok":
            return git(self.folder / "state" / "git" / "fleet.git", "rev-parse", reply["commit"] + "^{tree}")
        return {"empty": lambda: git(self.work, "rev-parse", "main^{tree}"), "conflict": lambda: None,
                "policy": lambda: "refused"}[reply["outcome"]]()

    def revert(self, commits):
        """The tree; None: a conflict; "died": on an assertion, or on work files that it takes for changed."""
        done = subprocess.run(["git", "-C", self.work, "revert", "--no-commit", "-m", "1", *commits], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        tree = None
        if done.returncode < 0 or done.returncode > 1 or b"would be overwritten" in done.stdout:
            tree = "died"
        elif done.returncode == 0:
            tree = git(self.work, "write-tree")
        (self.work / ".git" / "index.lock").unlink(missing_ok=True)
        git(self.work, "revert", "--quit")
        git(self.work, "reset", "-q", "--hard", "main")
        git(self.work, "clean", "-qffdx")
        return tree

    def compare(self, commits):
        ours, theirs = self.plan(commits), self.revert(commits)
        self.tally["compared"] += 1
        if theirs == "died" or ours == "refused":
            self.tally[theirs if theirs == "died" else ours] += 1
        elif ours is None:
            self.tally["conflict" if theirs is None else "declined here only"] += 1
        else:
            assert ours == theirs, commits
            self.tally["equal"] += 1


@pytest.fixture
def world(tmp_path):
    made = Compared(tmp_path)
    yield made
    made.stop()


def test_the_same_as_git_or_a_conflict(world):
    for seed in range(FIRST, FIRST + COUNT):
        history = History(seed)
        print("seed", seed)
        ids, marks = world.show(history), history.reachable()
        for mark in marks:
            world.compare([ids[mark]])
        for _ in range(3):
            chosen = sorted(history.sample(marks, min(len(marks), history.randint(2, 4))), reverse=True)
            world.compare([ids[mark] for mark in chosen])
    print(dict(world.tally))
    assert world.tally["equal"] > world.tally["compared"] / 4
    assert world.tally["declined here only"] < DECLINED_MAX * world.tally["compared"]
    assert world.tally["died"] + world.tally["refused"] < world.tally["compared"] / 10
