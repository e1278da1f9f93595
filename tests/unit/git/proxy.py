"""An HTTP proxy on the loopback that knows CONNECT only, and wants a login: proxy.py LOG USER:PASSWORD"""
import base64
import http.server
import select
import socket
import sys


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_CONNECT(self):
        wanted = "Basic " + base64.b64encode(sys.argv[2].encode()).decode()
        if self.headers.get("Proxy-Authorization") != wanted:
            self.send_response(407)
            self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        with open(sys.argv[1], "a", encoding="utf-8") as log:
            log.write(f"CONNECT {self.path}\n")
        host, port = self.path.rsplit(":", 1)
        with socket.create_connection((host, int(port)), 10) as remote:
            self.send_response(200)
            self.end_headers()
            self.relay(remote)
        self.close_connection = True

    def relay(self, remote):
        ends = {self.connection: remote, remote: self.connection}
        while True:
            for end in select.select(list(ends), [], [])[0]:
                data = end.recv(65536)
                if not data:
                    return
                ends[end].sendall(data)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
print(server.server_port, flush=True)
server.serve_forever()
