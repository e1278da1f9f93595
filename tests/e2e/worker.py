"""The real worker, spoken to over its socket."""
import json
import os
import pathlib
import socket
import subprocess
import time

PROGRAMS = pathlib.Path(os.environ.get("REVERTD_PROGRAMS", pathlib.Path(__file__).parents[2] / "build" / "dev"))
BUDGET = 2
TOKEN = "forge-token"


def git(folder, *arguments):
    return subprocess.run(["git", "-C", folder, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


class World:
    """A remote with some history, and the worker of it; op: by which request reverts are asked for. forge(remote): makes
    what proposals go to."""

    def __init__(self, folder, op="push", forge=None, **settings):
        self.folder, self.work, self.remote = folder, folder / "work", folder / "remote.git"
        self.op, self.storage = op, "state"
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
        self.forge = forge(self.remote) if forge else None
        if self.forge:
            (folder / "credentials").mkdir(mode=0o700)
            (folder / "credentials" / TOKEN).write_text(self.forge.token)
            settings = {**self.forge.settings(TOKEN), **settings}
        self.url = getattr(self.forge, "remote", self.remote)
        if self.url != self.remote:
            (folder / "credentials" / "git-token").write_text(self.forge.token)
            settings = {"credential": "git-token", "username": "platform", **settings}
            self.remote = self.forge.repository
        self.origin = getattr(self.forge, "origin", self.remote)  # where people push to
        keys = " ".join(f"{key} = {json.dumps(value)};" for key, value in
                        {"budget": BUDGET, "allow_paths": ["apps/**"], **settings}.items())
        (folder / "revertd.conf").write_text(f"""
credentials_directory = "{folder}/credentials";
repositories: ( {{ name = "fleet"; url = "{self.url}"; branch = "main"; {keys} }} );
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
             "--storage.path", self.folder / self.storage, "--socket-fd", str(theirs.fileno()), "--log.level", "error", *more],
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
        reply = self.ask(self.op, spec=self.spec(**more), **(request or {}))
        assert reply["outcome"] in outcomes, reply
        assert self.refs() == before and (not self.forge or not self.forge.proposals)
        return reply

    def pushed(self, commits, **more):
        """The revert of them, where it went."""
        reply = self.ask(self.op, spec=self.spec(commits, **more))
        assert reply["outcome"] == "ok", reply
        where = self.head() if self.op == "push" else git(self.remote, "for-each-ref", "--format=%(objectname)",
                                                          f"refs/heads/revertd/*-{reply['commit'][:12]}")
        assert where == reply["commit"]
        return where
