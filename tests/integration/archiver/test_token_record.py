"""A token whose making is not on the record is refused, whoever could make its keyed hash."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from archiver.operator_actions import operation_outbox
from archiver.tokens import token_record
from archiver.tokens.kept_tokens import KEPT, TokenKeeper, decode_state, encode_state
from archiver.tokens.recorded_tokens import ADOPTION, TokenState
from archiver.tokens.token_record import TokenRecord
from cli.support.audit import write_operation
from cli.support.output import CommandRefused
from cli.tokens import (
    TokenRequest,
    add_token,
    addition,
    confirm_token,
    narrow_token,
    revoke_token,
)
from services import clock, metrics
from services.config import loader
from services.config.model import Configuration
from services.contract import Record
from services.files import object_store
from services.files.object_store import ObjectStore, StoreUnavailable
from services.http import table_judge
from services.http.grants import Reach
from services.http.token_mac import COLUMNS, compute_mac
from services.http.token_store import TokenStore, digest
from services.postgres.database import Connection, Pool, connection_pool
from services.sealing.key_ring import RING
from tests.support.decrypted_record import keys_of, rows_of, writer_of
from tests.support.installation import EXAMPLE

TOWN = loader.load(EXAMPLE).config
DESK = TokenRequest(name="desk", tenant="almelo", roles=["read"], departments=["burgerzaken"])
OWN = "pk_by_hand"
KEY = bytes(range(32))
Change = Callable[[Connection], Awaitable[Any]]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_record, "SECOND_LOOK_SECONDS", 0.0)


class Town:
    """The tokens of a town, as its archiver and its gateway take them."""

    def __init__(self, pool: Pool, record: TokenRecord, outside: ObjectStore) -> None:
        self.pool, self.record, self.outside = pool, record, outside
        self.archiver = TokenStore(pool, (), TOWN, record.judge)
        self.gateway = TokenStore(pool, (), TOWN)

    async def admits(self, token: str) -> tuple[bool, bool]:
        """Return if archiver and gateway take a token."""
        await self.archiver.refresh()
        await self.gateway.refresh()
        now = clock.now()
        return (
            self.archiver.find(token, now) is not None,
            self.gateway.find(token, now) is not None,
        )

    async def run(self, change: Change, *, is_recorded: bool = True) -> Any:
        """Run a command with its entry, and take that into the record."""
        async with self.pool.acquire() as connection, connection.transaction():
            result, operation = await change(connection)
            if operation:
                await write_operation(connection, operation)
        if is_recorded:
            await self.move_operations()
        return result

    async def add(self, request: TokenRequest = DESK, **more: Any) -> str:
        async def change(connection: Connection) -> tuple[str, Any]:
            token = await add_token(connection, request)
            return token, addition(request, digest(token))

        token: str = await self.run(change, **more)
        return token

    async def move_operations(self) -> None:
        async def has_key(_: object) -> bool:
            return False

        outbox = operation_outbox(self.pool, ["almelo"], has_key)
        records = await outbox.fetch_unpublished(100, [])
        await (await writer_of(self.pool)).add(records)
        await outbox.mark_published(records)

    async def forge(self, statement: str) -> None:
        """Change the table, and make the keyed hashes again, which the working key allows."""
        await self.pool.execute(statement)
        for row in await self.pool.fetch(f"select {COLUMNS} from access.token"):
            mac = compute_mac(row, RING)
            await self.pool.execute(
                "update access.token set mac = $2 where name = $1", row["name"], mac
            )

    async def restart(self) -> "Town":
        """Return the town as the next archiver finds it, after a kill of this one."""
        await self.record.keep()
        return await town_of(self.pool, self.outside)

    async def refused(self) -> dict[str, str]:
        rows = await self.pool.fetch("select name, why from access.refused_token")
        return {row["name"]: row["why"] for row in rows}


async def town_of(pool: Pool, outside: ObjectStore) -> Town:
    """A town whose archiver starts now."""
    keeper, writer = TokenKeeper(outside, [KEY]), await writer_of(pool)
    return Town(pool, TokenRecord(pool, await keys_of(pool), writer.add, keeper), outside)


@pytest.fixture
def outside(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path.as_uri())


@pytest.fixture
async def town(pool: Pool, outside: ObjectStore) -> Town:
    made = await town_of(pool, outside)
    await made.admits("")
    return made


def forks() -> float:
    return metrics.REGISTRY.get_sample_value("postkamer_archive_forks_total") or 0.0


def told() -> float | None:
    return metrics.REGISTRY.get_sample_value("postkamer_tokens_refused")


INSERT = (
    f"insert into access.token (name, hash, tenant, roles, departments, people, per_second, burst)"
    f" values ('own', sha256('{OWN}'), 'almelo', '{{read}}', '{{}}', false, 10, 10)"
)
FORGERIES = {
    "made": (INSERT, {"own": "unrecorded"}),
    "hash": (f"update access.token set hash = sha256('{OWN}')", {"desk": "altered"}),
    "departments": ("update access.token set departments = '{belastingen}'", {"desk": "altered"}),
    "roles": ("update access.token set roles = '{read,send}'", {"desk": "altered"}),
    "all": ("update access.token set all_departments = true", {"desk": "altered"}),
    "tenant": ("update access.token set tenant = 'hengelo'", {"desk": "altered"}),
    "end": ("update access.token set expires_at = now() + interval '1 y'", {"desk": "altered"}),
    "name": ("update access.token set name = 'own'", {"own": "unrecorded"}),
}


@pytest.mark.parametrize(("statement", "why"), FORGERIES.values(), ids=FORGERIES)
async def test_token_that_the_record_does_not_know_is_refused_and_told(
    town: Town, statement: str, why: dict[str, str]
) -> None:
    desk = await town.add()
    assert await town.admits(desk) == (True, True)
    await town.forge(statement)
    is_desk = "own" not in why
    with capture_logs() as logs:
        assert await town.admits(OWN) == (False, False)
        assert await town.admits(desk) == ((statement == INSERT,) * 2)
    assert [each["what"] for each in logs if each["event"] == "tokens.refused"] == [*why] * 2
    assert (await town.refused(), told()) == (why, 1)
    restarted = await town_of(town.pool, town.outside)
    assert await restarted.admits(OWN) == (False, False)
    await town.pool.execute("delete from access.refused_token")
    await town.admits(OWN)
    assert await town.refused() == why, "and it is said again"
    assert is_desk or await town.pool.fetchval("select count(*) from access.token") <= 2


async def test_revoked_token_that_was_put_back_is_refused(town: Town) -> None:
    desk = await town.add()
    await town.run(partial(revoke_token, name="desk"))
    await town.forge("update access.token set revoked_at = null")
    assert await town.admits(desk) == (False, False)
    assert await town.refused() == {"desk": "revoked"}
    async with town.pool.acquire() as connection:
        with pytest.raises(CommandRefused, match="revoked before"):
            await confirm_token(connection, "desk", TOWN)
    await town.run(partial(revoke_token, name="desk"))
    assert (await town.admits(desk), await town.refused()) == ((False, False), {})


async def test_token_counts_when_it_is_on_the_record_and_is_not_told_before(town: Town) -> None:
    desk = await town.add(is_recorded=False)
    assert await town.admits(desk) == (False, True), "the archiver waits for its own entry"
    assert (await town.refused(), told()) == ({}, 0)
    await town.move_operations()
    assert await town.admits(desk) == (True, True)


async def test_entry_that_never_comes_is_told(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = await town.add(is_recorded=False)
    monkeypatch.setattr(token_record, "WAITING_SECONDS", 0.0)
    assert await town.admits(desk) == (False, False)
    assert await town.refused() == {"desk": "unrecorded"}


async def test_narrowed_token_counts(town: Town) -> None:
    request = msgspec.structs.replace(DESK, departments=["burgerzaken", "belastingen"])
    desk, reach = await town.add(request), Reach(departments=frozenset(["belastingen"]))
    assert await town.admits(desk) == (True, True)
    await town.run(lambda connection: _pair(narrow_token(connection, "desk", reach, TOWN)))
    assert (await town.admits(desk), await town.refused()) == ((True, True), {})
    await town.forge("update access.token set departments = '{burgerzaken,belastingen}'")
    assert await town.admits(desk) == (False, False)


async def test_update_shuts_nobody_out_and_adopts_once(pool: Pool, outside: ObjectStore) -> None:
    """A version before wrote no hash; of one token nothing is on the record."""
    async with pool.acquire() as connection:
        token = await add_token(connection, DESK)
        other = await add_token(connection, msgspec.structs.replace(DESK, name="crm"))
        operation = addition(DESK, digest(token))
        del operation.data["hash"]
        await write_operation(connection, operation)
    town = await town_of(pool, outside)
    await town.move_operations()
    assert await town.admits(token) == (True, True)
    assert await town.admits(other) == (True, True)
    [adoption] = [
        data
        for row in await rows_of(pool)
        if (data := msgspec.json.decode(row["data"]))["what"] == "token adopt"
    ]
    assert adoption["unrecorded"] == ["crm"]
    assert {each["name"] for each in adoption["tokens"]} == {"crm", "desk"}
    await town.forge(f"update access.token set hash = sha256('{OWN}') where name = 'desk'")
    for each in (town, await town_of(pool, outside)):
        assert await each.admits(OWN) == (False, False)
        assert await each.admits(other) == (True, True)
    before = forks()
    restarted = await town.restart()
    await pool.execute("delete from archiver.entry where id = $1", ADOPTION)
    assert await restarted.admits(OWN) == (False, False)
    assert await restarted.admits(other) == (True, True)
    assert forks() == before + 1
    assert not await pool.fetchval("select count(*) from archiver.entry where id = $1", ADOPTION)


async def test_unrecorded_token_counts_once_it_is_confirmed(town: Town) -> None:
    async with town.pool.acquire() as connection:
        token = await add_token(connection, DESK)
    assert await town.admits(token) == (False, False)
    await town.run(partial(_confirm, config=TOWN))
    assert (await town.admits(token), await town.refused()) == ((True, True), {})


async def _confirm(connection: Connection, config: Configuration) -> Any:
    return await confirm_token(connection, "desk", config)


async def _pair(work: Awaitable[Any]) -> Any:
    return None, await work


async def test_archiver_refuses_although_nobody_can_be_told(town: Town) -> None:
    await town.pool.execute("drop table access.refused_token")
    await town.forge(INSERT)
    with capture_logs() as logs:
        standing = await town.record.judge(
            [dict(row) for row in await town.pool.fetch(f"select {COLUMNS} from access.token")]
        )
    assert standing.refused == {"own"}
    assert [each["event"] for each in logs] == ["tokens.untold"]


LAST = (
    "id = (select id from archiver.entry where kind = 'operation' order by position desc limit 1)"
)
HIDDEN = {
    "another kind": f"update archiver.entry set kind = 'note' where {LAST}",
    "removed": f"delete from archiver.entry where {LAST}",
    "altered": f"update archiver.entry set sealed = sealed || 'x'::bytea where {LAST}",
    "moved": f"update archiver.entry set position = -1 where {LAST}",
}
BACK = "update access.token set revoked_at = null"


@pytest.mark.parametrize("hide", HIDDEN.values(), ids=HIDDEN)
async def test_revocation_that_is_hidden_counts_after_a_restart_and_is_told_once(
    town: Town, hide: str
) -> None:
    desk, before = await town.add(), forks()
    await town.run(partial(revoke_token, name="desk"))
    await town.admits(desk)
    restarted = await town.restart()
    await town.forge(f"{BACK}; {hide}")
    with capture_logs() as logs:
        assert await restarted.admits(desk) == (False, False)
    assert await town.refused() == {"desk": "revoked"}
    assert [each["count"] for each in logs if each["event"] == "tokens.bent"] == [1]
    for again in (await restarted.restart(), await restarted.restart()):
        assert await again.admits(desk) == (False, False)
    assert forks() == before + 1


async def test_revocation_that_was_destroyed_counts(town: Town) -> None:
    """The key of a municipality that left is gone, and its operations with it."""
    desk, before = await town.add(), forks()
    await town.run(partial(revoke_token, name="desk"))
    await town.admits(desk)
    restarted = await town.restart()
    await town.forge(f"{BACK}; delete from archiver.conversation_key where tenant = 'almelo'")
    assert await restarted.admits(desk) == (False, False)
    assert (await town.refused(), forks()) == ({"desk": "revoked"}, before)


async def test_operation_that_is_hidden_before_it_is_read_back_counts(town: Town) -> None:
    desk, before = await town.add(), forks()
    assert await town.admits(desk) == (True, True)
    data = {"what": "token revoke", "about": "desk"}
    await town.record.add([operation(data)])
    await town.pool.execute(HIDDEN["another kind"])
    assert await town.admits(desk) == (False, False)
    assert (await town.refused(), forks()) == ({"desk": "revoked"}, before + 1)
    restarted = await town.restart()
    assert await restarted.admits(desk) == (False, False)
    assert forks() == before + 1


def operation(data: dict[str, str]) -> Record:
    encoded = msgspec.json.encode(data)
    return Record(id=clock.new_id(), kind="operation", at=clock.now(), tenant="", data=encoded)


async def test_archiver_counts_what_another_saw_revoked(town: Town) -> None:
    desk, blind = await town.add(), await town_of(town.pool, town.outside)
    assert await blind.admits(desk) == (True, True)
    await town.run(partial(revoke_token, name="desk"))
    await town.admits(desk)
    await town.record.keep()
    await town.forge(f"{BACK}; {HIDDEN['another kind']}")
    await town.add(msgspec.structs.replace(DESK, name="crm"))
    await town.add(msgspec.structs.replace(DESK, name="kcc"))
    assert (await blind.admits(desk))[0], "it cannot know"
    restarted, before = await blind.restart(), forks()
    assert await restarted.admits(desk) == (False, False)
    assert forks() == before + 1


async def test_database_of_before_shuts_out_nobody_who_was_not_revoked(town: Town) -> None:
    desk = await town.add()
    await town.admits(desk)
    size = await town.pool.fetchval("select max(position) from archiver.entry")
    crm = await town.add(msgspec.structs.replace(DESK, name="crm"))
    await town.admits(crm)
    restarted, before = await town.restart(), forks()
    await town.pool.execute("delete from archiver.entry where position > $1", size)
    await town.pool.execute("delete from access.token where name = 'crm'")
    assert await restarted.admits(desk) == (True, True)
    assert forks() == before + 1
    new = await restarted.add(msgspec.structs.replace(DESK, name="kcc"))
    again = await restarted.restart()
    assert await again.admits(new) == (True, True)
    assert await again.admits(desk) == (True, True)
    assert forks() == before + 1


async def test_no_token_counts_until_the_store_answered(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await town.add()
    await town.admits(desk)
    restarted = await town.restart()

    async def away(*_: object) -> None:
        raise StoreUnavailable("it is away")

    with monkeypatch.context() as patch:
        patch.setattr(TokenKeeper, "load", away)
        with pytest.raises(StoreUnavailable):
            await restarted.admits(desk)
        await restarted.record.keep()  # which would forget what was kept
    assert await restarted.admits(desk) == (True, True)
    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "create", away)
        crm = await restarted.add(msgspec.structs.replace(DESK, name="crm"))
        assert await restarted.admits(crm) == (True, True), "a store that goes away stops nothing"
        with pytest.raises(StoreUnavailable):
            await restarted.record.keep()


async def test_newest_states_are_kept(town: Town) -> None:
    for name in range(KEPT + 3):
        await town.add(msgspec.structs.replace(DESK, name=f"desk{name}"))
        await town.admits("")
        await town.record.keep()
        await town.record.keep()
    names = [name async for name in town.outside.keys(object_store.TOKENS)]
    assert len(names) == KEPT
    assert int(names[-1].split("/")[1].split("-")[0]) == KEPT + 3 + 1, "with the adoption"


def test_state_that_was_changed_is_none_of_ours() -> None:
    state = TokenState(tokens={"desk": None}, applied=frozenset([ADOPTION]), is_adopted=True)
    stored = encode_state(state, KEY)
    assert decode_state(stored, [bytes(32), KEY]) == state, "also under a key of before"
    for bent in (stored.replace(b"null", b"{}"), stored[:-1], stored[32:], b""):
        assert decode_state(bent, [KEY]) is None
    assert decode_state(stored, [bytes(32)]) is None


SWALLOW = """
create function public.swallow() returns trigger language plpgsql as $$ begin return null; end $$;
create trigger t before insert on access.refused_token for each row
    execute function public.swallow();
create trigger t before insert on access.told_tokens for each row
    execute function public.swallow();
"""


async def test_gateway_refuses_new_tokens_when_the_archiver_is_not_heard(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await town.add()
    crm = await town.add(msgspec.structs.replace(DESK, name="crm"))
    town.gateway = TokenStore(town.pool, (), TOWN)
    assert await town.admits(crm) == (True, True)
    await town.run(partial(revoke_token, name="desk"))
    assert await town.admits(desk) == (False, False)
    await town.pool.execute(SWALLOW)
    await town.forge(BACK)
    assert await town.admits(desk) == (False, True), "the list is not old yet"
    monkeypatch.setattr(table_judge, "LIST_SECONDS", -1)
    monkeypatch.setattr(token_record, "TELL_SECONDS", -1)
    with capture_logs() as logs:
        assert await town.admits(desk) == (False, False)
        assert await town.admits(crm) == (True, True)
    assert {"tokens.list_old", "tokens.untold"} <= {each["event"] for each in logs}
    assert list_age() > 0


async def test_archiver_tells_with_its_own_rights(
    town: Town, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_record, "TELL_SECONDS", -1)
    await town.forge(INSERT)
    async with connection_pool(f"{empty}?role=postkamer_archiver", "test", 2) as own:
        with capture_logs() as logs:
            await (await town_of(own, town.outside)).archiver.refresh()
    assert [each["event"] for each in logs] == ["tokens.refused"]
    [told] = await town.pool.fetch("select names from access.told_tokens")
    assert told["names"] == ["own"] and await town.refused() == {"own": "unrecorded"}


def list_age() -> float:
    return metrics.REGISTRY.get_sample_value("postkamer_token_list_age_seconds") or 0.0


async def test_gateway_takes_no_list_of_before_and_none_by_hand(town: Town) -> None:
    await town.forge(INSERT)
    before = await town.pool.fetchrow("select at, names, mac from access.told_tokens")
    assert before and await town.admits(OWN) == (False, False)
    await town.pool.execute("delete from access.refused_token")
    put_back = "update access.told_tokens set (at, names, mac) = ($1, $2, $3)"
    for at in (before["at"], clock.now()):
        await town.pool.execute(put_back, at, before["names"], before["mac"])
        await town.gateway.refresh()
        assert town.gateway.find(OWN, clock.now()) is None
    for nonsense in ("at = '20000-01-01'", "names = '{NULL,a}'", "at = '0044-03-15 BC'"):
        await town.pool.execute(f"update access.told_tokens set {nonsense}")
        await town.gateway.refresh()
    await town.pool.execute("delete from access.told_tokens")
    await town.gateway.refresh()
    assert town.gateway.find(OWN, clock.now()) is None
