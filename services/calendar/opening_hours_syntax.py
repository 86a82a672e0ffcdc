"""Syntax of opening hours: the accepted part of OpenStreetMap's notation, and hours in Dutch. Pure.

An expression is a list of rules, `Mo-Fr 09:00-17:00; PH off`. The last rule that holds for a day
counts; a rule after a comma adds to the rules before it.
"""

import re
from collections.abc import Iterable
from itertools import groupby

import msgspec
from opening_hours import OpeningHours, ParserError  # type: ignore[attr-defined]

from services.calendar.dutch_hours import rewrite_hours

LONGEST = 500
"""Most characters in an expression. Hours for each day of each season take about 300, and the
library parses any 500 characters in less than a millisecond."""
SIMPLE = 3
"""Most groups of days with different hours that a citizen can follow in one sentence."""

WEEK = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
DAYS = ("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag")
HOLIDAY = "PH"

WRITTEN = (
    "Write hours as in Mo-Fr 09:00-17:00; PH off, with Mo Tu We Th Fr Sa Su for the days and PH for"
    " public holidays"
)
REFUSED = (
    ('"', "A comment in quotes is for people: whether it is open then is not known"),
    ("unknown", "Whether it is open should be known: write times, or off"),
    (r"\|\|", "What follows || holds where nothing else does: write rules with ; instead"),
    ("sunrise|sunset|dawn|dusk", "Where the sun is depends on the place: write times"),
    (r":\d\d\+", "An open end, as in 09:00+, tells nobody until when: write both times"),
    (r":\d\d/", "Times with a / are moments in between: write from when until when"),
    ("SH", "School holidays are not known: write their dates, or [[closings]]"),
    ("Feb 3|(Apr|Jun|Sep|Nov) 31", "There is no such day in that month"),
    (r"(\d\d:\d\d)-\1", "From a time until that same time is 24 hours: write 00:00-24:00"),
)
"""Notation that the library accepts but that no department can mean, as a pattern on the library's
output, with the error sentence."""

_DAY = "(?:Mo|Tu|We|Th|Fr|Sa|Su|PH)"
_TIMES = r"\d\d:\d\d-\d\d:\d\d"
_WEEKLY = re.compile(
    rf"(?:({_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)*) )?(?:({_TIMES}(?:,{_TIMES})*)|closed)"
)


class _Rule(msgspec.Struct, frozen=True):
    """One rule of an expression: `times` on `days`; without times it is closed.

    `days` is empty if the rule does not hold in each week. If `adds`, it adds to the rules before
    it; else it replaces them.
    """

    text: str
    adds: bool
    days: frozenset[str] = frozenset()
    times: tuple[str, ...] = ()


def fault(expression: str) -> str:
    """Return a sentence about what is wrong with an expression; '' if nothing is."""
    if not expression:
        return ""
    if len(expression) > LONGEST:
        return f"Hours should be at most {LONGEST} characters"
    try:
        return _meaning_fault(_normalise(expression))
    except (ParserError, UnicodeEncodeError) as error:
        return _unreadable(" ".join(expression.split()), str(error))


def _normalise(expression: str) -> str:
    """Return an expression in the library's notation; raises its error if it cannot be read."""
    # The library writes a whole day without its times, like a day without any times.
    return str(parse_expression(expression.replace("00:00-24:00", "00:00-23:59")))


def _meaning_fault(normalised: str) -> str:
    """Return a sentence about an expression that can be read and that no department can mean."""
    refusals = (sentence for pattern, sentence in REFUSED if re.search(pattern, normalised))
    return next(refusals, "") or _conflict(_rules(normalised))


def _unreadable(text: str, error: str) -> str:
    place = re.search(r"--> 1:(\d+)", error)
    # The library reads the first letters of werkdagen as a day: the whole word is shown.
    begin = text.rfind(" ", 0, int(place[1])) + 1 if place else 0
    rest = text[begin:]
    guess = _guess_hours(text)
    meant = f": did you mean {guess!r}?" if guess else ""
    return f"{WRITTEN}: this cannot be read: {rest[:20]!a}{meant}"


def _guess_hours(text: str) -> str:
    """Return the hours that were probably meant; '' unless they are hours of each week."""
    guess = rewrite_hours(text)
    try:
        normalised = _normalise(guess)
    except (ParserError, UnicodeEncodeError):
        return ""
    is_weekly = all(rule.days for rule in _rules(normalised))
    return guess if guess and is_weekly and not _meaning_fault(normalised) else ""


def _conflict(rules: list[_Rule]) -> str:
    """Return a sentence about a rule that undoes earlier ones: the last rule for a day replaces
    them."""
    has_exception = False
    for nth, rule in enumerate(rules):
        if not re.search(r"24/7|\d:\d|closed$", rule.text):
            return f"{rule.text} has no times: write from when until when, or off"
        if has_exception and rule.days - {HOLIDAY}:
            return f"{rule.text} undoes an exception before it: write exceptions last"
        has_exception |= not rule.days - {HOLIDAY}
        later = [other.days for other in rules[nth + 1 :] if not other.adds]
        if rule.days and rule.days <= frozenset().union(*later):
            return f"{rule.text} is replaced by a later rule for the same days: write one rule"
    return ""


def spoken(expression: str) -> str:
    """Format an expression in Dutch, as `maandag tot en met vrijdag van 09.00 tot 17.00 uur`; '' if
    it is not that simple."""
    rules = [] if not expression or fault(expression) else _rules(str(parse_expression(expression)))
    week = _week(rules)
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, day in enumerate(WEEK):
        groups.setdefault(week.get(day, ()), []).append(index)
    groups.pop((), None)
    ends_same_day = all(t[:5] < t[6:] <= "24:00" for times in groups for t in times)
    is_weekly = ends_same_day and all(rule.days for rule in rules) and not week.get(HOLIDAY)
    if not is_weekly or not 1 <= len(groups) <= SIMPLE:
        return ""
    clauses = [f"{_days(days)} {_times(times)}" for times, days in groups.items()]
    return ", ".join([*clauses, "niet op feestdagen"] if HOLIDAY in week else clauses)


def parse_expression(expression: str) -> OpeningHours:
    """Parse an expression.

    It has no time zone, because the library refuses local times that a change of the clock skips.
    Line ends and double spaces are removed, because the library cannot read them.
    """
    text = " ".join(expression.split())
    return OpeningHours(text, country="NL", auto_country=False, auto_timezone=False)


def _rules(normalised: str) -> list[_Rule]:
    """Return the rules of an expression in the library's notation."""
    parts = re.split("([;,]) ", f"; {normalised}")[1:]
    return [_rule(text, mark == ",") for mark, text in zip(parts[::2], parts[1::2], strict=True)]


def _week(rules: list[_Rule]) -> dict[str, tuple[str, ...]]:
    """Return the times of each day; () if a rule closes it."""
    week: dict[str, tuple[str, ...]] = {}
    for rule in rules:
        for day in rule.days:
            previous = week.get(day, ()) if rule.adds and rule.times else ()
            week[day] = tuple(sorted((*previous, *rule.times)))
    return week


def _rule(text: str, adds: bool) -> _Rule:
    plain = {"24/7": "00:00-24:00", "24/7 closed": "closed"}.get(text, text)
    match = _WEEKLY.fullmatch(plain)
    if not match:
        return _Rule(text, adds)
    days = match[1].split(",") if match[1] else WEEK
    times = tuple(match[2].split(",")) if match[2] else ()
    return _Rule(text, adds, frozenset(day for part in days for day in _range(part)), times)


def _range(part: str) -> Iterable[str]:
    """Return the days of a range such as `Fr-Mo`."""
    if HOLIDAY in part:
        return (HOLIDAY,)
    first, last = WEEK.index(part[:2]), WEEK.index(part[-2:])
    return (WEEK + WEEK)[first:][: (last - first) % 7 + 1]


def _days(days: list[int]) -> str:
    if len(days) == len(DAYS):
        return "elke dag"
    names: list[str] = []
    for _, consecutive in groupby(enumerate(days), lambda pair: pair[1] - pair[0]):
        run = [DAYS[day] for _, day in consecutive]
        names += run if len(run) < 3 else [f"{run[0]} tot en met {run[-1]}"]
    return " en ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _times(times: tuple[str, ...]) -> str:
    if times == ("00:00-24:00",):
        return "de hele dag"
    return " en ".join(f"van {t[:5]} tot {t[6:]} uur" for t in times).replace(":", ".")
