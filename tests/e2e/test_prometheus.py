"""The path through a real Prometheus: a service breaks by what is deployed, and is mended by the revert."""
import json

import parts

EXPR = ('(sum by (app) (rate(http_requests_total{code=~"5.."}[5s])) or 0 * sum by (app) '
        '(rate(http_requests_total[5s]))) / sum by (app) (rate(http_requests_total[5s]))')


def rule(expr=EXPR, **settings):
    keys = {"interval": "1s", "for": "2s", "recover": "3s", "verify_timeout": "90s", "window": "30m", "cooldown": "1s",
            "mode": "enforce", "breach": "> 0.05", "repository": "fleet", "prometheus": "prod",
            "paths": ["apps/{{ $labels.app }}/**"], "receivers": ["deploys"], **settings}
    body = " ".join(f"{k} = {json.dumps(v)};" for k, v in keys.items())
    return ('{ name = "http-error-ratio"; summary = "{{ $labels.app }} fails {{ $value | humanizePercentage }}"; '
            f"expr = {json.dumps(expr)}; {body} }}")


def deploy(world, apps=("checkout", "search"), timeout_ms=500):
    """The service, the operator and Prometheus on the world's repository; Prometheus."""
    world.repository.commit({f"apps/{app}/settings.json": parts.settings(timeout_ms) for app in apps}, "Start the fleet")
    deployed = world.directory / "deployed"
    world.add(parts.operator(world.directory, world.repository, deployed, interval=0.2))
    services = [world.add(parts.demo_service(world.directory, app, deployed)) for app in apps]
    return world.add(parts.prometheus(world.directory, [s.port for s in services]))


def verdicts(world):
    return {s["labels"].get("app"): s["verdict"] for s in world.revertd.get("/api/v1/rules")["rules"][0]["series"]}


def test_breach_revert_recovery(world):
    server = deploy(world)
    world.start(rule(require="sum by (app) (rate(http_requests_total[5s])) > 1"), server.url)
    parts.wait_until(lambda: verdicts(world) == {"checkout": "ok", "search": "ok"}, 60, "both services to be ok")
    bad = world.repository.commit({"apps/checkout/settings.json": parts.settings(5)}, "Lower checkout's timeout",
                                  "Bob Example <bob@example.com>")
    world.repository.commit({"apps/search/settings.json": parts.settings(400)}, "Tune search")
    incident = world.until("recovered", timeout=120)
    assert incident["labels"] == {"app": "checkout"}
    assert incident["suspects"][0]["commit"]["id"] == bad
    assert world.repository.reverts() == [incident["plan"]["commit"]]
    assert world.repository.read("apps/checkout/settings.json") == parts.settings(500).strip()
    assert world.repository.read("apps/search/settings.json") == parts.settings(400).strip()
    times = incident["times"]
    order = [times[k] for k in ("onset_usec", "detected_usec", "decided_usec", "pushed_usec", "applied_usec",
                                "recovered_usec", "ended_usec")]
    assert order == sorted(order) and order[0] > 0
    assert times["detected_usec"] - times["onset_usec"] >= 2_000_000, "fired before `for` was over"
    world.told("recovered")
    assert len(world.revertd.incidents()) == 1


def test_too_little_traffic_and_no_data_decide_nothing(world):
    """5 ms breaks everything, but `require` is not met; an expression without an answer is not healthy either."""
    server = deploy(world, apps=["checkout"])
    world.start(rule(require="sum by (app) (rate(http_requests_total[5s])) > 1000"), server.url)
    world.repository.commit({"apps/checkout/settings.json": parts.settings(5)}, "Lower checkout's timeout")
    parts.wait_until(lambda: verdicts(world).get("checkout") == "inconclusive", 60, "an inconclusive verdict")
    ratio = f"{server.url}/api/v1/query?query=" + "sum(rate(http_requests_total%7Bcode%3D%22500%22%7D%5B5s%5D))"
    parts.wait_until(lambda: float(json.loads(parts.http_get(ratio))["data"]["result"][0]["value"][1]) > 10, 60,
                     "the service to fail")
    evaluated = lambda: world.revertd.get("/api/v1/rules")["rules"][0]["last_evaluation"]
    before = evaluated()
    parts.wait_until(lambda: evaluated() != before, 30, "another evaluation")
    assert world.revertd.incidents() == []


def test_for_survives_a_restart(world):
    server = deploy(world, apps=["checkout"])
    world.start(rule(**{"for": "12s"}), server.url)
    parts.wait_until(lambda: verdicts(world).get("checkout") == "ok", 60, "the service to be ok")
    world.repository.commit({"apps/checkout/settings.json": parts.settings(5)}, "Lower checkout's timeout")
    parts.wait_until(lambda: verdicts(world).get("checkout") == "breach", 60, "the breach")
    onset = world.revertd.get("/api/v1/rules")["rules"][0]["series"][0]["onset_usec"]
    world.revertd.kill()
    world.revertd.start()
    incident = world.until({"verifying", "recovered"}, timeout=60)
    assert incident["times"]["onset_usec"] == onset
    assert len(world.repository.reverts()) == 1


def test_a_prometheus_that_is_down_is_no_breach(world):
    server = deploy(world, apps=["checkout"])
    world.start(rule(breach="< 1", expr="sum by (app) (rate(http_requests_total[5s])) > 100"), server.url)
    server.stop()
    failures = lambda: world.revertd.get("/api/v1/rules")["rules"][0]["last_error"]
    parts.wait_until(failures, 30, "the rule's error to be shown")
    assert world.revertd.incidents() == []
    status = world.revertd.get("/api/v1/status")
    assert status["ready"] and status["rules"]["failing"] == 1 and status["rules"]["failing_error"]


def test_an_unwell_prometheus_makes_no_breach(broken):
    """It answers that all is broken, while its own `healthy` says that its answers do not count."""
    server = broken.add(parts.prometheus(broken.directory, []))
    always = rule('label_replace(vector(1), "app", "checkout", "", "")', **{"for": "0s"})

    def configure(healthy):
        broken.configure(always, server.url, prometheus_extra=f"healthy = {json.dumps(healthy)};")
    configure('up{job="nothing"} == 1')
    broken.revertd.start()
    error = "prometheus prod: it is not well: healthy has no series"
    parts.wait_until(lambda: broken.revertd.get("/api/v1/rules")["rules"][0].get("last_error") == error, 30, error)
    parts.wait_until(lambda: 'revertd_prometheus_unwell{prometheus="prod"} 1' in
                     parts.http_get(broken.revertd.url + "/metrics", parts.Revertd.TOKEN), 30, "the metric")
    assert broken.revertd.incidents() == []
    configure("vector(1)")
    assert broken.revertd.post("/-/reload", b"")[0] == 200
    broken.until("verifying")
