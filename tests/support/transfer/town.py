"""Conversations with files of every type that WhatsApp has, as a router and an archiver leave
them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from archiver.log import checkpoint_signer
from archiver.log.checkpoint_signer import sign_checkpoint
from archiver.retention.dossier_follower import DossierFollower
from archiver.signing.signer import Signer
from gateway.media.media_types import EXTENSIONS
from services.config import loader
from services.config.settings import derive_key
from services.files.object_store import ObjectStore
from tests.support.archiver.desk import AFTER_SECONDS, ANNA, BERT, CORA, Citizen, Desk, body
from tests.support.archiver.orders import eraser_of
from tests.support.decrypted_record import KEY, keys_of
from tests.support.installation import EXAMPLE
from tests.support.transfer.stored_files import fetch_files

OGG = b"OggS\x00\x02" + bytes(22) + b"OpusHead\x01\x01" + bytes(9) + b"OggS"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
SAMPLES: Mapping[str, bytes] = {
    "audio/aac": b"\xff\xf1P\x80" + bytes(60),
    "audio/amr": b"#!AMR\n" + bytes(40),
    "audio/mp4": b"\x00\x00\x00\x18ftypM4A " + bytes(60),
    "audio/mpeg": b"ID3\x04" + bytes(80),
    "audio/ogg": OGG + bytes(400),
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x02\x00" + bytes(300_000),
    "image/png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(100),
    "image/webp": b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(60),
    "video/3gpp": b"\x00\x00\x00\x18ftyp3gp4" + bytes(60),
    "video/mp4": b"\x00\x00\x00\x18ftypisom" + bytes(60),
    "text/plain": "één regel\n".encode(),
    "application/pdf": b"%PDF-1.4\n" + bytes(80),
    "application/msword": OLE,
    "application/vnd.ms-excel": OLE,
    "application/vnd.ms-powerpoint": OLE,
    **{type: b"PK\x03\x04" + bytes(60) for type in EXTENSIONS.values() if "openxml" in type},
}
"""Content type -> the first bytes of such a file, and some more."""
KIND = {"audio": "audio", "image": "image", "video": "video"}


FEW = {type: SAMPLES[type] for type in ("image/jpeg", "image/png")}
NAMES = {
    "application/pdf": "brief: één & twee?.pdf",
    "text/plain": "..\\" + "lang " * 60 + ".txt",
    "application/msword": "\u202e<>|*.doc",
}


def config_text(more: str = "") -> str:
    """The shipped example, with a code, a contact and a confidential department."""
    text = EXAMPLE.read_text()
    text = text.replace('name = "Gemeente Almelo"\n', 'name = "Gemeente Almelo"\ntooi = "gm0141"\n')
    return text.replace(
        'name = "Belastingen"\n', 'name = "Belastingen"\nconfidential = true\n' + more
    )


class TransferTown:
    """Citizens who send texts and files, an archiver that keeps them, and the records manager."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk, self.pool, self.folder = desk, desk.pool, folder
        self.objects = ObjectStore((folder / "objects").as_uri())
        self.config = folder / "postkamer.toml"
        self.config.write_text(config_text())
        self.contents: dict[str, bytes] = {}
        """Id of a file at Meta -> its content."""

    async def sends(self, citizen: Citizen, type: str, content: bytes, filename: str = "") -> str:
        """A citizen sends a file; return the conversation."""
        media = f"m{len(self.contents) + 1}"
        self.contents[media] = content
        kind = KIND.get(type.partition("/")[0], "document")
        detail = {"id": media, "mime_type": type, "sha256": ""}
        self.desk.count += 1
        message = self.desk._message(citizen, kind, 0)
        message[kind] = detail | ({"filename": filename} if filename else {})
        [(_, decision, *_), *_] = await self.desk.takes(self.desk.office.came(body([message])))
        return decision.conversation

    async def closes(self, conversation: str, **how: Any) -> None:
        """Close a conversation, and let the time pass after which another begins."""
        order = self.desk.office.order("close", conversation=conversation, **how)
        [(_, decision, *_)] = await self.desk.takes(order)
        assert decision.status == "done"
        self.desk.office.count += AFTER_SECONDS

    async def keeps(self) -> None:
        """The archiver fetches the files, values the conversations and signs the log."""
        keys, config = await keys_of(self.pool), loader.load(self.config).config
        await fetch_files(self.pool, keys, self.objects, self.contents.__getitem__)
        await DossierFollower(self.pool, keys, lambda: config).catch_up()
        await self.signs()

    async def signs(self) -> int:
        seed = derive_key([SecretStr(KEY)], checkpoint_signer.PURPOSE)
        signer = Signer("postkamer", seed)
        return (await sign_checkpoint(self.pool, signer, self.objects)).size

    async def erases(self, message: UUID) -> None:
        eraser = eraser_of(self.pool, await keys_of(self.pool), self.folder / "orders")
        assert await eraser.erase_entry(message, "test")

    async def destroys(self, conversation: str) -> None:
        eraser = eraser_of(self.pool, await keys_of(self.pool), self.folder / "orders")
        await eraser.erase_conversation("almelo", conversation, "test")


async def fill(town: TransferTown, samples: Mapping[str, bytes] = FEW) -> dict[str, str]:
    """A conversation for each type of file, one with all sides, and one that a confidential
    department had; return them by name."""
    made = {}
    for type, content in samples.items():
        [first] = await town.desk.heard((ANNA, f"hierbij een bestand, {type}"))
        assert await town.sends(ANNA, type, content, NAMES.get(type, "")) == first
        await town.closes(first)
        made[type] = first
    order = town.desk.office.order
    [made["answered"]] = await town.desk.heard((BERT, "de container is vol \u0001 \U0001f62d"))
    [(_, answer, *_)] = await town.desk.takes(
        order("text", conversation=made["answered"], text="Wij komen")
    )
    await town.desk.takes(order("note", conversation=made["answered"], text="bij de school"))
    read = {"status": "read", "wamid": "w", "at": town.desk.office.later, "reason": ""}
    await town.desk.add("status", made["answered"], read, message=answer.message)
    await town.closes(made["answered"], code="13.1.3")
    [made["taxes"]] = await town.desk.heard((CORA, "wat kost de hond"))
    await town.desk.takes(
        order("transfer", conversation=made["taxes"], to_department="belastingen")
    )
    await town.closes(made["taxes"])
    await town.keeps()
    return made


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
