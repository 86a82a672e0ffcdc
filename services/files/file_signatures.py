"""Whether a file begins as its type says that it does: a table. Pure.

Of the types that WhatsApp knows. What is not in the table is believed: a text begins with anything.
"""

HEAD_BYTES = 16
"""As much of a file as is looked at."""
ZIP, OLE = b"PK\x03\x04", bytes.fromhex("d0cf11e0a1b11ae1")
OFFICE = "application/vnd.openxmlformats-officedocument"

BEGINS: dict[str, tuple[tuple[int, bytes], ...]] = {
    "image/jpeg": ((0, b"\xff\xd8\xff"),),
    "image/png": ((0, b"\x89PNG\r\n\x1a\n"),),
    "image/webp": ((8, b"WEBP"),),
    "audio/aac": ((0, b"\xff\xf1"), (0, b"\xff\xf9"), (0, b"ADIF"), (4, b"ftyp")),
    "audio/amr": ((0, b"#!AMR"),),
    "audio/mpeg": ((0, b"ID3"), (0, b"\xff\xfb"), (0, b"\xff\xf3"), (0, b"\xff\xf2")),
    "audio/mp4": ((4, b"ftyp"),),
    "audio/ogg": ((0, b"OggS"),),
    "video/mp4": ((4, b"ftyp"),),
    "video/3gpp": ((4, b"ftyp"),),
    "application/pdf": ((0, b"%PDF-"),),
    "application/msword": ((0, OLE),),
    "application/vnd.ms-excel": ((0, OLE),),
    "application/vnd.ms-powerpoint": ((0, OLE),),
    f"{OFFICE}.wordprocessingml.document": ((0, ZIP),),
    f"{OFFICE}.spreadsheetml.sheet": ((0, ZIP),),
    f"{OFFICE}.presentationml.presentation": ((0, ZIP),),
}
"""Type -> where it has which bytes; one of them is enough."""


def bare(mime_type: str) -> str:
    """A type without its parameters: a voice note is `audio/ogg; codecs=opus`."""
    return mime_type.partition(";")[0].strip().lower()


def fits(mime_type: str, head: bytes) -> bool:
    """Whether a file that begins so may be of this type."""
    begins = BEGINS.get(bare(mime_type))
    return begins is None or any(head[at:].startswith(there) for at, there in begins)
