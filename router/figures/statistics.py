"""The tables of a month that may be published, without small counts. Pure.

Four tables, of which no two have a total in common: else a count that one hides would follow from
the other. Two bound each other's counts, and are made together (`router.figures.course`): a rule is
applied to a message. Conversations that begin are in none, since each begins with a message of the
same hour. Confidential departments are in none either, nor are their rules.

Two counts of the month's report are a part of what a table counts, and are hidden with it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from router.figures import tally
from router.figures.course import Course, PublishedCourse, publish_course
from router.figures.judgement import CORRECTED
from router.figures.month import NO_RULE, OUTCOMES, REMOVED, SAFETY, MonthCounts
from router.figures.suppression import Link, Mark, Name, Published, suppress, table_links
from router.rules.engine import ESCALATED, MENU
from router.rules.municipal_rules import rules_of, safety_rules_of, with_own_department
from services.config.model import Configuration
from services.config.organisation import Tenant

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
RULE_NAMES = {
    TOTAL: "Totaal",
    REMOVED: "Regels die er niet meer zijn",
    SAFETY: "Alle veiligheidsregels samen",
    MENU: "Keuze van de inwoner uit een keuzemenu",
    ESCALATED: "Doorgezet na te lang wachten",
    NO_RULE: "Geen regel paste: vaste afdeling van het nummer",
}


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
    first_answers: Published | None
    """Conversations that a person answered for the first time; None if withheld."""
    without_message: Published | None
    """Conversations that were closed without a message to the citizen; None if withheld."""
    departments: Mapping[str, str]
    """Name of each department that may be named, by its id and in their order."""
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
    course = _course(counts, config, tenant, names)
    shown = publish_course(course, smallest)
    answers, first_answers = _by_kind(ANSWERS, counts, names, smallest)
    ends, without_message = _by_kind(ENDS, counts, names, smallest)
    return Statistics(
        month=f"{counts.month:%Y-%m}",
        tenant=tenant,
        tables=(
            _by_hour(counts, names, shown),
            answers,
            ends,
            _by_rule(counts, list(course.rules), shown),
        ),
        first_answers=first_answers,
        without_message=without_message,
        departments=names,
        confidential=sum(each.confidential for each in own),
        is_first=counts.is_first,
        has_removed=bool(counted - {each.id for each in own}),
    )


Names = Mapping[str, str]


def _course(counts: MonthCounts, config: Configuration, tenant: Tenant, names: Names) -> Course:
    """Return messages by department and hour, and conversations by department and rule."""
    rows = _rule_rows(config, tenant.id, names)
    known = {each.id for each in config.rules} | {each.id for each in config.care}
    numbers = {department: number for number, department in enumerate(names)}
    received = [[0] * len(HOURS) for _ in names]
    placed, corrected = Counter[tuple[int, str]](), Counter[str]()
    for each in counts.by_month:
        department = numbers.get(each.department)
        row = rows.get(each.rule) or (None if each.rule in known else REMOVED)
        if department is None:
            continue
        if each.what == tally.RECEIVED:
            received[department][each.hour] += each.count
        elif row and each.what == tally.PLACED:
            placed[department, row] += each.count
        elif row and each.what == CORRECTED:
            corrected[row] += each.count
    leads = find_rule_departments(config, tenant.id)
    rules = {
        row: [numbers[each] for each in sorted(leads.get(row, ())) if each in numbers]
        or ([] if row == ESCALATED else list(numbers.values()))
        for row in (*rows.values(), REMOVED)
    }
    return Course(received, rules, placed, corrected)


def find_rule_departments(config: Configuration, tenant: str) -> dict[str, set[str]]:
    """Return the departments to which each row of the table of rules may lead, as one who has the
    configuration knows; those of others are not known. A closed department has a deputy."""
    leads: dict[str, set[str]] = {}
    own = [each for each in config.departments if each.tenant == tenant]
    rules = [rule for _, rule in rules_of(config, tenant)]
    care = [rule for _, rule in safety_rules_of(config, tenant)]
    menus = [each for each in config.menus if each.tenant in ("", tenant)]
    options = [option for menu in menus for option in menu.options]
    names = config.own_departments(tenant)
    for row, department in (
        *((each.id, each.department) for each in rules),
        *((SAFETY, each.department) for each in care),
        *((MENU, with_own_department(each, names).department) for each in options),
        *((NO_RULE, each.fallback) for each in config.numbers if each.tenant == tenant),
    ):
        leads.setdefault(row, set()).add(department)
    deputies = {each.id: each.when_closed for each in own}
    for found in leads.values():
        while more := {deputies.get(each, "") for each in found} - found:
            found |= more
    return leads


def _by_hour(counts: MonthCounts, names: Names, shown: PublishedCourse) -> Table:
    """Return the table of messages by department, and hour of the week."""
    columns = [(WEEKDAYS[hour // 24], str(hour % 24)) for hour in HOURS]
    header = ("maand", "afdeling", "afdelingsnaam", "weekdag", "uur", "berichten")
    records = _records(counts.month, names, [*columns, (TOTAL, TOTAL)], shown.received)
    return Table("berichten-per-uur", "Berichten van inwoners", header, tuple(records))


class KindTable(NamedTuple):
    """A table by department, and one other thing."""

    name: str
    title: str
    header: tuple[str, str]
    kinds: Mapping[str, str]
    """Kind of figure -> its name."""
    part: str
    """Kind of figure that is a part of the totals of `whole`, and is published once, without
    departments."""
    whole: tuple[str, ...]


ANSWERS = KindTable(
    "antwoorden",
    "Berichten aan inwoners",
    ("afzender", "berichten"),
    {tally.SENT + kind: name for kind, name in AUTHORS.items()},
    part=tally.FIRST_ANSWER,
    whole=(tally.SENT + tally.EMPLOYEE,),
)
ENDS = KindTable(
    "uitkomsten",
    "Afgesloten gesprekken",
    ("uitkomst", "gesprekken"),
    {tally.CLOSED + outcome: OUTCOME_NAMES[outcome] for outcome in OUTCOMES},
    part=tally.WITHOUT_MESSAGE,
    whole=tuple(
        tally.CLOSED + outcome for outcome in OUTCOMES if outcome not in (tally.IDLE, tally.MERGED)
    ),
)


def _by_kind(
    table: KindTable, counts: MonthCounts, names: Names, smallest: int
) -> tuple[Table, Published | None]:
    """Return a table and its part; without records and None if they are withheld."""
    of_kind = Counter[tuple[str, str]]()
    for each in counts.figures:
        of_kind[each.department, each.what] += each.count
    cells = [[of_kind[department, kind] for kind in table.kinds] for department in names]
    part = sum(of_kind[department, table.part] for department in names)
    columns = [(name,) for name in (*table.kinds.values(), TOTAL)]
    header = ("maand", "afdeling", "afdelingsnaam", *table.header)
    shown = suppress(_link_part(table, cells, part), smallest) if cells else None
    if shown is None:
        return Table(table.name, table.title, header, ()), None
    rows = [[shown[row, n] for n in range(len(columns))] for row in range(len(cells) + 1)]
    records = _records(counts.month, names, columns, rows)
    return Table(table.name, table.title, header, tuple(records)), shown.get(PART)


def _link_part(table: KindTable, cells: Sequence[Sequence[int]], part: int) -> dict[Name, Link]:
    """Return a table as a network in which the totals of some columns come together, and are
    divided into the part and the rest, which is never published. A part that is greater, since
    it was counted otherwise, is left out."""
    links, last = table_links(cells), len(cells)
    of_whole = [(last, n) for n, kind in enumerate(table.kinds) if kind in table.whole]
    rest = sum(links[each].value for each in of_whole) - part
    if rest < 0:
        return links
    end = links[of_whole[0]].end
    for each in of_whole:
        links[each] = links[each]._replace(end=PART)
    links[PART] = Link(PART, end, part)
    links[REST] = Link(PART, end, rest, is_published=False)
    return links


PART, REST = "part", "rest"


def _records(
    month: date,
    names: Names,
    columns: Sequence[tuple[str, ...]],
    shown: Sequence[Sequence[Published]],
) -> Iterator[tuple[Published | str, ...]]:
    """Yield a record for each cell, and for each total; none if the table is withheld."""
    rows = [*names.items(), (TOTAL, TOTAL)]
    for row, published in zip(rows, shown, strict=False):
        for column, cell in zip(columns, published, strict=True):
            yield (f"{month:%Y-%m}", *row, *column, cell)


def _by_rule(counts: MonthCounts, rules: Sequence[str], shown: PublishedCourse) -> Table:
    """Return the table of rules: how often each placed a conversation, and how often a person then
    gave that to another department."""
    records = (
        (f"{counts.month:%Y-%m}", rule, rule_name(rule), *each, *[""] * (2 - len(each)))
        for rule, each in zip((*rules, TOTAL), shown.rules, strict=False)
    )
    header = ("maand", "regel", "naam", "geplaatst", "doorgegeven")
    return Table("regels", "Gesprekken die regels plaatsten", header, tuple(records))


def _rule_rows(config: Configuration, tenant: str, names: Names) -> dict[str, str]:
    """Return the rules that lead to a department that is not confidential, in their order, each
    with the row that counts it; and what else chooses a department."""
    rules = [rule.id for _, rule in rules_of(config, tenant) if rule.department in names]
    care = [rule.id for _, rule in safety_rules_of(config, tenant) if rule.department in names]
    others = {MENU: MENU, ESCALATED: ESCALATED, "": NO_RULE}
    return dict.fromkeys(care, SAFETY) | {id: id for id in rules} | others


def rule_name(id: str) -> str:
    """Return a rule's id as words; the ids of a municipality are Dutch."""
    return RULE_NAMES.get(id) or id.replace("-", " ").capitalize()
