"""How hours are written: what of OpenStreetMap's notation is taken, and how it is said in Dutch.

An expression is rules, `Mo-Fr 09:00-17:00; PH off`: of those that hold for a day the last counts,
and after a comma a rule adds to those before it. Pure.
"""

import re
from collections.abc import Iterable
from itertools import groupby

import msgspec
from opening_hours import OpeningHours, ParserError  # type: ignore[attr-defined]

LONGEST = 500
"""Characters in an expression: hours for each day of each season take about 300, and the library
reads so many in less than a millisecond, whatever they are."""
SIMPLE = 3
"""Groups of days with hours of their own that a citizen still follows in one sentence."""

WEEK = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
DAYS = ("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag")
HOLIDAY = "PH"

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
"""What the library reads and no department can mean; sought in what it makes of an expression."""

_DAY = "(?:Mo|Tu|We|Th|Fr|Sa|Su|PH)"
_TIMES = r"\d\d:\d\d-\d\d:\d\d"
_WEEKLY = re.compile(
    rf"(?:({_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)*) )?(?:({_TIMES}(?:,{_TIMES})*)|closed)"
)


class _Rule(msgspec.Struct, frozen=True):
    """One rule of an expression: `times` on `days`, closed without any. `days` is empty for what
    does not hold in each week. `adds`: to the rules before it; else it replaces them."""

    text: str
    adds: bool
    days: frozenset[str] = frozenset()
    times: tuple[str, ...] = ()


def fault(expression: str) -> str:
    """What is wrong with it, in a sentence; '' where nothing is."""
    if not expression:
        return ""
    if len(expression) > LONGEST:
        return f"Hours should be at most {LONGEST} characters"
    try:
        # The library writes a whole day without its times, as one whose times were forgotten.
        read = str(parsed(expression.replace("00:00-24:00", "00:00-23:59")))
    except (ParserError, UnicodeEncodeError) as error:
        return _unreadable(" ".join(expression.split()), str(error))
    said = (sentence for pattern, sentence in REFUSED if re.search(pattern, read))
    return next(said, "") or _muddle(_rules(read))


def _unreadable(text: str, error: str) -> str:
    place = re.search(r"--> 1:(\d+)", error)
    rest = text[int(place[1]) - 1 :] if place else text
    return f"Write hours as in Mo-Fr 09:00-17:00; PH off: this cannot be read: {rest[:20]!a}"


def _muddle(rules: list[_Rule]) -> str:
    """Rules that undo earlier ones: the last that holds for a day replaces them."""
    exception = False
    for nth, rule in enumerate(rules):
        if not re.search(r"24/7|\d:\d|closed$", rule.text):
            return f"{rule.text} has no times: write from when until when, or off"
        if exception and rule.days - {HOLIDAY}:
            return f"{rule.text} undoes an exception before it: write exceptions last"
        exception |= not rule.days - {HOLIDAY}
        later = [other.days for other in rules[nth + 1 :] if not other.adds]
        if rule.days and rule.days <= frozenset().union(*later):
            return f"{rule.text} is replaced by a later rule for the same days: write one rule"
    return ""


def spoken(expression: str) -> str:
    """In Dutch, `maandag tot en met vrijdag van 09.00 tot 17.00 uur`; '' if not that simple."""
    rules = [] if not expression or fault(expression) else _rules(str(parsed(expression)))
    week = _week(rules)
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, day in enumerate(WEEK):
        groups.setdefault(week.get(day, ()), []).append(index)
    groups.pop((), None)
    by_day = all(t[:5] < t[6:] <= "24:00" for times in groups for t in times)
    weekly = by_day and all(rule.days for rule in rules) and not week.get(HOLIDAY)
    if not weekly or not 1 <= len(groups) <= SIMPLE:
        return ""
    said = [f"{_days(days)} {_times(times)}" for times, days in groups.items()]
    return ", ".join([*said, "niet op feestdagen"] if HOLIDAY in week else said)


def parsed(expression: str) -> OpeningHours:
    """Without a zone, so by the clock on the wall: the library refuses times that a change of the
    clock skips. Lines and double spaces, which a file may well have, it cannot read."""
    text = " ".join(expression.split())
    return OpeningHours(text, country="NL", auto_country=False, auto_timezone=False)


def _rules(read: str) -> list[_Rule]:
    """Of an expression as the library writes it."""
    parts = re.split("([;,]) ", f"; {read}")[1:]
    return [_rule(text, mark == ",") for mark, text in zip(parts[::2], parts[1::2], strict=True)]


def _week(rules: list[_Rule]) -> dict[str, tuple[str, ...]]:
    """Day -> times; () where a rule says that it is closed."""
    week: dict[str, tuple[str, ...]] = {}
    for rule in rules:
        for day in rule.days:
            earlier = week.get(day, ()) if rule.adds and rule.times else ()
            week[day] = tuple(sorted((*earlier, *rule.times)))
    return week


def _rule(text: str, adds: bool) -> _Rule:
    plain = {"24/7": "00:00-24:00", "24/7 closed": "closed"}.get(text, text)
    found = _WEEKLY.fullmatch(plain)
    if not found:
        return _Rule(text, adds)
    days = found[1].split(",") if found[1] else WEEK
    times = tuple(found[2].split(",")) if found[2] else ()
    return _Rule(text, adds, frozenset(day for part in days for day in _range(part)), times)


def _range(part: str) -> Iterable[str]:
    """Of `Fr-Mo` the days."""
    if HOLIDAY in part:
        return (HOLIDAY,)
    first, last = WEEK.index(part[:2]), WEEK.index(part[-2:])
    return (WEEK + WEEK)[first:][: (last - first) % 7 + 1]


def _days(days: list[int]) -> str:
    if len(days) == len(DAYS):
        return "elke dag"
    said: list[str] = []
    for _, numbered in groupby(enumerate(days), lambda pair: pair[1] - pair[0]):
        run = [DAYS[day] for _, day in numbered]
        said += run if len(run) < 3 else [f"{run[0]} tot en met {run[-1]}"]
    return " en ".join(filter(None, [", ".join(said[:-1]), said[-1]]))


def _times(times: tuple[str, ...]) -> str:
    if times == ("00:00-24:00",):
        return "de hele dag"
    return " en ".join(f"van {t[:5]} tot {t[6:]} uur" for t in times).replace(":", ".")
