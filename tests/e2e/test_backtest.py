"""revertctl backtest: a planted history of a repository, and the blocks of a Prometheus that was there."""
import json
import subprocess
import time
import xml.etree.ElementTree as ET

import parts
import pytest

MINUTES = 720
HOSTILE = "</title><script>alert(1)</script> & \"quotes\""
RULE = """{ name = "errors"; expr = "error_ratio"; breach = "> 0.05"; prometheus = "prod"; interval = "1m"; for = "10m";
  repository = "fleet"; paths = [ "apps/{{ $labels.app }}/**" ]; window = "30m"; mode = "observe"; }"""


def breaching(*spans):
    return lambda m: 0.4 if any(a <= m < b for a, b in spans) else 0.01


SERIES = {
    "checkout": breaching((61, 121)),
    "search": breaching((200, 231)),
    "cart": lambda m: None if 303 <= m < 330 else 0.4 if 300 <= m < 303 else 0.01,
    "pay": breaching((350, 371)),
    "flap": lambda m: 0.4 if 400 <= m < 440 and m % 2 else 0.01,
    "web": breaching((601, MINUTES)),
}


class Past:
    def __init__(self, world, monkeypatch):
        self.world, self.monkeypatch = world, monkeypatch
        self.start = int(time.time()) // 60 * 60 - 26 * 3600
        self.directory = world.directory

    def at(self, minute):
        return self.start + 60 * minute

    def commit(self, minute, app, timeout_ms, subject, body="", file="settings"):
        stamp = f"{self.at(minute)} +0000"
        self.monkeypatch.setenv("GIT_COMMITTER_DATE", stamp)
        self.monkeypatch.setenv("GIT_AUTHOR_DATE", stamp)
        return self.world.repository.commit({f"apps/{app}/{file}.json": parts.settings(timeout_ms)}, subject, body=body)

    def make_blocks(self):
        lines = ["# TYPE error_ratio gauge"]
        for app, value in SERIES.items():
            for m in range(-10, MINUTES + 1):
                if value(m) is not None:
                    lines.append(f'error_ratio{{app="{app}"}} {value(m)} {self.at(m)}')
        text = self.directory / "past.om"
        text.write_text("\n".join(lines + ["# EOF", ""]))
        subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q", text,
                        self.directory / "prometheus-data"], check=True, capture_output=True)

    def run(self, *arguments, rule=RULE, check=True):
        self.world.configure(rule, self.prometheus.url, receivers=False)
        command = [self.world.revertd.programs / "revertctl", "backtest",
                   f"--config.file={self.world.revertd.config}", f"--storage.path={self.directory}/cache",
                   f"--git.program={self.world.revertd.programs}/revertd-git", f"--from={self.iso(0)}",
                   f"--to={self.iso(MINUTES)}", *arguments]
        return subprocess.run([str(c) for c in command], capture_output=True, text=True, check=check)

    def iso(self, minute):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.at(minute)))


@pytest.fixture
def past(world, monkeypatch):
    p = Past(world, monkeypatch)
    for app in SERIES:
        p.commit(-300, app, 500, f"Start {app}")
    p.commit(50, "search", 450, "Tune search")
    p.bad = p.commit(60, "checkout", 5, "Lower checkout's timeout")
    p.commit(63, "checkout", 6, "Write a note meanwhile", file="note")
    p.undone = p.commit(119, "checkout", 500, "Revert it", f"This reverts commit {p.bad}.")
    p.commit(205, "search", 400, "Tune search after the onset")
    p.commit(299, "cart", 5, "Change the cart before a gap")
    p.hostile = p.commit(600, "web", 5, HOSTILE)
    p.head = world.repository.head()
    p.make_blocks()
    p.prometheus = world.add(parts.prometheus(world.directory, []))
    return p


def test_names_the_commits(past):
    report = json.loads(past.run("-o", "json").stdout)
    found = {b["labels"]["app"]: b for b in report["breaches"]}
    assert set(found) == {"checkout", "search", "pay", "web"}  # neither the gap nor the flapping

    checkout = found["checkout"]
    assert checkout["outcome"] == "reverted" and checkout["mode"] == "observe"
    assert [checkout["incident"]["plan"]["spec"]["commits"], checkout["undone_by"]] == [[past.bad], past.undone]
    assert checkout["onset_usec"] == past.at(61) * 10**6 and checkout["end_usec"] == past.at(121) * 10**6
    assert past.at(71) * 10**6 <= checkout["pushed_usec"] < past.at(73) * 10**6
    assert checkout["would_end_usec"] == checkout["pushed_usec"] + report["apply_usec"]
    assert checkout["saved_usec"] == checkout["end_usec"] - checkout["would_end_usec"]
    assert checkout["incident"]["state"] == "recovered"  # from the assumed effect on, it counts as well

    assert (found["search"]["outcome"], found["search"]["incident"]["reason"]) == ("declined", "after_onset")
    assert (found["pay"]["outcome"], found["pay"]["incident"]["reason"]) == ("declined", "no_candidate")
    assert found["web"]["incident"]["plan"]["spec"]["commits"] == [past.hostile] and found["web"]["end_usec"] == 0
    assert report["summary"]["reverted"] == 2 and report["summary"]["declined"] == 2
    assert past.world.repository.head() == past.head  # nothing was pushed


def test_tells_people(past):
    told = past.run("--apply=10m", "--progress", "errors")
    assert "4 breaches: 2 would have been reverted, 2 declined" in told.stdout
    assert past.bad[:10] in told.stdout and "declined (after_onset)" in told.stdout
    assert past.undone[:10] in told.stdout and "works 10m" in told.stdout
    assert " 50 %" in told.stderr


def test_budget_counts(past):
    past.world.repository_extra = "budget = 1;"
    found = {b["labels"]["app"]: b for b in json.loads(past.run("-o", "json").stdout)["breaches"]}
    assert found["checkout"]["outcome"] == "reverted"
    assert found["web"]["incident"]["reason"] == "budget"


def test_html_is_one_safe_page(past):
    page = past.directory / "report.html"
    past.run("-o", "html", f"--file={page}")
    text = page.read_text()
    root = ET.fromstring(text.replace("<!DOCTYPE html>", ""))
    assert "<script" not in text and "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "&lt;script&gt;" in text and "is the only such commit" in text
    svg = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f".//{svg}svg")) == 4
    assert all(s.get("role") == "img" and s.find(f"{svg}title") is not None for s in root.iter(f"{svg}svg"))


@pytest.mark.parametrize("status, arguments, says", [
    (1, ["nosuch"], "no rule is named nosuch"),
    (1, ["--file=/nowhere/report"], "/nowhere/report: No such file"),
    (2, ["--last=30d"], "either --from or --last"),
    (2, ["--from=yesterday"], "not a time such as"),
    (2, ["--from=2026-03-02", "--to=2026-03-01"], "ends before it begins"),
    (2, ["--from=2036-01-01", "--to=2036-01-02"], "ends in the future"),
])
def test_says_what_is_wrong(past, status, arguments, says):
    past.prometheus.stop()  # nothing is asked
    done = past.run(*arguments, check=False)
    assert done.returncode == status and says in done.stderr


def test_a_report_is_replaced_by_a_report_only(past):
    page = past.directory / "report"
    page.write_text("the one before\n")
    done = past.run(f"--file={page}", rule=RULE.replace('"error_ratio"', '"error_ratio["'), check=False)
    assert done.returncode == 1 and page.read_text() == "the one before\n"
    past.run(f"--file={page}")
    assert page.read_text().startswith("Backtest from")


def test_says_where_there_were_no_values(past):
    """Prometheus has nothing of the first hours, and at some times two series match."""
    rule = RULE.replace('"error_ratio"', '"error_ratio * on (app) group_left () one"')
    lines = ["# TYPE one gauge"]
    for m in range(30, MINUTES + 1):
        lines += [f'one{{app="{app}"}} 1 {past.at(m)}' for app in SERIES]
    lines += [f'one{{app="pay",pod="b"}} 1 {past.at(m)}' for m in range(500, 503)]
    text = past.directory / "one.om"
    text.write_text("\n".join(lines + ["# EOF", ""]))
    past.prometheus.stop()
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q", text,
                    past.directory / "prometheus-data"], check=True, capture_output=True)
    past.prometheus = past.world.add(parts.prometheus(past.directory, []))
    report = json.loads(past.run("-o", "json", rule=rule).stdout)
    told = report["rules"][0]
    assert told["first_usec"] == past.at(30) * 10**6 and "many-to-many" in told["failure"]
    assert told["failed"] in (7, 8)  # Prometheus looks back for 5 minutes, which older ones have one more step in
    assert told["answered"] == told["evaluations"] - 30 - told["failed"]
    assert report["summary"]["reverted"] == 2
    assert f"No values for errors in {30 + told['failed']} of" in past.run(rule=rule).stdout


def test_says_what_the_server_refused(past):
    done = past.run(rule=RULE.replace('"error_ratio"', '"error_ratio["'), check=False)
    assert done.returncode == 1 and "rule errors:" in done.stderr and "parse error" in done.stderr


def test_alerts_that_prometheus_remembers(past):
    """The real end of an alert is when it is gone; a second episode of the same alert is another breach."""
    lines = ["# TYPE ALERTS gauge"]
    for app, begin, end in (("checkout", 61, 121), ("checkout", 400, 420), ("pay", 350, 371)):
        lines += [f'ALERTS{{alertname="Errors",app="{app}",alertstate="firing"}} 1 {past.at(m)}'
                  for m in range(begin, end)]
    text = past.directory / "alerts.om"
    text.write_text("\n".join(lines + ["# EOF", ""]))
    past.prometheus.stop()
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q", text,
                    past.directory / "prometheus-data"], check=True, capture_output=True)
    past.prometheus = past.world.add(parts.prometheus(past.directory, []))
    rule = """{ name = "page"; match = [ "alertname=Errors", "app=~.+" ]; repository = "fleet"; cooldown = "10m";
      paths = [ "apps/{{ $labels.app }}/**" ]; window = "30m"; mode = "approve"; prometheus = "prod"; breach = "> 0.05";
      confirm = "error_ratio{app=\\"{{ $labels.app }}\\"}"; }"""
    report = json.loads(past.run("-o", "json", rule=rule).stdout)
    found = [(b["labels"]["app"], b["onset_usec"], b["outcome"], b["incident"]["reason"]) for b in report["breaches"]]
    assert found == [("checkout", past.at(61) * 10**6, "reverted", "none"),
                     ("pay", past.at(350) * 10**6, "declined", "no_candidate"),
                     ("checkout", past.at(400) * 10**6, "declined", "not_confirmed")]
    checkout = report["breaches"][0]
    assert past.at(120) * 10**6 < checkout["end_usec"] <= past.at(126) * 10**6  # Prometheus looks back for 5 minutes
    assert checkout["labels"] == {"alertname": "Errors", "app": "checkout"} and checkout["mode"] == "approve"
    assert checkout["incident"]["plan"]["spec"]["commits"] == [past.bad]
    assert checkout["incident"]["state"] == "recovered"


def test_explains_without_a_daemon(world, monkeypatch):
    """The engine follows the newest data from here, so that the same is told as by a daemon."""
    p = Past(world, monkeypatch)
    p.start = int(time.time()) // 60 * 60 - 180 * 60
    p.commit(-300, "checkout", 500, "Start checkout")
    bad = p.commit(160, "checkout", 5, "Lower checkout's timeout")
    lines = [f'error_ratio{{app="checkout",zone="a"}} {0.4 if m > 163 else 0.01} {p.at(m)}' for m in range(181)]
    lines += [f'error_ratio{{app="pay",zone="a"}} 0.01 {p.at(m)}' for m in range(181)]
    (p.directory / "past.om").write_text("\n".join(["# TYPE error_ratio gauge", *lines, "# EOF", ""]))
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q", p.directory / "past.om",
                    p.directory / "prometheus-data"], check=True, capture_output=True)
    p.prometheus = world.add(parts.prometheus(world.directory, []))
    world.configure(RULE, p.prometheus.url, receivers=False)

    def explain(*labels):
        return subprocess.run([world.revertd.programs / "revertctl", "explain", "--no-daemon", "errors", *labels,
                               f"--config.file={world.revertd.config}", f"--storage.path={p.directory}/cache",
                               f"--git.program={world.revertd.programs}/revertd-git"], capture_output=True, text=True)
    several = explain("zone=a")
    assert several.returncode == 1 and several.stdout == ""
    assert "the rule has 2 such label sets; explain one of them:" in several.stderr
    assert "  revertctl explain errors app='checkout' zone='a'  # breach: 0.4\n" in several.stderr
    told = explain("app=checkout")
    assert told.returncode == 0, told.stderr
    assert '{app="checkout", zone="a"}' in told.stdout
    assert "it would only say so: its mode is observe" in told.stdout
    assert "breach: 0.4, bad when > 0.05" in told.stdout and "firing since" in told.stdout
    assert bad in told.stdout and "before the onset" in told.stdout and "passed: paused" in told.stdout
    assert '+  "timeout_ms": 500,' in told.stdout and "are not known" in told.stderr
    assert "when a commit arrived is taken from its commit time" in told.stderr
