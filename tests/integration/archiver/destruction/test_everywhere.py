"""A destroyed conversation is in no table, no file of the database and not in the object store; and
nothing that came at that moment brings it back."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from archiver.audit.keys import check_keys
from archiver.audit.media import verify_files
from archiver.destruction.destroyer import Destroyer
from archiver.destruction.key_rewriting import rewrite_when_quiet
from archiver.destruction.list_store import ListRules, ListStore
from archiver.destruction.notices import notice_outbox
from archiver.destruction.removal import FileRemover
from archiver.destruction.replayer import Replayer
from archiver.log.writer import DESTRUCTION
from archiver.orders.order_book import OrderBook
from deliverer.crm.settlements import (
    Settlements,
    keep_event,
    make_settlement,
    park_settlement,
)
from deploy.local.postgresql import Database
from desk.conversation.answers import AnswerStore, Draft, GivenAnswer
from desk.conversation.reasons import ReasonStore
from desk.inbox.store import ConversationStore
from desk.login.id_token import Identity
from desk.login.sessions import SessionStore, session_id
from gateway.media.upload_store import UploadStore
from router.handlers.batch import decide_batch, find_relied, make_outputs
from router.handlers.dispatch import crm_events
from router.handlers.units import parse_units
from router.output.crm_events import AddressedEvent
from router.store.fencing import ConversationForgotten
from router.store.waiting import LineEnd
from services import clock
from services.contract import Delivery, SendOutcome
from services.files import object_store
from services.files.object_store import ObjectStore, StoreUnavailable
from services.postgres.database import Pool, connection_pool
from services.sealing.columns import (
    ACTION,
    EMPLOYEE,
    NAME_COLUMNS,
    PROVIDER_ID,
    SEALED_COLUMNS,
    bind,
)
from services.sealing.key_ring import RING
from tests.integration.desk.test_desk_store import HANNA, NOW, PERSON, TOKENS
from tests.integration.desk.test_desk_store import message as desk_message
from tests.support.archiver.desk import AFTER_SECONDS, ANNA, BERT, Citizen, Desk, body
from tests.support.archiver.dossiers import WITHOUT_WAITING
from tests.support.archiver.orders import KEY, eraser_of, orders_of
from tests.support.archiver.records import message
from tests.support.decrypted_record import keys_of, rows_of
from tests.support.integration.message_provider import Office
from tests.support.router.batch_office import NUMBER, consent

TENANT = "almelo"
RULES = ListRules(is_joined=False, waiting=timedelta())
UNSEALED = (
    "archiver.conversation_key.wrapped", "archiver.subject.hash", "archiver.media.salt",
    "router.identity.hash", "router.outgoing.wamid_hash", "gateway.command.fingerprint",
)  # fmt: skip
"""Columns that name a citizen or open what was said, beside those that are sealed."""
ELSEWHERE = {
    "deliverer.secret.sealed": "secrets are of a destination",
    "deliverer.internetaak.employee": "rows of an Open Klant go with its objects",
    "deliverer.outcome.body": "ends a few days after it was published, by its own term",
    "deliverer.guest.value": "colleagues of a trial",
    "router.quarantine.raw": "nobody knows whose it is until it is decided: then it is emptied",
    "router.quarantine.entry": "the same",
    "router.brought_key.sealed": "of a municipality, not of a citizen",
    "desk.session.tokens": "of an employee",
    "desk.session.person": "of an employee",
}
"""Columns that no conversation has, or that end in another way: docs/operators/destruction.md."""
COLUMNS = sorted({*SEALED_COLUMNS, *NAME_COLUMNS, *UNSEALED} - {*ELSEWHERE})

Values = Mapping[str, set[bytes]]


async def read_values(pool: Pool) -> Values:
    """Everything in these columns that is not empty."""
    found: dict[str, set[bytes]] = {}
    for place in COLUMNS:
        table, _, column = place.rpartition(".")
        rows = await pool.fetch(f"select {column} as value from {table}")
        values = (row["value"] for row in rows)
        found[place] = {_bytes(each) for each in values if each and each not in ("{}", b"")}
    return found


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def without(values: Values, other: Values) -> Values:
    return {place: values[place] - other[place] for place in values}


class Scene:
    """A conversation that is in every place where one can be."""

    def __init__(self, pool: Pool, desk: Desk, office: Office) -> None:
        self.pool, self.desk, self.sends = pool, desk, office
        self.files: list[str] = []
        """Keys in the object store."""
        self.waiting = LineEnd()

    async def has(self, citizen: Citizen) -> str:
        """Make the conversation of a citizen, and close it."""
        self.files = []
        desk, order = self.desk, self.desk.office.order
        [conversation] = await desk.heard((citizen, "Mijn geheim is Zonnebloem"))
        decided = await desk.takes(
            order("note", conversation=conversation, text="hij belde ook"),
            order("read", conversation=conversation),
            order("consent", to=citizen.phone, **consent()),
        )
        question = await self.pool.fetchval(_MESSAGE, conversation)
        upload = await self.sends.uploaded(b"een brief", name="brief.pdf")
        answer = order(
            conversation=conversation, text="Beste", reply_to_message=question, media=upload
        )
        decided += await desk.takes(answer)
        decided += await desk.takes(await self._sent(answer.id, conversation))
        events = [each for unit, made, _ in decided for each in crm_events(unit, made.decision)]
        await self._events_are_everywhere(conversation, question, events)
        await self._work_is_at_hand(conversation, upload, answer.id)
        await self._desk_has(conversation)
        await self._file_came(conversation)
        await desk.takes(order("close", conversation=conversation))
        return conversation

    async def _sent(self, message: UUID, conversation: str) -> SendOutcome:
        wamid = f"wamid.{message}"
        sealed = RING.seal_text(wamid, "wamid", bind(message))
        await self.pool.execute(
            "update deliverer.ledger set state = 'sent', wamid = $2, claimed_at = now(),"
            " author = $3 where id = $1",
            message, sealed, RING.seal_text("sanne", EMPLOYEE, bind(message)),
        )  # fmt: skip
        return SendOutcome(
            id=clock.new_id(), message=message, number=NUMBER, conversation=conversation,
            at=self.desk.office.later, state="sent", wamid=wamid,
        )  # fmt: skip

    async def _events_are_everywhere(
        self, conversation: str, question: UUID, events: list[AddressedEvent]
    ) -> None:
        """Parked, accepted, withheld and in line: an event each."""
        made = [_event(conversation, question, n) for n in range(4)]
        now, store = clock.now(), self.desk.office.store
        parked = make_settlement(made[0], "crm", 1, 422, now)
        accepted = make_settlement(made[1], "crm", 1, 200, now)
        settlements: Any = Settlements(self.pool, None)  # type: ignore[arg-type]
        settlements.publish = lambda _: asyncio.sleep(0)
        park = park_settlement(parked, made[0], "refused", b"Zonnebloem")
        await settlements.write([park, keep_event(accepted, made[1])])
        await store.withhold_events(0, self.desk.office.epoch, [("crm", made[2])])
        line = 0, self.desk.office.epoch, "crm", self.waiting
        self.waiting = await store.waiting.append(*line, [made[3], *(e for _, e in events)])
        # The decision made this one too.
        await self.pool.execute(
            "update router.inbox set events = events || $2::uuid, destinations = destinations ||"
            " 'crm'::text where message = $1",
            question, made[3].id,
        )  # fmt: skip

    async def _work_is_at_hand(self, conversation: str, upload: UUID, message: UUID) -> None:
        await self.pool.execute(
            "insert into deliverer.upload (media, account, provider_id, due_at)"
            " values ($1, $2, $3, now())",
            upload, "meta:1", RING.seal_name(f"file {upload}", PROVIDER_ID),
        )  # fmt: skip
        id = clock.new_id()
        bound = bind(id, "ok", conversation)
        await self.pool.execute(
            "insert into deliverer.found_command"
            " (id, destination, conversation, department, employee, action)"
            " values ($1, 'ok', $2, 'balie', $3, $4)",
            id, conversation, RING.seal_text("sanne", EMPLOYEE, bound),
            f'"{RING.seal_text("Zonnebloem", ACTION, bound)}"',
        )  # fmt: skip
        await self.pool.execute(
            "insert into gateway.command (id, tenant, token, fingerprint, accepted_at, tried_at,"
            " conversation) values ($1, 'almelo', 'crm', $2, now(), now(), $3)",
            message, message.bytes * 2, conversation,
        )  # fmt: skip

    async def _desk_has(self, conversation: str) -> None:
        answers, key = AnswerStore(self.pool), clock.new_id()
        store = ConversationStore(self.pool)
        await store.apply([desk_message(conversation, 1, text="Zonnebloem")])
        assigned = RING.seal_name(f"l.hendriks {conversation}", EMPLOYEE)
        await self.pool.execute(
            "update desk.conversation set assignee = $2 where id = $1", conversation, assigned
        )
        await answers.store_draft(conversation, PERSON, Draft(clock.new_id(), "Beste"), NOW)
        given = GivenAnswer(key, conversation, 1, {"text": {"body": "Beste"}})
        await answers.begin(given, PERSON, NOW)
        cookie = conversation
        sessions = SessionStore(self.pool)
        await sessions.begin(cookie, "https://idp", Identity("sub"), HANNA, TOKENS, NOW)
        await ReasonStore(self.pool).store(session_id(cookie), conversation, "klacht", NOW)

    async def _file_came(self, conversation: str) -> None:
        medium = {"id": "photo", "mimeType": "image/jpeg", "sha256": "", "filename": ""}
        fields = {"type": "image", "number": NUMBER, "medium": medium, "conversation": conversation}
        photo = message("", at=clock.now(), **fields)
        await self.desk.writer.add([photo])
        id = photo.message
        assert id
        object, sha256 = clock.new_id(), id.hex * 2
        await self.pool.execute(
            "update archiver.media set state = 'available', object = $2, ciphertext_sha256 = $3"
            " where id = $1",
            id, object, sha256,
        )  # fmt: skip
        keys = (object_store.media_key(object), object_store.sealed_key(sha256))
        for key in (*keys, object_store.thumbnail_key(id)):
            await self.sends.store.create(key, b"sealed picture")
            self.files.append(key)


def _event(conversation: str, message: UUID, n: int) -> Delivery:
    now = clock.now()
    return Delivery(
        id=clock.new_id(), type="nl.postkamer.message-received.v1", tenant=TENANT,
        conversation=conversation, department="balie", sequence=n, time=now, received_at=now,
        data=b'{"text":"Zonnebloem"}', message=message,
    )  # fmt: skip


_MESSAGE = """
select message from archiver.entry where conversation = $1 and kind = 'message' order by id limit 1
"""


@pytest.fixture
def scene(pool: Pool, desk: Desk, office: Office) -> Scene:
    return Scene(pool, desk, office)


@pytest.fixture
async def own(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    """Connections with the rights of the archiver, which has no more."""
    async with connection_pool(f"{empty}?role=postkamer_archiver", "test", 4) as own:
        yield own


async def destroy(pool: Pool, own: Pool, conversations: Iterable[str], folder: Path) -> Destroyer:
    """Have these destroyed by an approved list, with the orders in a folder."""
    await pool.executemany(
        "insert into archiver.dossier (tenant, conversation, departments, opened_at, closed_at,"
        " sequence, position, state, valued_code, kept_until, terms) values ('almelo', $1,"
        " '{klantcontact}', now() - interval '3 years', now() - interval '2 years', 1, 0,"
        " 'destroy', '6.1.3', current_date - 30, '')",
        [(each,) for each in conversations],
    )
    await pool.execute(WITHOUT_WAITING)
    keys, now = await keys_of(own), clock.now()
    async with own.acquire() as connection, connection.transaction():
        store = ListStore(connection, keys)
        found = await store.draw(TENANT, "Anna", now.date(), RULES, now)
        assert found
        found = await store.step(found, "reviewed", "Bram", "", now)
        await store.step(found, "approved", "Carla", "", now)

    async def finish(*_: Any) -> None:
        pass

    destroyer = Destroyer(own, keys, orders_of(own, folder / "orders"), finish)
    await destroyer.carry_out_due()
    return destroyer


def files_with(database: Database, values: Values, folder: Path) -> dict[str, int]:
    """Count the values of each column that stand in the files of a folder. The WAL of before is not
    of it: it is gone when it is not archived any more."""
    files = [path for path in folder.rglob("*") if path.is_file() and "pg_wal" not in path.parts]
    contents = [path.read_bytes() for path in files]
    found = {
        place: sum(any(value in content for content in contents) for value in each)
        for place, each in values.items()
    }
    return {place: count for place, count in found.items() if count}


async def test_nothing_of_a_destroyed_conversation_is_left_anywhere(
    server: Database, pool: Pool, own: Pool, scene: Scene, desk: Desk, tmp_path: Path
) -> None:
    await scene.has(BERT)
    others_files, others = scene.files, await read_values(pool)
    conversation = await scene.has(ANNA)
    hers = without(await read_values(pool), others)
    assert [place for place, values in hers.items() if not values] == []
    await destroy(pool, own, [conversation], tmp_path)
    after = await read_values(pool)
    left = {place: count for place, values in hers.items() if (count := values & after[place])}
    assert left == {}
    lost = [place for place in COLUMNS if others[place] - after[place]]
    assert lost == [], "the other citizen's are all there"
    # Receivers hear it behind everything else; what waited is dropped and not missing.
    [notice] = await notice_outbox(own).fetch_unpublished(9, [])
    assert (notice.conversation, notice.number, notice.ground) == (conversation, NUMBER, "term")
    assert notice.sequence > 3
    states = await pool.fetch(
        "select distinct state, reason from deliverer.delivery where conversation in ('', $1)"
        " and event not in (select event from deliverer.sent) and state <> 'settled'",
        conversation,
    )
    assert [(r["state"], r["reason"]) for r in states] == [
        ("dropped", "its conversation was destroyed")
    ]
    await record_accounts_for_all_of_it(pool, scene, conversation)
    await what_was_in_hand_stays_dropped(pool)
    await bytes_leave_the_store(own, scene, others_files)
    await bytes_leave_the_files(server, pool, own, hers)


async def record_accounts_for_all_of_it(pool: Pool, scene: Scene, conversation: str) -> None:
    """Each key and salt that is gone has its destruction on the record; so has each file."""
    keys = await keys_of(pool)
    async with pool.acquire() as connection, connection.transaction():
        assert [finding async for finding in check_keys(connection, keys)] == []
    query = "select id from archiver.media where conversation = $1"
    hers = {row["id"] for row in await pool.fetch(query, conversation)}
    files = verify_files(pool, scene.sends.store, lambda *_: None, keys)
    assert [found async for found in files if found.message in hers] == []


async def what_was_in_hand_stays_dropped(pool: Pool) -> None:
    """A deliverer has a delivery in hand while its conversation is destroyed, and settles it."""
    [row] = await pool.fetch(
        "select event, conversation from deliverer.delivery where state = 'dropped'"
        " and conversation <> '' limit 1"
    )
    event = msgspec.structs.replace(_event(row["conversation"], clock.new_id(), 1), id=row["event"])
    settlements: Any = Settlements(pool, None)  # type: ignore[arg-type]
    settlements.publish = lambda _: asyncio.sleep(0)
    settled = make_settlement(event, "crm", 1, 200, clock.now())
    await settlements.write([keep_event(settled, event)])
    kept = "select count(*) from deliverer.sent where event = $1"
    assert await pool.fetchval(kept, row["event"]) == 0


async def bytes_leave_the_store(own: Pool, scene: Scene, others: list[str]) -> None:
    """Her files go, once the store answers and the moment for readers is over."""
    store = scene.sends.store
    remover = FileRemover(own, await keys_of(own), store)
    assert not await remover.remove_batch()
    assert all([await store.exists(key) for key in scene.files]), "its readers still read"
    await scene.pool.execute("update archiver.media set remove_at = now() where salt is null")

    class Away(ObjectStore):
        async def delete(self, key: str) -> None:
            raise StoreUnavailable("away")

    gone: Any = Away.__new__(Away)
    await FileRemover(own, await keys_of(own), gone).remove_batch()
    assert all([await store.exists(key) for key in scene.files])
    await remover.remove_batch()
    assert not any([await store.exists(key) for key in scene.files])
    assert all([await store.exists(key) for key in others])
    await bytes_of_a_copy_leave_it_again(own, scene, remover, others)
    # The upload is one that the gateway sweeps, as it does with abandoned ones.
    assert len(await UploadStore(scene.pool).stale(clock.now())) == 1


async def bytes_of_a_copy_leave_it_again(
    own: Pool, scene: Scene, remover: FileRemover, others: list[str]
) -> None:
    """The store is lost, and its copy, to which is only added, still has her files."""
    store = scene.sends.store
    for key in scene.files:
        await store.create(key, b"of the copy")
    await remover.remove_batch()
    assert all([await store.exists(key) for key in scene.files]), "they went before"
    # Somebody has all rights on the database, and wants the files of others gone.
    forged = (
        "update archiver.media set remove_at = now(), removed_at = now() where salt is not null"
    )
    await scene.pool.execute(forged)
    replayer = Replayer(scene.pool, await keys_of(scene.pool), OrderBook(store, [KEY]))
    hers = await scene.pool.fetchval("select count(*) from archiver.media where salt is null")
    assert await replayer.count_removed() == hers > 0
    assert await replayer.remove_again() == hers
    await remover.remove_batch()
    assert not any([await store.exists(key) for key in scene.files])
    assert all([await store.exists(key) for key in others])
    assert await replayer.remove_again() == hers, "they may have come back with another copy"
    await remover.remove_batch()


async def bytes_leave_the_files(server: Database, pool: Pool, own: Pool, hers: Values) -> None:
    """A deleted row stays in its page until PostgreSQL needs the room, but for the keys."""
    database = await pool.fetchval("select oid from pg_database where datname = current_database()")
    base = next(server.folder.rglob(f"base/{database}"))
    keys = {"archiver.conversation_key.wrapped": hers["archiver.conversation_key.wrapped"]}
    await pool.execute("checkpoint")
    assert files_with(server, keys, base) != {}, "they were there"
    seen = await rewrite_when_quiet(own, -1)
    await rewrite_when_quiet(own, seen)
    await pool.execute("vacuum")
    await pool.execute("checkpoint")
    assert files_with(server, keys, base.parents[1]) == {}, "in the whole cluster"
    # An administrator may do this, who wants the sealed rest gone too.
    await pool.execute("vacuum full")
    await pool.execute("checkpoint")
    assert files_with(server, hers, base) == {}
    # What is archived from then on; other files are old ones that wait to be written anew.
    switch = "select pg_walfile_name(pg_switch_wal())"
    start = await pool.fetchval(switch)
    await pool.execute("update archiver.entry set written_at = written_at")
    await pool.execute("vacuum")
    await pool.execute("checkpoint")
    end = await pool.fetchval(switch)
    wal = [path for path in server.folder.rglob("pg_wal/0*") if start < path.name <= end]
    contents = b"".join(path.read_bytes() for path in wal)
    assert wal and not any(value in contents for values in hers.values() for value in values)


async def test_router_that_had_read_a_conversation_decides_again_once_it_is_destroyed(
    pool: Pool, own: Pool, scene: Scene, desk: Desk, tmp_path: Path
) -> None:
    """A thank-you, at the very moment."""
    [conversation] = await desk.heard((ANNA, "afval"), close=True)
    office, store = desk.office, desk.office.store
    office.count -= AFTER_SECONDS
    thanks = list(parse_units(office.came(_body(desk, ANNA, "dank u wel")), office.ground))
    snapshot = await store.load(thanks, office.ground)
    people = snapshot.people()
    batch = decide_batch(thanks, snapshot, office.ground)
    assert batch.new[0][1].conversation == conversation
    await destroy(pool, own, [conversation], tmp_path)
    relied = find_relied(batch.new, snapshot, people)
    with pytest.raises(ConversationForgotten):
        await store.commit(0, office.epoch, batch.new, make_outputs(batch.new), None, relied)
    assert await pool.fetchval("select count(*) from router.conversation") == 0
    assert await pool.fetchval("select count(*) from router.identity") == 0
    again = decide_batch(thanks, await store.load(thanks, office.ground), office.ground)
    assert again.new[0][1].conversation != conversation


async def test_message_that_meta_repeats_after_the_destruction_leaves_nothing(
    pool: Pool, own: Pool, desk: Desk, tmp_path: Path
) -> None:
    receipt = desk.office.came(_body(desk, ANNA, "Zonnebloem"))
    await desk.takes(receipt)
    [conversation] = await pool.fetch("select id from router.conversation")
    await desk.takes(desk.office.order("close", conversation=conversation["id"]))
    await destroy(pool, own, [conversation["id"]], tmp_path)
    office = desk.office
    repeated = list(parse_units(office.came(receipt.body), office.ground))
    batch = decide_batch(repeated, await office.store.load(repeated, office.ground), office.ground)
    assert (batch.new, batch.to_publish, batch.duplicates) == ([], [], [])
    assert batch.forgotten == repeated


async def test_stop_outlives_the_conversations_and_the_person_is_recognised(
    pool: Pool, own: Pool, desk: Desk, tmp_path: Path
) -> None:
    [stopped] = await desk.heard((ANNA, "STOP"), close=True)
    [other] = await desk.heard((BERT, "afval"), close=True)
    await destroy(pool, own, [stopped, other], tmp_path)
    [person] = await pool.fetch("select distinct person from router.identity")
    assert await pool.fetchval("select person from router.withdrawal") == person["person"]
    assert await pool.fetchval("select count(*) from router.conversation") == 0


async def test_record_that_comes_late_is_destroyed_too(
    pool: Pool, own: Pool, desk: Desk, tmp_path: Path
) -> None:
    [conversation] = await desk.heard((ANNA, "afval"), close=True)
    destroyer = await destroy(pool, own, [conversation], tmp_path)
    await desk.delivered(conversation, "crm")
    opened = [row for row in await rows_of(pool) if row["conversation"] == conversation]
    assert {row["kind"] for row in opened} == {DESTRUCTION, "delivery"}
    assert await destroyer.destroy_late() and not await destroyer.destroy_late()
    opened = [row for row in await rows_of(pool) if row["conversation"] == conversation]
    assert {row["kind"] for row in opened} == {DESTRUCTION}


async def test_row_that_a_hand_made_due_keeps_its_file(pool: Pool, own: Pool, scene: Scene) -> None:
    await scene.has(BERT)
    await pool.execute("update archiver.media set remove_at = now() - interval '1 day'")
    await FileRemover(own, await keys_of(own), scene.sends.store).remove_batch()
    assert all([await scene.sends.store.exists(key) for key in scene.files])
    assert await pool.fetchval("select count(*) from archiver.media where remove_at is null") == 1


async def test_file_of_a_message_that_was_erased_alone_is_no_damage(
    pool: Pool, own: Pool, scene: Scene, tmp_path: Path
) -> None:
    await scene.has(BERT)
    sql = "select e.id from archiver.entry e join archiver.media m on m.id = e.message"
    photo = await pool.fetchval(f"{sql} where e.kind = 'message' limit 1")
    assert await eraser_of(pool, await keys_of(pool), tmp_path).erase_entry(photo, "a mistake")
    erased = "select count(*) from archiver.media where salt is null and remove_at is null"
    assert await pool.fetchval(erased) == 1, "the remover would take it for a forgery"


def _body(desk: Desk, citizen: Citizen, text: str) -> bytes:
    desk.count += 1
    return body([desk._text(citizen, text, 0)])
