"""Copies that a destruction does not reach: where they are, why they stay, and until when.

Each part of the product that knows of such copies has a function in SOURCES.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import date, timedelta

import msgspec

from archiver.destruction.contact_remains import contact_remains, describe_contacts
from archiver.destruction.declaration import Remain
from archiver.handover.store import count_left
from archiver.subject_access.copies import META_DAYS, name_system
from services.config.model import Configuration
from services.postgres.database import Connection

DEFAULT_BACKUP_DAYS = 35
"""Days for which back-ups are kept by a municipality that is not in the configuration any more."""


class Destroyed(msgspec.Struct, frozen=True, kw_only=True):
    """A list whose destruction ends."""

    list: str
    tenant: str
    departments: Collection[str]
    """Departments whose conversations were destroyed."""
    ended_on: date
    config: Configuration


Source = Callable[[Connection, Destroyed], Awaitable[Iterable[Remain]]]


async def remains(connection: Connection, destroyed: Destroyed) -> tuple[Remain, ...]:
    """Return all that remains of a list, in the order of SOURCES."""
    return tuple([each for source in SOURCES for each in await source(connection, destroyed)])


async def _back_ups(_: Connection, destroyed: Destroyed) -> Iterable[Remain]:
    settings = destroyed.config.tenant(destroyed.tenant)
    days = settings.backup_days if settings else DEFAULT_BACKUP_DAYS
    until = destroyed.ended_on + timedelta(days=days)
    return [
        Remain(
            place="Back-ups",
            what="Kopieën van het archief van voor de vernietiging",
            why="Uit een back-up wordt niets apart gewist. Wie een back-up terugzet, vernietigt"
            " opnieuw wat op deze lijst staat.",
            until=until,
        )
    ]


async def _meta(_: Connection, destroyed: Destroyed) -> Iterable[Remain]:
    return [
        Remain(
            place="WhatsApp (Meta)",
            what=f"Berichten die nog niet bezorgd zijn, hoogstens {META_DAYS} dagen",
            why="Meta is zelf verantwoordelijk voor zijn kopie.",
            until=destroyed.ended_on + timedelta(days=META_DAYS),
        ),
        Remain(
            place="Telefoon van de burger",
            what="De berichten van het gesprek",
            why="Die zijn van de burger.",
        ),
    ]


async def _receivers(_: Connection, destroyed: Destroyed) -> Iterable[Remain]:
    """The systems of the departments, which keep what they received."""
    open_klanten = _open_klanten(destroyed)
    return [
        Remain(
            place=name_system(destroyed.config, destroyed.tenant, each),
            what="Wat dit systeem van de gesprekken bewaart",
            why="Het systeem krijgt bericht van de vernietiging. Of het zijn kopie wist, weet"
            " Postkamer niet.",
        )
        for each in _systems(destroyed)
        if each not in open_klanten
    ]


async def _contacts(connection: Connection, destroyed: Destroyed) -> Iterable[Remain]:
    """Contacts that Open Klants have at this moment, and copies that nobody deletes there."""
    found = await contact_remains(connection, destroyed.list)
    names = {each.destination for each in found}
    names.update(set(_systems(destroyed)) & _open_klanten(destroyed))
    return [
        remain
        for each in sorted(names)
        for remain in describe_contacts(
            name_system(destroyed.config, destroyed.tenant, each),
            [one for one in found if one.destination == each],
        )
    ]


async def _handed_over(connection: Connection, destroyed: Destroyed) -> Iterable[Remain]:
    """Transcripts that went to a target when their conversation was closed."""
    return [
        Remain(
            place=target,
            what="Afschriften die bij het sluiten zijn overgedragen",
            count=count,
            why="Die zijn van dit systeem, en Postkamer kan ze daar niet wissen. `postkamer archive"
            " handover list --state left` noemt elk stuk.",
        )
        for target, count in await count_left(connection, destroyed.list)
    ]


def _systems(destroyed: Destroyed) -> list[str]:
    """Return the destinations of the departments whose conversations were destroyed."""
    return sorted(
        {
            each.destination
            for each in destroyed.config.departments
            if each.tenant == destroyed.tenant and each.id in destroyed.departments
        }
    )


def _open_klanten(destroyed: Destroyed) -> set[str]:
    return {each.id for each in destroyed.config.destinations if each.kind == "openklant"}


SOURCES: tuple[Source, ...] = (_receivers, _contacts, _handed_over, _meta, _back_ups)
