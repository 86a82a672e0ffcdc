"""The example that ships, and variants of it: what a municipality may set differently."""

from pathlib import Path
from shutil import copytree

from services.config.loader import LoadedConfig, load
from tests.support.routing.town_hall import EXAMPLE

SECOND = "106540352242999"
"""A second number of ours, where there is one."""

TENANT, OF_TENANT = 'menu = "onderwerp"', '{}\nmenu = "onderwerp"'
ALL_TEXTS = """automatic = [
    "eerste_contact", "gesloten", "keuze_onduidelijk", "noodgeval", "zelfdoding", "geweld", "bsn",
    "bestand", "aangepast", "gestopt", "doorgestuurd", "duurt_langer", "storing", "spraakbericht",
    "afgesloten",
]"""
DEPARTMENT = 'id = "{}"\ntenant = "voorbeeldstad"\n'
OF_DEPARTMENT = 'id = "{}"\ntenant = "voorbeeldstad"\n{}\n'
DUTY = """
[[departments]]
id = "buitendienst"
tenant = "voorbeeldstad"
name = "Buitendienst"
destination = "crm"
"""
HOLD = """
[[rules]]
id = "eerst-kijken"
words = ["loterij zonder naam"]
hold = true
"""
NUMBERS = f"""
[[numbers]]
id = "{SECOND}"
tenant = "voorbeeldstad"
fallback = "klantcontact"
"""

Change = tuple[str, str]
TOWNS: dict[str, tuple[tuple[Change, ...], str]] = {
    "": ((), ""),
    "talks": (((TENANT, OF_TENANT.format(ALL_TEXTS)),), ""),
    "waits": (
        (
            (TENANT, OF_TENANT.format(f"wait_minutes = 120\n{ALL_TEXTS}")),
            (
                DEPARTMENT.format("parkeren"),
                OF_DEPARTMENT.format("parkeren", 'escalate_to = "klantcontact"'),
            ),
        ),
        "",
    ),
    "stand-in": (
        (
            (
                DEPARTMENT.format("openbare-ruimte"),
                OF_DEPARTMENT.format("openbare-ruimte", 'when_closed = "buitendienst"'),
            ),
        ),
        DUTY,
    ),
    "one-on-call": ((('destinations = ["piket", "crm"]', 'destinations = ["piket"]'),), ""),
    "two-numbers": ((), NUMBERS),
    "holds": ((), HOLD),
}
"""Variant of the example that ships -> what is replaced in its postkamer.toml, and what follows."""


def town(name: str, folder: Path) -> LoadedConfig:
    """A variant, written down in a folder that is not there yet."""
    copytree(EXAMPLE.parent, folder)
    file, (changes, more) = folder / EXAMPLE.name, TOWNS[name]
    text = file.read_text()
    for before, after in changes:
        assert text.count(before) == 1, f"{before!r} should stand once in {EXAMPLE}"
        text = text.replace(before, after)
    file.write_text(text + more)
    return load(file)
