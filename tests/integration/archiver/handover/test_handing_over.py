"""Transcripts that are handed over at the closing: to a Documenten API with the zaak, and to an
object store, through failures of either and of this process."""

import base64
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archiver.handover.failure import TRIED_FOR
from archiver.handover.store import HandoverStore, list_handovers
from archiver.handover.waiting_metrics import count_once
from services import clock, metrics
from services.postgres.database import Pool
from tests.support.archiver.commands import Archive
from tests.support.archiver.orders import eraser_of
from tests.support.archiver.transcripts import STREETS, TENANT
from tests.support.archiver.zgw_room import (
    RSIN,
    TYPE,
    WORDS,
    ZAAK,
    ZgwRoom,
    close,
    closed_story,
    town,
    zgw_room,
)
from tests.support.decrypted_record import keys_of, rows_of
from tests.support.integration.stops import start, stop


@pytest.fixture
async def room(pool: Pool, tmp_path: Path) -> AsyncIterator[ZgwRoom]:
    async with zgw_room(pool, tmp_path) as room:
        room.provider.add_zaak(room.origin, ZAAK, RSIN)
        yield room


def _document(room: ZgwRoom) -> dict[str, Any]:
    [document] = room.provider.documents.values()
    return document


async def _deliveries(room: ZgwRoom) -> list[dict[str, Any]]:
    rows = [each for each in await rows_of(room.pool) if each["kind"] == "delivery"]
    return [msgspec.json.decode(each["data"]) for each in rows]


async def test_document_is_whole_and_with_its_zaak_and_on_the_record(room: ZgwRoom) -> None:
    story = closed_story()
    await room.add(story.records)
    assert await room.hand_over() == 1
    document, row = _document(room), await room.row()
    page = base64.b64decode(document["inhoud"])
    assert WORDS.encode() in page and document["bestandsomvang"] == len(page)
    assert document["integriteit"]["waarde"] == hashlib.sha256(page).hexdigest() == row["sha256"]
    assert (document["formaat"], document["informatieobjecttype"]) == ("text/html", TYPE)
    assert document["titel"] == "Afschrift van een WhatsApp-gesprek, gesloten op 20-11-2026"
    assert (row["state"], row["document"]) == ("done", document["url"])
    [relation] = room.provider.relations
    [zaak] = room.provider.zaken
    assert (relation["zaak"], relation["informatieobject"]) == (zaak, document["url"])
    [delivery] = await _deliveries(room)
    assert (delivery["destination"], delivery["state"]) == ("zaaksysteem", "settled")
    assert await room.hand_over() == 0


async def test_exchanged_secret_signs_the_next_attempt(room: ZgwRoom) -> None:
    secret = room.secrets[TENANT, "zaaksysteem"]
    room.secrets[TENANT, "zaaksysteem"] = "of-before-the-exchange-at-the-provider"
    await room.add(closed_story().records)
    assert await room.hand_over() == 1
    assert room.provider.documents == {}
    room.secrets[TENANT, "zaaksysteem"] = secret
    await room.make_due()
    assert await room.hand_over() == 1
    assert len(room.provider.documents) == 1


async def test_pdf_goes_to_the_store_under_the_name_of_its_content(
    room: ZgwRoom, tmp_path: Path
) -> None:
    room.config = town(store=(tmp_path / "depot").as_uri(), format="pdf")
    story = closed_story()
    await room.add(story.records)
    assert await room.hand_over() == 1
    [file] = (tmp_path / "depot" / "transcript").iterdir()
    body = file.read_bytes()
    assert file.name == f"{story.conversation}-{hashlib.sha256(body).hexdigest()}.pdf"
    assert body.startswith(b"%PDF-")
    row = await room.row()
    assert (row["state"], row["document"]) == ("done", f"transcript/{file.name}")


async def _die_before_noting(room: ZgwRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is killed when the target has it, and the row does not say so yet."""

    async def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(HandoverStore, "note_document", die)
        with pytest.raises(KeyboardInterrupt):
            await room.hand_over()


async def test_kill_between_putting_and_noting_leaves_the_first_copy_alone(
    room: ZgwRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.config = town(store=(tmp_path / "depot").as_uri())
    story = closed_story()
    await room.add(story.records)
    await _die_before_noting(room, monkeypatch)
    late = story.hears("reaction", {"reaction": {"message_id": "x", "emoji": "\N{THUMBS UP SIGN}"}})
    await room.add([late])  # another transcript would be made now
    await room.make_due()
    await room.hand_over()
    [file] = (tmp_path / "depot" / "transcript").iterdir()
    row = await room.row()
    assert (row["state"], row["document"]) == ("done", f"transcript/{file.name}")
    assert len(await _deliveries(room)) == 1


async def test_kill_between_creating_and_noting_makes_no_second_document(
    room: ZgwRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    await room.add(closed_story().records)
    await _die_before_noting(room, monkeypatch)
    first = _document(room)["url"]
    assert (await room.row())["document"] == ""
    assert await room.hand_over() == 0  # another process waits for the lease
    await room.make_due()
    assert await room.hand_over() == 1
    assert (await room.row())["document"] == first == _document(room)["url"]
    assert len(await _deliveries(room)) == 1


async def test_nothing_is_handed_over_for_a_number_that_is_stopped(room: ZgwRoom) -> None:
    """Its municipality moves, and hands over elsewhere."""
    story = closed_story()
    await room.add(story.records)
    await stop(room.pool, story.conversation.partition("-")[0])
    assert await room.hand_over() == 0 and not room.provider.documents
    await start(room.pool)
    assert await room.hand_over() == 1
    assert (await room.row())["claimed_until"] is None


async def test_lost_answer_makes_no_second_document(room: ZgwRoom) -> None:
    await room.add(closed_story().records)
    room.fail("lost", count=1, method="POST")
    assert await room.hand_over() == 1
    row = await room.row()
    assert (row["state"], row["document"]) == ("waiting", "") and "reached" in row["reason"]
    await room.make_due()
    await room.hand_over()
    row = await room.row()
    assert (row["state"], row["document"], row["reason"]) == ("done", _document(room)["url"], "")


async def test_document_that_is_not_listed_yet_is_not_made_twice(room: ZgwRoom) -> None:
    await room.add(closed_story().records)
    room.fail("lost", count=1, method="POST")
    await room.hand_over()
    room.fail("hidden", method="GET")
    await room.make_due()
    await room.hand_over()
    row = await room.row()
    assert row["state"] == "waiting" and "does not list it yet" in row["reason"]
    room.fail("ok")
    await room.make_due()
    await room.hand_over()
    assert (await room.row())["document"] == _document(room)["url"]


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("away", "answered 503"),
        ("too-many", "answered 429"),
        ("unauthorized", "answered 401 (unauthorized): see its client"),
        ("forbidden", "answered 403 (forbidden): see its client"),
        ("reset", "cannot be reached"),
    ],
)
async def test_failure_is_tried_again_later_until_its_term(
    room: ZgwRoom, mode: str, words: str
) -> None:
    await room.add(closed_story().records)
    room.fail(mode)
    assert await room.hand_over() == 1
    row = await room.row()
    assert row["state"] == "waiting" and words in row["reason"]
    assert row["due_at"] > clock.now() + timedelta(seconds=10)
    await room.pool.execute(
        "update archiver.handover set due_since = now() - $1::interval", TRIED_FOR
    )
    await room.make_due()
    await room.hand_over()
    row = await room.row()
    assert row["state"] == "parked" and row["reason"].startswith("tried for 7 days: ")
    assert not room.provider.documents


async def _again(room: ZgwRoom, archive: Archive) -> None:
    """A person sees what is parked, and has it tried again: that is on the record."""
    why, [row] = ("--reason", "type added"), await room.rows()
    shown = (await archive("handover", "list")).stdout
    assert f"{row['conversation']}  zaaksysteem  parked, tried 1 time: {row['reason']}" in shown
    assert await archive.json("handover", "list", "--state", "done") == []
    await archive("handover", "again", *why, code=2)
    error = await archive.fails("handover", "again", "--target", "depot", *why)
    assert error == "no transcript is parked there\n"
    done = await archive("handover", "again", row["conversation"], *why)
    assert done.stdout == "1 transcript will be tried again\n"
    [operation] = await room.pool.fetch("select what, about, tenant, data from access.operation")
    assert tuple(operation)[:3] == ("archive handover again", row["conversation"], TENANT)
    data = msgspec.json.decode(operation["data"])
    assert (data["why"], data["conversations"]) == ("type added", [row["conversation"]])
    assert await archive.json("handover", "list", "--state", "parked") == []


async def test_refusal_parks_at_once_and_names_the_field_and_no_words(
    room: ZgwRoom, archive: Archive
) -> None:
    room.provider._types = frozenset()
    await room.add(closed_story().records)
    await room.hand_over()
    row = await room.row()
    assert (row["state"], row["attempts"]) == ("parked", 1)
    assert row["reason"] == "the Documenten API answered 400 (informatieobjecttype bad-url)"
    await count_once(room.pool)
    assert metrics.handovers_waiting.labels(state="parked")._value.get() == 1
    room.provider._types = frozenset({TYPE})
    await _again(room, archive)
    await count_once(room.pool)
    assert metrics.handovers_waiting.labels(state="waiting")._value.get() == 1
    await room.hand_over()
    assert (await room.row())["state"] == "done"
    await count_once(room.pool)
    assert metrics.handovers_waiting.labels(state="parked")._value.get() == 0


async def test_zaak_that_is_linked_after_the_closing_gets_the_document(room: ZgwRoom) -> None:
    story = closed_story(zaak="")
    await room.add(story.records)
    await room.hand_over()
    assert (await room.row())["state"] == "done" and not room.provider.relations
    story.passes(hours=2)
    await room.add([story.step("linked", zaak=ZAAK)])
    assert await room.hand_over() == 1
    assert len(room.provider.documents) == len(room.provider.relations) == 1


async def test_zaak_that_is_linked_while_the_document_is_made_gets_it_too(room: ZgwRoom) -> None:
    story = closed_story(zaak="")
    await room.add(story.records)
    row = await HandoverStore(room.pool).claim([])
    assert row
    await room.add([story.step("linked", zaak=ZAAK)])
    await HandoverStore(room.pool).note_document(row, "x")
    await HandoverStore(room.pool).finish(row)
    assert (await room.row())["state"] == "waiting"
    await HandoverStore(room.pool).note_document(row, "")
    await room.hand_over()
    assert len(room.provider.relations) == 1 and (await room.row())["state"] == "done"


async def test_unknown_zaak_is_asked_for_again_and_document_stays(room: ZgwRoom) -> None:
    await room.add(closed_story(zaak="ZAAK-LATER").records)
    await room.hand_over()
    row = await room.row()
    assert row["state"] == "waiting" and "has no zaak" in row["reason"] and row["document"]
    room.provider.add_zaak(room.origin, "ZAAK-LATER", RSIN)
    await room.make_due()
    await room.hand_over()
    assert (await room.row())["state"] == "done" and len(room.provider.documents) == 1


async def test_each_closing_has_a_document_and_one_that_goes_on_has_none_yet(
    room: ZgwRoom,
) -> None:
    story = closed_story()
    await room.add(story.records)
    await room.hand_over()
    story.passes(minutes=3)
    again = [
        story.step("reopened"),
        story.hears("text", {"text": {"body": "nog iets"}}, "nog iets"),
    ]
    await room.add(again)
    assert await room.hand_over() == 0
    close(story)
    await room.add(story.records[-1:])
    assert len(await room.rows()) == 2
    await room.add([story.step("reopened")])
    assert len(await room.rows()) == 1  # it never left, and the conversation goes on
    close(story)
    await room.add(story.records[-1:])
    await room.hand_over()
    one, other = room.provider.documents.values()
    assert one["identificatie"] != other["identificatie"]
    assert b"nog iets" not in base64.b64decode(one["inhoud"])
    assert b"nog iets" in base64.b64decode(other["inhoud"])


async def test_confidential_part_stays_behind(room: ZgwRoom) -> None:
    story = closed_story(zaak="")
    secret = closed_story("nbswy3dpeb3w64tmmqxc4lro5q", zaak="")
    story.department = "zorg"
    story.hears("text", {"text": {"body": "geheim"}}, "geheim")
    story.department = STREETS
    close(story)
    for each in secret.records:
        fields = msgspec.json.decode(each.data)
        index = secret.records.index(each)
        data = msgspec.json.encode(fields | {"department": "zorg"})
        secret.records[index] = msgspec.structs.replace(each, data=data)
    await room.add(story.records + secret.records)
    assert {each["conversation"] for each in await room.rows()} == {story.conversation}
    await room.hand_over()
    for document in room.provider.documents.values():
        page = base64.b64decode(document["inhoud"])
        assert b"geheim" not in page and WORDS.encode() in page


async def test_private_address_is_not_called(pool: Pool, tmp_path: Path) -> None:
    async with zgw_room(pool, tmp_path, networks="10.0.0.0/8") as room:
        await room.add(closed_story().records)
        await room.hand_over()
        row = await room.row()
        assert row["state"] == "waiting" and "POSTKAMER_PRIVATE_NETWORKS" in row["reason"]
        assert room.provider.calls == []


async def test_one_target_that_is_away_does_not_hold_up_the_other(
    room: ZgwRoom, tmp_path: Path
) -> None:
    depot = tmp_path / "depot"
    room.config = town(room.origin, depot.as_uri())
    room.fail("away")
    names = ("mfrggzdfmztwq2lknnwg23tpoa", "nbswy3dpeb3w64tmmqxc4lro5q")
    for name in names:
        await room.add(closed_story(name).records)
    depot.write_text("no folder")
    assert await room.hand_over() == 2  # each target is tried once, and then left alone
    assert {each["state"] for each in await room.rows()} == {"waiting"}
    reasons = {each["target"]: each["reason"] for each in await room.rows() if each["reason"]}
    assert "cannot be opened" in reasons["depot"] and "503" in reasons["zaaksysteem"]
    depot.unlink()
    await room.make_due()
    await room.hand_over()
    assert {each["state"] for each in await room.rows() if each["target"] == "depot"} == {"done"}
    assert len([*(depot / "transcript").iterdir()]) == 2


async def test_destruction_keeps_the_place_of_what_left_and_nothing_else(
    room: ZgwRoom, tmp_path: Path
) -> None:
    left, never = closed_story(), closed_story("nbswy3dpeb3w64tmmqxc4lro5q")
    await room.add(left.records)
    await room.hand_over()
    await room.add(never.records)
    eraser = eraser_of(room.pool, await keys_of(room.pool), tmp_path / "orders")
    for each in (left, never):
        await eraser.erase_conversation(TENANT, each.conversation, "test")
    rows = {each["conversation"]: each for each in await room.rows()}
    assert {each["state"] for each in rows.values()} == {"left"}
    assert rows[left.conversation]["document"] == _document(room)["url"]
    assert rows[never.conversation]["document"] == ""
    await room.make_due()
    assert await room.hand_over() == 0
    [line] = await list_handovers(room.pool, TENANT, ["left"], 10)
    assert (line.conversation, line.document) == (left.conversation, _document(room)["url"])
