"""Files that Meta accepts: kind and largest size per content type, and a check of the bytes. Pure.

The table is Meta's own ("Media", supported types) for files that a business sends.
"""

from typing import Literal

import msgspec

from services.files.file_signatures import has_signature

Kind = Literal["audio", "document", "image", "sticker", "video"]

KIB, MIB = 1024, 1024 * 1024
"""Meta writes KB and MB without a definition; its own example of a limit counts in 1,024s."""
LARGEST_BYTES = 100 * MIB
STILL_STICKER_BYTES = 100 * KIB
"""An animated sticker may be five times as large."""

OFFICE = "application/vnd.openxmlformats-officedocument."
CONTROLS = bytes({*range(32)} - {*b"\t\n\f\r"})


class MediaType(msgspec.Struct, frozen=True):
    """Kind and largest size of one content type."""

    kind: Kind
    max_bytes: int


DOCUMENT = MediaType("document", LARGEST_BYTES)
MEDIA_TYPES: dict[str, MediaType] = {
    "audio/aac": MediaType("audio", 16 * MIB),
    "audio/amr": MediaType("audio", 16 * MIB),
    "audio/mp4": MediaType("audio", 16 * MIB),
    "audio/mpeg": MediaType("audio", 16 * MIB),
    "audio/ogg": MediaType("audio", 16 * MIB),
    "image/jpeg": MediaType("image", 5 * MIB),
    "image/png": MediaType("image", 5 * MIB),
    "image/webp": MediaType("sticker", 500 * KIB),
    "video/3gpp": MediaType("video", 16 * MIB),
    "video/mp4": MediaType("video", 16 * MIB),
    "text/plain": DOCUMENT,
    "application/pdf": DOCUMENT,
    "application/msword": DOCUMENT,
    "application/vnd.ms-excel": DOCUMENT,
    "application/vnd.ms-powerpoint": DOCUMENT,
    f"{OFFICE}wordprocessingml.document": DOCUMENT,
    f"{OFFICE}spreadsheetml.sheet": DOCUMENT,
    f"{OFFICE}presentationml.presentation": DOCUMENT,
}

UNNAMED = "application/octet-stream"
"""Content type of clients that know no other for bytes; the name of the file then says its type."""
EXTENSIONS = {
    "aac": "audio/aac",
    "amr": "audio/amr",
    "m4a": "audio/mp4",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "3gp": "video/3gpp",
    "mp4": "video/mp4",
    "txt": "text/plain",
    "pdf": "application/pdf",
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "docx": f"{OFFICE}wordprocessingml.document",
    "xlsx": f"{OFFICE}spreadsheetml.sheet",
    "pptx": f"{OFFICE}presentationml.presentation",
}
"""Extension of a file's name -> its content type."""


def resolve_type(content_type: str, filename: str) -> str:
    """Return the content type without its parameters, or that of the file's name for UNNAMED; ''
    if Meta accepts no such file."""
    mime_type = content_type.partition(";")[0].strip().lower()
    if mime_type == UNNAMED:
        _, dot, extension = filename.rpartition(".")
        return EXTENSIONS.get(extension.lower(), "") if dot else ""
    return mime_type if mime_type in MEDIA_TYPES else ""


def media_type_error(mime_type: str, head: bytes) -> str:
    """Return the reason why Meta would refuse a file that begins with `head`, or ''."""
    if not has_signature(mime_type, head) or (mime_type == "text/plain" and not _is_text(head)):
        return "the file is not of the type that its Content-Type says"
    if mime_type == "audio/ogg" and not _is_mono_opus(head):
        return "a file of Ogg must be Opus and have one channel (mono): Meta plays no other"
    return ""


def _is_text(head: bytes) -> bool:
    """Return True if `head` has no control characters, which no text in any encoding has."""
    return head.translate(None, CONTROLS) == head and not head.startswith((b"%PDF-", b"PK\x03\x04"))


def _is_mono_opus(ogg: bytes) -> bool:
    """OpusHead is followed by its version and the number of channels (RFC 7845, section 5.1)."""
    return ogg.partition(b"OpusHead")[2][1:2] == b"\x01"


def kind_of(mime_type: str) -> Kind:
    return MEDIA_TYPES[mime_type].kind


def max_bytes(mime_type: str, head: bytes) -> int:
    """Return the largest size in bytes of a file that begins with `head`."""
    if mime_type == "image/webp" and not _is_animated(head):
        return STILL_STICKER_BYTES
    return MEDIA_TYPES[mime_type].max_bytes


def _is_animated(webp: bytes) -> bool:
    """Return True for the extended WebP format with the animation flag set."""
    return webp[12:16] == b"VP8X" and len(webp) > 20 and bool(webp[20] & 0x02)
