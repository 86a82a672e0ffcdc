"""The form that a caller accepts."""

import pytest

from archiver.transcript.routes import FORMS, NOT_BOOLEAN, ONLY_PDF, PATH, query_fault
from router.output.crm_events import transcript_json
from services.api.accepted_form import negotiate

HTML, PDF = "text/html", "application/pdf"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ([], HTML),
        ([""], HTML),
        (["*/*"], HTML),
        ([HTML], HTML),
        ([PDF], PDF),
        (["Application/PDF"], PDF),
        (["application/pdf;q=0.5, text/html;q=0.4"], PDF),
        (["application/pdf;q=0.5", "text/html;q=0.6"], HTML),
        (["application/*"], PDF),
        (["*/*, text/html;q=0"], PDF),
        (["*/*;q=0.1, application/pdf"], PDF),
        (["text/html;q=veel"], None),
        (["application/json"], None),
        (["text/html;q=0"], None),
        (["text/plain, image/*"], None),
    ],
)
def test_form_is_the_one_that_is_accepted_most(accept: list[str], form: str | None) -> None:
    assert negotiate(accept, FORMS) == form


@pytest.mark.parametrize(
    ("given", "form", "fault"),
    [
        ([], "text/html", ""),
        (["false"], "text/html", ""),
        (["true"], "application/pdf", ""),
        (["true"], "text/html", ONLY_PDF),
        (["1"], "application/pdf", NOT_BOOLEAN),
        (["true", "true"], "application/pdf", NOT_BOOLEAN),
    ],
)
def test_originals_are_for_a_pdf_alone(given: list[str], form: str, fault: str) -> None:
    assert query_fault(given, form) == fault  # type: ignore[arg-type]


def test_event_of_a_closing_names_the_path_that_serves() -> None:
    assert transcript_json("{id}") == {"transcript": PATH}
