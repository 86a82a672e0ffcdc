"""Messages from a number on trial, refused at the API before they are accepted."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from services import clock
from services.config.model import Configuration
from services.postgres.database import Pool, connection_pool
from services.sealing.columns import ADDRESS
from services.sealing.key_ring import RING
from tests.support.integration.crm_desk import CONVERSATION, NUMBER, TOWN, desk_of, opened

GUEST, STRANGER = "+31600000001", "+31699999999"
WORDS = {"type": "text", "text": {"body": "Goedemiddag"}}
REFUSAL = {
    "status": 422,
    "title": "Unprocessable Content",
    "code": "not_on_guest_list",
    "detail": "this number is on trial, and sends only to its guest list",
}
OTHER = f"{NUMBER}-{'b3' * 13}"


@pytest.fixture
async def own(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    """Connections with the rights of the gateway, where a guest has written, and a stranger."""
    for conversation, phone in ((CONVERSATION, GUEST), (OTHER, STRANGER)):
        await opened(pool, conversation, "klantcontact")
        value = phone.removeprefix("+")
        await pool.execute(_KNOWN, conversation, value.encode(), RING.seal_name(value, ADDRESS))
    await pool.execute(_GUEST, clock.new_id(), NUMBER, RING.seal_name("31600000001", ADDRESS))
    async with connection_pool(f"{empty}?role=postkamer_gateway", "test", 4) as own:
        yield own


def with_trial() -> Configuration:
    given = TOWN.model_dump(mode="json", by_alias=True)
    given["numbers"][0]["trial"] = True
    return Configuration.model_validate_json(msgspec.json.encode(given))


async def send_to_all(pool: Pool, town: Configuration, **rights: Any) -> list[tuple[int, Any]]:
    """A message to the guest and one to the stranger: by address, and in a conversation."""
    async with desk_of(pool, town=town, **rights) as desk:
        addressees = [{"number": NUMBER, "to": each} for each in (GUEST, STRANGER)]
        addressees += [{"conversationId": each} for each in (CONVERSATION, OTHER)]
        key = clock.new_id()
        answers = [
            await desk.post("messages", WORDS | each, [("Idempotency-Key", f"{key}-{n}")])
            for n, each in enumerate(addressees)
        ]
        accepted = [status for status, _ in answers].count(202)
        assert len(desk.commands) == accepted
        assert all(command.test is rights.get("test", False) for command in desk.commands)
        return answers


async def test_number_on_trial_takes_messages_to_its_guests_only(own: Pool, pool: Pool) -> None:
    configured, recorded = with_trial(), "insert into deliverer.trial (number) values ($1)"
    first = await send_to_all(own, configured)
    # Without the record, which the deliverer makes before it sends, nobody is known as a guest.
    assert [status for status, _ in first] == [422] * 4
    await pool.execute(recorded, NUMBER)
    for town in (configured, TOWN):
        answers = await send_to_all(own, town)
        assert [status for status, _ in answers] == [202, 422, 202, 422]
        assert answers[1][1] == answers[3][1] == REFUSAL
    assert [status for status, _ in await send_to_all(own, configured, test=True)] == [202] * 4
    await pool.execute("update deliverer.trial set live_at = now()")
    assert [status for status, _ in await send_to_all(own, configured)] == [202] * 4


async def test_message_that_was_accepted_is_not_refused_when_it_is_repeated(
    own: Pool, pool: Pool
) -> None:
    body = WORDS | {"number": NUMBER, "to": STRANGER}
    async with desk_of(own) as desk:
        first = await desk.post("messages", body)
        await pool.execute("insert into deliverer.trial (number) values ($1)", NUMBER)
        assert await desk.post("messages", body) == first
        assert first[0] == 202


_KNOWN = """
insert into router.identity (tenant, kind, hash, value, person, valid_from)
select tenant, 'phone', $2, $3, person, now() from router.conversation where id = $1
"""
_GUEST = """
insert into deliverer.guest (id, number, kind, value) values ($1, $2, 'phone', $3)
"""
