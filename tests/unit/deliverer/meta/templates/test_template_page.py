"""Pages of Meta's list of templates, also odd ones, and the bound of a list."""

from typing import Any

import pytest

from deliverer.meta.health.finding import Finding
from deliverer.meta.templates.template_page import (
    FIELDS,
    LONGEST_CURSOR,
    MAX_TEMPLATES,
    TemplatePage,
    bound_list,
    page_parameters,
    read_page,
)
from services.whatsapp.templates import MessageTemplate

Json = dict[str, Any]

TEMPLATE = {"name": "afspraak", "language": "nl", "status": "APPROVED", "components": []}
CURSORS = {"before": "MAZDZD", "after": "MjQZD"}


def read(**shown: Any) -> TemplatePage:
    page = read_page({"data": [TEMPLATE]} | shown)
    assert isinstance(page, TemplatePage)
    return page


def test_page_has_its_templates_and_counts_those_that_cannot_be_read() -> None:
    made = TEMPLATE | {"name": "auto_generated_text_e22a3ec4"}  # of one answer: no template of ours
    page = read(data=[TEMPLATE, made, TEMPLATE | {"name": "Groot"}, 5, None])
    assert [each.name for each in page.templates] == ["afspraak"]
    assert page.unreadable == 3
    assert read(data=[]).templates == []


@pytest.mark.parametrize("data", [None, 5, "x", {}, {"0": TEMPLATE}])
def test_answer_without_a_list_is_not_meta_s(data: Any) -> None:
    page = read_page({"data": data})
    assert isinstance(page, Finding) and "not Meta's" in page.detail


@pytest.mark.parametrize(
    ("paging", "after"),
    [
        ({}, None),
        (None, None),
        ([5], None),
        ({"cursors": CURSORS}, None),
        ({"cursors": CURSORS, "next": "https://graph.example/?access_token=EAAJ"}, "MjQZD"),
        ({"next": "https://graph.example/"}, ""),
        ({"cursors": [5], "next": "x"}, ""),
        ({"cursors": {"after": "x" * (LONGEST_CURSOR + 1)}, "next": "x"}, ""),
    ],
)
def test_next_page_is_where_meta_says_that_there_is_one(paging: Any, after: str | None) -> None:
    assert read(paging=paging).after == after


def test_page_is_asked_for_by_fields_number_and_place() -> None:
    assert page_parameters("") == {"fields": FIELDS, "limit": "25"}
    assert page_parameters("MjQZD")["after"] == "MjQZD"


def test_list_has_no_more_templates_than_its_bound() -> None:
    many = {
        (f"t{n}", "nl"): MessageTemplate(name=f"t{n}", language="nl", status="APPROVED")
        for n in range(MAX_TEMPLATES + 1)
    }
    listed = bound_list("102", many, is_complete=True)
    assert len(listed.templates) == MAX_TEMPLATES and not listed.is_complete
    assert ("t0", "nl") in listed.templates
    del many["t0", "nl"]
    assert bound_list("102", many, is_complete=True).is_complete
