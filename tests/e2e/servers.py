"""Git servers as people run them: nginx with git http-backend, and OpenSSH. All on loopback, as this user."""
import getpass
import os
import pathlib
import shutil
import socket
import subprocess

import parts


def find(*candidates):
    for candidate in candidates:
        found = shutil.which(candidate) or (candidate if os.path.exists(candidate) else None)
        if found:
            return found
    raise FileNotFoundError(candidates)


class GitHttp:
    """git http-backend behind nginx and fcgiwrap, with basic auth; TLS with a certificate of its own CA if asked.

    rate: how many bytes a second an answer is sent with, as nginx takes it ("0": without bounds)."""

    def __init__(self, directory, root, user="git", password="s3cret", tls=False, rate="0"):
        self.directory = pathlib.Path(directory) / "http"
        self.directory.mkdir()
        self.user, self.password = user, password
        self.port = parts.free_port()
        scheme = "https" if tls else "http"
        self.base = f"{scheme}://127.0.0.1:{self.port}"
        self.access_log = self.directory / "access.log"
        sock = self.directory / "fcgi.sock"
        hashed = subprocess.run(["openssl", "passwd", "-apr1", password], capture_output=True, text=True,
                                check=True).stdout.strip()
        (self.directory / "htpasswd").write_text(f"{user}:{hashed}\n")
        listen = f"127.0.0.1:{self.port}"
        if tls:
            self.certificate = make_certificate(self.directory)
            listen += " ssl"
            tls_lines = f"ssl_certificate {self.certificate}; ssl_certificate_key {self.directory}/key.pem;"
        else:
            tls_lines = ""
        who = f"user {getpass.getuser()};" if os.getuid() == 0 else ""
        (self.directory / "nginx.conf").write_text(f"""
daemon off; pid {self.directory}/nginx.pid; error_log {self.directory}/error.log; {who}
worker_processes 1; events {{ worker_connections 64; }}
http {{
  access_log {self.access_log};
  client_body_temp_path {self.directory}/body; proxy_temp_path {self.directory}/proxy;
  fastcgi_temp_path {self.directory}/fastcgi; uwsgi_temp_path {self.directory}/uwsgi; scgi_temp_path {self.directory}/scgi;
  server {{
    listen {listen}; {tls_lines}
    location / {{
      auth_basic "git"; auth_basic_user_file {self.directory}/htpasswd;
      client_max_body_size 0; limit_rate {rate};
      fastcgi_pass unix:{sock};
      fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
      fastcgi_param GIT_PROJECT_ROOT {root}; fastcgi_param GIT_HTTP_EXPORT_ALL "";
      fastcgi_param PATH_INFO $uri; fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method; fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length; fastcgi_param REMOTE_USER $remote_user;
      fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding; fastcgi_param HTTP_GIT_PROTOCOL $http_git_protocol;
    }}
  }}
}}
""")
        self.fcgi = parts.Part("fcgiwrap", [find("fcgiwrap", "/usr/sbin/fcgiwrap"), "-s", f"unix:{sock}"],
                               self.directory, env={"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
                                                    "GIT_CONFIG_VALUE_0": "*"})
        parts.wait_until(sock.exists, 10, "fcgiwrap")
        self.nginx = parts.Part("nginx", [find("nginx", "/usr/sbin/nginx"), "-c", self.directory / "nginx.conf", "-e",
                                          self.directory / "error.log", "-p", self.directory], self.directory)
        parts.wait_until(lambda: connects(self.port), 10, "nginx")

    def url(self, repository):
        return f"{self.base}/{repository.path.name}"

    def stop(self):
        self.nginx.stop()
        self.fcgi.stop()


def make_certificate(directory):
    """A certificate for 127.0.0.1 that signs itself; the path of it. Its key is key.pem beside it."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", f"{directory}/key.pem", "-out", f"{directory}/cert.pem", "-days", "2", "-subj",
                    "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return f"{directory}/cert.pem"


class GitSsh:
    """sshd with one authorised key, for this user. command: what is run in the place of what clients ask for."""

    def __init__(self, directory, key_type="ed25519", address="127.0.0.1", port=None, command=None):
        self.directory = pathlib.Path(directory) / "ssh"
        self.directory.mkdir(mode=0o700)
        self.address = address
        self.port = port or parts.free_port()
        self.user = getpass.getuser()
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", key_type, "-N", "", "-C", name, "-f", self.directory / name],
                           check=True)
        self.key = (self.directory / "user").read_text()
        shutil.copy(self.directory / "user.pub", self.directory / "authorized_keys")
        host_key = " ".join((self.directory / "host.pub").read_text().split()[:2])
        self.known_hosts = self.directory / "known_hosts"
        host = address if self.port == 22 else f"[{address}]:{self.port}"
        self.known_hosts.write_text(f"{host} {host_key}\n")
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        (self.directory / "sshd_config").write_text(
            f"ListenAddress {address}:{self.port}\nHostKey {self.directory}/host\n"
            f"AuthorizedKeysFile {self.directory}/authorized_keys\nPidFile none\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
            "AcceptEnv GIT_PROTOCOL\nLogLevel VERBOSE\n" + (f"ForceCommand {command}\n" if command else ""))
        self.sshd = parts.Part("sshd", [find("sshd", "/usr/sbin/sshd"), "-D", "-e", "-f",
                                        self.directory / "sshd_config"], self.directory)
        parts.wait_until(lambda: connects(self.port, address), 10, "sshd")

    def url(self, repository):
        return f"ssh://{self.user}@{self.address}:{self.port}{repository.path}"

    def scp_form(self, repository):
        return f"{self.user}@{self.address}:{repository.path}"

    def stop(self):
        self.sshd.stop()


def connects(port, address="127.0.0.1"):
    with socket.create_connection((address, port), 1):
        return True


class Silent:
    """A server that accepts and never says a word."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def stop(self):
        self.listener.close()
