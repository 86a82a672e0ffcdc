"""Two people who answer, over a real socket: what each of them hears."""

import pytest

from gateway.api.command_store import CommandStore, NewCommand
from services import clock
from services.postgres.database import Pool
from tests.support.integration.crm_desk import CONVERSATION, TOWN, desk_of, opened

OWN, OTHER = "burgerzaken", "openbare-ruimte"
ANSWER = {
    "conversationId": CONVERSATION,
    "type": "text",
    "text": {"body": "Goedemiddag"},
    "ifLast": "none",
}


@pytest.fixture(autouse=True)
async def conversation(pool: Pool) -> None:
    """A conversation of the first department."""
    await opened(pool, CONVERSATION, OWN)


@pytest.mark.parametrize(
    ("whose", "departments", "tells"),
    [(OWN, (OWN,), True), (OTHER, (OWN,), False), (OTHER, (OWN, OTHER), True), (OTHER, (), True)],
)
async def test_only_who_may_know_of_the_last_answer_hears_which_it_is(
    pool: Pool, whose: str, departments: tuple[str, ...], tells: bool
) -> None:
    last = NewCommand(
        id=clock.new_id(),
        tenant=TOWN.numbers[0].tenant,
        token="colleague",
        fingerprint=b"print",
        at=clock.now(),
        conversation=CONVERSATION,
        department=whose,
    )
    await CommandStore(pool).accept(last)
    async with desk_of(pool, *departments) as desk:
        status, said = await desk.post("messages", ANSWER)
    assert (status, said["code"], desk.commands) == (409, "answered_meanwhile", [])
    assert ("last" in said) is tells and said.get("last") == (str(last.id) if tells else None)


async def test_reaction_does_not_count_as_an_answer(pool: Pool) -> None:
    reaction = {"messageId": str(clock.new_id()), "emoji": "\N{THUMBS UP SIGN}"}
    thumb = {"conversationId": CONVERSATION, "type": "reaction", "reaction": reaction}
    async with desk_of(pool) as desk:
        for n, body in enumerate((thumb, thumb | {"ifLast": "none"}, ANSWER)):
            status, said = await desk.post("messages", body, [("Idempotency-Key", str(n))])
            assert (status, said.get("code")) == (202, None)
        status, refused = await desk.post("messages", thumb | {"ifLast": None})
        assert (status, refused["last"]) == (409, said["id"])
    assert [command.type for command in desk.commands] == ["reaction", "reaction", "text"]
