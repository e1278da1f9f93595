#!/usr/bin/python3
"""How long revertctl needs for a backtest of 30 days over a real Prometheus, and how much memory.

usage: backtest.py [--programs DIR] [--series 100] [--days 30]"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "contrib" / "demo"))
import parts  # noqa: E402

BREACH_MINUTES, FROM_BREACH_TO_BREACH = 30, 3000  # of each series


def write_samples(path, series, start, minutes):
    with open(path, "w") as out:
        out.write("# TYPE error_ratio gauge\n")
        for s in range(series):
            for m in range(-5, minutes + 1):
                bad = (m + 29 * s) % FROM_BREACH_TO_BREACH < BREACH_MINUTES
                out.write(f'error_ratio{{app="app{s}"}} {0.4 if bad else 0.01} {start + 60 * m}\n')
        out.write("# EOF\n")


def write_history(repository, series, start, minutes):
    """A commit a minute before each breach of a series."""
    commits = sorted((m, s) for s in range(series) for m in range(minutes)
                     if (m + 1 + 29 * s) % FROM_BREACH_TO_BREACH == 0)
    stream = ""
    for number, (minute, s) in enumerate([(-10, s) for s in range(series)] + commits):
        text = f"{number}\n"
        stream += (f"commit refs/heads/main\ncommitter Ana <ana@example.com> {start + 60 * minute} +0000\n"
                   f"data 6\nChange\nM 644 inline apps/app{s}/settings\ndata {len(text)}\n{text}\n")
    subprocess.run(["git", "-C", repository.path, "fast-import", "--quiet"], input=stream, text=True, check=True)
    return len(commits)


def run(programs, directory, start, end, step):
    command = [programs / "revertctl", "backtest", f"--config.file={directory}/revertd.conf",
               f"--storage.path={directory}/cache", f"--git.program={programs}/revertd-git", "-o", "json",
               f"--from={stamp(start)}", f"--to={stamp(end)}", f"--step={step}"]
    begin = time.monotonic()
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE)
    report = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return report, time.monotonic() - begin, usage


def stamp(at):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=pathlib.Path, default=parts.SOURCE / "build" / "dev")
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument("--days", type=int, default=30)
    args = parser.parse_args()
    programs = args.programs.resolve()
    minutes = args.days * 1440
    start = int(time.time()) // 60 * 60 - 60 * minutes - 3600
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_samples(folder / "past.om", args.series, start, minutes)
        subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q", folder / "past.om",
                        folder / "prometheus-data"], check=True, stdout=subprocess.DEVNULL)
        (folder / "past.om").unlink()
        repository = parts.Repository(folder)
        n_commits = write_history(repository, args.series, start, minutes)
        (folder / "prometheus.yml").write_text("{}\n")
        port = parts.free_port()
        server = parts.Part("prometheus", ["prometheus", f"--config.file={folder}/prometheus.yml",
                                           f"--storage.tsdb.path={folder}/prometheus-data",
                                           "--storage.tsdb.retention.time=10y",
                                           f"--web.listen-address=127.0.0.1:{port}"], folder)
        try:
            parts.wait_until(lambda: parts.http_get(f"http://127.0.0.1:{port}/-/ready"), 60, "Prometheus")
            (folder / "revertd.conf").write_text(f"""
repositories: ( {{ name = "fleet"; url = "{repository.path}"; branch = "main"; budget = 1000; }} );
budget = 1000;
prometheus: ( {{ name = "prod"; url = "http://127.0.0.1:{port}"; timeout = "1m"; }} );
rules: ( {{ name = "errors"; expr = "error_ratio"; breach = "> 0.05"; prometheus = "prod"; for = "3m";
            repository = "fleet"; paths = [ "apps/{{{{ $labels.app }}}}/**" ]; window = "30m"; }} );
""")
            print(f"{args.series} series, {args.days} days, {n_commits} breaking commits")
            for step in ("1m", "15s"):
                report, seconds, usage = run(programs, folder, start, start + 60 * minutes, step)
                summary, rule = report["summary"], report["rules"][0]
                print(f"{step}: {seconds:.1f} s, {usage.ru_utime + usage.ru_stime:.1f} s of CPU,"
                      f" {usage.ru_maxrss / 1024:.0f} MB at most; {rule['evaluations']} evaluations,"
                      f" {summary['breaches']} breaches, {summary['reverted']} would have been reverted"
                      f" {summary['reasons'] or ''}", flush=True)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
