"""The files of a month's open data: CSV and JSON, what they mean, and a description for a portal.

Nothing in them is of the time at which they were made: the same counts give the same bytes.
"""

import csv
import io
from collections.abc import Iterator

import msgspec

from cli.figures.dcat import README, describe_dataset
from router.figures.statistics import Statistics, Table


def render_files(statistics: Statistics) -> dict[str, bytes]:
    """Return the files by name."""
    tables = {
        f"{table.name}.csv": _csv(table, statistics) for table in statistics.tables if table.records
    }
    data = tables | {"statistiek.json": _json(statistics)}
    description = describe_dataset(statistics, {name: len(body) for name, body in data.items()})
    return data | {
        README: _explain(statistics).encode(),
        "dcat-ap-nl.jsonld": indented(description),
    }


def _csv(table: Table, statistics: Statistics) -> bytes:
    """Return a table by RFC 4180, in UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(table.header)
    writer.writerows([statistics.show(cell) for cell in record] for record in table.records)
    return text.getvalue().encode()


def _json(statistics: Statistics) -> bytes:
    return indented(
        {
            "maand": statistics.month,
            "gemeente": statistics.tenant.name,
            "kleinsteAantal": statistics.smallest,
            "vertrouwelijkeAfdelingenWeggelaten": statistics.confidential,
            "eersteMaand": statistics.is_first,
            "verwijderdeAfdelingenWeggelaten": statistics.has_removed,
            "tabellen": {
                table.name: {
                    "titel": table.title,
                    "kolommen": table.header,
                    "rijen": [[statistics.show(cell) for cell in row] for row in table.records],
                }
                for table in statistics.tables
            },
        }
    )


def indented(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


COLUMNS = {
    "maand": "jaar en maand, in Nederlandse tijd",
    "afdeling": "kenmerk van de afdeling; `totaal` is alle afdelingen samen",
    "afdelingsnaam": "naam van de afdeling",
    "weekdag": "`maandag` tot en met `zondag`: alle maandagen van de maand samen; of `totaal`",
    "uur": "0 tot en met 23, in Nederlandse tijd: 9 is van 9.00 tot 10.00 uur; of `totaal`",
    "afzender": "`medewerker`, `vanzelf` (een automatische tekst) of `systeem`; of `totaal`",
    "uitkomst": "hoe het gesprek werd afgesloten; of `totaal`",
    "regel": "kenmerk van de regel; wat met `_` begint is geen regel; of `totaal`",
    "naam": "naam van de regel",
    "gesprekken": "aantal gesprekken",
    "berichten": "aantal berichten",
    "geplaatst": "hoe vaak de regel een gesprek aan een afdeling toewees",
    "doorgegeven": "hoe vaak een medewerker zo'n gesprek daarna aan een andere afdeling gaf; zonder"
    " totaal",
}


ABOUT = """\
# Berichten op WhatsApp aan {tenant}, {month}

Aantallen van een maand, zonder personen. De bestanden zijn CSV volgens RFC 4180, in UTF-8;
`statistiek.json` heeft hetzelfde.
{tables}
## Wat er niet in staat

- `<{smallest}`: minder dan {smallest}, ook nul. Zo weinig kan over herkenbare mensen gaan.
- `x`: {smallest} of meer, en toch weggelaten: een aantal onder {smallest} zou anders uit een
  totaal of een andere tabel te berekenen zijn.
- Vertrouwelijke afdelingen ({confidential}), met hun regels. De totalen zijn zonder hen.
{removed}{first}- Wat een systeem op proef deed (een testtoken), en reacties met alleen een emoji.
"""
REMOVED = """\
- Afdelingen die er niet meer zijn: of zij vertrouwelijk waren, is niet meer bekend.
"""
FIRST = """\
- In deze maand begon het tellen: misschien ontbreekt het begin.
"""
WITHHELD = "Deze maand niet gepubliceerd: te veel zou uit te rekenen zijn."


def _explain(statistics: Statistics) -> str:
    """Return the file that says what the others mean, in Markdown."""
    return ABOUT.format(
        tenant=statistics.tenant.name,
        month=statistics.month,
        smallest=statistics.smallest,
        confidential=statistics.confidential,
        removed=REMOVED if statistics.has_removed else "",
        first=FIRST if statistics.is_first else "",
        tables="".join(f"{line}\n" for table in statistics.tables for line in _columns(table)),
    )


def _columns(table: Table) -> Iterator[str]:
    yield from ("", f"## {table.title}", "")
    if table.records:
        yield from (f"`{table.name}.csv`", "", "| kolom | betekenis |", "|---|---|")
        yield from (f"| `{column}` | {COLUMNS[column]} |" for column in table.header)
    else:
        yield WITHHELD
