"""Reading a package: each file is the one that the manifest names, and each entry the one of which
the log has the hash."""

from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from archiver.log.former_log import LEAVES_AT_ONCE
from cli.tenant.package import LEAVES, OBJECTS, ROWS, Chunk, Manifest, Package, PackageRefused
from cli.tenant.packed_entry import Faulty, PackedEntry, check_entry
from cli.tenant.rows import Table
from services.transparency.merkle import HASH_BYTES, Tree
from services.transparency.signed_note import InvalidNote, read_verifier, verify_note

PIECE_BYTES = 256 * 1024
LOST_FILES = "{folder}: lacks {lost} of the files of citizens in objects/"

T = TypeVar("T")


class PackedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A line of `keys`: a key of the municipality, or one of a conversation as it is wrapped."""

    version: int
    purpose: str = ""
    key: bytes = b""
    conversation: str = ""
    wrapped: bytes = b""
    made_at: datetime | None = None


class PackedLeaves(msgspec.Struct, frozen=True):
    """A line of `former-leaves`."""

    origin: str
    first: int
    leaves: bytes


def verify_package(package: Package, manifest: Manifest, verifier: str) -> None:
    """Raise PackageRefused unless each file is the one that the manifest names, and the leaves lead
    to the checkpoint, which this key signed."""
    for name, file in manifest.files.items():
        package.verify(name, file)
    for chunk in manifest.chunks:
        package.verify(chunk.name, chunk.file)
    lost = lost_files(package) if manifest.is_final else 0
    if lost > manifest.missing:
        raise PackageRefused(LOST_FILES.format(folder=package.folder, lost=lost - manifest.missing))
    try:
        checkpoint = verify_note(manifest.note, *read_verifier(verifier))
    except InvalidNote as error:
        raise PackageRefused(f"the checkpoint of the package: {error}") from None
    tree = Tree()
    for leaves in read_leaves(package):
        for at in range(0, len(leaves), HASH_BYTES):
            tree.append(leaves[at : at + HASH_BYTES])
    if (tree.size, tree.root()) != (checkpoint.size, checkpoint.root):
        raise PackageRefused("the hashes of the log are not those that its checkpoint signed")


def lost_files(package: Package) -> int:
    """Return how many files of citizens the rows name that are not in the package; those that are
    there are held against their names when they are loaded."""
    rows = map(json_row, package.sealed_lines(f"{ROWS}/archiver.media"))
    return sum(
        not (package.folder / OBJECTS / row["ciphertext_sha256"]).exists()
        for row in rows
        if row["ciphertext_sha256"] and row["file_salt"] and not row["removed_at"]
    )


def read_leaves(package: Package, first: int = 0) -> Iterator[bytes]:
    """Yield the hashes of LEAVES_AT_ONCE leaves at a time, from the one at `first` on."""
    with open(package.folder / LEAVES, "rb") as file:
        file.seek(first * HASH_BYTES)
        while leaves := file.read(LEAVES_AT_ONCE * HASH_BYTES):
            yield leaves


def read_entries(package: Package, manifest: Manifest, chunk: Chunk) -> Iterator[PackedEntry]:
    """Yield the entries of a chunk, each held against the log. Raises PackageRefused."""
    decode = msgspec.json.Decoder(PackedEntry).decode
    with open(package.folder / LEAVES, "rb") as leaves:
        for line in package.lines(chunk.name):
            packed = decode(line)
            leaves.seek(packed.position * HASH_BYTES)
            try:
                check_entry(packed, manifest.tenant, leaves.read(HASH_BYTES))
            except Faulty as error:
                raise PackageRefused(f"{package.folder / chunk.name}: {error}") from None
            yield packed


def is_taken(table: Table, row: dict[str, Any], manifest: Manifest) -> bool:
    """Return False for a secret of a destination that others use here. Raises PackageRefused for a
    row of another municipality. Pure."""
    number = row.get("number")
    is_strange = (
        row["tenant"] != manifest.tenant
        if "tenant" in row
        else isinstance(number, str) and number not in manifest.numbers
    )
    if is_strange:
        raise PackageRefused(f"a row of {table.name} is of another municipality")
    return not table.is_of_own or row["destination"] in manifest.own_destinations


async def read_pieces(path: Path) -> AsyncIterator[bytes]:
    """Yield a file in pieces."""
    for piece in _pieces(path):
        yield piece


def _pieces(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def batches(items: Iterable[T], most: int) -> Iterator[list[T]]:
    """Yield the items in lists of at most so many."""
    iterator = iter(items)
    while batch := list(islice(iterator, most)):
        yield batch


def json_row(line: bytes) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.json.decode(line)["row"]
    return row
