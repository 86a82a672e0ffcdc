"""Search over HTTP finds messages and notes by their words, and nothing else."""

import itertools
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from archiver.search import log_position
from archiver.search.request import BOUNDED_COUNT
from services import clock
from services.contract import Record
from services.postgres.database import Pool
from tests.support.archiver.api import archive_api, views_of
from tests.support.archiver.orders import eraser_of
from tests.support.archiver.records import (
    NOON,
    id_of,
    message,
    message_id,
    message_ids,
    minutes,
    note,
)
from tests.support.decrypted_record import keys_of, writer_of

FATIMA, SAM = "31600000011", "31600000012"


async def written(pool: Pool, *records: Record) -> list[Record]:
    await (await writer_of(pool)).add(records)
    return list(records)


WORDS = [  # text of a message, words, found
    ("Waar kan mijn fiets staan?", "fietsen", True),
    ("De fietsen staan in de weg", "fiets", True),
    ("Ik ga verhuizen", "verhuizing", True),
    ("Mijn verhuizing naar Almelo", "verhuizen", True),
    ("Ik ben verhuisd", "verhuizen", True),
    ("Twee paspoorten aanvragen", "paspoort", True),
    ("De kinderen van het café", "kind cafe", True),
    ("Eén vergunning voor het CAFÉ", "cafe vergunningen", True),
    ("cafe", "Café", True),
    ("Er is een gat in de weg", "gaten", True),
    ("Het is gezellig 🎉🚲", "🚲", True),
    ("Zwembad: de sluiting.", "sluiting zwembad", True),
    ("*zwembad* _sluiting_", "zwembad sluiting", True),
    ("Wij komen om 12:30", "12 30", True),
    ("Het gaat goed", "gat", False),
    ("Dat moet u weten", "wet", False),
    ("De zwembadsluiting", "zwembad", False),
    ("zwembad", "zwembad sluiting", False),
    ("Markt 100, 7600 AA", "10", False),
    ("zwemmen in het bad", "zwembad", False),
    ("🚗", "🚲", False),
    ("", "zwembad", False),
]


async def test_message_is_found_by_any_form_of_all_words(pool: Pool) -> None:
    """Each message is in a conversation of its own."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    records = [
        message(text, letter * 26) for letter, (text, *_) in zip(letters, WORDS, strict=False)
    ]
    await written(pool, *records)
    async with archive_api(pool) as api:
        for record, (text, words, is_found) in zip(records, WORDS, strict=True):
            found = await api.find(words=words, conversation=record.conversation)
            assert found == [record.message] * is_found, (text, words)


async def test_buttons_file_names_and_contacts_are_found(pool: Pool) -> None:
    buttons = {"buttons": [{"type": "reply", "reply": {"id": "ja", "title": "Hondenpoep"}}]}
    sent = {"type": "button", "body": {"text": "Waarover gaat het?"}, "action": buttons}
    content = {"type": "interactive", "interactive": sent}
    medium = {"id": "1", "mimeType": "application/pdf", "filename": "bouwtekening.pdf"}
    records = await written(
        pool,
        message("Waarover gaat het?", direction="out", type="interactive", content=content),
        message("", type="document", medium=medium),
        message("Fatima Jansen, Sam de Vries", type="contacts"),
    )
    async with archive_api(pool) as api:
        for words, found in zip(("hondenpoep", "bouwtekening pdf", "vries"), records, strict=True):
            assert await api.find(words=words) == [found.message]


async def test_one_of_several_texts_suffices(pool: Pool) -> None:
    texts = ("zwembad dicht", "zwemles vol", "zwemles", "vol")
    ids = message_ids(await written(pool, *map(message, texts)))
    async with archive_api(pool) as api:
        assert {*await api.find(anyOf=["zwembad", "zwemles vol"])} == {*ids[:2]}
        assert await api.find(anyOf=["zwembad", "zwemles"], words="vol") == [ids[1]]


async def test_note_is_found_with_its_conversation(pool: Pool) -> None:
    await written(pool, note("Belde over het zwembad"), message("zwembad"))
    async with archive_api(pool) as api:
        page = await api.search(words="zwembad")
        assert (len(page["messages"]), page["total"]) == (1, 2)
        [shown] = page["notes"]
        text = "Belde over het zwembad"
        expected = {"conversationId": id_of("een"), "department": "balie", "text": text}
        assert expected.items() <= shown.items()
        notes = await api.search(words="zwembad", types=["note"])
        assert (notes["messages"], notes["total"]) == ([], 1)


FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({"from": "2026-11-20T13:01:00+01:00"}, [1, 2, 3]),
    ({"until": "2026-11-20T12:01:00Z"}, [0]),
    ({"from": "2026-11-20T12:01:00Z", "until": "2026-11-20T12:02:00Z"}, [1]),
    ({"types": ["image"]}, [1]),
    ({"types": ["image", "text"]}, [0, 1, 2, 3]),
    ({"direction": "out"}, [2]),
    ({"departments": ["jeugd"]}, [3]),
    ({"departments": ["jeugd", "balie", "nergens"]}, [0, 1, 2, 3]),
    ({"conversation": id_of("twee")}, [3]),
    ({"person": {"kind": "phone", "value": f"+{SAM}"}}, [3]),
    ({"person": {"kind": "phone", "value": FATIMA}}, [0, 1, 2]),
    ({"person": {"kind": "bsuid", "value": FATIMA}}, []),
    ({"person": {"kind": "phone", "value": FATIMA}, "words": "vol", "types": ["text"]}, [0, 2]),
    ({"words": "vol", "until": "1969-01-01T00:00:00Z"}, []),
    ({"words": "vol", "from": "9999-12-31T23:59:59Z"}, []),
    ({}, [0, 1, 2, 3]),
]


async def test_every_filter_holds_in_either_order(pool: Pool) -> None:
    records = await written(
        pool,
        message("vol", at=NOON, phone=FATIMA),
        message("vol", at=NOON + minutes(1), type="image", phone=FATIMA),
        message("vol", at=NOON + minutes(2), direction="out"),
        message("vol", "twee", "jeugd", at=NOON + minutes(3), phone=SAM),
    )
    async with archive_api(pool) as api:
        for request, nths in FILTERS:
            ids = [message_id(records[n]) for n in nths]
            assert await api.find(order="oldest", **request) == ids, request
            assert await api.find(**request) == ids[::-1], request


async def test_message_without_a_conversation_is_found_by_its_person(pool: Pool) -> None:
    alone = [message("geweigerd", conversation="", phone=phone) for phone in (FATIMA, SAM)]
    await written(pool, *alone)
    async with archive_api(pool) as api:
        found = await api.find(person={"kind": "phone", "value": FATIMA})
        assert found == message_ids(alone)[:1]


async def test_pages_have_no_gaps_and_no_repeats_while_records_come(pool: Pool) -> None:
    """Newer and older ones, and some in between, over months."""
    writer = await writer_of(pool)
    old = [message(f"vol {n}", at=NOON - timedelta(days=9 * n)) for n in range(23)]
    await writer.add(old)
    for order, limit in itertools.product(("newest", "oldest"), (1, 2, 7, 200)):
        expected = message_ids(old if order == "newest" else old[::-1])
        async with archive_api(pool) as api:
            found: list[str] = []
            after: dict[str, Any] = {}
            while True:
                page = await api.search(words="vol", order=order, limit=limit, **after)
                assert page["total"] == len(expected)
                found += [one["id"] for one in page["messages"]]
                days = (-1, 1, 40, 150)
                await writer.add([message("vol", at=NOON - timedelta(days=n)) for n in days])
                if page["next"] is None:
                    break
                after = {"after": page["next"]}
            assert found == list(map(str, expected))
        await pool.execute("delete from archiver.searchable where position >= $1", len(old))


async def test_search_as_of_a_position_finds_the_same_later(pool: Pool) -> None:
    ahead = message("vol", at=clock.now() + minutes(90))  # written with a clock that was ahead
    old = await written(pool, message("vol"), ahead)
    async with archive_api(pool) as api:
        first = await api.search(words="vol")
        assert first["total"] == 2
        await written(pool, message("vol"), message("vol", at=NOON - minutes(5)))
        assert await api.search(words="vol", asOf=first["asOf"]) == first
        assert (await api.search(words="vol"))["total"] == 4
        key = (await (await keys_of(pool)).index_keys("almelo")).proof
        nothing = await api.search(words="vol", asOf=log_position.encode_position(key, 0))
        assert (nothing["total"], nothing["messages"]) == (0, [])
        beyond = await api.search(words="vol", asOf=log_position.encode_position(key, 10**17))
        views = 4  # of the searches, also of the one that found nothing
        position = log_position.decode_position(key, beyond["asOf"])
        assert (beyond["total"], position) == (4, len(old) + 2 + views)


async def test_positions_of_answers_are_opaque_and_of_one_municipality(pool: Pool) -> None:
    await written(pool, message("vol"), message("vol", tenant="hengelo"))
    async with archive_api(pool) as api, archive_api(pool, tenant="hengelo") as other:
        theirs = (await other.search(words="vol"))["asOf"]
        for position in (theirs, (await api.search(words="vol"))["asOf"]):
            assert re.fullmatch(log_position.FORM, position)
        refused = await api.post({"words": "vol", "asOf": theirs})
    errors = [{"pointer": "/asOf", "detail": "is of no answer of ours"}]
    assert (refused[0], refused[1]["errors"]) == (400, errors)


async def test_hits_whose_key_is_gone_are_counted_as_gone(pool: Pool) -> None:
    old = await written(pool, message("vol"), message("vol", "weg"), message("vol"))
    async with archive_api(pool) as api:
        first = await api.search(words="vol")
        assert (first["total"], first["gone"]) == (3, 0)
        delete = "delete from archiver.conversation_key where conversation = $1"
        await pool.execute(delete, id_of("weg"))
        again = await api.search(words="vol", asOf=first["asOf"])
    assert (again["total"], again["gone"]) == (3, 1)
    assert {one["id"] for one in again["messages"]} == {str(old[n].message) for n in (0, 2)}


async def test_erased_messages_are_not_found_and_not_indexed(pool: Pool, tmp_path: Path) -> None:
    records = [message("vol"), message("vol", "weg"), message("vol", tenant="hengelo")]
    await written(pool, *records)
    eraser = eraser_of(pool, await keys_of(pool), tmp_path)
    async with archive_api(pool) as api:
        first = await api.search(words="vol")
        await eraser.erase_conversation("almelo", id_of("weg"), "its time is over")
        again = await api.search(words="vol", asOf=first["asOf"])
        assert (first["total"], again["total"], again["gone"]) == (2, 1, 0)
        await eraser.erase_entry(records[0].id, "its time is over")
        assert (await api.search(words="vol"))["total"] == 0
    await eraser.erase_municipality("hengelo", "it is no more")
    assert await pool.fetchval("select count(*) from archiver.searchable") == 0


async def test_every_hit_has_the_words_that_were_asked(pool: Pool) -> None:
    words = ["zwembad", "container", "paspoort", "lantaarnpaal", "kliko"]
    texts = [" ".join(some) for n in (1, 2, 3) for some in itertools.permutations(words, n)]
    await written(pool, *map(message, texts))
    async with archive_api(pool) as api:
        for some in itertools.combinations(words, 2):
            page = await api.search(words=" ".join(some), limit=200)
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
    async with archive_api(pool) as api:
        for request, total, is_exact in (
            ({}, BOUNDED_COUNT, False),
            ({"count": "exact"}, BOUNDED_COUNT + 1, True),
            ({"until": "2026-11-20T14:00:00Z"}, 2 * 3600, True),
        ):
            page = await api.search(words="vol", limit=1, **request)
            assert (page["total"], page["totalIsExact"]) == (total, is_exact)


async def test_every_search_is_a_view_also_without_hits(pool: Pool) -> None:
    await written(pool, message("schulden"), message("vakantie"))
    async with archive_api(pool) as api:
        await api.search(words="niets")
        await api.search(words="schulden", limit=1)
    views = [(view["what"], view["count"]) for view in await views_of(pool)]
    assert views == [("search", 0), ("search", 1)]


NOWHERE = f"{'a' * 48}.{'0' * 32}"
WRONG: list[tuple[Any, str]] = [  # body, pointers of its faults
    ({"words": "het is er"}, "/words"),
    ({"words": "!?"}, "/words"),
    ({"words": ""}, "/words"),
    ({"words": None}, "/words"),
    ({"words": " ".join(map(str, range(21)))}, "/words"),
    ({"anyOf": ["zwembad", "het"]}, "/anyOf/1"),
    ({"anyOf": ["zwembad"] * 11}, "/anyOf"),
    ({"from": "2026-11-20", "until": "gisteren"}, "/from /until"),
    ({"from": "2026-11-20T12:00:00Z", "until": "2026-11-20T13:00:00+01:00"}, "/until"),
    ({"person": {"kind": "email", "value": "a@example.org"}}, "/person/kind /person/value"),
    ({"person": {"kind": "phone"}}, "/person/value"),
    ({"departments": ["BALIE"], "types": [""]}, "/departments/0 /types/0"),
    ({"direction": "up", "order": "best", "count": "all"}, "/count /direction /order"),
    ({"limit": 0}, "/limit"),
    ({"limit": 201}, "/limit"),
    ({"limit": "50"}, "/limit"),
    ({"after": "5", "asOf": -1}, "/after /asOf"),
    ({"words": "vol", "after": NOWHERE}, "/after"),
    ({"after": NOWHERE, "asOf": "b" * 48}, "/after"),
    ({"asOf": "a" * 48}, "/asOf"),
    ({"asOf": 6}, "/asOf"),
    ({"conversation": "x", "tenant": "hengelo"}, "/conversation /tenant"),
    (b'{"words": "\\u0000"}', "/words"),
    (b'{"words": "\\ud800"}', "/words"),
    (b'{"limit": 1e3}', "/limit"),
]


async def test_every_fault_of_a_search_request_is_named(pool: Pool) -> None:
    async with archive_api(pool) as api:
        for body, pointers in WRONG:
            status, answer = await api.post(body)
            named = [fault["pointer"] for fault in answer["errors"]]
            assert (status, named) == (400, pointers.split()), body
        for no_object in ([], b"{"):
            status, answer = await api.post(no_object)
            assert (status, [fault["pointer"] for fault in answer["errors"]]) == (400, [""])
        assert (await api.post(b'{"words": "%s"}' % (b"a" * 70_000)))[0] == 413


async def test_search_that_takes_too_long_is_refused_as_too_broad(pool: Pool) -> None:
    await written(pool, message("vol"))
    lock = "lock table archiver.searchable in access exclusive mode"
    async with archive_api(pool) as api, pool.acquire() as other, other.transaction():
        await other.execute(lock)
        status, answer = await api.post({"words": "vol"})
    assert (status, answer["code"]) == (400, "too_broad")


async def test_search_needs_the_role(pool: Pool) -> None:
    for role in ("send", "rules", "kcc", "archivist", "privacy"):
        async with archive_api(pool, roles=frozenset([role])) as api:
            assert (await api.post({"conversation": id_of("een")}))[0] == 403
