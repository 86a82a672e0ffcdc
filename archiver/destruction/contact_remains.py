"""Contacts of a list that Open Klants still have: the deliverer deletes them afterwards."""

from collections.abc import Iterator, Sequence

import msgspec

from archiver.destruction.declaration import Remain
from services.postgres.database import Connection


class ContactRemain(msgspec.Struct, frozen=True, kw_only=True):
    destination: str
    waits: bool
    """True for contacts that are still to go; false for objects that stay there for good."""
    reason: str
    """Why they wait, '' if nothing was tried yet; or the code of docs/integrators/openklant.md."""
    count: int


CONTACTS = "Contacten van de gesprekken, met hun taken, namen en telefoonnummers"
UNTRIED = "Postkamer wist ze hier na de vernietiging, en legt vast wanneer alles weg is."
TRIED = (
    "Het systeem antwoordde niet, of met een fout. Postkamer probeert het tot het lukt, en legt"
    " vast wanneer alles weg is."
)
REASONS = {
    "zaak": (
        "Verwijzingen naar een zaak, zonder contact",
        "Die gaan weg met de zaak, en zeggen niets over de burger.",
    ),
    "referred_to": (
        "Lege contacten",
        "Een contact van een ander verwijst ernaar. Tekst, naam, nummer en taken zijn weg.",
    ),
    "answers_others": (
        "Contacten van medewerkers",
        "Die horen ook bij een vraag die niet is vernietigd.",
    ),
    "own_task": ("Contacten van een ander programma", "Daar hangt nog een eigen taak aan."),
    "other_conversation": (
        "Contacten van een ander gesprek",
        "Die gaan weg met dat gesprek.",
    ),
    "of_a_partij": (
        "Adressen van een bekende persoon of organisatie",
        "Die staan ook los van het gesprek in Open Klant.",
    ),
}
"""Code -> what stays, and why."""
REFUSED = (
    "Contacten van de gesprekken",
    "Open Klant weigerde het, of de gegevens kloppen niet: {}.",
)
OUT_OF_REACH = Remain(
    place="",
    what="Het logboek van ITA, en logbestanden van Open Klant en ITA",
    why="Daar kan Postkamer niets wissen. Het logboek heeft notities van medewerkers; de"
    " logbestanden van Open Klant hebben het onderwerp van elk contact.",
)


async def contact_remains(connection: Connection, of_list: str) -> list[ContactRemain]:
    """Return what Open Klants have of a list now, by destination and reason."""
    return [ContactRemain(**row) for row in await connection.fetch(_REMAINS, of_list)]


def describe_contacts(place: str, found: Sequence[ContactRemain]) -> Iterator[Remain]:
    """Yield what one Open Klant has, as a declaration says it. Pure."""
    for why, is_tried in ((UNTRIED, False), (TRIED, True)):
        count = sum(each.count for each in found if each.waits and bool(each.reason) == is_tried)
        if count:
            yield Remain(place=place, what=CONTACTS, why=why, count=count)
    for each in found:
        if not each.waits:
            what, why = REASONS.get(each.reason, REFUSED)
            yield Remain(place=place, what=what, why=why.format(each.reason), count=each.count)
    yield msgspec.structs.replace(OUT_OF_REACH, place=place)


_REMAINS = "select destination, waits, reason, count from deliverer.contact_remains($1)"
