"""Events of other kinds, from the POST to the revert: what the guide shows, with the real programs."""
import json
import re

import parts
from conftest import PAGE, now_text

GUIDE = (parts.SOURCE / "docs" / "events.md").read_text(encoding="utf-8")


def guide(source):
    """What the guide configures for the source, and the bodies that it posts, by what they say."""
    events, bodies = None, {}
    for kind, block in re.findall(r"^```(.+?)\n(.*?)^```$", GUIDE, re.S | re.M):
        if kind == "conf":
            current = re.search(r'name\s*= "(\w+)"', block).group(1)
            if current == source:
                events = block[:block.index("rules: (")]
        elif current == source:
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


def test_a_source_comes_and_goes_with_a_reload(broken):
    bodies = start(broken, "synthetic")
    path, body = "/webhooks/event/synthetic", dict(bodies["firing"], date=now_text())
    metrics = lambda: parts.http_get(broken.revertd.url + "/metrics", parts.Revertd.TOKEN)
    status, answer = broken.revertd.post(path, {k: v for k, v in body.items() if k != "service"})
    assert (status, answer["error"]) == (400, 'item "": label app: there is nothing at /service')
    assert broken.revertd.incidents() == []
    assert broken.revertd.post(path, body)[0] == 200
    broken.until("verifying")
    assert 'revertd_events_received_total{verdict="firing"} 1' in metrics()

    text = broken.revertd.config.read_text(encoding="utf-8")
    broken.revertd.config.write_text(text[:text.index("events: (")], encoding="utf-8")
    assert broken.revertd.post("/-/reload", {})[0] == 200
    assert broken.revertd.post(path, body)[0] == 404
    broken.revertd.config.write_text(text, encoding="utf-8")
    assert broken.revertd.post("/-/reload", {})[0] == 200
    assert broken.revertd.post(path, dict(bodies["ok"], date=now_text()))[0] == 200
    broken.until("recovered")
