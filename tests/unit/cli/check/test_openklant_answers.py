"""Judgement of an Open Klant's version, and of departments in the Objecten API."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from cli.check.openklant_answers import (
    OBJECTS_API,
    OPEN_KLANT,
    Answers,
    describe_actor,
    describe_failure,
    describe_unit,
    judge,
    judge_open_klant,
)
from deliverer.transport.response import Response
from services.config.organisation import Department, OpenKlantDestination

DESTINATION = OpenKlantDestination(
    id="ok", kind="openklant", url="https://ok.example/klantinteracties/api/v1"
)
GROEN = Department(
    id="groen", tenant="almelo", name="Groen", destination="ok", register_id="BOR",
    register_name="Beheer Openbare Ruimte",
)  # fmt: skip
UNIT = {"identificatie": "BOR", "naam": "Beheer Openbare Ruimte", "email": "bor@almelo.example"}
PAGE = b'{"count":1,"results":[{"uuid":"x","naam":"Groen"}]}'
GOOD = Response(status=200, body=PAGE, api_version="0.6.0")
NAME = (
    "its name in the Objecten API is {!r}: set register_name to that, to the letter, or ITA shows"
    " it no tasks"
)
EMAIL = "it has no email in the Objecten API, so ITA mails no one: enter one there"
ABSENT = (
    "the Objecten API shows no object with identificatie 'BOR': set register_id to the one there,"
    " or let the token of objects_secret read departments and groups"
)
TWICE = "the Objecten API has 2 objects with identificatie 'BOR', so ITA mails no one: keep one"


def warnings_about(
    department: Department, *, actor: Response | None = None, unit: Response | None = None
) -> list[Any]:
    """Warnings about the fifth department, at the third destination."""
    own_actors, units = ({4: each} if each else {} for each in (actor, unit))
    answers = Answers(GOOD, own_actors, units)
    checked, faults, warnings = judge(2, DESTINATION, {4: department}, answers)
    assert (checked, faults) == (["Open Klant 2.15 (ok)"], [])
    return warnings


def objects(*units: Any) -> Response:
    results = [{"uuid": "x", "record": {"data": unit}} for unit in units]
    return Response(status=200, body=msgspec.json.encode({"count": len(units), "results": results}))


@pytest.mark.parametrize(
    ("header", "checked", "doubt"),
    [
        ("0.6.0", "Open Klant 2.15 (ok)", ""),
        ("0.9.1", "Open Klant 2.18 (ok)", ""),
        ("0.5.0", "Open Klant (ok)", "unknown (API 0.5)"),
        ("0.10.0", "Open Klant (ok)", "unknown (API 0.10)"),
        ("", "Open Klant (ok)", "unknown"),
    ],
)
def test_release_other_than_the_tested_ones_is_a_warning(
    header: str, checked: str, doubt: str
) -> None:
    answer = Response(status=200, body=PAGE, api_version=header)
    sentence = (
        "destination ok: the release of its Open Klant is {}, newer or older than 2.15 to 2.18"
    )
    warning = (("destinations", 3, "url"), sentence.format(doubt))
    assert judge_open_klant(3, DESTINATION, answer) == ([checked], [], [warning] * bool(doubt))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Response(failure="refused"), "Open Klant gave no answer: refused"),
        (Response(failure="inside"), "POSTKAMER_PRIVATE_NETWORKS does not name its network"),
        (Response(status=401, body=b"{}"), "Open Klant answered 401: it does not know this token"),
        (Response(status=400, body=b"<h1>Bad Request"), "host name of this address (ALLOWED_HOSTS"),
        (Response(status=502), "Open Klant answered 502"),
        (Response(status=301), "Open Klant answered 301"),
        (Response(status=200, body=b"<html>"), "the answer is not one of Open Klant"),
        (Response(status=200, body=b"[]"), "the answer is not one of Open Klant"),
    ],
)
def test_open_klant_that_cannot_be_used_is_a_fault(answer: Response, words: str) -> None:
    checked, [(where, what)], warnings = judge_open_klant(0, DESTINATION, answer)
    assert (checked, warnings, where) == ([], [], ("destinations", 0, "url"))
    assert what.endswith(words) or words in what


@pytest.mark.parametrize(
    ("units", "doubts"),
    [
        ([UNIT], []),
        ([UNIT | {"naam": "beheer openbare ruimte"}], [NAME.format("beheer openbare ruimte")]),
        ([UNIT | {"naam": "Beheer Openbare Ruimte "}], [NAME.format("Beheer Openbare Ruimte ")]),
        ([UNIT | {"email": " "}], [EMAIL]),
        ([{"naam": None, "email": None}], [NAME.format(None), EMAIL]),
        ([], [ABSENT]),
        ([UNIT, UNIT], [TWICE]),
    ],
)
def test_department_is_compared_as_ita_looks_for_it(
    units: Sequence[dict[str, Any]], doubts: list[str]
) -> None:
    assert warnings_about(GROEN, unit=objects(*units)) == [
        (("departments", 4), f"department groen of almelo: {doubt}") for doubt in doubts
    ]


def test_actor_of_another_name_hides_the_tasks_of_a_department() -> None:
    sentence = (
        "its actor in Open Klant is called 'Groen': rename that one to 'Beheer Openbare Ruimte', or"
        " ITA shows it no tasks"
    )
    assert warnings_about(GROEN, actor=GOOD) == [
        (("departments", 4), f"department groen of almelo: {sentence}")
    ]
    assert list(describe_actor(GROEN, [])) == []
    assert list(describe_actor(GROEN, ["Beheer Openbare Ruimte", "Groen"])) == []


def test_department_without_names_of_the_register_is_sought_by_its_own() -> None:
    plain = GROEN.model_copy(update={"register_id": "", "register_name": ""})
    [doubt] = describe_unit(plain, [])
    assert "identificatie 'groen'" in doubt
    assert warnings_about(plain, actor=GOOD, unit=objects(UNIT | {"naam": "Groen"})) == []


def test_departments_that_cannot_be_read_are_one_warning() -> None:
    sentence = "destination ok: {}; departments were not compared"
    assert warnings_about(GROEN, actor=Response(status=500), unit=Response(status=403)) == [
        (("destinations", 2), sentence.format("Open Klant answered 500")),
        (
            ("destinations", 2),
            sentence.format("the Objecten API answered 403: this token may not read there"),
        ),
    ]
    assert describe_failure(OPEN_KLANT, GOOD) == ""
    assert describe_failure(OBJECTS_API, GOOD) == "the answer is not one of the Objecten API"
