"""Contacts of destroyed conversations go from an Open Klant: all that is ours, and nothing else."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from deliverer.destinations.openklant.erasure.erasure_records import erasure_outbox
from deliverer.destinations.openklant.erasure.erasure_store import ErasureStore
from deliverer.destinations.openklant.erasure.erasure_worker import ErasureWorker
from deliverer.transport.response import Response
from services.postgres.database import Pool
from tests.support.openklant.desk import Desk
from tests.support.openklant.link import Link, ProcessEnded
from tests.support.openklant.register import (
    REAL,
    Conversation,
    Json,
    Register,
    Scene,
    deliver,
    needs_stand_in,
)

OURS, OTHERS = "10000001-c1", "10000001-c2"
SECRETS = ("Zonnebloem", "31612345678", "0612345678", "Sam", "Roos")
"""Text, number and name of the citizen, and the answers' text."""
RESOURCES = ("klantcontacten", "betrokkenen", "digitaleadressen", "internetaken",
             "onderwerpobjecten", "actorklantcontacten")  # fmt: skip
DUE = "update deliverer.contact_erasure set due_at = now() where ended_at is null"
CASES = "https://zaken.example/zaken/api/v1"
ZAAK = "00000000-0000-4000-8000-00000000000a"


class Erasure(NamedTuple):
    register: Register
    pool: Pool
    pauses: list[float]

    async def plan(self, *conversations: str) -> None:
        """Forget conversations, as their destruction does."""
        await self.pool.execute("select deliverer.forget('almelo', $1)", [*conversations])
        await self.pool.execute(DUE)

    async def run(self, link: Link | None = None) -> None:
        """Erase until nothing is due."""
        while await self.worker(link).erase_batch():
            pass

    def worker(self, link: Link | None = None) -> ErasureWorker:
        async def pause(seconds: float) -> None:
            self.pauses.append(seconds)

        store = ErasureStore(self.pool, "crm")
        return ErasureWorker("crm", store, lambda: self.register.client(link), 1, pause)

    async def kept(self) -> list[str]:
        """Return what stays, as `resource reason`."""
        rows = await self.pool.fetch(
            "select unnest(kept) as one from deliverer.contact_erasure where ended_at is not null"
        )
        parts = [row["one"].split() for row in rows]
        return sorted(f"{place.partition('/')[0]} {reason}" for place, reason in parts)

    async def waiting(self) -> list[str]:
        rows = await self.pool.fetch(
            "select reason from deliverer.contact_erasure where ended_at is null"
        )
        return [row["reason"] for row in rows]


@pytest.fixture
async def erasure(register: Register, pool: Pool) -> AsyncIterator[Erasure]:
    yield Erasure(register, pool, [])


async def objects(register: Register) -> dict[str, list[Json]]:
    """Return all objects there, of a real one those of its newest pages."""
    return {name: await register.list(name, pageSize="500") for name in RESOURCES}


def found_in(rows: dict[str, list[Json]], *texts: str) -> dict[str, int]:
    """Count the objects that have any of these texts."""
    counts = {
        name: sum(any(text in repr(one) for text in texts) for one in each)
        for name, each in rows.items()
    }
    return {name: count for name, count in counts.items() if count}


async def live(scene: Scene, desk: Desk, name: str = "Zonnebloem") -> None:
    """Have a conversation with each kind of contact: questions, answers here and there."""
    await scene.ask(f"{name} staat dood", task=True)
    await scene.ask(f"Nog iets: {name}", 30, task=False)
    desk.nth = -1
    await desk.answer("Roos is opgepakt", channel="Telefoon")
    await desk.answer("Roos is klaar", channel="Telefoon")
    await scene.transfer()
    await scene.accept_answer(type="text", text={"body": "Roos komt morgen"})
    await scene.status("sent")
    await scene.close(7300)


async def test_a_destroyed_conversation_leaves_nothing_and_takes_nothing_of_another(
    register: Register, scene: Scene, desk: Desk, erasure: Erasure
) -> None:
    other = Scene(register, OTHERS)
    await deliver(other.deliverer, other.talk.message("Een ander"))
    before = await objects(register)
    await live(scene, desk)
    during = await objects(register)
    assert {"klantcontacten", "betrokkenen", "digitaleadressen"} <= found_in(
        during, *SECRETS
    ).keys()
    mine = {one["uuid"] for name in RESOURCES for one in during[name]}
    mine -= {one["uuid"] for name in RESOURCES for one in before[name]}
    assert len([one for one in during["klantcontacten"] if one["uuid"] in mine]) == 4
    await erasure.plan(OURS)
    await erasure.run()
    after = await objects(register)
    assert [one["uuid"] for name in RESOURCES for one in after[name] if one["uuid"] in mine] == []
    assert [len(after[name]) for name in RESOURCES] == [len(before[name]) for name in RESOURCES]
    assert await erasure.kept() == [] == await erasure.waiting()


@needs_stand_in
@pytest.mark.parametrize("version", ["2.15", "2.16", "2.17"])
async def test_an_older_open_klant_forgets_as_well(
    register: Register, scene: Scene, desk: Desk, erasure: Erasure, version: str
) -> None:
    await register.control("POST", "version", {"version": version})
    await live(scene, desk)
    await erasure.plan(OURS)
    await erasure.run()
    assert found_in(await objects(register), *SECRETS, OURS) == {}
    assert await erasure.kept() == []


@needs_stand_in
@pytest.mark.parametrize(
    ("referred", "kept"),
    [
        (None, []),
        (0, ["klantcontacten own_task", "klantcontacten referred_to", "onderwerpobjecten zaak"]),
        (1, ["klantcontacten own_task", "klantcontacten referred_to", "onderwerpobjecten zaak"]),
    ],
    ids=["nothing stays", "question stays", "answer stays"],
)
async def test_a_process_that_ends_at_any_request_has_a_successor_that_goes_on(
    register: Register, desk: Desk, erasure: Erasure, referred: int | None, kept: list[str]
) -> None:
    nth, ended = 0, True
    while ended:
        nth, ended = nth + 1, False
        await erasure.pool.execute("truncate deliverer.contact_erasure")
        await register.reset()
        await Scene(register).ask("Zonnebloem")
        [question] = await register.contacts()
        chain = [question["uuid"], *[await desk.answer("Roos", channel="Telefoon") for _ in "ab"]]
        if referred is not None:
            await stays(register, chain[referred])
        await erasure.plan(OURS)
        try:
            await erasure.run(Link(register.sender, nth, answered=bool(nth % 2)))
        except ProcessEnded:
            ended = True
            await erasure.pool.execute(DUE)
            await erasure.run()
        assert found_in(await objects(register), *SECRETS, OURS) == {}, nth
        assert (await erasure.kept(), await erasure.waiting()) == (kept, []), nth
    assert nth > 15, "one for each request"


ZAAK_CODES = {
    "objectId": ZAAK, "codeObjecttype": "zaak", "codeRegister": "open-zaak",
    "codeSoortObjectId": "uuid",
}  # fmt: skip


async def stays(register: Register, contact: str) -> Json:
    """Give a contact a reference that a zaakobject may point to, and another program's work;
    return the reference."""
    await foreign(register, "Terugbellen", contact, task=True)
    identificator = {"onderwerpobjectidentificator": ZAAK_CODES}
    return await register.create("onderwerpobjecten", subject(contact, None) | identificator)


async def test_object_that_must_stay_is_named_and_says_nothing_of_the_citizen(
    register: Register, scene: Scene, desk: Desk, erasure: Erasure
) -> None:
    await scene.ask("Zonnebloem")
    answer = await desk.answer("Roos", channel="Telefoon")
    [question] = [one for one in await register.contacts() if one["taken"]]
    other = Scene(register, OTHERS)
    await other.ask("Een ander")
    others = [one for one in await register.contacts() if one["uuid"] != question["uuid"]]
    # Beside these, the other conversation refers to the answer, and one answer is to both.
    reference = await stays(register, question["uuid"])
    await register.create("onderwerpobjecten", subject(others[0]["uuid"], answer))
    both = await foreign(register, "Antwoord aan twee", question["uuid"], others[0]["uuid"])
    await erasure.plan(OURS)
    await erasure.run()
    assert await erasure.kept() == [
        "klantcontacten answers_others", "klantcontacten other_conversation",
        "klantcontacten own_task", "klantcontacten referred_to", "klantcontacten referred_to",
        "onderwerpobjecten zaak",
    ]  # fmt: skip
    calls = register.client()
    for emptied in (question["uuid"], answer):
        contact = await calls.get("klantcontacten", emptied)
        assert contact and (contact["onderwerp"], contact["inhoud"]) == ("Vernietigd", "")
        assert contact["hadBetrokkenen"] == contact["leiddeTotInterneTaken"] == []
    for contact_of_others in (both, others[0]["uuid"]):
        assert await calls.get("klantcontacten", contact_of_others)
    freed = await calls.get("onderwerpobjecten", reference["uuid"])
    assert freed and freed["klantcontact"] is None
    assert freed["onderwerpobjectidentificator"] == ZAAK_CODES
    if not REAL:  # its other objects have the same number
        left = found_in(await objects(register), "Zonnebloem", "Roos")
        assert left == {} and len((await objects(register))["digitaleadressen"]) == 2


def subject(contact: str, previous: str | None) -> Json:
    return {"klantcontact": {"uuid": contact}, "wasKlantcontact": previous and {"uuid": previous}}


async def foreign(register: Register, text: str, *previous: str, task: bool = False) -> str:
    """Create a contact of another program, which refers to these; return its id."""
    fields = {"kanaal": "Telefoon", "onderwerp": text, "taal": "nld", "vertrouwelijk": False}
    contact = await register.create("klantcontacten", fields)
    for each in previous:
        await register.create("onderwerpobjecten", subject(contact["uuid"], each))
    if task:
        about = {"uuid": contact["uuid"]}
        fields = {"gevraagdeHandeling": "Bellen", "status": "te_verwerken"}
        body: Json = fields | {"aanleidinggevendKlantcontact": about, "toegewezenAanActoren": []}
        await register.create("internetaken", body)
    return str(contact["uuid"])


@needs_stand_in
@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("refuse", "the destination answered 503"),
        ("reset", "the destination gave no answer: reset"),
        ("unauthorized", "the destination answered 401"),
        ("bad-gateway", "the destination answered 502"),
        ("error", "the destination answered 500"),
    ],
)
async def test_an_open_klant_that_is_away_is_tried_until_it_is_back(
    register: Register, scene: Scene, erasure: Erasure, mode: str, reason: str
) -> None:
    await scene.ask("Zonnebloem")
    await erasure.plan(OURS)
    [untried] = await remains(erasure)
    await register.set_mode(mode)
    worker = erasure.worker()
    for nth in range(1, 4):
        assert await worker.erase_batch()
        assert (worker.failures, await erasure.waiting()) == (nth, [reason])
        assert not await worker.erase_batch(), "it is put off"
        worker.failures = nth
        await erasure.pool.execute(DUE)
    assert erasure.pauses == sorted(erasure.pauses) and len(erasure.pauses) == 3
    assert await remains(erasure) == [("crm", True, reason, 1)] != [untried]
    assert await erasure_outbox(erasure.pool).fetch_unpublished(9, []) == []
    await register.set_mode("ok")
    await erasure.run()
    assert found_in(await objects(register), *SECRETS) == {}
    assert await remains(erasure) == []


async def remains(erasure: Erasure) -> list[Any]:
    rows = await erasure.pool.fetch("select * from deliverer.contact_remains('')")
    return [tuple(row.values()) for row in rows]


@needs_stand_in
async def test_a_404_of_something_before_open_klant_is_not_believed(
    register: Register, scene: Scene, erasure: Erasure
) -> None:
    class Proxy(Link):
        async def request(self, method: str, url: str, *more: Any) -> Any:
            if method == "DELETE":
                return Response(status=404, body=b"<h1>Not Found</h1>")
            return await super().request(method, url, *more)

    await scene.ask("Zonnebloem")
    await erasure.plan(OURS)
    assert await erasure.worker(Proxy(register.sender)).erase_batch()
    assert await erasure.waiting() == ["the destination answered 404"]
    await erasure.pool.execute(DUE)
    await erasure.run()
    assert found_in(await objects(register), *SECRETS) == {}


async def test_contact_that_others_deleted_is_done_and_the_number_they_left_goes(
    register: Register, scene: Scene, erasure: Erasure
) -> None:
    await scene.ask("Zonnebloem")
    [contact] = await register.contacts()
    ids = [UUID(one["uuid"]) for one in await addresses_of(register, contact)]
    await register.remove("klantcontacten", contact["uuid"])
    calls = register.client()
    assert all([await calls.get("digitaleadressen", str(id)) for id in ids]) and len(ids) == 2
    await erasure.plan(OURS)
    await erasure.run()
    assert [await calls.get("digitaleadressen", str(id)) for id in ids] == [None, None]
    assert await erasure.kept() == [] == await erasure.waiting()


async def addresses_of(register: Register, contact: Json) -> list[Json]:
    [party] = await register.list("betrokkenen", hadKlantcontact__uuid=contact["uuid"])
    return await register.list("digitaleadressen", verstrektDoorBetrokkene__uuid=party["uuid"])


async def test_a_contact_whose_answer_was_lost_is_found_by_its_mark(
    register: Register, erasure: Erasure
) -> None:
    with pytest.raises(ProcessEnded):
        link = Link(register.sender, 1, answered=True)
        await register.deliverer(link).deliver(Conversation().message("Zonnebloem"))
    event = await erasure.pool.fetchval("select event from deliverer.klantcontact")
    mark = {"onderwerpobject__onderwerpobjectidentificatorObjectId": str(event)}
    assert len(await register.list("klantcontacten", **mark)) == 1
    await erasure.pool.execute("select deliverer.forget('almelo', $1)", [OURS])
    await erasure.run()
    assert await erasure.waiting() == [""], "another post may still be carried out"
    await erasure.pool.execute(DUE)
    await erasure.run()
    assert await register.list("klantcontacten", **mark) == []


async def test_a_row_that_a_hand_made_deletes_nothing(
    register: Register, scene: Scene, erasure: Erasure
) -> None:
    other = Scene(register, OTHERS)
    await other.ask("Een ander")
    await scene.ask("Zonnebloem")
    await erasure.plan(OURS)
    forged = """
        update deliverer.contact_erasure set klantcontact =
            (select klantcontact from deliverer.klantcontact where conversation = $1)
    """
    await erasure.pool.execute(forged, OTHERS)
    await erasure.run()
    assert await erasure.kept() == ["klantcontacten row_shut"]
    theirs = await erasure.pool.fetchval("select klantcontact from deliverer.klantcontact")
    assert await register.client().get("klantcontacten", str(theirs))


async def test_the_record_hears_once_of_each_list_when_all_of_it_has_gone(
    register: Register, scene: Scene, erasure: Erasure
) -> None:
    await scene.ask("Zonnebloem")
    await Scene(register, OTHERS).ask("Een ander")
    await erasure.plan(OURS, OTHERS)
    outbox = erasure_outbox(erasure.pool)
    assert await erasure.worker().erase_batch()
    assert await outbox.fetch_unpublished(9, []) == []
    await erasure.run()
    await erasure.pool.execute(_LIST)  # not carried out to its end
    await erasure.pool.execute("update deliverer.contact_erasure set list = 'VL-1'")
    assert await outbox.fetch_unpublished(9, []) == []
    await erasure.pool.execute("update deliverer.contact_erasure set list = 'VL-0'")
    [record] = await outbox.fetch_unpublished(9, [])
    assert await outbox.fetch_unpublished(9, []) == [record]
    assert (record.kind, record.tenant, record.conversation) == ("destruction-list", "almelo", "")
    assert b'"destination":"crm","contacts":2,"conversations":2' in record.data
    await outbox.mark_published([record])
    assert await outbox.fetch_unpublished(9, []) == []


_LIST = """
insert into archiver.destruction_list (id, tenant, kind, up_to, waiting, is_joined, drawn_by)
values ('VL-1', 'almelo', 'term', current_date, '7 days', false, 'Anna')
"""
