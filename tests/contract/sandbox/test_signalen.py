"""The stand-in of Signalen refuses what Signalen's serializers refuse, so a pass says something.

Each row names the file of Amsterdam/signals 2.50.12, below `app/signals/apps`, that it follows.
"""

from typing import Any

import pytest

from sandbox.signalen.report_rules import (
    MAX_BYTES,
    Lists,
    attachment_errors,
    change_errors,
    report_errors,
)

PATH = "/signals/v1/public/terms/categories/overig/sub_categories/overig"
LEAST: dict[str, Any] = {  # docs/topics/api/v1/private/signals/01.creating_a_signal.md
    "text": "My complaint",
    "location": {"geometrie": {"type": "Point", "coordinates": [4.90022563, 52.36768424]}},
    "category": {"sub_category": PATH},
    "reporter": {"sharing_allowed": True},
    "incident_date_start": "2022-11-24T12:00:00+01:00",
}
JPEG = b"\xff\xd8\xff\xe0"


def point(*coordinates: Any) -> dict[str, Any]:
    return {"location": {"geometrie": {"type": "Point", "coordinates": list(coordinates)}}}


@pytest.mark.parametrize(
    ("fields", "refused", "source"),
    [
        *[({name: None}, name, "api/serializers/signal.py") for name in LEAST],
        ({"text": 3001 * "a"}, "text", "signals/models/signal.py"),
        ({"text": " \n"}, "text", "signals/models/signal.py"),
        ({"text": "a\0"}, "text", "rest_framework/fields.py"),
        ({"source": "online"}, "source", "api/validators/source.py"),
        ({"source": 129 * "a"}, "source", "signals/models/signal.py"),
        ({"location": {}}, "location", "api/validation/address/mixin.py"),
        (point(52.36768424, 4.90022563), "location", "api/generics/mixins.py"),
        (point("a", "b"), "location", "signals/models/location.py"),
        ({"category": {}}, "category", "api/serializers/nested/category.py"),
        ({"category": {"sub_category": PATH + "x"}}, "category", "api/fields/category.py"),
        ({"category": {"sub_category": PATH, "category_url": PATH}}, "category",
            "api/serializers/nested/category.py"),
        ({"reporter": {"phone": 18 * "1"}}, "reporter", "signals/models/reporter.py"),
        ({"incident_date_start": "gisteren"}, "incident_date_start", "signals/models/signal.py"),
        ({"priority": {"priority": "urgent"}}, "priority", "signals/models/priority.py"),
        ({"extra_properties": {}}, "extra_properties", "api/json_schema/extra_properties.json"),
        ({"extra_properties": [{"id": "a", "label": "b", "answer": "c"}]}, "extra_properties",
            "api/json_schema/extra_properties.json"),
        ({"status": {"state": "m"}}, "status", "api/serializers/signal.py"),
    ],
)  # fmt: skip
def test_report_that_signalen_refuses_is_refused(
    fields: dict[str, Any], refused: str, source: str
) -> None:
    assert list(report_errors(LEAST | fields, Lists())) == [refused], source


def test_least_report_is_taken_and_so_is_one_with_all_fields() -> None:
    row = {"id": "a", "label": "b", "answer": "c", "category_url": PATH}
    whole = {"source": "WhatsApp", "priority": {"priority": "high"}, "extra_properties": [row]}
    absolute = {"category": {"category_url": f"https://signalen.example{PATH}"}}
    assert report_errors(LEAST, Lists()) == report_errors(LEAST | whole | absolute, Lists()) == {}


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"notes": [{"text": ""}]}, "notes"),
        ({"notes": [{"text": 3001 * "a"}]}, "notes"),
        ({"notes": "a"}, "notes"),
        (point(2.35, 48.85), "location"),
    ],
)
def test_change_that_signalen_refuses_is_refused(change: dict[str, Any], refused: str) -> None:
    assert list(change_errors(change)) == [refused]
    assert change_errors(point(4.9, 52.3) | {"notes": [{"text": "a"}]}) == {}


@pytest.mark.parametrize(
    ("name", "content", "is_taken"),
    [
        ("a.jpg", JPEG, True),
        ("a.pdf", b"%PDF-1.7", True),
        ("a.png", JPEG, False),  # apps/services/validator/file.py: MimeTypeIntegrityValidator
        ("a.jpg", b"text", False),
        ("a.jpg", b"", False),
        ("a.jpg", JPEG + bytes(MAX_BYTES), False),
    ],
)
def test_file_that_signalen_refuses_is_refused(name: str, content: bytes, is_taken: bool) -> None:
    assert (attachment_errors(name, content) == {}) is is_taken
