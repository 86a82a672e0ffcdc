"""The stand-in for Open Klant when it fails, when many come at once, and how fast it is."""

import asyncio
import time
from collections import Counter

import aiohttp
import pytest

from sandbox.openklant.latency import POST_SECONDS
from sandbox.openklant.modes import PROXY_STATUSES, REFUSALS
from tests.support.openklant.api_client import CONTACT, Answer, Client, Json
from tests.support.sandbox_world import World

NUMBERED = CONTACT | {"referentienummer": "42"}
ROUNDS, AT_ONCE = 20, 4


@pytest.fixture
async def client(sandbox: World) -> Client:
    return Client(sandbox.url, sandbox.http)


async def stored(client: Client) -> Json:
    """What is there, by number."""
    found: Json = (await client.control("GET", "summary"))["contacts"]
    return found


@pytest.mark.parametrize("mode", REFUSALS)
async def test_a_mode_refuses_as_the_api_does_and_stores_nothing(client: Client, mode: str) -> None:
    await client.control("POST", "mode", {"mode": mode, "count": 1, "retryAfter": 3})
    answer = await client.ask("POST", "/klantcontacten", NUMBERED)
    refusal = REFUSALS[mode]
    assert (answer.status, answer.body["code"]) == (refusal.status, refusal.code)
    assert answer.headers["Retry-After"] == "3"
    assert await stored(client) == {}
    assert (await client.ask("POST", "/klantcontacten", NUMBERED)).status == 201


@pytest.mark.parametrize("mode", PROXY_STATUSES)
async def test_a_mode_answers_as_a_proxy_does_in_html(client: Client, mode: str) -> None:
    await client.control("POST", "mode", {"mode": mode})
    for _ in range(2):
        answer = await client.ask("POST", "/klantcontacten", NUMBERED)
        assert (answer.status, answer.headers["Content-Type"][:9]) == (
            PROXY_STATUSES[mode],
            "text/html",
        )
    assert await stored(client) == {}


@pytest.mark.parametrize(
    ("mode", "kept"), [("lost", True), ("half", True), ("late", True), ("reset", False)]
)
async def test_an_answer_is_lost_before_or_after_it_was_stored(
    client: Client, mode: str, kept: bool
) -> None:
    await client.control("POST", "mode", {"mode": mode, "count": 1})
    if mode == "late":
        assert (await client.ask("POST", "/klantcontacten", NUMBERED)).status == 504
    else:
        with pytest.raises(aiohttp.ClientError):
            await client.ask("POST", "/klantcontacten", NUMBERED)
    assert ("42" in await stored(client)) is kept
    again = await client.ask("POST", "/klantcontacten", NUMBERED)
    assert again.status == (400 if kept else 201)


async def test_a_mode_can_be_for_one_resource_and_one_method(client: Client) -> None:
    mode = {"mode": "refuse", "resource": "actoren", "method": "POST"}
    await client.control("POST", "mode", mode)
    assert (await client.ask("POST", "/klantcontacten", CONTACT)).status == 201
    assert (await client.ask("GET", "/actoren")).status == 200
    assert (await client.ask("POST", "/actoren", {})).status == 503
    for wrong in ({"mode": "x"}, {"resource": "x"}, {"method": "x"}, {"together": 9}, {"x": 1}):
        answer = await client.ask("POST", f"{client.url}/openklant/mode", wrong)
        assert answer.status == 400


async def test_what_hangs_ends_with_the_mode(client: Client) -> None:
    await client.control("POST", "mode", {"mode": "hang", "count": 1})
    hanging = asyncio.create_task(client.ask("POST", "/klantcontacten", NUMBERED))
    async with asyncio.timeout(20):
        while (await client.control("GET", "summary"))["mode"] == "hang":
            await asyncio.sleep(0)
        assert not hanging.done()
        await client.control("POST", "mode", {"mode": "ok"})
        with pytest.raises(aiohttp.ClientError):
            await hanging
    assert await stored(client) == {}


async def test_slow_is_late_and_stores(client: Client) -> None:
    await client.control("POST", "mode", {"mode": "slow", "seconds": 0.2})
    begun = time.monotonic()
    assert (await client.ask("POST", "/klantcontacten", NUMBERED)).status == 201
    assert time.monotonic() - begun >= 0.2


async def at_once(client: Client, resource: str, body: Json, n: int) -> list[Answer]:
    return await asyncio.gather(*(client.ask("POST", f"/{resource}", body) for _ in range(n)))


def of_both(number: str) -> list[tuple[str, Json]]:
    """The same contact, by itself and with its party."""
    contact = CONTACT | {"referentienummer": number}
    party = {"rol": "klant", "initiator": True}
    return [
        ("klantcontacten", contact),
        ("maak-klantcontact", {"klantcontact": contact, "betrokkene": party}),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("which", [0, 1])
async def test_of_four_at_once_one_is_stored_and_the_others_meet_the_database(
    client: Client, which: int
) -> None:
    await client.control("POST", "mode", {"mode": "race", "together": AT_ONCE})
    for number in map(str, range(ROUNDS)):
        resource, body = of_both(number)[which]
        answers = await at_once(client, resource, body, AT_ONCE)
        assert Counter(a.status for a in answers) == {201: 1, 500: AT_ONCE - 1}
        assert {a.body["code"] for a in answers if a.status == 500} == {"error"}
    counts = (await client.control("GET", "summary"))["counts"]
    assert (counts["klantcontacten"], counts["betrokkenen"]) == (ROUNDS, ROUNDS * which)


async def test_without_a_mode_too_exactly_one_of_four_at_once_is_stored(client: Client) -> None:
    every: Counter[int] = Counter()
    for number in map(str, range(ROUNDS)):
        resource, body = of_both(number)[1]
        statuses = Counter(a.status for a in await at_once(client, resource, body, AT_ONCE))
        assert statuses[201] == 1
        every += statuses
    assert every.keys() <= {201, 400, 500}
    assert every[500] > 0
    counts = (await client.control("GET", "summary"))["counts"]
    assert (counts["klantcontacten"], counts["betrokkenen"]) == (ROUNDS, ROUNDS)


async def test_it_is_no_faster_than_the_real_server_and_slower_when_many_come(
    client: Client,
) -> None:
    work = POST_SECONDS["klantcontacten"]
    begun = time.monotonic()
    await client.post("klantcontacten", CONTACT)
    assert time.monotonic() - begun >= work
    begun, n = time.monotonic(), 40
    await at_once(client, "klantcontacten", CONTACT, n)
    assert time.monotonic() - begun >= n * work / 2 * 0.8


async def test_its_pace_can_be_changed(client: Client) -> None:
    await client.control("POST", "pace", {"factor": 20})
    begun = time.monotonic()
    await client.post("klantcontacten", CONTACT)
    assert time.monotonic() - begun >= POST_SECONDS["klantcontacten"] * 20
    assert (await client.control("GET", "pace"))["answered"] == 1
    for wrong in ({"factor": -1}, {"factor": 101}, {}, {"factor": 1, "x": 1}):
        assert (await client.ask("POST", f"{client.url}/openklant/pace", wrong)).status == 400


async def test_it_tells_how_many_came_at_once_and_how_long_they_waited(client: Client) -> None:
    await client.control("POST", "pace", {"factor": 1})
    assert await client.control("GET", "pace") == {
        "factor": 1.0,
        "mostAtOnce": 0,
        "answered": 0,
        "perSecond": 0.0,
        "p50": 0.0,
        "p99": 0.0,
    }
    await at_once(client, "klantcontacten", CONTACT, 12)
    told, work = await client.control("GET", "pace"), POST_SECONDS["klantcontacten"]
    assert (told["mostAtOnce"], told["answered"]) == (12, 12)
    assert told["perSecond"] < 2 / work
    assert work < told["p50"] < told["p99"]
    assert told["p99"] > 12 * work / 2 * 0.8, "the last one waited for all before it"


async def test_the_summary_tells_of_each_contact_what_hangs_on_it(client: Client) -> None:
    uuids = await client.filled()
    await client.post("klantcontacten", CONTACT)
    summary = await client.control("GET", "summary")
    found = summary["contacts"]["0042"]
    assert found["uuid"] == uuids["klantcontact"]
    address = {"adres": "+31612345678", "soort": "telefoonnummer"}
    assert found["betrokkenen"][0]["adressen"] == [address]
    assert found["taken"][0]["actoren"] == ["Reiniging"]
    assert found["onderwerpen"][0]["objectId"] == "wamid.X"
    assert len(summary["withoutNumber"]) == 1
    assert (await client.control("GET", "summary?last=1"))["contacts"] == {}
    assert (await client.ask("GET", f"{client.url}/openklant/summary?last=0")).status == 400


async def test_what_is_cleared_is_gone_and_its_numbers_are_free(client: Client) -> None:
    await client.post("klantcontacten", NUMBERED)
    await client.control("DELETE", "summary")
    counts = (await client.control("GET", "summary"))["counts"]
    assert set(counts.values()) == {0}
    await client.post("klantcontacten", NUMBERED)
