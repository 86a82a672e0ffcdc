"""A conversation of several sections, at the desk with the record behind it."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from html import unescape
from uuid import UUID, uuid4

import msgspec
import pytest

from desk.conversation.section import SIZE
from desk.inbox.store import ConversationStore
from desk.postkamer.archive import PAGE
from desk.web.security import form_token
from services import clock
from services.contract import Record
from services.postgres.database import Pool
from tests.support.archiver.api import archive_api, views_of
from tests.support.archiver.records import WHY, message, note, record
from tests.support.decrypted_record import writer_of
from tests.support.desk.served import ID, LOTTE, Desk, received, served_desk

COUNT = 2 * SIZE + 50
"""Messages of the conversation: two sections and a half."""
ANSWER, QUOTED, OURS_QUOTED, REACTED = 3, 10, 20, SIZE + 40
"""Messages that matter to newer ones: the only answer of a person, and two that are quoted in the
newest section, and one to which a reaction in that section is."""
QUOTING, OURS_QUOTING, REACTION = SIZE + 80, SIZE + 81, SIZE + 82
NOW = clock.now()
OLD_NOTE, NEW_NOTE, EDGE_NOTE = "belt liever niet", "komt morgen langs", "heeft haast"
PLACE = {"conversation": ID}


def at(n: float) -> datetime:
    return NOW - timedelta(minutes=COUNT - n)


def _message(n: int, text: str = "", **fields: object) -> Record:
    raw = {"id": f"wamid.{n}"} | fields.pop("raw", {})  # type: ignore[operator]
    given = {"department": "burgerzaken", "at": at(n), "sequence": 2 * n, **PLACE} | fields
    return message(text or f"bericht {n}.", raw=msgspec.json.encode(raw), **given)


def _records() -> Iterator[Record]:
    step = {"event": "opened", "department": "burgerzaken", "decision": WHY | {"reason": "balie"}}
    yield record("conversation", step, at=at(0), **PLACE)
    yield record("conversation", step | {"event": "reopened"}, at=at(SIZE - 0.5), **PLACE)
    notes = (OLD_NOTE, 30.5), (EDGE_NOTE, PAGE - 0.5), (NEW_NOTE, COUNT - 1.5)
    for text, n in notes:
        yield note(text, "burgerzaken", at=at(n), **PLACE)
    employee, automatic = ({"kind": each, "id": "postkamer"} for each in ("employee", "automated"))
    messages = {n: _message(n) for n in range(1, COUNT + 1)}
    messages[ANSWER] = _message(ANSWER, direction="out", author=employee)
    messages[OURS_QUOTING] = _message(
        OURS_QUOTING, direction="out", author=automatic, quoted=messages[OURS_QUOTED].message
    )
    messages[QUOTING] = _message(QUOTING, raw={"context": {"id": f"wamid.{QUOTED}"}})
    reaction = {"reaction": {"message_id": f"wamid.{REACTED}", "emoji": "🎉"}}
    messages[REACTION] = _message(REACTION, type="reaction", raw=reaction)
    yield from messages.values()


RECORDS = list(_records())
MESSAGES = {each.sequence // 2: each.message for each in RECORDS if each.kind == "message"}


@pytest.fixture
async def desk(pool: Pool, empty: str) -> AsyncIterator[Desk]:
    await (await writer_of(pool)).add(RECORDS)
    await ConversationStore(pool).apply([received(2 * COUNT)])
    async with archive_api(pool) as api, served_desk(pool, empty, archiver=api.url) as desk:
        yield desk


def rows_of(page: str) -> str:
    """The rows of a page, without what is around them and without the keys of their forms, which
    are new each time."""
    found = re.search(r'<ol class="desk-rows".*?</ol>', page, re.S)
    assert found
    return " ".join(re.sub(r'name="key" value="[^"]*"', "", unescape(found[0])).split())


def shown_in(page: str) -> list[UUID]:
    return [UUID(id) for id in re.findall(r'id="m-([0-9a-f-]{36})"', page)]


def link_to_earlier(page: str) -> str:
    found = re.search(r'<p class="desk-earlier" id="earlier"><a [^>]*href="([^"]+)"', page)
    return unescape(found[1]) if found else ""


async def sections(desk: Desk, cookie: str) -> list[str]:
    """Pages from the newest section to the first one, each by the link of the one after it."""
    pages, link = [], f"/conversations/{ID}"
    while link:
        status, _, page = await desk.ask(f"GET {link}", cookie)
        assert status == 200, page
        pages.append(page)
        link = link_to_earlier(page)
    return pages


async def test_earlier_messages_are_reached_down_to_the_first_one(desk: Desk, pool: Pool) -> None:
    """Each message, note and step is in one section, and all of them are one opening."""
    cookie = await desk.log_in(LOTTE)
    pages = await sections(desk, cookie)
    shown = [shown_in(page) for page in pages]
    assert [len(each) for each in shown] == [SIZE - 1, SIZE, COUNT - 2 * SIZE]  # and a reaction
    expected = [id for n, id in MESSAGES.items() if n != REACTION]
    assert [id for section in reversed(shown) for id in section] == expected
    for text, places in ((OLD_NOTE, [2]), (NEW_NOTE, [0]), ("Heropend", [1])):
        assert [n for n, page in enumerate(pages) if text in rows_of(page)] == places, text
    assert [n for n, page in enumerate(pages) if "🎉" in rows_of(page)] == [1]
    views = await views_of(pool)
    assert len({each["opening"] for each in views}) == 1 and all(each["opening"] for each in views)


async def test_newest_section_knows_what_is_older_than_it(desk: Desk) -> None:
    cookie = await desk.log_in(LOTTE)
    path = f"/conversations/{ID}"
    _, _, page = await desk.ask(f"GET {path}", cookie)
    assert page.count(f'name="last_answer" value="{MESSAGES[ANSWER]}"') == 2
    assert page.count(f'name="covers" value="{2 * COUNT}"') == 2
    quoted = re.findall(r'<blockquote class="desk-quote" dir="auto">([^<]*)<', page)
    assert quoted == [f"bericht {QUOTED}.", f"bericht {OURS_QUOTED}."]
    assert OLD_NOTE in page and NEW_NOTE in page and "Waarom hier: balie" in page
    [again] = re.findall(r'hx-get="([^"]+/messages[^"]*)"', page)
    _, _, part = await desk.ask(f"GET {unescape(again)}", cookie)
    assert rows_of(part) == rows_of(page)
    assert f'data-last-answer="{MESSAGES[ANSWER]}"' in part


async def test_answer_and_quote_of_long_ago_cost_no_reading_back(desk: Desk, pool: Pool) -> None:
    """The archive names the answer. A quoted message out of reach is shown as an earlier one."""
    cookie = await desk.log_in(LOTTE)
    later = [_message(COUNT + n) for n in range(1, PAGE + SIZE + 1)]
    later[-1] = _message(COUNT + len(later), raw={"context": {"id": f"wamid.{QUOTED}"}})
    await (await writer_of(pool)).add(later)
    await ConversationStore(pool).apply([received(2 * (COUNT + len(later)))])
    _, _, page = await desk.ask(f"GET /conversations/{ID}", cookie)
    assert page.count(f'name="last_answer" value="{MESSAGES[ANSWER]}"') == 2
    assert rows_of(page).count("Antwoord op een eerder bericht") == 1


async def test_earlier_section_stays_where_it_is_and_answers_nothing_itself(
    desk: Desk, pool: Pool
) -> None:
    """A message of it is quoted beside the newest messages, with the draft as it was."""
    cookie = await desk.log_in(LOTTE)
    path = f"/conversations/{ID}"
    answers = [
        _message(COUNT + n, direction="out", author={"kind": "employee", "id": "sanne"})
        for n in range(1, SIZE + 1)
    ]
    await (await writer_of(pool)).add(answers)  # nothing before these is read for them
    *_, middle, first = await sections(desk, cookie)
    assert "data-last-answer" not in middle + first and "<textarea" not in middle + first
    [again] = re.findall(r'hx-get="([^"]+/messages[^"]*)"', middle)
    _, _, part = await desk.ask(f"GET {unescape(again)}", cookie)
    assert rows_of(part) == rows_of(middle)

    own = {"form_token": form_token(cookie), "key": str(uuid4())}
    await desk.ask(f"POST {path}/draft", cookie, own | {"text": "Ja, dat kan"})
    assert f'formaction="{path}/draft" formnovalidate name="quote" value="{MESSAGES[1]}"' in first
    status, headers, _ = await desk.ask(
        f"POST {path}/draft", cookie, own | {"quote": str(MESSAGES[1])}
    )
    assert status == 303
    _, _, page = await desk.ask(f"GET {headers['Location']}", cookie)
    assert "Ja, dat kan</textarea>" in page
    assert f'name="about" value="{MESSAGES[1]}"' in page
    assert page.count('<blockquote class="desk-quote" dir="auto">bericht 1.<') == 1


async def test_archivist_reads_each_message_note_and_step_once(desk: Desk) -> None:
    cookie = await desk.log_in(LOTTE)
    form = {"form_token": form_token(cookie), "id": ID, "reason": "beroep"}
    pages, after = [], "0"
    while after:
        _, _, page = await desk.ask(
            "POST /archive/search/conversation", cookie, form | {"after": after}
        )
        pages.append(rows_of(page))
        after = "".join(re.findall(r'name="after" value="([0-9]+)"', page))
    shown = [int(n) for page in pages for n in re.findall(r"bericht ([0-9]+)\.", page)]
    assert shown == [n for n in range(1, COUNT + 1) if n != REACTION]
    places = {OLD_NOTE: [0], "Heropend": [0], EDGE_NOTE: [0], NEW_NOTE: [1]}
    for text, expected in places.items():
        assert [n for n, page in enumerate(pages) for _ in range(page.count(text))] == expected
