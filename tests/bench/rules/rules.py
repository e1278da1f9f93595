#!/usr/bin/env python3
"""What an evaluation of a polled rule costs: revertd against vmalert (Debian's victoria-metrics).

Both evaluate the same number of rules at the same interval against the same local responder, one after the other, in
the same run, and get the same answers: one series for each rule, or (--series none) an empty vector, which is what
vmalert sees while nothing fires. CPU is utime + stime of the process over a window after a warm-up, for each query that
the responder saw; memory is resident at the window's end.

usage: rules.py --programs DIR [--poller] [--rules N] [--interval SECONDS] [--window SECONDS]
                [--series one|none]
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

QUERY = 'sum by (app) (rate(http_requests_total{{code=~"5..",shard="{n}"}}[1m]))' \
        ' / sum by (app) (rate(http_requests_total{{shard="{n}"}}[1m]))'
GROUP = 100  # rules in a group of vmalert
FILE = 1000  # rules in a file of revertd


def write_revertd(directory, url, count, interval):
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", directory / "fleet.git"], check=True)
    commit = "commit refs/heads/main\ncommitter A <a@example.com> 1700000000 +0000\ndata 1\nx\n" \
             "M 100644 inline apps/a\ndata 1\nx\n"
    subprocess.run(["git", "-C", directory / "fleet.git", "fast-import", "--quiet"], input=commit.encode(), check=True)
    (directory / "rules.d").mkdir()
    for start in range(0, count, FILE):
        rules = ",\n".join(
            "{ name = \"rule-%d\"; expr = %s; breach = \"> 0.05\"; interval = \"%ds\"; for = \"1m\"; }"
            % (n, json.dumps(QUERY.format(n=n)), interval) for n in range(start, min(start + FILE, count)))
        (directory / "rules.d" / f"{start}.conf").write_text(f"rules: (\n{rules}\n);\n")
    (directory / "revertd.conf").write_text(f"""
listen: {{ address = "127.0.0.1:0"; socket = "{directory}/revertd.sock"; }};
repositories: ( {{ name = "fleet"; url = "{directory}/fleet.git"; branch = "main"; }} );
prometheus: ( {{ name = "prod"; url = "{url}"; }} );
defaults: {{ repository = "fleet"; paths = [ "apps/{{{{ $labels.app }}}}/**" ]; }};
rule_files = [ "{directory}/rules.d/*.conf" ];
""")


def write_vmalert(directory, count, interval):
    groups = []
    for start in range(0, count, GROUP):
        rules = "".join(f"  - alert: rule-{n}\n    expr: {json.dumps(QUERY.format(n=n) + ' > 0.05')}\n    for: 1m\n"
                        for n in range(start, min(start + GROUP, count)))
        groups.append(f"- name: group-{start}\n  interval: {interval}s\n  rules:\n{rules}")
    (directory / "vmalert.yml").write_text("groups:\n" + "".join(groups))


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def queries(url):
    with urllib.request.urlopen(f"{url}/count", timeout=10) as answer:
        return int(answer.read())


def measure(name, command, url, arguments, directory):
    log = open(directory / f"{name}.log", "wb")
    process = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory)
    try:
        started = queries(url)
        deadline = time.monotonic() + 10 * arguments.interval + 60
        while queries(url) - started < 2 * arguments.rules:  # everything was evaluated twice: warm
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{name} does not evaluate:\n" + (directory / f"{name}.log").read_text()[-2000:])
            time.sleep(0.5)
        seen, cpu, clock = queries(url), cpu_seconds(process.pid), time.monotonic()
        time.sleep(arguments.window)
        cpu, seen, clock = cpu_seconds(process.pid) - cpu, queries(url) - seen, time.monotonic() - clock
        memory = resident_mb(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    result = {"evaluations": seen, "per_second": seen / clock, "usec": cpu / seen * 1e6, "mb": memory}
    print(f"{name:10} {seen:8} evaluations ({result['per_second']:.0f}/s)  "
          f"{result['usec']:6.1f} us CPU each  {memory:6.1f} MB resident", flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="the build directory")
    parser.add_argument("--poller", action="store_true", help="measure the polling path alone, without the daemon")
    parser.add_argument("--rules", type=int, default=10000)
    parser.add_argument("--interval", type=int, default=10)
    parser.add_argument("--window", type=int, default=30)
    parser.add_argument("--without-vmalert", action="store_true", help="measure revertd alone")
    parser.add_argument("--series", choices=["one", "none"], default="one", help="in each answer")
    arguments = parser.parse_args()
    programs = arguments.programs.resolve()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="revertd-bench-"))
    responder = subprocess.Popen([programs / "tests/bench/bench_responder", arguments.series], stdout=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{int(responder.stdout.readline())}"
        write_revertd(directory, url, arguments.rules, arguments.interval)
        write_vmalert(directory, arguments.rules, arguments.interval)
        if arguments.poller:
            ours = [programs / "tests/bench/bench_poller", directory / "revertd.conf"]
        else:
            ours = [programs / "revertd", "--config.file", directory / "revertd.conf", "--storage.path",
                    directory / "state", "--git.program", programs / "revertd-git", "--log.level", "warn"]
        revertd = measure("poller" if arguments.poller else "revertd", ours, url, arguments, directory)
        if arguments.without_vmalert:
            return
        vmalert = measure("vmalert", ["vmalert", f"-rule={directory}/vmalert.yml", f"-datasource.url={url}",
                                      f"-notifier.url={url}", "-httpListenAddr=127.0.0.1:0"], url, arguments, directory)
        print(f"CPU per evaluation: {revertd['usec'] / vmalert['usec']:.2f} of vmalert's; "
              f"memory: {revertd['mb'] / vmalert['mb']:.2f}")
    finally:
        responder.kill()
        responder.wait()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
