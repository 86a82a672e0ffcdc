"""TLS files of a destination (certificate, key, authorities), reloaded when they change."""

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

POLL_SECONDS = 60.0
"""Interval between checks for changed files. Certificates are renewed days ahead."""
MAX_BYTES = 1024 * 1024
"""Largest file that is read. All authorities of a Linux system together take 0.2 MB."""
CERTIFICATE, KEY, AUTHORITIES = "client_certificate", "client_key", "certificate_authorities"
BEGIN = b"-----BEGIN CERTIFICATE-----"
EXPIRES_SOON = timedelta(days=30)
"""Time before expiry at which we warn. An organisation's certificate takes weeks to get."""
KEY_MISMATCH = "KEY_VALUES_MISMATCH"
"""OpenSSL's reason for a key that belongs to another certificate."""

Paths = Mapping[str, Path]
"""Field of a destination -> the file that it names."""
FileFault = tuple[str, str]
"""Field of a destination, and the fault of the file that it names."""

log = structlog.get_logger()


class CertificateFilesError(ValueError):
    """Every fault of the files of one destination. Quotes nothing of their contents."""

    def __init__(self, faults: list[FileFault]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{field}: {what}" for field, what in faults))


class LoadedCertificate(NamedTuple):
    """TLS context for connections to a destination."""

    context: ssl.SSLContext
    not_after: datetime | None
    """Expiry of our client certificate; None if we show none."""
    fingerprint: bytes
    """Hash of the files, to see when they change."""


def resolve_paths(destination: Destination, folder: Path, environ: Mapping[str, str]) -> Paths:
    """Return the path of each file. CertificateFilesError lists every missing variable."""
    files: dict[str, Path] = {}
    faults: list[FileFault] = []
    for field in (
        (CERTIFICATE, KEY, AUTHORITIES) if isinstance(destination, HttpDestination) else ()
    ):
        setting: str = getattr(destination, field)
        name = setting.removeprefix("env:")
        # For a file, `NAME_FILE` and `NAME` mean the same: its path.
        location = environ.get(f"{name}_FILE") or environ.get(name, "")
        path = setting if name == setting else location
        if path:
            files[field] = folder / path
        elif setting:
            faults.append((field, f"{name} is missing"))
    if faults:
        raise CertificateFilesError(faults)
    return files


def load(paths: Paths) -> LoadedCertificate:
    """Read the files into a TLS context. CertificateFilesError lists every fault."""
    texts, faults = _read_files(paths)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    not_after = None
    if AUTHORITIES in texts or AUTHORITIES not in paths:
        try:
            context = ssl.create_default_context(cafile=paths.get(AUTHORITIES))
        except OSError as error:
            what = _describe_error(error, "holds no certificate in PEM")
            faults.append((AUTHORITIES, f"{paths[AUTHORITIES]} {what}"))
    context.set_alpn_protocols(["http/1.1"])
    if CERTIFICATE in texts and KEY in {KEY: "", **texts}:
        try:
            not_after = _load_client_certificate(context, paths, texts[CERTIFICATE])
        except CertificateFilesError as error:
            faults += error.faults
    if faults:
        raise CertificateFilesError(faults)
    return LoadedCertificate(context, not_after, fingerprint(texts))


def fingerprint(texts: Mapping[str, bytes]) -> bytes:
    """Return a hash of the contents of all files; it reveals nothing of a key. Pure."""
    digest = hashlib.sha256()
    for field, text in sorted(texts.items()):
        digest.update(f"{field}:{len(text)}:".encode() + text)
    return digest.digest()


def read_not_after(text: bytes) -> datetime:
    """Return the expiry of the first certificate in a PEM file, which is the one that TLS shows.
    ValueError if it cannot be read. Pure."""
    if BEGIN not in text:
        raise ValueError("holds no certificate in PEM")
    try:
        return x509.load_pem_x509_certificate(text).not_valid_after_utc
    except (ValueError, x509.InvalidVersion):
        raise ValueError("holds a certificate that cannot be read") from None


def expiry_warning(not_after: datetime, now: datetime) -> str:
    """Return a warning about a certificate that expires soon, or ''. Pure."""
    if not_after <= now:
        return f"expired on {not_after:%Y-%m-%d}"
    return f"expires on {not_after:%Y-%m-%d}" if not_after - now <= EXPIRES_SOON else ""


def _read_files(paths: Paths) -> tuple[dict[str, bytes], list[FileFault]]:
    texts: dict[str, bytes] = {}
    faults: list[FileFault] = []
    for field, path in paths.items():
        try:
            texts[field] = _read_file(path)
        except (OSError, ValueError) as error:
            what = error.strerror if isinstance(error, OSError) else "it is no path"
            faults.append((field, f"{path} cannot be read: {what}"))
    return texts, faults


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(errno.EFBIG, f"it is over {MAX_BYTES} bytes")
    return content


def _load_client_certificate(context: ssl.SSLContext, paths: Paths, text: bytes) -> datetime:
    """Load our certificate and key into the context, and return the certificate's expiry."""
    certificate, key = paths[CERTIFICATE], paths.get(KEY)
    try:
        not_after = read_not_after(text)
    except ValueError as error:
        raise CertificateFilesError([(CERTIFICATE, f"{certificate} {error}")]) from None
    try:
        context.load_cert_chain(certificate, key, password=_refuse_password)
        return not_after
    except ValueError as error:
        what = str(error)
    except OSError as error:
        what = _describe_error(error, "holds no key in PEM that can be used")
    field = KEY if key else CERTIFICATE
    raise CertificateFilesError([(field, f"{paths[field]} {what}")])


def _describe_error(error: OSError, otherwise: str) -> str:
    """Explain an error of OpenSSL, or of a file that disappeared after it was read."""
    if not isinstance(error, ssl.SSLError):
        return f"cannot be read: {error.strerror}"
    return "holds the key of another certificate" if error.reason == KEY_MISMATCH else otherwise


def _refuse_password() -> str:
    """Fail instead of letting OpenSSL ask for a password at the terminal."""
    raise ValueError("holds a key with a password: it must be there without one")


class Certificates:
    """Current certificates of one destination."""

    def __init__(self, destination: str, paths: Paths, loaded: LoadedCertificate) -> None:
        self._destination, self._paths, self._loaded = destination, paths, loaded
        self._refused = b""

    def context(self) -> ssl.SSLContext:
        """Return the context for new connections. Existing connections keep theirs."""
        return self._loaded.context

    @property
    def not_after(self) -> datetime | None:
        """End of our client certificate; None if we show none."""
        return self._loaded.not_after

    async def watch(self, seconds: float = POLL_SECONDS) -> None:
        """Report the expiry, and reload changed files for as long as this runs."""
        self.report_expiry()
        while True:
            await asyncio.sleep(seconds)
            await self.reload_if_changed()

    async def reload_if_changed(self) -> None:
        """Load the files if they have changed and have no fault; else keep the loaded ones."""
        texts, _ = await asyncio.to_thread(_read_files, self._paths)
        current = fingerprint(texts)
        if current not in (self._loaded.fingerprint, self._refused):
            await self._reload(current)
        refused = metrics.certificate_refused.labels(destination=self._destination)
        refused.set(current == self._refused)

    async def _reload(self, current: bytes) -> None:
        try:
            self._loaded = await asyncio.to_thread(load, self._paths)
        except CertificateFilesError as error:
            self._refused = current
            log.error("certificate.refused", destination=self._destination, reason=str(error))
            return
        log.info("certificate.taken", destination=self._destination)
        self.report_expiry()

    def report_expiry(self) -> None:
        """Set the expiry metric, and log a warning if the certificate expires soon."""
        not_after = self._loaded.not_after
        if not_after is None:
            return
        gauge = metrics.certificate_not_after.labels(destination=self._destination)
        gauge.set(not_after.timestamp())
        if reason := expiry_warning(not_after, clock.now()):
            log.warning("certificate.ends", destination=self._destination, reason=reason)
