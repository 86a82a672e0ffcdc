"""The selection list of 2020, and its terms by the calendar."""

from datetime import date

import pytest

from services.retention.selection_list import BEGINS, PERMANENT, RESULTS
from services.retention.term import Term, last_day, parse_term

FACTS = {
    "6.1.3": ("P1Y", ""),
    "6.1": ("P5Y", ""),
    "6.1.1": ("P7Y", ""),
    "6.1.8": ("P5Y", "object"),
    "6.2": ("P1Y", ""),
    "15.1": ("P5Y", ""),
    "15.3": ("P1Y", ""),
    "13.1": ("P5Y", ""),
    "13.1.2": ("P10Y", ""),
    "13.1.3": (PERMANENT, ""),
    "13.1.4": ("P1Y", ""),
    "5.1.3": ("P1Y", ""),
    "20.1": ("P1Y", ""),
    "21.1": ("P5Y", ""),
    "19.1.18": (PERMANENT, ""),
    "19.1.24": ("P6M", ""),
    "5.1.6": ("P1Y", "date"),
    "4.1.7": ("P67Y", "stated"),
    "7.1.21": ("P1Y6M", ""),
}
"""Results that towns use, and those of each kind, as they are in Stcrt. 2020, 11143."""


def test_selection_list_has_every_result_that_holds() -> None:
    assert len(RESULTS) == 344 and not {"7.1.20", "19.1.13"} & set(RESULTS)
    assert {code: (RESULTS[code].keep, RESULTS[code].begins) for code in FACTS} == FACTS
    assert RESULTS["6.1.3"].title == "Verzoeken behandelen: Ingewilligd, Informatieverzoek"


def test_each_result_has_a_term_or_is_kept_for_ever() -> None:
    for result in RESULTS.values():
        assert (result.term is None) == (result.keep == PERMANENT)
        assert not result.begins or result.begins in BEGINS
        assert result.begins != "stated" or result.note, result.code


@pytest.mark.parametrize(
    ("begin", "term", "end"),
    [
        (date(2026, 11, 22), "P5Y", date(2031, 11, 22)),
        (date(2024, 2, 29), "P1Y", date(2025, 2, 28)),
        (date(2024, 2, 29), "P20Y", date(2044, 2, 29)),
        (date(2026, 8, 31), "P6M", date(2027, 2, 28)),
        (date(2026, 12, 31), "P1Y6M", date(2028, 6, 30)),
        (date(2026, 12, 31), "P0D", date(2026, 12, 31)),
        (date(2026, 12, 31), "P42D", date(2027, 2, 11)),
    ],
)
def test_term_ends_by_the_calendar(begin: date, term: str, end: date) -> None:
    assert last_day(begin, parse_term(term)) == end


@pytest.mark.parametrize("text", ["", "P", "1Y", "PT1H", "P1W", "P-1Y", "permanent"])
def test_no_duration_of_days_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        parse_term(text)
    assert parse_term("P1Y2M3D") == Term(1, 2, 3)
