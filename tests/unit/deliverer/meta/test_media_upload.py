"""A file on its way to the provider."""

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


def answer(body: Any, status: int = 200, retry_after: float | None = None) -> Response:
    return Response(status=status, body=msgspec.json.encode(body), retry_after=retry_after)


def error(code: Any, status: int = 400) -> Response:
    return answer({"error": {"code": code, "message": "x"}}, status)


def test_a_form_has_what_meta_asks_for_and_the_bytes_as_they_are() -> None:
    before, after, content_type = multipart_form("image/png", BOUNDARY)
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + before + b"\x89PNG\r\n\xff\0" + after)
    parts = {
        part.get_param("name", header="content-disposition"): part
        for part in message.get_payload()
        if not isinstance(part, str)
    }
    assert parts.keys() == {"messaging_product", "type", "file"}
    assert parts["messaging_product"].get_payload() == "whatsapp"
    assert parts["type"].get_payload() == "image/png"
    assert parts["file"].get_content_type() == "image/png"
    assert parts["file"].get_payload(decode=True) == b"\x89PNG\r\n\xff\0"


def test_an_id_is_the_proof_that_it_is_there() -> None:
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
def test_a_refusal_that_is_not_metas_is_not_repeated_for_a_day(given: Response) -> None:
    assert isinstance(judge_upload(given, MAX_ATTEMPTS - 1), RetryLater)
    assert judge_upload(given, MAX_ATTEMPTS) == Failed(0, UPLOAD_FAILED)


def test_a_gateway_that_lets_nothing_through_stops_files_as_it_does_messages() -> None:
    for status in (401, 403, 404, 429):
        given = Response(status=status, body=b"<html>")
        for tried in (0.0, MAX_RETRY_SECONDS):
            assert judge_upload(given, 1, tried) == judge(given, 1, tried)


def test_error_codes_mean_the_same_for_uploads_as_for_messages() -> None:
    assert judge_upload(error(131053), 1) == Failed(
        131053, "131053: Meta kon het bestand niet verwerken"
    )
    stopped = judge_upload(error(190, 401), 1)
    assert isinstance(stopped, RetryLater)
    assert (stopped.seconds, stopped.stop) == (4.0, True)
    assert isinstance(judge_upload(error(131000, 500), MAX_ATTEMPTS - 1), RetryLater)
    assert isinstance(judge_upload(error(131000, 500), MAX_ATTEMPTS), Failed)


QUOTED = "wamid.A"
PICTURE = {"type": "image", "image": {"caption": "Zo?"}}
HEADER = {
    "type": "interactive",
    "interactive": {"type": "button", "header": {"type": "document", "document": {}}},
}
TEMPLATE = {
    "type": "template",
    "template": {
        "name": "x",
        "components": [
            {"type": "body", "parameters": [{"type": "text", "text": "image"}]},
            {"type": "header", "parameters": [{"type": "video", "video": {}}]},
        ],
    },
}


def test_the_ids_that_only_we_know_are_filled_in_where_they_belong() -> None:
    text = {"type": "text", "text": {"body": "Ja."}}
    assert fill_payload(text, "", "") == text
    assert fill_payload(text, QUOTED, "") == text | {"context": {"message_id": QUOTED}}
    reaction = {"type": "reaction", "reaction": {"emoji": "👍"}}
    assert fill_payload(reaction, QUOTED, "") == {
        "type": "reaction",
        "reaction": {"emoji": "👍", "message_id": QUOTED},
    }
    assert fill_payload(PICTURE, QUOTED, "7") == {
        "type": "image",
        "image": {"caption": "Zo?", "id": "7"},
        "context": {"message_id": QUOTED},
    }
    assert fill_payload(HEADER, "", "7")["interactive"]["header"]["document"] == {"id": "7"}
    components = fill_payload(TEMPLATE, "", "7")["template"]["components"]
    assert components[1]["parameters"][0]["video"] == {"id": "7"}
    assert PICTURE == {"type": "image", "image": {"caption": "Zo?"}}


def test_document_keeps_its_uploaded_name_unless_the_message_names_it() -> None:
    document = {"type": "document", "document": {}}
    named = {"type": "document", "document": {"filename": "Uw besluit.pdf"}}
    assert fill_payload(document, "", "7", "a.pdf")["document"] == {"id": "7", "filename": "a.pdf"}
    assert fill_payload(document, "", "7", "")["document"] == {"id": "7"}
    assert fill_payload(named, "", "7", "a.pdf")["document"] == {
        "id": "7",
        "filename": "Uw besluit.pdf",
    }
    header = fill_payload(HEADER, "", "7", "a.pdf")["interactive"]["header"]
    assert header["document"] == {"id": "7", "filename": "a.pdf"}
    assert fill_payload(PICTURE, "", "7", "a.png")["image"] == {"caption": "Zo?", "id": "7"}


@pytest.mark.parametrize(
    "content",
    [
        {"type": "image", "image": {"link": "https://example.nl/x.png"}},
        {"type": "image", "image": {"id": "8"}},
        {"type": "image", "image": "x"},
        {"type": "document", "document": {"link": "https://example.nl/x.pdf"}},
        {"type": ["image"], "text": {"body": "x"}},
    ],
)
def test_a_file_is_put_nowhere_else(content: dict[str, Any]) -> None:
    assert fill_payload(content, "", "7", "a.pdf") == content
