"""The month's figures as tables, as bars and as a file. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import msgspec

from desk.postkamer.figures import DepartmentFigures, Figures, Month

MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")
MONTHS = 25
"""Months to choose from: two years, and the same month once more."""
CSV_BEGINNING = "\ufeff"
"""Byte order mark, by which a spreadsheet reads the file as UTF-8."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Characters with which a spreadsheet begins a formula."""

Value = int | Decimal | None
Column = Callable[[Figures], Value]


def _closed(outcome: str) -> Column:
    return lambda figures: figures.closed.get(outcome, 0)


TABLES: Mapping[str, Mapping[str, Column]] = {
    "conversations": {
        "opened": lambda each: each.opened,
        "begun": lambda each: each.begun,
        "reopened": lambda each: each.reopened,
        "transferred": lambda each: each.transferred,
        "windows_missed": lambda each: each.windows_missed,
    },
    "first": {
        "first_count": lambda each: each.first_answers.count,
        "first_median": lambda each: each.first_answers.median_minutes,
        "first_p90": lambda each: each.first_answers.p90_minutes,
        "open_median": lambda each: each.first_answers_open.median_minutes,
        "open_p90": lambda each: each.first_answers_open.p90_minutes,
    },
    "right": {
        "right": lambda each: each.right_at_once.right,
        "corrected": lambda each: each.right_at_once.corrected,
        "right_share": lambda each: each.right_at_once.percent,
    },
    "messages": {
        "received": lambda each: each.received,
        "by_employees": lambda each: each.by_employees,
        "automatic": lambda each: each.automatic,
        "by_systems": lambda each: each.by_systems,
        "undelivered": lambda each: each.undelivered,
    },
    "closed": {
        f"closed_{outcome}": _closed(outcome)
        for outcome in (
            "answered",
            "handled",
            "forwarded",
            "redirected",
            "unsaid",
            "idle",
            "merged",
        )
    }
    | {"without_message": lambda each: each.without_message},
    "costs": {
        "delivered": lambda each: each.costs.delivered if each.costs else None,
        "charged": lambda each: each.costs.charged if each.costs else None,
        "amount": lambda each: each.costs.amount if each.costs else None,
    },
}
"""Table -> column -> figure. The words of both are under [figures]."""
WAITS = frozenset({"first_median", "first_p90", "open_median", "open_p90"})
"""Columns in minutes."""
SHARES = frozenset({"right_share"})
"""Columns in percents."""
CENT = Decimal("0.01")


class Bar(msgspec.Struct, frozen=True):
    name: str
    value: int


def bars(month: Month) -> tuple[list[Bar], int]:
    """Return the messages of citizens by department, the most first, and the longest bar."""
    listed = [Bar(each.name, each.figures.received) for each in month.departments]
    busy = sorted((bar for bar in listed if bar.value), key=lambda bar: -bar.value)
    return busy, max((bar.value for bar in busy), default=0)


def months_to_choose(today: date, since: date | None) -> list[str]:
    """Return the months of which something may be counted, the newest first."""
    first = since or today
    newest = today.year * 12 + today.month - 1
    count = min(MONTHS, newest - (first.year * 12 + first.month - 1) + 1)
    return [f"{n // 12}-{n % 12 + 1:02}" for n in range(newest, newest - max(count, 1), -1)]


def csv_text(month: Month, say: Callable[..., str]) -> str:
    """Return the figures as a file for a spreadsheet (RFC 4180): a row for each department, then
    their sum. Waits are in minutes, and empty without any."""
    columns = [each for table in TABLES.values() for each in table.items()]
    heads = (say(f"figures.{name}") + _unit(name, say) for name, _ in columns)
    lines = [_line([say("figures.month"), say("figures.department"), *heads])]
    for each in _with_total(month, say):
        values = (column(each.figures) for _, column in columns)
        cells = map(_plain_number, values)
        lines.append(_line([month.month, _plain(each.name), *cells]))
    return CSV_BEGINNING + "".join(lines)


def _line(cells: Iterable[str]) -> str:
    """Return a row, in which all but numbers stands between quotes."""
    quoted = (
        each if each.replace(",", "").isdecimal() else '"' + each.replace('"', '""') + '"'
        for each in cells
    )
    return ";".join(quoted) + "\r\n"


def _plain_number(value: Value) -> str:
    """Return a number as a Dutch spreadsheet reads it."""
    return "" if value is None else str(value).replace(".", ",")


def _unit(name: str, say: Callable[..., str]) -> str:
    if name in SHARES:
        return " (%)"
    return f" ({say('figures.minutes')})" if name in WAITS else ""


def money(amount: Decimal, currency: str | None) -> str:
    """Return an amount in cents, with a comma as all Dutch readers write it."""
    sign = "€" if currency == "EUR" else currency or ""
    return f"{sign} {amount.quantize(CENT, ROUND_HALF_UP)}".replace(".", ",").strip()


def formatted(name: str, value: Value, currency: str | None, lasting: Callable[[int], str]) -> str:
    """Return a cell of a column as the page shows it; `lasting` writes minutes."""
    match value:
        case None:
            return "–"
        case Decimal():
            return money(value, currency)
    if name in WAITS:
        return lasting(value)
    return f"{value} %" if name in SHARES else str(value)


def _with_total(month: Month, say: Callable[..., str]) -> Iterator[DepartmentFigures]:
    yield from month.departments
    yield DepartmentFigures("", say("figures.total"), month.total)


def _plain(name: str) -> str:
    """Return a name that no spreadsheet takes for a formula."""
    return f"'{name}" if name.startswith(FORMULA) else name
