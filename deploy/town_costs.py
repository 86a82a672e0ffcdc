"""The costs of a month in three towns, for `docs/compliance/kosten.md`.

`python -m deploy.town_costs` prints the two tables of that page; a test compares them. Sizes are
those of `docs/operators/scale.md`, and prices those of the page, with their source and date there.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from math import ceil
from typing import NamedTuple

from services.config.pricing import FREE_SERVICE, Rate

USUAL_DAYS, STORM_DAYS, MONTHS = 250, 5, 12
"""Days a year, as `scale.md` counts them."""
STORM = 50
"""Messages on the day of a storm for each one on a usual day: 2,500 and 50 in Almelo."""
ANSWERS = Decimal(1)
"""Answers to a message, as `scale.md` counts them."""
AUTOMATIC = Decimal("0.5")
"""Automatic texts to a message. Assumed: a welcome once a year and the closing hours."""
ARCHIVE_KB, LOG_KB, PHOTO_KB, PHOTOS = Decimal("4.2"), Decimal(10), Decimal(300), Decimal(1) / 6
"""Sizes of a message in the database and its write-ahead log, of a photo, and photos a message."""
CPU_SECONDS, BUSY, PEAK, HOUR = Decimal("0.0028"), Decimal("0.6"), 10, 3600
"""CPU time of a message, share of a core in use, the peak minute against the mean of its hour."""
MEMORY_GB = Decimal(2) + Decimal("1.5") + Decimal(1)
"""Services, broker and database (`scale.md`), signatures of the scanner (`containers.md`), and
thumbnails of the archiver (`files.md`)."""
YEARS, COPIES = 5, 2
"""Years after which storage is priced, as long as most results of the selection list, and copies of
all: the one in use and the back-up."""

RATE = Rate.model_validate(
    {"from": date(2026, 10, 1), "currency": "USD", "amounts": {"service": "0.05"}}
)
DOLLARS = Decimal("1.1133")
"""Dollars for a euro: reference rate of the ECB of 28 October 2026."""
SERVER = (Decimal("37.38"), Decimal("42.99"))
"""Lowest and highest price of a month for 2 cores and `SERVER_GB`, at providers from the EU."""
SERVER_GB = 8
STORAGE = (Decimal("0.0572"), Decimal("0.20"))
"""Lowest and highest price of a GB for a month."""
MACHINES = {"één machine": 1, "drie machines: één mag uitvallen": 3}


class Town(NamedTuple):
    name: str
    daily: int
    """Messages from citizens on a usual day."""


TOWNS = (Town("klein", 10), Town("middelgroot", 50), Town("groot", 500))


def yearly_messages(town: Town) -> int:
    """Messages from citizens."""
    return town.daily * (USUAL_DAYS + STORM_DAYS * STORM)


def archive_gb(town: Town) -> Decimal:
    """Growth of the archive in a year, answers included."""
    return yearly_messages(town) * (1 + ANSWERS) * ARCHIVE_KB / 1_000_000


def log_gb(town: Town) -> Decimal:
    """Write-ahead log of a year."""
    return yearly_messages(town) * (1 + ANSWERS) * LOG_KB / 1_000_000


def files_gb(town: Town) -> Decimal:
    return yearly_messages(town) * PHOTOS * PHOTO_KB / 1_000_000


def peak_cores(town: Town) -> int:
    """Whole cores for the peak minute of a storm."""
    return ceil(Decimal(town.daily * STORM * PEAK) / HOUR * CPU_SECONDS / BUSY)


def sent_messages(town: Town, storms: int) -> int:
    """Messages to citizens in a month with so many days of storm."""
    received = town.daily * (USUAL_DAYS + storms * STORM * MONTHS)
    return int(received * (ANSWERS + AUTOMATIC) / MONTHS)


def message_euros(town: Town, storms: int) -> Decimal:
    """Price of these messages at one number, without those that are free."""
    charged = max(0, sent_messages(town, storms) - FREE_SERVICE)
    return (RATE.cost("service", charged) or Decimal(0)) / DOLLARS


def storage_gb(town: Town) -> Decimal:
    """Room for the archive and files of `YEARS`, and the log of a year, with their copies."""
    return (YEARS * (archive_gb(town) + files_gb(town)) + log_gb(town)) * COPIES


def server_euros(machines: int) -> tuple[Decimal, Decimal]:
    low, high = SERVER
    return machines * low, machines * high


def storage_euros(town: Town) -> tuple[Decimal, Decimal]:
    low, high = (price * storage_gb(town) for price in STORAGE)
    return low, high


def total_euros(town: Town, machines: int) -> tuple[Decimal, Decimal]:
    """Lowest and highest sum of a month without a storm."""
    messages, servers, storage = (
        message_euros(town, 0), server_euros(machines), storage_euros(town),
    )  # fmt: skip
    return messages + servers[0] + storage[0], messages + servers[1] + storage[1]


def show_number(number: Decimal | int, digits: int = 0) -> str:
    """Return a number as the Dutch write it."""
    rounded = Decimal(number).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return f"{rounded:,}".translate(str.maketrans(",.", ".,"))


def show_range(euros: tuple[Decimal, Decimal]) -> str:
    """Return "€ 12", or "€ 12 tot € 15" where the two differ."""
    low, high = (show_number(each) for each in euros)
    return f"€ {low}" if low == high else f"€ {low} tot € {high}"


def format_table(heading: str, rows: Iterable[tuple[str, list[str], str]]) -> list[str]:
    names = " | ".join(town.name for town in TOWNS)
    body = [f"| {what} | {' | '.join(cells)} | {source} |" for what, cells, source in rows]
    return [f"| {heading} | {names} | bron |", "|---|" + "---|" * len(TOWNS) + "---|", *body]


def size_rows() -> Iterator[tuple[str, list[str], str]]:
    scale = "[maten](../operators/scale.md), 1-12-2026"
    yield (
        "berichten van inwoners op een gewone dag",
        [show_number(town.daily) for town in TOWNS],
        "klein en middelgroot: [maten](../operators/scale.md); groot: aanname",
    )
    yield (
        "berichten van inwoners op een stormdag",
        [show_number(town.daily * STORM) for town in TOWNS],
        f"{scale}: {STORM} keer een gewone dag",
    )
    yield (
        "berichten naar inwoners in een gewone maand",
        [show_number(sent_messages(town, 0)) for town in TOWNS],
        "één antwoord op elk bericht (maten), en een automatische tekst op de helft (aanname)",
    )
    yield (
        "processorkernen in de drukste minuut",
        [show_number(peak_cores(town)) for town in TOWNS],
        f"berekend met {scale}",
    )
    yield (
        "geheugen van één machine (GB)",
        [show_number(MEMORY_GB, 1)] * len(TOWNS),
        "[maten](../operators/scale.md), "
        "[scanner](../operators/containers.md#a-scanner-for-files), "
        "[verkleinde foto's](../operators/files.md#thumbnails)",
    )
    for what, size in (("archief", archive_gb), ("bestanden", files_gb)):
        yield (
            f"{what}, groei in een jaar (GB)",
            [show_number(size(town), 2) for town in TOWNS],
            f"berekend met {scale}",
        )
    yield (
        f"opslag na {YEARS} jaar, met back-up (GB)",
        [show_number(storage_gb(town)) for town in TOWNS],
        f"berekend: {COPIES} keer alles",
    )


def cost_rows() -> Iterator[tuple[str, list[str], str]]:
    for what, storms in (("gewone maand", 0), ("maand met één stormdag", 1)):
        yield (
            f"Meta, berichten, {what}",
            [show_range((message_euros(town, storms),) * 2) for town in TOWNS],
            "prijs 1, 2 en 3",
        )
    for what, machines in MACHINES.items():
        yield f"servers, {what}", [show_range(server_euros(machines))] * len(TOWNS), "prijs 4"
    yield "opslag", [show_range(storage_euros(town)) for town in TOWNS], "prijs 5"
    for what, machines in MACHINES.items():
        yield (
            f"**samen**, gewone maand, {what}",
            [f"**{show_range(total_euros(town, machines))}**" for town in TOWNS],
            "opgeteld",
        )


def tables() -> str:
    """Return both tables as they stand on the page."""
    sizes = format_table("maat", size_rows())
    costs = format_table("kosten van een maand, zonder btw", cost_rows())
    return "\n".join([*sizes, "", *costs])


if __name__ == "__main__":
    print(tables())
