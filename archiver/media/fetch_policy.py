"""What became of an attempt to get a file, and what follows from it: tables. Pure.

Nearly everything is tried again for as long as Meta keeps the file. Whether an id is unknown
because it is too old, or because our token may not see it, Meta does not say; so that is too.
"""

import base64
import re
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from services.backoff import delay
from services.files.file_signatures import has_signature, strip_parameters

LIVES = timedelta(days=7)
"""How long Meta keeps what a citizen sent (since 2025-10-09): its id is good for as long."""
LARGEST_BYTES = 100 * 1024 * 1024
"""Of what WhatsApp takes from a citizen; Meta drops what is larger itself."""
FIRST_WAIT, LONGEST_WAIT = 5.0, 900.0
"""Seconds before the next attempt, doubled each time: a file is there within minutes of the end of
whatever kept it."""
ANSWER_BYTES = 16 * 1024
"""Of what Meta says of a file; it takes under 1 KiB."""

ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""Of a file at Meta: it is a part of an address."""

TYPE = re.compile(r"[ -~]{1,255}")
PAGE = "text/html"
TRIES = 3
"""Of what begins otherwise than its kind does."""

Word = Literal[
    "unknown",
    "shut",
    "busy",
    "unreached",
    "strange",
    "elsewhere",
    "cut",
    "store",
    "scanner",
    "damaged",
]
SENTENCES: dict[Word, str] = {
    "unknown": "media_unknown: Meta kent dit bestand niet, of ons token mag het niet zien",
    "shut": "media_shut: Meta laat ons niet bij dit bestand; de beheerder moet iets doen",
    "busy": "media_busy: Meta geeft dit bestand nu niet; Postkamer probeert het opnieuw",
    "unreached": "media_unreached: Postkamer kan Meta niet bereiken en probeert het opnieuw",
    "strange": "media_strange: het antwoord van Meta over dit bestand is niet te lezen",
    "elsewhere": "media_elsewhere: Meta wijst een adres aan dat niet in media_hosts staat",
    "cut": "media_cut: er kwam een ander aantal bytes dan Meta noemde",
    "store": "media_store: de opslag neemt het bestand nu niet aan",
    "scanner": "media_scanner: de virusscanner kijkt nu niet",
    "damaged": "media_damaged: in de opslag ligt iets anders dan wat er bewaard is",
}
"""Why it is not there yet. All of these are tried again."""
STOPS: frozenset[Word] = frozenset({"shut", "elsewhere", "damaged"})
"""A person must mend something."""
SHUT_CODES = frozenset({0, 3, 10, 190})
"""Meta's codes of an app or a token that may not; 200 to 299 (permissions) too."""
UNKNOWN_CODE = 100
"""Meta's code of an object that is not there, or that the token may not see."""

EXPIRED = "media_expired: Meta bewaart bestanden 7 dagen, en dit is ouder"
UNUSABLE = "media_unusable: Meta noemde dit bestand bij een id dat geen id is"
UNOPENABLE = "media_unopenable: de sleutel van dit bestand is er niet meer"
TOO_LARGE = "media_too_large: dit bestand is groter dan 100 MB"
MALWARE = "media_malware: de virusscanner vond {}"
UNSCANNABLE = "media_unscannable: de virusscanner kijkt niet naar een bestand van deze grootte"
RELEASED = "media_released: vrijgegeven door {}"
DIFFERS = "media_type_differs: dit bestand is niet van het soort dat het zegt te zijn ({})"


class Announced(msgspec.Struct, frozen=True, rename="camel"):
    """A file as the webhook announced it."""

    id: str
    mime_type: str = ""
    sha256: str = ""
    filename: str = ""


class MediaInfo(msgspec.Struct, frozen=True):
    """What Meta says of a file that it has: where it is for the next minutes, its size in bytes
    (None: it did not say)."""

    url: str
    mime_type: str = ""
    size: int | None = None


class Fetched(msgspec.Struct, frozen=True):
    """It is in the object store."""

    size: int
    sha256: str
    """In hex."""
    mime_type: str
    head: bytes
    agrees: bool = True
    """With the hash of the webhook."""
    object: str = ""
    """Its name there: the SHA-256, in hex, of how it lies there, sealed."""


class FetchFailed(msgspec.Struct, frozen=True):
    """Not this time."""

    word: Word


class MediaResult(msgspec.Struct, frozen=True):
    """For good."""

    state: Literal["available", "quarantined", "lost"]
    reason: str = ""
    scanned: bool = False


def usable(id: str) -> bool:
    return ID.fullmatch(id) is not None


def about(status: int, body: bytes) -> MediaInfo | FetchFailed:
    """What Meta answered when it was asked where a file is."""
    said = _decoded(body)
    url = said.get("url")
    if status == 200:
        if not isinstance(url, str) or not url:
            return FetchFailed("strange")
        return MediaInfo(url, _type(said.get("mime_type")), _size(said.get("file_size")))
    return FetchFailed(_refused(status, said.get("error")))


def check_download(
    status: int, content_type: str, encoding: str, said: MediaInfo
) -> FetchFailed | None:
    """What the answer means where the bytes should be; None: here they come. A page in the place
    of a file is somebody's word that stands between, and bytes that were compressed though we asked
    for them as they are, are other bytes."""
    if status != 200:
        return FetchFailed(_refused(status, None))
    page = strip_parameters(content_type) == PAGE and strip_parameters(said.mime_type) != PAGE
    return FetchFailed("strange") if page or encoding not in ("", "identity") else None


def _refused(status: int, error: object) -> Word:
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and not isinstance(code, bool):
        if code in SHUT_CODES or 200 <= code <= 299:
            return "shut"
        if code == UNKNOWN_CODE:
            return "unknown"
        return "busy"
    if status in (401, 403, 407):
        return "shut"
    if status in (404, 410):
        return "unknown"
    return "busy" if status in (408, 425, 429) or status >= 500 else "strange"


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _type(given: object) -> str:
    """Nothing but what a type is made of: it is written down, and stands in a header."""
    return given if isinstance(given, str) and TYPE.fullmatch(given) else ""


def _size(given: object) -> int | None:
    """Meta writes it as a text; a number would do."""
    text = str(given)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def is_whole(
    got: Fetched, said: MediaInfo, announced: Announced, attempts: int
) -> Fetched | FetchFailed:
    """As much as was announced, and of its kind: what begins otherwise is fetched anew, for it may
    be another's word in its place, until it has come so often."""
    if said.size is not None and said.size != got.size:
        return FetchFailed("cut")
    types = (announced.mime_type, got.mime_type)
    if attempts < TRIES and quarantine(types, got.head):
        return FetchFailed("strange")
    # Meta does not say of what the hash is taken: that it differs is noted and no more.
    in_base64 = base64.b64encode(bytes.fromhex(got.sha256)).decode()
    agrees = announced.sha256 in ("", in_base64, got.sha256)
    return msgspec.structs.replace(got, agrees=agrees)


def gone(missed: FetchFailed) -> MediaResult:
    """After seven days; with why it did not come before, where that was not its age."""
    why = "" if missed.word == "unknown" else f" (steeds: {SENTENCES[missed.word]})"
    return MediaResult("lost", EXPIRED + why)


def quarantine(mime_types: tuple[str, ...], head: bytes) -> MediaResult | None:
    """What is not of the types that it is said to be of is kept from everybody."""
    for mime_type in filter(None, mime_types):
        if not has_signature(mime_type, head):
            return MediaResult("quarantined", DIFFERS.format(strip_parameters(mime_type)))
    return None


def wait(attempts: int, chance: float) -> float:
    """Seconds before the next attempt, after so many; `chance` is drawn from 0 up to 1."""
    return delay(attempts - 1, FIRST_WAIT, LONGEST_WAIT, 0.75 + chance / 2)


def expired(sent_at: datetime, now: datetime) -> bool:
    """Whether Meta may have thrown it away. It is asked once all the same."""
    return now - sent_at >= LIVES
