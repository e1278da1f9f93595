"""Events of other kinds, from the POST to the revert: what the guide shows, with the real programs."""
import hashlib
import hmac
import json
import re
import time
import urllib.error
import urllib.request

import parts
from conftest import PAGE, now_text

GUIDE = (parts.SOURCE / "docs" / "events.md").read_text(encoding="utf-8")


def guide(source):
    """What the guide configures for the source, and the bodies that it posts, by what they say."""
    events, bodies = None, {}
    for kind, block in re.findall(r"^```(.+?)\n(.*?)^```$", GUIDE, re.S | re.M):
        if kind == "conf" and "rules: (" in block:
            current = re.search(r'name\s*= "(\w+)"', block).group(1)
            if current == source:
                events = block[:block.index("rules: (")]
        elif kind != "conf" and current == source:
            bodies[kind.split()[1]] = json.loads(block)
    return events, bodies


def start(broken, source, change=lambda events: events):
    """With the guide's source and a rule that acts at once. Returns the guide's bodies."""
    events, bodies = guide(source)
    broken.configure(PAGE.replace('"alertname=Errors", "app=~.+"', f'"event={source}"'))
    with open(broken.revertd.config, "a", encoding="utf-8") as f:
        f.write(change(events))
    broken.revertd.start()
    return bodies


def test_a_chaos_result_reverts_and_the_next_one_proves(broken):
    bodies = start(broken, "chaos")
    path = "/webhooks/event/chaos"
    assert broken.revertd.post(path, bodies["inconclusive"]) == (200, {"matched": 0})
    unknown = json.loads(json.dumps(bodies["firing"]).replace('"Fail"', '"Exploded"'))
    assert broken.revertd.post(path, unknown) == (200, {"matched": 0})
    assert broken.revertd.incidents() == []

    assert broken.revertd.post(path, bodies["firing"], token="wrong")[0] == 401
    assert broken.revertd.post(path, bodies["firing"]) == (200, {"matched": 1})
    incident = broken.until("verifying")
    assert incident["suspects"][0]["commit"]["id"] == broken.bad
    assert incident["labels"] == {"event": "chaos", "app": "checkout", "experiment": "pod-delete"}
    assert broken.repository.reverts() == [incident["plan"]["commit"]]

    # What is not known to be well proves nothing, and neither does a restart.
    assert broken.revertd.post(path, unknown)[0] == 200
    broken.revertd.kill()
    broken.revertd.start()
    assert broken.incident()["state"] == "verifying"
    assert broken.revertd.post(path, bodies["ok"]) == (200, {"matched": 1})
    broken.until("recovered")
    assert len(broken.repository.reverts()) == 1
    assert "Exploded" in broken.revertd.part.log()


def test_silence_ends_what_never_says_that_it_is_over(broken):
    body = start(broken, "logs", lambda events: events.replace('"10m"', '"3s"'))["firing"]
    body["@timestamp"] = now_text()
    assert broken.revertd.post("/webhooks/event/logs", body) == (200, {"matched": 1})
    broken.until("verifying")
    broken.until("recovered")
    assert len(broken.repository.reverts()) == 1
    # The same once more is a late copy of what is over.
    assert broken.revertd.post("/webhooks/event/logs", body)[0] == 200
    assert len(broken.revertd.incidents()) == 1
    assert "revertd_alerts_late_total 1" in parts.http_get(broken.revertd.url + "/metrics", parts.Revertd.TOKEN)


def test_a_source_comes_and_goes_with_a_reload(broken):
    bodies = start(broken, "synthetic")
    path, body = "/webhooks/event/synthetic", dict(bodies["firing"], date=now_text())
    metrics = lambda: parts.http_get(broken.revertd.url + "/metrics", parts.Revertd.TOKEN)
    status, answer = broken.revertd.post(path, {k: v for k, v in body.items() if k != "service"})
    assert (status, answer["error"]) == (400, 'the body: label app: there is nothing at /service')
    assert broken.revertd.incidents() == []
    assert broken.revertd.post(path, body)[0] == 200
    broken.revertd.kill()  # what was answered with 200 is stored
    broken.revertd.start()
    broken.until("verifying")
    assert broken.revertd.post(path, body)[0] == 200
    assert 'revertd_events_received_total{verdict="firing"} 1' in metrics()
    assert len(broken.revertd.incidents()) == 1

    text = broken.revertd.config.read_text(encoding="utf-8")
    broken.revertd.config.write_text(text[:text.index("events: (")], encoding="utf-8")
    assert broken.revertd.post("/-/reload", {})[0] == 200
    assert broken.revertd.post(path, body)[0] == 404
    broken.revertd.config.write_text(text, encoding="utf-8")
    assert broken.revertd.post("/-/reload", {})[0] == 200
    assert broken.revertd.post(path, dict(bodies["ok"], date=now_text()))[0] == 200
    broken.until("recovered")


def sign(key, body, at=None):
    return hmac.new(key.encode(), (f"{at}:" if at is not None else "").encode() + body, hashlib.sha256).hexdigest()


def send(broken, path, body, **headers):
    request = urllib.request.Request(broken.revertd.url + path, data=body, headers={
        "Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as e:
        with e:
            return e.code


def test_signed_webhooks(broken):
    """As GitHub and Gitea sign, and as Grafana does with the time."""
    broken.revertd.credential("chaos-key", "one")
    broken.revertd.credential("grafana-key", "two")
    bodies = start(broken, "chaos", lambda events: events + """signatures: (
      { webhook = "event/chaos"; credential = "chaos-key"; },
      { webhook = "grafana"; credential = "grafana-key"; header = "X-Grafana-Alerting-Signature";
        time_header = "X-Grafana-Alerting-Timestamp"; } );""")
    path, body = "/webhooks/event/chaos", json.dumps(bodies["firing"]).encode()
    assert "refused" not in broken.revertd.part.log()
    for signature in ("", "sha256=", "sha256=" + sign("two", body), "sha256=" + sign("one", body + b" ")):
        assert send(broken, path, body, X_Hub_Signature_256=signature,
                    Authorization=f"Bearer {parts.Revertd.TOKEN}") == 403
    assert send(broken, "/webhooks/alertmanager", body, X_Hub_Signature_256="sha256=" + sign("one", body)) == 401
    assert broken.revertd.incidents() == []
    # Each is counted; of those within a minute the first is named.
    told = [line for line in broken.revertd.part.log().splitlines() if "a request was refused" in line]
    assert len(told) == 1 and f"path={path}" in told[0] and "from=127.0.0.1" in told[0] and "signature" in told[0]
    assert parts.Revertd.TOKEN not in told[0] and sign("two", body) not in told[0]
    assert 'revertd_http_requests_refused_total{why="unauthorized"} 5' in parts.http_get(
        broken.revertd.url + "/metrics", parts.Revertd.TOKEN)
    assert send(broken, path, body, X_Hub_Signature_256="sha256=" + sign("one", body)) == 200
    assert broken.until("verifying")["labels"]["event"] == "chaos"

    path, body, now = "/webhooks/grafana", b'{"version":"1","orgId":1,"alerts":[]}', int(time.time())
    for at, signature in ((now, sign("two", body)), (now - 400, sign("two", body, now - 400)), (now, sign("one", body, now)),
                          (now + 1, sign("two", body, now)), (now + 400, sign("two", body, now + 400))):
        assert send(broken, path, body, X_Grafana_Alerting_Signature=signature,
                    X_Grafana_Alerting_Timestamp=str(at)) == 403
    assert send(broken, path, body, X_Grafana_Alerting_Signature=sign("two", body, now)) == 403
    assert send(broken, path, body, X_Grafana_Alerting_Signature=sign("two", body, now),
                X_Grafana_Alerting_Timestamp=str(now)) == 200

    # A key that is not there leaves what was in force.
    text = broken.revertd.config.read_text(encoding="utf-8")
    broken.revertd.config.write_text(text.replace('"chaos-key"', '"no-key"'), encoding="utf-8")
    status, answer = broken.revertd.post("/-/reload", {})
    assert status == 500 and "signature of event/chaos" in json.dumps(answer)
    body = json.dumps(bodies["ok"]).encode()
    assert send(broken, "/webhooks/event/chaos", body, X_Hub_Signature_256=sign("one", body)) == 200
    broken.until("recovered")
