"""The path through a real Alertmanager, and what a delivery of alerts may and may not do."""
import json
import re
import urllib.request

import parts
from conftest import PAGE, alert, now_text, webhook


def send_to_alertmanager(server, alerts):
    request = urllib.request.Request(server.url + "/api/v2/alerts", data=json.dumps(alerts).encode(),
                                     headers={"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


def test_real_alertmanager_fires_and_resolves(broken):
    broken.start(PAGE)
    server = broken.add(parts.alertmanager(broken.directory, broken.revertd.url + "/webhooks/alertmanager",
                                           parts.Revertd.TOKEN))
    labels = {"alertname": "Errors", "app": "checkout", "severity": "page"}
    send_to_alertmanager(server, [{"labels": labels, "startsAt": now_text()}])
    incident = broken.until("verifying")
    assert incident["suspects"][0]["commit"]["id"] == broken.bad
    assert broken.repository.reverts() == [incident["plan"]["commit"]]
    send_to_alertmanager(server, [{"labels": labels, "startsAt": now_text(-60), "endsAt": now_text()}])
    broken.until("recovered")
    broken.told("recovered")


def test_alertmanager_tries_again_until_revertd_is_back(broken):
    broken.start(PAGE)
    server = broken.add(parts.alertmanager(broken.directory, broken.revertd.url + "/webhooks/alertmanager",
                                           parts.Revertd.TOKEN))
    broken.revertd.kill()
    send_to_alertmanager(server, [{"labels": {"alertname": "Errors", "app": "checkout"}, "startsAt": now_text()}])
    parts.wait_until(lambda: "connection refused" in server.log(), 30, "Alertmanager to fail once")
    broken.revertd.start()
    broken.until("verifying")


def test_the_same_alert_again_and_again_is_one_incident(broken):
    broken.start(PAGE)
    starts = now_text()
    for _ in range(5):
        assert broken.alert(starts=starts, alertname="Errors", app="checkout")[0] == 200
    broken.until("verifying")
    for _ in range(5):
        assert broken.alert(starts=starts, alertname="Errors", app="checkout")[0] == 200
    assert len(broken.revertd.incidents()) == 1
    assert len(broken.repository.reverts()) == 1
    # It resolves, recovers, fires again: a revert of ours is never reverted.
    broken.alert(firing=False, alertname="Errors", app="checkout")
    broken.until("recovered")
    head = broken.repository.head()
    broken.alert(alertname="Errors", app="checkout")
    again = broken.until("declined", number=2)
    assert again["reason"] in ("is_ours", "cooldown", "already_reverted")
    assert broken.repository.head() == head


def test_alerts_of_no_rule_are_harmless(broken):
    broken.start(PAGE)
    status, body = broken.alert(alertname="Else", app="checkout")
    assert (status, body["matched"]) == (200, 0)
    status, body = broken.alert(alertname="Errors")
    assert (status, body["matched"]) == (200, 0)
    assert broken.revertd.incidents() == []


def test_a_mixed_delivery_and_truncation(broken):
    broken.start(PAGE)
    body = webhook([alert(False, alertname="Errors", app="search"), alert(True, alertname="Errors", app="checkout")],
                   truncatedAlerts=7, receiver="rev\\.ert", notification_reason="first notification", routeLabels={})
    status, answer = broken.revertd.post("/webhooks/alertmanager", body)
    assert (status, answer["matched"]) == (200, 2)
    assert broken.until("verifying")["labels"]["app"] == "checkout"
    assert len(broken.revertd.incidents()) == 1
    metrics = parts.http_get(broken.revertd.url + "/metrics", parts.Revertd.TOKEN)
    assert "revertd_alerts_truncated_total 7" in metrics
    assert "truncated" in broken.revertd.part.log()


def test_an_onset_before_the_commit_is_declined_and_told(broken):
    """The breach began before the commit: it cannot be the cause."""
    broken.start(PAGE)
    broken.alert(starts=now_text(-3600), alertname="Errors", app="checkout")
    incident = broken.until("declined")
    assert incident["reason"] in ("after_onset", "no_candidate")
    broken.told("came after the onset" if incident["reason"] == "after_onset" else "no commit touched")
    assert broken.repository.reverts() == []


def test_observe_says_what_it_would_do_and_does_nothing(broken):
    broken.start(PAGE.replace("enforce", "observe"))
    head = broken.repository.head()
    broken.alert(alertname="Errors", app="checkout")
    incident = broken.until("declined")
    assert incident["reason"] == "observe"
    assert incident["suspects"][0]["commit"]["id"] == broken.bad
    assert incident["plan"]["paths"] == ["apps/checkout/settings.json"]
    broken.told("Lower checkout's timeout")
    assert broken.repository.head() == head


def grafana(status, starts, reason=None, value=44.2, **labels):
    """A delivery of Grafana's webhook contact point."""
    annotations = {"grafana_state_reason": reason} if reason else {}
    return {"version": "1", "orgId": 1, "receiver": "revertd", "status": status, "state": "alerting", "title": "t",
            "message": "m", "groupKey": "{}:{}", "truncatedAlerts": 0, "groupLabels": {}, "commonLabels": {},
            "commonAnnotations": {}, "externalURL": "http://localhost:3000/", "alerts": [
                {"status": status, "labels": labels, "annotations": annotations, "startsAt": starts,
                 "endsAt": now_text() if status == "resolved" else "0001-01-01T00:00:00Z", "generatorURL": "",
                 "fingerprint": "0", "silenceURL": "", "values": {"B": value, "C": None}, "orgId": 1}]}


def test_grafana_fires_and_resolves(broken):
    broken.start(PAGE)
    labels, starts = {"alertname": "Errors", "app": "checkout"}, now_text()
    # It has no data, or its query fails: that is no breach.
    for nothing in (grafana("firing", starts, "NoData", **labels),
                    grafana("firing", starts, alertname="DatasourceError", app="checkout"),
                    grafana("firing", starts, value=-1, **labels)):
        assert broken.revertd.post("/webhooks/grafana", nothing) == (200, {"matched": 0})
    assert broken.revertd.incidents() == []
    assert broken.revertd.post("/webhooks/grafana", grafana("firing", starts, **labels), method="PUT")[0] == 200
    broken.until("verifying")
    assert len(broken.repository.reverts()) == 1
    # A series that has gone missing proves nothing, and neither does one without a value; its end does.
    assert broken.revertd.post("/webhooks/grafana", grafana("resolved", starts, value=-1, **labels))[0] == 200
    assert broken.revertd.post("/webhooks/grafana", grafana("resolved", starts, "MissingSeries", **labels))[0] == 200
    assert broken.incident()["state"] == "verifying"
    assert broken.revertd.post("/webhooks/grafana", grafana("resolved", starts, **labels))[0] == 200
    broken.until("recovered")


def silence(server, **labels):
    """A silence of these labels for ten minutes."""
    body = {"matchers": [{"name": k, "value": v, "isRegex": False, "isEqual": True} for k, v in labels.items()],
            "startsAt": now_text(), "endsAt": now_text(600), "createdBy": "ana", "comment": "known"}
    request = urllib.request.Request(server.url + "/api/v2/silences", data=json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


def start_asking(broken, rules):
    """A real Alertmanager that delivers to revertd and is asked by it."""
    server = broken.add(parts.alertmanager(broken.directory, broken.revertd.url + "/webhooks/alertmanager",
                                           parts.Revertd.TOKEN, extra="inhibit_rules:\n- source_matchers: [alertname=Down]\n"
                                           "  target_matchers: [alertname=Errors]\n  equal: [app]\n"))
    broken.configure(rules)
    with open(broken.revertd.config, "a", encoding="utf-8") as f:
        f.write(f'alertmanagers: ( {{ name = "main"; url = "{server.url}"; }} );\n')
    broken.revertd.start()
    return server


def test_a_silenced_alert_is_left_alone(broken):
    server = start_asking(broken, PAGE)
    labels = {"alertname": "Errors", "app": "checkout", "odd": 'a "quoted" \\ value, +&%'}
    silence(server, alertname="Errors")  # before the alerts: it delivers at once
    send_to_alertmanager(server, [{"labels": {**labels, "pod": "a"}, "startsAt": now_text()}, {
        "labels": labels, "startsAt": now_text()}])
    head = broken.repository.head()
    # As from a replica that has not heard of the silence.
    broken.alert(**labels)
    ended = broken.until("declined")
    assert ended["reason"] == "silenced"
    assert re.fullmatch(r"by the silence [0-9a-f-]{36}, by ana, until 20\S+Z: known", ended["detail"])
    assert broken.repository.head() == head


def test_an_inhibited_alert_is_left_alone(broken):
    server = start_asking(broken, PAGE)
    send_to_alertmanager(server, [{"labels": {"alertname": name, "app": "checkout"}, "startsAt": now_text()}
                                  for name in ("Down", "Errors")])
    broken.alert(alertname="Errors", app="checkout")
    ended = broken.until("declined")
    assert (ended["reason"], ended["detail"]) == ("inhibited", 'by the alert {alertname="Down", app="checkout"}')
    assert broken.repository.reverts() == []


def test_an_active_alert_is_acted_upon(broken):
    server = start_asking(broken, PAGE)
    send_to_alertmanager(server, [{"labels": {"alertname": "Errors", "app": "checkout"}, "startsAt": now_text()}])
    broken.until("verifying")
    assert len(broken.repository.reverts()) == 1


def test_without_alertmanagers_word_nothing_is_done(broken):
    server = start_asking(broken, PAGE)
    send_to_alertmanager(server, [{"labels": {"alertname": "Other"}, "startsAt": now_text()}])
    broken.alert(alertname="Errors", app="checkout")
    ended = broken.until("declined")
    assert ended["reason"] == "not_confirmed" and "does not have the alert" in ended["detail"]
