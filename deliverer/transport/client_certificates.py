"""The certificate that we show a destination, and by whom its own is signed: from files, read again
when they have changed.
"""

import asyncio
import errno
import hashlib
import ssl
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import structlog
from cryptography import x509

from services import clock, metrics
from services.config.organisation import Destination, HttpDestination

LOOK_SECONDS = 60.0
"""Between two looks whether a file has changed: renewing is done days ahead."""
BYTES = 1024 * 1024
"""Of one file: all authorities that a system knows are 0.2 MB."""
CERTIFICATE, KEY, AUTHORITIES = "client_certificate", "client_key", "certificate_authorities"
BEGIN = b"-----BEGIN CERTIFICATE-----"
SOON = timedelta(days=30)
"""Before its end a person should know: an organisation's certificate takes weeks to get."""
NOT_ITS_KEY = "KEY_VALUES_MISMATCH"
"""OpenSSL's word for a key of another certificate."""

Paths = Mapping[str, Path]
"""Field of a destination -> the file that it names."""
Wrong = tuple[str, str]
"""Field of a destination, and what is wrong with the file that it names."""

log = structlog.get_logger()


class CertificateFilesError(ValueError):
    """All that is wrong with the files of one destination; quotes nothing of them."""

    def __init__(self, faults: list[Wrong]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{field}: {what}" for field, what in faults))


class LoadedCertificate(NamedTuple):
    """What connections are made with; until when, where we show a certificate; and what stood in
    the files."""

    context: ssl.SSLContext
    not_after: datetime | None
    picture: bytes


def paths(destination: Destination, folder: Path, environ: Mapping[str, str]) -> Paths:
    """Where the files are; WrongFiles with every variable that is missing."""
    found: dict[str, Path] = {}
    wrong: list[Wrong] = []
    for field in (
        (CERTIFICATE, KEY, AUTHORITIES) if isinstance(destination, HttpDestination) else ()
    ):
        given: str = getattr(destination, field)
        name = given.removeprefix("env:")
        # Of a file `NAME_FILE` and `NAME` are the same: where it is.
        named = environ.get(f"{name}_FILE") or environ.get(name, "")
        path = given if name == given else named
        if path:
            found[field] = folder / path
        elif given:
            wrong.append((field, f"{name} is missing"))
    if wrong:
        raise CertificateFilesError(wrong)
    return found


def load(paths: Paths) -> LoadedCertificate:
    """What the files hold; WrongFiles with all that is wrong with them."""
    texts, wrong = _texts(paths)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    until = None
    if AUTHORITIES in texts or AUTHORITIES not in paths:
        try:
            context = ssl.create_default_context(cafile=paths.get(AUTHORITIES))
        except OSError as error:
            what = _why(error, "holds no certificate in PEM")
            wrong.append((AUTHORITIES, f"{paths[AUTHORITIES]} {what}"))
    context.set_alpn_protocols(["http/1.1"])
    if CERTIFICATE in texts and KEY in {KEY: "", **texts}:
        try:
            until = _show(context, paths, texts[CERTIFICATE])
        except CertificateFilesError as error:
            wrong += error.faults
    if wrong:
        raise CertificateFilesError(wrong)
    return LoadedCertificate(context, until, fingerprint(texts))


def fingerprint(texts: Mapping[str, bytes]) -> bytes:
    """What changes with the files, and says nothing of a key. Pure."""
    digest = hashlib.sha256()
    for field, text in sorted(texts.items()):
        digest.update(f"{field}:{len(text)}:".encode() + text)
    return digest.digest()


def not_after(text: bytes) -> datetime:
    """Until when the first certificate of a PEM file is valid, which is the one that is shown.
    ValueError when it cannot be read. Pure."""
    if BEGIN not in text:
        raise ValueError("holds no certificate in PEM")
    try:
        return x509.load_pem_x509_certificate(text).not_valid_after_utc
    except (ValueError, x509.InvalidVersion):
        raise ValueError("holds a certificate that cannot be read") from None


def doubt(until: datetime, now: datetime) -> str:
    """A person should know this of a certificate that is valid until then; '' is nothing. Pure."""
    if until <= now:
        return f"expired on {until:%Y-%m-%d}"
    return f"expires on {until:%Y-%m-%d}" if until - now <= SOON else ""


def _texts(paths: Paths) -> tuple[dict[str, bytes], list[Wrong]]:
    texts: dict[str, bytes] = {}
    wrong: list[Wrong] = []
    for field, path in paths.items():
        try:
            texts[field] = _content(path)
        except (OSError, ValueError) as error:
            what = error.strerror if isinstance(error, OSError) else "it is no path"
            wrong.append((field, f"{path} cannot be read: {what}"))
    return texts, wrong


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(BYTES + 1)
    if len(content) > BYTES:
        raise OSError(errno.EFBIG, f"it is over {BYTES} bytes")
    return content


def _show(context: ssl.SSLContext, paths: Paths, text: bytes) -> datetime:
    """Until when the certificate is valid that is shown from here on."""
    certificate, key = paths[CERTIFICATE], paths.get(KEY)
    try:
        until = not_after(text)
    except ValueError as error:
        raise CertificateFilesError([(CERTIFICATE, f"{certificate} {error}")]) from None
    try:
        context.load_cert_chain(certificate, key, password=_none)
        return until
    except ValueError as error:
        what = str(error)
    except OSError as error:
        what = _why(error, "holds no key in PEM that can be used")
    field = KEY if key else CERTIFICATE
    raise CertificateFilesError([(field, f"{paths[field]} {what}")])


def _why(error: OSError, otherwise: str) -> str:
    """OpenSSL's own, or it is gone since it was read."""
    if not isinstance(error, ssl.SSLError):
        return f"cannot be read: {error.strerror}"
    return "holds the key of another certificate" if error.reason == NOT_ITS_KEY else otherwise


def _none() -> str:
    """Without it OpenSSL asks at the terminal."""
    raise ValueError("holds a key with a password: it must be there without one")


class Certificates:
    """One destination's, as they are by now."""

    def __init__(self, destination: str, paths: Paths, shown: LoadedCertificate) -> None:
        self._destination, self._paths, self._shown = destination, paths, shown
        self._refused = b""

    def context(self) -> ssl.SSLContext:
        """For the next connection; those that are there go on with what they were made with."""
        return self._shown.context

    async def watch(self, seconds: float = LOOK_SECONDS) -> None:
        """Say until when they are valid, and take what changes, for as long as this runs."""
        self.report_expiry()
        while True:
            await asyncio.sleep(seconds)
            await self.look()

    async def look(self) -> None:
        """Take what stands in the files if it is new and whole; else what was there stays."""
        texts, _ = await asyncio.to_thread(_texts, self._paths)
        if (seen := fingerprint(texts)) in (self._shown.picture, self._refused):
            return
        try:
            self._shown = await asyncio.to_thread(load, self._paths)
        except CertificateFilesError as error:
            self._refused = seen
            log.error("certificate.refused", destination=self._destination, reason=str(error))
            return
        log.info("certificate.taken", destination=self._destination)
        self.report_expiry()

    def report_expiry(self) -> None:
        """Until when ours is valid; a log line where that is soon."""
        until = self._shown.not_after
        if until is None:
            return
        gauge = metrics.certificate_not_after.labels(destination=self._destination)
        gauge.set(until.timestamp())
        if said := doubt(until, clock.now()):
            log.warning("certificate.ends", destination=self._destination, reason=said)
