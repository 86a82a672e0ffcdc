"""The API of the privacy officer: requests, one person's everything, and who viewed what."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from archiver.audit.rows.request_rows import verify_requests
from archiver.privacy import exposure_routes
from archiver.privacy.examples import VALUE
from archiver.retention.dossier_follower import DossierFollower
from archiver.subject_access.requests.deadlines import add_months, due_date
from services import clock
from services.api import turns
from services.calendar.opening_hours import day_of
from services.config import loader
from services.http.rights import ROLES
from services.postgres.database import Pool
from tests.support.archiver.api import views_of
from tests.support.archiver.desk import ANNA, BERT, Desk
from tests.support.archiver.privacy_api import WHO, WHY, PrivacyApi, privacy_api
from tests.support.decrypted_record import keys_of, rows_of
from tests.support.installation import EXAMPLE

TODAY = day_of(clock.now())
PERSON = {"identities": [{"kind": "phone", "value": f"+{ANNA.phone}"}]}
OTHER = {"identities": [{"kind": "bsuid", "value": BERT.bsuid}]}
NEW: dict[str, Any] = {"kind": "access", "receivedOn": f"{TODAY}"} | PERSON
CONVERSATION = "106540352242922-mfrggzdfmztwq2lknnwg23tpoa"
UNKNOWN = "018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c11"
PERIOD = {"from": "2020-01-01T00:00:00Z", "until": "2999-01-01T00:00:00Z"}
LATE = {"until": PERIOD["until"]}
CALLS: list[tuple[str, str, Any]] = [
    ("GET", "requests", None),
    ("POST", "requests", NEW),
    ("GET", "requests/AVG-2026-0001", None),
    ("POST", "requests/AVG-2026-0001/_extend", {"until": "2027-01-01", "ground": "ingewikkeld"}),
    ("POST", "requests/AVG-2026-0001/_decide", {"decision": "granted"}),
    ("POST", "people/_report", PERSON),
    ("POST", "people/_print", PERSON),
    ("POST", "views/_search", {"employee": "m.devries"}),
    ("POST", "exposures/_search", {"employee": "m.devries"} | PERIOD),
    ("POST", f"messages/{UNKNOWN}/_annotate", {"text": "x"}),
]


@pytest.fixture
async def api(empty: str, desk: Desk) -> AsyncIterator[PrivacyApi]:
    async with privacy_api(empty) as api:
        yield api


async def opened(api: PrivacyApi, **changes: Any) -> str:
    status, request = await api.post("requests", **NEW | changes)
    assert status == 201, request
    return str(request["id"])


async def test_archivist_or_record_manager_gives_a_result_with_a_reason(
    empty: str, desk: Desk, pool: Pool
) -> None:
    [first] = await desk.heard((ANNA, "mijn container"), close=True)
    [second] = await desk.heard((BERT, "mijn container"))
    path, order = f"conversations/{first}/_value", VALUE["byPerson"]
    for role in set(ROLES) - {"records", "archivist"}:
        async with privacy_api(empty, roles=frozenset([role])) as api:
            assert (await api.ask("POST", path, order))[0] == 403
    async with privacy_api(
        empty, roles=frozenset(["records"]), departments=frozenset(["nergens"])
    ) as api:
        assert (await api.ask("POST", path, order))[0] == 404
    async with privacy_api(empty, roles=frozenset(["archivist"])) as api:
        status, problem = await api.ask("POST", path, order, {})
        assert (status, problem["code"]) == (400, "employee_missing")
        faulty = {"code": "6.1.99", "source": "zin", "startsOn": "gisteren"}
        status, problem = await api.ask("POST", path, faulty)
        pointers = {each["pointer"] for each in problem["errors"]}
        assert (status, pointers) == (400, {"/code", "/source", "/startsOn", "/reason"})
        status, problem = await api.ask("POST", path, VALUE["byZaak"])
        assert (status, problem["errors"][0]["pointer"]) == (400, "/source")
        status, problem = await api.ask("POST", f"conversations/{CONVERSATION}/_value", order)
        assert status == 404
        status, closed = await api.ask("POST", path, order)
        assert (status, closed["retentionState"], closed["retentionCode"]) == (
            200,
            "destroy",
            "15.1",
        )
        status, still_open = await api.ask("POST", f"conversations/{second}/_value", order)
        assert (status, still_open["retentionState"], still_open["keptUntil"]) == (
            200,
            "open",
            None,
        )
    keys, config = await keys_of(pool), loader.load(EXAMPLE).config
    await DossierFollower(pool, keys, lambda: config).catch_up()
    kept = await pool.fetchval(
        "select kept_until from archiver.dossier where conversation = $1", first
    )
    assert str(kept) == closed["keptUntil"]
    [record, _] = [row for row in await rows_of(pool) if row["kind"] == "valuation"]
    assert json.loads(record["data"]) == {
        "department": record["department"],
        "code": "15.1",
        "source": "person",
        "startsOn": None,
        "reason": order["reason"],
        "by": "w.dekker",
        "identified": "stated",
    }


@pytest.mark.parametrize("role", ROLES)
async def test_each_path_is_for_its_role_alone(empty: str, desk: Desk, role: str) -> None:
    async with privacy_api(empty, roles=frozenset([role])) as api:
        for method, path, body in CALLS:
            status, _ = await api.ask(method, path, body)
            assert (status != 403) == (role == "privacy"), (method, path, status)
        status, _ = await api.post("messages/_search", words="container")
        assert (status == 200) == (role in ("read", "records")), status


async def test_nothing_is_shown_without_employee_and_reason(api: PrivacyApi, pool: Pool) -> None:
    looks = [call for call in CALLS if call[1] not in ("requests",) and "/_d" not in call[1]]
    for method, path, body in looks:
        for headers, missing in ((WHO, "Postkamer-Reason"), (WHY, "Postkamer-Employee")):
            if "_extend" in path and missing == "Postkamer-Reason":
                continue  # a change shows nothing
            status, problem = await api.ask(method, path, body, headers)
            named = [each["parameter"] for each in problem.get("errors", [])]
            assert (status, named) == (400, [missing]), (method, path, problem)
    status, problem = await api.ask("POST", "requests", NEW, {})
    assert (status, problem["code"]) == (400, "employee_missing")
    assert await views_of(pool) == []


async def test_archivist_searches_with_a_reason(empty: str, desk: Desk, pool: Pool) -> None:
    await desk.heard((ANNA, "waar is het zwembad"))
    async with privacy_api(empty, roles=frozenset(["records"])) as api:
        status, _ = await api.ask("POST", "messages/_search", {"words": "zwembad"}, WHO)
        assert status == 400
        status, page = await api.post("messages/_search", words="zwembad")
    assert (status, len(page["messages"])) == (200, 1)
    [view] = await views_of(pool)
    assert (view["employee"], view["reason"]) == ("w.dekker", "verzoek 12")


async def test_request_goes_from_its_opening_to_its_decision(
    api: PrivacyApi, desk: Desk, pool: Pool
) -> None:
    await desk.heard((ANNA, "welke gegevens hebben jullie"))
    id = await opened(api)
    assert await opened(api) == id, "the same once more"
    status, listed = await api.get("requests?state=open")
    assert [each["id"] for each in listed["requests"]] == [id]
    until = f"{add_months(TODAY, 3)}"
    status, changed = await api.post(f"requests/{id}/_extend", until=until, ground="ingewikkeld")
    assert (status, changed["dueOn"]) == (200, until)
    decision = {"decision": "partly", "ground": "rechten-van-anderen", "text": "Kom langs."}
    status, changed = await api.post(f"requests/{id}/_decide", **decision)
    assert (status, changed["state"]) == (200, "decided")
    status, whole = await api.get(f"requests/{id}")
    assert [(each["event"], each["by"]) for each in whole["steps"]] == [
        (event, "w.dekker") for event in ("opened", "extended", "decided")
    ]
    assert "Kom langs." in whole["letter"] and whole["hasPerson"]
    assert ANNA.phone not in str(whole) and ANNA.bsuid not in str(whole)
    [view] = await views_of(pool)
    assert (view["what"], view["reason"]) == ("request", "verzoek 12")
    status, again = await api.post(f"requests/{id}/_decide", decision="granted")
    assert (status, again["code"]) == (409, "decided")
    async with pool.acquire() as connection, connection.transaction():
        assert await verify_requests(connection, await keys_of(pool)) == ([], 0)


FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("requests", NEW | {"receivedOn": "2999-01-01"}, "/receivedOn"),
    ("requests", NEW | {"receivedOn": 20261201}, "/receivedOn"),
    ("requests", NEW | {"identities": []}, "/identities"),
    ("requests", NEW | {"kind": "curiosity"}, "/kind"),
    ("requests/{}/_extend", {"until": f"{TODAY}", "ground": "zin"}, "/ground"),
    ("requests/{}/_extend", {"until": "2999-01-01", "ground": "ingewikkeld"}, "/until"),
    ("requests/{}/_decide", {"decision": "refused"}, "/ground"),
    ("requests/{}/_decide", {"decision": "granted", "ground": "archief"}, "/ground"),
    ("people/_report", {}, "/request"),
    ("people/_report", {"request": "AVG-2026-9999"}, "/request"),
    ("people/_report", PERSON | {"from": "2026-02-02", "until": "2026-02-01"}, "/until"),
    ("people/_report", OTHER | {"request": "{}"}, "/request"),
    ("views/_search", {}, "/employee"),
    ("exposures/_search", PERIOD, "/destination"),
    ("exposures/_search", PERIOD | {"token": "t", "employee": "e"}, "/destination"),
    ("exposures/_search", {"token": "t", "from": PERIOD["until"]}, "/until"),
    ("exposures/_search", {"token": "t"} | PERIOD | {"until": PERIOD["from"]}, "/until"),
    ("exposures/_search", {"token": "t", "from": "2998-01-01T00:00:00Z"} | LATE, "/from"),
    (f"messages/{UNKNOWN}/_annotate", {"text": ""}, "/text"),
]
"""Path, body with a fault, and the member that is named."""


async def test_faulty_orders_are_refused_at_their_members_and_change_nothing(
    api: PrivacyApi,
) -> None:
    id = await opened(api)
    _, before = await api.get(f"requests/{id}")
    for path, body, pointer in FAULTS:
        asked = {name: id if value == "{}" else value for name, value in body.items()}
        status, problem = await api.post(path.format(id), **asked)
        assert status == 400, (path, body, problem)
        assert pointer in [each["pointer"] for each in problem["errors"]], (path, body)
        assert "zin" not in str(problem)
    assert await api.get(f"requests/{id}") == (200, before)


async def test_overdue_requests_are_listed_and_another_state_is_refused(api: PrivacyApi) -> None:
    late = await opened(api, receivedOn=f"{add_months(TODAY, -2)}")
    new = await opened(api)
    for query, ids in (("", [late, new]), ("?state=overdue", [late]), ("?state=open", [late, new])):
        _, listed = await api.get(f"requests{query}")
        assert [each["id"] for each in listed["requests"]] == ids
    assert listed["requests"][1]["dueOn"] == f"{due_date(TODAY)}"
    status, problem = await api.get("requests?state=lost")
    assert (status, problem["errors"][0]["parameter"]) == (400, "state")


async def test_request_of_a_neighbour_does_not_exist(api: PrivacyApi, empty: str) -> None:
    id = await opened(api)
    async with privacy_api(empty, tenant="hengelo") as neighbour:
        _, listed = await neighbour.get("requests")
        assert listed == {"requests": []}
        for verb in ("_extend", "_decide"):
            body = {"decision": "granted"} if verb == "_decide" else CALLS[3][2]
            assert (await neighbour.post(f"requests/{id}/{verb}", **body))[0] == 404
        assert (await neighbour.get(f"requests/{id}"))[0] == 404
    assert (await api.get(f"requests/{id}"))[0] == 200


async def test_report_has_the_person_of_the_request_and_is_on_the_record(
    api: PrivacyApi, desk: Desk, pool: Pool
) -> None:
    [hers, _] = await desk.heard((ANNA, "van Anna"), (BERT, "van Bert"))
    id = await opened(api)
    for body in ({"request": id}, PERSON, PERSON | {"request": id}):
        status, made = await api.post("people/_report", **body)
        assert status == 200, made
        [conversation] = made["report"]["conversations"]
        assert [each["text"] for each in conversation["messages"]] == ["van Anna"]
    assert {(view["what"], view["conversation"]) for view in await views_of(pool)} == {
        ("report", hers)
    }
    status, printed = await api.post("people/_print", request=id)
    assert status == 200 and printed.startswith(b"%PDF-")


async def test_report_takes_every_department(empty: str, desk: Desk, pool: Pool) -> None:
    await desk.heard((ANNA, "van Anna"))
    some: dict[str, Any] = {"departments": frozenset(["burgerzaken"])}
    for rights in (some, {"tenant": "hengelo"}):  # which the configuration does not have
        async with privacy_api(empty, **rights) as api:
            for path in ("people/_report", "people/_print"):
                status, problem = await api.post(path, **PERSON)
                assert status == 403 and "every department" in problem["detail"]
    assert await views_of(pool) == []


async def test_views_are_found_by_conversation_and_employee_page_by_page(
    api: PrivacyApi, desk: Desk, pool: Pool, empty: str
) -> None:
    [hers] = await desk.heard((ANNA, "van Anna"))
    for _ in range(3):
        await api.post("people/_report", **PERSON)
    status, page = await api.post("views/_search", conversation=hers, limit=2)
    assert status == 200, page
    assert [each["employee"] for each in page["views"]] == ["w.dekker"] * 2
    status, last = await api.post("views/_search", conversation=hers, after=page["next"])
    assert [each["what"] for each in last["views"]] == ["report", "views"]
    assert last["next"] is None
    for employee, count in (("w.dekker", 3), ("m.devries", 0)):
        _, found = await api.post("views/_search", employee=employee)
        assert len([each for each in found["views"] if each["what"] == "report"]) == count
    for rights in ({"tenant": "hengelo"}, {"departments": frozenset(["burgerzaken"])}):
        async with privacy_api(empty, **rights) as another:
            _, found = await another.post("views/_search", conversation=hers)
            assert found["views"] == [], rights
    assert (await api.post("views/_search", conversation=CONVERSATION))[1]["views"] == []
    async with pool.acquire() as connection:
        key = "select count(*) from archiver.conversation_key where conversation = $1"
        assert await connection.fetchval(key, CONVERSATION) == 0, "no place for what is not there"


async def test_turn_that_does_not_come_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.01)
    one = asyncio.Semaphore(1)
    async with turns.turn(one):
        with pytest.raises(turns.Busy):
            async with turns.turn(one):
                pass
    async with turns.turn(one):
        assert one.locked()


async def test_exposure_lists_whose_data_an_employee_saw_and_each_is_a_view(
    api: PrivacyApi, desk: Desk, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.heard((ANNA, "mijn container is vol"))
    await desk.heard((BERT, "mijn paspoort is weg"))
    asked = {"employee": "w.dekker"} | PERIOD
    assert (await api.post("exposures/_search", **asked))[1]["persons"] == []
    await api.post("people/_report", **PERSON)
    status, found = await api.post("exposures/_search", **asked)
    assert (status, found["conversations"], found["destroyed"]) == (200, 1, 0)
    assert found["messages"] == 1, "a report shows them"
    [person] = found["persons"]
    assert {"kind": "phone", "value": ANNA.phone} in person["identifiers"]
    assert BERT.phone not in str(found)
    *_, view = await views_of(pool)
    assert (view["what"], view["reason"]) == ("exposure", "verzoek 12")
    _, again = await api.post("exposures/_search", **asked)
    assert again["times"] == found["times"] + 1, "to see this is to see it too"
    await api.post("people/_report", **OTHER)
    monkeypatch.setattr(exposure_routes, "MOST", 1)
    status, problem = await api.post("exposures/_search", **asked)
    assert (status, problem["code"]) == (400, "too_broad")


async def test_exposure_takes_a_token_that_reaches_every_department(
    empty: str, desk: Desk, pool: Pool
) -> None:
    async with privacy_api(empty, departments=frozenset(["burgerzaken"])) as part:
        assert (await part.post("exposures/_search", employee="x", **PERIOD))[0] == 403
    async with privacy_api(empty, tenant="hengelo") as other:
        assert (await other.post("exposures/_search", employee="x", **PERIOD))[0] == 403
    assert await views_of(pool) == []


MESSAGE = "select message, department from archiver.entry where kind = 'message'"
ANNOTATIONS = "select count(*) from archiver.entry where kind = 'annotation'"


async def test_annotation_says_who_added_it_and_why_and_is_added_once(
    api: PrivacyApi, empty: str, desk: Desk, pool: Pool
) -> None:
    await desk.heard((ANNA, "mijn container is vol"))
    request = await opened(api)
    other = await opened(api, **OTHER | {"kind": "rectification"})
    row = await pool.fetchrow(MESSAGE)
    assert row
    path, text = f"messages/{row['message']}/_annotate", "Het is huisnummer 12."
    status, problem = await api.post(path, text=text, request=other)
    assert (status, problem["errors"][0]["pointer"]) == (400, "/request")
    status, added = await api.post(path, text=text, request=request)
    assert (status, added["message"]) == (201, str(row["message"]))
    assert (await api.post(path, text=text, request=request))[1] == added
    assert await pool.fetchval(ANNOTATIONS) == 1
    [entry] = [each for each in await rows_of(pool) if each["kind"] == "annotation"]
    assert msgspec.json.decode(entry["data"]) == {
        "by": "w.dekker",
        "identified": "stated",
        "text": text,
        "request": request,
        "reason": "verzoek 12",
        "department": row["department"],
    }
    elsewhere = {"departments": frozenset(["elsewhere"])}, {"tenant": "hengelo"}
    for rights in elsewhere:
        async with privacy_api(empty, **rights) as another:
            assert (await another.post(path, text=text))[0] == 404
    assert (await api.post(f"messages/{UNKNOWN}/_annotate", text=text))[0] == 404
    assert await pool.fetchval(ANNOTATIONS) == 1
