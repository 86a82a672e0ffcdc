"""Figures in PostgreSQL: added with their decisions, read by month."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date

from router.billing.month_costs import CostsFilter, compute_costs
from router.budget_monitor import TooManyGroups, load_charges
from router.figures.month import (
    Beside,
    CountedByMonth,
    CountedRow,
    JudgedRow,
    MonthCounts,
    month_bounds,
)
from router.model.changes import DecidedUnit
from router.model.figure import Figure, MonthFigure, RuleFigure
from router.store.save import columns
from router.store.versions import find_first_uses
from services.config.model import Configuration
from services.postgres.database import Connection, Pool

FigureRow = tuple[str, date, str, str, str, int, int]
MonthRow = tuple[str, date, str, str, str, int, str, int]
RuleRow = tuple[str, date, str, str, str, str, str, int]


def count_figures(decided: Iterable[DecidedUnit]) -> list[FigureRow]:
    """Count the figures of a batch, in order: two transactions then lock the rows in the same
    order."""
    counts = Counter(each for _, _, changes in decided for each in changes.figures)
    return [(*_fields(each), counts[each]) for each in sorted(counts)]


def _fields(figure: Figure) -> tuple[str, date, str, str, str, int]:
    return (
        figure.tenant,
        figure.day,
        figure.number,
        figure.department,
        figure.what,
        figure.value,
    )


def count_month_figures(decided: Iterable[DecidedUnit]) -> list[MonthRow]:
    """Count the figures by month of a batch, in order as well."""
    counts = Counter(each for _, _, changes in decided for each in changes.month_figures)
    return [(*_month_fields(each), counts[each]) for each in sorted(counts)]


def _month_fields(figure: MonthFigure) -> tuple[str, date, str, str, str, int, str]:
    return (
        figure.tenant,
        figure.month,
        figure.number,
        figure.department,
        figure.what,
        figure.hour,
        figure.rule,
    )


def count_rule_figures(decided: Iterable[DecidedUnit]) -> list[RuleRow]:
    """Count the judgements of a batch, in order as well."""
    counts = Counter(each for _, _, changes in decided for each in changes.rule_figures)
    return [(*_rule_fields(each), counts[each]) for each in sorted(counts)]


def _rule_fields(figure: RuleFigure) -> tuple[str, date, str, str, str, str, str]:
    return (
        figure.tenant,
        figure.month,
        figure.number,
        figure.department,
        figure.what,
        figure.rule,
        figure.version,
    )


async def save_figures(connection: Connection, decided: Sequence[DecidedUnit]) -> None:
    if rows := count_figures(decided):
        await connection.execute(_ADD, *columns(rows, 7))
    if of_month := count_month_figures(decided):
        await connection.execute(_ADD_TO_MONTH, *columns(of_month, 8))
    if judged := count_rule_figures(decided):
        await connection.execute(_ADD_JUDGED, *columns(judged, 8))


async def load_counts(tables: "Pool | Connection", tenant: str, month: date) -> MonthCounts:
    """Return all that was counted in a month."""
    first, end = month_bounds(f"{month:%Y-%m}")
    return MonthCounts(
        month=first,
        is_first=first == await find_first_month(tables, tenant),
        figures=await load_figures(tables, tenant, first, end),
        by_month=await load_month_figures(tables, tenant, first),
        judged=await load_judged(tables, tenant, first),
    )


async def load_beside(
    pool: Pool, counts: MonthCounts, config: Configuration, tenant: str
) -> Beside:
    """Return what a month shows from other tables than the figures."""
    first_uses = await find_first_uses(pool, {row.version for row in counts.judged})
    try:
        charges = await load_charges(pool, counts.month, tenant)
    except TooManyGroups:
        return Beside(None, first_uses)
    criteria = CostsFilter(month=counts.month, tenant=tenant, by=("department",))
    return Beside(compute_costs(charges, criteria, config), first_uses)


async def load_figures(
    pool: "Pool | Connection", tenant: str, first: date, end: date
) -> list[CountedRow]:
    """Return the figures of the days from `first` until `end`, which is not one of them."""
    rows = await pool.fetch(_LOAD, tenant, first, end)
    return [CountedRow(row["department"], row["what"], row["value"], row["n"]) for row in rows]


async def load_month_figures(
    tables: "Pool | Connection", tenant: str, month: date
) -> list[CountedByMonth]:
    """Return the figures of a month by hour, and by rule; among them the corrections."""
    rows = await tables.fetch(_LOAD_MONTH, tenant, month)
    return [
        CountedByMonth(each["department"], each["what"], each["hour"], each["rule"], each["n"])
        for each in rows
    ]


async def load_judged(tables: "Pool | Connection", tenant: str, month: date) -> list[JudgedRow]:
    """Return what people showed in a month of what the rules had chosen."""
    rows = await tables.fetch(_LOAD_JUDGED, tenant, month)
    return [
        JudgedRow(each["department"], each["what"], each["rule"], each["version"], each["n"])
        for each in rows
    ]


async def find_first_day(pool: "Pool | Connection", tenant: str) -> date | None:
    """Return the first day of which there is a figure."""
    day: date | None = await pool.fetchval(_FIRST_DAY, tenant)
    return day


async def find_first_month(pool: "Pool | Connection", tenant: str) -> date | None:
    """Return the first month of which there is a figure by hour or rule."""
    month: date | None = await pool.fetchval(_FIRST_MONTH, tenant)
    return month


_ADD = """
insert into router.figure as f (tenant, day, number, department, what, value, count)
select * from unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::text[], $6::int[],
    $7::bigint[])
on conflict (tenant, day, number, department, what, value)
    do update set count = f.count + excluded.count
"""
_LOAD = """
select department, what, value, sum(count)::bigint as n from router.figure
where tenant = $1 and day >= $2 and day < $3 group by department, what, value
"""
_ADD_TO_MONTH = """
insert into router.month_figure as f
    (tenant, month, number, department, what, hour, rule, count)
select * from unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::text[], $6::smallint[],
    $7::text[], $8::bigint[])
on conflict (tenant, month, number, department, what, hour, rule)
    do update set count = f.count + excluded.count
"""
_LOAD_MONTH = """
select department, what, hour, rule, sum(count)::bigint as n from (
    select department, what, hour, rule, count from router.month_figure
    where tenant = $1 and month = $2
    union all select department, what, -1, rule, count from router.rule_figure
    where tenant = $1 and month = $2 and what = 'corrected') counted
group by department, what, hour, rule
"""
_ADD_JUDGED = """
insert into router.rule_figure as f
    (tenant, month, number, department, what, rule, version, count)
select * from unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::text[], $8::bigint[])
on conflict (tenant, month, number, department, what, rule, version)
    do update set count = f.count + excluded.count
"""
_LOAD_JUDGED = """
select department, what, rule, version, sum(count)::bigint as n from router.rule_figure
where tenant = $1 and month = $2 group by department, what, rule, version
"""
_FIRST_MONTH = "select min(month) from router.month_figure where tenant = $1"
_FIRST_DAY = "select min(day) from router.figure where tenant = $1"
