"""Who may come in, and by which door: TLS, client certificates, basic authentication, sockets that systemd opened."""
import base64
import json
import os
import ssl
import urllib.error
import urllib.request

import pytest

import parts
from certificates import Authority
from conftest import PAGE, alert, webhook


def ask(url, body=None, headers=None, context=None):
    """The answer's status."""
    raw = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=raw, headers={"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return answer.status
    except urllib.error.HTTPError as refusal:
        return refusal.code


def serve_tls(world, listen, credential_key):
    world.revertd.credential("listen-key", credential_key.read_text())
    world.configure(PAGE, listen=listen)
    world.revertd.start(wait=False)
    return f"https://127.0.0.1:{world.revertd.port}"


def test_tls_and_client_certificates(broken):
    authority, stranger = Authority(broken.directory), Authority(broken.directory, "stranger")
    certificate, key = authority.issue("revertd", "serverAuth")
    url = serve_tls(broken, f'cert_file = "{certificate}"; key_credential = "listen-key";'
                    f' client_ca_file = "{authority.ca}";', key)
    trusting = ssl.create_default_context(cafile=authority.ca)
    parts.wait_until(lambda: ask(url + "/-/ready", context=trusting) == 200, 20, "revertd to be ready")
    body = webhook([alert(alertname="Errors", app="checkout")])
    assert ask(url + "/webhooks/alertmanager", body, context=trusting) in (401, 403)

    def presenting(name, issuer):
        context = ssl.create_default_context(cafile=authority.ca)
        context.load_cert_chain(*issuer)
        return context
    for name, issuer in (("a stranger's", stranger.issue("alertmanager", "clientAuth")),
                         ("a server's", authority.issue("other", "serverAuth"))):
        try:
            assert ask(url + "/webhooks/alertmanager", body, context=presenting(name, issuer)) in (401, 403), name
        except (urllib.error.URLError, OSError):
            pass  # refused in the handshake: as good
    assert broken.revertd.ctl("incidents", "-o", "json").stdout.count('"id"') == 0
    good = presenting("alertmanager", authority.issue("alertmanager", "clientAuth"))
    assert ask(url + "/webhooks/alertmanager", body, context=good) == 200
    parts.wait_until(lambda: len(broken.repository.reverts()) == 1, 30, "the revert")


def test_tls_is_not_of_yesterday(broken):
    authority = Authority(broken.directory)
    certificate, key = authority.issue("revertd", "serverAuth")
    url = serve_tls(broken, f'cert_file = "{certificate}"; key_credential = "listen-key"; credential = "api-token";', key)
    bearer = {"Authorization": f"Bearer {parts.Revertd.TOKEN}"}
    modern = ssl.create_default_context(cafile=authority.ca)
    modern.minimum_version = ssl.TLSVersion.TLSv1_3
    parts.wait_until(lambda: ask(url + "/-/ready", context=modern) == 200, 20, "revertd to be ready")
    assert ask(url + "/api/v1/status", headers=bearer, context=modern) == 200
    old = ssl.create_default_context(cafile=authority.ca)
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert ask(url + "/api/v1/status", headers=bearer, context=old) == 200
    older = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    older.load_verify_locations(authority.ca)
    older.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        older.minimum_version = ssl.TLSVersion.TLSv1
        older.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(urllib.error.URLError):
        ask(url + "/-/healthy", context=older)


def test_basic_authentication(broken):
    broken.revertd.credential("webhook", "s3cret")
    broken.configure(PAGE, listen='username = "alertmanager"; credential = "webhook";')
    broken.revertd.start()
    body = webhook([alert(alertname="Errors", app="checkout")])

    def basic(pair):
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}
    url = broken.revertd.url + "/webhooks/alertmanager"
    for wrong in (None, basic(b"alertmanager:wrong"), basic(b"other:s3cret"), basic(b"alertmanager"), basic(b""),
                  {"Authorization": "Basic !!!"}, {"Authorization": "Bearer s3cret"}, basic(b"alertmanager:s3cret\0")):
        assert ask(url, body, wrong) == 401, wrong
    assert broken.repository.reverts() == []
    assert ask(url, body, basic(b"alertmanager:s3cret")) == 200
    parts.wait_until(lambda: len(broken.repository.reverts()) == 1, 30, "the revert")


def test_socket_activation(broken):
    """As with revertd.socket: the daemon starts at the first connection, and opens no socket itself."""
    world = broken
    world.configure(PAGE)
    activated = world.directory / "activated.sock"
    port = parts.free_port()
    carry = [f"-E{name}" for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ]
    world.revertd.start(wrap=["systemd-socket-activate", *carry, "-l", f"127.0.0.1:{port}", "-l", activated], wait=False)
    parts.wait_until(activated.exists, 10, "the sockets")
    opened, world.revertd.socket = world.revertd.socket, activated
    world.revertd.url = f"http://127.0.0.1:{port}"
    parts.wait_until(world.revertd.ready, 30, "revertd to be ready")
    assert not opened.exists(), "listen.socket was opened beside the activated ones"
    with pytest.raises(OSError):
        parts.http_get(f"http://127.0.0.1:{world.revertd.port}/-/ready")
    assert world.alert(alertname="Errors", app="checkout")[0] == 200
    world.until("verifying")
    assert "verifying" in world.revertd.ctl("incidents").stdout
    assert world.revertd.post("/api/v1/pauses", {}, token="wrong")[0] == 401
    assert world.revertd.stop() == 0
    assert activated.exists(), "a socket of systemd's was removed"
