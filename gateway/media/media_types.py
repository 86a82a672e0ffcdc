"""Which files Meta takes: by content type a kind, a size, and how the bytes must begin. Pure.

The table is Meta's own ("Media", supported types), of what a business may send.
"""

import uuid
from collections.abc import Callable
from typing import Literal

import msgspec

Kind = Literal["audio", "document", "image", "sticker", "video"]

KIB, MIB = 1024, 1024 * 1024
"""Meta says KB and MB, and not which; its own example of a limit counts in 1,024s."""
LARGEST_BYTES = 100 * MIB
STILL_STICKER_BYTES = 100 * KIB
"""A sticker that moves may be five times as large."""
HEAD_BYTES = 1024
"""Of a file, that are looked at: a PDF may begin that far in."""
NAMESPACE = uuid.UUID("0b8f2c0a-6a53-5b6c-8f0e-5a0b9d7c1e42")

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OFFICE = "application/vnd.openxmlformats-officedocument."
CONTROLS = bytes({*range(32)} - {*b"\t\n\f\r"})


class Type(msgspec.Struct, frozen=True):
    """One content type. `is_it`: whether the first bytes of a file are of it."""

    kind: Kind
    largest: int
    is_it: Callable[[bytes], bool]


def _begins(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signatures)


def _is_iso_media(head: bytes) -> bool:
    """MPEG-4 and what is made like it; QuickTime is, but is no MPEG-4."""
    return head[4:8] == b"ftyp" and head[8:12] != b"qt  "


def _is_3gpp(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:10] == b"3g"


def _is_adts(head: bytes) -> bool:
    """AAC in a stream of its own: 12 bits of synchronisation, and layer 0."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0


def _is_mpeg_audio(head: bytes) -> bool:
    """A tag, or 11 bits of synchronisation and a layer that is not 0."""
    sync = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0
    return head.startswith(b"ID3") or (sync and head[1] & 0x06 != 0)


def _is_opus(head: bytes) -> bool:
    """Ogg with Opus in it, the only one that Meta plays."""
    return head.startswith(b"OggS") and b"OpusHead" in head


def _is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _is_text(head: bytes) -> bool:
    """Whatever its encoding, it has no bytes that stand for nothing on paper."""
    return head.translate(None, CONTROLS) == head and not head.startswith((b"%PDF-", ZIP))


def _has_pdf(head: bytes) -> bool:
    return b"%PDF-" in head


def _document(is_it: Callable[[bytes], bool]) -> Type:
    return Type("document", LARGEST_BYTES, is_it)


TYPES: dict[str, Type] = {
    "audio/aac": Type("audio", 16 * MIB, _is_adts),
    "audio/amr": Type("audio", 16 * MIB, _begins(b"#!AMR")),
    "audio/mp4": Type("audio", 16 * MIB, _is_iso_media),
    "audio/mpeg": Type("audio", 16 * MIB, _is_mpeg_audio),
    "audio/ogg": Type("audio", 16 * MIB, _is_opus),
    "image/jpeg": Type("image", 5 * MIB, _begins(b"\xff\xd8\xff")),
    "image/png": Type("image", 5 * MIB, _begins(b"\x89PNG\r\n\x1a\n")),
    "image/webp": Type("sticker", 500 * KIB, _is_webp),
    "video/3gpp": Type("video", 16 * MIB, _is_3gpp),
    "video/mp4": Type("video", 16 * MIB, _is_iso_media),
    "text/plain": _document(_is_text),
    "application/pdf": _document(_has_pdf),
    "application/msword": _document(_begins(OLE)),
    "application/vnd.ms-excel": _document(_begins(OLE)),
    "application/vnd.ms-powerpoint": _document(_begins(OLE)),
    f"{OFFICE}wordprocessingml.document": _document(_begins(ZIP)),
    f"{OFFICE}spreadsheetml.sheet": _document(_begins(ZIP)),
    f"{OFFICE}presentationml.presentation": _document(_begins(ZIP)),
}


def fault(mime_type: str, head: bytes) -> str:
    """Why Meta would not take a file that begins like this; '' when nothing is seen."""
    if not TYPES[mime_type].is_it(head):
        return "the file is not of the type that its Content-Type says"
    if mime_type == "audio/ogg" and not _is_mono(head):
        return "a file of Opus must have one channel (mono): Meta plays no other"
    return ""


def _is_mono(ogg: bytes) -> bool:
    """What follows OpusHead is its version, then the number of channels (RFC 7845, section 5.1)."""
    return ogg.partition(b"OpusHead")[2][1:2] == b"\x01"


def kind_of(mime_type: str) -> Kind:
    return TYPES[mime_type].kind


def largest(mime_type: str, head: bytes) -> int:
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
