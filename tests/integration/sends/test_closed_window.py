"""Answers to whoever wrote over 24 hours ago: Meta takes no more than a template."""

import msgspec

from deliverer.meta.closed_window import CLOSED, IN_TEMPLATE, MAX_LATE_CHARACTERS, WINDOW_CLOSED
from deliverer.meta.ledger import Ledger
from services import clock
from services.config.numbers import LateAnswerTemplate
from services.contract import SendOutcome
from services.postgres.database import connection_pool
from tests.support.integration.message_provider import NUMBER, Account, Office

TEXT = {"type": "text", "text": {"body": "Ja."}}
PICTURE = {"type": "image", "image": {"link": "https://almelo.example/a.png"}}
TEMPLATE = {"type": "template", "template": {"name": "klaar", "language": {"code": "nl"}}}
LATE = LateAnswerTemplate(name="antwoord")
STOPPED = "insert into router.withdrawal values ('almelo', $1, $2, now() - interval '1 day')"
HEARD = """
insert into router.conversation (id, tenant, number, person, department, rule, reason, since,
    opened_at, last_inbound_at, said_at, sequence, departments)
select $1::text || '-' || $2::uuid, 'almelo', $1, $2, 'kcc', '', '', now(), now(), wrote, wrote, 1,
    '{kcc}'
from (select now() - make_interval(hours => $3) as wrote) as message
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
    account = msgspec.structs.replace(account, late_template=LATE)
    answer = {"type": "text", "text": {"body": "Ja,\n\nhij is klaar."}}
    long = {"type": "text", "text": {"body": "x" * (MAX_LATE_CHARACTERS + 1)}}
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


async def test_a_late_answer_to_who_said_stop_or_wrote_long_ago_goes_in_no_template(
    place: tuple[Office, Account],
) -> None:
    """Ordered as a template it would need consent; and they may get it at night."""
    office, account = place
    stopped, long_ago, turned_off, came_back, elsewhere = (clock.new_id() for _ in range(5))
    for person, hours in ((stopped, 90), (long_ago, 24 * 90), (turned_off, 90), (came_back, 90)):
        await office.pool.execute(HEARD, NUMBER, person, hours)
    await office.pool.execute(HEARD, NUMBER, elsewhere, 24 * 90)
    await office.pool.execute(HEARD, "20000001", elsewhere, 30)  # at another number of theirs
    for person, by in ((stopped, "stop"), (turned_off, "meta")):
        await office.pool.execute(STOPPED, person, by)
    earlier = STOPPED.replace("1 day", "5 days")
    await office.pool.execute(earlier, came_back, "stop")
    account = msgspec.structs.replace(account, late_template=LATE)
    async with office.working(**{NUMBER: account}):
        for person in (stopped, long_ago):
            line = await office.until(await office.queue(TEXT, person), "failed")
            assert line["reason"] == WINDOW_CLOSED
        assert office.provider.messages == []
        for person in (turned_off, came_back, elsewhere):
            line = await office.until(await office.queue(TEXT, person), "sent")
            assert line["reason"] == IN_TEMPLATE
    assert [m["type"] for m in office.provider.messages] == ["template"] * 3


async def test_what_meta_refuses_as_too_late_goes_in_the_template_once_under_its_next_name(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    person = clock.new_id()
    await office.pool.execute(HEARD, NUMBER, person, 23)
    closed = 400, {"error": {"code": CLOSED, "message": "Re-engagement"}}
    account = msgspec.structs.replace(account, late_template=LATE)
    async with office.working(**{NUMBER: account}):
        office.provider.message_answers = [closed]
        id = await office.queue(TEXT, person)
        line = await office.until(id, "sent")
        assert (line["attempt"], line["code"], line["reason"]) == (2, 0, IN_TEMPLATE)
        text, template = office.provider.messages
        assert (text["type"], template["type"]) == ("text", "template")
        assert text["biz_opaque_callback_data"] == f"{id}.1"
        assert template["biz_opaque_callback_data"] == f"{id}.2"
        assert template["template"]["components"][0]["parameters"][0]["text"] == "Ja."
        office.provider.message_answers = [closed, closed]
        line = await office.until(await office.queue(TEXT, person), "failed")
        assert (line["attempt"], line["code"]) == (2, CLOSED)
        office.provider.message_answers = [closed]
        line = await office.until(await office.queue(PICTURE, person), "failed")
        assert (line["attempt"], line["code"]) == (1, CLOSED)


async def test_the_window_is_counted_from_when_it_was_written_and_not_from_when_it_came_in(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    slow, quick = clock.new_id(), clock.new_id()
    for person in (slow, quick):
        await office.pool.execute(HEARD, NUMBER, person, 1)
    said = "update router.conversation set said_at = now() - interval '25 h' where person = $1"
    await office.pool.execute(said, slow)
    async with office.working(**{NUMBER: account}):
        line = await office.until(await office.queue(TEXT, slow), "failed")
        assert line["reason"] == WINDOW_CLOSED
        await office.until(await office.queue(TEXT, quick), "sent")


async def test_the_deliverers_own_rights_are_enough_to_know_it(
    place: tuple[Office, Account], empty: str
) -> None:
    office, _ = place
    person = clock.new_id()
    await office.pool.execute(HEARD, NUMBER, person, 2)
    await office.pool.execute(HEARD, "20000001", person, 1)
    await office.pool.execute(STOPPED, person, "stop")
    await office.queue(TEXT, person)
    async with connection_pool(f"{empty}?role=postkamer_deliverer", "test", 2) as own:
        [line] = await Ledger(own, clock.new_id(), {}).claim(4, set())
    heard, wrote, stopped = line.window_opened_at, line.last_inbound_at, line.stopped_at
    assert heard and wrote and stopped and stopped < heard < wrote
