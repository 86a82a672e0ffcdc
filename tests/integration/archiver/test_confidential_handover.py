"""A department that gets a conversation from a confidential one reads nothing of what went before.

The router makes the records, and the archiver's API shows them.
"""

import json
import re
from typing import Any

from services.postgres.database import Pool
from tests.support.archiver.api import archive_api
from tests.support.decrypted_record import writer_of
from tests.support.router.config_full import DISCREET
from tests.support.router.decisions import records_of
from tests.support.router.simulation import Stadhuis

BEFORE = re.compile("jeugd|zorg|reden|gesprek|ZAAK-GEHEIM")
"""Words of what went before."""


def at_youth_care() -> Stadhuis:
    """A conversation that youth care had, with a case, a note and an answer."""
    hall = Stadhuis(given=DISCREET)
    hall.hears("jeugdzorg")
    hall.orders("link", zaak="ZAAK-GEHEIM")
    hall.orders("note", text="gesprek gehad")
    hall.orders("text")
    return hall


async def shown_to(pool: Pool, hall: Stadhuis, *departments: str) -> dict[str, Any]:
    """All that the API shows of the conversation: itself, and its messages."""
    await (await writer_of(pool)).add(records_of(hall.done))
    rights = {"tenant": "hengelo", "departments": frozenset(departments)}
    async with archive_api(pool, DISCREET, **rights) as api:
        status, conversation = await api.get(f"conversations/{hall.id}")
        assert status == 200
        _, page = await api.get(f"conversations/{hall.id}/messages")
    return {"conversation": conversation, "messages": page["messages"]}


async def test_next_department_reads_nothing_of_a_confidential_one(pool: Pool) -> None:
    hall = at_youth_care()
    hall.orders("transfer", to_department="groen", reason="reden")
    hall.hears("mijn container is vol")
    shown = await shown_to(pool, hall, "groen")
    assert not BEFORE.search(json.dumps(shown)), shown
    assert [each["text"] for each in shown["messages"]][-1] == "mijn container is vol"
    assert shown["conversation"]["zaak"] is None
    hall.orders("link", zaak="ZAAK-OPEN")
    hall.orders("close")
    shown = await shown_to(pool, hall, "groen")
    assert shown["conversation"]["zaak"] == "ZAAK-OPEN"
    assert not BEFORE.search(json.dumps(shown)), shown


async def test_reader_of_both_departments_reads_all(pool: Pool) -> None:
    hall = at_youth_care()
    hall.orders("transfer", to_department="groen", reason="reden")
    shown = json.dumps(await shown_to(pool, hall, "groen", "zorg"))
    for word in ("jeugd", "reden", "gesprek", "ZAAK-GEHEIM"):
        assert word in shown
