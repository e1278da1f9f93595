#!/usr/bin/env python3
"""From the alert's POST to the moved ref: revertd against Debian's `webhook` running git in a kept worktree.

Same machine, same run, alternating; a local bare remote; a fresh bad commit before each alert, which neither side has
fetched yet. Prints the medians, the spread, and the ratios.

usage: alert_to_ref.py --programs DIR [--files N…] [--runs N]
"""
import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "contrib" / "demo"))
import parts  # noqa: E402

RULE = """{ name = "page"; match = [ "alertname=Errors", "app=~.+" ]; repository = "fleet";
  paths = [ "apps/{{ $labels.app }}/**" ]; window = "30m"; recover = "1s"; verify_timeout = "1m"; cooldown = "0s";
  mode = "enforce"; shared_cause = 0; }"""
SCRIPT = """#!/bin/sh
set -e
cd "$1"
git fetch -q origin main
git reset -q --hard FETCH_HEAD
git revert --no-edit HEAD >/dev/null
git push -q origin HEAD:main
"""
FILES_PER_APP = 20


def fill(repository, files):
    """files small files in folders of 20, by fast-import."""
    stream = ["commit refs/heads/main\ncommitter A <a@example.com> 1700000000 +0000\ndata 5\nstart\n"]
    for n in range(files):
        body = f"{{\"n\": {n}, \"timeout_ms\": 500}}\n"
        stream.append(f"M 100644 inline apps/app-{n // FILES_PER_APP:05d}/file-{n % FILES_PER_APP:02d}.json\n"
                      f"data {len(body)}\n{body}\n")
    subprocess.run(["git", "-C", repository.path, "fast-import", "--quiet"], input="".join(stream).encode(), check=True)


def wait_for_move(path, old):
    """Busy-looks at the ref's file, so that the measure is not the watcher's interval; the time of the move."""
    deadline = time.perf_counter() + 60
    while time.perf_counter() < deadline:
        try:
            if path.read_text().strip() != old:
                return time.perf_counter()
        except FileNotFoundError:
            pass
        time.sleep(0.0002)
    raise TimeoutError("the ref did not move in 60 s")


def measure(repository, app, number, post):
    """One bad commit, one alert; seconds from the POST to the moved ref."""
    name = f"apps/{app}/file-00.json"
    bad = repository.commit({name: f'{{"n": 0, "timeout_ms": {number}}}\n'}, f"Break {app} ({number})")
    ref = repository.path / "refs" / "heads" / "main"
    start = time.perf_counter()
    post(app)
    moved = wait_for_move(ref, bad) - start
    if '"timeout_ms": 500' not in repository.read(name):
        raise RuntimeError("the ref moved, but the change is not undone")
    return moved


def send(url, body, token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    urllib.request.urlopen(urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers), timeout=60).close()


def run(directory, programs, files, runs):
    repository = parts.Repository(directory)
    fill(repository, files)
    kept = directory / "kept"
    repository.git("clone", "-q", repository.path, kept)
    repository.git("-C", kept, "config", "user.name", "webhook")
    repository.git("-C", kept, "config", "user.email", "webhook@example.com")
    script = directory / "revert.sh"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    port = parts.free_port()
    (directory / "hooks.json").write_text(json.dumps([{
        "id": "alert", "execute-command": str(script),
        "pass-arguments-to-command": [{"source": "string", "name": str(kept)}]}]))
    peer = parts.Part("webhook", ["webhook", "-hooks", directory / "hooks.json", "-ip", "127.0.0.1", "-port", str(port)],
                      directory)
    parts.wait_until(lambda: parts.http_get(f"http://127.0.0.1:{port}/") is not None, 10, "webhook")

    revertd = parts.Revertd(directory, programs)
    revertd.write_config(f'budget = 1000;\nrepositories: ( {{ name = "fleet"; url = "{repository.path}"; branch = "main";'
                         f' poll = "1h"; budget = 1000; }} );\nrules: ( {RULE} );\n')
    revertd.start()

    def alert(app):
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{int(time.time() * 1e6) % 1000000:06d}Z"
        body = {"version": "4", "groupKey": "{}", "status": "firing", "receiver": "r", "alerts": [
            {"status": "firing", "labels": {"alertname": "Errors", "app": app}, "annotations": {}, "startsAt": at,
             "endsAt": "0001-01-01T00:00:00Z"}]}
        send(revertd.url + "/webhooks/alertmanager", body, revertd.TOKEN)

    ours, theirs = [], []
    try:
        for number in range(runs + 1):  # the first of each warms up and is not counted
            theirs.append(measure(repository, f"app-{2 * number:05d}", number,
                                  lambda app: send(f"http://127.0.0.1:{port}/hooks/alert", {"app": app})))
            ours.append(measure(repository, f"app-{2 * number + 1:05d}", number, alert))
    finally:
        peer.stop()
        revertd.stop()
    return ours[1:], theirs[1:]


def milliseconds(samples):
    return f"{statistics.median(samples) * 1e3:.1f} ms ({min(samples) * 1e3:.1f}–{max(samples) * 1e3:.1f})"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--files", type=int, nargs="+", default=[2000, 100000])
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    print("| files | revertd | webhook + git | ratio |\n|---|---|---|---|")
    for files in options.files:
        directory = pathlib.Path(tempfile.mkdtemp(prefix="revertd-bench-"))
        try:
            ours, theirs = run(directory, options.programs.resolve(), files, options.runs)
            ratio = statistics.median(theirs) / statistics.median(ours)
            print(f"| {files:,} | {milliseconds(ours)} | {milliseconds(theirs)} | {ratio:.1f} |", flush=True)
        finally:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
