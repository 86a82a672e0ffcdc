"""Messages with a file or about another message, from the ledger to a provider."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
import pytest
from structlog.testing import capture_logs

from deliverer.meta import media_uploader
from deliverer.meta.graph_api import STOPPED, UNREACHABLE
from deliverer.meta.ledger import UNKNOWN_SECONDS, Ledger
from deliverer.meta.ledger_entry import LedgerEntry
from deliverer.meta.media_upload import DAMAGED, GONE, UPLOAD_FAILED, WAITING
from deliverer.meta.media_upload_store import open_provider_id
from deliverer.meta.send_loop import MESSAGE_UNKNOWN, NUMBER_UNKNOWN
from services import clock, metrics
from services.files import object_store
from services.files.clamd import ScanResult
from services.postgres.lease import LEASE_SECONDS
from services.sealing.columns import file_salt
from services.sealing.key_ring import RING
from services.sealing.stream_sealing import CHUNK_BYTES, SealingStream
from tests.support.integration.message_provider import (
    ACCOUNT,
    NUMBER,
    OTHER_NUMBER,
    PNG,
    TEXT,
    Office,
)
from tests.support.integration.stops import start, stop
from tests.support.observer import until, until_true

IMAGE = {"type": "image", "image": {"caption": "Zo."}}
TOO_FAST = "130429: Meta neemt dit bericht nu niet aan; Postkamer probeert het opnieuw"


def outcome_count(outcome: str) -> float:
    """Attempts with this outcome, as an alarm sees them."""
    labels = {"number": NUMBER, "outcome": outcome}
    return metrics.REGISTRY.get_sample_value("postkamer_sends_total", labels) or 0


def alarms_of(lines: list[Any]) -> dict[str, str]:
    """Reasons that an operator reads, by the event of the line."""
    return {line["event"]: line["reason"] for line in lines if line["log_level"] == "error"}


def damage_count() -> float:
    return metrics.REGISTRY.get_sample_value("postkamer_media_damaged_total") or 0


async def bytes_of(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def make_due(office: Office, media: UUID, days: int = 0) -> None:
    """The upload is due now, and was first tried so many days ago."""
    sql = (
        "update deliverer.upload set due_at = now(), first_at = now() - make_interval(days => $2)"
        " where media = $1"
    )
    await office.pool.execute(sql, media, days)


async def until_files(office: Office, count: int) -> None:
    await until_true(lambda: len(office.provider.files) >= count)


async def until_state(office: Office, id: UUID, state: str) -> None:
    """Wait for a state as `office.until` does; a message that waits is due at once."""

    async def line() -> dict[str, Any]:
        await office.pool.execute(
            "update deliverer.ledger set due_at = now() where state = 'queued'"
        )
        return await office.line(id)

    await until(line, lambda found: found["state"] == state, 30)


async def test_file_is_uploaded_before_its_message_which_has_its_id_and_name(
    office: Office,
) -> None:
    content = PNG + bytes(2**20)
    media = await office.uploaded(content, name="besluit één.pdf")
    async with office.working():
        for document in ({"caption": "Zo."}, {"filename": "Uw besluit.pdf"}):
            await office.send({"type": "document", "document": document}, media=media)
    assert office.provider.files == [("image/png", content)]
    (headers,) = office.provider.headers
    assert headers["D360-API-KEY"] == "key"
    assert int(headers["Content-Length"]) > 2**20
    assert [message["document"] for message in office.provider.messages] == [
        {"caption": "Zo.", "id": "1", "filename": "besluit één.pdf"},
        {"filename": "Uw besluit.pdf", "id": "1"},
    ]


async def test_file_is_uploaded_again_only_when_it_is_old_or_the_account_changes(
    office: Office,
) -> None:
    media = await office.uploaded(PNG)
    async with office.working():
        for id in [await office.queue(IMAGE, media=media) for _ in range(5)]:
            await office.until(id, "sent")
        left = "select due_at - now() > interval '28 days' from deliverer.upload"
        assert await office.pool.fetchval(left)
        await make_due(office, media, days=1)
        await office.send(IMAGE, media=media)
        anew = "select first_at > now() - interval '1 hour' from deliverer.upload"
        assert await office.pool.fetchval(anew)
    office.account = msgspec.structs.replace(office.account, name=f"360dialog:{NUMBER}")
    async with office.working():
        await office.send(IMAGE, media=media)
    ids = [message["image"]["id"] for message in office.provider.messages]
    assert ids == ["1"] * 5 + ["2", "3"]


async def test_only_the_citizen_of_a_file_waits_while_it_is_uploaded(office: Office) -> None:
    office.provider.may_answer.clear()
    media, person = await office.uploaded(PNG), clock.new_id()
    waiting = await office.queue(IMAGE, person, media=media)
    behind = await office.queue(TEXT, person)
    async with office.working():
        for _ in range(3):
            await office.send(TEXT)
        line = await office.line(waiting)
        assert (line["state"], line["attempt"], line["claimed_at"]) == ("queued", 0, None)
        assert (await office.line(behind))["state"] == "queued"
        office.provider.may_answer.set()
        await office.until(behind, "sent")
    assert office.sent_types[-2:] == ["image", "text"]


async def test_upload_that_meta_puts_off_is_retried_for_a_day_and_message_says_so(
    office: Office,
) -> None:
    office.provider.answers = [(502, {})]
    media = await office.uploaded(PNG)
    id = await office.queue(IMAGE, media=media)
    async with office.working():
        await office.until_reason(id, WAITING)
        await make_due(office, media)
        await until_files(office, 2)
        assert (await office.until(id, "sent"))["reason"] == ""
        office.provider.answers = [(502, {})] * 2
        other = await office.uploaded(PNG)
        id = await office.queue(IMAGE, media=other)
        await office.until_reason(id, WAITING)
        await make_due(office, other, days=1)
        assert (await office.until(id, "failed"))["reason"] == UPLOAD_FAILED
    attempt = office.attempts[0]
    data = {"number": NUMBER, "media": media, "attempt": 1, "status": 502, "code": 0}
    assert attempt.data == data | {"outcome": "later", "reason": WAITING, "whose": "provider"}


async def test_refused_file_fails_its_message_and_none_of_the_next_ones(office: Office) -> None:
    office.provider.answers = [(400, {"error": {"code": 131053}})]
    media, person = await office.uploaded(PNG), clock.new_id()
    first = await office.queue(IMAGE, person, media=media)
    next = await office.queue(TEXT, person)
    async with office.working():
        line = await office.until(first, "failed")
        await office.until(next, "sent")
        await office.send(IMAGE, media=media)
    assert (line["code"], line["reason"]) == (131053, "131053: Meta kon het bestand niet verwerken")
    assert await office.pool.fetchval("select count(*) from deliverer.outcome") == 3


async def test_missing_file_or_one_of_another_municipality_fails_its_message(
    office: Office,
) -> None:
    lost, theirs = await office.uploaded(PNG), await office.uploaded(PNG, "hengelo")
    unknown = clock.new_id()
    await office.pool.execute("update gateway.media set object = $2 where id = $1", lost, unknown)
    async with office.working():
        for media in (unknown, theirs, lost):
            assert (await office.send(IMAGE, media=media, end="failed"))["reason"] == GONE
    assert office.provider.files == []


class Reader:
    """Scanner that reads a file whole, and finds nothing."""

    async def scan(self, pieces: AsyncIterator[bytes]) -> ScanResult:
        async for _ in pieces:
            pass
        return ScanResult()


@pytest.mark.parametrize("scanner", [None, Reader()])
async def test_file_whose_stored_bytes_were_altered_fails_its_message_at_once(
    office: Office, scanner: Any
) -> None:
    content = PNG + bytes(CHUNK_BYTES)
    media, damaged = await office.uploaded(content), damage_count()
    object = await office.pool.fetchval("select object from gateway.media where id = $1", media)
    sealed = bytearray()
    key = RING.stream_key(file_salt(media, object))
    async for piece in SealingStream(key, bytes_of(content)).pieces():
        sealed += piece
    sealed[-1] ^= 1
    await office.store.put(object_store.upload_key(object), bytes_of(bytes(sealed)))
    office.scanner = scanner
    async with office.working():
        assert (await office.send(IMAGE, media=media, end="failed"))["reason"] == DAMAGED
        await office.send(IMAGE, media=await office.uploaded(PNG))
    assert office.attempts == []
    assert office.provider.files == [("image/png", PNG)]
    assert damage_count() == damaged + 1


async def test_open_file_in_the_place_of_a_sealed_one_is_not_sent(office: Office) -> None:
    """Somebody with every right on the database and on the object store, and no key."""
    media = await office.uploaded(PNG)
    as_open = "update gateway.media set is_sealed = false where id = $1 returning object"
    object = await office.pool.fetchval(as_open, media)
    await office.store.put(object_store.upload_key(object), bytes_of(PNG[::-1]))
    async with office.working():
        assert (await office.send(IMAGE, media=media, end="failed"))["reason"] == DAMAGED
    assert office.provider.files == []


async def test_file_of_a_process_that_stops_is_uploaded_by_the_next(
    office: Office,
) -> None:
    office.provider.may_answer.clear()
    id = await office.queue_image()
    async with office.working():
        await until_files(office, 1)
    office.provider.may_answer.set()
    async with office.working():
        await office.until(id, "sent")
    assert len(office.provider.files) == 2


async def test_file_of_a_killed_process_is_uploaded_by_another_after_a_minute(
    office: Office,
) -> None:
    id = await office.queue_image()
    uploads = media_uploader.MediaUploadStore(office.pool, clock.new_id(), {NUMBER: ACCOUNT})
    (job,) = await uploads.claim(4)
    assert await uploads.claim(4) == []
    left = "select extract(epoch from due_at - now()) from deliverer.upload"
    await office.pool.execute("update deliverer.upload set due_at = now() + interval '1 second'")
    await uploads.renew(job)
    assert LEASE_SECONDS - 10 < await office.pool.fetchval(left) <= LEASE_SECONDS
    await office.pool.execute("update deliverer.upload set due_at = now()")
    async with office.working():
        await office.until(id, "sent")
    # The first one comes back from the dead: what it says no longer counts.
    await uploads.renew(job)
    await uploads.complete(job, "stale")
    assert await office.pool.fetchval(left) > 7 * 86400
    [row] = await office.pool.fetch("select provider_id, media, account from deliverer.upload")
    assert row["provider_id"].startswith("~") and open_provider_id(*row) == "1"


async def test_quote_and_reaction_have_the_wamid_of_the_earlier_message(office: Office) -> None:
    person = clock.new_id()
    first = await office.queue(TEXT, person)
    quote = await office.queue(TEXT, person, about=first)
    heard = await office.queue(TEXT, person, about=clock.new_id(), about_wamid="wamid.citizen")
    reaction = {"type": "reaction", "reaction": {"emoji": "👍"}}
    async with office.working():
        await office.send(reaction, person, about=quote)
    assert (await office.line(heard))["state"] == "sent"
    sent = office.provider.messages
    assert sent[1]["context"] == {"message_id": "wamid.1"}
    assert sent[2]["context"] == {"message_id": "wamid.citizen"}
    assert sent[3]["reaction"] == {"emoji": "👍", "message_id": "wamid.2"}
    assert "context" not in sent[0] and "context" not in sent[3]


async def test_message_about_one_that_this_citizen_never_got_fails(office: Office) -> None:
    person = clock.new_id()
    async with office.working():
        elsewhere = await office.send(TEXT)
        await office.pool.execute("update deliverer.ledger set wamid = 'wamid.secret'")
        for about in (elsewhere["id"], clock.new_id()):
            line = await office.send(TEXT, person, about=about, end="failed")
            assert line["reason"] == MESSAGE_UNKNOWN
    assert len(office.provider.messages) == 1


async def test_number_that_left_the_configuration_sends_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deliverer.meta.send_loop.UNKNOWN_NUMBER_SECONDS", 0.0)
    media = await office.uploaded(PNG)
    async with office.working():
        for given in ({"content": TEXT}, {"content": IMAGE, "media": media}):
            line = await office.send(**given, number=OTHER_NUMBER, end="failed")
            assert line["reason"] == NUMBER_UNKNOWN
    assert (office.provider.messages, office.provider.files) == ([], [])


async def test_number_is_added_while_messages_go_out_and_none_of_its_own_fails_before(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deliverer.meta.send_loop.UNKNOWN_NUMBER_SECONDS", 0.0)
    added = msgspec.structs.replace(office.account, name="meta:other", number=OTHER_NUMBER)
    accounts = {NUMBER: office.account}
    names = {number: account.name for number, account in accounts.items()}
    media = await office.uploaded(PNG)
    async with office.working_with(accounts, names, lambda: False):
        early = await office.queue(TEXT, number=OTHER_NUMBER)
        await office.send(TEXT)
        assert (await office.line(early))["state"] == "queued"
        accounts[OTHER_NUMBER], names[OTHER_NUMBER] = added, added.name
        await office.until(early, "sent")
        await office.send(IMAGE, media=media, number=OTHER_NUMBER)
    assert len(office.provider.messages) == 3 and len(office.provider.files) == 1


async def test_message_of_a_number_that_another_process_may_know_is_left(office: Office) -> None:
    await office.queue(TEXT, number=OTHER_NUMBER)
    ledger = Ledger(office.pool, clock.new_id(), {})

    async def claim(unknown_after: float | None) -> list[LedgerEntry]:
        return await ledger.claim(9, set(), {NUMBER: 9}, None, unknown_after)

    assert (await claim(None), await claim(60.0)) == ([], [])
    await office.pool.execute("update deliverer.ledger set due_at = now() - interval '1 hour'")
    assert await claim(None) == [] and len(await claim(60.0)) == 1


async def test_refused_key_costs_no_message_and_a_start_with_another_sends_all(
    office: Office,
) -> None:
    office.provider.key = "new"
    why = "http_401: de weg naar Meta is dicht; de beheerder moet iets doen"
    before = outcome_count(STOPPED)
    ids = [await office.queue(TEXT), await office.queue_image()]
    with capture_logs() as lines:
        async with office.working():
            for id in ids:
                await office.until_reason(id, why)
            # The upload is told of after its state is written, so the state alone proves no alarm.
            await until_true(lambda: len(alarms_of(lines)) == 2)
    assert alarms_of(lines) == {"number.stopped": why, "upload.put_off": why}
    assert outcome_count(STOPPED) >= before + 2
    assert [(await office.line(id))["state"] for id in ids] == ["queued", "queued"]
    for table in ("ledger", "upload"):
        put_off = f"update deliverer.{table} set due_at = now() + interval '1 hour' where stopped"
        assert await office.pool.execute(put_off) == "UPDATE 1"
    office.account = msgspec.structs.replace(office.account, headers={"D360-API-KEY": "new"})
    async with office.working():
        for id in ids:
            await office.until(id, "sent")


async def test_only_attempts_that_meta_puts_off_are_recorded(
    office: Office,
) -> None:
    office.provider.message_answers = [(400, {"error": {"code": 130429}})] * 2
    id, before = await office.queue(TEXT), outcome_count("later")
    async with office.working():
        await until_state(office, id, "sent")
    assert outcome_count("later") == before + 2
    said = {"number": NUMBER, "status": 400, "code": 130429}
    said |= {"outcome": "later", "reason": TOO_FAST, "whose": "provider"}
    assert [attempt.data for attempt in office.attempts] == [said | {"attempt": n} for n in (1, 2)]
    places = {(one.tenant, one.conversation, one.message) for one in office.attempts}
    assert places == {("almelo", "c", id)}


async def test_attempts_without_a_usable_answer_are_recorded(office: Office) -> None:
    account, id = office.account, await office.queue(TEXT)
    office.account = msgspec.structs.replace(account, messages_url="http://127.0.0.1:1/messages")
    async with office.working():
        await office.until_reason(id, UNREACHABLE)
    office.account, office.provider.message_answers = account, [(503, {})]
    async with office.working():
        await until_state(office, id, "unknown")
    said = [(each.data["status"], each.data["outcome"]) for each in office.attempts]
    assert said == [(0, "later"), (503, "unknown")]
    reasons = [each.data["reason"] for each in office.attempts]
    assert reasons == [UNREACHABLE, "no usable answer"]


@asynccontextmanager
async def reading_and_closing() -> AsyncIterator[str]:
    """The address of a provider that takes a request, and closes instead of an answer."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/messages"


async def test_message_of_which_nothing_left_goes_by_itself_and_another_does_not(
    office: Office,
) -> None:
    good, id = office.account, await office.queue(TEXT)
    refused, no_tls = "http://127.0.0.1:1/x", good.messages_url.replace("http:", "https:")
    for url in (refused, no_tls):
        office.account = msgspec.structs.replace(good, messages_url=url)
        before = len(office.attempts)
        async with office.working():
            await office.pool.execute("update deliverer.ledger set due_at = now()")
            await until_true(lambda before=before: len(office.attempts) > before)
        assert (await office.line(id))["state"] == "queued"
    said = {(each.data["outcome"], each.data["reason"]) for each in office.attempts}
    assert (said, office.provider.messages) == ({("later", UNREACHABLE)}, [])
    async with reading_and_closing() as url:
        office.account = msgspec.structs.replace(good, messages_url=url)
        async with office.working():
            doubtful = await office.queue(TEXT)
            await office.until(doubtful, "unknown")
    office.account = good
    async with office.working():
        await until_state(office, id, "sent")
        await office.send(TEXT)
    assert len(office.provider.messages) == 2
    assert (await office.line(doubtful))["state"] == "unknown"


async def test_number_sends_at_most_its_rate_in_any_second(office: Office) -> None:
    ids = [await office.queue(TEXT) for _ in range(110)]
    async with office.working():
        for id in ids:
            await office.until(id, "sent")
    busiest = """
    select max(n) from (select count(*) over (order by claimed_at
        range between interval '999999 microseconds' preceding and current row) as n
        from deliverer.ledger) as seconds
    """
    assert 1 < await office.pool.fetchval(busiest) <= office.account.per_second


async def test_messages_and_files_of_a_stopped_number_rest_until_it_starts(office: Office) -> None:
    other = msgspec.structs.replace(office.account, number=OTHER_NUMBER, name="meta:other")
    await stop(office.pool, NUMBER)
    rest = [await office.queue(TEXT), await office.queue_image(), await office.queue(TEXT)]
    await office.pool.execute(_IN_DOUBT, rest[2], UNKNOWN_SECONDS + 1)
    ledger = Ledger(office.pool, clock.new_id(), {})
    async with office.working(**{NUMBER: office.account, OTHER_NUMBER: other}):
        image = await office.queue_image(number=OTHER_NUMBER)
        await office.until(image, "sent")
        assert await ledger.sweep(clock.now()) == 0, "its status may come after the move"
        assert [(await office.line(id))["state"] for id in rest] == ["queued", "queued", "unknown"]
        assert (len(office.provider.files), office.sent_types) == (1, ["image"])
        await start(office.pool)
        for id in rest[:2]:
            await office.until(id, "sent")
    assert await ledger.sweep(clock.now()) == 1
    assert (await office.line(rest[2]))["state"] == "unconfirmed"


_IN_DOUBT = """
update deliverer.ledger set state = 'unknown', claimed_at = now() - make_interval(secs => $2)
where id = $1
"""
