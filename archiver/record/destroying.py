"""Destroying: what opens a thing is taken away, in one place, so that every copy of it is lost.

First it is on the record that it will be gone; then it is gone. Done again, it changes nothing but
the record. Of a receipt of which anything was destroyed the envelope goes too: put together again,
the signed bytes would tell what was in it. Who may have this done, and when, is not decided here.
"""

from uuid import UUID

import msgspec

from archiver.record.writing import DESTRUCTION, Writer
from services import clock
from services.contract import Record
from services.database import Pool


class Destroyer:
    """`pool` is the owner's: the archiver's role takes nothing away."""

    def __init__(self, pool: Pool, writer: Writer) -> None:
        self._pool, self._writer = pool, writer

    async def entry(self, id: UUID, ground: str) -> bool:
        """One entry, with the file that came with it, what became of a message and was said of it,
        and where it came more than once its bytes there; whether there is one."""
        row = await self._pool.fetchrow(_ENTRY, id)
        if row is None:
            return False
        for one in await self._pool.fetch(_SAME, id):
            await self._say(row["tenant"], row["conversation"], ground, one["id"])
            await self._pool.execute(_ONE, one["id"])
            await self._pool.execute(_FILE, one["id"])
            await self._pool.execute(_FOUND, one["id"])
            await self._pool.execute(_ENVELOPES, [one["receipt"]])
        return True

    async def conversation(self, tenant: str, conversation: str, ground: str) -> None:
        """All of a conversation."""
        await self._say(tenant, conversation, ground)
        await self._pool.execute(_KEY, tenant, conversation)
        await self._pool.execute(_SUBJECTS, tenant, conversation)
        await self._pool.execute(_FILES, tenant, conversation)
        await self._pool.execute(_FOUND_IN, tenant, conversation)
        await self._envelopes(_RECEIPTS_OF_CONVERSATION, tenant, conversation)

    async def municipality(self, tenant: str, ground: str) -> None:
        """All of a municipality."""
        await self._say(tenant, "", ground)
        await self._pool.execute(_KEYS, tenant)
        await self._pool.execute(_MUNICIPAL, tenant)
        await self._pool.execute(_ALL_SUBJECTS, tenant)
        await self._pool.execute(_ALL_FILES, tenant)
        await self._pool.execute(_ALL_FOUND, tenant)
        await self._envelopes(_RECEIPTS_OF_MUNICIPALITY, tenant)

    async def _envelopes(self, of: str, *whose: str) -> None:
        rows = await self._pool.fetch(of, *whose)
        await self._pool.execute(_ENVELOPES, [row["receipt"] for row in rows])

    async def _say(
        self, tenant: str, conversation: str, ground: str, entry: UUID | None = None
    ) -> None:
        record = Record(
            id=clock.new_id(),
            kind=DESTRUCTION,
            at=clock.now(),
            data=msgspec.json.encode({"ground": ground}),
            tenant=tenant,
            conversation=conversation,
            message=entry,
        )
        await self._writer.add([record])


_ENTRY = "select tenant, conversation from archiver.entry where id = $1"

_SAME = """
select e.id, e.receipt from archiver.entry e where e.id = $1
union all
select s.id, s.receipt from archiver.entry e
join archiver.entry s on s.message = e.message
    and s.kind in ('segment', 'status', 'send', 'media', 'annotation')
where e.id = $1 and e.kind = 'message'
"""

_ONE = "update archiver.entry set salt = null where id = $1"

_FILE = """
update archiver.media m set salt = null, file_salt = null, sha256 = '' from archiver.entry e
where e.id = $1 and e.kind = 'message' and m.id = coalesce(e.message, e.id)
"""

# The hash of what was in a file would tell whoever has it that it was sent.
_FILES = """
update archiver.media set salt = null, file_salt = null, sha256 = ''
where tenant = $1 and conversation = $2
"""
_ALL_FILES = """
update archiver.media set salt = null, file_salt = null, sha256 = '' where tenant = $1
"""

_ENVELOPES = """
update archiver.entry set salt = null where id = any($1::uuid[]) and kind = 'receipt'
"""

_KEY = "delete from archiver.conversation_key where tenant = $1 and conversation = $2"
_KEYS = "delete from archiver.conversation_key where tenant = $1"
_MUNICIPAL = "delete from archiver.municipality_key where tenant = $1"
_SUBJECTS = "delete from archiver.subject where tenant = $1 and conversation = $2"
_ALL_SUBJECTS = "delete from archiver.subject where tenant = $1"

_FOUND = "delete from archiver.searchable where id = $1"
_FOUND_IN = "delete from archiver.searchable where tenant = $1 and conversation = $2"
_ALL_FOUND = "delete from archiver.searchable where tenant = $1"

_RECEIPTS_OF_CONVERSATION = """
select distinct receipt from archiver.entry
where tenant = $1 and conversation = $2 and receipt is not null
"""
_RECEIPTS_OF_MUNICIPALITY = """
select distinct receipt from archiver.entry where tenant = $1 and receipt is not null
"""
