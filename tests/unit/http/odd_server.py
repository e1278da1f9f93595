"""A server whose answers are odd, each path in its own way. Prints its port, then serves until it is killed.

With a directory of certificates as argument it speaks TLS, and asks for a client certificate where told to."""
import http.server
import socketserver
import ssl
import sys
import threading
import time
from email.utils import formatdate

connections = 0
running = 0
running_max = 0
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        global connections
        with lock:
            connections += 1
        super().setup()

    def log_message(self, *args):
        pass

    def answer(self, body, status=200, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.serve()

    def do_POST(self):
        self.serve()

    def serve(self):
        global running, running_max
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path
        if path == "/echo":
            peer = dict(x[0] for x in self.connection.getpeercert()["subject"]) if hasattr(
                self.connection, "getpeercert") and self.connection.getpeercert() else {}
            self.answer(f"{self.command} {path} {body.decode()}\n{self.headers}{peer}".encode(),
                        headers=[("Content-Type", "text/x-echo")])
        elif path == "/connections":
            self.answer(f"{connections} {running_max}".encode())
        elif path == "/slow":
            with lock:
                running += 1
                running_max = max(running, running_max)
            time.sleep(0.02)
            with lock:
                running -= 1
            self.answer(b"done")
        elif path == "/silent":
            time.sleep(3600)
        elif path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"not all")
            self.wfile.flush()
            self.connection.close()
            self.close_connection = True
        elif path == "/drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x")
                    self.wfile.flush()
                    time.sleep(0.01)
            except OSError:
                self.close_connection = True
        elif path == "/close":
            self.answer(b"bye")
            self.close_connection = True  # without saying so
        elif path.startswith("/big/"):
            self.answer(b"x" * int(path[5:]))
        elif path == "/redirect":
            self.answer(b"", 302, [("Location", "/echo")])
        elif path == "/later":
            self.answer(b"", 429, [("Retry-After", "7")])
        elif path == "/later-date":
            self.answer(b"", 503, [("Retry-After", formatdate(time.time() + 3000, usegmt=True))])
        elif path == "/nothing":
            self.answer(b"", 204)
        else:
            self.answer(b"no such page", 404)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 100

    def handle_error(self, *args):
        pass


server = Server(("127.0.0.1", 0), Handler)
if len(sys.argv) > 1:
    directory = sys.argv[1]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{directory}/server.pem", f"{directory}/server.key")
    if len(sys.argv) > 2:
        context.load_verify_locations(f"{directory}/ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
