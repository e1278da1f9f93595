"""A stand-in for Slack on loopback: slack_stub.py PORT [ANSWER...]

Prints "port N", then a line of JSON for each request: {"path": ..., "authorization": ..., "body": {...}}.
Answers, one a request, "ok" when they are used up:
  ok, error:WORD, 429:SECONDS, 500, 404:WORD, page (HTML with 200), hang (never), drop (closes without an answer)
"""
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

answers = sys.argv[2:]
lock = threading.Lock()
posted = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body, kind="application/json", headers=()):
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def ok(self):
        global posted
        if self.path.startswith("/services/"):
            self.answer(200, "ok", "text/plain")
            return
        posted += 1
        self.answer(200, json.dumps({"ok": True, "channel": "C0RESOLVED", "ts": f"1503435956.{posted:06d}"}))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with lock:
            what = answers.pop(0) if answers else "ok"
            print(json.dumps({"path": self.path, "authorization": self.headers.get("Authorization", ""),
                              "body": json.loads(body)}), flush=True)
        word, _, detail = what.partition(":")
        if word == "ok":
            self.ok()
        elif word == "error":
            self.answer(200, json.dumps({"ok": False, "error": detail}))
        elif word == "429":
            self.answer(429, "", "text/plain", [("Retry-After", detail)])
        elif word in ("500", "404"):
            self.answer(int(word), detail, "text/plain")
        elif word == "page":
            self.answer(200, "<html>log in</html>", "text/html")
        elif word == "hang":
            threading.Event().wait()
        elif word == "drop":
            self.close_connection = True


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
server.daemon_threads = True
print("port", server.server_address[1], flush=True)
server.serve_forever()
