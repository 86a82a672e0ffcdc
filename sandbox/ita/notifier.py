"""ITA's mailer of new tasks, which runs every 15 minutes."""

from datetime import datetime

import msgspec

from sandbox.ita.client import Json, OpenKlantClient
from sandbox.ita.rules import EXPANSION, AddressOf, find_addresses


class NotifierRun(msgspec.Struct):
    state: datetime
    """Time at which the last task that is done with was assigned; the next run begins after it."""
    mails: list[tuple[str, str]] = []
    """Address and subject."""
    stopped: str = ""
    """Reason why it stopped at the next task, as each later run does; '' if it ran through."""


async def run_notifier(api: OpenKlantClient, address_of: AddressOf, state: datetime) -> NotifierRun:
    """Mail about each task that was made after `state`, oldest first, whatever its status.

    It stops at the first task with a mail address whose contact has no number, and at any failing
    call. Without an address it does not look at the number.
    """
    run = NotifierRun(state)
    for row in await new_tasks(api, state):
        try:
            uuid = row["aanleidinggevendKlantcontact"]["uuid"]
            contact = await api.get(f"klantcontacten/{uuid}", expand=EXPANSION)
            links = row["toegewezenAanActoren"]
            actors = [await api.get(f"actoren/{one['uuid']}") for one in links]
            addresses = find_addresses(actors, address_of)
        except Exception as error:
            run.stopped = str(error)
            break
        if addresses and not contact["nummer"]:
            run.stopped = "AanleidinggevendKlantcontact.Nummer ontbreekt"
            break
        subject = f"Nieuw contactverzoek - {contact['nummer']}"
        run.mails += [(address, subject) for address in addresses]
        run.state = assigned_at(row)
    return run


async def new_tasks(api: OpenKlantClient, state: datetime) -> list[Json]:
    """Read the list, newest first, up to a page without a new task; return the tasks by when they
    were assigned."""
    found: list[Json] = []
    async for page in api.pages("internetaken"):
        new = [row for row in page if assigned_at(row) > state]
        if not new:
            break
        found += new
    return sorted(found, key=assigned_at)


def assigned_at(row: Json) -> datetime:
    return datetime.fromisoformat(row["toegewezenOp"])
