"""Opening hours as people write them: accepted, refused in a sentence, and spoken in Dutch."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.calendar.opening_hours import compile_hours
from services.calendar.opening_hours_syntax import LONGEST, fault, parse_expression, spoken

MONDAY = datetime(2026, 11, 23)  # noqa: DTZ001 - by the wall
"""Monday of a week without a holiday."""


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "24/7",
        "off",
        "Mo-Fr 09:00-17:00",
        "mo-fr 9:00-17:00;  PH\n  off",
        "Mo-Fr 09:00-12:00,13:00-17:00; Th 09:00-20:00; PH off",
        "Mo-Fr 09:00-17:00, Th 18:00-20:00",
        "Mo-Fr 09:00-17:00; Mo-Fr 12:00-13:00 off",
        "Mo-Fr,PH 09:00-17:00",
        "Mo-Fr 09:00-17:00; PH off; Dec 24 09:00-12:00",
        "Jun-Aug Mo-Fr 09:00-12:00; Sep-May Mo-Fr 09:00-17:00",
        "week 1-53/2 Mo 09:00-12:00; Mo[1] 18:00-20:00; easter -2 days off",
        "Fr 22:00-03:00",
        "off; Mo-Fr 09:00-17:00",
        "Sa-Su 00:00-24:00",
    ],
)
def test_opening_hours_that_make_sense_are_accepted(expression: str) -> None:
    assert fault(expression) == ""


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        # Unreadable
        ("ma-vr 09:00-17:00", "cannot be read: 'ma-vr 09:00-17:00'"),
        ("Mo-Fr 9-17", "cannot be read: '9-17'"),
        ("Mo-Fr 09.00-17.00", "cannot be read: '09.00-17.00'"),
        ("Mo-Fr 09:00–17:00", r"cannot be read: '09:00\u201317:00'"),
        ("Mo-Fr 09:00-17:00;", "cannot be read: '09:00-17:00;'"), (" ", "cannot be read: ''"),
        ("2026-2020 Mo off", "cannot be read: '2026-2020 Mo off'"),
        ("\x00", r"cannot be read: '\x00'"), ("\ud800", r"cannot be read: '\ud800'"),
        ("Mo-Fr 09:00-17:00" + " " * LONGEST, "at most 500 characters"),
        # Readable, but without an answer to when it is open
        ('Mo-Fr 09:00-17:00 "op afspraak"', "comment"),
        ("Mo-Fr 09:00-17:00; Sa unknown", "should be known"),
        ("Mo-Fr 09:00-17:00 || Sa 10:00-12:00", "||"),
        ("Mo-Fr sunrise-17:00", "sun"),
        ("Mo-Fr (dusk-01:00)-23:00", "sun"),
        ("Mo-Fr 09:00+", "open end"),
        ("Mo-Fr 09:00-17:00+", "open end"),
        ("Mo-Fr 09:00-17:00/00:30", "in between"),
        ("Mo-Fr 09:00-17:00; SH off", "School holidays"),
        ("Mo-Fr 09:00-09:00", "24 hours"),
        ("Mo-Fr 00:00-00:00", "24 hours"),
        ("Mo-Fr 09:00-17:00; Feb 30 off", "no such day"),
        ("Mo-Fr 09:00-17:00; 2026 Nov 28-31 off", "no such day"),
        ("Mo-Fr", "Mo-Fr has no times"),
        ("Mo-Fr 09:00-17:00; PH", "PH has no times"),
        ("Mo-Fr 09:00-17:00; 2026 Dec 24", "2026 Dec 24 has no times"),
        # Rules that undo each other
        ("Mo-Fr 08:30-12:00; Mo-Fr 13:00-17:00", "Mo-Fr 08:30-12:00 is replaced"),
        ("Mo 09:00-17:00; Fr 09:00-12:00; Mo-Fr 10:00-11:00", "Mo 09:00-17:00 is replaced"),
        ("Mo-Fr 09:00-17:00; off", "Mo-Fr 09:00-17:00 is replaced"),
        ("PH off; Mo-Fr 09:00-17:00", "Mo-Fr 09:00-17:00 undoes"),
        ("PH off, Mo-Fr 09:00-17:00", "Mo-Fr 09:00-17:00 undoes"),
        ("Dec 25-26 off; 09:00-17:00", "09:00-17:00 undoes"),
        ("PH off; PH 10:00-12:00", "PH closed is replaced"),
    ],
)  # fmt: skip
def test_opening_hours_that_make_no_sense_have_a_fault(expression: str, words: str) -> None:
    assert words in fault(expression)
    assert spoken(expression) == ""


@pytest.mark.parametrize(
    ("expression", "dutch"),
    [
        ("24/7", "elke dag de hele dag"),
        ("24/7; PH off", "elke dag de hele dag, niet op feestdagen"),
        ("Mo-Fr 09:00-17:00", "maandag tot en met vrijdag van 09.00 tot 17.00 uur"),
        ("Mo-Fr 9:00-17:00; PH off",
         "maandag tot en met vrijdag van 09.00 tot 17.00 uur, niet op feestdagen"),
        ("Mo-Fr 09:00-12:00,13:00-17:00",
         "maandag tot en met vrijdag van 09.00 tot 12.00 uur en van 13.00 tot 17.00 uur"),
        ("Mo-Fr 09:00-17:00; Th 09:00-20:00",
         "maandag tot en met woensdag en vrijdag van 09.00 tot 17.00 uur, "
         "donderdag van 09.00 tot 20.00 uur"),
        ("Mo-Fr 13:00-17:00, Th 09:00-12:00",
         "maandag tot en met woensdag en vrijdag van 13.00 tot 17.00 uur, "
         "donderdag van 09.00 tot 12.00 uur en van 13.00 tot 17.00 uur"),
        ("Mo-Fr 09:00-17:00; We off",
         "maandag, dinsdag, donderdag en vrijdag van 09.00 tot 17.00 uur"),
        ("Sa,Su 10:00-24:00, PH off",
         "zaterdag en zondag van 10.00 tot 24.00 uur, niet op feestdagen"),
        ("09:00-21:00", "elke dag van 09.00 tot 21.00 uur"),
        # Not so simple
        ("", ""),
        ("off", ""),
        ("Mo-Fr,PH 09:00-17:00", ""),
        ("Fr 22:00-03:00", ""),
        ("Fr 22:00-26:00", ""),
        ("Mo-Fr 09:00-17:00; Mo-Fr 12:00-13:00 off", ""),
        ("Mo-Fr 09:00-17:00; Dec 24 off", ""),
        ("Mo[1] 09:00-17:00", ""),
        ("2026 Mo-Fr 09:00-17:00", ""),
        ("Mo 09:00-10:00; Tu 09:00-11:00; We 09:00-12:00; Th 09:00-13:00", ""),
    ],
)  # fmt: skip
def test_simple_hours_are_spoken_in_dutch(expression: str, dutch: str) -> None:
    assert fault(expression) == ""
    assert spoken(expression) == dutch


DAYS = ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"]


def understood(sentence: str) -> set[tuple[int, str, str]]:
    """(Day, from, till) of each opening that a sentence tells of."""
    words = rf"{'|'.join(DAYS)}|elke dag|tot en met|de hele dag|van \d\d.\d\d tot \d\d.\d\d"
    days: list[int] = []
    week, through, timed = set(), False, True
    for word in re.findall(words, sentence):
        if word in DAYS or word == "elke dag":
            days, timed = ([], False) if timed else (days, False)
            day = DAYS.index(word) if word in DAYS else 6
            start = days[-1] + 1 if through else (day if word in DAYS else 0)
            days, through = [*days, *range(start, day + 1)], False
        elif word == "tot en met":
            through = True
        else:
            timed = True
            whole = word == "de hele dag"
            times = ["00.00", "24.00"] if whole else re.findall(r"\d\d.\d\d", word)
            week |= {(day, times[0], times[1]) for day in days}
    return week


NAMES = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"]
PARTS = st.sampled_from([*NAMES, "Mo-Fr", "Tu-Th", "Sa-Su", "Fr-Mo", "Mo-Su"])
TIMES = st.lists(
    st.sampled_from(["08:00-10:30", "11:00-12:00", "13:00-17:00", "18:00-24:00", "00:00-07:00"]),
    min_size=1, max_size=2, unique=True,
)  # fmt: skip
RULES = st.tuples(
    st.lists(PARTS, min_size=1, max_size=2).map(",".join), TIMES.map(",".join) | st.just("off")
).map(" ".join)
WEEKS = st.lists(st.tuples(RULES, st.sampled_from(["; ", ", "])), min_size=1, max_size=4).map(
    lambda rules: rules[0][0] + "".join(mark + rule for rule, mark in rules[1:])
)


@pytest.mark.slow
@given(WEEKS)
def test_spoken_hours_are_those_in_which_it_is_open(expression: str) -> None:
    if sentence := spoken(expression):
        openings = understood(sentence)
        for quarter in range(7 * 96):
            at = MONDAY + timedelta(minutes=15 * quarter)
            clock = f"{at:%H.%M}"
            is_spoken = any(d == at.weekday() and f <= clock < t for d, f, t in openings)
            assert is_spoken is parse_expression(expression).is_open(at)


TOKENS = st.sampled_from(
    [
        *("Mo", "Tu-Su", "Mo[1]", "PH", "SH", "2026", "2026-9999/3", "Jan", "Feb-Dec", "Dec", "31"),
        *("week", "1-53/2", "53", "easter", "+1", "-400", "day", "days", "24/7", "off", "unknown"),
        *("09:00-17:00", "22:00-48:00", "00:00-00:01", "sunset", '"', "(", ")", *"-,;+/:", "||"),
    ]
)


@given(
    st.text(max_size=60)
    | st.lists(TOKENS, max_size=12).map(" ".join)
    | st.lists(TOKENS, max_size=12).map("".join)
    | st.tuples(TOKENS, st.integers(1, 2**14)).map(lambda pair: pair[0] * pair[1])
)
def test_any_expression_has_a_fault_or_can_be_compiled(expression: str) -> None:
    if not fault(expression):
        assert len(expression) <= LONGEST
        at = MONDAY.replace(tzinfo=UTC)
        hours = compile_hours(expression, ())
        assert hours.is_open(at) in (True, False)
        hours.next_opening(at)
    assert isinstance(spoken(expression), str)
