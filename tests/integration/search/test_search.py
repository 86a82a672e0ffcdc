"""Messages and notes are found by their words, on a real PostgreSQL, and so is nothing else."""

import itertools
import re
from datetime import timedelta
from typing import Any

import pytest

from archiver.log.erasure import Eraser
from archiver.search import log_position
from archiver.search.request import BOUNDED_COUNT
from services import clock
from services.contract import Record
from services.postgres.database import Pool
from tests.support.decrypted_record import keys_of, writer_of
from tests.support.integration.search_fixture import (
    NOON,
    asking,
    citizen,
    conversation,
    message,
    messages_of,
    minutes,
    note,
    rights_of,
)

FATIMA, SAM = "31600000011", "31600000012"


async def written(pool: Pool, *records: Record) -> list[Record]:
    await (await writer_of(pool)).add(records)
    return list(records)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Waar kan mijn fiets staan?", "fietsen"),
        ("De fietsen staan in de weg", "fiets"),
        ("Ik ga verhuizen", "verhuizing"),
        ("Mijn verhuizing naar Almelo", "verhuizen"),
        ("Ik ben verhuisd", "verhuizen"),
        ("Twee paspoorten aanvragen", "paspoort"),
        ("De kinderen van het café", "kind cafe"),
        ("Eén vergunning voor het CAFÉ", "cafe vergunningen"),
        ("cafe", "Café"),
        ("Er is een gat in de weg", "gaten"),
        ("Het is gezellig 🎉🚲", "🚲"),
        ("Zwembad: de sluiting.", "sluiting zwembad"),
        ("*zwembad* _sluiting_", "zwembad sluiting"),
        ("Wij komen om 12:30", "12 30"),
    ],
)
async def test_words_are_found_in_any_form(pool: Pool, text: str, words: str) -> None:
    records = await written(pool, message(text), message("Iets heel anders, over afval"))
    async with asking(pool, rights_of()) as ask:
        assert await ask.ids(words=words) == messages_of(records)[:1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Het gaat goed", "gat"),
        ("Dat moet u weten", "wet"),
        ("De zwembadsluiting", "zwembad"),
        ("zwembad", "zwembad sluiting"),
        ("Markt 100, 7600 AA", "10"),
        ("zwemmen in het bad", "zwembad"),
        ("🚗", "🚲"),
        ("", "zwembad"),
    ],
)
async def test_what_does_not_have_all_words_is_not_found(pool: Pool, text: str, words: str) -> None:
    await written(pool, message(text))
    async with asking(pool, rights_of()) as ask:
        assert await ask.ids(words=words) == []


async def test_what_stands_beside_the_text_is_found_as_well(pool: Pool) -> None:
    buttons = {"buttons": [{"type": "reply", "reply": {"id": "ja", "title": "Hondenpoep"}}]}
    sent = {"type": "button", "body": {"text": "Waarover gaat het?"}, "action": buttons}
    content = {"type": "interactive", "interactive": sent}
    medium = {
        "id": "1",
        "mimeType": "application/pdf",
        "sha256": "",
        "filename": "bouwtekening.pdf",
    }
    records = await written(
        pool,
        message("Waarover gaat het?", direction="out", type="interactive", content=content),
        message("", type="document", medium=medium),
        message("Fatima Jansen, Sam de Vries", type="contacts"),
    )
    async with asking(pool, rights_of()) as ask:
        for words, found in zip(("hondenpoep", "bouwtekening pdf", "vries"), records, strict=True):
            assert await ask.ids(words=words) == [found.message]


async def test_of_several_texts_one_is_enough(pool: Pool) -> None:
    records = await written(
        pool, message("zwembad dicht"), message("zwemles vol"), message("zwemles"), message("vol")
    )
    ids = messages_of(records)
    async with asking(pool, rights_of()) as ask:
        assert {*await ask.ids(anyOf=["zwembad", "zwemles vol"])} == {*ids[:2]}
        assert await ask.ids(anyOf=["zwembad", "zwemles"], words="vol") == [ids[1]]


async def test_notes_are_found_with_where_they_stand(pool: Pool) -> None:
    await written(pool, note("Belde over het zwembad"), message("zwembad"))
    async with asking(pool, rights_of()) as ask:
        page = await ask.page(words="zwembad")
        assert (len(page["messages"]), page["total"]) == (1, 2)
        [shown] = page["notes"]
        assert shown["text"] == "Belde over het zwembad"
        place = {"conversationId": conversation("een"), "department": "balie"}
        assert place.items() <= shown.items()
        only = await ask.page(words="zwembad", types=["note"])
        assert (only["messages"], only["total"]) == ([], 1)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"from": "2026-11-20T13:01:00+01:00"}, [1, 2, 3]),
        ({"until": "2026-11-20T12:01:00Z"}, [0]),
        ({"from": "2026-11-20T12:01:00Z", "until": "2026-11-20T12:02:00Z"}, [1]),
        ({"types": ["image"]}, [1]),
        ({"types": ["image", "text"]}, [0, 1, 2, 3]),
        ({"direction": "out"}, [2]),
        ({"departments": ["jeugd"]}, [3]),
        ({"departments": ["jeugd", "balie", "nergens"]}, [0, 1, 2, 3]),
        ({"conversation": conversation("twee")}, [3]),
        ({"person": {"kind": "phone", "value": f"+{SAM}"}}, [3]),
        ({"person": {"kind": "phone", "value": FATIMA}}, [0, 1, 2]),
        ({"person": {"kind": "bsuid", "value": FATIMA}}, []),
        ({"person": {"kind": "phone", "value": FATIMA}, "words": "vol", "types": ["text"]}, [0, 2]),
        ({"words": "vol", "until": "1969-01-01T00:00:00Z"}, []),
        ({"words": "vol", "from": "9999-12-31T23:59:59Z"}, []),
        ({}, [0, 1, 2, 3]),
    ],
)
async def test_all_of_what_is_asked_must_be_so(
    pool: Pool, asked: dict[str, Any], found: list[int]
) -> None:
    records = await written(
        pool,
        message("vol", at=NOON, **citizen(FATIMA)),
        message("vol", at=NOON + minutes(1), type="image", **citizen(FATIMA)),
        message("vol", at=NOON + minutes(2), direction="out"),
        message("vol", at=NOON + minutes(3), within="twee", department="jeugd", **citizen(SAM)),
    )
    ids = messages_of(records)
    async with asking(pool, rights_of()) as ask:
        assert await ask.ids(order="oldest", **asked) == [ids[n] for n in found]
        assert await ask.ids(**asked) == [ids[n] for n in found[::-1]]


async def test_of_a_person_what_stands_in_no_conversation_is_found_too(pool: Pool) -> None:
    alone = await written(
        pool,
        message("geweigerd", within="", **citizen(FATIMA)),
        message("geweigerd", within="", **citizen(SAM)),
    )
    async with asking(pool, rights_of()) as ask:
        person = {"kind": "phone", "value": FATIMA}
        assert await ask.ids(person=person) == messages_of(alone)[:1]


async def test_pages_have_no_gaps_and_no_repeats_while_new_ones_arrive(pool: Pool) -> None:
    """Over months, in any order, with what comes in between, newer and older."""
    writer = await writer_of(pool)
    old = [message(f"vol {n}", at=NOON - timedelta(days=9 * n)) for n in range(23)]
    await writer.add(old)
    for order, limit in itertools.product(("newest", "oldest"), (1, 2, 7, 200)):
        wanted = messages_of(old if order == "newest" else old[::-1])
        async with asking(pool, rights_of()) as ask:
            found, after = [], {}
            while True:
                page = await ask.page(words="vol", order=order, limit=limit, **after)
                assert page["total"] == len(wanted)
                found += [one["id"] for one in page["messages"]]
                days = (-1, 1, 40, 150)
                new = [message("vol", at=NOON - timedelta(days=n)) for n in days]
                await writer.add(new)
                if page["next"] is None:
                    break
                after = {"after": page["next"]}
            assert found == list(map(str, wanted))
        await pool.execute("delete from archiver.searchable where position >= $1", len(old))


async def test_the_same_question_finds_the_same_later(pool: Pool) -> None:
    old = await written(pool, message("vol"), message("vol"))
    async with asking(pool, rights_of()) as ask:
        first = await ask.page(words="vol")
        await written(pool, message("vol"), message("vol", at=NOON - minutes(5)))
        assert await ask.page(words="vol", asOf=first["asOf"]) == first
        assert (await ask.page(words="vol"))["total"] == 4
        key = await (await keys_of(pool)).hash_key("almelo")
        nothing = await ask.page(words="vol", asOf=log_position.encode_position(key, 0))
        assert (nothing["total"], nothing["messages"]) == (0, [])
        beyond = await ask.page(words="vol", asOf=log_position.encode_position(key, 10**17))
        looks = 4  # which are in the log as well, also the one that found nothing
        assert (beyond["total"], log_position.decode_position(key, beyond["asOf"])) == (
            4,
            len(old) + 2 + looks,
        )


async def test_of_what_was_written_with_a_clock_that_was_ahead_all_is_found_again(
    pool: Pool,
) -> None:
    """The record of then is looked for up to when it was written."""
    ahead = message("vol", at=clock.now() + minutes(90))
    await written(pool, message("vol"), ahead)
    async with asking(pool, rights_of()) as ask:
        first = await ask.page(words="vol")
        await written(pool, message("vol"))
        again = await ask.page(words="vol", asOf=first["asOf"])
        assert (again["total"], again) == (2, first)


async def test_nobody_learns_from_an_answer_how_much_there_is(pool: Pool) -> None:
    """Of the others: the log is of all municipalities."""
    async with asking(pool, rights_of()) as ask, asking(pool, rights_of("hengelo")) as other:
        await written(pool, message("vol"), message("vol", tenant="hengelo"))
        ours, theirs = await ask.page(words="vol"), await other.page(words="vol")
        for page in (ours, theirs):
            assert re.fullmatch(log_position.FORM, page["asOf"])
        status, told = await ask.post({"words": "vol", "asOf": theirs["asOf"]})
        assert (status, told["errors"]) == (
            400,
            [{"pointer": "/asOf", "detail": "is of no answer of ours"}],
        )
        made_up = f"{'a' * 48}.{'0' * 32}"
        status, told = await ask.post({"words": "vol", "after": made_up})
        assert (status, told["errors"][0]["pointer"]) == (400, "/after")


async def test_what_was_destroyed_is_missing_and_that_is_said(pool: Pool) -> None:
    records = await written(
        pool, message("vol", at=NOON + minutes(1)), message("vol", within="weg"), message("vol")
    )
    async with asking(pool, rights_of()) as ask:
        first = await ask.page(words="vol")
        assert (first["total"], first["gone"]) == (3, 0)
        await pool.execute(
            "delete from archiver.conversation_key where conversation = $1", conversation("weg")
        )
        again = await ask.page(words="vol", asOf=first["asOf"])
        ids = [str(records[n].message) for n in (0, 2)]
        assert sorted(one["id"] for one in again["messages"]) == sorted(ids)
        assert (again["total"], again["gone"]) == (3, 1)


async def test_who_destroys_something_takes_it_out_of_the_index(pool: Pool) -> None:
    writer = await writer_of(pool)
    records = [message("vol"), message("vol", within="weg"), message("vol", tenant="hengelo")]
    await writer.add(records)
    destroyer = Eraser(pool, await keys_of(pool))
    async with asking(pool, rights_of()) as ask:
        first = await ask.page(words="vol")
        await destroyer.erase_conversation("almelo", conversation("weg"), "its time is over")
        again = await ask.page(words="vol", asOf=first["asOf"])
        assert (first["total"], again["total"], again["gone"]) == (2, 1, 0)
        await destroyer.erase_entry(records[0].id, "its time is over")
        assert (await ask.page(words="vol"))["total"] == 0
    await destroyer.erase_municipality("hengelo", "it is no more")
    assert await pool.fetchval("select count(*) from archiver.searchable") == 0


async def test_a_hit_that_is_opened_holds_what_was_looked_for(pool: Pool) -> None:
    """And is shown as it is by itself."""
    words = ["zwembad", "container", "paspoort", "lantaarnpaal", "kliko"]
    texts = [" ".join(some) for n in (1, 2, 3) for some in itertools.permutations(words, n)]
    await written(pool, *map(message, texts))
    async with asking(pool, rights_of()) as ask:
        for some in itertools.combinations(words, 2):
            page = await ask.page(words=" ".join(some), limit=200)
            found = sorted(one["text"] for one in page["messages"])
            assert found == sorted(text for text in texts if {*some} <= {*text.split()})


async def test_many_hits_are_counted_up_to_a_bound(pool: Pool) -> None:
    await written(pool, message("vol"))
    await pool.execute(
        "insert into archiver.searchable select archiver.first_id(at + n * interval '1 s'),"
        " position, at, tenant, department, conversation, kind, type, direction, words"
        " from archiver.searchable, generate_series(1, $1) as n",
        BOUNDED_COUNT,
    )
    async with asking(pool, rights_of()) as ask:
        page = await ask.page(words="vol", limit=1)
        assert (page["total"], page["totalIsExact"]) == (BOUNDED_COUNT, False)
        page = await ask.page(words="vol", limit=1, count="exact")
        assert (page["total"], page["totalIsExact"]) == (BOUNDED_COUNT + 1, True)
        page = await ask.page(words="vol", limit=1, until="2026-11-20T14:00:00Z")
        assert (page["total"], page["totalIsExact"]) == (2 * 3600, True)
