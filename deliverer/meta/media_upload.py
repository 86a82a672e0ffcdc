"""Upload of a file to the provider: its form, and the verdict on the answer. Pure.

Unlike a message, a file may be uploaded twice: no citizen sees it until a message refers to it. So
an upload with an unknown result is simply repeated.
"""

from uuid import UUID

import msgspec

from deliverer.meta.graph_api import (
    MAX_ATTEMPTS,
    MAX_RETRY_SECONDS,
    Failed,
    RetryLater,
    decode_object,
    judge_not_sent,
    wait_before_attempt,
)
from deliverer.transport.response import Response

GONE = "upload_unknown: dit bestand is er niet meer"
DAMAGED = (
    "upload_damaged: in de opslag ligt iets anders dan wat er bewaard is; voeg het bestand"
    " opnieuw toe"
)
UPLOAD_FAILED = "upload_failed: dit bestand kon niet naar Meta worden gebracht"
MALWARE = "upload_malware: de virusscanner vond {}"
UNSCANNABLE = "upload_unscannable: de virusscanner kijkt niet naar een bestand van deze grootte"
WAITING = "upload_waiting: dit bestand is nog niet bij Meta; Postkamer probeert het opnieuw"


class Uploaded(msgspec.Struct, frozen=True):
    """The provider has the file, under this id."""

    id: str


UploadVerdict = Uploaded | RetryLater | Failed


def multipart_form(mime_type: str, boundary: UUID) -> tuple[bytes, bytes, str]:
    """Return the bytes before and after a file in its form, and the content type of the form.

    The boundary is an id that the maker of the file could not know, so it is not in the file.
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


def judge_upload(answer: Response, attempt: int, elapsed: float = 0.0) -> UploadVerdict:
    """Judge the answer to attempt number `attempt`, counted from 1, `elapsed` seconds after the
    first."""
    body = decode_object(answer.body)
    id = body.get("id")
    if answer.status == 200 and isinstance(id, str) and id:
        return Uploaded(id)
    if (verdict := judge_not_sent(answer, body, attempt, elapsed)) is not None:
        return verdict
    # A 4xx without Meta's code is of a proxy, which would refuse it all day: stop after a while.
    is_client_error = 400 <= answer.status < 500 and answer.status != 408
    if is_client_error and attempt >= MAX_ATTEMPTS:
        return Failed(0, UPLOAD_FAILED)
    return retry_later(attempt, elapsed)


def retry_later(attempt: int, elapsed: float) -> RetryLater | Failed:
    """Retry after a failed attempt, for at most a day."""
    if elapsed >= MAX_RETRY_SECONDS:
        return Failed(0, UPLOAD_FAILED)
    return RetryLater(wait_before_attempt(attempt), 0, WAITING)
