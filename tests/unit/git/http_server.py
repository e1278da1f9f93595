#!/usr/bin/python3
"""A Git server over HTTP for the transport's tests, and servers that misbehave, on a free port of the loopback.

usage: http_server.py MODE ROOT LOG [CERTIFICATE]

Prints the port. Each request is a line in LOG: connection number, method, path, protocol asked for, user."""

import base64
import http.server
import os
import socket
import ssl
import subprocess
import sys
import threading
import time

mode, root, log_path = sys.argv[1:4]
certificate = sys.argv[4] if len(sys.argv) > 4 else None
connections = 0
lock = threading.Lock()


def packet(text):
    return b"%04x" % (len(text) + 4) + text


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        global connections
        super().setup()
        with lock:
            connections += 1
            self.number = connections

    def log_message(self, *_):
        pass

    def note(self):
        user = "-"
        if self.headers.get("Authorization", "").startswith("Basic "):
            user = base64.b64decode(self.headers["Authorization"][6:]).decode()
        with lock, open(log_path, "a") as log:
            log.write(f"{self.number} {self.command} {self.path} {self.headers.get('Git-Protocol', '-')} {user}\n")
        return user

    def answer(self, status, kind, body, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def advertise_headers(self):
        self.send_response(200)
        self.send_header("Content-Type", f"application/x-{self.path.split('=')[-1]}-advertisement")
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True

    def answer_in_blocks(self, kind, body):
        """In blocks as a reader takes them, each with so many KiB of the body that a buffer of 1 MiB, when it is full for
        the second time, is as full as it was when it had been emptied."""
        block = 16384
        fills = [kib for last in range(4, 15) for kib in [15] * 68 + [last, 1]] * 4
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\nX-Fill: ".encode()
        out, at = bytearray(head + b"x" * (block - len(head) - 4) + b"\r\n\r\n"), 0
        while at < len(body):
            piece = body[at:at + 1024 * fills.pop(0)]
            size = b"%x;fill=" % len(piece)
            out += size + b"x" * (block - len(size) - len(piece) - 4) + b"\r\n" + piece + b"\r\n"
            at += len(piece)
        self.wfile.write(out + b"0\r\n\r\n")

    def backend(self, body):
        path, _, query = self.path.partition("?")
        env = dict(os.environ, GIT_PROJECT_ROOT=root, GIT_HTTP_EXPORT_ALL="1", PATH_INFO=path, QUERY_STRING=query,
                   REQUEST_METHOD=self.command, CONTENT_TYPE=self.headers.get("Content-Type", ""),
                   REMOTE_USER="tester", REMOTE_ADDR="127.0.0.1", CONTENT_LENGTH=str(len(body)),
                   GIT_PROTOCOL=self.headers.get("Git-Protocol", "") if mode not in ("old", "blocks") else "")
        out = subprocess.run(["git", "http-backend"], input=body, env=env, stdout=subprocess.PIPE).stdout
        head, _, body = out.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        return int(fields.get("Status", "200").split()[0]), fields.get("Content-Type", ""), body

    def handle_any(self):
        user = self.note()
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if mode == "auth" and user != "git:s3cret":
            return self.answer(401, "text/plain", b"who are you?", **{"WWW-Authenticate": "Basic realm=x"})
        if mode == "redirect":
            return self.answer(302, "text/plain", b"", Location="http://127.0.0.1:1/elsewhere")
        if mode == "page":
            return self.answer(200, "text/html", b"<html>welcome</html>")
        if mode == "broken":
            return self.answer(500, "text/plain", b"out of order\x1b[31m")
        if mode == "garbage":
            return self.answer(200, f"application/x-{self.path.split('=')[-1]}-advertisement", b"zzzz not a packet")
        if mode == "headers":
            self.advertise_headers()
            return time.sleep(600)
        if mode == "drip":
            self.advertise_headers()
            for byte in packet(b"# service=git-upload-pack\n") * 1000:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.05)
        if mode == "liar" and self.command == "POST" and self.path.endswith("receive-pack"):
            report = packet(b"ok refs/heads/main\n") + b"0000"
            return self.answer(200, "application/x-git-receive-pack-result", packet(b"\1" + report) + b"0000")
        if mode == "flood":
            self.advertise_headers()
            service = self.path.split("=")[-1].encode()
            self.wfile.write(packet(b"# service=" + service + b"\n") + b"0000")
            block = b"".join(packet(b"%040x refs/heads/b%d\n" % (i, i)) for i in range(1, 2000))
            while True:
                self.wfile.write(block)
        status, kind, answer = self.backend(body)
        if mode == "lost" and self.command == "POST" and self.path.endswith("receive-pack"):
            return self.connection.shutdown(socket.SHUT_RDWR)
        if mode == "blocks" and self.command == "GET":
            refs = b"".join(packet(b"%040x refs/tags/%07d\n" % (i, i)) for i in range(1, 500000))
            return self.answer_in_blocks(kind, answer[:-4] + refs + b"0000")
        return self.answer(status, kind, answer)

    def do_GET(self):
        try:
            self.handle_any()
        except (BrokenPipeError, ConnectionResetError):
            pass

    do_POST = do_GET


def serve_raw():
    """Accept, and say nothing; in mode "banner", what an SSH server says first, and then nothing."""
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)
    kept = []
    while True:
        connection, _ = server.accept()
        kept.append(connection)
        if mode == "banner":
            connection.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")


def main():
    if mode in ("silent", "banner"):
        serve_raw()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_address[1], flush=True)
    server.serve_forever()


main()
