"""List the copies of a person's data elsewhere, and until when, if known. Pure."""

from collections.abc import Iterable
from datetime import date, timedelta

from archiver.subject_access.report import Copy, Delivered
from services.config.model import Configuration

DELIVERED = "delivered"
BACK_UP = "Een kopie van het archief: weg op deze dag"
META_DAYS = 30
"""Longest time that Meta keeps a message, according to Meta."""


def copies(
    config: Configuration,
    tenant: str,
    delivered: Iterable[Delivered],
    day: date,
    *,
    is_gone: bool = False,
) -> tuple[Copy, ...]:
    """Return the systems that received messages, WhatsApp, and the back-ups. `day` is that on which
    the record was destroyed, or on which it would be."""
    destinations = sorted({each.destination for each in delivered if each.state == DELIVERED})
    days = settings.backup_days if (settings := config.tenant(tenant)) else 0
    return (
        *(Copy(place=name_system(config, tenant, id), what="Uw berichten") for id in destinations),
        Copy(
            place="WhatsApp (Meta)",
            what=f"Uw berichten, hoogstens {META_DAYS} dagen",
        ),
        Copy(
            place="Back-ups",
            what=BACK_UP if is_gone else f"{BACK_UP}, als wij het vandaag wissen",
            until=day + timedelta(days=days),
        ),
    )


def name_system(config: Configuration, tenant: str, destination: str) -> str:
    """Name a system with the departments that work in it: its id means nothing to a citizen."""
    names = [
        department.called
        for department in config.departments
        if department.tenant == tenant and department.destination == destination
    ]
    departments = list(dict.fromkeys(names))  # confidential ones share a name
    return (
        f"{destination}, het systeem van {', '.join(departments)}" if departments else destination
    )
