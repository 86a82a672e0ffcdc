"""`postkamer figures`: the report and the open data of a month, and the entry in the algorithm
register."""

from collections.abc import Callable
from datetime import date
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TypeVar

import click

from cli.figures.algorithm import RulesInForce, build_entry, entry_faults
from cli.figures.algorithm_page import render_page
from cli.figures.folder import write_month, write_once
from cli.figures.open_data import indented, render_files
from cli.support.configuration import configured_path, load_valid_config
from cli.support.database import with_database
from cli.support.options import Month, combine_options, config_option, json_option
from cli.support.output import CommandRefused, fail, print_result
from router.figures.month import MonthCounts, settled_on
from router.figures.statistics import Statistics, build_statistics
from router.figures.tally import day_of
from router.month_report.contents import Report, build_report
from router.month_report.pdf import report_pdf
from router.month_report.spreadsheet import report_csv
from router.store.figures import find_first_month, load_beside, load_counts
from router.store.versions import find_first_use
from services import clock
from services.config.loader import LoadedConfig
from services.config.organisation import Tenant
from services.postgres.database import Pool
from services.printing.typesetter import Unprintable

T = TypeVar("T")
NOT_COUNTED = "nothing was counted in {}: counting began in {}"
NOT_SETTLED = "{} can be published from {} on: until then it may grow"
ENTRY, PAGE = "algoritmeregister.json", "algoritmeregister.md"

month_option = click.option("--month", required=True, type=Month(), help="Such as 2026-11.")
tenant_option = click.option("--tenant", help="The municipality's id; left out: the only one.")


@click.group("figures")
def group() -> None:
    """Counts without persons, to publish.

    Needs POSTKAMER_DATABASE_URL, as its owner, and the configuration.
    """


options = combine_options(
    month_option,
    click.option("--out", required=True, type=Path, help="A folder; it is made."),
    tenant_option,
    config_option,
    json_option,
)


@group.command("open-data")
@options
def open_data(month: date, out: Path, tenant: str | None, path: Path | None, as_json: bool) -> None:
    """Write the open data of a month to a folder of its own.

    Counts by department, hour, rule and outcome, as CSV and JSON with a description for a data
    portal (DCAT-AP-NL). Small counts are left out, so that none follows from a total. A month that
    is there already with other counts is not replaced.
    """
    statistics, _, _ = load_statistics("figures-open-data", month, tenant, path)
    _require(open_data_faults(statistics.tenant))
    folder, files = out / statistics.month, render_files(statistics)
    is_new = _written(lambda: write_month(folder, files))
    result = {"folder": str(folder), "files": sorted(files), "isNew": is_new}
    verb = "written" if is_new else "there already, the same"
    print_result(result, [f"{folder}: {verb}", *sorted(files)], as_json=as_json)


@group.command("register")
@options
def register(month: date, out: Path, tenant: str | None, path: Path | None, as_json: bool) -> None:
    """Write the entry of the routing in the Dutch algorithm register.

    It follows from the rules, the settings of [tenants.algorithm] and the figures of a month: as
    JSON by the register's standard 1.0, and as a page in Dutch.
    """
    statistics, loaded, first_use = load_statistics("figures-register", month, tenant, path)
    of_tenant = statistics.tenant
    rules = RulesInForce(loaded.config, loaded.version, first_use, installed_version("postkamer"))
    entry = build_entry(rules, of_tenant, statistics)
    _require(entry_faults(entry, of_tenant))
    files = {ENTRY: indented(entry), PAGE: render_page(entry, of_tenant).encode()}

    def write() -> None:
        out.mkdir(parents=True, exist_ok=True)
        for name, body in files.items():
            (out / name).write_bytes(body)

    _written(write)
    paths = [str(out / name) for name in files]
    print_result({"files": paths}, paths, as_json=as_json)


@group.command("report")
@options
def report(month: date, out: Path, tenant: str | None, path: Path | None, as_json: bool) -> None:
    """Write the report of a month, as PDF and CSV in Dutch.

    What it says may leave the house: small counts are left out as in the open data, so that none
    follows from another, and so are confidential departments. A month that is there already with
    other figures is not replaced.
    """
    made = load_report(month, tenant, path)
    try:
        body = report_pdf(made)
    except Unprintable as error:
        fail(str(error))
    sheet, pdf = (out / f"whatsapp-{made.month}.{ending}" for ending in ("csv", "pdf"))

    def write() -> None:
        out.mkdir(parents=True, exist_ok=True)
        write_once(sheet, report_csv(made))
        # Another version of the typesetter may print the same figures otherwise.
        pdf.write_bytes(body)

    _written(write)
    paths = [str(pdf), str(sheet)]
    print_result({"files": paths}, paths, as_json=as_json)


def load_report(month: date, tenant: str | None, path: Path | None) -> Report:
    """Return the report of a month that is over and settled."""
    config = load_valid_config(configured_path(path)).config
    of_tenant = choose_tenant(config.tenants, tenant)
    today = day_of(clock.now())

    async def load(pool: Pool) -> Report:
        require_counted(month, await find_first_month(pool, of_tenant.id), today)
        counts = await load_counts(pool, of_tenant.id, month)
        beside = await load_beside(pool, counts, config, of_tenant.id)
        return build_report(counts, config, of_tenant, beside)

    return with_database("figures-report", load)


def load_statistics(
    command: str, month: date, tenant: str | None, path: Path | None
) -> tuple[Statistics, LoadedConfig, date | None]:
    """Return what may be published of a month, the configuration, and the day on which its version
    first decided."""
    loaded = load_valid_config(configured_path(path))
    of_tenant = choose_tenant(loaded.config.tenants, tenant)
    today = day_of(clock.now())

    async def load(pool: Pool) -> tuple[MonthCounts, date | None]:
        require_counted(month, await find_first_month(pool, of_tenant.id), today)
        used = await find_first_use(pool, loaded.version)
        return await load_counts(pool, of_tenant.id, month), used and day_of(used)

    counts, first_use = with_database(command, load)
    return build_statistics(counts, loaded.config, of_tenant), loaded, first_use


def choose_tenant(tenants: tuple[Tenant, ...], id: str | None) -> Tenant:
    """Return the municipality with this id, or the only one; exit if there is none."""
    chosen = [each for each in tenants if id in (None, each.id)]
    if len(chosen) == 1:
        return chosen[0]
    ids = ", ".join(each.id for each in tenants)
    return fail(f"--tenant: there is no {id!r}; there is {ids}" if id else f"--tenant: {ids}?", 2)


def require_counted(month: date, first: date | None, today: date) -> None:
    """Refuse a month in which nothing was counted, and one that may still grow. Pure."""
    if first is None or month < first:
        began = f"{first:%Y-%m}" if first else f"{today:%Y-%m}, or later"
        raise CommandRefused(NOT_COUNTED.format(f"{month:%Y-%m}", began))
    if today < (settled := settled_on(f"{month:%Y-%m}")):
        raise CommandRefused(NOT_SETTLED.format(f"{month:%Y-%m}", settled))


def open_data_faults(tenant: Tenant) -> list[str]:
    """Return a sentence for each setting that the description of the data needs. Pure."""
    needed = ("organisation", "contact", "address")
    return [
        f"[tenants.open_data] of {tenant.id}: {name} is missing"
        for name in needed
        if not getattr(tenant.open_data, name)
    ]


def _require(faults: list[str]) -> None:
    if faults:
        fail("\n".join(faults))


def _written(write: Callable[[], T]) -> T:
    try:
        return write()
    except CommandRefused as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
