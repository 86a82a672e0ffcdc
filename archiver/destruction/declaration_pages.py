"""The declaration of destruction on paper (PDF/A-2b), in Dutch: its facts and tables."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from archiver.destruction.declaration import Declaration, KeptItem, Remain, Signature
from archiver.destruction.destruction_list import ItemGroup
from archiver.printing.labels import format_count, format_date, format_moment
from services.printing.typesetter import print_pages

TEMPLATE = Path(__file__).with_name("declaration.typ")
TITLE = "Verklaring van vernietiging"
STATES = {
    "destroyed": "vernietigd",
    "taken_out": "van de lijst gehaald",
    "put_off": "uitgesteld",
    "held": "vastgehouden",
    "open": "weer geopend",
    "longer": "langer te bewaren",
    "withdrawn": "ingetrokken",
}
REASONS = {
    "": "",
    "dispute": "er loopt een geschil",
    "woo": "er loopt een Woo-verzoek",
    "unfinished": "de behandeling is niet klaar",
    "wrong_term": "het resultaat of de termijn klopt niet",
    "historic": "het is van belang voor later",
    "other": "een andere reden, die bij de lijst staat",
}
IDENTIFIED = {"proven": "bewezen met een login", "stated": "opgegeven, niet bewezen"}
NONE = "geen"
NOT_ERASED = "wissing op verzoek"
GROUP_COLUMNS = (
    "Afdeling",
    "Resultaat",
    "Wat",
    "Waarom",
    "Gesprekken",
    "Afgesloten",
    "Te bewaren tot",
)
KEPT_COLUMNS = ("Gesprek", "Wat", "Waarom", "Tot", "Door")
REMAIN_COLUMNS = ("Waar", "Wat", "Waarom", "Uiterlijk tot")


def declaration_pdf(declaration: Declaration, entry: str) -> bytes:
    """Print a declaration. The same one gives the same bytes. Raises Unprintable."""
    return print_pages(TEMPLATE, lay_out(declaration, entry), declaration.ended_at)


def lay_out(declaration: Declaration, entry: str) -> dict[str, Any]:
    """Return all that the template prints. `entry` is the entry of the log with the same text."""
    return {
        "title": TITLE,
        "municipality": declaration.municipality,
        "reference": declaration.list,
        "count": format_count(declaration.destroyed.conversations, "gesprek", "gesprekken"),
        "facts": [list(each) for each in _facts(declaration)],
        "method": declaration.method,
        "proof": [list(each) for each in _proof(declaration, entry)],
        "tables": [
            _table("Wat is vernietigd en wat niet", GROUP_COLUMNS, map(_group, declaration.groups)),
            _table("Wat niet is vernietigd", KEPT_COLUMNS, map(_kept, declaration.kept)),
            _table("Wat hiermee niet weg is", REMAIN_COLUMNS, map(_remain, declaration.remains)),
        ],
        "left_out": _left_out(declaration.kept_left_out),
    }


def _facts(declaration: Declaration) -> Iterator[tuple[str, str]]:
    yield "Gemeente", declaration.municipality
    yield "Lijst", declaration.list
    yield "Grondslag", declaration.ground
    if declaration.request:
        yield "Verzoek", declaration.request
    if declaration.up_to:
        yield "Vervallen voor", format_date(declaration.up_to)
    yield "Opgesteld door", _signature(declaration.drawn)
    yield "Beoordeeld door", _signature(declaration.reviewed)
    yield "Goedgekeurd door", _signature(declaration.approved)
    if declaration.withdrawn:
        yield "Gestopt door", _signature(declaration.withdrawn)
    yield "Wachttijd", f"{declaration.waiting_days:g} dagen"
    yield "Begonnen", format_moment(declaration.begun_at)
    yield "Klaar", format_moment(declaration.ended_at)


def _signature(signature: Signature) -> str:
    source = IDENTIFIED.get(signature.identified or "", "")
    name = f"{signature.by} ({source})" if source else signature.by
    return f"{name}, {format_moment(signature.at)}"


def _proof(declaration: Declaration, entry: str) -> Iterator[tuple[str, str]]:
    yield "Regel in het logboek", entry
    yield "Aantal gesprekken", f"{declaration.destroyed.conversations}"
    yield "SHA-256 van hun kenmerken", declaration.destroyed.sha256


def _table(title: str, columns: Sequence[str], rows: Iterator[list[str]]) -> dict[str, Any]:
    return {"title": title, "columns": list(columns), "rows": list(rows), "empty": NONE}


def _group(group: ItemGroup) -> list[str]:
    return [
        group.department,
        group.code or NOT_ERASED,
        STATES.get(group.state, group.state),
        REASONS.get(group.reason, group.reason),
        f"{group.conversations}",
        _period(group.closed_from, group.closed_until),
        _period(group.kept_from, group.kept_until),
    ]


def _period(since: date | None, until: date | None) -> str:
    dates = format_date(since), format_date(until)
    return dates[0] if since == until else " – ".join(dates)


def _kept(item: KeptItem) -> list[str]:
    why = ", ".join(item.holds) or REASONS.get(item.reason, item.reason)
    state = STATES.get(item.state, item.state)
    return [item.conversation, state, why, format_date(item.until), item.by]


def _remain(remain: Remain) -> list[str]:
    what = f"{remain.what} ({remain.count})" if remain.count is not None else remain.what
    return [remain.place, what, remain.why, format_date(remain.until) or "niet bekend"]


def _left_out(number: int) -> str:
    """Return the sentence about what was kept and is in no table; '' if all is."""
    return f"Er zijn nog {number} gesprekken die niet zijn vernietigd." if number else ""
