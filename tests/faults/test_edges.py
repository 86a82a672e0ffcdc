"""The two edges of the outside world misbehave: CRMs in every way, Meta with its own errors."""

import asyncio
import json
from functools import partial
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from click.testing import CliRunner

from cli.main import main
from deliverer.meta.number_breaker import MAX_IN_FLIGHT
from services.sealing.columns import DELIVERY, bind
from services.sealing.key_ring import RING
from tests.support.citizens import NUMBER, phone, write
from tests.support.installation import Installation
from tests.support.observer import BEARER, Watch, until
from tests.support.tokens import admitted, bearer, made

CITIZENS, EACH = 20, 5
MODES = (
    *("refuse", "error", "too-many", "reset", "lost", "half", "large", "redirect"),
    *("unauthorized", "gone"),
)
"""Failures of a CRM that hold its messages up, and park none."""
FAILURES = 2
"""Failures of each mode in a row: the first pauses the destination, the second lengthens the
wait."""
PAUSED = 'postkamer_destination_paused{destination="crm"} '


async def _mode(session: aiohttp.ClientSession, town: Installation, **mode: Any) -> None:
    async with session.post(f"{town.sandbox}/crm/mode", json=mode) as answer:
        assert answer.status < 300, await answer.text()


async def _read(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    async with session.get(url, headers=headers) as answer:
        return dict(await answer.json())


async def _conversation_with_one_parked(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, citizen: int, run: str
) -> str:
    """Id of a conversation of three messages, of which the CRM refused one for good."""
    await _mode(session, town, mode="bad-request", count=1)
    async for _ in write(session, town.gateway, citizen, 3, run):
        pass
    await until(lambda: watch.events(run), lambda seen: len(seen) == 2, 30)
    archived = await until(lambda: watch.archived(run), lambda seen: len(seen) == 3, 10)
    [conversation] = {conversation for conversation, _ in archived}
    return conversation


async def test_refused_message_is_parked_and_the_next_one_is_delivered(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    conversation = await _conversation_with_one_parked(town, watch, session, 900, "parked")
    parked = (
        "select count(*) from deliverer.delivery where state = 'parked' and status = 400"
        " and reason = 'the destination refused this message: 400'"
        f" and conversation = '{conversation}'"
    )
    assert await watch.count(parked) == 1
    records = (
        "select count(*) from opened.record where kind = 'delivery' and data->>'state' = 'parked'"
        f" and conversation = '{conversation}'"
    )
    await until(lambda: watch.count(records), lambda n: n == 1, 10)


async def _postkamer(town: Installation, *arguments: str) -> Any:
    """Output of a command, as JSON."""
    env = {"POSTKAMER_DATABASE_URL": town.database.url, "POSTKAMER_CONFIG": str(town.config)}
    invoke = partial(CliRunner().invoke, main, [*arguments, "--json"], env=env)
    done = await asyncio.to_thread(invoke)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


async def test_replayed_parked_message_is_delivered_and_both_attempts_are_recorded(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    conversation = await _conversation_with_one_parked(town, watch, session, 901, "replayed")

    async def all_parked() -> list[dict[str, Any]]:
        listed = await _postkamer(town, "parked", "list", "--status", "400")
        return [each for each in listed if each["conversation"] == conversation]

    [parked] = await all_parked()
    again = ("parked", "replay", parked["event"], "--per-second", "200")
    assert await _postkamer(town, *again) == {"count": 1, "dryRun": False}
    await until(lambda: watch.events("replayed"), lambda seen: len(seen) == 3, 30)
    assert await all_parked() == []

    async def states() -> list[str]:
        messages = await watch.messages(conversation)
        first = min(messages, key=lambda message: message["sequence"])
        return [delivery["state"] for delivery in first["deliveries"]]

    await until(states, lambda seen: sorted(seen) == ["parked", "settled"], 15)


async def test_paused_destination_gets_everything_in_order_once_resumed(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    before = await _read(session, f"{town.sandbox}/crm/summary")
    await _postkamer(town, "destination", "pause", "crm", "--reason", "an upgrade")
    await until(partial(_metric, session, town, PAUSED), lambda value: value == 1, 10)

    async def one(citizen: int) -> None:
        async for _ in write(session, town.gateway, citizen, EACH, "still"):
            pass

    await asyncio.gather(*(one(citizen) for citizen in range(CITIZENS)))
    archived = await until(
        lambda: watch.archived("still"), lambda seen: len(seen) == CITIZENS * EACH, 30
    )
    assert archived and await watch.events("still") == []
    await _postkamer(town, "destination", "resume", "crm")
    await until(lambda: watch.events("still"), lambda seen: len(seen) == CITIZENS * EACH, 30)
    after = await _read(session, f"{town.sandbox}/crm/summary")
    assert after["orderViolations"] == before["orderViolations"]  # what was tried again came late
    assert after["changed"] == 0


async def _metric(session: aiohttp.ClientSession, town: Installation, name: str) -> float:
    async with session.get(f"{town.operations('deliverer')}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))


# magic recipient, what the sender reads in the end, a word of the reason
FATES = [
    ("31600131026", "failed", "131026: dit nummer kan geen WhatsApp-bericht ontvangen"),
    ("31600131047", "failed", "131047: de inwoner schreef langer dan 24 uur geleden"),
    ("31600000470", "failed", "470: de inwoner schreef langer dan 24 uur geleden"),
    ("31600130403", "failed", "130403: deze inwoner is geblokkeerd"),
    ("31600000100", "failed", "100: Meta kan een deel van dit bericht niet lezen"),
    ("31600000499", "delivered", ""),
    ("31600000502", "delivered", ""),
    ("31603000006", "accepted", "held_for_quality_assessment: Meta beoordeelt dit sjabloon eerst"),
    ("31603000007", "accepted", "paused: Meta heeft dit sjabloon gepauzeerd"),
    ("31612345678", "delivered", ""),
]


async def _send(session: aiohttp.ClientSession, town: Installation, to: str, key: str) -> str:
    """The path of a message that a desk sends to a citizen."""
    order = {"number": NUMBER, "to": f"+{to}", "type": "text", "text": {"body": "Uw pas is klaar."}}
    headers = BEARER | {"Idempotency-Key": key}
    async with session.post(f"{town.gateway}/v1/messages", json=order, headers=headers) as answer:
        assert answer.status == 202
        return str(answer.headers["Location"])


@pytest.mark.parametrize(("to", "fate", "reason"), FATES)
async def test_sender_reads_status_and_reason_of_each_answer_of_meta(
    town: Installation, session: aiohttp.ClientSession, to: str, fate: str, reason: str
) -> None:
    location = await _send(session, town, to, f"fate-{to}")
    message = partial(_read, session, f"{town.gateway}{location}", headers=BEARER)
    is_known = lambda m: m["status"] == fate and (m["reason"] or "").startswith(reason)  # noqa: E731
    await until(message, is_known, 30)


async def test_send_whose_answer_was_lost_is_never_repeated(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    location = await _send(session, town, "31600000499", "lost-answer")
    message = partial(_read, session, f"{town.gateway}{location}", headers=BEARER)
    await until(message, lambda m: m["status"] == "delivered", 30)
    id = location.rpartition("/")[2]
    sends = f"select count(*) from deliverer.ledger where id = '{id}'"
    assert await watch.count(f"{sends} and attempt = 1") == await watch.count(sends) > 0
    summary = await _read(session, f"{town.sandbox}/phone/summary")
    assert summary["repeats"] == 0


async def test_postponed_citizen_holds_back_no_other(
    town: Installation, session: aiohttp.ClientSession
) -> None:
    held = [await _send(session, town, "31600131056", f"held-{n}") for n in range(3)]
    free = await _send(session, town, "31612345679", "free")

    async def status(location: str) -> str:
        async with session.get(f"{town.gateway}{location}", headers=BEARER) as answer:
            return str((await answer.json())["status"])

    await until(lambda: status(free), lambda said: said == "delivered", 15)
    assert [await status(location) for location in held] == ["accepted"] * 3


@pytest.mark.parametrize("code", [190, 131042, 131031, 4])
async def test_waiting_message_says_why(
    town: Installation, session: aiohttp.ClientSession, code: int
) -> None:
    location = await _send(session, town, f"316{code:08}", f"waits-{code}")
    message = partial(_read, session, f"{town.gateway}{location}", headers=BEARER)
    try:
        said = await until(message, lambda m: m["code"] == code, 10)
        assert said["status"] == "accepted"
        assert said["reason"].startswith(f"{code}: ")
    finally:  # its number is held, and would be for minutes
        off = f"update deliverer.ledger set state = 'failed' where code = {code}"
        await asyncio.to_thread(town.database.execute, off)
        await asyncio.to_thread(town.kill, "deliverer")
        await asyncio.to_thread(town.restart, "deliverer")


async def test_deliverer_killed_while_sending_sends_nothing_twice(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    citizens, each = 60, 10
    token = await made(town.database.url, "many", "almelo")
    await admitted(session, town.gateway, token)

    async def send(citizen: int, n: int) -> None:
        order = {
            "number": NUMBER,
            "to": f"+{phone(2000 + citizen)}",
            "type": "text",
            "text": {"body": f"twice {citizen} {n}"},
        }
        headers = bearer(token) | {"Idempotency-Key": f"twice-{citizen}-{n}"}
        url = f"{town.gateway}/v1/messages"
        async with session.post(url, json=order, headers=headers) as answer:
            assert answer.status == 202

    async def send_all() -> None:
        for n in range(each):
            await asyncio.gather(*(send(citizen, n) for citizen in range(citizens)))

    ours = "id in (select id from gateway.command where token = 'many')"
    sent = f"select count(*) from deliverer.ledger where state = 'sent' and {ours}"
    sending = asyncio.create_task(send_all())
    await until(lambda: watch.count(sent), lambda n: n > 20, 30)
    await asyncio.to_thread(town.kill, "deliverer")
    assert await watch.count(sent) < citizens * each, "killed in the middle"
    await asyncio.to_thread(town.restart, "deliverer")
    await sending
    # Of a citizen whose message was under way nobody knows its fate yet: the next ones wait for it.
    all_others = (citizens - MAX_IN_FLIGHT) * each
    await until(lambda: watch.count(sent), lambda n: n >= all_others, 60)
    summary = await _read(session, f"{town.sandbox}/phone/summary")
    assert summary["repeats"] == 0


async def _write_until(
    enough: asyncio.Event, session: aiohttp.ClientSession, town: Installation, citizen: int
) -> int:
    """Write one message after the other; return how many."""
    written = 0
    async for _ in write(session, town.gateway, citizen, 10_000, "angry"):
        written += 1
        if enough.is_set():
            break
    return written


async def test_crm_that_fails_in_every_way_in_turn_gets_everything_in_order(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    """A refused event is parked; all others arrive in order and unchanged."""
    before = await _read(session, f"{town.sandbox}/crm/summary")
    enough = asyncio.Event()
    # What is told of earlier tests' messages may still come, and be refused too.
    parked_now = partial(asyncio.to_thread, _parked, town, b'"angry ')
    writing = (_write_until(enough, session, town, citizen) for citizen in range(CITIZENS))
    citizens = [asyncio.create_task(each) for each in writing]
    for mode in MODES:
        await _mode(session, town, mode=mode, count=FAILURES)
        await until(partial(_left, session, town), lambda left: left == "ok", 30)
        await until(partial(_metric, session, town, PAUSED), lambda value: value == 0, 30)
        assert await parked_now() == set(), f"{mode} parks nothing"
    await _mode(session, town, mode="bad-request", oneIn=10)

    async def settled() -> tuple[int, int, int]:
        """Count the events that are settled, arrived and parked. One may be both of the last two:
        its answer was lost after it arrived, and then it was refused."""
        came = {event["id"] for event in await watch.events("angry")}
        parked = await parked_now()
        return len(came | parked), len(came), len(parked)

    await until(settled, lambda n: n[2] > CITIZENS, 60)
    enough.set()
    written = sum(await asyncio.gather(*citizens))
    _, came, parked = await until(settled, lambda n: n[0] == written, 60)
    assert 0 < parked < came
    await _mode(session, town, mode="ok")
    after = await _read(session, f"{town.sandbox}/crm/summary")
    assert after["orderViolations"] == before["orderViolations"]
    assert after["changed"] == 0
    dropped = await _postkamer(town, "parked", "drop", "--all", "--reason", "it was a test")
    assert dropped["count"] >= parked


def _parked(town: Installation, word: bytes) -> set[str]:
    """Events that are parked and whose content has this."""
    rows = town.database.execute(
        "select event, destination, encode(body, 'hex') from deliverer.delivery"
        " where state = 'parked'"
    )
    opened = (row.split("|") for row in rows.splitlines())
    return {event for event, to, body in opened if word in _open(event, to, body)}


def _open(event: str, destination: str, body: str) -> bytes:
    return RING.unseal(bytes.fromhex(body), DELIVERY, bind(destination, UUID(event)))


async def _left(session: aiohttp.ClientSession, town: Installation) -> str:
    """The mode that the CRM is in by now."""
    return str((await _read(session, f"{town.sandbox}/crm/summary"))["mode"])
