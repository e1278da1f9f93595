"""What the operator says: a revert is not done before that has applied it and is healthy."""
import pytest

import parts
from conftest import PAGE, now_text
from operators import TOKEN, Operator
from test_prometheus import rule, verdicts

APPLICATION = 'application = "{{ $labels.app }}"; namespace = "shop"; '
TYPES = ["argocd", "argocd-kubernetes", "flux"]


def start(world, operator, rules, url=None, nudge=True):
    world.revertd.credential("operator", TOKEN)
    world.configure(rules, url)
    world.revertd.config.write_text(world.revertd.config.read_text() + operator.section(nudge))
    world.revertd.start()


def metric(world, name):
    text = parts.http_get(world.revertd.url + "/metrics", world.revertd.TOKEN)
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name + "{"))


def test_argocd_applies_late(world):
    """A real service and a real Prometheus; the application is OutOfSync, then Progressing, then Healthy."""
    deployed = world.directory / "deployed"
    world.repository.commit({"apps/checkout/settings.json": parts.settings(500)}, "Start the fleet")
    operator = world.add(Operator("argocd", world.repository, deployed))
    operator.apply(ago=3600)
    service = world.add(parts.demo_service(world.directory, "checkout", deployed))
    server = world.add(parts.prometheus(world.directory, [service.port]))
    start(world, operator, rule(application="{{ $labels.app }}", namespace="shop"), server.url)
    parts.wait_until(lambda: verdicts(world) == {"checkout": "ok"}, 60, "the service to be ok")
    bad = world.repository.commit({"apps/checkout/settings.json": parts.settings(5)}, "Lower checkout's timeout")
    operator.apply()
    incident = world.until("converging", timeout=120)
    assert incident["suspects"][0]["commit"]["id"] == bad
    assert (incident["operator"], incident["application"], incident["namespace"]) == ("prod", "checkout", "shop")
    detail = lambda: world.incident()["detail"] or ""
    parts.wait_until(lambda: "prod: shop/checkout: OutOfSync at " + world.repository.head() in detail(), 30,
                     "the operator's words")
    parts.wait_until(lambda: operator.nudges, 30, "the refresh")
    operator.health, operator.health_message = "Progressing", "Waiting for rollout to finish"
    operator.apply()
    parts.wait_until(lambda: "Progressing: Waiting for rollout" in detail(), 30, "the operator's other words")
    assert world.incident()["state"] == "converging"
    operator.health, operator.health_message = "Healthy", ""
    incident = world.until("recovered", timeout=120)
    times = incident["times"]
    assert times["pushed_usec"] <= times["landed_usec"] < times["applied_usec"] <= times["recovered_usec"]
    assert world.repository.reverts() == [incident["plan"]["commit"]]
    assert operator.nudges == [("refresh", None)], "it is told once"
    assert metric(world, "revertd_operator_questions_total") >= 3
    assert metric(world, "revertd_operator_question_failures_total") == 0
    assert metric(world, "revertd_operator_nudges_total") == 1
    text = world.revertd.ctl("show", incident["id"]).stdout
    assert "Application shop/checkout of operator prod" in text and "\n  applied " in text


@pytest.mark.parametrize("type", TYPES)
def test_each_is_nudged_and_read(broken, type):
    """Nothing is applied until the operator is told."""
    operator = broken.add(Operator(type, broken.repository, applies_when_nudged=True))
    operator.apply()
    start(broken, operator, PAGE.replace("repository", APPLICATION + "repository"))
    broken.alert(alertname="Errors", app="checkout")
    incident = broken.until("verifying")
    assert incident["times"]["applied_usec"] > incident["times"]["landed_usec"]
    assert operator.applied == incident["plan"]["commit"]
    shop, requested = "namespaces/shop", "reconcile.fluxcd.io/requestedAt"
    if type == "argocd":
        assert operator.nudges == [("refresh", None)]
    elif type == "argocd-kubernetes":
        assert operator.nudges == [(f"/apis/argoproj.io/v1alpha1/{shop}/applications/checkout",
                                    {"argocd.argoproj.io/refresh": "normal"})]
    else:
        assert [n[0] for n in operator.nudges] == [
            "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories/fleet",
            f"/apis/kustomize.toolkit.fluxcd.io/v1/{shop}/kustomizations/checkout"]
        assert all(list(n[1]) == [requested] for n in operator.nudges)


@pytest.mark.parametrize("type", TYPES)
def test_somebody_commits_meanwhile(broken, type):
    """What the operator applies is not the revert, but what came after it."""
    operator = broken.add(Operator(type, broken.repository))
    operator.apply()
    start(broken, operator, PAGE.replace("repository", APPLICATION + "repository"), nudge=False)
    broken.alert(alertname="Errors", app="checkout")
    broken.until("converging")
    parts.wait_until(broken.repository.reverts, 30, "the revert")
    operator.apply(broken.repository.commit({"apps/search/settings.json": parts.settings(300)}, "Tune search again"))
    broken.until("verifying")
    assert operator.nudges == []


@pytest.mark.parametrize("type, words", [("argocd", "operation Failed: one or more objects failed to apply"),
                                         ("flux", "HealthCheckFailed: timeout waiting for Deployment/checkout"),
                                         ("argocd-kubernetes", "status 403: permission denied")])
def test_never_applied(broken, type, words):
    operator = broken.add(Operator(type, broken.repository))
    operator.apply()
    start(broken, operator, PAGE.replace("repository", 'apply_timeout = "3s"; ' + APPLICATION + "repository"))
    operator.operation = {"phase": "Failed", "message": "one or more objects failed to apply"}
    operator.health, operator.health_message = "Degraded", "timeout waiting for Deployment/checkout"
    if "403" in words:
        operator.answers = 403
    broken.alert(alertname="Errors", app="checkout")
    incident = broken.until("failed")
    assert incident["reason"] == "not_applied" and words in incident["detail"]
    assert incident["times"]["landed_usec"] > 0 and incident["times"]["applied_usec"] == 0
    assert broken.repository.reverts() == [incident["plan"]["commit"]], "the revert stays"
    broken.told("Reverted, but not applied")
    broken.told(words)
    assert "Look at the operator" in broken.revertd.ctl("show", incident["id"]).stdout
    if "403" in words:
        assert metric(broken, "revertd_operator_question_failures_total") >= 1
        parts.wait_until(lambda: "did not say what it has applied" in broken.revertd.part.log(), 10, "the log")


def test_killed_while_the_operator_applies(broken):
    operator = broken.add(Operator("argocd", broken.repository))
    operator.apply()
    start(broken, operator, PAGE.replace("repository", APPLICATION + "repository"))
    broken.alert(alertname="Errors", app="checkout")
    parts.wait_until(lambda: broken.until("converging")["detail"], 30, "the operator's words")
    landed = broken.incident()["times"]["landed_usec"]
    broken.revertd.kill()
    operator.apply()
    broken.revertd.start()
    incident = broken.until("verifying")
    assert incident["times"]["landed_usec"] == landed
    assert len(broken.repository.reverts()) == 1


def test_a_nudge_that_is_refused(broken):
    operator = broken.add(Operator("flux", broken.repository))
    operator.apply()
    operator.patch = lambda path, body: (403, {"message": "cannot patch"})
    start(broken, operator, PAGE.replace("repository", APPLICATION + "repository"))
    broken.alert(alertname="Errors", app="checkout")
    broken.until("converging")
    parts.wait_until(lambda: metric(broken, "revertd_operator_nudge_failures_total") == 1, 30, "the failure")
    assert "could not be told of the revert" in broken.revertd.part.log()
    operator.apply()
    broken.until("verifying")


def commit_long_ago(world, files, subject, hours):
    """As if it had been on the branch since then."""
    git, clone = world.repository.git, world.repository.clone
    world.repository.commit(files, subject, push=False)
    at = now_text(-3600 * hours)
    env = {"GIT_COMMITTER_DATE": at, "GIT_COMMITTER_NAME": "Bob", "GIT_COMMITTER_EMAIL": "bob@example.com"}
    git("-C", clone, "commit", "--quiet", "--amend", "--no-edit", "--date", at, env=env)
    git("-C", clone, "push", "--quiet", "origin", world.repository.branch)
    return git("-C", clone, "rev-parse", "HEAD")


@pytest.mark.parametrize("type", ["argocd", "flux"])
def test_the_cause_is_what_was_applied(world, type):
    """The bad commit waited for hours to be synced; what came after it is not applied yet, and cannot be the cause."""
    world.repository.commit({"apps/checkout/settings.json": parts.settings(500)}, "Start the fleet")
    operator = world.add(Operator(type, world.repository))
    operator.apply(ago=3600)
    bad = commit_long_ago(world, {"apps/checkout/settings.json": parts.settings(5)}, "Lower checkout's timeout", 3)
    operator.apply()
    newest = world.repository.commit({"apps/checkout/notes": "x"}, "Add notes")
    start(world, operator, PAGE.replace("repository", APPLICATION + "repository"), nudge=False)
    world.alert(alertname="Errors", app="checkout")
    incident = world.until("converging")
    suspects = [s["commit"]["id"] for s in incident["suspects"]]
    assert suspects[0] == bad and newest not in suspects
    assert incident["suspects"][0]["applied"] and incident["plan"]["spec"]["commits"] == [bad]
    assert "(applied by the operator)" in world.revertd.ctl("show", incident["id"]).stdout
    operator.apply()
    world.until("verifying")


def test_an_operator_that_is_silent_delays_nothing(broken):
    operator = broken.add(Operator("argocd", broken.repository))
    operator.apply()
    operator.answers = 500
    start(broken, operator, PAGE.replace("repository", APPLICATION + "repository"))
    broken.alert(alertname="Errors", app="checkout")
    incident = broken.until("converging")
    assert [s["commit"]["id"] for s in incident["suspects"]][:1] == [broken.bad]
    assert not incident["suspects"][0]["applied"]


def test_check_config_looks_for_the_token(broken):
    operator = broken.add(Operator("argocd", broken.repository))
    start(broken, operator, PAGE.replace("repository", APPLICATION + "repository"))
    checked = broken.revertd.ctl("check-config", broken.revertd.config).stdout
    assert "1 operator\n" in checked and "warning" not in checked
    (broken.revertd.credentials / "operator").unlink()
    assert "warning: operator prod: " in broken.revertd.ctl("check-config", broken.revertd.config).stdout
