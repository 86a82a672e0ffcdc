"""A file on its way to the provider: the form in which it goes, and what the answer means. Pure.

Unlike a message, a file may be brought twice: nobody sees it until a message points at it. So what
is not known to have worked is simply done again.
"""

from uuid import UUID

import msgspec

from deliverer.meta.graph_api import (
    ATTEMPTS,
    PUT_OFF_SECONDS,
    Failed,
    RetryLater,
    decoded,
    judge_not_sent,
    wait,
)
from deliverer.transport.response import Response

GONE = "upload_unknown: dit bestand is er niet meer"
NOT_BROUGHT = "upload_failed: dit bestand kon niet naar Meta worden gebracht"
MALWARE = "upload_malware: de virusscanner vond {}"
UNSCANNABLE = "upload_unscannable: de virusscanner kijkt niet naar een bestand van deze grootte"
WAITING = "upload_waiting: dit bestand is nog niet bij Meta; Postkamer probeert het opnieuw"


class Uploaded(msgspec.Struct, frozen=True):
    """It is there; `id` is the provider's for it."""

    id: str


Fate = Uploaded | RetryLater | Failed


def multipart_form(mime_type: str, boundary: UUID) -> tuple[bytes, bytes, str]:
    """What goes before and after the bytes of a file, and the content type of it all.

    The boundary is an id that whoever made the file could not know, so that it is not in the file.
    """
    parts = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("messaging_product", "whatsapp"), ("type", mime_type))
    )
    file = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n'
        f"Content-Type: {mime_type}\r\n\r\n"
    )
    end = f"\r\n--{boundary}--\r\n"
    return (parts + file).encode(), end.encode(), f"multipart/form-data; boundary={boundary}"


def judge_upload(answer: Response, attempt: int, tried: float = 0.0) -> Fate:
    """What became of attempt number `attempt`, counted from 1, `tried` seconds after the first."""
    body = decoded(answer.body)
    id = body.get("id")
    if answer.status == 200 and isinstance(id, str) and id:
        return Uploaded(id)
    if (why_not := judge_not_sent(answer, body, attempt, tried)) is not None:
        return why_not
    # Another 4xx without Meta's words is some proxy's, which will not think better of it for a day.
    ours = 400 <= answer.status < 500 and answer.status != 408
    return Failed(0, NOT_BROUGHT) if ours and attempt >= ATTEMPTS else retry_later(attempt, tried)


def retry_later(attempt: int, tried: float) -> RetryLater | Failed:
    """After an attempt that came to nothing."""
    late = tried >= PUT_OFF_SECONDS
    return Failed(0, NOT_BROUGHT) if late else RetryLater(wait(attempt), 0, WAITING)
