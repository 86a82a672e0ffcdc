"""The owner of a destination recovers by the API: what was sent, once more, and its secrets."""

import asyncio
import base64
import hashlib
import hmac
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web

from deliverer.crm.resends import run_resends
from deliverer.crm.sent_events import clear_sent_events
from deliverer.destinations import signing_secrets
from deliverer.owners.actions import owner_action_outbox
from deploy.local.rabbitmq import Broker
from services import clock
from services.config.model import Configuration
from services.config.organisation import CloudEventsDestination
from services.contract import Delivery
from services.postgres.database import Pool, connection_pool
from services.tasks import background_task
from tests.support.integration.crm_desk import TOWN
from tests.support.integration.destination_harness import Post, delivery, serving
from tests.support.integration.owner_desk import OWNER, OwnerDesk, owner_desk
from tests.support.observer import until

COUNT = 40
PLACE = {"id": "crm", "kind": "cloudevents", "url": "http://127.0.0.1:9/"}
DESTINATION = CloudEventsDestination.model_validate(PLACE)


def with_second_destination() -> Configuration:
    given = TOWN.model_dump(mode="json", by_alias=True)
    given["destinations"].append(PLACE | {"id": "crm-2"})
    given["departments"][-1]["destination"] = "crm-2"
    return Configuration.model_validate_json(msgspec.json.encode(given))


class LosingCrm:
    """Takes every event but those whose sequence is in `refused`, and notes what signed it."""

    def __init__(self, *refused: int) -> None:
        self.refused = set(refused)
        self.taken: list[tuple[str, int]] = []
        self.bodies: dict[str, set[bytes]] = {}
        self.signers: Counter[int] = Counter()
        self.keys: list[bytes] = [b"key"]

    async def handle(self, request: web.Request) -> web.Response:
        content = await request.read()
        event = msgspec.json.decode(content)
        signed = f"{event['id']}.{request.headers['webhook-timestamp']}.".encode() + content
        given = request.headers["webhook-signature"].split(" ")
        for n, key in enumerate(self.keys):
            mine = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
            self.signers[n] += f"v1,{mine}" in given
        if int(event["sequence"]) in self.refused:
            return web.Response(status=422)
        self.taken.append((event["id"], int(event["sequence"])))
        self.bodies.setdefault(event["id"], set()).add(content)
        return web.Response(status=204)


def events(count: int) -> list[Delivery]:
    """Events of three conversations, each in the order of its sequence."""
    return [
        msgspec.structs.replace(delivery(n), conversation=f"10000001-{n % 3}") for n in range(count)
    ]


@pytest.fixture
async def gateway(pool: Pool, empty: str) -> AsyncIterator[Pool]:
    """The gateway's own login, as in a town."""
    async with connection_pool(f"{empty}?role=postkamer_gateway", "test", 4) as own:
        yield own


async def done(desk: OwnerDesk, id: str) -> Any:
    return await until(
        lambda: desk.get(f"resends/{id}"), lambda order: order["status"] == "done", 30
    )


async def test_owner_sees_what_was_sent_and_has_it_sent_again_in_order_under_the_same_ids(
    broker: Broker, pool: Pool, gateway: Pool
) -> None:
    crm, post, given = LosingCrm(4), Post(broker, pool), events(COUNT)
    async with (
        serving(crm.handle) as url,
        post.works({"url": url, "secret": "x"}),
        owner_desk(gateway, with_second_destination()) as desk,
        background_task(run_resends(pool, lambda: [DESTINATION])),
    ):
        await post.receives_each(*given)
        await post.until_states(settled=COUNT - 1, parked=1)
        await assert_listed(desk, given, parked=4)
        # The CRM lost all of it, and is mended.
        crm.taken, crm.refused = [], set()
        since = (clock.now() - timedelta(hours=1)).isoformat()
        started = asyncio.get_running_loop().time()
        status, order = await desk.post("_resend", {"since": since})
        assert (status, order["status"], order["waiting"]) == (202, "running", COUNT)
        await assert_one_at_a_time(desk, order["id"], since)
        order = await done(desk, order["id"])
        seconds = asyncio.get_running_loop().time() - started
        assert seconds > (COUNT - 1) / DESTINATION.resend_per_second, "not faster than its rate"
        assert (order["delivered"], order["waiting"], order["parked"]) == (COUNT, 0, 0)
    assert Counter(id for id, _ in crm.taken) == Counter(str(each.id) for each in given)
    assert {len(bodies) for bodies in crm.bodies.values()} == {1}, "the same bytes"
    for n in range(3):
        sequences = [sequence for _, sequence in crm.taken if sequence % 3 == n]
        assert sequences == sorted(sequences)
    [record] = await owner_action_outbox(pool).fetch_unpublished(10, [])
    said = msgspec.json.decode(record.data)
    assert (record.kind, record.tenant, said["what"]) == ("operation", "almelo", "resend")
    assert (said["by"], said["about"], said["resend"]) == ("owner", "crm", order["id"])


async def assert_listed(desk: OwnerDesk, given: list[Delivery], parked: int) -> None:
    """All of these are in the lists, this one as parked, and none with its content."""
    [one] = (await desk.get("deliveries?state=parked"))["deliveries"]
    assert (one["id"], one["sequence"], one["status"]) == (str(given[parked].id), parked, 422)
    assert (one["type"], one["conversationId"]) == (given[parked].type, given[parked].conversation)
    seen = await pages(desk, "deliveries?state=delivered&limit=25")
    assert {each["id"] for each in seen} == {str(each.id) for each in given} - {one["id"]}
    assert [each["at"] for each in seen] == sorted(each["at"] for each in seen)
    assert "data" not in str(seen)


async def assert_one_at_a_time(desk: OwnerDesk, order: str, since: str) -> None:
    """While an order runs, the same key gets it again, and no other one is accepted."""
    status, again = await desk.post("_resend", {"since": since})
    assert (status, again["id"]) == (202, order)
    status, refused = await desk.post("_resend", {"since": since}, key="other")
    assert (status, refused["code"]) == (409, "resend_running")
    for path, body in (
        ("crm/_resend", {"since": since, "state": "parked"}),
        ("crm-2/_resend", {"since": since}),
    ):
        status, refused = await desk.ask("POST", path, body)
        assert (status, refused["code"]) == (409, "key_used")
    assert (await desk.ask("GET", f"crm-2/resends/{order}"))[0] == 404


async def pages(desk: OwnerDesk, path: str) -> list[Any]:
    """Everything on the pages of a list."""
    found: list[Any] = []
    after = ""
    while True:
        page = await desk.get(path + after)
        found += page["deliveries"]
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"


async def test_event_that_ended_at_its_term_is_not_sent_again_and_says_so(
    broker: Broker, pool: Pool, gateway: Pool, empty: str
) -> None:
    crm, post, given = LosingCrm(), Post(broker, pool), events(4)
    async with (
        serving(crm.handle) as url,
        post.works({"url": url, "secret": "x"}),
        owner_desk(gateway) as desk,
    ):
        await post.receives_each(*given)
        await post.until_states(settled=4)
        sealed = await pool.fetch("select sealed from deliverer.sent")
        assert not any(given[0].conversation.encode() in row["sealed"] for row in sealed)
        old = [given[0].id, given[1].id]
        await pool.execute(
            "update deliverer.sent set at = at - interval '8 days' where event = any($1)", old
        )
        async with (
            connection_pool(f"{empty}?role=postkamer_deliverer", "test", 2) as own,
            background_task(clear_sent_events(own, lambda: [DESTINATION])),
        ):
            await until(lambda: pool.fetchval(KEPT), lambda n: n == 2, 10)
        ids = [str(id) for id in old]
        status, said = await desk.post("_resend", {"events": ids})
        assert (status, said["code"]) == (410, "ended")
        since = (clock.now() - timedelta(days=8)).isoformat()
        assert (await desk.post("_resend", {"since": since}))[0] == 410
        status, order = await desk.post("_resend", {"events": [*ids, str(given[2].id)]})
        assert (status, order["ended"]) == (202, 2)
        # The last one ends between the order and its turn, which does not come during a pause.
        await pool.execute("insert into deliverer.pause values ($1, now(), '')", DESTINATION.id)
        async with background_task(run_resends(pool, lambda: [DESTINATION])):
            await until(lambda: pool.fetchval(ORDERED), lambda n: n == 1, 10)
            await pool.execute("delete from deliverer.sent where event = $1", given[2].id)
            await pool.execute("delete from deliverer.pause")
            order = await done(desk, order["id"])
        assert (order["delivered"], order["ended"]) == (0, 3)
    assert len(crm.taken) == 4


async def test_named_event_that_ended_before_the_order_took_it_counts_as_ended(
    broker: Broker, pool: Pool, gateway: Pool
) -> None:
    crm, post, given = LosingCrm(events(3)[2].sequence), Post(broker, pool), events(3)
    async with (
        serving(crm.handle) as url,
        post.works({"url": url, "secret": "x"}),
        owner_desk(gateway) as desk,
    ):
        await post.receives_each(*given)
        await post.until_states(settled=2, parked=1)
        ids = [str(each.id) for each in given]
        status, order = await desk.post("_resend", {"events": ids})
        assert (status, order["ended"]) == (202, 0)
        await pool.execute("delete from deliverer.sent where event = $1", given[0].id)
        drop = "update deliverer.delivery set state = 'dropped', body = null where event = $1"
        await pool.execute(drop, given[2].id)
        async with background_task(run_resends(pool, lambda: [DESTINATION])):
            order = await done(desk, order["id"])
        assert (order["delivered"], order["parked"], order["ended"]) == (1, 0, 2)


ORDERED = "select count(*) from deliverer.delivery where state = 'replay'"
KEPT = "select count(*) from deliverer.sent"


async def test_token_that_is_not_the_owner_gets_the_answer_of_what_does_not_exist(
    gateway: Pool, pool: Pool
) -> None:
    narrow = OWNER | {"departments": frozenset(("burgerzaken",)), "name": "narrow"}
    other = {"name": "other"}
    id = clock.new_id()
    body = {"events": [str(id)]}
    asked = [
        ("GET", "deliveries", None),
        ("POST", "_resend", body),
        ("GET", f"resends/{id}", None),
        ("GET", "secrets", None),
        ("POST", "secrets", {}),
        ("POST", f"secrets/{id}/_end", {}),
    ]
    async with owner_desk(gateway, narrow=narrow, other=other) as desk:
        for method, path, sent in asked:
            absent = await desk.ask(method, f"absent/{path}", sent)
            assert absent[0] == 404
            for token in ("narrow", "other"):
                assert await desk.ask(method, f"crm/{path}", sent, token=token) == absent
        assert (await desk.ask("GET", "crm/deliveries?state=all&limit=0"))[1]["errors"] == [
            {"pointer": "", "detail": "must be parked or delivered", "parameter": "state"},
            {
                "pointer": "",
                "detail": "must be a whole number from 1 to 1000",
                "parameter": "limit",
            },
        ]
        for wrong in ({}, body | {"since": "2026-11-01T00:00:00Z"}, {"since": "yesterday"}):
            assert (await desk.post("_resend", wrong))[0] == 400


class SignedTown:
    """Sends events until they are signed as expected."""

    def __init__(self, crm: LosingCrm, post: Post) -> None:
        self._crm, self._post, self._given = crm, post, iter(events(200))

    async def signers(self, *expected: int) -> None:
        """Return when an event is signed with exactly these of the CRM's keys."""
        await until(self._send, lambda found: found == {*expected}, 10)

    async def _send(self) -> set[int]:
        self._crm.signers.clear()
        before = len(self._crm.taken)
        await self._post.receives_each(next(self._given))
        await until(self._count, lambda count: count > before, 10)
        return {n for n, signed in self._crm.signers.items() if signed}

    async def _count(self) -> int:
        return len(self._crm.taken)


async def test_secret_is_replaced_by_the_api_while_events_are_signed_with_both(
    broker: Broker, pool: Pool, gateway: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_secrets, "REFRESH_SECONDS", 0.05)
    crm, post = LosingCrm(), Post(broker, pool)
    town = SignedTown(crm, post)
    async with (
        serving(crm.handle) as url,
        post.works({"url": url, "secret": "x"}),
        owner_desk(gateway) as desk,
    ):
        await town.signers(0)
        [configured] = (await desk.get("secrets"))["secrets"]
        assert (configured["source"], configured["endsAt"]) == ("configuration", None)
        status, refused = await desk.post(f"secrets/{configured['id']}/_end", {})
        assert (status, refused["code"]) == (409, "last_secret")
        status, added = await desk.post("secrets", {})
        crm.keys.append(base64.b64decode(added["secret"].removeprefix("whsec_")))
        assert (status, len(crm.keys[1])) == (201, 32)
        await town.signers(0, 1)
        await assert_hidden(desk, pool, added["secret"])
        assert (await desk.post(f"secrets/{configured['id']}/_end", {}))[0] == 200
        await town.signers(1)
        crm.keys.append(bytes(range(24)))
        own = "whsec_" + base64.b64encode(crm.keys[2]).decode()
        status, second = await desk.post("secrets", {"secret": own, "othersEndAt": AT_ONCE})
        assert status == 201 and "secret" not in second
        await town.signers(2)
        await until(lambda: pool.fetchval(SEALED), lambda n: n == 1, 10)
    done = [row["what"] for row in await pool.fetch("select what from deliverer.owner_action")]
    assert sorted(done) == ["secret add", "secret add", "secret end"]


async def assert_hidden(desk: OwnerDesk, pool: Pool, secret: str) -> None:
    """Neither the list nor the table has this secret."""
    assert secret not in str(await desk.get("secrets"))
    stored = await pool.fetchval("select sealed from deliverer.secret where sealed is not null")
    assert secret.encode() not in stored
    assert base64.b64decode(secret.removeprefix("whsec_")) not in stored


AT_ONCE = "2026-01-01T00:00:00Z"
SEALED = "select count(*) from deliverer.secret where sealed is not null"
"""An ended secret is erased."""
