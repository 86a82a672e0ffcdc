"""The valuation of a conversation, as a table."""

from datetime import date
from typing import Any

import pytest

from archiver.retention.selection import TenantTerms, build_terms
from archiver.retention.valuation import Facts, Valuation, longer_of, value

DAY = date(2026, 11, 22)
TERMS = build_terms("almelo", "6.1.3", {"or": "15.1", "recht": "13.1.3", "plan": "2.1"})
NONE = build_terms("almelo", "", {"or": "15.1"})
ONE_YEAR, FIVE_YEARS = date(2027, 11, 22), date(2031, 11, 22)


@pytest.mark.parametrize(
    ("fields", "terms", "expected"),
    [
        ({"closed_on": None, "code": "6.1.3"}, TERMS, Valuation("open")),
        ({}, TERMS, Valuation("destroy", "6.1.3", ONE_YEAR)),
        # The longest of all departments that had it.
        ({"departments": ("or", "kcc")}, TERMS, Valuation("destroy", "15.1", FIVE_YEARS)),
        ({"departments": ("or", "recht")}, TERMS, Valuation("permanent", "13.1.3")),
        ({"departments": ("or", "plan")}, TERMS, Valuation("waits", "2.1")),
        ({"departments": ("recht", "plan")}, TERMS, Valuation("permanent", "13.1.3")),
        # One of them has none: its term might be the longest.
        ({"departments": ("or", "kcc")}, NONE, Valuation("unset")),
        ({"departments": ()}, NONE, Valuation("unset")),
        ({"departments": ()}, TERMS, Valuation("destroy", "6.1.3", ONE_YEAR)),
        # A person's result counts alone.
        (
            {"departments": ("or", "recht"), "code": "6.1.3", "source": "person"},
            TERMS,
            Valuation("destroy", "6.1.3", ONE_YEAR),
        ),
        ({"code": "13.1.3", "source": "person"}, TERMS, Valuation("permanent", "13.1.3")),
        ({"code": "99.9", "source": "person"}, TERMS, Valuation("unset")),
        # A term that begins later waits for its begin.
        ({"code": "6.1.8", "source": "person"}, TERMS, Valuation("waits", "6.1.8")),
        (
            {"code": "6.1.8", "source": "person", "starts_on": date(2030, 1, 1)},
            TERMS,
            Valuation("destroy", "6.1.8", date(2035, 1, 1)),
        ),
        # It never ends before the closing.
        (
            {"code": "4.1.7", "source": "person", "starts_on": date(1950, 1, 1)},
            TERMS,
            Valuation("destroy", "4.1.7", DAY),
        ),
        # A zaak says by its result.
        ({"has_zaak": True}, TERMS, Valuation("waits")),
        (
            {"has_zaak": True, "code": "13.1.3", "source": "person"},
            TERMS,
            Valuation("waits", "13.1.3"),
        ),
        (
            {"has_zaak": True, "code": "6.1", "source": "zaak", "starts_on": date(2028, 1, 1)},
            TERMS,
            Valuation("destroy", "6.1", date(2033, 1, 1)),
        ),
        (
            {"has_zaak": True, "code": "13.1.3", "source": "zaak"},
            NONE,
            Valuation("permanent", "13.1.3"),
        ),
    ],
)
def test_valuation(fields: dict[str, Any], terms: TenantTerms, expected: Valuation) -> None:
    facts = Facts(**{"departments": ("kcc",), "closed_on": DAY} | fields)
    assert value(facts, terms) == expected


@pytest.mark.parametrize(
    ("first", "second", "longer"),
    [
        ("6.1.3", "15.1", "15.1"),
        ("15.1", "6.1.3", "15.1"),
        ("", "6.1.3", "6.1.3"),
        ("7.1.2", "6.1.8", "6.1.8"),
        ("6.1.8", "13.1.3", "13.1.3"),
    ],
)
def test_longer_of_two_results(first: str, second: str, longer: str) -> None:
    assert longer_of(first, second) == longer


def test_terms_have_one_hash_that_changes_with_them() -> None:
    again = build_terms("almelo", "6.1.3", {"plan": "2.1", "recht": "13.1.3", "or": "15.1"})
    others = [
        build_terms("hengelo", "6.1.3", TERMS.department_codes),
        build_terms("almelo", "6.1", TERMS.department_codes),
        build_terms("almelo", "6.1.3", {"or": "15.1"}),
    ]
    assert again.digest == TERMS.digest
    assert len({TERMS.digest, *(each.digest for each in others)}) == 4
