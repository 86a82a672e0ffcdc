"""Files of the Graph API stand-in, in bounded memory."""

import base64
import hashlib
from collections import OrderedDict
from random import Random
from typing import Any

import msgspec

MEGABYTE = 1024 * 1024
TOTAL_BYTES = 128 * MEGABYTE
"""Most bytes of all files together; the oldest are dropped, as Meta does after 7 or 30 days."""
URL_SECONDS = 300
"""Validity of a download address: Meta's 5 minutes."""

LARGEST: dict[str, int] = {
    "image/jpeg": 5 * MEGABYTE,
    "image/png": 5 * MEGABYTE,
    "image/webp": MEGABYTE // 2,
    "audio/aac": 16 * MEGABYTE,
    "audio/amr": 16 * MEGABYTE,
    "audio/mp4": 16 * MEGABYTE,
    "audio/mpeg": 16 * MEGABYTE,
    "audio/ogg": 16 * MEGABYTE,
    "video/3gpp": 16 * MEGABYTE,
    "video/mp4": 16 * MEGABYTE,
    "text/plain": 100 * MEGABYTE,
    "application/pdf": 100 * MEGABYTE,
}
"""Largest file that Meta accepts, by content type; office documents are left out here."""


class Medium(msgspec.Struct, frozen=True):
    id: str
    mime_type: str
    content: bytes

    def webhook_fields(self) -> dict[str, str]:
        """Return the description in a webhook, with the hash in base64."""
        digest = hashlib.sha256(self.content).digest()
        return {
            "mime_type": self.mime_type,
            "sha256": base64.b64encode(digest).decode(),
            "id": self.id,
        }

    def description(self, url: str) -> dict[str, Any]:
        """Return the response to GET /{media-id}: the hash in hex, the size as a string."""
        return {
            "messaging_product": "whatsapp",
            "url": url,
            "mime_type": self.mime_type,
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "file_size": str(len(self.content)),
            "id": self.id,
        }


def upload_fault(mime_type: str, size: int) -> str:
    """Return why Meta would refuse a file; '' if it would not."""
    largest = LARGEST.get(mime_type)
    if largest is None:
        return "this content type is not supported"
    if not 0 < size <= largest:
        return f"a file of this type holds 1 to {largest} bytes"
    return ""


class MediaStore:
    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._media: OrderedDict[str, Medium] = OrderedDict()
        self._bytes = 0

    def add(self, mime_type: str, content: bytes) -> Medium:
        medium = Medium(str(self._chance.randrange(10**15, 10**16)), mime_type, content)
        self._media[medium.id] = medium
        self._bytes += len(content)
        while self._bytes > TOTAL_BYTES:
            _, oldest = self._media.popitem(last=False)
            self._bytes -= len(oldest.content)
        return medium

    def get(self, id: str) -> Medium | None:
        return self._media.get(id)

    def remove(self, id: str) -> bool:
        medium = self._media.pop(id, None)
        if medium:
            self._bytes -= len(medium.content)
        return medium is not None
