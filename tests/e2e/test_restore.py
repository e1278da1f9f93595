"""A scope goes back to an earlier commit: by a rule, and by hand, with a daemon and without one."""
import json
import subprocess
import time

import parts
import pytest
from conftest import PAGE, PROGRAMS, now_text
from forges import TOKEN, Forge

FILE = "apps/checkout/settings.json"
SCOPE = "--path=apps/checkout/**"


@pytest.fixture
def entangled(world, monkeypatch):
    """A good state of two days ago, a bad change, and later ones: to the same lines, to another file, to another app."""
    def commit(minutes_ago, files, subject, **more):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"@{int(time.time()) - 60 * minutes_ago} +0000")
        made = world.repository.commit(files, subject, **more)
        monkeypatch.delenv("GIT_COMMITTER_DATE")
        return made
    world.commit = commit
    world.good = commit(2880, {FILE: parts.settings(500), "apps/search/settings.json": parts.settings(500)}, "Start")
    world.bad = commit(12, {FILE: parts.settings(5)}, "Lower checkout's timeout")
    world.raised = commit(3, {FILE: parts.settings(50)}, "Raise it somewhat")
    world.more = commit(2, {"apps/checkout/more.json": "{}\n"}, "Add more")
    world.elsewhere = commit(1, {"apps/search/settings.json": parts.settings(400)}, "Tune search")
    world.undone = [world.more, world.raised, world.bad]
    return world


def rule(**keys):
    return PAGE.replace("mode =", "".join(f'{k} = "{v}"; ' for k, v in keys.items()) + "mode =")


def tree(world, revision, app="checkout"):
    return world.repository.git("-C", world.repository.path, "rev-parse", f"{revision}:apps/{app}")


def assert_went_back(world, undone=None):
    assert tree(world, "main") == tree(world, world.good)
    assert tree(world, "main", "search") == tree(world, world.elsewhere, "search")
    said = world.repository.git("-C", world.repository.path, "log", "-1", "--format=%B", "main")
    assert f"\nRevertd-Restores: {world.good}\n" in said
    assert [line.split()[1] for line in said.splitlines() if line.startswith("Revertd-Reverts:")] == (undone or world.undone)
    assert world.repository.subjects()[0] == f'Restore "apps/checkout/**" to {world.good[:10]}'


def breach(world, minutes_ago=5):
    world.alert(alertname="Errors", app="checkout", starts=now_text(-60.0 * minutes_ago))


def test_a_conflict_falls_back(entangled):
    entangled.start(rule(fallback="restore"))
    breach(entangled)
    incident = entangled.until({"verifying", "recovered"})
    assert_went_back(entangled)
    assert FILE in incident["conflict"] and entangled.raised[:10] in incident["conflict"]
    assert [s["evidence"] == ["passed"] for s in incident["suspects"]] == [True, True, False]
    shown = entangled.revertd.ctl("show", incident["id"]).stdout
    assert "In the way of a revert" in shown and "Undone" in shown and entangled.good in shown
    assert any("Undone" in text and entangled.good[:7] in text for text in entangled.slack.texts())


def test_a_conflict_leads_to_a_pull_request(entangled):
    forge = entangled.add(Forge("gitea", entangled.repository.path))
    entangled.revertd.credential("forge-token", TOKEN)
    entangled.start(rule(fallback="propose"), **forge.settings("forge-token"))
    breach(entangled)
    incident = entangled.until("proposed")
    assert incident["mode"] == "propose" and incident["restore"] == entangled.good
    assert entangled.repository.reverts() == []
    forge.merge(incident["proposal"]["number"])
    entangled.until({"verifying", "recovered"})
    assert tree(entangled, "main") == tree(entangled, entangled.good)


def test_a_conflict_declines_by_default(entangled):
    entangled.start(PAGE)
    breach(entangled)
    incident = entangled.until("declined")
    assert incident["reason"] == "conflict" and entangled.raised[:10] in incident["detail"]
    shown = entangled.revertd.ctl("show", incident["id"]).stdout
    assert f"revertctl restore -r fleet --to={entangled.bad[:10]}~1 --path='apps/checkout/**'" in shown
    assert entangled.repository.reverts() == []


def test_a_conflict_of_several_names_what_stands_in_the_way(entangled):
    entangled.start(PAGE)
    done = entangled.revertd.ctl("revert", "-r", "fleet", entangled.bad, entangled.more, "--yes", check=False)
    assert done.returncode == 1 and "(conflict)" in done.stdout
    assert FILE in done.stdout and entangled.raised[:10] in done.stdout
    assert entangled.bad[:10] not in done.stdout and entangled.more[:10] not in done.stdout


def test_what_would_be_undone_is_guarded(entangled):
    entangled.start(rule(fallback="restore"), protect_authors=["eve@*"])
    entangled.commit(0, {"apps/checkout/last.json": "{}\n"}, "By a bot", author="Eve <eve@example.com>")
    breach(entangled)
    incident = entangled.until("declined")
    assert incident["reason"] == "protected" and incident["restore"] == entangled.good
    assert entangled.repository.reverts() == []


def test_several_suspects(entangled):
    entangled.start(rule(suspects="restore"))
    look = entangled.revertd.ctl("explain", "page", "app=checkout", "alertname=Errors").stdout
    assert "it would put the scope back and push" in look and "-{}" in look
    assert all(commit in look for commit in entangled.undone) and entangled.elsewhere not in look
    breach(entangled, 0)
    entangled.until({"verifying", "recovered"})
    assert_went_back(entangled)


def test_a_look_knows_of_the_pull_request(entangled):
    """A firing alert is explained as of its onset, after which the lines were changed again."""
    entangled.revertd.credential("forge-token", "t0ken")
    entangled.start(rule(fallback="propose"), forge="gitea", forge_url="http://127.0.0.1:9/api/v1",
                    forge_project="platform/fleet", forge_credential="forge-token")
    entangled.revertd.ctl("pause")
    breach(entangled)
    entangled.until("declined")
    entangled.revertd.ctl("resume")
    look = entangled.revertd.ctl("explain", "page", "app=checkout", "alertname=Errors").stdout
    assert "it would open a pull request that puts the scope back" in look and "would put" not in look


def test_a_restart_in_the_middle(entangled):
    """Killed while a person is asked: the same question, and one push."""
    entangled.start(rule(fallback="restore").replace('"enforce"', '"approve"'))
    breach(entangled)
    before = entangled.until("holding")
    entangled.revertd.kill()
    entangled.revertd.start()
    after = entangled.until("holding")
    assert after["restore"] == before["restore"] == entangled.good and after["plan"] == before["plan"]
    entangled.revertd.ctl("approve", before["id"], "--no-wait")
    entangled.until({"verifying", "recovered"})
    assert_went_back(entangled)
    assert len(entangled.repository.reverts()) == 1


def test_by_hand(entangled):
    entangled.start(PAGE)
    common = ("restore", "-r", "fleet", "--to", f"{entangled.bad[:8]}~1")
    dry = entangled.revertd.ctl(*common, SCOPE, "--dry-run").stdout
    assert f"to go back to {entangled.good[:10]}" in dry and all(commit[:10] in dry for commit in entangled.undone)
    assert entangled.repository.reverts() == []
    assert entangled.revertd.ctl(*common, "--yes", check=False).returncode == 2
    entangled.revertd.ctl(*common, SCOPE, "--yes", "--reason", "back to Friday")
    assert_went_back(entangled)
    again = entangled.revertd.ctl(*common, SCOPE, "--yes", check=False)
    assert again.returncode == 1 and "is_ours" in again.stdout
    nowhere = entangled.revertd.ctl("restore", "-r", "fleet", "--to=fffffff", SCOPE, "--yes", check=False)
    assert nowhere.returncode == 1 and "names no commit" in nowhere.stdout


def test_across_a_revert_of_ours(entangled):
    """Past what it took away: nothing comes back. To between the two: that would."""
    entangled.start(PAGE, budget=10)
    entangled.revertd.ctl("revert", "-r", "fleet", entangled.more, "--yes")
    ours = entangled.repository.head()
    between = entangled.revertd.ctl("restore", "-r", "fleet", "--to", entangled.more, SCOPE, "--yes", "--force", check=False)
    assert between.returncode == 1 and "bring back" in between.stdout
    shy = entangled.revertd.ctl("restore", "-r", "fleet", "--to", entangled.good, SCOPE, "--yes", check=False)
    assert shy.returncode == 1 and "is_ours" in shy.stdout
    assert entangled.repository.head() == ours
    entangled.revertd.ctl("restore", "-r", "fleet", "--to", entangled.good, SCOPE, "--yes", "--force")
    assert_went_back(entangled, [ours, *entangled.undone])


def test_what_was_not_shown_is_not_undone(entangled):
    """A person confirms a diff; meanwhile the branch moves."""
    entangled.start(PAGE)
    shown = json.loads(entangled.revertd.ctl("restore", "-r", "fleet", "--to", entangled.good, SCOPE, "--dry-run", "-o",
                                             "json").stdout)
    undoes = shown["incident"]["plan"]["spec"]["commits"]
    entangled.commit(0, {"apps/checkout/last.json": "{}\n"}, "Just now")
    body = {"repository": "fleet", "to": entangled.good, "undoes": undoes, "scope": ["apps/checkout/**"]}
    status, _ = entangled.revertd.post("/api/v1/restores", body)
    assert status == 202
    incident = entangled.until("declined", number=2)
    assert incident["reason"] == "moved" and entangled.repository.reverts() == []


def without_daemon(world, folder, rules, *arguments):
    world.configure(rules, receivers=False)
    text = world.revertd.config.read_text().replace(' receivers = [ "deploys" ];', "")
    world.revertd.config.write_text(text)
    return subprocess.run([PROGRAMS / "revertctl", *arguments, "--config.file", world.revertd.config, "--no-daemon",
                           "--storage.path", folder / "own"], capture_output=True, text=True)


def test_without_a_daemon(entangled, tmp_path):
    to = ("restore", "-r", "fleet", "--to", entangled.good, SCOPE)
    dry = without_daemon(entangled, tmp_path, PAGE, *to, "--dry-run")
    assert dry.returncode == 0 and entangled.bad in dry.stdout, dry.stderr
    assert entangled.repository.subjects()[0] == "Tune search"
    done = without_daemon(entangled, tmp_path, PAGE, *to, "--yes")
    assert done.returncode == 0, done.stderr
    assert_went_back(entangled)


@pytest.mark.parametrize("suspects", ["restore", "all"])
def test_several_suspects_without_a_daemon(entangled, tmp_path, suspects):
    by_rule = ("revert", "--rule", "page", "app=checkout", "alertname=Errors", "--yes")
    sure = without_daemon(entangled, tmp_path, rule(suspects=suspects), *by_rule)
    assert sure.returncode == 0, sure.stderr
    assert tree(entangled, "main") == tree(entangled, entangled.good)
    assert entangled.repository.subjects()[0].startswith("Restore" if suspects == "restore" else "Revert")
