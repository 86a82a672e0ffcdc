"""Answers to whoever wrote over 24 hours ago: Meta takes no more than a template."""

import msgspec

from deliverer.graph import LATE_CHARACTERS
from deliverer.outbound import IN_TEMPLATE, WINDOW_CLOSED
from services import clock
from services.contract import SendOutcome
from services.numbers import LateTemplate
from tests.integration.provider import NUMBER, Account, Office

TEXT = {"type": "text", "text": {"body": "Ja."}}
PICTURE = {"type": "image", "image": {"link": "https://almelo.example/a.png"}}
TEMPLATE = {"type": "template", "template": {"name": "klaar", "language": {"code": "nl"}}}
HEARD = """
insert into router.conversation (id, tenant, number, person, department, rule, reason, since,
    opened_at, last_inbound_at, sequence, departments)
values ($1::text || '-' || $2::uuid, 'almelo', $1, $2, 'kcc', '', '', now(), now(),
    now() - make_interval(hours => $3), 1, '{kcc}')
"""


async def test_when_the_window_has_closed_only_a_template_goes_and_meta_need_not_say_so(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    late, in_time, stranger = (clock.new_id() for _ in range(3))
    await office.pool.execute(HEARD, NUMBER, late, 25)
    await office.pool.execute(HEARD, NUMBER, in_time, 23)
    async with office.working(**{NUMBER: account}):
        refused = await office.queue(TEXT, late)
        await office.until(refused, "failed")
        assert (await office.line(refused))["reason"] == WINDOW_CLOSED
        assert WINDOW_CLOSED.startswith("window_closed: de inwoner schreef langer dan 24 uur")
        assert office.provider.messages == []
        await office.until(await office.queue(TEMPLATE, late), "sent")
        await office.until(await office.queue(TEXT, in_time), "sent")
        await office.until(await office.queue(TEXT, stranger), "sent")  # Meta knows, we do not
    assert len(office.provider.messages) == 3


async def test_a_late_answer_goes_in_the_template_for_it_if_its_words_fit(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    late = clock.new_id()
    await office.pool.execute(HEARD, NUMBER, late, 25)
    account = msgspec.structs.replace(account, late=LateTemplate(name="antwoord"))
    answer = {"type": "text", "text": {"body": "Ja,\n\nhij is klaar."}}
    long = {"type": "text", "text": {"body": "x" * (LATE_CHARACTERS + 1)}}
    async with office.working(**{NUMBER: account}):
        sent = await office.queue(answer, late, about_wamid="wamid.question")
        await office.until(sent, "sent")
        for content in (long, PICTURE):
            await office.until(await office.queue(content, late), "failed")
    [message] = office.provider.messages
    assert message["template"] == {
        "name": "antwoord",
        "language": {"code": "nl"},
        "components": [
            {"type": "body", "parameters": [{"type": "text", "text": "Ja, hij is klaar."}]}
        ],
    }
    assert "context" not in message
    row = await office.line(sent)
    assert (row["reason"], row["wamid"] != "") == (IN_TEMPLATE, True)
    told = await office.pool.fetchval("select body from deliverer.outcome order by position")
    assert msgspec.msgpack.decode(told, type=SendOutcome).reason == IN_TEMPLATE
