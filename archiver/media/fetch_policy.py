"""Classify attempts to fetch a file, and decide what follows. Pure.

Nearly every failure is retried for as long as Meta keeps the file. That includes an unknown id:
Meta does not say whether the file is too old or our token may not see it.
"""

import base64
import re
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

from services.backoff import delay
from services.files.file_signatures import has_signature, strip_parameters

META_RETENTION = timedelta(days=7)
"""Time that Meta keeps a citizen's file, and that its id stays valid (since 2025-10-09)."""
LARGEST_BYTES = 100 * 1024 * 1024
"""Largest file that WhatsApp accepts from a citizen; Meta itself drops larger ones."""
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 5.0, 900.0
"""Seconds before the next attempt, doubled each time up to the second value: a file arrives within
minutes after an outage ends."""
RESTORE_TIME = timedelta(days=7)
"""Time to restore an upload that is damaged or missing; alarms go off after one day and after five.
"""
FURTHEST_AHEAD = timedelta(hours=1)
"""Time ahead of which no attempt is due, unless a hand wrote it: three times the longest pause,
since clocks differ. Such a file is due at once."""
ANSWER_BYTES = 16 * 1024
"""Most bytes read of Meta's description of a file, which takes under 1 KiB."""

ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""Valid id of a file at Meta. The id becomes part of a URL."""

TYPE = re.compile(r"[ -~]{1,255}")
HTML = "text/html"
SIGNATURE_ATTEMPTS = 3
"""Attempts for a file whose first bytes do not fit its type; after the last one it is stored as it
is, and the scan quarantines it."""

FailureCode = Literal[
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
    "absent",
]
REASONS: dict[FailureCode, str] = {
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
    "absent": "media_absent: in de opslag ligt dit verstuurde bestand niet",
}
"""Reason why the file is not there yet, by failure. All of these are retried."""
OPERATOR_FAILURES: frozenset[FailureCode] = frozenset({"shut", "elsewhere", "damaged", "absent"})
"""Failures that only an operator can fix; they are logged as errors."""
SHUT_CODES = frozenset({0, 3, 10, 190})
"""Meta's codes for an app or a token without access. 200 to 299 (permissions) mean the same."""
UNKNOWN_CODE = 100
"""Meta's code for an object that does not exist or that the token may not see."""

EXPIRED = "media_expired: Meta bewaart bestanden 7 dagen, en dit is ouder"
UPLOAD_ENDED = "media_upload_ended: dit bestand was al gewist toen het archief het kwam halen"
NOT_RESTORED = "media_not_restored: dit verstuurde bestand is niet binnen 7 dagen teruggezet"
UNUSABLE = "media_unusable: Meta noemde dit bestand bij een id dat geen id is"
UNOPENABLE = "media_unopenable: de sleutel van dit bestand is er niet meer"
TOO_LARGE = "media_too_large: dit bestand is groter dan 100 MB"
MALWARE = "media_malware: de virusscanner vond {}"
UNSCANNABLE = "media_unscannable: de virusscanner kijkt niet naar een bestand van deze grootte"
RELEASED = "media_released: vrijgegeven door {}"
DIFFERS = "media_type_differs: dit bestand is niet van het soort dat het zegt te zijn ({})"


class AnnouncedFile(msgspec.Struct, frozen=True, rename="camel"):
    """A file as the record of its message describes it: as the webhook announced it, or as it was
    uploaded. `id` is Meta's, `upload` that of our store of uploads."""

    id: str
    mime_type: str = ""
    sha256: str = ""
    filename: str = ""
    upload: UUID | None = None
    bound: bool = False
    """True in the sealed row of a file whose working columns have a keyed hash."""


class MediaInfo(msgspec.Struct, frozen=True):
    """Meta's description of a file. `url` is valid for a few minutes; `size` is in bytes, None if
    Meta did not give it."""

    url: str
    mime_type: str = ""
    size: int | None = None


class FetchedFile(msgspec.Struct, frozen=True):
    """A file that was fetched into the object store."""

    size: int
    sha256: str
    """SHA-256 of the content, in hex."""
    mime_type: str
    head: bytes
    """First bytes of the content, to recognise its type by."""
    agrees: bool = True
    """True if the content has the hash that the webhook announced."""
    object: str = ""
    """Name in the object store: SHA-256 of the sealed bytes, in hex."""


class FetchFailed(msgspec.Struct, frozen=True):
    """A failed attempt, to be retried."""

    code: FailureCode


class MediaResult(msgspec.Struct, frozen=True):
    """The final result for a file."""

    state: Literal["available", "quarantined", "lost"]
    reason: str = ""
    scanned: bool = False


def is_valid_id(id: str) -> bool:
    return ID.fullmatch(id) is not None


def read_media_info(status: int, body: bytes) -> MediaInfo | FetchFailed:
    """Interpret Meta's response to the request for a file's description."""
    fields = _decode(body)
    url = fields.get("url")
    if status == 200:
        if not isinstance(url, str) or not url:
            return FetchFailed("strange")
        return MediaInfo(
            url, _read_type(fields.get("mime_type")), _read_size(fields.get("file_size"))
        )
    return FetchFailed(_failure_code(status, fields.get("error")))


def check_download(
    status: int, content_type: str, encoding: str, info: MediaInfo
) -> FetchFailed | None:
    """Return why the response does not carry the file; None if it does.

    A web page instead of a file comes from a proxy in between. A compressed body, which we did not
    ask for, does not have the bytes of the file.
    """
    if status != 200:
        return FetchFailed(_failure_code(status, None))
    page = strip_parameters(content_type) == HTML and strip_parameters(info.mime_type) != HTML
    return FetchFailed("strange") if page or encoding not in ("", "identity") else None


def _failure_code(status: int, error: object) -> FailureCode:
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


def _decode(body: bytes) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _read_type(value: object) -> str:
    """Return the type if it is printable ASCII, else '': it is stored, and sent in a header."""
    return value if isinstance(value, str) and TYPE.fullmatch(value) else ""


def _read_size(value: object) -> int | None:
    """Return the size in bytes. Meta sends it as a string; a number is accepted too."""
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def check_content(
    fetched: FetchedFile, info: MediaInfo, announced: AnnouncedFile, attempts: int
) -> FetchedFile | FetchFailed:
    """Check the size and the type of a fetched file.

    A file whose first bytes do not fit its type is fetched again, since a proxy may have sent a
    page in its place, until it has been fetched SIGNATURE_ATTEMPTS times.
    """
    if info.size is not None and info.size != fetched.size:
        return FetchFailed("cut")
    types = (announced.mime_type, fetched.mime_type)
    if attempts < SIGNATURE_ATTEMPTS and check_signature(types, fetched.head):
        return FetchFailed("strange")
    # Meta does not document which bytes it hashes, so a difference is only recorded.
    in_base64 = base64.b64encode(bytes.fromhex(fetched.sha256)).decode()
    agrees = announced.sha256 in ("", in_base64, fetched.sha256)
    return msgspec.structs.replace(fetched, agrees=agrees)


def check_copy(copied: FetchedFile, announced: AnnouncedFile) -> FetchedFile | FetchFailed:
    """Check that the copy of an upload is the file that went out."""
    return copied if copied.sha256 == announced.sha256 else FetchFailed("damaged")


def end_failed_attempt(
    failure: FetchFailed, announced: AnnouncedFile, sent_at: datetime, now: datetime
) -> FetchFailed | MediaResult:
    """Return the failure, to be retried, or the final result once that has no use any more."""
    if announced.upload is None:
        return give_up(failure) if is_expired(sent_at, now) else failure
    is_over = failure.code in ("damaged", "absent") and now - sent_at >= RESTORE_TIME
    return MediaResult("lost", NOT_RESTORED) if is_over else failure


def give_up(failure: FetchFailed) -> MediaResult:
    """Return the result for a file that Meta keeps no longer, with the failure of the last attempt
    unless that was its age."""
    why = "" if failure.code == "unknown" else f" (steeds: {REASONS[failure.code]})"
    return MediaResult("lost", EXPIRED + why)


def check_signature(mime_types: tuple[str, ...], head: bytes) -> MediaResult | None:
    """Return the quarantine result if the first bytes do not fit one of the types; else None."""
    for mime_type in filter(None, mime_types):
        if not has_signature(mime_type, head):
            return MediaResult("quarantined", DIFFERS.format(strip_parameters(mime_type)))
    return None


def retry_delay(attempts: int, chance: float) -> float:
    """Return the seconds before the next attempt; `chance` is drawn from 0 up to 1."""
    return delay(attempts - 1, FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, 0.75 + chance / 2)


def is_expired(sent_at: datetime, now: datetime) -> bool:
    """Return True if Meta may have deleted the file. Meta is asked once all the same."""
    return now - sent_at >= META_RETENTION
