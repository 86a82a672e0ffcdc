"""Answers to citizens who wrote over 24 hours ago: Meta takes only a template."""

from typing import Any

import msgspec
import pytest

from deliverer.meta.closed_window import CLOSED, IN_TEMPLATE, MAX_LATE_CHARACTERS, WINDOW_CLOSED
from deliverer.meta.ledger import Ledger
from services import clock
from services.config.numbers import LateAnswerTemplate
from services.contract import SendOutcome
from services.postgres.database import connection_pool
from tests.support.integration.late_answers import PICTURE
from tests.support.integration.message_provider import OTHER_NUMBER, TEXT, Office

TEMPLATE = {"type": "template", "template": {"name": "klaar", "language": {"code": "nl"}}}
LONG = {"type": "text", "text": {"body": "x" * (MAX_LATE_CHARACTERS + 1)}}
REFUSED_AS_LATE = 400, {"error": {"code": CLOSED, "message": "Re-engagement"}}


@pytest.fixture
def with_template(office: Office) -> Office:
    template = LateAnswerTemplate(name="antwoord")
    office.account = msgspec.structs.replace(office.account, late_template=template)
    return office


async def test_only_a_template_is_sent_once_the_window_has_closed(office: Office) -> None:
    late, in_time, delayed = [await office.wrote(hours) for hours in (25, 23, 1)]
    said = "update router.conversation set said_at = now() - interval '25 h' where person = $1"
    await office.pool.execute(said, delayed)  # it came in an hour ago, and was written before
    async with office.working():
        for person in (late, delayed):
            line = await office.send(TEXT, person, end="failed")
            assert line["reason"] == WINDOW_CLOSED
        assert WINDOW_CLOSED.startswith("window_closed: de inwoner schreef langer dan 24 uur")
        assert office.provider.messages == []
        stranger = clock.new_id()  # Meta knows of them, we do not
        for content, person in ((TEMPLATE, late), (TEXT, in_time), (TEXT, stranger)):
            await office.send(content, person)
    assert office.sent_types == ["template", "text", "text"]


async def test_late_answer_goes_in_the_template_when_its_words_fit(with_template: Office) -> None:
    office, late = with_template, await with_template.wrote(25)
    answer = {"type": "text", "text": {"body": "Ja,\n\nhij is klaar."}}
    async with office.working():
        sent = await office.send(answer, late, about_wamid="wamid.question")
        for content in (LONG, PICTURE):
            await office.send(content, late, end="failed")
    [message] = office.provider.messages
    words = [{"type": "body", "parameters": [{"type": "text", "text": "Ja, hij is klaar."}]}]
    expected = {"name": "antwoord", "language": {"code": "nl"}, "components": words}
    assert message["template"] == expected and "context" not in message
    assert (sent["reason"], sent["wamid"] != "") == (IN_TEMPLATE, True)
    told = await office.pool.fetchval("select body from deliverer.outcome order by position")
    assert msgspec.msgpack.decode(told, type=SendOutcome).reason == IN_TEMPLATE


@pytest.mark.parametrize(
    ("hours", "stop", "elsewhere", "expected"),
    [
        (90, {"by": "stop", "hours": 24}, None, ("failed", WINDOW_CLOSED)),
        (24 * 90, None, None, ("failed", WINDOW_CLOSED)),
        (90, {"by": "meta", "hours": 24}, None, ("sent", IN_TEMPLATE)),
        (90, {"by": "stop", "hours": 24 * 5}, None, ("sent", IN_TEMPLATE)),
        (24 * 90, None, 30, ("sent", IN_TEMPLATE)),
    ],
    ids=["stopped", "long ago", "turned off at Meta", "wrote after stop", "at another number"],
)
async def test_late_template_goes_only_to_recent_writers_who_did_not_stop_it(
    with_template: Office,
    hours: int,
    stop: dict[str, Any] | None,
    elsewhere: int | None,
    expected: tuple[str, str],
) -> None:
    """Sent as an ordinary template it would need consent; and they may get it at night."""
    office, person = with_template, await with_template.wrote(hours)
    if stop:
        await office.stopped(person, **stop)
    if elsewhere:
        await office.wrote(elsewhere, person, OTHER_NUMBER)
    async with office.working():
        line = await office.send(TEXT, person, end=expected[0])
    assert line["reason"] == expected[1]
    assert office.sent_types == (["template"] if expected[0] == "sent" else [])


async def test_answer_that_meta_refuses_as_late_goes_once_in_the_template(
    with_template: Office,
) -> None:
    office, person = with_template, await with_template.wrote(23)
    async with office.working():
        office.provider.message_answers = [REFUSED_AS_LATE]
        line = await office.send(TEXT, person)
        assert (line["attempt"], line["code"], line["reason"]) == (2, 0, IN_TEMPLATE)
        text, template = office.provider.messages
        assert (text["type"], template["type"]) == ("text", "template")
        names = [message["biz_opaque_callback_data"] for message in (text, template)]
        assert names == [f"{line['id']}.1", f"{line['id']}.2"]
        assert template["template"]["components"][0]["parameters"][0]["text"] == "Ja."
        for content, attempts in ((TEXT, 2), (PICTURE, 1)):
            office.provider.message_answers = [REFUSED_AS_LATE] * attempts
            line = await office.send(content, person, end="failed")
            assert (line["attempt"], line["code"]) == (attempts, CLOSED)


async def test_deliverer_may_read_when_the_citizen_wrote_and_stopped(
    office: Office, empty: str
) -> None:
    person = await office.wrote(2)
    await office.wrote(1, person, OTHER_NUMBER)
    await office.stopped(person, hours=24)
    await office.queue(TEXT, person)
    async with connection_pool(f"{empty}?role=postkamer_deliverer", "test", 2) as own:
        [line] = await Ledger(own, clock.new_id(), {}).claim(4, set())
    heard, wrote, stopped = line.window_opened_at, line.last_inbound_at, line.stopped_at
    assert heard and wrote and stopped and stopped < heard < wrote
