"""A certificate that is renewed: a reload takes it for new connections, and cuts nobody off."""
import contextlib
import http.client
import json
import os
import signal
import ssl

import pytest

import parts
from certificates import Authority
from conftest import PAGE, alert, webhook

BEARER = {"Authorization": f"Bearer {parts.Revertd.TOKEN}", "Content-Type": "application/json"}


class Tls:
    """revertd with a certificate, which can be issued anew."""

    def __init__(self, world, listen='credential = "api-token";', client=None):
        self.world, self.authority = world, Authority(world.directory)
        self.trusting = ssl.create_default_context(cafile=self.authority.ca)
        if client:
            self.trusting.load_cert_chain(*client)
        self.issue()
        world.configure(PAGE, listen=f'cert_file = "{self.certificate}"; key_credential = "listen-key"; {listen}')
        world.revertd.start(wait=False)
        parts.wait_until(lambda: self.ask("GET", "/-/ready")[0] == 200, 20, "revertd to be ready")

    def issue(self):
        """A certificate and its key, in the place of those before; what peers will be shown."""
        self.certificate, key = self.authority.issue("revertd", "serverAuth")
        self.world.revertd.credential("listen-key", key.read_text())
        return ssl.PEM_cert_to_DER_cert(self.certificate.read_text())

    def connect(self):
        connection = http.client.HTTPSConnection("127.0.0.1", self.world.revertd.port, timeout=10, context=self.trusting)
        connection.connect()
        return connection

    def shown(self):
        with contextlib.closing(self.connect()) as connection:
            return connection.sock.getpeercert(binary_form=True)

    def ask(self, method, path, body=None, connection=None):
        """Status, text, and whether the connection stays."""
        connection = connection or http.client.HTTPSConnection("127.0.0.1", self.world.revertd.port, timeout=10,
                                                               context=self.trusting)
        connection.request(method, path, body, BEARER)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), not answer.will_close

    def reload(self):
        return self.ask("POST", "/-/reload", b"")[:2]


def test_new_connections_get_it_and_those_there_go_on(broken):
    tls = Tls(broken)
    first = tls.shown()
    kept, begun = tls.connect(), tls.connect()
    assert tls.ask("GET", "/-/ready", connection=kept)[0] == 200
    body = json.dumps(webhook([alert(alertname="Errors", app="checkout")])).encode()
    begun.putrequest("POST", "/webhooks/alertmanager")
    for name, value in (*BEARER.items(), ("Content-Length", str(len(body)))):
        begun.putheader(name, value)
    begun.endheaders(body[:10])

    second = tls.issue()
    assert tls.shown() == first, "before a reload"
    assert tls.reload()[0] == 200
    assert tls.shown() == second
    begun.send(body[10:])
    answer = begun.getresponse()
    assert answer.status == 200 and answer.will_close, "what was under way is answered, and is the last"
    status, _, stays = tls.ask("GET", "/-/ready", connection=kept)
    assert status == 200 and not stays
    parts.wait_until(lambda: len(broken.repository.reverts()) == 1, 30, "the revert")
    assert "new connections get the certificate" in broken.revertd.part.log()

    third = tls.issue()
    os.kill(broken.revertd.part.process.pid, signal.SIGHUP)
    parts.wait_until(lambda: tls.shown() == third, 20, "the certificate after a signal")


def test_one_that_is_as_it_was_keeps_connections(broken):
    tls = Tls(broken)
    with contextlib.closing(tls.connect()) as kept:
        assert tls.ask("POST", "/-/reload", b"", kept)[::2] == (200, True)
        assert tls.ask("GET", "/-/ready", connection=kept)[::2] == (200, True)
    assert "new connections" not in broken.revertd.part.log()


@pytest.mark.parametrize("broken_file, why", [("certificate", "revertd.pem"), ("key", "listen-key"), ("gone", "revertd.pem"),
                                              ("pair", "revertd.pem with the key in credential listen-key: ")])
def test_a_broken_one_leaves_all_as_it_is(broken, broken_file, why):
    tls = Tls(broken)
    first, key = tls.shown(), broken.revertd.credentials / "listen-key"
    right = tls.certificate.read_text(), key.read_text()
    if broken_file == "certificate":
        tls.certificate.write_text("no certificate\n")
    elif broken_file == "key":
        broken.revertd.credential("listen-key", "no key\n")
    elif broken_file == "gone":
        tls.certificate.unlink()
    else:
        tls.issue()
        broken.revertd.credential("listen-key", right[1])
    before = broken.revertd.config.read_text()
    broken.revertd.config.write_text(before.replace('"page"', '"other"'))
    status, text = tls.reload()
    assert status == 500 and "listen: " in text and why in text, text
    assert tls.shown() == first
    assert '"page"' in tls.ask("GET", "/api/v1/rules")[1], "all or nothing"
    assert "the configuration was not reloaded" in broken.revertd.part.log()

    second = tls.issue()
    assert tls.reload()[0] == 200
    assert tls.shown() == second
    assert '"other"' in tls.ask("GET", "/api/v1/rules")[1]


def test_the_ca_of_clients_is_read_too(broken):
    clients, next_clients = Authority(broken.directory, "clients"), Authority(broken.directory, "next")
    ca = broken.directory / "client-ca.pem"
    ca.write_text(clients.ca.read_text())
    tls = Tls(broken, listen=f'client_ca_file = "{ca}";', client=clients.issue("ana", "clientAuth"))
    assert tls.ask("GET", "/api/v1/status")[0] == 200
    ca.write_text(next_clients.ca.read_text())
    assert tls.reload()[0] == 200
    try:
        assert tls.ask("GET", "/api/v1/status")[0] in (401, 403)
    except OSError:
        pass  # refused in the handshake: as good
    tls.trusting.load_cert_chain(*next_clients.issue("ana", "clientAuth"))
    assert tls.ask("GET", "/api/v1/status")[0] == 200
