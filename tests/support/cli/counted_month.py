"""November of a town with a confidential department, as it was counted."""

from datetime import date

from router.figures.month import CountedByMonth, CountedRow
from router.figures.statistics import MonthCounts, Statistics, build_statistics
from services.config.model import Configuration, parse
from tests.support.cli.command_line import TOML

MONTH = date(2026, 11, 1)
NAME = 'name = "Gemeente Almelo"\n'
OPEN_DATA = """\
[tenants.open_data]
organisation = "https://identifier.overheid.nl/tooi/id/gemeente/gm0141"
contact = "opendata@almelo.example"
address = "https://data.almelo.example/whatsapp/"
"""
ALGORITHM = """\
[tenants.algorithm]
contact = "https://almelo.example/algoritmes"
since = "2026-10"
category = "Overige algoritmes"
legal_ground = "Awb, afdeling 2.3"
no_assessment = "Er is geen DPIA & geen IAMA gedaan."
"""
MORE = """
[[departments]]
id = "jeugd"
tenant = "almelo"
name = "Jeugdzorg"
public_name = "Team J"
confidential = true
destination = "crm"
[[rules]]
id = "jeugdzorg"
words = ["jeugdzorg"]
department = "jeugd"
[[rules]]
id = "parkeer-vergunning"
words = ["vergunning"]
languages = ["nl"]
department = "kcc"
[[care]]
id = "dood"
kind = "suicide"
words = ["ik wil dood"]
department = "kcc"
"""


def config(settings: str = OPEN_DATA + ALGORITHM) -> Configuration:
    return parse(TOML.replace(NAME, NAME + settings) + MORE, "postkamer.toml")


def counted(*departments: str) -> MonthCounts:
    """A month in which each of these departments had the same."""
    figures = [
        (CountedRow(department, what, 0, count))
        for department in departments
        for what, count in (
            ("sent_employee", 30), ("sent_automated", 12), ("sent_system", 0),
            ("closed_answered", 20), ("closed_idle", 6), ("closed_merged", 1),
        )
    ]  # fmt: skip
    by_month = [
        CountedByMonth(department, what, hour, rule, count)
        for department in departments
        for what, hour, rule, count in (
            ("opened", 9, "", 21), ("opened", 33, "", 2),
            ("received", 9, "", 50), ("received", 10, "", 8),
            ("placed", -1, "afval", 11), ("placed", -1, "jeugdzorg", 70),
            ("placed", -1, "dood", 3), ("placed", -1, "", 9), ("placed", -1, "_menu", 5),
            ("placed", -1, "of-vorig-jaar", 6), ("corrected", -1, "afval", 5),
        )
    ]  # fmt: skip
    return MonthCounts(MONTH, False, figures, by_month)


def statistics(counts: MonthCounts, settings: str = OPEN_DATA + ALGORITHM) -> Statistics:
    town = config(settings)
    return build_statistics(counts, town, town.tenants[0])
