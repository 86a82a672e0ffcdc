"""The desk's tables: events once, lists within reach, drafts and answers, sessions."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from desk.access import Access, Department, Tenant
from desk.conversation.answers import AnswerStore, Draft, GivenAnswer
from desk.conversation.reasons import LIFETIME as REASON_LIFETIME
from desk.conversation.reasons import ReasonStore
from desk.conversation.standard_answers import StandardAnswer, StandardAnswerStore, fill
from desk.events.event import Event, EventData
from desk.inbox.alarms import AlarmStore
from desk.inbox.changed import CHANNEL, Changed
from desk.inbox.conversation import ANSWERS_NOTHING
from desk.inbox.filters import FILTERS, Filter
from desk.inbox.store import PAGE, ConversationStore, WaitingCount
from desk.login.id_token import Identity
from desk.login.provider import Tokens
from desk.login.sessions import IDLE, LIFETIME, SessionStore, session_id, timed
from services import event_types as types
from services.postgres.channel import listen
from services.postgres.database import SESSION_SETTINGS, Pool
from services.tasks import background_task
from tests.support.observer import until_true

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
END = NOW + timedelta(hours=14)
SOURCE = "urn:nld:gemeente-almelo.systeem:postkamer"
ALMELO = Tenant("almelo", "Gemeente Almelo", SOURCE)
LOTTE = Access(ALMELO, "l.hendriks", frozenset({"send", "read"}), (Department("burgerzaken", "B"),))
MURAT = msgspec.structs.replace(LOTTE, person="m.yildiz")
HANNA = msgspec.structs.replace(LOTTE, person="h.vos", departments=(Department("zorg", "Z", True),))
HENGELO = msgspec.structs.replace(LOTTE, tenant=Tenant("hengelo", "Hengelo", "urn:hengelo"))
ALL = msgspec.structs.replace(LOTTE, departments=(), all_departments=True)
PERSON = b"p" * 16


def message(conversation: str = "c1", sequence: int = 1, minutes: int = 0, /, **data: Any) -> Event:
    at = NOW + timedelta(minutes=minutes)
    given = {
        "conversationId": conversation,
        "department": "burgerzaken",
        "type": "text",
        "text": "Mijn paspoort is kwijt",
        "from": {"name": "Fatima"},
        "receivedAt": at,
        "task": True,
    }
    return Event(
        uuid4(), SOURCE, types.RECEIVED, at, msgspec.convert(given | data, EventData), sequence
    )


def status(conversation: str, sequence: int, minutes: int, message: UUID) -> Event:
    given = {
        "conversationId": conversation,
        "department": "burgerzaken",
        "messageId": message,
        "status": "sent",
        "at": NOW + timedelta(minutes=minutes),
        "author": {"kind": "employee"},
    }
    data = msgspec.convert(given, EventData)
    return Event(uuid4(), SOURCE, types.STATUS_CHANGED, NOW, data, sequence)


async def ids(store: ConversationStore, access: Access, filter: Filter = "waiting") -> list[str]:
    return [each.id for each in (await store.list(access, filter, END))[0]]


async def test_event_that_comes_twice_counts_once(pool: Pool) -> None:
    store, event = ConversationStore(pool), message()
    later = message("c1", 2, 1, department="belastingen")
    await store.apply([event, later])
    await store.apply([event])
    await store.apply([event, event])
    found = await store.find("c1", ALL)
    assert found and (found.department, found.sequence) == ("belastingen", 2)


async def test_events_of_one_conversation_at_the_same_time_are_all_applied(pool: Pool) -> None:
    store = ConversationStore(pool)
    events = [message("c1", n, n) for n in range(1, 9)]
    await asyncio.gather(*(store.apply([each]) for each in events))
    found = await store.find("c1", ALL)
    assert found and (found.waiting_since, found.waiting_to) == (NOW + timedelta(minutes=1), 8)


async def test_failed_batch_leaves_nothing_behind(pool: Pool) -> None:
    store, event = ConversationStore(pool), message()
    broken = message("c2", 1, text="nul \x00")
    wrong = msgspec.structs.replace(broken, source="a\x00b")
    with pytest.raises(Exception, match="0x00"):
        await store.apply([event, wrong])
    assert await ids(store, ALL) == []
    await store.apply([event])
    assert await ids(store, ALL) == ["c1"]


async def test_content_lies_sealed_and_opens_for_its_row_alone(pool: Pool) -> None:
    store = ConversationStore(pool)
    await store.apply([message("c1"), message("c2", text="Waar is de milieustraat?")])
    rows = await pool.fetch("select * from desk.conversation")
    await store.assign("c1", LOTTE, to="l.hendriks", instead_of="")
    rows += await pool.fetch("select * from desk.conversation")
    shown = repr([dict(row) for row in rows])
    assert not any(each in shown for each in ("paspoort", "Fatima", "hendriks"))
    await pool.execute(
        "update desk.conversation set content = (select content from desk.conversation"
        " where id = 'c2') where id = 'c1'"
    )
    found = await store.find("c1", ALL)
    assert found and found.content.text == ""  # the citizen waits all the same
    assert await ids(store, ALL) == ["c1", "c2"]


async def test_nothing_is_left_of_a_conversation_that_was_destroyed(pool: Pool) -> None:
    store, answers = ConversationStore(pool), AnswerStore(pool)
    alarm = Event(uuid4(), SOURCE, types.CARE_ALARM, NOW, EventData("c1", nth=1), 1)
    await store.apply([message("c1"), alarm, message("c2")])
    await answers.store_draft("c1", PERSON, Draft(uuid4(), "Beste"), NOW)
    await answers.begin(GivenAnswer(uuid4(), "c1", 1, {}), PERSON, NOW)
    await store.apply([Event(uuid4(), "urn:other", types.DESTROYED, NOW, EventData("c2"), 9)])
    await store.apply([Event(uuid4(), SOURCE, types.DESTROYED, NOW, EventData("c1"), 9)])
    assert await ids(store, ALL) == ["c2"], "another municipality's word does not count"
    for table in ("draft", "answer", "alarm"):
        assert await pool.fetchval(f"select count(*) from desk.{table}") == 0


async def test_each_sees_what_they_reach(pool: Pool) -> None:
    store = ConversationStore(pool)
    await store.apply([message("c1"), message("c2", department="zorg")])
    assert [await ids(store, each) for each in (LOTTE, HANNA, ALL, HENGELO)] == [
        ["c1"], ["c2"], ["c1", "c2"], [],
    ]  # fmt: skip
    for access, reached in ((LOTTE, "c1"), (HANNA, "c2")):
        for id in ("c1", "c2"):
            assert (await store.find(id, access) is not None) == (id == reached)
            assert (await store.assign(id, access, to="x", instead_of="y") is None) == (
                id != reached
            )
    nobody = msgspec.structs.replace(LOTTE, departments=())
    assert await ids(store, nobody) == []
    assert (await store.count(HENGELO, END))["waiting"] == 0


async def test_filters_hold_what_they_say(pool: Pool) -> None:
    store = ConversationStore(pool)
    closed = message("closed")
    await store.apply(
        [
            message("old", 1, -600),
            message("new", windowUntil=NOW + timedelta(hours=1)),
            message("urgent", priority="urgent", windowUntil=NOW + timedelta(days=1)),
            message("marked", priority="high", windowUntil=NOW + timedelta(days=1)),
            message("danger", care="zelfdoding"),
            message("thanks", task=False, priority="high"),
            closed,
        ]
    )
    end = Event(uuid4(), SOURCE, types.CLOSED, NOW, closed.data, 2)
    await store.apply([end])
    assert await store.assign("new", LOTTE, to="l.hendriks", instead_of="") == "l.hendriks"
    found = {each: await ids(store, LOTTE, each) for each in FILTERS}
    assert found == {
        "waiting": ["danger", "urgent", "marked", "old", "new"],
        "mine": ["new"],
        "nobodys": ["danger", "urgent", "marked", "old"],
        "urgent": ["danger", "urgent", "marked", "thanks"],
        "ending": ["new"],
        "citizen": ["thanks"],
        "closed": ["closed"],
    }
    counts = await store.count(LOTTE, END)
    assert counts == {name: len(there) for name, there in found.items() if name != "closed"}


async def test_list_has_pages(pool: Pool) -> None:
    store = ConversationStore(pool)
    await store.apply([message(f"c{n:03}", 1, n) for n in range(PAGE + 5)])
    first, has_more = await store.list(LOTTE, "waiting", END)
    second, has_third = await store.list(LOTTE, "waiting", END, 1)
    assert (len(first), has_more, len(second), has_third) == (PAGE, True, 5, False)
    assert [each.id for each in (*first, *second)] == [f"c{n:03}" for n in range(PAGE + 5)]


async def test_conversation_is_taken_by_one(pool: Pool) -> None:
    store = ConversationStore(pool)
    await store.apply([message()])
    people = [LOTTE, MURAT] * 4
    done = await asyncio.gather(
        *(store.assign("c1", each, to=each.person, instead_of="") for each in people)
    )
    [winner] = set(done)
    assert winner in ("l.hendriks", "m.yildiz")
    other = MURAT if winner == "l.hendriks" else LOTTE
    assert await store.assign("c1", other, to=other.person, instead_of=winner) == other.person


async def test_answer_of_the_desk_answers_what_its_writer_saw(pool: Pool) -> None:
    """A question that came in between waits on, although its answer was sent later."""
    store, answers, key, id = ConversationStore(pool), AnswerStore(pool), uuid4(), uuid4()
    await store.apply([message("c1", 1), message("c1", 3, 1)])
    await answers.begin(GivenAnswer(key, "c1", 1, {}), PERSON, NOW)
    await answers.accepted(key, id)
    await store.apply([status("c1", 4, 5, id)])
    assert await ids(store, LOTTE) == ["c1"]
    await store.apply([status("c1", 5, 5, uuid4())])  # of another CRM, which says no more
    assert await ids(store, LOTTE) == []


async def test_draft_is_its_writers_alone_until_it_is_sent(pool: Pool) -> None:
    answers, draft = AnswerStore(pool), Draft(uuid4(), "U kunt langskomen")
    await answers.store_draft("c1", PERSON, draft, NOW)
    assert await answers.find_draft("c1", PERSON) == draft
    assert (await answers.find_draft("c1", b"q" * 16)).text == ""
    assert (await answers.find_draft("c2", PERSON)).text == ""
    text = await pool.fetchval("select text from desk.draft")
    assert b"langskomen" not in text
    given = GivenAnswer(draft.key, "c1", 4, {"text": {"body": "U kunt langskomen"}})
    await answers.begin(given, PERSON, NOW)
    assert await answers.find_unsure("c1", PERSON) == given
    assert await answers.find_unsure("c1", b"q" * 16) is None
    body = await pool.fetchval("select body from desk.answer")
    assert b"langskomen" not in body
    await answers.accepted(draft.key, uuid4())
    assert await answers.find_unsure("c1", PERSON) is None
    assert await pool.fetchval("select body from desk.answer") == b""
    fresh = await answers.find_draft("c1", PERSON)
    assert (fresh.text, fresh.key != draft.key) == ("", True)
    await answers.store_draft("c1", PERSON, draft, NOW)  # from another window, a moment too late
    assert (await answers.find_draft("c1", PERSON)).text == ""


def alarm(
    conversation: str, nth: int = 1, source: str = SOURCE, sequence: int = 1, **data: Any
) -> Event:
    given = msgspec.convert({"conversationId": conversation, "nth": nth} | data, EventData)
    at = NOW + timedelta(minutes=10 * nth)
    return Event(uuid4(), source, types.CARE_ALARM, at, given, sequence)


def confirmation(conversation: str, source: str = SOURCE, sequence: int = 1) -> Event:
    event = alarm(conversation, source=source, sequence=sequence)
    return msgspec.structs.replace(event, type=types.CARE_CONFIRMED)


async def test_alarm_is_shown_to_who_is_on_duty_until_a_person_confirms(pool: Pool) -> None:
    store, alarms = ConversationStore(pool), AlarmStore(pool)
    duty = msgspec.structs.replace(LOTTE, roles=LOTTE.roles | {"care"})
    await store.apply([message("c1"), message("c2", department="zorg")])
    await store.apply([alarm("c1", care="suicide"), alarm("c2"), alarm("c2", 2), alarm("c3")])
    await store.apply([alarm("c4", source="urn:hengelo")])
    shown = [(a.conversation, a.care, a.nth, a.department) for a in await alarms.list(duty)]
    assert sorted(shown) == [
        ("c1", "suicide", 1, "burgerzaken"),
        ("c2", "", 2, ""),
        ("c3", "", 1, ""),
    ]
    assert await alarms.list(LOTTE) == []
    assert await store.find("c3", ALL) is None, "an alarm makes no conversation"
    await store.apply([confirmation("c1"), confirmation("c4")])
    await alarms.remove("c2", duty)
    await alarms.remove("c3", HENGELO)
    assert [each.conversation for each in await alarms.list(duty)] == ["c3"]
    hengelo = msgspec.structs.replace(HENGELO, roles=duty.roles)
    assert [each.conversation for each in await alarms.list(hengelo)] == ["c4"]


async def test_confirmed_alarm_does_not_come_back_with_an_older_event(pool: Pool) -> None:
    """An event that was parked comes after later ones. A new danger is an alarm again."""
    store, alarms = ConversationStore(pool), AlarmStore(pool)
    duty = msgspec.structs.replace(LOTTE, roles=LOTTE.roles | {"care"})

    async def shown(*events: Event) -> list[tuple[str, int]]:
        for event in events:
            await store.apply([event])
        return [(each.conversation, each.nth) for each in await alarms.list(duty)]

    danger = partial(alarm, care="suicide")
    first, second = danger("c1", sequence=1), danger("c1", 2, sequence=3)
    assert await shown(second, first) == [("c1", 2)]
    assert await shown(confirmation("c1", sequence=4)) == []
    assert await shown(danger("c1", 3, sequence=3), confirmation("c1", sequence=2)) == []
    assert await shown(danger("c1", sequence=6)) == [("c1", 1)]
    assert await shown(confirmation("c2", sequence=4), danger("c2", sequence=3)) == [("c1", 1)]
    await alarms.remove("c1", duty)
    assert await shown(danger("c1", sequence=5)) == []
    assert await shown(danger("c1", 2, sequence=7)) == [("c1", 2)]
    assert await store.find("c2", ALL) is None, "a confirmation makes no conversation"
    assert await shown(confirmation("c1", sequence=8)) == []
    kinds = await pool.fetch("select care from desk.alarm")
    assert [row["care"] for row in kinds] == ["", ""], "of what is confirmed no kind is kept"


def test_news_of_an_alarm_concerns_who_is_on_duty_in_its_municipality() -> None:
    duty = msgspec.structs.replace(LOTTE, roles=frozenset({"care"}), departments=())
    news = Changed("c1", SOURCE, (), is_alarm=True)
    assert news.concerns(duty)
    assert not news.concerns(LOTTE)
    assert not news.concerns(msgspec.structs.replace(duty, tenant=HENGELO.tenant))
    ordinary = Changed("c1", SOURCE, ("burgerzaken",))
    assert [ordinary.concerns(each) for each in (LOTTE, duty, HENGELO)] == [True, False, False]


async def test_reaction_answers_nothing_and_its_failure_is_no_trouble(pool: Pool) -> None:
    store, answers, key, id = ConversationStore(pool), AnswerStore(pool), uuid4(), uuid4()
    await store.apply([message()])
    await answers.begin(GivenAnswer(key, "c1", ANSWERS_NOTHING, {}), PERSON, NOW)
    await answers.accepted(key, id)
    sent = status("c1", 2, 5, id)
    failed = msgspec.structs.replace(
        sent, id=uuid4(), sequence=3, data=msgspec.structs.replace(sent.data, status="failed")
    )
    await store.apply([sent, failed])
    found = await store.find("c1", LOTTE)
    assert found and (found.waiting_since, found.trouble) == (NOW, "")


async def test_draft_keeps_what_it_quotes(pool: Pool) -> None:
    answers, draft = AnswerStore(pool), Draft(uuid4(), "hallo", uuid4())
    await answers.store_draft("c1", PERSON, draft, NOW)
    assert await answers.find_draft("c1", PERSON) == draft
    bare = msgspec.structs.replace(draft, about=None)
    await answers.store_draft("c1", PERSON, bare, NOW)
    assert await answers.find_draft("c1", PERSON) == bare


async def test_reason_holds_for_an_hour_in_one_session_and_conversation(pool: Pool) -> None:
    sessions, reasons = SessionStore(pool), ReasonStore(pool)
    for cookie in ("a", "b"):
        await sessions.begin(cookie, "https://idp", Identity("sub"), HANNA, TOKENS, NOW)
    one, other = session_id("a"), session_id("b")
    await reasons.store(one, "c1", "dossier Bakker", NOW)
    assert await reasons.find(one, "c1", NOW) == "dossier Bakker"
    assert await reasons.find(one, "c1", NOW + REASON_LIFETIME) == ""
    assert await reasons.find(one, "c2", NOW) == await reasons.find(other, "c1", NOW) == ""
    assert b"Bakker" not in await pool.fetchval("select reason from desk.reason")
    await reasons.store(other, "c1", "klacht", NOW)
    await pool.execute("update desk.reason set reason = (select reason from desk.reason"
        " where session = $1) where session = $2", one, other)  # fmt: skip
    assert await reasons.find(other, "c1", NOW) == ""
    await reasons.store(one, "c1", "klacht", NOW + REASON_LIFETIME)
    assert await reasons.find(one, "c1", NOW + REASON_LIFETIME) == "klacht"
    await sessions.end(one)
    assert await pool.fetchval("select count(*) from desk.reason") == 1


async def test_refused_answer_is_forgotten_and_its_draft_stays(pool: Pool) -> None:
    answers, draft = AnswerStore(pool), Draft(uuid4(), "hallo")
    await answers.store_draft("c1", PERSON, draft, NOW)
    await answers.begin(GivenAnswer(draft.key, "c1", 1, {}), PERSON, NOW)
    await answers.refused(draft.key)
    assert await answers.find_unsure("c1", PERSON) is None
    assert await answers.find_draft("c1", PERSON) == draft


async def test_refusal_of_a_second_page_forgets_no_answer_that_was_taken(pool: Pool) -> None:
    """Both pages had the same draft, and so the same key."""
    answers, key = AnswerStore(pool), uuid4()
    await answers.begin(GivenAnswer(key, "c1", 1, {}), PERSON, NOW)
    await answers.accepted(key, uuid4())
    await answers.begin(GivenAnswer(key, "c1", 1, {"other": 1}), PERSON, NOW)
    await answers.refused(key)
    assert await pool.fetchval("select count(*) from desk.answer where message is not null") == 1


TOKENS = Tokens("access", "refresh", "id", 300.0)


async def test_session_ends_by_its_time_its_user_or_its_provider(pool: Pool) -> None:
    sessions, who = SessionStore(pool), Identity("sub", "sid")
    await sessions.begin("cookie", "https://idp", who, LOTTE, TOKENS, NOW)
    found = await sessions.find("cookie", NOW)
    assert found and (found.access, found.tokens) == (LOTTE, timed(TOKENS, NOW))
    assert await sessions.find("other", NOW) is None
    assert await sessions.find("cookie", NOW + IDLE) is None
    await sessions.touch(found, NOW + LIFETIME - timedelta(minutes=1))
    assert await sessions.find("cookie", NOW + LIFETIME) is None
    row = repr(list(await pool.fetchrow("select * from desk.session") or []))
    assert not any(
        secret in row for secret in ("cookie", "access'", "l.hendriks", "refresh'", "sid")
    )
    assert await sessions.end_of("https://other", who) == 0
    assert await sessions.end_of("https://idp", Identity("sub", "another")) == 0
    assert await sessions.end_of("https://idp", Identity("", "sid")) == 1
    assert await sessions.find("cookie", NOW) is None
    for cookie in ("a", "b"):
        await sessions.begin(cookie, "https://idp", who, LOTTE, TOKENS, NOW)
    assert await sessions.end_of("https://idp", Identity("sub")) == 2
    await sessions.begin("c", "https://idp", who, LOTTE, TOKENS, NOW)
    await sessions.end(session_id("c"))
    assert await sessions.find("c", NOW) is None


async def test_manager_sees_and_ends_sessions_of_the_own_municipality_alone(pool: Pool) -> None:
    sessions = SessionStore(pool)
    await sessions.begin("before", "https://idp", Identity("sub-0"), LOTTE, TOKENS, NOW - IDLE / 2)
    for n, access in enumerate((LOTTE, HANNA, HENGELO)):
        who, at = Identity(f"sub-{n}"), NOW + timedelta(minutes=n)
        await sessions.begin(f"cookie-{n}", "https://idp", who, access, TOKENS, at)
    later = NOW + timedelta(minutes=5)
    listed = await sessions.list_of("almelo", later)
    assert [(each.access.person, each.used_at) for each in listed] == [
        ("h.vos", NOW + timedelta(minutes=1)),
        ("l.hendriks", NOW),
    ]
    assert listed[0].access.departments == HANNA.departments
    assert [each.access.person for each in await sessions.list_of("almelo", NOW + IDLE)] == [
        "h.vos"
    ]
    neighbour = session_id("cookie-2")
    assert await sessions.end_in("almelo", neighbour) == 0
    assert await sessions.find("cookie-2", later)
    assert await sessions.end_in("almelo", listed[1].id) == 2  # the one of before too
    assert await sessions.find("cookie-0", later) is None
    await pool.execute("update desk.session set person = 'x'")  # by a hand: it does not open
    assert await sessions.list_of("almelo", later) == []


async def test_citizens_who_wait_are_counted_for_the_whole_municipality(pool: Pool) -> None:
    store = ConversationStore(pool)
    other = msgspec.structs.replace(message("c4"), source="urn:hengelo")
    await store.apply(
        [
            message("c1", 1, 5),
            message("c2", 1, 1),
            message("c3", 1, 0, department="zorg"),
            message("thanks", task=False),
            other,
        ]
    )
    assert await store.count_waiting(SOURCE) == (
        WaitingCount("zorg", 1, NOW),
        WaitingCount("burgerzaken", 2, NOW + timedelta(minutes=1)),
    )


async def test_tokens_are_renewed_by_one_process(pool: Pool) -> None:
    sessions = SessionStore(pool)
    await sessions.begin("c", "https://idp", Identity("sub"), LOTTE, TOKENS, NOW)
    found = await sessions.find("c", NOW)
    assert found
    claims = await asyncio.gather(*(sessions.claim_renewal(found, NOW) for _ in range(5)))
    assert sorted(claims) == [False] * 4 + [True]
    narrower = msgspec.structs.replace(LOTTE, departments=())
    await sessions.renew(found, narrower, Tokens("new", "next"), NOW)
    after = await sessions.find("c", NOW)
    assert after and (after.access, after.tokens.access_token) == (narrower, "new")


async def test_standard_answer_is_its_departments(pool: Pool) -> None:
    store, id = StandardAnswerStore(pool), uuid4()
    own = StandardAnswer(id, "burgerzaken", "Paspoort", "Beste {naam}", "l.hendriks", NOW)
    assert await store.store(LOTTE, own)
    assert not await store.store(HANNA, own)
    assert not await store.store(HENGELO, own)
    everybodys = msgspec.structs.replace(own, id=uuid4(), department="", title="afscheid")
    assert await store.store(HANNA, everybodys)
    titles = [each.title for each in await store.list(LOTTE, "burgerzaken")]
    assert titles == ["afscheid", "Paspoort"]
    assert [each.title for each in await store.list(HANNA)] == ["afscheid"]
    assert await store.list(HENGELO) == []
    await store.remove(HANNA, id)
    assert len(await store.list(LOTTE)) == 2
    await store.remove(LOTTE, id)
    assert len(await store.list(LOTTE)) == 1


def test_fields_of_a_standard_answer_are_filled_in_once() -> None:
    text = "Beste {naam}, groet {medewerker} van {gemeente} {anders}"
    assert fill(text, "{medewerker}", "s", "Almelo") == (
        "Beste {medewerker}, groet s van Almelo {anders}"
    )


async def test_open_pages_hear_of_changes_and_of_gaps(pool: Pool, empty: str) -> None:
    store, heard, gaps = ConversationStore(pool), list[str](), list[int]()
    hear = listen(
        empty,
        CHANNEL,
        SESSION_SETTINGS | {"application_name": "hears"},
        on_notice=heard.append,
        on_gap=lambda: gaps.append(1),
    )
    async with background_task(hear):
        await until_true(lambda: bool(gaps), 10)
        await store.apply([message(), message("c1", 2, department="belastingen")])
        await until_true(lambda: bool(heard), 10)
        news = msgspec.json.decode(heard[-1], type=Changed)
        assert news == Changed("c1", SOURCE, ("belastingen",))
        await pool.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'hears'"
        )
        await until_true(lambda: len(gaps) > 1, 20)
