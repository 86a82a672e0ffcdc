"""The stand-in for Open Klant: its modes of failure, simultaneous requests, and its pace."""

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


async def is_stored(client: Client) -> bool:
    return "42" in (await client.control("GET", "summary"))["contacts"]


@pytest.mark.parametrize("mode", REFUSALS)
async def test_a_mode_refuses_as_the_api_does_and_stores_nothing(client: Client, mode: str) -> None:
    await client.control("POST", "mode", {"mode": mode, "count": 1, "retryAfter": 3})
    answer = await client.ask("POST", "/klantcontacten", NUMBERED)
    refusal = REFUSALS[mode]
    assert (answer.status, answer.body["code"]) == (refusal.status, refusal.code)
    assert answer.headers["Retry-After"] == "3"
    assert not await is_stored(client)
    assert (await client.ask("POST", "/klantcontacten", NUMBERED)).status == 201


@pytest.mark.parametrize("mode", PROXY_STATUSES)
async def test_a_mode_answers_as_a_proxy_does_until_the_next_mode(
    client: Client, mode: str
) -> None:
    await client.control("POST", "mode", {"mode": mode})
    for _ in range(2):
        answer = await client.ask("POST", "/klantcontacten", NUMBERED)
        assert answer.status == PROXY_STATUSES[mode]
        assert answer.headers["Content-Type"].startswith("text/html")
    assert not await is_stored(client)


@pytest.mark.parametrize(
    ("mode", "stores"), [("lost", True), ("half", True), ("late", True), ("reset", False)]
)
async def test_an_answer_is_lost_before_or_after_the_request_is_stored(
    client: Client, mode: str, stores: bool
) -> None:
    await client.control("POST", "mode", {"mode": mode, "count": 1})
    if mode == "late":
        assert (await client.ask("POST", "/klantcontacten", NUMBERED)).status == 504
    else:
        with pytest.raises(aiohttp.ClientError):
            await client.ask("POST", "/klantcontacten", NUMBERED)
    assert await is_stored(client) is stores
    again = await client.ask("POST", "/klantcontacten", NUMBERED)
    assert again.status == (400 if stores else 201)


async def test_a_mode_can_be_for_one_resource_and_one_method(client: Client) -> None:
    mode = {"mode": "refuse", "resource": "actoren", "method": "POST"}
    await client.control("POST", "mode", mode)
    assert (await client.ask("POST", "/klantcontacten", CONTACT)).status == 201
    assert (await client.ask("GET", "/actoren")).status == 200
    assert (await client.ask("POST", "/actoren", {})).status == 503


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("mode", {"mode": "x"}),
        ("mode", {"resource": "x"}),
        ("mode", {"method": "x"}),
        ("mode", {"together": 9}),
        ("mode", {"count": -1}),
        ("mode", {"x": 1}),
        ("pace", {"factor": -1}),
        ("pace", {"factor": 101}),
        ("pace", {}),
        ("pace", {"factor": 1, "x": 1}),
    ],
)
async def test_an_impossible_mode_or_pace_is_refused(
    client: Client, route: str, body: Json
) -> None:
    assert (await client.ask("POST", f"{client.url}/openklant/{route}", body)).status == 400


async def test_a_hanging_request_ends_with_the_mode_and_stores_nothing(client: Client) -> None:
    await client.control("POST", "mode", {"mode": "hang", "count": 1})
    hanging = asyncio.create_task(client.ask("POST", "/klantcontacten", NUMBERED))
    async with asyncio.timeout(20):
        while (await client.control("GET", "summary"))["mode"] == "hang":
            await asyncio.sleep(0)
        assert not hanging.done()
        await client.control("POST", "mode", {"mode": "ok"})
        with pytest.raises(aiohttp.ClientError):
            await hanging
    assert not await is_stored(client)


@pytest.mark.parametrize(
    ("route", "body", "seconds"),
    [
        ("mode", {"mode": "slow", "seconds": 0.2}, 0.2),
        ("pace", {"factor": 20}, POST_SECONDS["klantcontacten"] * 20),
        ("pace", {"factor": 1}, POST_SECONDS["klantcontacten"]),
    ],
)
async def test_a_slow_request_is_answered_late_and_stored(
    client: Client, route: str, body: Json, seconds: float
) -> None:
    await client.control("POST", route, body)
    began = time.monotonic()
    await client.post("klantcontacten", NUMBERED)
    assert time.monotonic() - began >= seconds


async def post_at_once(client: Client, resource: str, body: Json, n: int) -> list[Answer]:
    return await asyncio.gather(*(client.ask("POST", f"/{resource}", body) for _ in range(n)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "resource"),
    [("race", "klantcontacten"), ("race", "maak-klantcontact"), ("ok", "maak-klantcontact")],
)
async def test_one_of_four_simultaneous_posts_of_a_number_is_stored(
    client: Client, mode: str, resource: str
) -> None:
    await client.control("POST", "mode", {"mode": mode, "together": AT_ONCE})
    statuses: Counter[int] = Counter()
    for n in range(ROUNDS):
        contact = CONTACT | {"referentienummer": str(n)}
        party = {"rol": "klant", "initiator": True}
        together = {"klantcontact": contact, "betrokkene": party}
        body = contact if resource == "klantcontacten" else together
        answers = await post_at_once(client, resource, body, AT_ONCE)
        statuses.update(answer.status for answer in answers)
        assert {answer.body["code"] for answer in answers if answer.status == 500} <= {"error"}
    assert statuses[201] == ROUNDS
    assert statuses.keys() <= {201, 400, 500}
    assert statuses[500] > 0
    if mode == "race":
        assert statuses[500] == ROUNDS * (AT_ONCE - 1)
    counts = (await client.control("GET", "summary"))["counts"]
    parties = ROUNDS if resource == "maak-klantcontact" else 0
    assert (counts["klantcontacten"], counts["betrokkenen"]) == (ROUNDS, parties)


async def test_the_pace_has_the_load_and_the_times_since_it_was_set(client: Client) -> None:
    await client.control("POST", "pace", {"factor": 1})
    empty = {"mostAtOnce": 0, "answered": 0, "perSecond": 0.0, "p50": 0.0, "p99": 0.0}
    assert await client.control("GET", "pace") == {"factor": 1.0} | empty
    await post_at_once(client, "klantcontacten", CONTACT, 12)
    pace, work = await client.control("GET", "pace"), POST_SECONDS["klantcontacten"]
    assert (pace["mostAtOnce"], pace["answered"]) == (12, 12)
    assert pace["perSecond"] < 2 / work
    assert work < pace["p50"] < pace["p99"]
    assert pace["p99"] > 12 * work / 2 * 0.8, "the last one waited for all before it"
