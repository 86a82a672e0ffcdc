"""Destruction lists by command and by API: who may take which step, what is shown, and what the
declaration and the letter to the citizen say of it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from archiver.destruction.contact_remains import contact_remains
from archiver.destruction.declaration import specify
from archiver.destruction.declaration_store import Declarer
from archiver.destruction.destroyer import Destroyer
from archiver.destruction.list_metrics import count_lists
from deliverer.destinations.openklant.erasure.erasure_records import erasure_outbox
from deliverer.destinations.openklant.erasure.erasure_store import ErasureStore
from services import clock, metrics
from services.calendar.opening_hours import day_of
from services.config import loader
from services.postgres.database import Pool, connection_pool
from services.tasks import background_task
from tests.support.archiver.commands import Archive
from tests.support.archiver.desk import ANNA, TENANT, Desk
from tests.support.archiver.dossiers import make_due
from tests.support.archiver.orders import orders_of
from tests.support.archiver.privacy_api import PrivacyApi, privacy_api
from tests.support.decrypted_record import keys_of, rows_of, writer_of
from tests.support.installation import EXAMPLE
from tests.support.observer import until

DRAWER, OWNER, ARCHIVIST = "w.dekker", "m.smit", "k.yilmaz"
KEEPER = frozenset({"records", "archivist", "privacy"})
TODAY = day_of(clock.now())
LISTS = "destruction-lists"
BOUND = "106540352242922-mfrggzdfmztwq2lknnwg23tpoa"


def by(name: str) -> dict[str, str]:
    return {"Postkamer-Employee": name, "Postkamer-Reason": "lijst"}


@pytest.fixture
async def own(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    async with connection_pool(f"{empty}?role=postkamer_archiver", "test", 4) as own:
        yield own


@pytest.fixture
async def destroyer(own: Pool, tmp_path: Path) -> Destroyer:
    config, keys = loader.load(EXAMPLE).config, await keys_of(own)
    orders = orders_of(own, tmp_path / "orders")
    return Destroyer(own, keys, orders, Declarer(keys, lambda: config).finish)


class Keepers:
    """The API for persons with every role, each by name."""

    def __init__(self, api: PrivacyApi) -> None:
        self.api = api

    async def step(self, id: str, verb: str, name: str, **body: Any) -> tuple[int, Any]:
        return await self.api.ask("POST", f"{LISTS}/{id}/_{verb}", body, by(name))

    async def draw(self, **body: Any) -> str:
        status, drawn = await self.api.ask("POST", LISTS, body, by(DRAWER))
        assert status == 201, drawn
        return str(drawn["id"])

    async def approve(self, id: str) -> None:
        for verb, name in (("review", OWNER), ("approve", ARCHIVIST)):
            status, changed = await self.step(id, verb, name)
            assert status == 200, changed

    async def listed(self) -> Any:
        """The lists that are open."""
        status, body = await self.api.get(f"{LISTS}?state=open")
        assert status == 200, body
        return body

    async def read(self, path: str) -> Any:
        status, body = await self.api.get(f"{LISTS}/{path}")
        assert status == 200, body
        return body


@pytest.fixture
async def keepers(empty: str, desk: Desk) -> AsyncIterator[Keepers]:
    async with privacy_api(empty, roles=KEEPER) as api:
        yield Keepers(api)


async def due(desk: Desk, pool: Pool, texts: tuple[str, ...] = ("een", "twee")) -> list[str]:
    """Closed conversations of Anna, which are due."""
    found = [(await desk.heard((ANNA, text), close=True))[0] for text in texts]
    await make_due(pool, found, "burgerzaken")
    return found


async def pass_waiting(pool: Pool) -> None:
    """Let the waiting time of every list pass: as its owner, whom the trigger would stop."""
    await pool.execute("alter table archiver.destruction_list disable trigger keep_order")
    await pool.execute(
        "update archiver.destruction_list set approved_at = approved_at - interval '30 days'"
    )
    await pool.execute("alter table archiver.destruction_list enable trigger keep_order")


@pytest.mark.parametrize("verb", ["review", "approve"])
async def test_drawer_is_refused_by_command_api_and_sql_role(
    desk: Desk, pool: Pool, own: Pool, keepers: Keepers, town_archive: Archive, verb: str
) -> None:
    await due(desk, pool)
    id = await keepers.draw()
    if verb == "approve":
        assert (await keepers.step(id, "review", OWNER))[0] == 200
    does = f"drawer_does_not_{verb}"
    status, problem = await keepers.step(id, verb, DRAWER.upper())
    assert (status, problem["code"]) == (409, does)
    error = await town_archive.fails("list", verb, id, "--by", f" {DRAWER} ")
    assert error == f"who drew the list does not {verb} it\n"
    step = "reviewed" if verb == "review" else "approved"
    with pytest.raises(asyncpg.CheckViolationError, match=does):
        await own.execute("select archiver.step_list($1, $2, $3)", id, step, DRAWER)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await own.execute("update archiver.destruction_list set state = $1", step)
    assert await pool.fetchval("select approved_by from archiver.destruction_list") is None
    assert await pool.fetchval("select count(*) from access.operation") == 0


async def check_declaration(archive: Archive, id: str, folder: Path) -> None:
    """It says what was destroyed, can be printed, and is proved to be in the log."""
    declared = await archive("list", "declaration", id)
    assert msgspec.json.decode(declared.stdout)["destroyed"]["conversations"] == 1
    await archive("list", "declaration", id, "--out", folder / "v.pdf")
    assert (folder / "v.pdf").read_bytes().startswith(b"%PDF-")
    entry = declared.stderr.split()[-1]
    await archive("checkpoint", POSTKAMER_OBJECT_STORE=(folder / "outside").as_uri())
    await archive("prove", entry, "--out", folder / "proof.json")
    leaf = msgspec.json.decode((folder / "proof.json").read_bytes())["leaf"]
    assert f'"{entry}"' in leaf and '"declaration"' in leaf


async def refuse_faulty_sparings(archive: Archive, id: str, conversation: str) -> None:
    for arguments, error in (
        ((conversation, "--reason", "other"), "--text: another reason needs its words"),
        ((conversation, "--reason", "dispute", "--until", TODAY), "--until: the day is to come"),
        ((BOUND, "--reason", "dispute"), "it is not on the list"),
    ):
        spared = ("list", "spare", id, *arguments, "--by", OWNER)
        assert error in await archive.fails(*spared)


async def test_list_goes_by_commands_from_its_drawing_to_its_declaration(
    desk: Desk, pool: Pool, own: Pool, town_archive: Archive, destroyer: Destroyer, tmp_path: Path
) -> None:
    gone, kept = await due(desk, pool)
    drawn = await town_archive.json("list", "draw", "--by", DRAWER)
    id = drawn["id"]
    assert (drawn["state"], drawn["counts"], drawn["waiting"]) == (
        "drawn",
        {"listed": 2},
        7 * 86_400,
    )
    again = await town_archive.fails("list", "draw", "--by", DRAWER)
    assert again.startswith("nothing was due")
    await refuse_faulty_sparings(town_archive, id, kept)
    spare = (kept, "--reason", "dispute", "--text", "bij de rechter", "--by", OWNER)
    await town_archive("list", "spare", id, *spare)
    for verb, name in (("review", OWNER), ("return", ARCHIVIST), ("review", OWNER)):
        await town_archive("list", verb, id, "--text", "nog eens", "--by", name)
    await town_archive("list", "approve", id, "--by", ARCHIVIST)
    assert "destroyed yet" in await town_archive.fails("list", "declaration", id)
    await pass_waiting(pool)
    await destroyer.carry_out_due()
    shown = await town_archive.json("list", "show", id, "--items")
    assert {each["conversation"]: each["state"] for each in shown["items"]} == {
        gone: "destroyed", kept: "taken_out",
    }  # fmt: skip
    events = [each["step"]["event"] for each in shown["steps"]]
    steps = ["reviewed", "returned", "reviewed", "approved", "begun", "destroyed"]
    assert events == ["drawn", "taken_out", *steps]
    assert "bij de rechter" in (await town_archive("list", "show", id)).stdout
    [listed] = await town_archive.json("list", "show")
    assert (listed["id"], listed["state"]) == (id, "destroyed")
    await check_declaration(town_archive, id, tmp_path)
    operations = [
        row["what"] for row in await pool.fetch("select what from access.operation order by id")
    ]
    verbs = ("draw", "spare", "review", "return", "review", "approve")
    assert operations == [f"archive list {verb}" for verb in verbs]


_HANDED_OVER = """
insert into archiver.handover
    (tenant, conversation, target, sha256, sequence, closed_at, due_at, due_since, state)
values ($1, $2, $3, $4, 1, now(), now(), now(), 'done')
"""
_HAS_CONTACT = """
insert into deliverer.klantcontact (destination, event, conversation, heard_at, klantcontact)
values ($1, gen_random_uuid(), $2, now(), gen_random_uuid())
"""


async def test_declaration_names_what_is_elsewhere_and_the_record_when_it_went(
    empty: str,
    desk: Desk,
    pool: Pool,
    keepers: Keepers,
    destroyer: Destroyer,
    town_archive: Archive,
) -> None:
    gone, spared = await due(desk, pool)
    await pool.executemany(_HAS_CONTACT, [("openklant", gone), ("openklant", spared)])
    sent = [(gone, "depot", "a1"), (gone, "zaaksysteem", ""), (spared, "depot", "b2")]
    await pool.executemany(_HANDED_OVER, [(TENANT, *each) for each in sent])
    id = await keepers.draw()
    order = {"conversations": [spared], "reason": "woo", "until": f"{TODAY + timedelta(days=90)}"}
    await keepers.step(id, "spare", OWNER, **order)
    await keepers.approve(id)
    await pass_waiting(pool)
    await destroyer.carry_out_due()
    remains = (await keepers.read(f"{id}/declaration"))["declaration"]["remains"]
    found = [each for each in remains if each["place"].startswith("openklant")]
    assert [each.get("count") for each in found] == [1, None]
    copies = [each for each in remains if "Afschriften" in each["what"]]
    assert [(each["place"], each["count"]) for each in copies] == [("depot", 1)]
    await contacts_go(empty, pool, id)
    shown = await town_archive.json("list", "show", id)
    step = shown["steps"][-1]["step"]
    assert (step["event"], step["destination"], step["contacts"]) == (
        "contacts_destroyed", "openklant", 1,
    )  # fmt: skip
    assert step["kept"] == ["onderwerpobjecten/1 zaak"]
    said = "contacts_destroyed by postkamer: 1 contact of openklant, 1 object stays there"
    assert said in (await town_archive("list", "show", id)).stdout


async def contacts_go(empty: str, owner: Pool, list: str) -> None:
    """Delete what Open Klant has of a list, with the deliverer's rights."""
    async with connection_pool(f"{empty}?role=postkamer_deliverer", "test", 2) as pool:
        store, outbox = ErasureStore(pool, "openklant"), erasure_outbox(pool)
        [erasure] = await store.claim(9)
        await store.put_off(erasure, "the destination answered 503", 0)
        assert await outbox.fetch_unpublished(9, []) == []
        [erasure] = await store.claim(9)
        await store.finish(erasure, ["onderwerpobjecten/1 zaak"])
        [record] = await outbox.fetch_unpublished(9, [])
        step = msgspec.json.decode(record.data)
        assert (step["list"], step["event"], step["contacts"]) == (list, "contacts_destroyed", 1)
        assert step["kept"] == ["onderwerpobjecten/1 zaak"]
        async with owner.acquire() as connection:
            [remain] = await contact_remains(connection, list)
        assert (remain.waits, remain.reason, remain.count) == (False, "zaak", 1)
        late = msgspec.structs.replace(record, at=record.at + timedelta(days=3))
        await (await writer_of(owner)).add([late])
        await outbox.mark_published([record])
        assert await outbox.fetch_unpublished(9, []) == []


async def test_declaration_says_what_by_whom_and_what_remains_and_is_in_the_log(
    desk: Desk, pool: Pool, own: Pool, keepers: Keepers, destroyer: Destroyer
) -> None:
    _, held, put_off = await due(desk, pool, ("een", "twee", "drie"))
    id = await keepers.draw()
    later = f"{TODAY + timedelta(days=90)}"
    order: dict[str, Any] = {"conversations": [put_off], "reason": "woo", "until": later}
    status, spared = await keepers.step(id, "spare", OWNER, **order)
    assert (status, spared["counts"]) == (200, {"listed": 2, "put_off": 1})
    await keepers.approve(id)
    assert (await keepers.api.get(f"{LISTS}/{id}/declaration"))[0] == 404
    await pass_waiting(pool)
    await own.execute(
        "insert into archiver.hold (id, tenant, ground, kind, conversation, review_on, placed_by)"
        " values ('BW-2026-0001', $1, 'woo', 'conversation', $2, current_date, 'e.els')",
        TENANT,
        held,
    )
    await destroyer.carry_out_due()
    body = await keepers.read(f"{id}/declaration")
    declaration, entry = body["declaration"], body["entry"]
    names = ("drawn", "reviewed", "approved")
    assert [declaration[each]["by"] for each in names] == [DRAWER, OWNER, ARCHIVIST]
    assert {declaration[each]["identified"] for each in names} == {"stated"}
    assert {each["conversation"]: each["state"] for each in declaration["kept"]} == {
        held: "held", put_off: "put_off",
    }  # fmt: skip
    assert [each.get("holds") for each in declaration["kept"] if each["state"] == "held"] == [
        ["BW-2026-0001"]
    ]
    [destroyed] = [each for each in declaration["groups"] if each["state"] == "destroyed"]
    assert (destroyed["department"], destroyed["code"], destroyed["conversations"]) == (
        "burgerzaken", "6.1.3", 1,
    )  # fmt: skip
    places = [each["place"] for each in declaration["remains"]]
    assert places[-1] == "Back-ups" and any("Burgerzaken" in each for each in places)
    assert declaration["remains"][-1]["until"] == f"{TODAY + timedelta(days=35)}"
    rows = [row for row in await rows_of(pool) if row["kind"] == "declaration"]
    assert [(str(row["id"]), row["conversation"]) for row in rows] == [(entry, "")]
    assert msgspec.json.decode(rows[0]["data"]) == declaration
    assert not any(mark in str(declaration) for mark in (ANNA.phone, ANNA.bsuid))
    status, printed = await keepers.api.get(f"{LISTS}/{id}/declaration/pdf")
    assert status == 200 and b"<pdfaid:part>2</pdfaid:part>" in printed


async def test_list_that_is_stopped_declares_what_was_destroyed_by_then(
    desk: Desk, pool: Pool, own: Pool, keepers: Keepers, destroyer: Destroyer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("archiver.destruction.destroyer.BATCH", 1)
    gone, kept = sorted(await due(desk, pool))
    id = await keepers.draw()
    await keepers.approve(id)
    await pass_waiting(pool)
    assert await destroyer.destroy_batch(id)
    assert (await keepers.step(id, "withdraw", ARCHIVIST))[0] == 200
    for _ in range(2):  # and no second time
        await destroyer.carry_out_due()
    declaration = (await keepers.read(f"{id}/declaration"))["declaration"]
    assert declaration["destroyed"] == msgspec.to_builtins(specify([gone]))
    assert declaration["withdrawn"]["by"] == ARCHIVIST
    assert [(each["conversation"], each["state"]) for each in declaration["kept"]] == [
        (kept, "withdrawn")
    ]


async def test_lists_are_read_by_page_and_group_and_withdrawn(
    desk: Desk, pool: Pool, keepers: Keepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archiver.privacy.lists.routes.PAGE", 2)
    found = sorted(await due(desk, pool, ("een", "twee", "drie")))
    id = await keepers.draw(upTo=f"{TODAY - timedelta(days=1)}")
    page = await keepers.read(f"{id}/items")
    assert [each["conversation"] for each in page["items"]] == found[:2]
    last = await keepers.read(f"{id}/items?after={page['next']}&department=burgerzaken")
    assert ([each["conversation"] for each in last["items"]], last["next"]) == (found[2:], None)
    assert (await keepers.read(f"{id}/items?code=5.1"))["items"] == []
    whole = await keepers.read(id)
    assert [each["conversations"] for each in whole["groups"]] == [3]
    assert [each["event"] for each in whole["steps"]] == ["drawn"]
    for path, name in (("items?state=none", "state"), ("items?after=x", "after")):
        status, problem = await keepers.api.get(f"{LISTS}/{id}/{path}")
        assert (status, problem["errors"][0]["parameter"]) == (400, name)
    assert [each["id"] for each in (await keepers.listed())["lists"]] == [id]
    await keepers.approve(id)
    assert (await keepers.read(id))["destroyedFrom"] > f"{TODAY + timedelta(days=6)}"
    status, changed = await keepers.step(id, "withdraw", ARCHIVIST, text="toch niet")
    assert (status, changed["state"], changed["counts"]) == (200, "withdrawn", {"withdrawn": 3})
    assert (await keepers.listed())["lists"] == []
    status, problem = await keepers.step(id, "approve", ARCHIVIST)
    assert (status, problem["code"]) == (409, "wrong_state")


NEEDED: list[tuple[str, str, Any, set[str]]] = [
    ("GET", LISTS, None, {"records", "archivist"}),
    ("POST", LISTS, {}, {"records"}),
    ("GET", f"{LISTS}/VL-2026-0001", None, {"records", "archivist"}),
    ("GET", f"{LISTS}/VL-2026-0001/items", None, {"records", "archivist"}),
    ("GET", f"{LISTS}/VL-2026-0001/declaration", None, {"records", "archivist"}),
    ("GET", f"{LISTS}/VL-2026-0001/declaration/pdf", None, {"records", "archivist"}),
    ("POST", f"{LISTS}/VL-2026-0001/_review", {}, {"records"}),
    ("POST", f"{LISTS}/VL-2026-0001/_return", {}, {"records", "archivist"}),
    ("POST", f"{LISTS}/VL-2026-0001/_approve", {}, {"archivist"}),
    ("POST", f"{LISTS}/VL-2026-0001/_withdraw", {}, {"records", "archivist"}),
    ("POST", f"{LISTS}/VL-2026-0001/_spare", {}, {"records"}),
    ("POST", "requests/AVG-2026-0001/_erase", {}, {"privacy"}),
]


@pytest.mark.parametrize("role", ["records", "archivist", "privacy", "read"])
async def test_each_step_is_for_its_roles_alone(empty: str, desk: Desk, role: str) -> None:
    async with privacy_api(empty, roles=frozenset([role])) as api:
        for method, path, body, roles in NEEDED:
            status, answer = await api.ask(method, path, body)
            assert (status != 403) == (role in roles), (method, path, answer)


async def test_token_sees_lists_of_which_it_reaches_each_department(
    empty: str, desk: Desk, pool: Pool, keepers: Keepers
) -> None:
    await due(desk, pool)
    id = await keepers.draw()
    mine: dict[str, Any] = {"departments": frozenset(["burgerzaken"])}
    other: dict[str, Any] = {"departments": frozenset(["openbare-ruimte"])}
    for rights, seen in ((mine, [id]), (other, []), ({"tenant": "hengelo"}, [])):
        async with privacy_api(empty, **{"roles": KEEPER} | rights) as api:
            _, listed = await api.get(LISTS)
            assert [each["id"] for each in listed["lists"]] == seen
            status, _ = await api.get(f"{LISTS}/{id}")
            assert status == (200 if seen else 404)
            if rights is not mine:
                status, _ = await api.ask("POST", f"{LISTS}/{id}/_review", {}, by(OWNER))
                assert status == 404
    async with privacy_api(empty, roles=KEEPER, **mine) as api:
        assert (await api.ask("POST", LISTS, {}, by(OWNER)))[0] == 403, "of all departments"
        assert (await api.ask("POST", f"{LISTS}/{id}/_review", {}, by(OWNER)))[0] == 200


async def test_letter_says_that_it_is_erased_only_after_it_was(
    desk: Desk, pool: Pool, keepers: Keepers, destroyer: Destroyer, town_archive: Archive
) -> None:
    await desk.heard((ANNA, "wis alles"), close=True)
    [still] = await desk.heard((ANNA, "en dit loopt nog"))
    person = {"identities": [{"kind": "phone", "value": f"+{ANNA.phone}"}]}
    new = {"kind": "erasure", "receivedOn": f"{TODAY}"} | person
    _, request = await keepers.api.post("requests", **new)
    asked = request["id"]

    async def erasure() -> tuple[Any, str]:
        _, whole = await keepers.api.get(f"requests/{asked}")
        return whole["erasure"], whole["letter"]

    refused = await keepers.api.ask("POST", f"requests/{asked}/_erase", None, by(DRAWER))
    assert (refused[0], refused[1]["code"]) == (409, "not_granted")
    said = await town_archive("request", "decide", asked, "--decision", "granted", "--by", DRAWER)
    assert "postkamer archive request erase" in said.stderr
    state, letter = await erasure()
    assert (state["list"], state["waiting"]) == (None, 2) and "nog niet gebeurd" in letter
    drawn = await town_archive.json("request", "erase", asked, "--by", DRAWER)
    assert (drawn["kind"], drawn["waiting"], drawn["counts"]) == ("request", 86_400, {"listed": 2})
    assert "nog niet gebeurd" in (await erasure())[1]
    await keepers.approve(drawn["id"])
    state, letter = await erasure()
    assert state["state"] == "approved" and "of kort daarna" in letter and "gewist." not in letter
    await pass_waiting(pool)
    await destroyer.carry_out_due()
    state, letter = await erasure()
    assert (state["destroyed"], state["kept"], state["waiting"]) == (1, {"open": 1}, 0)
    assert "Wij hebben 1 gesprek met u gewist." in letter and "1 gesprek: dit loopt nog" in letter
    left = {row["conversation"] for row in await rows_of(pool) if row["kind"] == "message"}
    assert left == {still}
    # What is closed later is destroyed by another list.
    again = await town_archive.json("request", "erase", asked, "--by", DRAWER)
    assert again["counts"] == {"listed": 1}


async def test_list_that_stands_still_is_counted(
    desk: Desk, pool: Pool, own: Pool, keepers: Keepers
) -> None:
    await due(desk, pool)
    id = await keepers.draw()

    async def figures() -> tuple[float | None, ...]:
        get = metrics.REGISTRY.get_sample_value
        of = {"tenant": TENANT}
        return (
            get("postkamer_destruction_lists", of | {"state": "drawn"}),
            get("postkamer_destruction_lists", of | {"state": "approved"}),
            get("postkamer_destruction_left", of),
        )

    async def still() -> float:
        return (
            metrics.REGISTRY.get_sample_value(
                "postkamer_destruction_still_seconds", {"tenant": TENANT}
            )
            or 0.0
        )

    async with background_task(count_lists(own, [TENANT])):
        await until(figures, lambda found: found == (1, 0, 0), 10)
    assert await still() == 0
    await keepers.approve(id)
    await pass_waiting(pool)
    async with background_task(count_lists(own, [TENANT])):
        await until(figures, lambda found: found == (0, 1, 2), 10)
    assert 22 * 86_400 < await still() < 24 * 86_400
