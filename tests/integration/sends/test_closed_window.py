"""Answers to citizens who wrote over 24 hours ago: Meta takes only a template."""

import msgspec
import pytest

from deliverer.meta.closed_window import IN_TEMPLATE, MAX_LATE_CHARACTERS, WINDOW_CLOSED
from deliverer.meta.ledger import Ledger
from services import clock
from services.config.numbers import LateAnswerTemplate
from services.postgres.database import connection_pool
from services.whatsapp.delivery_status import WINDOW_CLOSED_CODE
from tests.support.integration.late_answers import PICTURE
from tests.support.integration.message_provider import OTHER_NUMBER, TEXT, Office
from tests.support.integration.outcomes import stored_outcomes

TEMPLATE = {"type": "template", "template": {"name": "klaar", "language": {"code": "nl"}}}
LONG = {"type": "text", "text": {"body": "x" * (MAX_LATE_CHARACTERS + 1)}}
REFUSED_AS_LATE = 400, {"error": {"code": WINDOW_CLOSED_CODE, "message": "Re-engagement"}}


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
    told, *_ = await stored_outcomes(office.pool)
    assert told.reason == IN_TEMPLATE


async def test_late_answer_to_a_citizen_who_stopped_goes_in_no_template(
    with_template: Office,
) -> None:
    """Sent as an ordinary template it would need consent; and they may get it at night."""
    office, stopped = with_template, await with_template.wrote(90)
    await office.stopped(stopped, hours=24)
    async with office.working():
        line = await office.send(TEXT, stopped, end="failed")
    assert line["reason"] == WINDOW_CLOSED and office.provider.messages == []


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
            assert (line["attempt"], line["code"]) == (attempts, WINDOW_CLOSED_CODE)


async def test_claim_knows_when_the_citizen_last_wrote_anywhere_and_said_stop(
    office: Office, empty: str
) -> None:
    """The claim works with the rights of the deliverer."""
    both, turned_off = await office.wrote(2), await office.wrote(2)
    await office.wrote(1, both, OTHER_NUMBER)
    await office.stopped(both, hours=24)
    await office.stopped(turned_off, "meta")
    for person in (both, turned_off):
        await office.queue(TEXT, person)
    async with connection_pool(f"{empty}?role=postkamer_deliverer", "test", 2) as own:
        line, other = await Ledger(own, clock.new_id(), {}).claim(4, set())
    heard, wrote, stopped = line.window_opened_at, line.last_inbound_at, line.stopped_at
    assert heard and wrote and stopped and stopped < heard < wrote
    assert (other.last_inbound_at, other.stopped_at) == (other.window_opened_at, None)
