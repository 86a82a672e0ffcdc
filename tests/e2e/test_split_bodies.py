"""A body with three citizens of two municipalities: each is kept, read and lost alone, and only
while all of it is there do the signed bytes come together again. A body that nobody can
read is on the record whole."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import msgspec
import pytest
from pydantic import SecretStr

from archiver.audit.checkpoints import Trust, list_outside
from archiver.audit.log import VerifyOptions, verify_log
from archiver.encryption.key_store import KeyStore
from archiver.log import checkpoint_signer, outside_head
from archiver.log.outside_head import read_heads
from archiver.log.writer import Writer
from archiver.receipt_assembly import SegmentsDestroyed, assemble_body
from archiver.signing.signer import Signer
from services.config.settings import derive_key
from services.files.object_store import ObjectStore
from services.postgres.database import Pool, connection_pool
from tests.support.archiver.orders import eraser_of
from tests.support.citizens import NEIGHBOUR_TOKEN, SECRET, TOKEN, post, text, webhook
from tests.support.cli.command_line import postkamer
from tests.support.decrypted_record import KEY, keys_of
from tests.support.installation import NEIGHBOUR_NUMBER, Installation
from tests.support.observer import Watch, until

SAID = {21: "pieces Anna", 22: "pieces Bram", 23: "pieces Cees"}
"""The third citizen wrote to the other municipality."""
TOKENS = {21: TOKEN, 22: TOKEN, 23: NEIGHBOUR_TOKEN}


def body() -> bytes:
    """Bodies with one change each, made one of two entries."""
    ours = webhook(*(text(SAID[n], f"wamid.pieces{n}", n) for n in (21, 22)))
    theirs = webhook(text(SAID[23], "wamid.pieces23", 23), number=NEIGHBOUR_NUMBER)
    both = msgspec.json.decode(ours)
    both["entry"] += msgspec.json.decode(theirs)["entry"]
    return msgspec.json.format(msgspec.json.encode(both), indent=1)  # as nobody would write it


class Archive:
    """The archive, as it is open to a holder of the master key and the database."""

    def __init__(self, town: Installation, pool: Pool, keys: KeyStore) -> None:
        self.town, self.pool, self.keys = town, pool, keys
        self.writer = Writer(pool, keys)
        self.destroyer = eraser_of(pool, keys, town.objects)

    async def receipt(self) -> UUID:
        sql = "select receipt from archiver.entry where kind = 'message' and receipt is not null"
        rows = await self.pool.fetch(f"{sql} and item = 2")
        id: UUID = rows[0]["receipt"]
        return id

    async def together(self) -> bytes | None:
        async with self.pool.acquire() as connection:
            try:
                found = await assemble_body(connection, self.keys, await self.receipt())
            except SegmentsDestroyed:
                return None
        mac = hmac.new(SECRET, found.body, hashlib.sha256).hexdigest()
        assert found.remainder.signature.removeprefix("sha256=") == mac, "as Meta signed it"
        return found.body

    async def wrong(self) -> list[Any]:
        """Findings of the log's own check, after it was signed once more."""
        seed = derive_key([SecretStr(KEY)], checkpoint_signer.PURPOSE)
        signer = Signer("postkamer", seed)
        store = ObjectStore(self.town.objects.as_uri())
        await checkpoint_signer.sign_checkpoint(self.pool, signer, store)
        asked = VerifyOptions(
            Trust("postkamer", signer.public_key), outside=await list_outside(store)
        )
        async with self.pool.acquire() as connection, connection.transaction(
            isolation="repeatable_read", readonly=True
        ):  # fmt: skip
            return [one async for one in verify_log(connection, asked, lambda seen, of: None)]


@asynccontextmanager
async def archive(town: Installation) -> AsyncIterator[Archive]:
    async with connection_pool(town.database.url, "test", 3) as pool:
        yield Archive(town, pool, await keys_of(pool))


async def readable(town: Installation, session: aiohttp.ClientSession) -> dict[int, str]:
    """Citizen -> what can be read of what they wrote, by a token of their municipality."""
    sql = "select message from archiver.entry where kind = 'message' and item is not null"
    ids = (await asyncio.to_thread(town.database.execute, f"{sql} order by item")).splitlines()
    found = {}
    for n, id in zip(SAID, ids, strict=True):
        for token in {TOKEN, NEIGHBOUR_TOKEN}:
            headers = {"Authorization": f"Bearer {token}"}
            async with session.get(f"{town.archiver}/v1/messages/{id}", headers=headers) as answer:
                if answer.status == 200:
                    assert token == TOKENS[n], "and by nobody else's"
                    found[n] = (await answer.json())["text"]
    return found


async def test_each_is_lost_alone_and_with_the_first_of_them_the_signed_bytes(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    sent = body()
    assert await post(session, town.gateway, sent) == 200
    joined = "select count(*) from opened.receipt"
    await until(lambda: watch.count(joined), bool, 10)
    async with archive(town) as kept:
        assert await kept.together() == sent
        assert await readable(town, session) == SAID
        conversations = {
            row["item"]: (row["tenant"], row["conversation"], row["id"])
            for row in await kept.pool.fetch(
                "select * from archiver.entry where kind = 'message' and item is not null"
            )
        }
        assert len({where[1] for where in conversations.values()}) == 3
        assert await kept.wrong() == []

        await kept.destroyer.erase_entry(conversations[0][2], "test")
        assert await kept.together() is None
        assert await readable(town, session) == {n: SAID[n] for n in (22, 23)}
        assert await kept.wrong() == []

        await kept.destroyer.erase_municipality("hengelo", "test")
        assert await readable(town, session) == {22: SAID[22]}
        assert await kept.wrong() == []

        await kept.destroyer.erase_conversation(*conversations[1][:2], "test")
        assert await readable(town, session) == {}
        assert await kept.wrong() == []
        await _nothing_is_left(kept)


async def _nothing_is_left(kept: Archive) -> None:
    """No key opens anything that the three citizens wrote."""
    rows = await kept.pool.fetch(
        "select e.kind from archiver.entry e left join archiver.conversation_key k"
        " using (tenant, conversation) where k.wrapped is not null and e.salt is not null"
    )
    # Of the first it is left that there was a conversation, and that it was handed over.
    left = {"conversation", "delivery", "configuration", "destruction", "view", "operation"}
    assert {row["kind"] for row in rows} <= left


async def test_a_municipality_whose_key_was_destroyed_goes_on_under_another(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    again = webhook(text("pieces anew", "wamid.anew", 24), number=NEIGHBOUR_NUMBER)
    assert await post(session, town.gateway, again) == 200
    anew = "select count(*) from opened.record where data->>'text' = 'pieces anew'"
    await until(lambda: watch.count(anew), lambda count: count == 1, 10)


@pytest.mark.parametrize("n", [0, 1, 2])
async def test_body_cannot_be_joined_when_one_of_its_pieces_is_gone(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, n: int
) -> None:
    """The loss of any of its citizens, in any order, keeps a body apart."""
    run = 30 + 3 * n
    parts = [text(f"pieces {run + each}", f"wamid.p{run + each}", run + each) for each in range(3)]
    sent = webhook(*parts)
    before = await watch.count("select count(*) from opened.receipt")
    assert await post(session, town.gateway, sent) == 200
    await until(
        lambda: watch.count("select count(*) from opened.receipt"),
        lambda count: count == before + 1,
        10,
    )
    async with archive(town) as kept:
        sql = "select r.id, r.receipt, r.item from opened.record r where data->>'wamid' = $1"
        row = await kept.pool.fetchrow(sql, f"wamid.p{run + n}")
        assert row and row["item"] == n
        async with kept.pool.acquire() as connection:
            assert (await assemble_body(connection, kept.keys, row["receipt"])).body == sent
            await kept.destroyer.erase_entry(row["id"], "test")
            with pytest.raises(SegmentsDestroyed):
                await assemble_body(connection, kept.keys, row["receipt"])
        assert await kept.wrong() == []


MARK = "onleesbaar en van een burger"
BODIES = {
    "cut": b'{"object": "whatsapp_business_account", "entry": [{"id": "' + MARK.encode(),
    "no text": b"\xff\xfe\x00" + MARK.encode() + b"\x00\xff",
    "no object": json.dumps([MARK, 1]).encode(),
}


async def run(town: Installation, *words: str) -> Any:
    env = {
        "POSTKAMER_DATABASE_URL": town.database.url,
        "POSTKAMER_ARCHIVE_KEY": KEY,
        "POSTKAMER_WORKING_KEY": KEY,
        "POSTKAMER_META_APP_SECRETS": SECRET.decode(),
        "POSTKAMER_OPERATOR": "A. Arts",
    }
    done = await asyncio.to_thread(postkamer, *words, "--json", env=env)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_unreadable_body_is_on_the_record_and_can_be_acted_on(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, tmp_path: Path, body: bytes
) -> None:
    known = {unit["id"] for unit in await run(town, "quarantine", "list")}
    assert await post(session, town.gateway, body) == 200

    async def new_units() -> list[dict[str, Any]]:
        units = await run(town, "quarantine", "list")
        return [unit for unit in units if unit["id"] not in known]

    [unit] = await until(new_units, bool, 15)
    assert unit["reason"] == "the body cannot be read"
    receipt = unit["receipt"]
    kept = f"select count(*) from archiver.entry where receipt = '{receipt}'"
    await until(lambda: watch.count(kept), bool, 10)
    words = ("archive", "receipt", receipt, "--out", str(tmp_path / "body"), "--reason", "test")
    assert (await run(town, *words))["signatureHolds"] is True
    assert (tmp_path / "body").read_bytes() == body
    await _is_sealed(town)
    id = unit["id"]
    shown = await run(town, "quarantine", "show", id, "--content", "--reason", "test")
    assert MARK in shown.get("content", "") or "contentBase64" in shown
    await run(town, "quarantine", "again", id)
    [again] = await until(new_units, lambda units: units and units[0]["id"] != id, 15)
    assert again["reason"] == unit["reason"]
    await run(town, "quarantine", "drop", again["id"], "--reason", "nothing in it")
    assert await new_units() == []


async def test_archiver_keeps_the_head_of_its_log_outside(
    town: Installation, session: aiohttp.ClientSession
) -> None:
    """By itself, with what came last."""
    key = derive_key([SecretStr(KEY)], outside_head.PURPOSE)
    assert await post(session, town.gateway, BODIES["cut"]) == 200

    async def is_kept() -> bool:
        heads = await read_heads(ObjectStore(town.objects.as_uri()), key)
        size = await asyncio.to_thread(
            town.database.execute, "select size from archiver.head where size > 0"
        )
        return bool(heads) and str(heads[-1].size) == size

    assert await until(is_kept, bool, 20)
    assert "not as it was" not in str(await run(town, "archive", "verify"))


async def _is_sealed(town: Installation) -> None:
    """Neither table has it in the open."""
    mark = MARK.encode().hex()
    for table, column in (("router.quarantine", "raw"), ("archiver.entry", "sealed")):
        sql = f"select count(*) from {table} where encode({column}, 'hex') like '%{mark}%'"
        assert await asyncio.to_thread(town.database.execute, sql) == "0", table
