"""An authority of a test's own, and the certificates that it signs, made with `openssl`."""

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

NAMES = (
    "subjectAltName=DNS:localhost,DNS:desk.localhost,DNS:archive.localhost,IP:127.0.0.1\n"
    "extendedKeyUsage=clientAuth,serverAuth\n"
)
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
CA = "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"


class Issued(NamedTuple):
    certificate: Path
    key: Path


class Authority:
    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._name = folder, name
        self.certificate, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        self._new(self.key, self.certificate, "-x509", "-days", "30", f"/CN={name}")

    def issued(self, name: str, days: int = 10, names: str = NAMES) -> Issued:
        """A certificate for this machine, to show to others or to be shown by it."""
        made = Issued(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        asked, file = self._folder / f"{name}.csr", self._folder / "names"
        self._new(made.key, asked, f"/CN={name}")
        file.write_text(names)
        by = ("-CA", self.certificate, "-CAkey", self.key, "-extfile", file, "-days", days)
        openssl("x509", "-req", "-in", asked, "-out", made.certificate, *by)
        return made

    def shown_by(self, issued: Issued, *, asks: bool) -> ssl.SSLContext:
        """Context of a server; with `asks` it wants a certificate that this authority signed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued.certificate, issued.key)
        if asks:
            context.load_verify_locations(self.certificate)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    @staticmethod
    def _new(key: Path, out: Path, *more: str) -> None:
        *options, subject = more
        extensions = [part for each in CA if options for part in ("-addext", each)]
        openssl("req", *CURVE, *options, *extensions, "-keyout", key, "-out", out, "-subj", subject)


def openssl(*arguments: object) -> str:
    command = ["openssl", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
