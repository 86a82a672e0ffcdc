"""Answers to citizens who wrote over 24 hours ago: Meta takes only a template."""

import msgspec
import pytest
from structlog.testing import capture_logs

from deliverer.meta.closed_window import (
    DIRECT_SEND_REFUSALS,
    DIRECTLY,
    HELD,
    IN_TEMPLATE,
    MAX_LATE_CHARACTERS,
    WINDOW_CLOSED,
)
from deliverer.meta.health.health_store import read_health
from deliverer.meta.ledger import Ledger
from services import clock
from services.config.numbers import LateAnswerTemplate
from services.postgres.database import connection_pool
from services.whatsapp.delivery_status import WINDOW_CLOSED_CODE
from tests.support.integration.late_answers import PICTURE
from tests.support.integration.message_provider import NUMBER, OTHER_NUMBER, TEXT, Office
from tests.support.integration.outcomes import stored_outcomes

TEMPLATE = {"type": "template", "template": {"name": "klaar", "language": {"code": "nl"}}}
LONG = {"type": "text", "text": {"body": "x" * (MAX_LATE_CHARACTERS + 1)}}
NOT_ENABLED = 400, {"error": {"code": 100, "message": "Direct Send isn't enabled"}}
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
    had = "update router.conversation set id = 'c', departments = '{zorg,kcc}' where person = $1"
    await office.pool.execute(f"{had} and number = $2", both, NUMBER)
    async with connection_pool(f"{empty}?role=postkamer_deliverer", "test", 2) as own:
        ledger = Ledger(own, clock.new_id(), {})
        assert await ledger.report_direct_send(NUMBER, "no")
        line, other = await ledger.claim(4, set())
    assert line.direct_send_refused and line.departments == ["zorg", "kcc"]
    heard, wrote, stopped = line.window_opened_at, line.last_inbound_at, line.stopped_at
    assert heard and wrote and stopped and stopped < heard < wrote
    assert (other.last_inbound_at, other.stopped_at) == (other.window_opened_at, None)


@pytest.fixture
def with_direct_send(office: Office) -> Office:
    office.account = msgspec.structs.replace(
        office.account, direct_send=True, asks_to_reopen=True, confidential=frozenset({"zorg"})
    )
    return office


async def test_late_answer_goes_directly_and_what_does_not_fit_waits(
    with_direct_send: Office,
) -> None:
    office = with_direct_send
    people = [await office.wrote(25) for _ in range(3)]
    answer = {"type": "text", "text": {"body": "Ja,\n\nhij is klaar.", "preview_url": True}}
    long = {"type": "text", "text": {"body": "x" * 1025}}
    async with office.working():
        line = await office.send(answer, people[0], about_wamid="wamid.question")
        for content, person in ((long, people[1]), (PICTURE, people[2])):
            assert (await office.send(content, person, end="held"))["reason"] == HELD
    [message] = office.provider.messages
    assert message["category"] == "utility" and "context" not in message
    assert (message["type"], message["text"]) == ("text", {"body": "Ja,\n\nhij is klaar."})
    assert (line["reason"], line["attempt"]) == (DIRECTLY, 1)
    sent, *_ = await stored_outcomes(office.pool)
    assert (sent.state, sent.reason) == ("sent", DIRECTLY)


async def test_number_that_meta_refuses_direct_send_holds_its_answers_for_a_day(
    with_direct_send: Office,
) -> None:
    office = with_direct_send
    people = [await office.wrote(25) for _ in range(3)]
    async with office.working():
        office.provider.message_answers = [NOT_ENABLED]
        with capture_logs() as logs:
            for person in people[:2]:
                line = await office.send(TEXT, person, end="held")
                assert (line["reason"], line["code"]) == (HELD, 0)
        assert len(office.provider.messages) == 1
        said = [each for each in logs if each["event"] == "number.health"]
        assert [each["reason"] for each in said] == [DIRECT_SEND_REFUSALS[100]]
        [row] = await read_health(office.pool)
        assert (row.check, row.state, row.detail) == ("direct_send", "warning", said[0]["reason"])
        over = "update deliverer.number_health set until = now()"
        await office.pool.execute(over)
        await office.send(TEXT, people[2])
    assert [message["category"] for message in office.provider.messages] == ["utility"] * 2
    assert await read_health(office.pool) == []


async def test_answer_of_a_confidential_department_never_goes_directly(
    with_direct_send: Office,
) -> None:
    office, person = with_direct_send, await with_direct_send.wrote(25, conversation="c")
    had = "update router.conversation set departments = '{zorg,kcc}' where id = 'c'"
    await office.pool.execute(had)
    async with office.working():
        await office.send(TEXT, person, end="held")
    assert office.provider.messages == []


async def test_answer_that_meta_refuses_as_late_goes_directly(with_direct_send: Office) -> None:
    """A test of a token does the same, and is not offered to Meta."""
    office, person = with_direct_send, await with_direct_send.wrote(23)
    async with office.working():
        office.provider.message_answers = [REFUSED_AS_LATE]
        line = await office.send(TEXT, person)
        assert (line["attempt"], line["reason"]) == (2, DIRECTLY)
        assert ["category" in each for each in office.provider.messages] == [False, True]
        await office.send(TEXT, await office.wrote(25), test=True)
    assert len(office.provider.messages) == 2
