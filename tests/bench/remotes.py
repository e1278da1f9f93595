#!/usr/bin/env python3
"""What a revert costs over SSH and over TLS, with the connection still to be made (cold) and kept from the one before
(warm), against `git fetch`, `git revert`, `git push` in an up-to-date clone: servers on the loopback (OpenSSH; nginx
with git http-backend), all in the same run. From the request for a plan to the answer of the push; for cold ones the
worker is started, but has not spoken to the remote. Prints a Markdown table of medians, and how many connections
were authenticated by sshd.

usage: remotes.py --programs DIR [--files N] [--times N]
"""
import argparse
import os
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "git_engine"), str(HERE.parents[1] / "contrib" / "demo"), str(HERE.parent / "e2e")]
import git_engine  # noqa: E402
import servers  # noqa: E402
from git_engine import median, show, timed  # noqa: E402

KEYS = {"ssh": 'credential = "key"; known_hosts = "{known_hosts}";',
        "tls": 'credential = "password"; username = "{user}"; ca_file = "{certificate}";'}


class Repository:
    def __init__(self, path):
        self.path = path


def revert_and_push(worker, head, each):
    spec = worker.spec(head, [each])
    spec["message"] = spec["message"].replace("bench-", f"bench-{each}-")  # each worker counts anew

    def act():
        plan = worker.ask("plan", spec=spec)
        return worker.ask("push", spec=spec, commit=plan["commit"])
    msec, reply = timed(act)
    return msec, reply["commit"]


def measure(arguments, directory, kind, server):
    remote = directory / "remote.git"
    paths = list(git_engine.deep_paths(arguments.files))
    git_engine.make(remote, paths, git_engine.spread(paths, 3 * arguments.times + 2))
    git_engine.git("-C", remote, "config", "http.receivepack", "true")
    commits = git_engine.head_commits(remote, 3 * arguments.times + 1)
    url = server.url(Repository(remote))
    repository = KEYS[kind].format(**vars(server))

    def start():
        return git_engine.Worker(arguments.programs, directory / "worker", url, repository=repository)
    worker = start()
    head = worker.ask("sync")["head"]
    msec, head = revert_and_push(worker, head, commits.pop())
    warm, cold = [], []
    before = authenticated(kind, server)
    for _ in range(arguments.times):
        msec, head = revert_and_push(worker, head, commits.pop(0))
        warm.append(msec)
    logins = authenticated(kind, server) - before
    worker.close()
    for _ in range(arguments.times):
        worker = start()
        msec, head = revert_and_push(worker, head, commits.pop(0))
        cold.append(msec)
        worker.close()
    if kind == "tls":
        os.environ["GIT_SSL_CAINFO"] = str(server.certificate)
        url = url.replace("https://", f"https://{server.user}:{server.password}@")
    else:
        os.environ["GIT_SSH_COMMAND"] = (f"ssh -F none -i {server.directory}/user -o IdentitiesOnly=yes "
                                         f"-o UserKnownHostsFile={server.known_hosts}")
    work = git_engine.clone(url, directory / "work", False)
    git = git_engine.git_push(work, commits[:arguments.times])
    print(f"| {kind} | {show(median(cold))} | {show(median(warm))} | {median(cold) / median(warm):.1f} | "
          f"{show(median(git))} | {median(git) / median(warm):.0f} | {logins if kind == 'ssh' else ''} |", flush=True)


def authenticated(kind, server):
    return server.sshd.log().count("Accepted publickey") if kind == "ssh" else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--times", type=int, default=15)
    arguments = parser.parse_args()
    print("| over | cold | warm | cold / warm | git | git / warm | logins while warm |\n|---|---:|---:|---:|---:|---:|---:|",
          flush=True)
    for kind in KEYS:
        with tempfile.TemporaryDirectory(prefix="rv-") as name:
            directory = pathlib.Path(name)
            if kind == "ssh":
                server = servers.GitSsh(directory)
                secret, text = "key", server.key
            else:
                server = servers.GitHttp(directory, directory, tls=True)
                secret, text = "password", server.password
            (directory / "credentials").mkdir(mode=0o700)
            (directory / "credentials" / secret).write_text(text)
            (directory / "credentials" / secret).chmod(0o600)
            os.environ["CREDENTIALS_DIRECTORY"] = str(directory / "credentials")
            try:
                measure(arguments, directory, kind, server)
            finally:
                server.stop()


main()
