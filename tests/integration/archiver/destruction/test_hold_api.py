"""The API of holds: who places, reviews and lifts them, what they cover, and what it tells."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from archiver.privacy.holds import routes as hold_routes
from archiver.retention.hold_store import HoldStore
from services import clock
from services.calendar.opening_hours import day_of
from services.http.rights import ROLES
from services.postgres.database import Pool
from tests.support.archiver.api import views_of
from tests.support.archiver.desk import ANNA, BERT, Desk
from tests.support.archiver.privacy_api import WHO, WHY, PrivacyApi, privacy_api
from tests.support.decrypted_record import keys_of

TODAY = day_of(clock.now())
SOON, LATER = f"{TODAY + timedelta(days=30)}", f"{TODAY + timedelta(days=90)}"
CONVERSATION = "106540352242922-mfrggzdfmztwq2lknnwg23tpoa"
ANNA_HELD: dict[str, Any] = {"identities": [{"kind": "phone", "value": f"+{ANNA.phone}"}]}
NEW: dict[str, Any] = {"ground": "woo", "reviewOn": SOON, "text": "Woo-verzoek 14"}
ONE = NEW | {"conversation": CONVERSATION}
CALLS: list[tuple[str, str, Any]] = [
    ("GET", "holds", None),
    ("POST", "holds", ONE),
    ("GET", "holds/BW-2026-9999", None),
    ("POST", "holds/BW-2026-9999/_review", {"reviewOn": SOON, "text": "loopt"}),
    ("POST", "holds/BW-2026-9999/_lift", {"text": "klaar"}),
]
HOLDERS = {"records", "archivist", "privacy"}
WHOLE = frozenset(["records", "read"])


@pytest.fixture
async def api(empty: str, desk: Desk) -> AsyncIterator[PrivacyApi]:
    async with privacy_api(empty, roles=WHOLE) as api:
        yield api


async def placed(api: PrivacyApi, **order: Any) -> Any:
    status, hold = await api.post("holds", **NEW | order)
    assert status == 201, hold
    return hold


async def held(api: PrivacyApi, *conversations: str) -> list[bool]:
    answers = [await api.get(f"conversations/{each}") for each in conversations]
    return [answer["isHeld"] for _, answer in answers]


async def test_holds_are_for_three_roles_that_reach_every_department(
    empty: str, desk: Desk, pool: Pool
) -> None:
    for role in ROLES:
        async with privacy_api(empty, roles=frozenset([role])) as api:
            for method, path, body in CALLS:
                status, _ = await api.ask(method, path, body)
                assert (status != 403) == (role in HOLDERS), (role, method, path)
    part: dict[str, Any] = {"roles": WHOLE, "departments": frozenset(["burgerzaken"])}
    async with privacy_api(empty, **part) as api:
        for method, path, body in CALLS:
            status, problem = await api.ask(method, path, body)
            assert status == 403 and "every department" in problem["detail"], path
    assert await pool.fetchval("select count(*) from archiver.hold") == 1, "the same each time"


async def test_step_names_its_employee_and_a_look_its_reason(api: PrivacyApi, pool: Pool) -> None:
    for method, path, body in CALLS[1:]:
        status, problem = await api.ask(method, path, body, WHY)
        assert (status, problem["code"]) == (400, "employee_missing"), path
    status, problem = await api.ask("GET", "holds/BW-2026-9999", None, WHO)
    assert (status, problem["errors"][0]["parameter"]) == (400, "Postkamer-Reason")
    assert await pool.fetchval("select count(*) from archiver.hold") == 0


async def test_hold_goes_from_its_placing_to_its_lifting(
    api: PrivacyApi, desk: Desk, pool: Pool
) -> None:
    hers, his = await desk.heard((ANNA, "de lantaarn is kapot"), (BERT, "waar is het zwembad"))
    hold = await placed(api, ground="objection", **ANNA_HELD)
    assert await placed(api, ground="objection", **ANNA_HELD) == hold, "the same once more"
    assert (hold["kind"], hold["conversations"]) == ("person", 1)
    assert await held(api, hers, his) == [True, False]
    _, answer = await api.get(f"conversations/{hers}")
    assert answer["holds"] == [{"id": hold["id"], "ground": "objection"}]
    status, _ = await api.post(f"holds/{hold['id']}/_review", reviewOn=LATER, text="loopt nog")
    assert status == 200
    status, lifted = await api.post(f"holds/{hold['id']}/_lift", text="besloten")
    assert (status, lifted["state"], lifted["liftedBy"]) == (200, "lifted", "w.dekker")
    assert await held(api, hers) == [False]
    status, whole = await api.get(f"holds/{hold['id']}")
    steps = [(each["event"], each["by"], each["text"]) for each in whole["steps"]]
    assert steps == [
        ("placed", "w.dekker", "Woo-verzoek 14"),
        ("reviewed", "w.dekker", "loopt nog"),
        ("lifted", "w.dekker", "besloten"),
    ]
    assert (whole["reviewOn"], whole["conversations"]) == (LATER, 0)
    assert ANNA.phone not in str(whole) and ANNA.bsuid not in str(whole)
    assert [view["what"] for view in await views_of(pool)][-1] == "hold"
    for verb, body in (("_lift", {"text": "x"}), ("_review", {"reviewOn": SOON, "text": "x"})):
        status, problem = await api.post(f"holds/{hold['id']}/{verb}", **body)
        assert (status, problem["code"]) == (409, "lifted")


@pytest.mark.parametrize(
    ("extent", "count"),
    [
        ({"words": "Lantaarn kapotte"}, 1),
        ({"words": "lantaarn", "from": "2999-01-01T00:00:00Z"}, 0),
        ({"from": "2020-01-01T00:00:00Z"}, 2),
        ({"departments": ["er-is-geen-afdeling"]}, 0),
        ({"departments": ["er-is-geen-afdeling"], "words": "lantaarn"}, 0),
        ({"until": "2020-01-01T00:00:00Z"}, 0),
    ],
)
async def test_count_of_a_selection_is_what_destruction_asks(
    api: PrivacyApi, desk: Desk, pool: Pool, extent: dict[str, Any], count: int
) -> None:
    await desk.heard((ANNA, "de lantaarn is kapot"), (BERT, "waar is het zwembad"))
    hold = await placed(api, selection=extent)
    assert hold["conversations"] == count
    every = "array(select conversation from archiver.entry where conversation <> '')"
    asked = f"select count(*) from archiver.covered_by($1, {every})"
    assert await pool.fetchval(asked, hold["id"]) == count
    _, whole = await api.get(f"holds/{hold['id']}")
    assert whole["words"] == extent.get("words", "")


async def test_count_that_takes_too_long_undoes_no_hold(
    api: PrivacyApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold_routes, "COUNT_SECONDS", 0.0)
    hold = await placed(api, selection={"from": "2020-01-01T00:00:00Z"})
    assert hold["conversations"] is None
    _, whole = await api.get(f"holds/{hold['id']}")
    assert whole["conversations"] is None and len(whole["steps"]) == 1


@pytest.mark.parametrize(
    ("order", "pointer"),
    [
        ({}, ""),
        ({"conversation": CONVERSATION} | ANNA_HELD, ""),
        ({"conversation": CONVERSATION, "reviewOn": f"{TODAY}"}, "/reviewOn"),
        ({"conversation": CONVERSATION, "reviewOn": "2999-01-01"}, "/reviewOn"),
        ({"conversation": CONVERSATION, "ground": "none"}, "/ground"),
        ({"conversation": CONVERSATION, "text": " "}, "/text"),
        ({"conversation": "die van gisteren"}, "/conversation"),
        ({"selection": {}}, ""),
        ({"selection": {"words": "de het"}}, "/selection/words"),
    ],
)
async def test_faulty_order_is_refused_at_its_member(
    api: PrivacyApi, order: dict[str, Any], pointer: str
) -> None:
    status, problem = await api.post("holds", **NEW | order)
    assert status == 400, problem
    assert pointer in [each["pointer"] for each in problem["errors"]]
    assert (await api.get("holds"))[1] == {"holds": []}


async def test_list_tells_what_is_to_be_reviewed(api: PrivacyApi, pool: Pool, empty: str) -> None:
    first = (await placed(api, conversation=CONVERSATION))["id"]
    second = (await placed(api, conversation=CONVERSATION, reviewOn=LATER))["id"]
    third = (await placed(api, conversation=CONVERSATION, text="Woo-verzoek 15"))["id"]
    await api.post(f"holds/{third}/_lift", text="ingetrokken")
    past = TODAY - timedelta(days=1)
    await pool.execute("update archiver.hold set review_on = $2 where id = $1", second, past)
    for query, ids in (
        ("", [second, first, third]),
        ("?state=standing", [second, first]),
        ("?state=overdue", [second]),
        ("?state=lifted", [third]),
    ):
        _, listed = await api.get(f"holds{query}")
        assert [each["id"] for each in listed["holds"]] == ids, query
    status, problem = await api.get("holds?state=lost")
    assert (status, problem["errors"][0]["parameter"]) == (400, "state")
    async with privacy_api(empty, roles=WHOLE, tenant="hengelo") as neighbour:
        for method, path, body in CALLS[2:]:
            status, _ = await neighbour.ask(method, path.replace("BW-2026-9999", first), body)
            assert status in (403, 404)


async def test_hold_of_a_neighbour_does_not_exist(api: PrivacyApi, pool: Pool) -> None:
    theirs = (await placed(api, conversation=CONVERSATION))["id"]
    await pool.execute("alter table archiver.hold disable trigger keep_hold")
    await pool.execute("update archiver.hold set tenant = 'hengelo' where id = $1", theirs)
    for method, path, body in CALLS[2:]:
        status, _ = await api.ask(method, path.replace("BW-2026-9999", theirs), body)
        assert status == 404
    assert (await api.get("holds"))[1] == {"holds": []}


@pytest.mark.parametrize(
    ("kind", "decision", "ground"),
    [
        ("objection", {"decision": "granted"}, "objection"),
        ("restriction", {"decision": "granted"}, "limitation"),
    ],
)
async def test_decision_for_the_citizen_places_a_hold(
    empty: str, desk: Desk, pool: Pool, kind: str, decision: dict[str, Any], ground: str
) -> None:
    [hers] = await desk.heard((ANNA, "laat mijn gegevens met rust"))
    async with privacy_api(empty, roles=frozenset(["privacy", "read"])) as api:
        order = {"kind": kind, "receivedOn": f"{TODAY}"} | ANNA_HELD
        id = (await api.post("requests", **order))[1]["id"]
        status, decided = await api.post(f"requests/{id}/_decide", **decision, holdReviewOn=SOON)
        assert (status, decided["state"]) == (200, "decided"), decided
        [hold] = (await api.get("holds"))[1]["holds"]
        assert (hold["ground"], hold["kind"], hold["reviewOn"]) == (ground, "person", SOON)
        _, whole = await api.get(f"holds/{hold['id']}")
        assert [each["text"] for each in whole["steps"]] == [id]
        assert await held(api, hers) == [True]
        status, again = await api.post(f"requests/{id}/_decide", **decision, holdReviewOn=LATER)
        assert (status, again["code"]) == (409, "decided")
        assert len((await api.get("holds"))[1]["holds"]) == 1
    async with pool.acquire() as connection, connection.transaction():
        store = HoldStore(connection, await keys_of(pool))
        found = await store.find(hold["id"])
        assert found
        named = {each.value for each in (await store.secret(found)).identities}
    assert named == {ANNA.phone, ANNA.bsuid}, "all that is linked to the number"


@pytest.mark.parametrize(
    ("kind", "decision", "day"),
    [
        ("access", {"decision": "granted"}, SOON),
        ("objection", {"decision": "refused", "ground": "identiteit"}, SOON),
        ("objection", {"decision": "granted"}, f"{TODAY}"),
    ],
)
async def test_decision_that_holds_nothing_is_not_made(
    empty: str, desk: Desk, kind: str, decision: dict[str, Any], day: str
) -> None:
    async with privacy_api(empty) as api:
        order = {"kind": kind, "receivedOn": f"{TODAY}"} | ANNA_HELD
        id = (await api.post("requests", **order))[1]["id"]
        status, problem = await api.post(f"requests/{id}/_decide", **decision, holdReviewOn=day)
        assert status == 400
        assert [each["pointer"] for each in problem["errors"]] == ["/holdReviewOn"]
        _, listed = await api.get("requests?state=open")
        assert [each["id"] for each in listed["requests"]] == [id]
        assert (await api.get("holds"))[1] == {"holds": []}
