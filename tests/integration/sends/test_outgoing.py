"""What goes out with a file or about another message, from the ledger to a provider."""

import asyncio

import msgspec
from structlog.testing import capture_logs

from deliverer.meta import media_uploader
from deliverer.meta.graph_api import STOPPED
from deliverer.meta.media_upload import GONE, UPLOAD_FAILED, WAITING
from deliverer.meta.send_loop import MESSAGE_UNKNOWN, NUMBER_UNKNOWN
from services import clock, metrics
from services.postgres.lease import LEASE_SECONDS
from tests.support.integration.message_provider import ACCOUNT, NUMBER, Account, Office

TEXT = {"type": "text", "text": {"body": "Ja."}}
IMAGE = {"type": "image", "image": {"caption": "Zo."}}


def stopped() -> float:
    """How often the number was stopped, as an alarm sees it."""
    labels = {"number": NUMBER, "outcome": STOPPED}
    return metrics.REGISTRY.get_sample_value("postkamer_sends_total", labels) or 0


async def test_a_file_is_brought_before_its_message_and_the_message_has_its_id(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    media = await office.uploaded(b"\x89PNG" + bytes(2**20))
    id = await office.queue(IMAGE, media=media)
    async with office.working(**{NUMBER: account}):
        await office.until(id, "sent")
    assert office.provider.files == [("image/png", b"\x89PNG" + bytes(2**20))]
    (headers,) = office.provider.headers
    assert headers["D360-API-KEY"] == "key"
    assert int(headers["Content-Length"]) > 2**20
    (message,) = office.provider.messages
    assert message["image"] == {"caption": "Zo.", "id": "1"}


async def test_a_document_without_a_name_goes_under_the_one_that_it_was_uploaded_under(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    media = await office.uploaded(b"%PDF-1.7", name="besluit één.pdf")
    async with office.working(**{NUMBER: account}):
        for document in ({}, {"filename": "Uw besluit.pdf"}):
            content = {"type": "document", "document": document}
            await office.until(await office.queue(content, media=media), "sent")
    names = [message["document"]["filename"] for message in office.provider.messages]
    assert names == ["besluit één.pdf", "Uw besluit.pdf"]


async def test_one_file_for_many_citizens_is_brought_once(place: tuple[Office, Account]) -> None:
    office, account = place
    media = await office.uploaded(b"\x89PNG")
    async with office.working(**{NUMBER: account}):
        for id in [await office.queue(IMAGE, media=media) for _ in range(5)]:
            await office.until(id, "sent")
    assert len(office.provider.files) == 1
    assert {message["image"]["id"] for message in office.provider.messages} == {"1"}


async def test_a_file_is_brought_again_when_it_is_old_or_the_number_is_elsewhere(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    media = await office.uploaded(b"\x89PNG")
    async with office.working(**{NUMBER: account}):
        await office.until(await office.queue(IMAGE, media=media), "sent")
        left = "select due_at - now() > interval '28 days' from deliverer.upload"
        assert await office.pool.fetchval(left)
        old = "update deliverer.upload set due_at = now(), first_at = now() - interval '1 day'"
        await office.pool.execute(old)
        await office.until(await office.queue(IMAGE, media=media), "sent")
        anew = "select first_at > now() - interval '1 hour' from deliverer.upload"
        assert await office.pool.fetchval(anew)
    moved = msgspec.structs.replace(account, name=f"360dialog:{NUMBER}")
    async with office.working(**{NUMBER: moved}):
        await office.until(await office.queue(IMAGE, media=media), "sent")
    assert [message["image"]["id"] for message in office.provider.messages] == ["1", "2", "3"]


async def test_while_a_file_is_on_its_way_only_its_own_citizen_waits_and_nothing_is_unknown(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    office.provider.may_answer.clear()
    media, person = await office.uploaded(b"\x89PNG"), clock.new_id()
    waiting = await office.queue(IMAGE, person, media=media)
    behind = await office.queue(TEXT, person)
    async with office.working(**{NUMBER: account}):
        for _ in range(3):
            await office.until(await office.queue(TEXT), "sent")
        line = await office.line(waiting)
        assert (line["state"], line["attempt"], line["claimed_at"]) == ("queued", 0, None)
        assert (await office.line(behind))["state"] == "queued"
        office.provider.may_answer.set()
        await office.until(behind, "sent")
    assert [message["type"] for message in office.provider.messages[-2:]] == ["image", "text"]


async def test_what_meta_puts_off_is_tried_again_and_says_why_it_waits(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    office.provider.answers = [(502, {})]
    media = await office.uploaded(b"\x89PNG")
    id = await office.queue(IMAGE, media=media)
    async with office.working(**{NUMBER: account}):
        async with asyncio.timeout(10):
            while (await office.line(id))["reason"] != WAITING:
                await asyncio.sleep(0.02)
        put_off = "update deliverer.upload set due_at = now() where attempt = 1"
        async with asyncio.timeout(10):
            while len(office.provider.files) < 2:
                await office.pool.execute(put_off)
                await asyncio.sleep(0.02)
        line = await office.until(id, "sent")
    assert line["reason"] == ""
    [told] = office.attempts
    data = {"number": NUMBER, "media": media, "attempt": 1, "status": 502, "code": 0}
    assert told.data == data | {"outcome": "later", "reason": WAITING, "whose": "provider"}


async def test_a_file_that_could_not_be_brought_for_a_day_fails_its_message(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    office.provider.answers = [(502, {}), (502, {})]
    id = await office.queue(IMAGE, media=await office.uploaded(b"\x89PNG"))
    async with office.working(**{NUMBER: account}):
        async with asyncio.timeout(10):
            while (await office.line(id))["reason"] != WAITING:
                await asyncio.sleep(0.02)
        old = "update deliverer.upload set due_at = now(), first_at = now() - interval '1 day'"
        await office.pool.execute(old)
        assert (await office.until(id, "failed"))["reason"] == UPLOAD_FAILED


async def test_a_file_that_meta_refuses_fails_its_messages_and_not_the_next_ones(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    office.provider.answers = [(400, {"error": {"code": 131053}})]
    media, person = await office.uploaded(b"\x89PNG"), clock.new_id()
    first = await office.queue(IMAGE, person, media=media)
    next = await office.queue(TEXT, person)
    async with office.working(**{NUMBER: account}):
        line = await office.until(first, "failed")
        await office.until(next, "sent")
        await office.until(await office.queue(IMAGE, media=media), "sent")
    assert (line["code"], line["reason"]) == (131053, "131053: Meta kon het bestand niet verwerken")
    told = await office.pool.fetchval("select count(*) from deliverer.outcome")
    assert told == 3


async def test_a_file_that_is_not_there_or_another_municipality_s_fails(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    never = await office.queue(IMAGE, media=clock.new_id())
    theirs = await office.queue(IMAGE, media=await office.uploaded(b"\x89PNG", "hengelo"))
    lost = await office.uploaded(b"\x89PNG")
    await office.pool.execute("update gateway.media set object = $2 where id = $1", lost, never)
    gone = await office.queue(IMAGE, media=lost)
    async with office.working(**{NUMBER: account}):
        for id in (never, theirs, gone):
            assert (await office.until(id, "failed"))["reason"] == GONE
    assert office.provider.files == []


async def test_a_process_that_stops_lets_go_of_a_file_and_the_next_one_brings_it(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    office.provider.may_answer.clear()
    id = await office.queue(IMAGE, media=await office.uploaded(b"\x89PNG"))
    async with office.working(**{NUMBER: account}):
        async with asyncio.timeout(10):
            while not office.provider.files:
                await asyncio.sleep(0.02)
    office.provider.may_answer.set()
    async with office.working(**{NUMBER: account}):
        await office.until(id, "sent")
    assert len(office.provider.files) == 2


async def test_a_process_that_was_killed_keeps_a_file_for_a_minute_only(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    media = await office.uploaded(b"\x89PNG")
    id = await office.queue(IMAGE, media=media)
    uploads = media_uploader.MediaUploadStore(office.pool, clock.new_id(), {NUMBER: ACCOUNT})
    (job,) = await uploads.claim(4)
    assert await uploads.claim(4) == []
    left = "select extract(epoch from due_at - now()) from deliverer.upload"
    await office.pool.execute("update deliverer.upload set due_at = now() + interval '1 second'")
    await uploads.renew(job)
    assert LEASE_SECONDS - 10 < await office.pool.fetchval(left) <= LEASE_SECONDS
    await office.pool.execute("update deliverer.upload set due_at = now()")
    async with office.working(**{NUMBER: account}):
        await office.until(id, "sent")
    # The first one comes back from the dead: what it says no longer counts.
    await uploads.renew(job)
    await uploads.complete(job, "stale")
    assert await office.pool.fetchval(left) > 7 * 86400
    assert await office.pool.fetchval("select provider_id from deliverer.upload") == "1"


async def test_a_quote_and_a_reaction_have_the_wamid_of_what_was_sent_before(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    person = clock.new_id()
    first = await office.queue(TEXT, person)
    quote = await office.queue(TEXT, person, about=first)
    heard = await office.queue(TEXT, person, about=clock.new_id(), about_wamid="wamid.citizen")
    reaction = {"type": "reaction", "reaction": {"emoji": "👍"}}
    last = await office.queue(reaction, person, about=quote)
    async with office.working(**{NUMBER: account}):
        await office.until(last, "sent")
    assert (await office.line(heard))["state"] == "sent"
    sent = office.provider.messages
    assert sent[1]["context"] == {"message_id": "wamid.1"}
    assert sent[2]["context"] == {"message_id": "wamid.citizen"}
    assert sent[3]["reaction"] == {"emoji": "👍", "message_id": "wamid.2"}
    assert "context" not in sent[0] and "context" not in sent[3]


async def test_what_is_about_something_that_this_citizen_never_got_fails(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    person = clock.new_id()
    elsewhere = await office.queue(TEXT)
    async with office.working(**{NUMBER: account}):
        await office.until(elsewhere, "sent")
        await office.pool.execute("update deliverer.ledger set wamid = 'wamid.secret'")
        for about in (elsewhere, clock.new_id()):
            id = await office.queue(TEXT, person, about=about)
            assert (await office.until(id, "failed"))["reason"] == MESSAGE_UNKNOWN
    assert len(office.provider.messages) == 1


async def test_a_number_that_left_the_configuration_sends_nothing_from_another(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    media = await office.uploaded(b"\x89PNG")
    text = await office.queue(TEXT, number="206540352242923")
    image = await office.queue(IMAGE, number="206540352242923", media=media)
    async with office.working(**{NUMBER: account}):
        for id in (text, image):
            assert (await office.until(id, "failed"))["reason"] == NUMBER_UNKNOWN
    assert (office.provider.messages, office.provider.files) == ([], [])


async def test_a_key_that_is_refused_costs_no_message_and_the_next_start_with_another_sends_them(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    office.provider.key = "new"
    why = "http_401: de weg naar Meta is dicht; de beheerder moet iets doen"
    before = stopped()
    text = await office.queue(TEXT)
    image = await office.queue(IMAGE, media=await office.uploaded(b"\x89PNG"))
    with capture_logs() as lines:
        async with office.working(**{NUMBER: account}), asyncio.timeout(10):
            while {(await office.line(id))["reason"] for id in (text, image)} != {why}:
                await asyncio.sleep(0.02)
    alarms = {line["event"]: line["reason"] for line in lines if line["log_level"] == "error"}
    assert alarms == {"number.stopped": why, "upload.put_off": why}
    assert stopped() >= before + 2
    assert [(await office.line(id))["state"] for id in (text, image)] == ["queued", "queued"]
    for table in ("ledger", "upload"):
        put_off = f"update deliverer.{table} set due_at = now() + interval '1 hour' where stopped"
        assert await office.pool.execute(put_off) == "UPDATE 1"
    mended = msgspec.structs.replace(account, headers={"D360-API-KEY": "new"})
    async with office.working(**{NUMBER: mended}):
        for id in (text, image):
            await office.until(id, "sent")
