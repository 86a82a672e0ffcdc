"""The hourly looks at numbers: whose turn it is, the rows, the metrics and the log."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from deliverer.meta.accounts import Account
from deliverer.meta.health.finding import CHECKS, Finding
from deliverer.meta.health.health_store import HealthStore, NumberHealth, read_health
from deliverer.meta.health.health_watch import (
    AGAIN_SECONDS,
    LOOK_SECONDS,
    HealthWatch,
    seconds_to_next,
    show_health,
)
from deliverer.meta.health.number_checks import Outside
from deliverer.meta.ledger import Ledger
from deliverer.transport.http_client import http_client
from services import clock, metrics
from services.egress.shown_certificate import ShownCertificate
from services.postgres.database import Pool, connection_pool
from tests.support.integration.stops import start, stop
from tests.support.sandbox_world import NUMBER, TOKEN, World, world

OTHER = "206540352242923"
EARLIER = datetime(2026, 11, 29, tzinfo=UTC)
LOOKED = "postkamer_number_looked_timestamp_seconds"
HEALTH = "postkamer_number_health"
ENDS = "postkamer_number_token_expires_timestamp_seconds"


@pytest.fixture
async def own(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    """The deliverer's, which may do what its grants say."""
    async with connection_pool(f"{empty}?role=postkamer_deliverer", "test", 4) as own:
        yield own


@pytest.fixture
async def sandbox() -> AsyncIterator[World]:
    async with world() as started:
        yield started


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    async def fetch(_: str, __: int) -> ShownCertificate:
        return ShownCertificate("timeout")

    async with http_client(4, 5.0, answer_bytes=64 * 1024) as client:
        yield Outside(client, fetch, "https://127.0.0.1")


def account(sandbox: World, **changed: Any) -> Account:
    return Account(
        name="", number=NUMBER, tenant="almelo", messages_url="", media_url="", per_second=80,
        headers=TOKEN, graph_url=f"{sandbox.url}/graph/v26.0", meta_id=NUMBER,
        app_secrets=("sandbox-app-secret",), **changed,
    )  # fmt: skip


async def rows(pool: Pool) -> dict[str, NumberHealth]:
    return {row.check: row for row in await read_health(pool)}


def shown(name: str, **labels: str) -> float | None:
    return metrics.REGISTRY.get_sample_value(name, {"number": NUMBER} | labels)


async def change(sandbox: World, of: str = f"numbers/{NUMBER}", **health: Any) -> None:
    assert (await sandbox.ask("POST", f"/phone/{of}/_health", json=health))[0] == 200


async def test_number_is_looked_at_by_one_process_at_a_time(own: Pool) -> None:
    first, second = (HealthStore(own, [NUMBER, OTHER]) for _ in range(2))
    together = await asyncio.gather(*(s.claim(60) for s in (first, second, first, second)))
    claims = [*together, await first.claim(60), await second.claim(60)]
    assert sorted(filter(None, claims)) == [NUMBER, OTHER]
    await first.finish(NUMBER, 3600)
    assert await second.claim(60) is None
    # A process that starts makes all numbers due, and takes none from another.
    await second.begin()
    assert [await second.claim(60), await first.claim(60)] == [NUMBER, None]
    # The claim of a process that died ends by time.
    await own.execute("update deliverer.number_look set claimed_until = now()")
    assert await first.claim(60) == NUMBER


async def test_look_stores_and_shows_each_finding_and_logs_a_change_once(
    own: Pool, sandbox: World, outside: Outside
) -> None:
    store = HealthStore(own, [NUMBER])
    watch = HealthWatch(store, {NUMBER: account(sandbox)}, outside)

    async def look() -> tuple[dict[str, NumberHealth], list[tuple[Any, Any]]]:
        await store.begin()
        with capture_logs() as logs:
            await watch.look_at_due()
        show_health(await store.read(), {NUMBER: EARLIER})
        return await rows(own), [(each["what"], each["status"]) for each in logs]

    await Ledger(own, clock.new_id(), {}).report_direct_send(NUMBER, "refused")
    await change(sandbox, "token", days=20)
    before, logged = await look()  # the number does not use Direct Send, so its row is gone
    assert list(before) == list(CHECKS) and len(logged) == len(CHECKS)
    states = dict.fromkeys(CHECKS, "fine") | {"token": "warning", "certificate": "unknown"}
    assert {check: row.state for check, row in before.items()} == states
    until = before["token"].until
    assert until and abs(until - clock.now() - timedelta(days=20)) < timedelta(minutes=1)
    assert shown(ENDS) == until.timestamp()

    await change(sandbox, errors=[141006])
    after, logged = await look()
    assert logged == [("payment", "wrong")]
    assert after["payment"].since > before["payment"].since
    assert after["quality"].since == before["quality"].since
    assert after["quality"].looked_at > before["quality"].looked_at
    assert (await look())[1] == []
    assert shown(HEALTH, check="payment", state="wrong") == 1
    assert shown(HEALTH, check="payment", state="fine") == 0
    looked = shown(LOOKED)
    assert looked and looked >= after["payment"].looked_at.timestamp()

    await change(sandbox, "token")
    await look()
    assert shown(ENDS) is None


async def test_refused_direct_send_is_shown_kept_young_and_forgotten(own: Pool) -> None:
    ledger, store = Ledger(own, clock.new_id(), {}), HealthStore(own, [NUMBER])
    assert [await ledger.report_direct_send(NUMBER, "refused") for _ in range(2)] == [True, False]
    await own.execute("update deliverer.number_health set looked_at = now() - interval '4 h'")
    await store.keep_direct_send(NUMBER, is_on=True)
    row = (await rows(own))["direct_send"]
    assert (row.state, row.detail) == ("warning", "refused")
    assert row.until and abs(row.until - clock.now() - timedelta(days=1)) < timedelta(minutes=1)
    assert clock.now() - row.looked_at < timedelta(minutes=1)
    show_health(await store.read(), {})
    assert shown(HEALTH, check="direct_send", state="warning") == 1
    assert [await ledger.report_direct_send(NUMBER, "") for _ in range(2)] == [True, False]
    assert await rows(own) == {}


async def test_look_without_an_answer_keeps_what_was_known_and_its_age(
    own: Pool, sandbox: World, outside: Outside
) -> None:
    store = HealthStore(own, [NUMBER])
    await change(sandbox, quality="RED")
    await HealthWatch(store, {NUMBER: account(sandbox)}, outside).look_at_due()
    before = await rows(own)
    gone = msgspec.structs.replace(account(sandbox), graph_url="http://127.0.0.1:9/graph/v26.0")
    await store.begin()
    await HealthWatch(store, {NUMBER: gone}, outside).look_at_due()
    after = await rows(own)
    assert after["quality"] == before["quality"] and after["quality"].state == "wrong"
    assert after["version"].looked_at > before["version"].looked_at
    show_health(await store.read(), {NUMBER: EARLIER})
    looked = shown(LOOKED)
    assert looked == min(row.looked_at for row in after.values()).timestamp()


async def test_first_look_without_an_answer_is_unknown(
    own: Pool, sandbox: World, outside: Outside
) -> None:
    store = HealthStore(own, [NUMBER])
    gone = msgspec.structs.replace(account(sandbox), graph_url="http://127.0.0.1:9/graph/v26.0")
    await HealthWatch(store, {NUMBER: gone}, outside).look_at_due()
    found = await rows(own)
    assert (found["token"].state, found["version"].state) == ("unknown", "fine")
    assert "no answer" in found["token"].detail


def test_number_without_a_row_counts_from_the_start() -> None:
    show_health([], {NUMBER: EARLIER})
    assert shown(LOOKED) == EARLIER.timestamp()


def test_number_in_trouble_is_looked_at_again_sooner() -> None:
    fine, wrong = Finding("fine", "x"), Finding("wrong", "x")
    assert seconds_to_next({"token": fine, "limit": Finding("warning", "x")}) == LOOK_SECONDS
    for troubled in (wrong, None):
        assert seconds_to_next({"token": fine, "payment": troubled}) == AGAIN_SECONDS


async def test_number_that_left_the_configuration_is_forgotten(own: Pool) -> None:
    both = HealthStore(own, [NUMBER, OTHER])
    for number in (NUMBER, OTHER):
        await both.store(number, {"token": Finding("fine", "x", EARLIER)})
    await HealthStore(own, [OTHER]).begin()
    assert {row.number for row in await read_health(own)} == {OTHER}


async def test_failing_look_does_not_end_the_watch(own: Pool, pool: Pool) -> None:
    """Sending shares the process, so even a table that is missing must not end it."""

    class Broken(HealthStore):
        calls = 0

        async def read(self) -> list[NumberHealth]:
            Broken.calls += 1
            raise RuntimeError("odd")

    watch = HealthWatch(Broken(own, [NUMBER]), {}, Outside(None, None, ""))  # type: ignore[arg-type]
    with capture_logs() as logs:
        task = asyncio.create_task(watch.run())
        async with asyncio.timeout(5):
            while not Broken.calls or not logs:
                await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])
    assert logs[0]["event"] == "health.failed"


async def test_stopped_number_is_not_looked_at_and_has_no_metric(
    own: Pool, pool: Pool, sandbox: World, outside: Outside
) -> None:
    store = HealthStore(own, [NUMBER, OTHER])
    watch = HealthWatch(store, {NUMBER: account(sandbox)}, outside)
    await HealthWatch(HealthStore(own, [NUMBER]), watch._accounts, outside).look_at_due()
    await watch._show()
    assert shown(LOOKED) is not None
    await stop(pool, NUMBER)
    await store.begin()
    assert [await store.claim(60), await store.claim(60)] == [OTHER, None]
    await watch._show()
    assert shown(LOOKED) is None and shown(HEALTH, check="payment", state="fine") is None
    await start(pool)
    assert await store.claim(60) == NUMBER
