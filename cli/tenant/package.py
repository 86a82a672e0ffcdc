"""The package in which a municipality goes to another installation: a folder with a manifest.

    manifest.json   what is in it, with the SHA-256 of each file and a hash under the transport key
    leaves          hashes of all leaves of the log, 32 bytes each, in order
    entries/        entries of the municipality as they stand in the log, a JSON object a line
    keys            its keys, sealed
    hash-key        the key by which the router recognises what it has seen, sealed; as rows/
    rows/           everything else, a sealed line for each row; only when the package is final
    objects/        files of citizens, encrypted as they stand in the object store
    uploads/        files of CRMs that a message may still need; only when the package is final
    former-leaves   the same of logs that it came from before
    arrived         says that all of it was loaded; written by the other installation

A package grows: each run adds what came since. A file counts once the manifest names it.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import file_digest
from pathlib import Path
from typing import BinaryIO

import msgspec

from cli.tenant.transport_key import TransportKey

FORMAT = 1
MANIFEST, LEAVES, KEYS, FORMER_LEAVES = "manifest.json", "leaves", "keys", "former-leaves"
HASH_KEY = "hash-key"
ARRIVED = "arrived"
ENTRIES, ROWS, OBJECTS, UPLOADS = "entries", "rows", "objects", "uploads"
ERASED = f"{ROWS}/erased"
"""Ids of entries that are destroyed."""
NEW = ".new"
"""Ending of a file that is being written."""


class PackageRefused(Exception):
    """The package cannot be written or read. The message says why."""


class File(msgspec.Struct, frozen=True, rename="camel"):
    """A file of lines."""

    lines: int
    sha256: str


class Chunk(msgspec.Struct, frozen=True, rename="camel"):
    """Entries of a range of the log."""

    name: str
    first: int
    end: int
    file: File


class Manifest(msgspec.Struct, rename="camel", kw_only=True):
    """Says what is in a package."""

    format: int = FORMAT
    tenant: str
    origin: str
    """Name of the log, and its published key."""
    verifier: str
    numbers: tuple[str, ...]
    """Ids that the other installation must have in its configuration."""
    departments: tuple[str, ...]
    destinations: tuple[str, ...]
    own_destinations: tuple[str, ...] = ()
    """Those of which no other municipality had a department."""
    size: int = 0
    """Entries of the log that were looked at."""
    note: str = ""
    """Checkpoint of that size, with its co-signatures."""
    chunks: list[Chunk] = []
    files: dict[str, File] = {}
    """`keys`, and what is in `rows/`."""
    objects: int = 0
    made_at: datetime
    is_final: bool = False
    """True once the municipality is stopped and nothing of it is under way."""
    missing: int = 0
    """Files that the object store does not have."""
    mac: str = ""

    def content(self) -> bytes:
        """Return what the keyed hash is over."""
        fields = msgspec.to_builtins(self)
        return json.dumps({**fields, "mac": ""}, sort_keys=True).encode()


class Package:
    def __init__(self, folder: Path, key: TransportKey) -> None:
        self.folder, self.key = folder, key

    def read_manifest(self) -> Manifest | None:
        """Return the manifest; None if there is none. Raises PackageRefused."""
        try:
            raw = (self.folder / MANIFEST).read_bytes()
        except FileNotFoundError:
            return None
        try:
            manifest = msgspec.json.decode(raw, type=Manifest)
        except msgspec.DecodeError:
            raise PackageRefused(f"{self.folder / MANIFEST}: is not a manifest") from None
        if manifest.format != FORMAT:
            version = f"format {manifest.format}, and this version reads format {FORMAT}"
            raise PackageRefused(f"{self.folder / MANIFEST}: has {version}")
        if manifest.mac != self.key.mac(manifest.content()):
            raise PackageRefused(
                f"{self.folder / MANIFEST}: was altered, or the key is of another package"
            )
        return manifest

    def write_manifest(self, manifest: Manifest) -> None:
        manifest.mac = self.key.mac(manifest.content())
        text = json.dumps(msgspec.to_builtins(manifest), indent=1, sort_keys=True)
        with self.writing(MANIFEST) as file:
            file.write(text.encode() + b"\n")

    def write_arrived(self, manifest: Manifest) -> None:
        """Say in the package that all of it was loaded."""
        with self.writing(ARRIVED) as file:
            file.write(self._arrival(manifest).encode() + b"\n")

    def read_arrived(self) -> Manifest | None:
        """Return the manifest if all that it names was loaded elsewhere. Raises PackageRefused."""
        manifest = self.read_manifest()
        try:
            said = (self.folder / ARRIVED).read_text().strip()
        except (OSError, ValueError):
            return None
        if manifest is None or not manifest.is_final or said != self._arrival(manifest):
            return None
        return manifest

    def _arrival(self, manifest: Manifest) -> str:
        return self.key.mac(f"{ARRIVED} {manifest.mac}".encode())

    def make(self) -> None:
        """Make the folders, and the file that grows in place."""
        for name in ("", ENTRIES, ROWS, OBJECTS, UPLOADS):
            (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / LEAVES).touch()

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Write a file. It has its name once it is on the disk."""
        path = self.folder / name
        new = path.with_name(path.name + NEW)
        with open(new, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def mark(self, name: str, lines: int) -> File:
        """Return the mark of a file that was written."""
        return File(lines, self._digest(name))

    def verify(self, name: str, file: File) -> None:
        """Raise PackageRefused unless a file is what the manifest says."""
        if self._digest(name) != file.sha256:
            raise PackageRefused(f"{self.folder / name}: is not the file that the manifest names")

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a file, one at a time."""
        with open(self.folder / name, "rb") as file:
            yield from file

    def sealed_lines(self, name: str) -> Iterator[bytes]:
        """Yield the JSON of each line of a sealed file. Raises CannotDecrypt."""
        for nth, line in enumerate(self.lines(name)):
            yield self.key.open_line(line, line_name(name, nth))

    def _digest(self, name: str) -> str:
        try:
            with open(self.folder / name, "rb") as file:
                return file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise PackageRefused(f"{self.folder / name}: is missing") from None


def line_name(name: str, nth: int) -> str:
    """Return the name to which a sealed line is bound."""
    return f"{name} {nth}"
