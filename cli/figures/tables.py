"""The tables of a month that may be published, without small counts. Pure.

Four tables, of which no two have a total in common: else a count that one hides would follow from
the other. Nor is a count of one bounded by one of another: a conversation begins with a message in
the same hour, so that only messages are counted by hour. Confidential departments are in none of
them, nor are their rules.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from router.figures import tally
from router.figures.month import OUTCOMES, CountedByMonth, CountedRow
from router.figures.suppression import (
    Mark,
    Published,
    hide_small,
    suppress_list,
    suppress_table,
)
from router.rules.engine import ESCALATED, MENU
from services.config.model import Configuration
from services.config.organisation import Tenant
from services.config.routing_rules import Rule, SafetyRule

WEEKDAYS = ("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag")
HOURS = tuple(range(7 * 24))
TOTAL = "totaal"
AUTHORS = {"employee": "medewerker", "automated": "vanzelf", "system": "systeem"}
OUTCOME_NAMES = {
    "answered": "beantwoord",
    "handled": "anders afgehandeld",
    "forwarded": "doorgestuurd aan wie beslist",
    "redirected": "verwezen naar de juiste weg",
    tally.UNSAID: "zonder uitkomst",
    tally.IDLE: "vanzelf, na stilte",
    tally.MERGED: "samengevoegd",
}
NO_RULE, REMOVED, SAFETY = "_geen", "_verwijderd", "_veiligheid"
"""Rows of the table of rules that are no rule; no rule has such an id. Safety rules are counted
together: how many wrote of suicide is not for all to read."""
RULE_NAMES = {
    TOTAL: "Totaal",
    REMOVED: "Regels die er niet meer zijn",
    SAFETY: "Alle veiligheidsregels samen",
    MENU: "Keuze van de inwoner uit een keuzemenu",
    ESCALATED: "Doorgezet na te lang wachten",
    NO_RULE: "Geen regel paste: vaste afdeling van het nummer",
}


class MonthCounts(NamedTuple):
    """Counts of a month, of all departments."""

    month: date
    is_first: bool
    figures: Sequence[CountedRow]
    by_month: Sequence[CountedByMonth]


class Table(NamedTuple):
    """A table as it is published; the last columns are counts. Without records it is withheld."""

    name: str
    title: str
    header: tuple[str, ...]
    records: tuple[tuple[Published | str, ...], ...]


class Statistics(NamedTuple):
    month: str
    tenant: Tenant
    tables: tuple[Table, ...]
    confidential: int
    """Number of confidential departments, which are left out."""
    is_first: bool
    """True if counting may have begun during this month."""
    has_removed: bool
    """True if departments are left out because the configuration no longer has them: nobody can say
    if they were confidential."""

    @property
    def smallest(self) -> int:
        return self.tenant.open_data.smallest_count

    def show(self, cell: Published | str) -> int | str:
        """Return a count as readers see it."""
        if isinstance(cell, Mark):
            return f"<{self.smallest}" if cell is Mark.SMALL else "x"
        return cell

    def table(self, name: str) -> Table:
        return next(table for table in self.tables if table.name == name)


def build_statistics(counts: MonthCounts, config: Configuration, tenant: Tenant) -> Statistics:
    """Return what of these counts may be published."""
    own = [each for each in config.departments if each.tenant == tenant.id]
    names = {each.id: each.called for each in own if not each.confidential}
    counted = {each.department for each in counts.figures}
    counted |= {each.department for each in counts.by_month}
    smallest = tenant.open_data.smallest_count
    return Statistics(
        month=f"{counts.month:%Y-%m}",
        tenant=tenant,
        tables=(
            _by_hour(counts, names, smallest),
            _by_kind(ANSWERS, counts, names, smallest),
            _by_kind(ENDS, counts, names, smallest),
            _by_rule(counts, config, tenant, names),
        ),
        confidential=sum(each.confidential for each in own),
        is_first=counts.is_first,
        has_removed=bool(counted - {each.id for each in own}),
    )


Names = Mapping[str, str]


def _by_hour(counts: MonthCounts, names: Names, smallest: int) -> Table:
    """Return the table of messages by department, and hour of the week."""
    received = [each for each in counts.by_month if each.what == tally.RECEIVED]
    of_kind = {(each.department, each.hour): each.count for each in received}
    cells = [[of_kind.get((department, hour), 0) for hour in HOURS] for department in names]
    columns = [(WEEKDAYS[hour // 24], str(hour % 24)) for hour in HOURS]
    header = ("maand", "afdeling", "afdelingsnaam", "weekdag", "uur", "berichten")
    records = _records(counts.month, names, [*columns, (TOTAL, TOTAL)], cells, smallest)
    return Table("berichten-per-uur", "Berichten van inwoners", header, tuple(records))


class KindTable(NamedTuple):
    """A table by department, and one other thing."""

    name: str
    title: str
    header: tuple[str, str]
    kinds: Mapping[str, str]
    """Kind of figure -> its name."""


ANSWERS = KindTable(
    "antwoorden",
    "Berichten aan inwoners",
    ("afzender", "berichten"),
    {tally.SENT + kind: name for kind, name in AUTHORS.items()},
)
ENDS = KindTable(
    "uitkomsten",
    "Afgesloten gesprekken",
    ("uitkomst", "gesprekken"),
    {tally.CLOSED + outcome: OUTCOME_NAMES[outcome] for outcome in OUTCOMES},
)


def _by_kind(table: KindTable, counts: MonthCounts, names: Names, smallest: int) -> Table:
    of_kind = {(each.department, each.what): each.count for each in counts.figures}
    cells = [[of_kind.get((department, kind), 0) for kind in table.kinds] for department in names]
    columns = [(name,) for name in (*table.kinds.values(), TOTAL)]
    header = ("maand", "afdeling", "afdelingsnaam", *table.header)
    records = _records(counts.month, names, columns, cells, smallest)
    return Table(table.name, table.title, header, tuple(records))


def _records(
    month: date,
    names: Names,
    columns: Sequence[tuple[str, ...]],
    cells: Sequence[Sequence[int]],
    smallest: int,
) -> Iterator[tuple[Published | str, ...]]:
    """Yield a record for each cell, and for each total; none if the table is withheld."""
    rows = [*names.items(), (TOTAL, TOTAL)]
    for row, published in zip(rows, suppress_table(cells, smallest) or (), strict=False):
        for column, cell in zip(columns, published, strict=True):
            yield (f"{month:%Y-%m}", *row, *column, cell)


def _by_rule(counts: MonthCounts, config: Configuration, tenant: Tenant, names: Names) -> Table:
    """Return the table of rules: how often each placed a conversation, and how often a person then
    gave that to another department."""
    rows = _rule_rows(config, tenant.id, names)
    known = {each.id for each in config.rules} | {each.id for each in config.care}
    cells: dict[str, dict[str, int]] = {tally.PLACED: {}, tally.CORRECTED: {}}
    for each in counts.by_month:
        row = rows.get(each.rule) or (None if each.rule in known else REMOVED)
        if each.what in cells and each.department in names and row:
            of_kind = cells[each.what]
            of_kind[row] = of_kind.get(row, 0) + each.count
    ids = [*dict.fromkeys((*rows.values(), REMOVED))]
    smallest = tenant.open_data.smallest_count
    placed, corrected = ([of_kind.get(row, 0) for row in ids] for of_kind in cells.values())
    columns = suppress_list(placed, smallest) or (), hide_small(corrected, smallest)
    records = (
        (f"{counts.month:%Y-%m}", row, rule_name(row), *each)
        for row, *each in zip((*ids, TOTAL), *columns, strict=False)
    )
    header = ("maand", "regel", "naam", "geplaatst", "doorgegeven")
    return Table("regels", "Gesprekken die regels plaatsten", header, tuple(records))


def _rule_rows(config: Configuration, tenant: str, names: Names) -> dict[str, str]:
    """Return the rules that lead to a department that is not confidential, in their order, each
    with the row that counts it; and what else chooses a department."""

    def is_public(rule: Rule | SafetyRule) -> bool:
        return rule.tenant in ("", tenant) and rule.department in names

    rules = [each.id for each in config.rules if is_public(each)]
    care = [each.id for each in config.care if is_public(each)]
    others = {MENU: MENU, ESCALATED: ESCALATED, "": NO_RULE}
    return dict.fromkeys(care, SAFETY) | {id: id for id in rules} | others


def rule_name(id: str) -> str:
    """Return a rule's id as words; the ids of a municipality are Dutch."""
    return RULE_NAMES.get(id) or id.replace("-", " ").capitalize()
