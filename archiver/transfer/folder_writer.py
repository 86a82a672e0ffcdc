"""Write the folder of an object: its files as streams, each with its sidecar, and its hashes."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import msgspec

from archiver.transfer.description import Describer, Document
from archiver.transfer.formats import HEAD_BYTES, recognise
from archiver.transfer.mdto import InformationObject, Reference, encode_file, encode_object
from archiver.transfer.names import FILE_ENDING, OBJECT_ENDING
from archiver.transfer.packing_slip import Totals
from archiver.transfer.parts import Part


class Packed(msgspec.Struct, frozen=True):
    """A folder that is complete."""

    name: str
    digest: str
    """Hash over the lines `<sha256>  <path>` of its files, by path."""
    totals: Totals


class FolderWriter:
    """Writes one folder, in which each document has a folder of its own."""

    def __init__(self, folder: Path, describer: Describer) -> None:
        self._folder, self._describer = folder, describer
        self._lines: list[str] = []
        self._totals = Totals()
        folder.mkdir(mode=0o700)

    async def write_part(self, document: Document, part: Part) -> Reference:
        """Write a file of a document with its sidecar, and return the reference to it. It is never
        whole in memory."""
        folder = self._folder_of(document.name)
        (self._folder / folder).mkdir(mode=0o700, exist_ok=True)
        digest, size, head = sha256(), 0, b""
        with (self._folder / folder / part.name).open("xb") as file:
            async for piece in part.stream:
                file.write(piece)
                digest.update(piece)
                size += len(piece)
                if len(head) < HEAD_BYTES:
                    head += piece[: HEAD_BYTES - len(head)]
        self._lines.append(f"{digest.hexdigest()}  {folder}{part.name}")
        self._totals += Totals(files=1, bytes=size)
        represents = Reference(document.title, self._describer.identify(document.name))
        format = recognise(part.media_type, head)
        described = self._describer.describe_file(
            part.name, size, digest.hexdigest(), format, represents
        )
        self._write(f"{folder}{part.name}{FILE_ENDING}", encode_file(described))
        return described.reference

    def write_object(self, name: str, described: InformationObject) -> None:
        """Write the metadata of an object into its folder."""
        self._write(f"{self._folder_of(name)}{name}{OBJECT_ENDING}", encode_object(described))
        self._totals += Totals(objects=1)

    def finish(self) -> Packed:
        lines = sorted(self._lines, key=lambda line: line.partition("  ")[2])
        return Packed(self._folder.name, digest_lines(lines), self._totals)

    def _folder_of(self, name: str) -> str:
        """Return the folder of an object within this one; '' for the object that this one is of."""
        return "" if name == self._folder.name else f"{name}/"

    def _write(self, path: str, content: bytes) -> None:
        (self._folder / path).write_bytes(content)
        self._lines.append(f"{sha256(content).hexdigest()}  {path}")


def digest_lines(lines: Iterable[str]) -> str:
    digest = sha256()
    for line in lines:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()
