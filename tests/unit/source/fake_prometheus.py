"""A stand-in for Prometheus: answers by what the expression says. Prints its port, then serves until it is killed.

"ok": a series; "empty"; "bad": 400; "busy": 503; "hang": nothing; "echo": the query's parameters as labels;
"skewed": by a clock that is ten minutes slow."""
import http.server
import json
import socketserver
import time
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode(), strict_parsing=True)
        expr = form["query"][0]
        status, value = 200, "1"
        metric = {"app": "a"}
        if self.path != "/prefix/api/v1/query" or \
                self.headers["Content-Type"] != "application/x-www-form-urlencoded":
            return self.answer(404, b"")
        if "bad" in expr:
            return self.answer(400, json.dumps({"status": "error", "errorType": "bad_data", "error": "parse"}).encode())
        if "busy" in expr:
            return self.answer(503, b"Service Unavailable")
        if "hang" in expr:
            time.sleep(3600)
        if "echo" in expr:
            metric = {name: values[0] for name, values in form.items()}
        result = [] if "empty" in expr else [{"metric": metric, "value": [float(form["time"][0]), value]}]
        self.answer(status, json.dumps({"status": "success",
                                        "data": {"resultType": "vector", "result": result}}).encode(),
                    behind=600 if "skewed" in expr else 0)

    def answer(self, status, body, behind=0):
        self.send_response_only(status)
        self.send_header("Date", self.date_time_string(time.time() - behind))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
