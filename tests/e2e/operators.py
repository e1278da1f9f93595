"""Stand-ins for the APIs of Argo CD and of Kubernetes with Flux, which answer in the documented formats. What they apply
is a folder, and only when a test, or a nudge, says so."""
import http.server
import json
import subprocess
import threading
import urllib.parse

import parts
from conftest import now_text

TOKEN = "operator-token"


class Operator:
    """One application, "checkout". .type is that of the configuration's section."""

    namespace = "shop"

    def __init__(self, type, repository, deployed=None, applies_when_nudged=False):
        self.type = type
        self.repository = repository
        self.deployed = deployed
        self.applies_when_nudged = applies_when_nudged
        self.applied = None  # the commit that is in the folder
        self.health, self.health_message = "Healthy", ""
        self.operation = {"phase": "Succeeded", "message": "successfully synced (all tasks run)"}
        self.history = []
        self.answers = 200
        self.asked, self.nudges = [], []
        self.lock = threading.Lock()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def section(self, nudge=True):
        return (f'operators: ( {{ name = "prod"; type = "{self.type}"; url = "{self.url}"; credential = "operator";'
                f' nudge = {"true" if nudge else "false"}; }} );\n')

    def apply(self, commit=None, ago=0):
        """Bring a commit (the branch's head) to the folder; as if that had been so many seconds ago."""
        commit = commit or self.repository.head()
        started = now_text(-ago)
        if self.deployed:
            self.deployed.mkdir(exist_ok=True)
            tar = subprocess.run(["git", "-C", str(self.repository.path), "archive", commit], check=True,
                                 capture_output=True).stdout
            subprocess.run(["tar", "-x", "-C", str(self.deployed)], input=tar, check=True)
        with self.lock:
            self.applied = commit
            self.history.append({"id": len(self.history), "revision": commit, "deployStartedAt": started,
                                 "deployedAt": now_text(-ago), "source": {"repoURL": "https://git/fleet.git"}})

    # -- what they answer --

    def application(self):
        head = self.repository.head()
        return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
                "metadata": {"name": "checkout", "namespace": self.namespace, "generation": 7},
                "spec": {"source": {"repoURL": "https://git/fleet.git", "path": "apps/checkout",
                                    "targetRevision": "main"}},
                "status": {"sync": {"status": "Synced" if head == self.applied else "OutOfSync", "revision": head},
                           "health": {"status": self.health, "message": self.health_message},
                           "operationState": {"startedAt": now_text(-5), "finishedAt": now_text(-4),
                                              "syncResult": {"revision": self.applied or ""}, **self.operation},
                           "history": self.history[-10:], "reconciledAt": now_text()}}

    def kustomization(self):
        is_ready = self.health == "Healthy"
        at = f"main@sha1:{self.applied}" if self.applied else ""
        ready = {"type": "Ready", "status": "True" if is_ready else "False",
                 "reason": "ReconciliationSucceeded" if is_ready else "HealthCheckFailed",
                 "message": f"Applied revision: {at}" if is_ready else self.health_message, "observedGeneration": 3}
        entry = lambda e: {"digest": "sha256:" + e["revision"], "firstReconciled": e["deployedAt"],
                           "lastReconciled": e["deployedAt"], "lastReconciledDuration": "1.2s",
                           "lastReconciledStatus": "ReconciliationSucceeded", "totalReconciliations": 1,
                           "metadata": {"revision": "main@sha1:" + e["revision"]}}
        return {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
                "metadata": {"name": "checkout", "namespace": self.namespace, "generation": 3},
                "spec": {"interval": "10m0s", "sourceRef": {"kind": "GitRepository", "name": "fleet",
                                                            "namespace": "flux-system"}},
                "status": {"observedGeneration": 3, "conditions": [ready], "lastAppliedRevision": at,
                           "lastAttemptedRevision": at, "history": [entry(e) for e in reversed(self.history[-5:])]}}

    def read(self, path, query):
        if self.type == "argocd" and path == "/api/v1/applications/checkout":
            if query.get("appNamespace") != [self.namespace]:
                return 403, {"error": "permission denied", "code": 7, "message": "permission denied"}
            if query.get("refresh") == ["normal"]:
                self.nudge("refresh")
            return 200, self.application()
        argo, flux = "/apis/argoproj.io/v1alpha1/namespaces/shop/applications/checkout", \
            "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/shop/kustomizations/checkout"
        if self.type == "argocd-kubernetes" and path == argo:
            return 200, self.application()
        if self.type == "flux" and path == flux:
            return 200, self.kustomization()
        return 404, {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404,
                     "message": f'"{path.rsplit("/", 1)[-1]}" not found'}

    def patch(self, path, body):
        self.nudge(path, body["metadata"]["annotations"])
        return 200, {"kind": "Object"}

    def nudge(self, what, annotations=None):
        self.nudges.append((what, annotations))
        is_last = not what.endswith("/gitrepositories/fleet")
        if self.applies_when_nudged and is_last:
            self.apply()

    def handler(self):
        operator = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, how):
                url = urllib.parse.urlsplit(self.path)
                operator.asked.append(self.path)
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    status, body = 401, {"message": "Unauthorized"}
                elif operator.answers != 200:
                    status, body = operator.answers, {"message": "permission denied"}
                else:
                    status, body = how(url)
                raw = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def do_GET(self):
                self.answer(lambda url: operator.read(url.path, urllib.parse.parse_qs(url.query)))

            def do_PATCH(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["Content-Type"] == "application/merge-patch+json"
                self.answer(lambda url: operator.patch(url.path, body))

            def log_message(self, *args):
                pass

        return Handler
