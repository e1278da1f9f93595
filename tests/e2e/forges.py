"""Stand-ins for GitHub, GitLab and Gitea in front of a real bare repository: pull and merge requests, in the statuses,
bodies and words of the real ones, merged in the repository for real. A real Gitea besides, where there is one."""
import http.server
import json
import os
import pathlib
import re
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import parts

TOKEN = "t0ken"
ENVIRONMENT = {"GIT_AUTHOR_NAME": "Merger", "GIT_AUTHOR_EMAIL": "merger@example.com", "GIT_COMMITTER_NAME": "Merger",
               "GIT_COMMITTER_EMAIL": "merger@example.com", "GIT_CONFIG_GLOBAL": "/dev/null"}


def git(folder, *arguments, check=True):
    done = subprocess.run(["git", "-C", folder, *arguments], check=check, stdout=subprocess.PIPE, text=True,
                          stderr=None if check else subprocess.DEVNULL, env={**os.environ, **ENVIRONMENT})
    return done.stdout.strip() if done.returncode == 0 else None


class Forge:
    """kind: github, gitlab, gitea. The requests that came are in `asked` (method, path, body); statuses in `statuses`
    (commit, body). What stands in `faults` (status, headers, body) is answered instead, each once, to what it matches."""

    PATHS = {"github": "", "gitlab": "/api/v4", "gitea": "/api/v1"}

    def __init__(self, kind, repository, certificate=None):
        self.kind, self.repository, self.project, self.token = kind, pathlib.Path(repository), "platform/fleet", TOKEN
        self.proposals, self.asked, self.statuses, self.faults = [], [], [], []
        self.auto_merge = "scheduled"  # or "ready": nothing is waited for; "off": not allowed
        self.on_create = None  # called once when a proposal is to be made; False: nothing comes of it
        self.lock = threading.RLock()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        self.root = f"http{'s' if certificate else ''}://127.0.0.1:{self.server.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, pathlib.Path(certificate).with_name("key.pem"))
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = self.root + self.PATHS[kind]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def settings(self, credential, **more):
        return {"forge": self.kind, "forge_url": self.url, "forge_project": self.project,
                "forge_credential": credential, **more}

    def fault(self, method, pattern, status, body, headers=None, times=1):
        self.faults += [(method, pattern, status, body, headers or {})] * times

    # What people do at the forge.

    def merge(self, number, method="merge", message=None):
        with self.lock:
            one = self.proposals[number - 1]
            head, base = self.head(one), git(self.repository, "rev-parse", one["base"])
            tree = git(self.repository, "merge-tree", "--write-tree", base, head)
            parents = ["-p", base] + (["-p", head] if method == "merge" else [])
            text = message or (f"Merge pull request #{number}" if method == "merge" else f"{one['title']} (#{number})")
            one["merged"] = git(self.repository, "commit-tree", tree, *parents, "-m", text)
            git(self.repository, "update-ref", f"refs/heads/{one['base']}", one["merged"], base)
            one.update(state="merged", method=method, sha=head)
            return one["merged"]

    def close(self, number):
        self.proposals[number - 1]["state"] = "closed"

    # The rest is the server's.

    def head(self, one):
        return git(self.repository, "rev-parse", "-q", "--verify", f"refs/heads/{one['branch']}", check=False) or one["sha"]

    def show(self, one):
        merged, number = one["state"] == "merged", one["number"]
        if self.kind == "gitlab":
            plain = one.get("method") == "merge"
            return {"iid": number, "id": 1000 + number, "web_url": f"{self.root}/{self.project}/-/merge_requests/{number}",
                    "state": "opened" if one["state"] == "open" else one["state"], "sha": self.head(one),
                    "merge_commit_sha": one.get("merged") if plain else None,
                    "squash_commit_sha": one.get("merged") if not plain else None,
                    "source_project_id": 7, "target_project_id": one.get("target", 7), "title": one["title"],
                    "detailed_merge_status": "mergeable"}
        page = "pull" if self.kind == "github" else "pulls"
        shown = {"number": number, "html_url": f"{self.root}/{self.project}/{page}/{number}", "merged": merged,
                 "state": "open" if one["state"] == "open" else "closed", "title": one["title"], "mergeable": None,
                 "merge_commit_sha": one.get("merged") if merged else ("f" * 40 if self.kind == "github" else None)}
        if self.kind == "github":
            shown.update(node_id=f"PR_{number}", head={"ref": one["branch"], "sha": self.head(one), "repo": {"id": 7}},
                         base={"ref": one["base"], "repo": {"id": one.get("target", 7)}})
        else:
            shown.update(head={"ref": one["branch"], "sha": self.head(one), "repo_id": 7},
                         base={"ref": one["base"], "repo_id": one.get("target", 7)})
        return shown

    def words(self, text, *errors):
        return {"message": [text] if self.kind == "gitlab" and not errors else text,
                **({"errors": list(errors)} if errors else {})}

    def create(self, body):
        names = ("source_branch", "target_branch", "description") if self.kind == "gitlab" else ("head", "base", "body")
        branch, base, text = (body[name] for name in names)
        head = git(self.repository, "rev-parse", "-q", "--verify", f"refs/heads/{branch}", check=False)
        # Looked for and made without a lock: what another has only just made is not seen.
        if any(one["branch"] == branch and one["state"] == "open" and time.monotonic() > one["made"] + 0.3
               for one in self.proposals):
            if self.kind == "github":
                return 422, self.words("Validation Failed", {"resource": "PullRequest", "code": "custom",
                                       "message": f"A pull request already exists for platform:{branch}."})
            return 409, self.words("Another open merge request already exists for this source branch: !1"
                                   if self.kind == "gitlab" else "pull request already exists for these targets")
        if not head:
            return {"github": (422, self.words("Validation Failed", {"resource": "PullRequest", "field": "head",
                                                                     "code": "invalid"})),
                    "gitlab": (400, {"message": {"base": ["Source branch does not exist"]}}),
                    "gitea": (404, self.words("The target couldn't be found."))}[self.kind]
        if not git(self.repository, "rev-list", f"{base}..{head}") and self.kind != "gitlab":
            return 422, self.words(f"No commits between {base} and {branch}" if self.kind == "github" else
                                   "Invalid PullRequest: There are no changes between the head and the base")
        self.proposals.append({"number": len(self.proposals) + 1, "branch": branch, "base": base, "sha": head,
                               "title": body["title"], "text": text, "state": "open", "made": time.monotonic()})
        return 201, self.show(self.proposals[-1])

    def accept(self, one, commit, method, title, message, now=False):
        if one["state"] != "open":
            return 405, self.words("")
        if commit != self.head(one):
            return 409, self.words("SHA does not match HEAD of source branch: " + self.head(one))
        if self.auto_merge == "off":
            return (401, self.words("401 Unauthorized")) if self.kind == "gitlab" else (405, self.words(
                "User not allowed to merge PR"))
        one["message"] = f"{title}\n\n{message}" if title else message
        if self.auto_merge == "scheduled" and now:
            return 405, self.words("not ready to be merged: Not all required status checks successful")
        if self.auto_merge == "scheduled" or (self.kind == "gitea" and not now):
            one["scheduled"] = method
            return (201, None) if self.kind == "gitea" else (200, self.show(one))
        self.merge(one["number"], method, one["message"])
        return 200, None if self.kind == "gitea" else {**self.show(one), "sha": one["merged"]}

    def graphql(self, body):
        entered = body["variables"]["input"]
        one = self.proposals[int(entered["pullRequestId"].removeprefix("PR_")) - 1]
        said = {"ready": "Pull request Pull request is in clean status", "off": "Pull request Auto merge is not allowed "
                "for this repository"}.get(self.auto_merge)
        if said:
            return 200, {"data": {"enablePullRequestAutoMerge": None},
                         "errors": [{"type": "UNPROCESSABLE", "path": ["enablePullRequestAutoMerge"], "message": said}]}
        if entered["expectedHeadOid"] != self.head(one):
            return 200, {"errors": [{"message": "Expected head sha didn't match current head ref."}]}
        one.update(scheduled=entered["mergeMethod"].lower(), message=f"{entered['commitHeadline']}\n\n{entered['commitBody']}")
        return 200, {"data": {"enablePullRequestAutoMerge": {"pullRequest": {"number": one["number"]}}}}

    def answer(self, method, path, query, body):
        path = path.removeprefix(self.PATHS[self.kind])
        if self.kind == "github" and path == "/graphql":
            return self.graphql(body)
        top = "/projects/platform%2Ffleet" if self.kind == "gitlab" else f"/repos/{self.project}"
        if not path.startswith(top + "/"):
            return 404, self.words("Not Found")
        kind, *rest = path.removeprefix(top + "/").split("/")
        if kind == "statuses":
            self.statuses.append((rest[0], body))
            return 201, {"id": 1}
        if method == "POST" and not rest:
            return self.create(body)
        if method == "GET" and not rest:
            branch = query.get("source_branch", [query.get("head", [""])[0].removeprefix("platform:")])[0]
            return 200, [self.show(one) for one in reversed(self.proposals) if one["branch"] == branch]
        if self.kind == "gitea" and method == "GET" and not rest[0].isdigit():
            base, branch = urllib.parse.unquote(rest[0]), urllib.parse.unquote("/".join(rest[1:]))
            found = [one for one in self.proposals if (one["base"], one["branch"]) == (base, branch)]
            return (200, self.show(found[0])) if found else (404, self.words("The target couldn't be found."))
        number = int(rest[0])
        if not 0 < number <= len(self.proposals):
            return 404, self.words("404 Not found" if self.kind == "gitlab" else "Not Found")
        one = self.proposals[number - 1]
        if len(rest) == 1:
            return 200, self.show(one)
        if self.kind == "gitlab":
            squash = body.get("squash", False)
            return self.accept(one, body["sha"], "squash" if squash else "merge", None,
                               body["squash_commit_message" if squash else "merge_commit_message"])
        if self.kind == "github":
            return self.accept(one, body["sha"], body["merge_method"], body["commit_title"], body["commit_message"])
        return self.accept(one, body["head_commit_id"], body["Do"], body["MergeTitleField"], body["MergeMessageField"],
                           not body["merge_when_checks_succeed"])

    def handler(forge):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reply(self, status, body, headers):
                try:
                    self.send(status, body, headers)
                except OSError:  # whoever asked is gone
                    self.close_connection = True

            def send(self, status, body, headers):
                data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def serve(self):
                data = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                url = urllib.parse.urlsplit(self.path)
                with forge.lock:
                    forge.asked.append((self.command, self.path, json.loads(data) if data else None))
                    if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                        return self.reply(401, forge.words("Bad credentials"), {})
                    if forge.on_create and self.command == "POST" and url.path.endswith(("/pulls", "/merge_requests")):
                        on_create, forge.on_create = forge.on_create, None
                        if not on_create():
                            self.close_connection = True
                            return None
                    for i, (method, pattern, status, body, headers) in enumerate(forge.faults):
                        if method == self.command and re.search(pattern, self.path):
                            del forge.faults[i]
                            if body == "hang up":
                                self.close_connection = True
                                return None
                            return self.reply(status, body, headers)
                    return self.reply(*forge.answer(self.command, url.path, urllib.parse.parse_qs(url.query),
                                                    json.loads(data) if data else {}), {})

            do_GET = do_POST = do_PUT = serve
        return Handler


class Gitea:
    """The real one, from the path in REVERTD_TEST_GITEA: SQLite, on loopback, in a folder of its own. A binary without
    its assets in it finds them in REVERTD_TEST_GITEA_ASSETS (the source tree)."""

    kind = "gitea"

    token = None

    def __init__(self, binary, folder, work, ssh=False):
        self.folder, self.project = pathlib.Path(folder), "platform/fleet"
        self.folder.mkdir()
        port, assets = parts.free_port(), os.environ.get("REVERTD_TEST_GITEA_ASSETS")
        ssh_port = parts.free_port()
        (self.folder / "app.ini").write_text(f"""
RUN_MODE = prod
RUN_USER = {os.environ.get("USER") or subprocess.check_output(["id", "-un"], text=True).strip()}
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = http://127.0.0.1:{port}/
DISABLE_SSH = {str(not ssh).lower()}
START_SSH_SERVER = true
SSH_LISTEN_HOST = 127.0.0.1
SSH_LISTEN_PORT = {ssh_port}
OFFLINE_MODE = true
APP_DATA_PATH = {self.folder}/data
{f"STATIC_ROOT_PATH = {assets}" if assets else ""}
[database]
DB_TYPE = sqlite3
PATH = {self.folder}/gitea.db
[repository]
ROOT = {self.folder}/repositories
[security]
INSTALL_LOCK = true
[log]
LEVEL = Warn
ROOT_PATH = {self.folder}/log
""")
        self.binary, self.root = binary, f"http://127.0.0.1:{port}"
        self.url = self.root + "/api/v1"
        self.environment = {**os.environ, "GITEA_WORK_DIR": str(self.folder), "HOME": str(self.folder),
                            "GITEA_I_AM_BEING_UNSAFE_RUNNING_AS_ROOT": "true"}
        self.environment.pop("GIT_CONFIG_GLOBAL", None)
        self.run("migrate")
        self.run("admin", "user", "create", "--admin", "--username", "platform", "--password", "pass-word-1", "--email",
                 "p@example.com", "--must-change-password=false")
        self.admin, self.token = (self.run("admin", "user", "generate-access-token", "--username", "platform", "--scopes",
                                           scopes, "--token-name", scopes, "--raw").strip().splitlines()[-1]
                                  for scopes in ("all", "write:repository"))  # the second is the worker's
        self.process = subprocess.Popen([binary, "-c", self.folder / "app.ini", "web"], env=self.environment,
                                        stdout=open(self.folder / "out", "w"), stderr=subprocess.STDOUT)
        until = time.monotonic() + 60
        while True:
            try:
                self.api("GET", "/version")
                break
            except OSError:
                assert time.monotonic() < until and self.process.poll() is None, (self.folder / "out").read_text()
                time.sleep(0.1)
        self.api("POST", "/user/repos", {"name": "fleet", "private": True, "default_branch": "main"})
        self.remote = f"http://127.0.0.1:{port}/platform/fleet.git"
        self.origin = self.remote.replace("http://", f"http://platform:{self.admin}@")
        git(work, "push", "-q", self.origin, "main")
        while self.api("GET", f"/repos/{self.project}")["empty"]:
            assert time.monotonic() < until + 60
            time.sleep(0.1)
        self.repository = self.folder / "repositories" / "platform" / "fleet.git"
        self.known_hosts = None
        if ssh:
            self.use_ssh(ssh_port)

    def use_ssh(self, port):
        """Its own SSH server, with a key of the platform's user."""
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / "key"], check=True)
        self.api("POST", "/user/keys", {"title": "deploy", "key": (self.folder / "key.pub").read_text()})
        self.key, self.known_hosts = (self.folder / "key").read_text(), self.folder / "known_hosts"
        self.known_hosts.write_bytes(subprocess.run(["ssh-keyscan", "-p", str(port), "127.0.0.1"], check=True,
                                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
        name = next(line for line in (self.folder / "app.ini").read_text().splitlines() if line.startswith("RUN_USER"))
        self.remote = f"ssh://{name.split(' = ')[1]}@127.0.0.1:{port}/platform/fleet.git"

    def run(self, *arguments):
        done = subprocess.run([self.binary, "-c", self.folder / "app.ini", *arguments], env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def api(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, method=method, headers={
            "Authorization": f"token {self.admin}", "Content-Type": "application/json"},
            data=json.dumps(body).encode() if body is not None else None)
        with urllib.request.urlopen(request, timeout=30) as answer:
            data = answer.read()
        return json.loads(data) if data else None

    def settings(self, credential, **more):
        if self.known_hosts:
            (self.folder.parent / "credentials" / "ssh-key").write_text(self.key)
            more = {"known_hosts": str(self.known_hosts), "credential": "ssh-key", **more}
        return {"forge": "gitea", "forge_url": self.url, "forge_project": self.project, "forge_credential": credential,
                **more}

    @property
    def statuses(self):
        """Of the newest commits of the branch, the newest first."""
        return [(commit["sha"], {"state": one["status"], "description": one["description"]})
                for commit in self.api("GET", f"/repos/{self.project}/commits?sha=main&limit=10")
                for one in self.api("GET", f"/repos/{self.project}/commits/{commit['sha']}/statuses")
                if one["context"] == "revertd"]

    @property
    def proposals(self):
        found, page = [], 1
        while some := self.api("GET", f"/repos/{self.project}/pulls?state=all&page={page}"):
            found, page = found + some, page + 1
        return [{"title": one["title"], "text": one["body"], "branch": one["head"]["ref"], "number": one["number"]}
                for one in reversed(found)]

    def merge(self, number, method="merge"):
        path, until = f"/repos/{self.project}/pulls/{number}", time.monotonic() + 30
        while True:
            try:
                self.api("POST", path + "/merge", {"Do": method})
                return self.api("GET", path)["merge_commit_sha"]
            except urllib.error.HTTPError as err:
                assert err.code == 405 and time.monotonic() < until, err.read()
                time.sleep(0.2)

    def require_check(self, context):
        self.api("POST", f"/repos/{self.project}/branch_protections", {
            "rule_name": "main", "enable_status_check": True, "status_check_contexts": [context], "enable_push": True})

    def check_ends_well(self, commit, context):
        self.api("POST", f"/repos/{self.project}/statuses/{commit}", {"state": "success", "context": context})

    def close(self, number):
        self.api("PATCH", f"/repos/{self.project}/pulls/{number}", {"state": "closed"})

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
