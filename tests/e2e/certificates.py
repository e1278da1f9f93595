"""A certificate authority of a test's own."""
import pathlib
import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """`ca` is its certificate's path; issue() makes more: name.pem and name.key in the folder."""

    def __init__(self, directory, name="ca"):
        self.directory = pathlib.Path(directory) / f"certificates-{name}"
        self.directory.mkdir()
        self.ca = self.directory / "ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-keyout", self.directory / "ca.key", "-out", self.ca, "-subj", f"/CN=Test {name}", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, name, purpose):
        """purpose: serverAuth or clientAuth. The paths of the certificate and of its key."""
        certificate, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName=IP:127.0.0.1\nextendedKeyUsage={purpose}\n"
                              "authorityKeyIdentifier=keyid\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                "-out", request, "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.directory / "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", extensions, "-out", certificate)
        return certificate, key
