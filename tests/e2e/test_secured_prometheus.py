"""A Prometheus behind TLS, client certificates, basic authentication and a tenant's header."""
import http.server
import threading
import urllib.request

import pytest

import parts
from certificates import Authority
from test_prometheus import rule, verdicts

# Of "s3cret", at the least cost.
HASH = "$2b$04$zQdvCQDQ83GVD3Ivu.CTauAFVG1IJnzJiy.SPMDPuVubUrOOWr/Yy"


def secured(world):
    """A real Prometheus that takes only clients with a certificate and a password; it scrapes itself."""
    authority = Authority(world.directory)
    certificate, key = authority.issue("prometheus", "serverAuth")
    directory = world.directory / "secured"
    directory.mkdir()
    (directory / "web.yml").write_text(
        f"tls_server_config: {{cert_file: {certificate}, key_file: {key}, client_ca_file: {authority.ca},"
        f" client_auth_type: RequireAndVerifyClientCert}}\nbasic_auth_users: {{revertd: '{HASH}'}}\n")
    port = parts.free_port()
    client, client_key = authority.issue("revertd", "clientAuth")
    (directory / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: self, scheme: https, basic_auth: {{username: revertd, password: s3cret}},"
        f" tls_config: {{ca_file: {authority.ca}, cert_file: {client}, key_file: {client_key}}},"
        f" static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{app: checkout}}}}]}}]\n")
    server = world.add(parts.Part("prometheus", [
        "prometheus", f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data",
        f"--web.config.file={directory}/web.yml", f"--web.listen-address=127.0.0.1:{port}"], directory))
    parts.wait_until(lambda: "Server is ready" in server.log(), 30, "Prometheus")
    server.url = f"https://127.0.0.1:{port}"
    world.revertd.credential("prometheus-password", "s3cret")
    world.revertd.credential("prometheus-key", client_key.read_text())
    return server, authority, client


def last_error(world):
    return world.revertd.get("/api/v1/rules")["rules"][0]["last_error"] or ""


UP = rule(expr='sum by (app) (up)', breach="< 1")


def test_password_and_client_certificate(world):
    world.repository.commit({"apps/checkout/settings.json": "{}"}, "Start the fleet")
    server, authority, client = secured(world)
    access = (f'username = "revertd"; credential = "prometheus-password"; ca_file = "{authority.ca}";'
              f' cert_file = "{client}"; key_credential = "prometheus-key";')
    world.configure(UP, server.url, prometheus_extra=access)
    world.revertd.start()
    parts.wait_until(lambda: verdicts(world) == {"checkout": "ok"}, 30, "the rule to be evaluated")
    assert "s3cret" not in world.revertd.part.log()


@pytest.mark.parametrize("what", ["password", "certificate", "authority"])
def test_what_is_missing_is_said_and_decides_nothing(world, what):
    world.repository.commit({"apps/checkout/settings.json": "{}"}, "Start the fleet")
    server, authority, client = secured(world)
    access = {"password": 'username = "revertd"; credential = "prometheus-password";',
              "certificate": f'cert_file = "{client}"; key_credential = "prometheus-key";',
              "authority": f'ca_file = "{authority.ca}";'}
    del access[what]
    world.configure(UP, server.url, prometheus_extra=" ".join(access.values()))
    world.revertd.start()
    error = parts.wait_until(lambda: last_error(world), 30, "the rule's error")
    if what == "password":
        assert "401" in error
    if what == "authority":
        assert "certificate" in error
    assert world.revertd.incidents() == []


class Tenants:
    """What stands before a Prometheus of many tenants: wants X-Scope-OrgID and a bearer token, and passes on."""

    def __init__(self, upstream):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if (self.headers.get("X-Scope-OrgID"), self.headers.get("Authorization")) != ("team-a", "Bearer t0ken"):
                    status, raw = 401, b"no org id\n"
                else:
                    assert self.path == "/prometheus/api/v1/query"
                    request = urllib.request.Request(upstream + "/api/v1/query", data=body)
                    with urllib.request.urlopen(request, timeout=10) as answer:
                        status, raw = answer.status, answer.read()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/prometheus"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def test_tenant_header_and_bearer_token(world):
    world.repository.commit({"apps/checkout/settings.json": "{}"}, "Start the fleet")
    server = world.add(parts.prometheus(world.directory, []))
    tenants = world.add(Tenants(server.url))
    world.revertd.credential("tenant-token", "t0ken")
    one = rule(expr="vector(1)", breach="< 1")
    world.configure(one, tenants.url, prometheus_extra='credential = "tenant-token";')
    world.revertd.start()
    assert "401" in parts.wait_until(lambda: last_error(world), 30, "the refusal")
    world.configure(one, tenants.url,
                    prometheus_extra='credential = "tenant-token"; headers = [ "X-Scope-OrgID: team-a" ];')
    assert world.revertd.post("/-/reload", b"")[0] == 200
    parts.wait_until(lambda: list(verdicts(world).values()) == ["ok"], 30, "the rule to be evaluated")
    assert not last_error(world)
