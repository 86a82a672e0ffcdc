"""The templates of numbers in the database: whose turn it is, what is kept, and Meta's notices."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from deliverer.meta.accounts import Account
from deliverer.meta.templates.template_page import ANSWER_BYTES, TemplateList
from deliverer.meta.templates.template_store import SETTLING_SECONDS, TemplateStore
from deliverer.meta.templates.template_watch import AGAIN_SECONDS, LOOK_SECONDS, TemplateWatch
from deliverer.transport.http_client import HttpClient, http_client
from gateway.api.template_store import TemplateStore as GatewayStore
from sandbox.meta.message_templates import TEMPLATES
from services.postgres.database import Pool, connection_pool
from services.whatsapp.templates import MessageTemplate
from tests.support.integration.stops import start, stop
from tests.support.sandbox_world import NUMBER, TOKEN, World, world

OTHER = "206540352242923"
WABA = "206540352242922"
"""Account that the sandbox makes up for the number."""
NAMES = {(each["name"], each["language"]) for each in TEMPLATES}


@pytest.fixture
async def own(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    """The deliverer's, which may do what its grants say."""
    async with connection_pool(f"{empty}?role=postkamer_deliverer", "test", 4) as own:
        yield own


@pytest.fixture
async def shown(empty: str, pool: Pool) -> AsyncIterator[GatewayStore]:
    """The gateway's view, with its grants."""
    async with connection_pool(f"{empty}?role=postkamer_gateway", "test", 2) as own:
        yield GatewayStore(own)


@pytest.fixture
async def sandbox() -> AsyncIterator[World]:
    async with world() as started:
        yield started


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    async with http_client(1, 5.0, answer_bytes=ANSWER_BYTES) as client:
        yield client


def account(sandbox: World, **changed: Any) -> Account:
    made = Account(
        name="meta:1", number=NUMBER, tenant="almelo", messages_url="", media_url="",
        per_second=80, headers=TOKEN, graph_url=f"{sandbox.url}/graph/v26.0", meta_id=NUMBER,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changed)


def store_of(pool: Pool, *numbers: str, account: str = "meta:1") -> TemplateStore:
    return TemplateStore(pool, dict.fromkeys(numbers or (NUMBER,), account))


def watch_of(own: Pool, client: HttpClient, account: Account) -> TemplateWatch:
    return TemplateWatch(store_of(own), {NUMBER: account}, client)


def made(*names: str, is_complete: bool = True) -> TemplateList:
    templates = [MessageTemplate(name=name, language="nl", status="APPROVED") for name in names]
    return TemplateList(WABA, {(each.name, "nl"): each for each in templates}, is_complete)


async def seconds_to_next(pool: Pool) -> float:
    query = "select extract(epoch from next_at - now())::float8 from deliverer.template_look"
    return float(await pool.fetchval(query))


async def test_number_is_asked_for_by_one_process_at_a_time(own: Pool, pool: Pool) -> None:
    first, second = (store_of(own, NUMBER, OTHER) for _ in range(2))
    together = await asyncio.gather(*(s.claim(60) for s in (first, second, first, second)))
    claims = [*together, await first.claim(60), await second.claim(60)]
    assert sorted(filter(None, claims)) == [NUMBER, OTHER]
    await first.finish(NUMBER, 3600)
    assert await second.claim(60) is None
    # A process that starts makes all numbers due, and takes none from another.
    await second.begin()
    assert [await second.claim(60), await first.claim(60)] == [NUMBER, None]
    # The number of a process that died is due when its claim ends.
    await pool.execute("update deliverer.template_look set claimed_until = now()")
    assert await first.claim(60) == NUMBER


async def test_list_replaces_the_one_before_and_the_gateway_reads_it(
    own: Pool, pool: Pool, shown: GatewayStore, sandbox: World, client: HttpClient
) -> None:
    assert (await shown.read(NUMBER)).asked_at is None
    store = store_of(own)
    await store.claim(60)
    assert (await shown.read(NUMBER)).asked_at is None
    await store.store(NUMBER, made("weg", "antwoord", is_complete=False))
    before = await shown.read(NUMBER)
    assert [each.name for each in before.templates] == ["antwoord", "weg"]
    assert not before.is_complete and before.asked_at
    await store.begin()
    await pool.execute("update deliverer.template_look set claimed_until = null")
    await watch_of(own, client, account(sandbox)).ask_due()
    after = await shown.read(NUMBER)
    assert {(each.name, each.language) for each in after.templates} == NAMES
    assert after.is_complete and after.asked_at and after.asked_at > before.asked_at
    by_name = {(each.name, each.language): each for each in after.templates}
    kept = by_name["aanvraag_bijgewerkt", "nl"]
    assert (kept.parameters, kept.quality) == ("NAMED", "GREEN")
    assert kept.parts[0].examples == {"zaaknummer": "Z-2026-0118", "status": "in behandeling"}
    assert LOOK_SECONDS - 10 < await seconds_to_next(pool) < 1.2 * LOOK_SECONDS
    assert (await shown.read(OTHER)).templates == ()


async def test_look_without_an_answer_keeps_the_list_and_its_time(
    own: Pool, pool: Pool, shown: GatewayStore, sandbox: World, client: HttpClient
) -> None:
    await watch_of(own, client, account(sandbox)).ask_due()
    before = await shown.read(NUMBER)
    await store_of(own).begin()
    gone = account(sandbox, graph_url="http://127.0.0.1:9/graph/v26.0")
    await watch_of(own, client, gone).ask_due()
    assert await shown.read(NUMBER) == before
    assert AGAIN_SECONDS - 10 < await seconds_to_next(pool) < 1.2 * AGAIN_SECONDS


async def test_refusal_keeps_the_list_and_is_logged_without_a_text_of_meta(
    own: Pool, pool: Pool, shown: GatewayStore, sandbox: World, client: HttpClient
) -> None:
    await watch_of(own, client, account(sandbox)).ask_due()
    before = await shown.read(NUMBER)
    await sandbox.ask("POST", "/phone/token/_health", json={"revoked": True})
    await store_of(own).begin()
    with capture_logs() as logs:
        await watch_of(own, client, account(sandbox, waba=WABA)).ask_due()
    [line] = logs
    assert (line["event"], line["number"]) == ("templates.unread", NUMBER)
    assert "code 190" in line["reason"]
    assert await shown.read(NUMBER) == before
    assert await seconds_to_next(pool) > LOOK_SECONDS - 10


async def set_times(pool: Pool, noticed: float, begun: float, waba: str = WABA) -> None:
    """Put a notice and the last look so many seconds ago."""
    await pool.execute("delete from router.template")
    await pool.execute(
        "insert into router.template values ($1, 'antwoord', 'nl', 'PAUSED', '', '', now(),"
        " now() - make_interval(secs => $2))",
        waba, noticed,
    )  # fmt: skip
    await pool.execute(
        "update deliverer.template_look set begun_at = now() - make_interval(secs => $1),"
        " next_at = now() + interval '1 hour', claimed_until = null",
        begun,
    )


LATER = SETTLING_SECONDS + 5


@pytest.mark.parametrize(
    ("noticed", "begun", "is_due"),
    [
        (20, 30, True),  # since the last look
        (2, 3, False),  # but that was a moment ago
        (20, 15, False),  # asked after it
        (LATER, 30, True),  # and not since it has settled
        (LATER + 60, LATER + 50, True),
        (LATER + 60, 30, False),  # asked long after it
        (LATER, LATER + 60, True),  # not asked at all
    ],
)
async def test_list_is_asked_for_soon_after_a_notice_and_once_more(
    own: Pool, pool: Pool, noticed: float, begun: float, is_due: bool
) -> None:
    store = store_of(own)
    await store.claim(60)
    await store.store(NUMBER, made("antwoord"))
    await set_times(pool, noticed, begun)
    assert await store.claim(60) == (NUMBER if is_due else None)
    await set_times(pool, noticed, begun, waba="302290129340399")
    assert await store.claim(60) is None


async def test_number_that_left_or_moved_is_forgotten(
    own: Pool, pool: Pool, shown: GatewayStore
) -> None:
    both = store_of(own, NUMBER, OTHER)
    for number in (NUMBER, OTHER):
        assert await both.claim(60) == number
        await both.store(number, made("antwoord"))
    await store_of(own, NUMBER).begin()
    assert (await shown.read(NUMBER)).templates
    assert (await shown.read(OTHER)).asked_at is None
    kept = "select array_agg(distinct number) from deliverer.template"
    assert await pool.fetchval(kept) == [NUMBER]
    await store_of(own, NUMBER, account="360dialog:5").begin()
    assert (await shown.read(NUMBER)).asked_at is None
    assert await pool.fetchval(kept) is None


async def test_list_of_a_number_that_was_forgotten_meanwhile_is_not_stored(
    own: Pool, pool: Pool
) -> None:
    store = store_of(own)
    await store.claim(60)
    await store_of(own, OTHER).begin()
    await store.store(NUMBER, made("antwoord"))
    assert await pool.fetchval("select count(*) from deliverer.template") == 0


async def test_failing_look_does_not_end_the_watch(
    own: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sending shares the process, so nothing here may end it."""

    class Broken(TemplateStore):
        async def begin(self) -> None:
            raise RuntimeError("odd")

    monkeypatch.setattr("deliverer.meta.templates.template_watch.FIRST_SECONDS", 0.0)
    watch = TemplateWatch(Broken(own, {}), {}, None)  # type: ignore[arg-type]
    with capture_logs() as logs:
        task = asyncio.create_task(watch.run())
        async with asyncio.timeout(5):
            while not logs:
                await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])
    assert logs[0]["event"] == "templates.failed"


async def test_templates_of_a_stopped_number_are_not_asked_for(own: Pool, pool: Pool) -> None:
    store = TemplateStore(own, {NUMBER: "meta:1", OTHER: "meta:2"})
    await stop(pool, NUMBER)
    assert [await store.claim(60), await store.claim(60)] == [OTHER, None]
    await start(pool)
    assert await store.claim(60) == NUMBER
