"""The pages for those who account for Postkamer name tests, settings and alarms that exist."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, get_args

import pytest
from pydantic import BaseModel

from archiver.retention.hold import Ground
from services.config.model import Configuration
from services.config.pricing import CATEGORIES
from services.config.settings import (
    ArchiverSettings,
    DelivererSettings,
    DeskSettings,
    GatewaySettings,
    PersonSettings,
    RouterSettings,
    Settings,
)
from services.roles import ROLES
from tests.support.promtool import load_rules

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "compliance"
PAGES = sorted(FOLDER.glob("*.md"))
PROOF = "toets"
"""Heading of the column with the tests that show what a row says."""
NO_PROOF = re.compile(r"(geen|na te gaan): (?:\S+ ){2,}\S+")
"""A row without a test says why, or what is to be found out, in three words at least."""
SERVICES: list[type[Settings]] = [
    GatewaySettings, RouterSettings, DelivererSettings, ArchiverSettings, DeskSettings,
    PersonSettings,
]  # fmt: skip
SPAN = re.compile(r"`([^`]+)`")
FROM_OUTSIDE = {"psql", "clamav-freshclam", "security.txt"}
"""Programs and files that are not ours."""
KNOWN_ELSEWHERE = re.compile(r"(postkamer|make) .*|.*/.*|[\w.-]+\.(md|yml|toml|txt|json|ods|csv)")
"""Commands, paths and files: `test_documentation.py` holds them."""
BIO2 = {
    "5.01": (1, 2), "5.02": (1, 2), "5.04": (1,), "5.05": (1,), "5.08": (1,), "5.09": (1,),
    "5.10": (2, 3), "5.12": (1,), "5.14": (1, 2, 3, 4, 5), "5.15": (1,), "5.16": (1, 2),
    "5.17": (1, 2, 3), "5.18": (1, 2), "5.19": (1,), "5.20": (1, 2, 3, 4, 5, 6),
    "5.21": (2, 3, 4, 5), "5.22": (1, 2), "5.23": (1,), "5.24": (1, 2, 3, 4, 5, 7, 8),
    "5.26": (2,), "5.27": (1, 2), "5.28": (1,), "5.30": (1, 2), "5.33": (1,), "5.35": (2,),
    "5.36": (1,), "6.01": (1,), "6.02": (1,), "6.03": (1, 2, 3, 4), "6.08": (1,), "7.01": (2,),
    "7.02": (1,), "7.07": (1,), "7.10": (1, 2, 3), "8.01": (1, 2), "8.02": (1,), "8.03": (1, 2),
    "8.05": (1,), "8.07": (1, 2, 3, 4), "8.08": (1, 2, 3, 4, 5), "8.13": (1, 2, 3, 4),
    "8.15": (1, 2, 3, 4, 5, 6), "8.16": (1, 2, 3, 4), "8.18": (1, 2), "8.19": (1,),
    "8.20": (1, 2), "8.21": (1, 2, 3, 4), "8.22": (1,), "8.24": (1, 2, 4, 5), "8.27": (1,),
    "8.29": (1,), "8.30": (1,), "8.31": (1, 2), "8.32": (1, 2),
}  # fmt: skip
"""Measures of BIO2 1.3 of 9 January 2026 that say something: not those that moved or ended."""


class Row(NamedTuple):
    cells: dict[str, str]
    """Heading of the column -> what stands there."""

    @property
    def name(self) -> str:
        return next(iter(self.cells.values()))


def rows(text: str) -> Iterator[Row]:
    """Every row of every table of a page."""
    heading: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("|"):
            heading = []
        elif not heading:
            heading = [cell.strip(" *") for cell in cells]
        elif not re.fullmatch(r"[|-]+", line):
            assert len(cells) == len(heading), line
            yield Row(dict(zip(heading, cells, strict=True)))


@cache
def names_of_tests(file: Path) -> set[str]:
    """Tests of a file; none if there is no such file."""
    if not file.is_file():
        return set()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, kinds)]
    return {one.name for one in functions if one.name.startswith("test_")}


def is_test(span: str) -> bool:
    path, _, name = span.partition("::")
    return path.startswith("tests/") and name in names_of_tests(ROOT / path)


def proof_fault(cell: str) -> str:
    """Return what is wrong with the column of tests; "" if nothing is."""
    named = SPAN.findall(cell)
    if not named:
        return "" if NO_PROOF.fullmatch(cell) else "no test, and no reason why"
    unknown = [span for span in named if not is_test(span)]
    if unknown:
        return f"no such test: {', '.join(unknown)}"
    around = SPAN.sub("", cell).replace("<br>", "").strip()
    return f"neither a test nor a reason: {around}" if around else ""


def page_faults(text: str) -> list[str]:
    """Faults of the columns of tests of a page, with the row."""
    shown = [(row.name, row.cells[PROOF]) for row in rows(text) if PROOF in row.cells]
    return [f"{name}: {fault}" for name, cell in shown if (fault := proof_fault(cell))]


def models(whole: type[BaseModel]) -> set[type[BaseModel]]:
    """This model and those of its fields, however deep; a condition has conditions."""
    found: set[type[BaseModel]] = set()
    waiting: list[object] = [whole]
    while waiting:
        kind = waiting.pop()
        waiting += get_args(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in found:
            found.add(kind)
            waiting += [field.annotation for field in kind.model_fields.values()]
    return found


@cache
def settings() -> set[str]:
    """Every name that may stand in `postkamer.toml`, and every variable of a service."""
    fields = {
        field.alias or name
        for model in models(Configuration)
        for name, field in model.model_fields.items()
    }
    return fields | {"POSTKAMER_" + name.upper() for kind in SERVICES for name in kind.model_fields}


@cache
def names() -> set[str]:
    alarms = {rule["alert"] for rule in load_rules()}
    return settings() | alarms | {*ROLES, *get_args(Ground)} | CATEGORIES | FROM_OUTSIDE


def is_known(span: str) -> bool:
    """True for a test, a setting, a table of settings, a role, an alarm; or what others hold."""
    if "::" in span:
        return is_test(span)
    if span.startswith("python -m "):
        return find_spec(span.removeprefix("python -m ")) is not None
    table = re.fullmatch(r"\[+([a-z_.]+)\]+", span)
    words = table[1].split(".") if table else [span.partition(" = ")[0]]
    return KNOWN_ELSEWHERE.fullmatch(span) is not None or {*words} <= names()


def unknown_names(text: str) -> list[str]:
    words = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [span for span in SPAN.findall(words) if not is_known(span)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_names_only_tests_settings_roles_and_alarms_that_exist(page: Path) -> None:
    text = page.read_text()
    assert page_faults(text) == []
    assert unknown_names(text) == []


def test_pages_show_what_they_say() -> None:
    by_page = {page.stem: [*rows(page.read_text())] for page in PAGES}
    shown = [row for ours in by_page.values() for row in ours if PROOF in row.cells]
    unproven = [stem for stem, ours in by_page.items() if not any(PROOF in r.cells for r in ours)]
    proven = [row for row in shown if "::" in row.cells[PROOF]]
    assert len(PAGES) == 9 and unproven == []
    assert len(proven) > 90 and len(proven) > len(shown) / 2


def test_each_measure_of_the_baseline_has_one_row() -> None:
    listed = Counter(
        number
        for row in rows((FOLDER / "bio2.md").read_text())
        for number in re.findall(r"\b\d\.\d\d\.\d\d\b", row.name)
    )
    expected = {f"{group}.{one:02}" for group, ones in BIO2.items() for one in ones}
    assert expected - listed.keys() == set()
    assert listed.keys() - expected == set()
    assert [number for number, times in listed.items() if times > 1] == []


GOOD = "`tests/unit/docs/test_compliance.py::test_pages_show_what_they_say`"


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        ("", "no test, and no reason why"),
        ("geen: later", "no test, and no reason why"),
        ("komt nog", "no test, and no reason why"),
        ("`tests/unit/docs/test_compliance.py::test_nothing`", "no such test"),
        ("`tests/unit/docs/test_absent.py::test_nothing`", "no such test"),
        ("`deploy/house_rules.py::faults`", "no such test"),
        (f"{GOOD} en meer", "neither a test nor a reason"),
        (f"{GOOD}<br>`make test`", "no such test"),
    ],
)
def test_row_without_a_test_or_a_reason_is_refused(cell: str, fault: str) -> None:
    page = f"| maatregel | {PROOF} |\n|---|---|\n| 8.03.02 | {cell} |\n"
    [found] = page_faults(page)
    assert found.startswith(f"8.03.02: {fault}")


@pytest.mark.parametrize(
    "cell",
    [GOOD, f"{GOOD}<br>{GOOD}", "geen: dit doet de gemeente zelf", "na te gaan: geldt dit al?"],
)
def test_row_with_a_test_or_a_reason_is_accepted(cell: str) -> None:
    assert page_faults(f"| maatregel | {PROOF} |\n|---|---|\n| 8.03.02 | {cell} |\n") == []


@pytest.mark.parametrize(
    "span",
    [
        "confidental", "[tenants.privasy]", "POSTKAMER_ARCHIVE_KEYS", "archivists",
        "PostkamerSilent", "tests/unit/docs/test_compliance.py::test_nothing",
    ],
)  # fmt: skip
def test_name_that_does_not_exist_is_refused(span: str) -> None:
    assert unknown_names(f"Zie `confidential`, `[tenants.privacy]` en `{span}`.") == [span]


def test_row_with_too_many_cells_is_refused() -> None:
    with pytest.raises(AssertionError):
        list(rows("| a | b |\n|---|---|\n| 1 | 2 | 3 |\n"))
