"""Contents of a month's report, in Dutch: figures and tables without small counts. Pure.

Its counts are those of the open data (`router.figures.statistics`), hidden where they are hidden
there: who has both learns nothing more. What else it says is no count that fits into those tables:
waits and shares, in which the counts cannot be found again; dangers of the whole municipality; and
costs in whole euros.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

import msgspec

from router.billing.month_costs import MessageTotals
from router.figures import tally
from router.figures.judgement import CORRECTED
from router.figures.month import (
    EARLIER,
    Beside,
    CountedRow,
    FirstAnswers,
    JudgedRow,
    MonthCounts,
    count_dangers,
    first_answers,
    group_judged,
    judged_versions,
    rule_row,
    settled_on,
    sum_judged,
)
from router.figures.statistics import (
    AUTHORS,
    OUTCOME_NAMES,
    TOTAL,
    Statistics,
    build_statistics,
)
from router.figures.suppression import SMALLEST_COUNT, Mark, Published
from services.calendar.opening_hours import AMSTERDAM
from services.calendar.spoken_dates import month_names
from services.config.model import Configuration
from services.config.organisation import Tenant

TENTHS = 10
"""Answers from which on nine of ten of them are more than all but one."""
NO_COUNT = "–"
"""Stands where there is nothing to say, or too little."""
DANGERS = {
    "emergency": "Spoed (112)",
    "suicide": "Zelfdoding",
    "violence": "Geweld en misbruik",
    "threat": "Bedreiging van medewerkers",
}
ALL = "Samen"
OTHERS = "Eerdere versies"
CURRENCIES = {"EUR": "€"}
END_COLUMNS = {
    OUTCOME_NAMES["answered"]: "Beant-\nwoord",
    OUTCOME_NAMES["handled"]: "Anders",
    OUTCOME_NAMES["forwarded"]: "Doorge-\nstuurd",
    OUTCOME_NAMES["redirected"]: "Ver-\nwezen",
    OUTCOME_NAMES[tally.UNSAID]: "Zonder uitkomst",
    OUTCOME_NAMES[tally.IDLE]: "Vanzelf",
    OUTCOME_NAMES[tally.MERGED]: "Samen-\ngevoegd",
    TOTAL: "Samen",
}
"""Outcome -> head of its column, which is narrow."""
MOST_RULES = 18
"""Rules in the table, those that placed most: half a page of them. The others are for those who
manage them, at the desk."""
DEPARTMENT_COLUMNS = (
    *("Afdeling", "Van inwoners", "Van ons", "Afgesloten"),
    *("Helft binnen", "9 van de 10 binnen", "Meteen goed"),
)


class Column(msgspec.Struct, frozen=True):
    name: str
    is_text: bool = False


class ReportTable(msgspec.Struct, frozen=True):
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    about: str = ""
    has_total: bool = False
    """True if the last row is that of all together."""


class KeyFigure(msgspec.Struct, frozen=True):
    name: str
    value: str
    about: str = ""


class Report(msgspec.Struct, frozen=True):
    month: str
    """Such as `2026-11`."""
    title: str
    municipality: str
    key_figures: tuple[KeyFigure, ...]
    tables: tuple[ReportTable, ...]
    notes: tuple[str, ...]


class _Month(NamedTuple):
    """Counts of departments that may be named, and what may be published of them."""

    statistics: Statistics
    figures: Sequence[CountedRow]
    judged: Sequence[JudgedRow]
    counts: MonthCounts
    config: Configuration
    beside: Beside

    @property
    def smallest(self) -> int:
        return self.statistics.smallest

    def show(self, cell: Published | str | None) -> str:
        """Return a count as readers see it."""
        if cell is None:
            return NO_COUNT
        shown = self.statistics.show(cell)
        return format_count(shown) if isinstance(shown, int) else shown

    def share(self, right: int, corrected: int) -> str:
        """Return how much was right at once, in whole percents, rounded down; of few, only that."""
        is_few, is_good = right < self.smallest, corrected < self.smallest
        if is_few and is_good:
            return NO_COUNT
        if is_few or is_good:
            return f"<{self.smallest} {'wel' if is_few else 'niet'}"
        return f"{100 * right // (right + corrected)} %"

    def waits(self, answers: FirstAnswers) -> tuple[str, str]:
        """Return half and nine of ten of the waits. Of few, they would be those of a person."""
        half = format_wait(answers.median_minutes) if answers.count >= self.smallest else NO_COUNT
        is_many = answers.count >= max(TENTHS, self.smallest)
        return half, format_wait(answers.p90_minutes) if is_many else NO_COUNT


def build_report(
    counts: MonthCounts, config: Configuration, tenant: Tenant, beside: Beside
) -> Report:
    """Return the report of a month that was counted."""
    statistics = build_statistics(counts, config, tenant)
    named = statistics.departments
    month = _Month(
        statistics,
        [row for row in counts.figures if row.department in named],
        [row for row in counts.judged if row.department in named],
        counts,
        config,
        beside,
    )
    year, number = map(int, statistics.month.split("-"))
    tables = (_departments, _ends, _rules, _versions, _dangers)
    return Report(
        month=statistics.month,
        title=f"WhatsApp in {month_names('nl')[number - 1]} {year}",
        municipality=tenant.name,
        key_figures=tuple(_key_figures(month)),
        tables=tuple(table for make in tables if (table := make(month))),
        notes=tuple(_notes(month)),
    )


def _key_figures(month: _Month) -> Iterator[KeyFigure]:
    statistics = month.statistics
    received = _cells(statistics, "berichten-per-uur").get((TOTAL, TOTAL))
    yield KeyFigure("Ontvangen", month.show(received), "berichten van inwoners")
    answered = month.show(statistics.first_answers)
    yield KeyFigure("Beantwoord", answered, "gesprekken, door een medewerker")
    ended = _cells(statistics, "uitkomsten").get((TOTAL, TOTAL))
    yield KeyFigure("Afgesloten", month.show(ended), "gesprekken")
    half, tenths = month.waits(first_answers(month.figures, tally.FIRST_ANSWER_OPEN))
    silent = month.show(statistics.without_message)
    yield KeyFigure("Zonder bericht", silent, "afgehandeld, zonder iets te sturen")
    yield KeyFigure("Eerste antwoord", half, "de helft, in openingstijd")
    yield KeyFigure("Eerste antwoord", tenths, "negen van de tien, in openingstijd")
    share = month.share(*sum_judged(month.judged))
    yield KeyFigure("Meteen goed", share, "meteen naar de goede afdeling")
    yield _costs(month)


def _costs(month: _Month) -> KeyFigure:
    costs, named = month.beside.costs, month.statistics.departments
    if costs is None or costs.rate_from is None:
        return KeyFigure("Kosten", NO_COUNT, "geen tarief ingesteld")
    total = MessageTotals()
    for row in costs.rows:
        if row.department in named:
            total = total.plus(row)
    amount = (total.amount or Decimal(0)).quantize(Decimal(1), ROUND_HALF_UP)
    sign = CURRENCIES.get(costs.currency or "", costs.currency or "")
    delivered = total.delivered if total.delivered >= month.smallest else Mark.SMALL
    about = f"hele euro's; {month.show(delivered)} berichten bezorgd"
    return KeyFigure("Kosten", f"{sign} {format_count(int(amount))}", about)


def _departments(month: _Month) -> ReportTable | None:
    statistics = month.statistics
    received = _cells(statistics, "berichten-per-uur")
    answers, ends = _cells(statistics, "antwoorden"), _cells(statistics, "uitkomsten")
    judged, telling = group_judged(month.judged, lambda row: row.department), _find_telling(month)
    rows = []
    for id, name in _names(month):
        own = month.figures
        if id != TOTAL:
            own = [row for row in own if row.department == id]
        counts = judged.get(id, (0, 0)) if id != TOTAL else sum_judged(month.judged)
        share = month.share(*counts) if id not in telling else NO_COUNT
        rows.append((
            name,
            month.show(received.get((id, TOTAL))),
            month.show(answers.get((id, AUTHORS[tally.EMPLOYEE]))),
            month.show(ends.get((id, TOTAL))),
            *month.waits(first_answers(own, tally.FIRST_ANSWER_OPEN)),
            share,
        ))  # fmt: skip
    return _table(
        "Per afdeling",
        DEPARTMENT_COLUMNS,
        rows,
        "Berichten van inwoners en van medewerkers, gesprekken die eindigden, de wachttijd op het"
        " eerste antwoord van een medewerker in openingstijd, en hoeveel de regels meteen naar de"
        " goede afdeling brachten.",
        has_total=True,
    )


def _find_telling(month: _Month) -> set[str]:
    """Return the departments of which the share would tell how often a rule was corrected that
    hides it. With the counts of its other rules it tells the sum of the hidden ones: of one rule
    alone, or of several if these are all none or all as many as may be hidden.
    """
    records = month.statistics.table("regels").records
    shown = {row[1] for row in records if not isinstance(row[-1], Mark)}
    corrected: dict[str, Counter[str]] = {}
    for row in month.judged:
        if (rule := rule_row(row.rule, month.config)) not in shown:
            count = row.count if row.what == CORRECTED else 0
            corrected.setdefault(row.department, Counter())[rule] += count
    return {
        department
        for department, counts in corrected.items()
        if len(counts) == 1 or counts.total() in (0, (SMALLEST_COUNT - 1) * len(counts))
    }


def _names(month: _Month) -> Iterator[tuple[str, str]]:
    """Yield the departments, and all together. A name for citizens may begin small."""
    for id, name in month.statistics.departments.items():
        yield id, name[:1].upper() + name[1:]
    yield TOTAL, ALL


def _ends(month: _Month) -> ReportTable | None:
    ends = _cells(month.statistics, "uitkomsten")
    outcomes = list(dict.fromkeys(outcome for _, outcome in ends))
    if not ends:
        return None
    rows = [
        (name, *(month.show(ends[id, outcome]) for outcome in outcomes))
        for id, name in _names(month)
    ]
    names = (END_COLUMNS.get(each, each) for each in outcomes)
    return _table("Hoe gesprekken eindigden", ("Afdeling", *names), rows, has_total=True)


def _rules(month: _Month) -> ReportTable | None:
    """Return the rules that placed most. A share is shown where the count of what was not right is,
    and a rule of which the count is hidden in no place that tells how great it is."""
    records = [row[1:] for row in month.statistics.table("regels").records if row[1] != TOTAL]
    judged = group_judged(month.judged, lambda row: rule_row(row.rule, month.config))
    listed = sorted(
        (row for row in records if row[2] is not Mark.SMALL),
        key=lambda row: (-row[2] if isinstance(row[2], int) else 0, str(row[1])),
    )[:MOST_RULES]
    rows = []
    for rule, name, placed, corrected in listed:
        share = month.share(*judged.get(str(rule), (0, 0)))
        is_known = corrected is not Mark.HIDDEN
        shown = month.show(placed), month.show(corrected), share if is_known else NO_COUNT
        rows.append((str(name), *shown))
    left = len(records) - len(rows)
    about = (
        "Hoe vaak een regel een gesprek aan een afdeling gaf, en hoe vaak een medewerker het daarna"
        " aan een andere gaf."
    )
    if left:
        about += f" De andere {left} regels staan er niet bij."
    return _table("Regels", ("Regel", "Geplaatst", "Verbeterd", "Meteen goed"), rows, about)


def _versions(month: _Month) -> ReportTable | None:
    rows = [
        (
            each.version if each.version != EARLIER else OTHERS,
            f"{each.first_at.astimezone(AMSTERDAM):%d-%m-%Y}" if each.first_at else NO_COUNT,
            month.share(each.right, each.corrected),
        )
        for each in judged_versions(month.judged, month.beside.first_uses)
    ]
    return _table(
        "Versies van de regels",
        ("Versie", "In gebruik sinds", "Meteen goed"),
        rows,
        "De versie die het gesprek plaatste; de nieuwste eerst.",
        texts=2,
    )


def _dangers(month: _Month) -> ReportTable | None:
    rows = [
        (DANGERS[each], month.show(n if n >= month.smallest else Mark.SMALL))
        for each, n in count_dangers(month.counts.figures).items()
    ]
    return _table(
        "Gevaar",
        ("Soort", "Meldingen"),
        rows,
        "Hoe vaak een bericht een mens alarmeerde, van alle afdelingen. Hetzelfde gevaar in een"
        " gesprek telt binnen een uur eenmaal.",
    )


def _table(
    title: str,
    names: Sequence[str],
    rows: Iterable[tuple[str, ...]],
    about: str = "",
    *,
    texts: int = 1,
    has_total: bool = False,
) -> ReportTable | None:
    """Return a table, of which the first columns are texts; None without rows."""
    columns = tuple(Column(name, n < texts) for n, name in enumerate(names))
    listed = tuple(rows)
    return ReportTable(title, columns, listed, about, has_total) if listed else None


def _notes(month: _Month) -> Iterator[str]:
    statistics, smallest = month.statistics, month.smallest
    yield (
        f"<{smallest}: minder dan {smallest}, ook geen. Zo weinig kan over herkenbare mensen gaan."
    )
    yield (
        f"x: {smallest} of meer, en toch weggelaten, omdat een kleiner aantal er anders uit te"
        " berekenen zou zijn. Aantallen staan er precies zo als in de open data van deze maand."
    )
    yield f"{NO_COUNT}: er is niets, of te weinig om iets te zeggen."
    yield (
        f"Meteen goed: van de gesprekken waarvan mensen lieten zien of de afdeling klopte, het deel"
        " dat geen medewerker aan een andere afdeling heeft gegeven."
        f" <{smallest} niet: minder dan {smallest} waren niet meteen goed, en de rest wel;"
        f" <{smallest} wel: andersom."
    )
    yield (
        "Openingstijd: alleen de uren dat de afdeling die antwoordde open was. Alleen een"
        " medewerker antwoordt; een tekst die vanzelf gaat, telt niet."
    )
    if statistics.confidential:
        yield (
            f"Vertrouwelijke afdelingen ({statistics.confidential}) staan er niet in, en zijn in"
            " geen totaal meegeteld, ook niet bij de kosten; wel bij gevaar."
        )
    if statistics.has_removed:
        yield "Afdelingen die er niet meer zijn, staan er niet in."
    if statistics.is_first:
        yield "In deze maand begon het tellen: misschien ontbreekt het begin."
    day = settled_on(statistics.month)
    yield (
        f"Zoals geteld op {day.day} {month_names('nl')[day.month - 1]} {day.year} of later."
        " Er staat niets in over een inwoner of een medewerker."
    )


def _cells(statistics: Statistics, table: str) -> Mapping[tuple[str, str], Published | str]:
    """Return the counts of a table by department and its last other column."""
    return {(str(row[1]), str(row[-2])): row[-1] for row in statistics.table(table).records}


def format_count(number: int) -> str:
    return f"{number:,}".replace(",", ".")


def format_wait(minutes: int | None) -> str:
    """Write a wait as `25 min` or `2 u 5 min`, and from ten hours on as `14 u`."""
    if minutes is None:
        return NO_COUNT
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} u {rest} min" if rest and hours < 10 else f"{hours} u"
