"""The first week as the documentation tells it: a number on trial, a guest list, the example
receiver as the CRM, a test token, and going live. Nobody who is not on the list hears anything."""

import asyncio
import json
from collections.abc import Iterator
from functools import partial

import aiohttp
import pytest

from tests.support.citizens import NUMBER
from tests.support.decrypted_record import KEY
from tests.support.e2e.crm_desk import Desk, colleague
from tests.support.e2e.phone import Phone
from tests.support.installation import Installation
from tests.support.observer import Watch, until
from tests.support.receivers.program import Program, python_command, running

GUEST, STRANGER = "31600000021", "31600000022"
SECONDS = 15.0
WHY, BY = ("--reason", "eerste week"), {"POSTKAMER_OPERATOR": "S. Jansen"}
EMPLOYEE = {"author": {"kind": "employee", "id": "sanne"}}


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("receiver")
    with running(python_command(folder), folder / "events.db", f"whsec_{KEY}") as program:
        yield program


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, receiver: Program) -> Iterator[Installation]:
    def on_trial(text: str) -> str:
        marks = 'read_marks = "answered"'
        crm = f"http://127.0.0.1:{receiver.port}/events"
        changed = text.replace(marks, f"trial = true\n{marks}", 1)
        found = [line for line in changed.splitlines() if line.endswith('/crm/events"')]
        return changed.replace(found[0], f'url = "{crm}"')

    town = Installation(tmp_path_factory.mktemp("town"), on_trial)
    try:
        town.start()
        yield town
    finally:
        town.discard()


async def says(town: Installation, *arguments: str, **more: str) -> str:
    return await asyncio.to_thread(partial(town.says, *arguments, **more))


async def asked(receiver: Program, phone: Phone, words: str) -> str:
    """Write as a citizen; return the conversation that the receiver stored it in."""
    await phone.writes(words)
    rows = await until(lambda: _stored(receiver, words), bool, SECONDS)
    return str(json.loads(rows[0])["data"]["conversationId"])


async def _stored(receiver: Program, words: str) -> list[bytes]:
    rows = await asyncio.to_thread(receiver.query, "select body from event order by rowid")
    return [body for (body,) in rows if words.encode() in body]


async def test_first_week_reaches_guests_alone_until_the_number_goes_live(
    town: Installation, receiver: Program, watch: Watch, session: aiohttp.ClientSession
) -> None:
    guest, stranger = Phone(watch, session, GUEST), Phone(watch, session, STRANGER)
    desk = Desk(watch)
    checked = await says(town, "check", "--json", POSTKAMER_AMQP_URL=town.broker.url)
    assert any("trial" in warning for warning in json.loads(checked)["warnings"]), checked
    shown = await says(town, "status", "--json")
    assert "trial" in shown
    added = await says(
        town, "guests", "add", "--number", NUMBER, "--phone", f"+{GUEST}", *WHY, **BY
    )
    assert added.startswith("added to the list"), added

    mine = await asked(receiver, guest, "mag mijn hond los in het park")
    assert (await desk.answer(mine, text={"body": "Ja, in de losloopzone."}))[0] == 202
    await until(guest.got, lambda got: "Ja, in de losloopzone." in got, SECONDS)

    theirs = await asked(receiver, stranger, "wanneer is de markt")
    status, refusal = await desk.answer(theirs, text={"body": "Op zaterdag."})
    assert (status, refusal["code"]) == (422, "not_on_guest_list")

    tester = await colleague(watch, "builder", test=True)
    status, sent = await tester.answer(theirs, text={"body": "Op zondag."})
    assert status == 202
    await until(lambda: tester.status(sent["id"]), lambda told: told["status"] == "read", SECONDS)
    assert await stranger.got() == []

    assert f"{NUMBER} is live" in await says(
        town, "number", "live", NUMBER, *WHY, "--by", "S. Jansen"
    )
    answered = await desk.answer(theirs, text={"body": "Op maandag."})
    assert answered[0] == 202
    await until(stranger.got, lambda got: "Op maandag." in got, SECONDS)
    assert await stranger.got() == ["Op maandag."]
    outcomes = await asyncio.to_thread(receiver.query, "select count(*) from event where late")
    assert outcomes == [(0,)]
    for what in ("guests add", "number live"):
        step = f"kind = 'operation' and data ->> 'what' = '{what}' and data ->> 'by' = 'S. Jansen'"
        sql = f"select count(*) from opened.record where {step}"
        await until(lambda sql=sql: watch.count(sql), bool, SECONDS)  # type: ignore[misc]
