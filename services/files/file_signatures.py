"""File signatures: check the first bytes of a file against its content type. Pure.

The table has the types that WhatsApp supports, except plain text, which may begin with any bytes.
"""

from collections.abc import Callable

HEAD_BYTES = 1024
"""Number of bytes to check: the header of a PDF may begin that far into the file."""

Check = Callable[[bytes], bool]


def _starts_with(*signatures: bytes) -> Check:
    return lambda head: head.startswith(signatures)


def _is_webp(head: bytes) -> bool:
    """RFC 9649, section 2.4: a RIFF file of the form WEBP."""
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _is_pdf(head: bytes) -> bool:
    """ISO 32000-2, section 7.5.2, requires the header first. Scanners and printers write before it,
    and readers accept it in the first 1,024 bytes (PDF Reference 1.7, appendix H, note 13)."""
    return b"%PDF-" in head


def _is_mpeg_audio(head: bytes) -> bool:
    """ISO 11172-3, section 2.4.2.3: 11 bits of synchronisation (the twelfth is 0 in MPEG-2.5) and a
    layer that is not 0; or an ID3 tag at the start."""
    is_frame = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 != 0
    return is_frame or head.startswith(b"ID3")


def _is_aac(head: bytes) -> bool:
    """ISO 14496-3, annex 1.A: ADTS (12 bits of synchronisation, layer 0, with or without checksum)
    or ADIF. An MP4 file is accepted too, as some senders name the codec and not the container."""
    is_adts = len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0
    return is_adts or head.startswith(b"ADIF") or _is_mp4(head)


def _brands(head: bytes) -> list[bytes]:
    """ISO 14496-12, section 4.3: the major brand of a file, then its compatible brands."""
    if head[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(head[:4]), len(head))
    return [head[8:12], *(head[at : at + 4] for at in range(16, end, 4))]


def _is_mp4(head: bytes) -> bool:
    """Any brand of the family but QuickTime's (mp4ra.org), which not all MP4 players support."""
    brands = _brands(head)
    return bool(brands) and brands[0] != b"qt  "


def _is_3gpp(head: bytes) -> bool:
    """3GPP TS 26.244, section 5.3.1: its brand is one of the compatible brands; the major brand may
    be another."""
    return any(brand.startswith(b"3g") for brand in _brands(head))


_JPEG = _starts_with(b"\xff\xd8\xff")  # ISO 10918-1, annex B: start of image, next marker
_PNG = _starts_with(b"\x89PNG\r\n\x1a\n")  # RFC 2083, section 3.1
_AMR = _starts_with(b"#!AMR")  # RFC 4867, section 5
_OGG = _starts_with(b"OggS")  # RFC 3533, section 6
_OLE = _starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")  # [MS-CFB], section 2.2
_ZIP = _starts_with(b"PK\x03\x04")  # APPNOTE 4.3.7; Office Open XML is a zip file (ECMA-376)
_OFFICE = "application/vnd.openxmlformats-officedocument."

SIGNATURES: dict[str, Check] = {
    "image/jpeg": _JPEG,
    "image/png": _PNG,
    "image/webp": _is_webp,
    "audio/aac": _is_aac,
    "audio/amr": _AMR,
    "audio/mp4": _is_mp4,
    "audio/mpeg": _is_mpeg_audio,
    "audio/ogg": _OGG,
    "video/3gpp": _is_3gpp,
    "video/mp4": _is_mp4,
    "application/pdf": _is_pdf,
    "application/msword": _OLE,
    "application/vnd.ms-excel": _OLE,
    "application/vnd.ms-powerpoint": _OLE,
    f"{_OFFICE}wordprocessingml.document": _ZIP,
    f"{_OFFICE}spreadsheetml.sheet": _ZIP,
    f"{_OFFICE}presentationml.presentation": _ZIP,
}
"""Content type -> check of the first bytes of a file."""


def strip_parameters(mime_type: str) -> str:
    """Return the type without parameters: a voice note is `audio/ogg; codecs=opus`."""
    return mime_type.partition(";")[0].strip().lower()


def has_signature(mime_type: str, head: bytes) -> bool:
    """Return True if a file that begins with `head` may have this type, or if the table has no such
    type."""
    check = SIGNATURES.get(strip_parameters(mime_type))
    return check is None or check(head[:HEAD_BYTES])
