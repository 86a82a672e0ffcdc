"""Tamperings with the files of citizens: their rows, and the objects themselves."""

from collections.abc import Callable
from pathlib import Path

from services.files.object_store import order_key
from tests.support.integration.media_provider import recorded
from tests.support.tamperings.laboratory import Laboratory
from tests.support.tamperings.tampering import HOUR, MEDIA, Deed, Tampering, Who

FORGED = "its table and the record do not agree"
ANNOUNCED = "its table does not say of it what its message said"
SHUT = "it does not open: its salt or its hash was changed or is gone"
QUARANTINED = "where id = ':quarantined'"


def _of(id: str, what: str, change: str, says: str, after: str = "") -> Tampering:
    act = f"update archiver.media set {change} {QUARANTINED}"
    more = {"after": after} if after else {}
    return Tampering(id=f"file-{id}", what=what, act=act, says=says, **more)


async def forge_and_tell(laboratory: Laboratory) -> None:
    await laboratory.execute(
        "update archiver.media set state = 'available', scanned = true, told = false,"
        " ciphertext_sha256 = repeat('0', 64), object = id, file_salt = salt,"
        " ended_at = now() - interval '2 hours' where id = ':waiting'"
    )
    await recorded(laboratory.pool)


RELEASED = "reason = 'media_released: vrijgegeven door A. Arts', released_by = 'A. Arts'"
OF_FILES = [
    _of("salt-zeroed", "The salt of a file is overwritten, so that it never opens.",
        "file_salt = decode(repeat('00', 16), 'hex')", SHUT),
    _of("salt-gone", "The salt of a file is removed.", "file_salt = null", SHUT),
    _of("hash-gone", "The hash of a file is removed.", "digest = null", SHUT),
    _of("description", "The key of its description is removed.", "salt = null", ANNOUNCED),
    _of("description-salt", "The key of its description is overwritten.",
        "salt = decode(repeat('00', 16), 'hex')", ANNOUNCED),
    _of("number", "It is said to have come to another number.", "number = '20000002'", ANNOUNCED),
    _of("sent", "It is said to be older, so that nobody fetches it.",
        "sent_at = sent_at - interval '8 days'", ANNOUNCED),
    _of("type", "It is said to be of another type.",
        """announced = '{"mimeType": "text/html"}'""", ANNOUNCED),
    _of("conversation", "It is moved to another conversation.",
        "conversation = conversation || 'x'", "another place than its message has: conversation"),
    _of("department", "It is moved to another department.", "department = 'jeugd'",
        "another place than its message has: department"),
    _of("tenant", "It is moved to another municipality.", "tenant = 'hengelo'",
        "another place than its message has: tenant"),
    _of("available", "A quarantined file is said to be clean.", "state = 'available'",
        f"{FORGED}: state"),
    _of("waiting", "It is said to wait.", "state = 'waiting'", f"{FORGED}: state"),
    _of("lost", "It is said to be lost.", "state = 'lost'", f"{FORGED}: state"),
    _of("scanned", "It is said not to be scanned.", "scanned = false", f"{FORGED}: scanned"),
    _of("reason", "The reason of the quarantine is changed.",
        "reason = 'media_malware: niets'", f"{FORGED}: reason"),
    _of("size", "Its size is changed.", "size = size + 1", f"{FORGED}: size"),
    _of("mime-type", "Its type is changed.", "mime_type = 'image/png'", f"{FORGED}: mime_type"),
    _of("released", "It is said to be released.", "released_by = 'A. Arts'",
        f"{FORGED}: released_by"),
    _of("released-whole", "A release is forged in every column.",
        f"state = 'available', {RELEASED}", f"{FORGED}: state, reason"),
    _of("ended-earlier", "Its result is dated back.", "ended_at = ended_at - interval '1 day'",
        f"{FORGED}: at"),
    _of("ended-later", "Its result is dated forward.", "ended_at = ended_at + interval '1 day'",
        "its table has a result that the record does not have"),
    _of("name", "It gets the name of an object that does not exist.",
        "ciphertext_sha256 = repeat('0', 64)", "the record says that this file came"),
    Tampering(
        id="file-row-removed", what="The row of a file is removed.",
        act=f"delete from archiver.media {QUARANTINED}", says="the record says that this file came",
    ),
    Tampering(
        id="file-waiting-removed", says="this message had a file, and its table has no row",
        what="The row of a file that waits is removed, so that nobody fetches it.",
        act="delete from archiver.media where id = ':waiting'",
    ),
    Tampering(
        id="file-due-never", says="its table lets nobody look for it before a time",
        what="A file that waits is made due never, so that it is not fetched while Meta keeps it."
        " The archiver fetches it all the same.",
        act="update archiver.media set due_at = 'infinity' where id = ':waiting'",
    ),
    Tampering(
        id="file-rows-swapped", what="Two files get each other's content.",
        act="create temporary table other on commit drop as select * from archiver.media;"
        "update archiver.media set ciphertext_sha256 = '', object = null where object is not null;"
        "update archiver.media m set ciphertext_sha256 = o.ciphertext_sha256, object = o.object,"
        " file_salt = o.file_salt, digest = o.digest from other o where o.object is not null"
        " and m.id <> o.id and m.id in (':file', ':quarantined')",
        says="the record says that this file came with the message, and its table does not",
    ),
    Tampering(
        id="file-before-result",
        what="A file that waits is said to be fetched, scanned and clean before its result comes.",
        act="update archiver.media set state = 'available', scanned = true,"
        " ended_at = now() - interval '2 hours', told = true where id = ':waiting'",
        says="its table has a result that the record does not have", after=HOUR,
    ),
    Tampering(
        id="file-before-told", act=forge_and_tell,
        says="its table has another state, salt, name or verdict than this archive wrote",
        what="The same, and the archiver reports it as its result.",
    ),
]  # fmt: skip


def _object(change: Callable[[Path, Laboratory], object]) -> Deed:
    async def deed(laboratory: Laboratory) -> None:
        change(laboratory.path(laboratory.name("object")), laboratory)

    return deed


def _flip(path: Path, _: Laboratory) -> None:
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)


def _swap(path: Path, laboratory: Laboratory) -> None:
    other = laboratory.path(laboratory.name("other_object"))
    mine, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(mine)


async def forget_object(laboratory: Laboratory) -> None:
    await laboratory.execute("update archiver.media set object = null where id = ':file'")
    laboratory.path(laboratory.name("object")).unlink()


DAMAGED, MISSING, UNNAMED = (
    "what lies there is not what was kept",
    "there is nothing of this name in the object store",
    "no message has this file",
)


def _in_store(
    id: str, what: str, change: Callable[[Path, Laboratory], object], says: str
) -> Tampering:
    return Tampering(
        id=f"object-{id}", who=Who.STORE, what=what, act=_object(change), says=says, found_by=MEDIA
    )  # fmt: skip


async def remove_order(laboratory: Laboratory) -> None:
    laboratory.path(order_key(1)).unlink()


OF_OBJECTS = [
    _in_store("removed", "A file is removed.", lambda path, _: path.unlink(), MISSING),
    Tampering(
        id="object-order", who=Who.STORE, what="An order of destruction is removed.",
        act=remove_order, says="order of destruction outside missing: 1",
    ),
    Tampering(
        id="object-forgotten", act=forget_object, says=MISSING, found_by=MEDIA,
        what="A file is removed, and its row has no name of an attempt to fetch it.",
    ),
    _in_store("changed", "A bit of a file is changed.", _flip, DAMAGED),
    _in_store("truncated", "A file is cut off.",
              lambda path, _: path.write_bytes(path.read_bytes()[:1000]), DAMAGED),
    _in_store("emptied", "A file is emptied.", lambda path, _: path.write_bytes(b""), DAMAGED),
    _in_store("longer", "Something is put behind a file.",
              lambda path, _: path.write_bytes(path.read_bytes() + b"x"), DAMAGED),
    _in_store("swapped", "Two files change places.", _swap, DAMAGED),
    _in_store("renamed", "A file gets another name.",
              lambda path, _: path.rename(path.with_name("0" * 64)), UNNAMED),
    _in_store("added", "A file is added.",
              lambda path, _: path.with_name("f" * 64).write_bytes(b"x"), UNNAMED),
]  # fmt: skip
