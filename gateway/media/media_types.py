"""Files that Meta takes: a kind and a size for each content type, and a check of the bytes. Pure.

The table is Meta's own ("Media", supported types), of what a business may send.
"""

import uuid
from typing import Literal

import msgspec

from services.files.file_signatures import has_signature

Kind = Literal["audio", "document", "image", "sticker", "video"]

KIB, MIB = 1024, 1024 * 1024
"""Meta says KB and MB, and not which; its own example of a limit counts in 1,024s."""
LARGEST_BYTES = 100 * MIB
STILL_STICKER_BYTES = 100 * KIB
"""A sticker that moves may be five times as large."""
NAMESPACE = uuid.UUID("0b8f2c0a-6a53-5b6c-8f0e-5a0b9d7c1e42")

OFFICE = "application/vnd.openxmlformats-officedocument."
CONTROLS = bytes({*range(32)} - {*b"\t\n\f\r"})


class Type(msgspec.Struct, frozen=True):
    """What Meta takes of one content type."""

    kind: Kind
    largest: int


DOCUMENT = Type("document", LARGEST_BYTES)
TYPES: dict[str, Type] = {
    "audio/aac": Type("audio", 16 * MIB),
    "audio/amr": Type("audio", 16 * MIB),
    "audio/mp4": Type("audio", 16 * MIB),
    "audio/mpeg": Type("audio", 16 * MIB),
    "audio/ogg": Type("audio", 16 * MIB),
    "image/jpeg": Type("image", 5 * MIB),
    "image/png": Type("image", 5 * MIB),
    "image/webp": Type("sticker", 500 * KIB),
    "video/3gpp": Type("video", 16 * MIB),
    "video/mp4": Type("video", 16 * MIB),
    "text/plain": DOCUMENT,
    "application/pdf": DOCUMENT,
    "application/msword": DOCUMENT,
    "application/vnd.ms-excel": DOCUMENT,
    "application/vnd.ms-powerpoint": DOCUMENT,
    f"{OFFICE}wordprocessingml.document": DOCUMENT,
    f"{OFFICE}spreadsheetml.sheet": DOCUMENT,
    f"{OFFICE}presentationml.presentation": DOCUMENT,
}


def media_type_error(mime_type: str, head: bytes) -> str:
    """Why Meta would not take a file that begins like this; '' when nothing is seen."""
    if not has_signature(mime_type, head) or (mime_type == "text/plain" and not _is_text(head)):
        return "the file is not of the type that its Content-Type says"
    if mime_type == "audio/ogg" and not _is_mono_opus(head):
        return "a file of Ogg must be Opus and have one channel (mono): Meta plays no other"
    return ""


def _is_text(head: bytes) -> bool:
    """A text in any encoding has no bytes that print as nothing."""
    return head.translate(None, CONTROLS) == head and not head.startswith((b"%PDF-", b"PK\x03\x04"))


def _is_mono_opus(ogg: bytes) -> bool:
    """After OpusHead come its version and the number of channels (RFC 7845, section 5.1)."""
    return ogg.partition(b"OpusHead")[2][1:2] == b"\x01"


def kind_of(mime_type: str) -> Kind:
    return TYPES[mime_type].kind


def max_bytes(mime_type: str, head: bytes) -> int:
    """Bytes of a file that begins like this."""
    if mime_type == "image/webp" and not _moves(head):
        return STILL_STICKER_BYTES
    return TYPES[mime_type].largest


def _moves(webp: bytes) -> bool:
    """The extended form, with the flag of an animation."""
    return webp[12:16] == b"VP8X" and len(webp) > 20 and bool(webp[20] & 0x02)


def media_id(tenant: str, token: str, key: str) -> uuid.UUID:
    """The id that this token's idempotency key stands for, now and after any restart."""
    return uuid.uuid5(NAMESPACE, f"{tenant}\n{token}\n{key}")
