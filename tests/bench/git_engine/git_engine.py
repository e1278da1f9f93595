#!/usr/bin/env python3
"""What a revert costs as the repository grows: revertd's worker against git and libgit2's git_revert_commit, one after
the other in the same run, on made-up repositories whose last commits each change one file.

For each size: computing the revert commit (a warm process, distinct commits, objects really written); reverting and
pushing to a local remote through revertd-git, against `git fetch`, `git revert`, `git push` in a clone that is up to
date; restoring ten files that as many commits changed to before these, against `git fetch`, `git restore`, `git commit`,
`git push`; memory of the worker. Computing and pushing go in rounds, size after size, so that a busy moment of the
machine meets all sizes. Then, once: the commits that touched one scope among 10,000, and one very wide folder. Git's work
tree is a full one up to --full files; above it holds only the top level (sparse), which spares git the most. Prints Markdown tables; a figure is the median, a ratio is "times as fast".

usage: git_engine.py --programs DIR [--files N,N…] [--times N] [--full N] [--history N] [--wide N] [--directory DIR]
"""
import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

PER_FOLDER = 100   # files in a folder
PER_SERVICE = 10   # folders in a service
ROUNDS = 6
WARMING = 2        # commits that each process undoes before it counts
START = 1700000000
IDENTITY = ["-c", "user.name=git", "-c", "user.email=git@localhost", "-c", "gc.auto=0", "-c", "maintenance.auto=false"]


def git(*arguments, **more):
    return subprocess.run(["git", *IDENTITY, *map(str, arguments)], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **more).stdout


def commit(out, number, message):
    text = f"{message}\n".encode()
    out.write(b"commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata %d\n%s" %
              (START + number, len(text), text))


def change(out, path, number):
    data = b"line\n" * 20 + b"value %d\n" % number
    out.write(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))


def make(path, paths, changes):
    """A bare repository with those paths, and then a commit for each (path) of changes."""
    git("init", "-q", "--bare", "-b", "main", path)
    importer = subprocess.Popen(["git", "-C", path, "fast-import", "--quiet"], stdin=subprocess.PIPE)
    out, blobs, mark = importer.stdin, {}, 0
    listed = []
    for name in paths:
        folder = name.rsplit("/", 1)[0] if "/" in name else name
        if folder not in blobs:  # a folder's content differs from every other's
            mark += 1
            blobs[folder] = mark
            data = folder.encode() + b"\n"
            out.write(b"blob\nmark :%d\ndata %d\n%s\n" % (mark, len(data), data))
        listed.append((blobs[folder], name))
    commit(out, 0, "Everything")
    for number, name in listed:
        out.write(b"M 100644 :%d %s\n" % (number, name.encode()))
    for number, name in enumerate(changes):
        commit(out, number + 1, f"Change {name}")
        change(out, name, number)
    out.close()
    if importer.wait() != 0:
        raise SystemExit("git fast-import failed")


def deep_paths(files):
    for number in range(files):
        folder = number // PER_FOLDER
        yield f"services/s{folder // PER_SERVICE:05}/part{folder % PER_SERVICE}/file{number % PER_FOLDER:03}.yaml"


def spread(paths, count):
    return [paths[(number * 7919 + 13) % len(paths)] for number in range(count)]


def head_commits(path, count):
    return git("-C", path, "rev-list", "-n", count, "main").split()


class Worker:
    """revertd-git, spoken to as the daemon does."""

    def __init__(self, programs, directory, remote, timeout=600, repository=""):
        directory.mkdir(exist_ok=True)
        (directory / "revertd.conf").write_text(f"""
repositories: ( {{ name = "fleet"; url = "{remote}"; branch = "main"; budget = 1000; {repository} }} );
receivers: (); rules: ();
""")
        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [programs / "revertd-git", "--config.file", directory / "revertd.conf", "--repository", "fleet",
             "--storage.path", directory / "state", "--socket-fd", str(theirs.fileno()), "--log.level", "error"],
            pass_fds=[theirs.fileno()])
        theirs.close()
        self.stream = ours.makefile("rwb")
        hello = json.loads(self.stream.readline())
        if hello.get("error"):
            raise SystemExit(hello["error"])
        self.number, self.timeout = 0, timeout

    def ask(self, op, **more):
        self.number += 1
        request = {"op": op, "id": self.number, "timeout_usec": self.timeout * 1000000, **more}
        self.stream.write(json.dumps(request).encode() + b"\n")
        self.stream.flush()
        while True:
            reply = json.loads(self.stream.readline())
            if not reply.get("progress"):
                break
        if reply["outcome"] != "ok":
            raise SystemExit(f"{op}: {reply['outcome']}: {reply.get('message')}")
        return reply

    def spec(self, base, commits, scope=()):
        reverts = "".join(f"Revertd-Reverts: {commit}\n" for commit in commits)
        return {"base": base, "commits": commits, "scope": list(scope), "time_usec": int(time.time()) * 1000000,
                "message": f"Revert a change\n\nRevertd-Incident: bench-{self.number}\n{reverts}"}

    def memory_mb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in status)
        return int(fields["VmHWM"].split()[0]) / 1024

    def close(self):
        self.stream.close()
        self.process.wait(30)


def timed(function):
    start = time.perf_counter()
    result = function()
    return (time.perf_counter() - start) * 1000, result


def median(values):
    return statistics.median(values)


def show(msec):
    return f"{msec:.2f} ms" if msec < 10 else f"{msec:.0f} ms" if msec < 10000 else f"{msec / 1000:.1f} s"


def compute(programs, kind, repository, commits):
    """Milliseconds for each commit but the first, which warm the process up."""
    out = subprocess.run([programs / "tests/bench/bench_revert", kind, repository, *commits], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return [int(line) / 1000 for line in out.split()][WARMING:]


def clone(remote, path, sparse):
    git("clone", "-q", *(["--sparse"] if sparse else []), remote, path)
    return path


def git_compute(work, commits):
    values = []
    for each in commits:
        msec, _ = timed(lambda: git("-C", work, "revert", "--no-edit", each))
        values.append(msec)
        git("-C", work, "reset", "-q", "--hard", "origin/main")
    return values


def git_push(work, commits):
    def act(each):
        git("-C", work, "fetch", "-q", "origin", "main")
        git("-C", work, "reset", "-q", "--hard", "FETCH_HEAD")
        git("-C", work, "revert", "--no-edit", each)
        git("-C", work, "push", "-q", "origin", "HEAD:main")
    return [timed(lambda each=each: act(each))[0] for each in commits]


def worker_push(worker, commits):
    """Plan and push, as the daemon asks for them."""
    head = worker.ask("sync")["head"]
    values = []
    for each in commits:
        spec = worker.spec(head, [each])

        def act():
            plan = worker.ask("plan", spec=spec)
            return worker.ask("push", spec=spec, commit=plan["commit"])
        msec, reply = timed(act)
        values.append(msec)
        head = reply["commit"]
    return values


RESTORED = 10  # files that a restore puts back
RESTORED_SCOPE = "services/s00001"


def spoil(path):
    """So many commits that each change a file of the scope; the commit before them."""
    before = git("-C", path, "rev-parse", "main").strip()
    importer = subprocess.Popen(["git", "-C", path, "fast-import", "--quiet"], stdin=subprocess.PIPE)
    for number in range(RESTORED):
        text = b"Spoil it\n"
        importer.stdin.write(b"commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata %d\n%s" %
                             (time.time(), len(text), text))
        if number == 0:
            importer.stdin.write(b"from %s\n" % before.encode())
        change(importer.stdin, f"{RESTORED_SCOPE}/part{number % PER_FOLDER}/file000.yaml", time.time_ns() + number)
    importer.stdin.close()
    if importer.wait() != 0:
        raise SystemExit("git fast-import failed")
    return before


def worker_restore(worker, remote, times):
    """What would be undone, the plan, and the push, as the daemon asks for them."""
    values = []
    for _ in range(times):
        before = spoil(remote)
        scope = [f"{RESTORED_SCOPE}/**"]

        def act():
            found = worker.ask("history", scope=scope, revision=before, max_commits=10000)
            spec = worker.spec(found["head"], [each["id"] for each in found["commits"]], scope)
            spec["restore"] = before
            spec["message"] += f"Revertd-Restores: {before}\n"
            plan = worker.ask("plan", spec=spec)
            worker.ask("push", spec=spec, commit=plan["commit"])
            return plan
        msec, restored = timed(act)
        if git("-C", remote, "rev-parse", f"main:{RESTORED_SCOPE}") != git("-C", remote, "rev-parse",
                                                                         f"{before}:{RESTORED_SCOPE}"):
            raise SystemExit("the restored folder differs")
        if len(restored["paths"]) != RESTORED:
            raise SystemExit("not all files were restored")
        values.append(msec)
    return values


def git_restore(work, remote, times):
    values = []
    for _ in range(times):
        before = spoil(remote)

        def act():
            git("-C", work, "fetch", "-q", "origin", "main")
            git("-C", work, "reset", "-q", "--hard", "FETCH_HEAD")
            git("-C", work, "restore", "-q", "--ignore-skip-worktree-bits", "--source", before, "--staged", "--worktree",
                "--", RESTORED_SCOPE)
            git("-C", work, "commit", "-q", "-m", "Restore it")
            git("-C", work, "push", "-q", "origin", "HEAD:main")
        values.append(timed(act)[0])
    return values


def take(size, count):
    taken, size["commits"] = size["commits"][:count], size["commits"][count:]
    return taken


def prepare_size(arguments, directory, files):
    """A remote, a mirror of it, and the commits of it that are still to be undone."""
    times = arguments.times
    paths = list(deep_paths(files))
    needed = ROUNDS * (2 * times + WARMING) + 3 * times + 4 * WARMING
    remote = directory / "remote.git"
    make(remote, paths, spread(paths, needed))
    git("clone", "-q", "--bare", "--no-local", remote, directory / "mirror.git")
    size = {"files": files, "sparse": files > arguments.full, "directory": directory, "ours": [], "worker_push": [],
            "commits": head_commits(remote, needed), "worker": Worker(arguments.programs, directory / "worker", remote)}
    size["worker"].ask("sync")
    worker_push(size["worker"], take(size, WARMING))
    return size


def measure_rounds(arguments, sizes):
    for _ in range(ROUNDS):
        for size in sizes:
            size["ours"] += compute(arguments.programs, "ours", size["directory"] / "mirror.git",
                                    take(size, arguments.times + WARMING))
        for size in sizes:
            size["worker_push"] += worker_push(size["worker"], take(size, arguments.times))


def measure_size(arguments, size):
    directory, worker = size["directory"], size["worker"]
    remote, few = directory / "remote.git", max(3, arguments.times // 4)
    size["libgit2"] = compute(arguments.programs, "libgit2", directory / "mirror.git", take(size, few + WARMING))
    work = clone(remote, directory / "work", size["sparse"])
    size["git"] = git_compute(work, take(size, few))
    worker_restore(worker, remote, WARMING)
    size["worker_restore"] = worker_restore(worker, remote, arguments.times)
    size["memory"] = worker.memory_mb()
    worker.close()
    git_push(work, take(size, 1))
    size["git_push"] = git_push(work, take(size, few))
    git_restore(work, remote, 1)
    size["git_restore"] = git_restore(work, remote, few)
    print(f"{size['files']} files: done", file=sys.stderr, flush=True)


def measure_sizes(arguments, directory):
    sizes = []
    for files in [int(each) for each in arguments.files.split(",") if each]:
        (directory / str(files)).mkdir()
        sizes.append(prepare_size(arguments, directory / str(files), files))
    measure_rounds(arguments, sizes)
    for size in sizes:
        measure_size(arguments, size)
        shutil.rmtree(size["directory"], ignore_errors=True)
    return sizes


def measure_history(arguments, directory):
    """The commits that touched one scope, among many: a worker that has seen them, and git's own walk."""
    count = arguments.history
    paths = list(deep_paths(20000))
    remote = directory / "remote.git"
    make(remote, paths, spread(paths, count))
    worker = Worker(arguments.programs, directory / "worker", remote)
    scope = ["services/s00007/**"]
    values = [{"label": f"label{number}", "value": f"v1.2.{number}"} for number in range(8)]
    request = {"scope": scope, "since_usec": 0, "max_commits": count, "known": worker.ask("sync")["head"],
               "values": values, "until_usec": int(time.time() + 3600) * 1000000}
    cold, reply = timed(lambda: worker.ask("history", **request))
    warm = [timed(lambda: worker.ask("history", **request))[0] for _ in range(5)]
    touched = git("-C", remote, "rev-list", "-n", count, "main", "--", "services/s00007").split()
    found = [each["id"] for each in reply["commits"]]
    if found != [each for each in git("-C", remote, "rev-list", "-n", count, "main").split() if each in set(touched)]:
        raise SystemExit("the history differs from git's")
    walk = [timed(lambda: git("-C", remote, "log", "--first-parent", "--format=%H", "-n", count, "main", "--",
                              "services/s00007"))[0] for _ in range(3)]
    result = {"count": count, "found": len(found), "cold": cold, "warm": median(warm), "git": median(walk),
              "memory": worker.memory_mb()}
    worker.close()
    return result


def measure_wide(arguments, directory):
    """A folder of very many folders, one file in each."""
    paths = [f"apps/application-{number:06}/values.yaml" for number in range(arguments.wide)]
    remote = directory / "remote.git"
    make(remote, paths, spread(paths, arguments.times + 2 * WARMING + 5))
    git("-C", remote, "repack", "-adq")
    commits = head_commits(remote, arguments.times + 2 * WARMING + 5)
    return {"ours": median(compute(arguments.programs, "ours", remote, commits[:arguments.times + WARMING])),
            "libgit2": median(compute(arguments.programs, "libgit2", remote, commits[arguments.times + WARMING:]))}


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    print("\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n")


def report(sizes):
    rows = []
    for one in sizes:
        ours = median(one["ours"])
        rows.append([f"{one['files']:,}", show(ours), show(median(one["libgit2"])),
                     f"{median(one['libgit2']) / ours:.0f}", show(median(one["git"])) + ("*" if one["sparse"] else ""),
                     f"{median(one['git']) / ours:.0f}"])
    table(["files", "revertd", "git_revert_commit", "times as fast", "git revert", "times as fast"], rows)
    rows = []
    for one in sizes:
        ours = median(one["worker_push"])
        rows.append([f"{one['files']:,}", show(ours), show(median(one["git_push"])) + ("*" if one["sparse"] else ""),
                     f"{median(one['git_push']) / ours:.0f}", f"{one['memory']:.0f} MB"])
    table(["files", "revertd: plan, push, read again", "git: fetch, revert, push", "times as fast",
           "worker's memory (peak)"], rows)
    rows = []
    for one in sizes:
        ours = median(one["worker_restore"])
        rows.append([f"{one['files']:,}", show(ours), show(median(one["git_restore"])) + ("*" if one["sparse"] else ""),
                     f"{median(one['git_restore']) / ours:.0f}"])
    table([f"{RESTORED} files put back, of", "revertd: history, plan, push, read again",
           "git: fetch, restore, commit, push", "times as fast"], rows)
    if len(sizes) > 1:
        print(f"From {sizes[0]['files']:,} to {sizes[-1]['files']:,} files: computing takes "
              f"{median(sizes[-1]['ours']) / median(sizes[0]['ours']):.1f} times as long, with the push "
              f"{median(sizes[-1]['worker_push']) / median(sizes[0]['worker_push']):.1f} times.\n")
    if any(one["sparse"] for one in sizes):
        print("\\* in a sparse work tree of the top level alone\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="the build directory")
    parser.add_argument("--files", default="2000,100000,1000000", help="sizes, with commas in between; \"\" for none")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--full", type=int, default=100000, help="git gets a full work tree up to so many files")
    parser.add_argument("--history", type=int, default=10000, help="commits; 0 for none")
    parser.add_argument("--wide", type=int, default=5000, help="folders in one folder; 0 for none")
    parser.add_argument("--directory", type=pathlib.Path, help="where to work (default: a temporary folder)")
    arguments = parser.parse_args()
    arguments.programs = arguments.programs.resolve()
    top = pathlib.Path(tempfile.mkdtemp(prefix="revertd-bench-", dir=arguments.directory))
    os.environ.update(GIT_CONFIG_NOSYSTEM="1", HOME=str(top))

    def within(name, function):
        (top / name).mkdir()
        try:
            return function(arguments, top / name)
        finally:
            shutil.rmtree(top / name, ignore_errors=True)
    try:
        sizes = within("sizes", measure_sizes)
        if sizes:
            report(sizes)
        if arguments.wide:
            wide = within("wide", measure_wide)
            table([f"one folder of {arguments.wide:,} folders", "revertd", "git_revert_commit", "times as fast"],
                  [["computing a revert", show(wide["ours"]), show(wide["libgit2"]),
                    f"{wide['libgit2'] / wide['ours']:.0f}"]])
        if arguments.history:
            one = within("history", measure_history)
            table([f"{one['count']:,} commits", "first", "warm", "git log", "times as fast", "worker's memory (peak)"],
                  [[f"the {one['found']} that touched a scope", show(one["cold"]), show(one["warm"]), show(one["git"]),
                    f"{one['git'] / one['warm']:.0f}", f"{one['memory']:.0f} MB"]])
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    main()
