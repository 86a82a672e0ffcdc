"""Where else a person's data is, and until when as far as that is known. Pure."""

from collections.abc import Iterable
from datetime import date, timedelta

from archiver.subject_access.report import Copy, Delivered
from services.config.model import Configuration

CAME = "delivered"
META_DAYS = 30
"""Meta keeps a message so long at most, as it says."""


def copies(
    config: Configuration, tenant: str, delivered: Iterable[Delivered], today: date
) -> tuple[Copy, ...]:
    """Systems that got something, what carries the messages, and back-ups."""
    went = sorted({each.destination for each in delivered if each.state == CAME})
    days = theirs.backup_days if (theirs := config.tenant(tenant)) else 0
    return (
        *(Copy(place=system(config, tenant, id), what="Uw berichten") for id in went),
        Copy(
            place="WhatsApp (Meta)",
            what=f"Uw berichten, hoogstens {META_DAYS} dagen",
        ),
        Copy(
            place="Back-ups",
            what="Een kopie van het archief: weg op deze dag, als wij het vandaag wissen",
            until=today + timedelta(days=days),
        ),
    )


def system(config: Configuration, tenant: str, destination: str) -> str:
    """With the departments that work in it: of its id a citizen knows nothing."""
    theirs = [
        department.called
        for department in config.departments
        if department.tenant == tenant and department.destination == destination
    ]
    return f"{destination}, het systeem van {', '.join(theirs)}" if theirs else destination
