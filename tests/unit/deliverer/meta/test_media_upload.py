"""Upload of a file to the provider, and its id in the message."""

from email.parser import BytesParser
from typing import Any
from uuid import UUID

import msgspec
import pytest

from deliverer.meta.graph_api import (
    LONGEST_WAIT,
    MAX_ATTEMPTS,
    MAX_RETRY_SECONDS,
    Failed,
    RetryLater,
    fill_payload,
    judge,
)
from deliverer.meta.media_upload import (
    UPLOAD_FAILED,
    WAITING,
    Uploaded,
    judge_upload,
    multipart_form,
)
from deliverer.transport.response import Response

BOUNDARY = UUID("01990000-0000-7000-8000-000000000001")


def answer(body: Any, status: int = 200) -> Response:
    return Response(status=status, body=msgspec.json.encode(body))


def error(code: Any, status: int = 400) -> Response:
    return answer({"error": {"code": code, "message": "x"}}, status)


def test_upload_form_has_the_fields_of_meta_and_the_bytes_unchanged() -> None:
    content = b"\x89PNG\r\n\xff\0"
    before, after, content_type = multipart_form("image/png", BOUNDARY)
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + before + content + after)
    parts = {
        part.get_param("name", header="content-disposition"): (
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.get_payload()
        if not isinstance(part, str)
    }
    assert parts == {
        "messaging_product": ("text/plain", b"whatsapp"),
        "type": ("text/plain", b"image/png"),
        "file": ("image/png", content),
    }


def test_upload_is_complete_when_meta_gives_an_id() -> None:
    assert judge_upload(answer({"id": "1037543291543636"}), 1) == Uploaded("1037543291543636")


@pytest.mark.parametrize(
    "given",
    [
        Response(failure="refused", request_sent=False),
        Response(failure="timeout"),
        Response(failure="reset"),
        Response(status=502, body=b"<html>"),
        Response(status=200, body=b"OK"),
        answer({"id": ""}),
        answer({"id": 7}),
        answer({"id": "7"}, status=500),
    ],
)
def test_media_upload_with_an_unknown_outcome_is_retried_for_a_day(given: Response) -> None:
    assert judge_upload(given, 1) == RetryLater(4.0, 0, WAITING)
    assert judge_upload(given, 999, MAX_RETRY_SECONDS - 1) == RetryLater(LONGEST_WAIT, 0, WAITING)
    assert judge_upload(given, 2, MAX_RETRY_SECONDS) == Failed(0, UPLOAD_FAILED)


@pytest.mark.parametrize(
    "given", [Response(status=413, body=b"<html>"), error("131053"), error(True), error(2**31)]
)
def test_refused_upload_without_a_code_of_meta_is_retried_for_minutes(given: Response) -> None:
    assert isinstance(judge_upload(given, MAX_ATTEMPTS - 1), RetryLater)
    assert judge_upload(given, MAX_ATTEMPTS) == Failed(0, UPLOAD_FAILED)


@pytest.mark.parametrize("status", [401, 403, 404, 429])
@pytest.mark.parametrize("tried", [0.0, MAX_RETRY_SECONDS])
def test_proxy_that_is_shut_means_the_same_for_uploads_as_for_messages(
    status: int, tried: float
) -> None:
    given = Response(status=status, body=b"<html>")
    assert judge_upload(given, 1, tried) == judge(given, 1, tried)


def test_error_codes_mean_the_same_for_uploads_as_for_messages() -> None:
    why = "131053: Meta kon het bestand niet verwerken"
    assert judge_upload(error(131053), 1) == Failed(131053, why)
    stopped = judge_upload(error(190, 401), 1)
    assert isinstance(stopped, RetryLater)
    assert (stopped.seconds, stopped.stop) == (4.0, True)
    assert isinstance(judge_upload(error(131000, 500), MAX_ATTEMPTS - 1), RetryLater)
    assert isinstance(judge_upload(error(131000, 500), MAX_ATTEMPTS), Failed)


def content(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, kind: fields}


def with_header(document: dict[str, Any]) -> dict[str, Any]:
    header = {"type": "document", "document": document}
    return {"type": "interactive", "interactive": {"type": "button", "header": header}}


def with_video(video: dict[str, Any]) -> dict[str, Any]:
    body = {"type": "body", "parameters": [{"type": "text", "text": "image"}]}
    header = {"type": "header", "parameters": [{"type": "video", "video": video}]}
    return content("template", name="x", components=[body, header])


QUOTED, LINK = "wamid.A", {"link": "https://example.nl/x"}
QUOTES = {"context": {"message_id": QUOTED}}
TEXT, PICTURE = content("text", body="Ja."), content("image", caption="Zo?")
PICTURE_7 = content("image", caption="Zo?", id="7")
DOCUMENT, NAMED = content("document"), content("document", filename="Uw besluit.pdf")
NAMED_7 = content("document", filename="Uw besluit.pdf", id="7")
REACTION = content("reaction", emoji="👍")
REACTION_TO = content("reaction", emoji="👍", message_id=QUOTED)


@pytest.mark.parametrize(
    ("given", "ids", "filled"),
    [
        (TEXT, ("", ""), TEXT),
        (TEXT, (QUOTED, ""), TEXT | QUOTES),
        (REACTION, (QUOTED, ""), REACTION_TO),
        (PICTURE, (QUOTED, "7"), PICTURE_7 | QUOTES),
        (PICTURE, ("", "7", "a.png"), PICTURE_7),
        (with_header({}), ("", "7"), with_header({"id": "7"})),
        (with_header({}), ("", "7", "a.pdf"), with_header({"id": "7", "filename": "a.pdf"})),
        (with_video({}), ("", "7"), with_video({"id": "7"})),
        (DOCUMENT, ("", "7"), content("document", id="7")),
        (DOCUMENT, ("", "7", "a.pdf"), content("document", id="7", filename="a.pdf")),
        (NAMED, ("", "7", "a.pdf"), NAMED_7),
    ],
)
def test_payload_is_filled_with_quoted_wamid_media_id_and_filename(
    given: dict[str, Any], ids: tuple[str, ...], filled: dict[str, Any]
) -> None:
    before = msgspec.json.encode(given)
    assert fill_payload(given, *ids) == filled
    assert msgspec.json.encode(given) == before


@pytest.mark.parametrize(
    "given",
    [
        content("image", **LINK),
        content("image", id="8"),
        {"type": "image", "image": "x"},
        content("document", **LINK),
        {"type": ["image"], "text": {"body": "x"}},
    ],
)
def test_media_id_is_not_put_in_any_other_payload(given: dict[str, Any]) -> None:
    assert fill_payload(given, "", "7", "a.pdf") == given
