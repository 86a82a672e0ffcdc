"""The contact centre gives its orders about a number, and each reaches the citizen's phone.

It does so from a terminal. It also confirms an alarm, releases a hold and merges two people.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from services import clock
from tests.support.citizens import NUMBER, phone
from tests.support.e2e.crm_desk import AUTHOR, Desk, wrote
from tests.support.observer import Watch, until
from tests.support.tokens import admitted, bearer, made

OPEN = f"{NUMBER}: state open: works as usual, within the opening hours of its departments\n"
NOTICE = "Het is druk door de storm. Het laatste nieuws staat op www.example.nl."
CLOSED = "Dit nummer is even dicht. Mail ons op gemeente@example.nl."
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def tokens() -> dict[str, str]:
    return {}


@pytest.fixture
async def token(watch: Watch, tokens: dict[str, str]) -> str:
    """Token with the roles of a contact centre, once the gateway knows it."""
    if not tokens:
        roles = ("kcc", "care", "send")
        tokens["kcc"] = await made(watch.town.database.url, "kcc", "almelo", roles=roles)
        await admitted(watch.session, watch.town.gateway, tokens["kcc"])
    return tokens["kcc"]


@pytest.fixture
def postkamer(watch: Watch, token: str) -> Run:
    async def run(*arguments: str) -> Result:
        env = {"POSTKAMER_GATEWAY_URL": watch.town.gateway, "POSTKAMER_API_TOKEN": token}
        env |= {"POSTKAMER_LANG": "en"}
        return await asyncio.to_thread(CliRunner().invoke, main, arguments, env=env)

    return run


async def write_now(watch: Watch, words: str, citizen: int) -> None:
    """Just now: nothing goes out by itself to what is long past."""
    at = int(clock.now().timestamp())
    await wrote(watch, words, f"wamid.{words.replace(' ', '.')}", citizen, at=at)


async def texts_on_phone(watch: Watch, citizen: int) -> list[str]:
    """The texts that came to a phone."""
    async with watch.session.get(f"{watch.town.sandbox}/phone/received") as answer:
        page = await answer.json()
    return [one["content"]["body"] for one in page if one["phone"] == phone(citizen)]


async def test_a_notice_comes_once_in_a_conversation_until_it_is_taken_away(
    watch: Watch, postkamer: Run
) -> None:
    until_then = (clock.now() + timedelta(hours=1)).isoformat()
    done = await postkamer("notice", "set", NOTICE, "--until", until_then)
    assert (done.exit_code, done.stdout) == (0, f"{NUMBER}: done\n")
    listed = await postkamer("number", "list")
    assert listed.stdout.startswith(f"{OPEN}  notice until ")
    await write_now(watch, "storm een", 901)
    await until(lambda: texts_on_phone(watch, 901), lambda texts: texts == [NOTICE], 10)
    await write_now(watch, "storm twee", 901)
    cleared = await postkamer("notice", "clear", "--number", NUMBER, "--by", "sanne")
    assert (cleared.exit_code, cleared.stdout) == (0, f"{NUMBER}: done\n")
    await write_now(watch, "storm drie", 902)
    assert (await postkamer("number", "list")).stdout == OPEN
    # Their order is kept: what was to be said to them before this was said.
    await answered(watch, 901, 902)
    assert await texts_on_phone(watch, 901) == [NOTICE, "Goedemiddag"]
    assert await texts_on_phone(watch, 902) == ["Goedemiddag"]


async def answered(watch: Watch, *citizens: int) -> None:
    """Each of them has an answer of a person on the phone."""
    desk = Desk(watch)
    for citizen in citizens:
        order = {"number": NUMBER, "to": f"+{phone(citizen)}", "author": AUTHOR}
        text = {"type": "text", "text": {"body": "Goedemiddag"}}
        assert (await desk.post("/v1/messages", order | text))[0] == 202
    for citizen in citizens:
        await until(
            lambda citizen=citizen: texts_on_phone(watch, citizen),  # type: ignore[misc]
            lambda texts: "Goedemiddag" in texts,
            10,
        )


async def test_a_closed_number_says_so_and_loses_nothing(watch: Watch, postkamer: Run) -> None:
    done = await postkamer("number", "state", "closed", "--text", CLOSED)
    assert (done.exit_code, done.stdout) == (0, f"{NUMBER}: done\n")
    assert (await postkamer("number", "list")).stdout == f"{NUMBER}: state closed: {CLOSED}\n"
    await write_now(watch, "dicht vandaag", 903)
    await until(lambda: texts_on_phone(watch, 903), lambda texts: texts == [CLOSED], 10)
    assert (await postkamer("number", "state", "open")).exit_code == 0
    kept = "select count(*) from opened.record where kind = 'number'"
    await until(lambda: watch.count(kept), lambda n: n >= 2, 10)


async def test_an_alarm_is_seen_from_a_terminal_and_on_the_record(
    watch: Watch, postkamer: Run
) -> None:
    asked = await wrote(watch, "alarm gezien", "wamid.alarm", 904)
    conversation = asked["conversationId"]
    done = await postkamer("care", "confirm", conversation, "--by", "wacht")
    assert (done.exit_code, done.stdout) == (0, f"{conversation}: done\n")
    confirmed = (
        "select count(*) from opened.record where kind = 'conversation'"
        f" and conversation = '{conversation}' and data->>'event' = 'confirmed'"
    )
    await until(lambda: watch.count(confirmed), lambda n: n == 1, 10)
    none = f"{NUMBER}-{'a2' * 13}"
    refused = await postkamer("care", "confirm", none)
    assert (refused.exit_code, refused.stderr) == (
        1,
        f"{none}: refused: there is no such conversation\n",
    )


async def test_two_people_who_are_one_go_on_in_one_conversation(watch: Watch, token: str) -> None:
    desk = Desk(watch, bearer(token))
    one = (await wrote(watch, "samen een", "wamid.samen.1", 905))["conversationId"]
    other = (await wrote(watch, "samen twee", "wamid.samen.2", 906))["conversationId"]
    for verb, body in (("_merge", {"with": other}), ("_release", {})):
        status, accepted = await desk.does(one, verb, author=AUTHOR, **body)
        assert status == 202, accepted
        await until(
            lambda id=accepted["id"]: desk.status(id),  # type: ignore[misc]
            lambda said: said["status"] == "done",
            10,
        )
    again = await wrote(watch, "samen drie", "wamid.samen.3", 906)
    assert again["conversationId"] == one
