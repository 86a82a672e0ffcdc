"""Drafts and answers in PostgreSQL. A draft has the idempotency key of its answer from its first
letter on, so that the answer goes once, however often and by whichever process it is sent."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services import clock
from services.ids import parse_uuid
from services.postgres.database import ANSWER_SECONDS, Pool
from services.postgres.shut_rows import SHUT
from services.sealing.columns import DESK_ANSWER, DESK_DRAFT, bind
from services.sealing.key_ring import RING
from services.tasks import with_timeout

MAX_CHARACTERS = 4096
"""Longest text that Meta takes."""


class Draft(msgspec.Struct, frozen=True):
    key: UUID
    text: str = ""
    about: UUID | None = None
    """Message that the answer quotes."""


class GivenAnswer(msgspec.Struct, frozen=True):
    """An answer as the gateway gets it: given again under its key, the same body goes once."""

    key: UUID
    conversation: str
    covers: int
    """Sequence number of the newest message that its writer saw."""
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """Words of an answer; '' for a file, a reaction or a template."""
        return str(self.body.get("text", {}).get("body", ""))

    @property
    def caption(self) -> str:
        """Words beside a file."""
        return str(self.body.get("media", {}).get("caption", ""))

    @property
    def words(self) -> str:
        """Words by which its writer knows it again; '' for a file without any."""
        emoji = self.body.get("reaction", {}).get("emoji", "")
        return self.text or self.caption or emoji or self.body.get("template", {}).get("name", "")

    @property
    def quotes(self) -> UUID | None:
        """Message that it quotes."""
        return parse_uuid(str(self.body.get("replyTo", "")))


_bodies = msgspec.json.Decoder(dict[str, Any])
_encode = msgspec.json.Encoder().encode


class AnswerStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find_draft(self, conversation: str, person: bytes) -> Draft:
        """Return the draft of an employee, or a new one that is not stored yet."""
        query = self._pool.fetchrow(_FIND, conversation, person)
        row = await with_timeout(ANSWER_SECONDS, query)
        if row is None:
            return Draft(clock.new_id())
        try:
            text = RING.unseal(row["text"], DESK_DRAFT, bind(conversation, person)).decode()
        except SHUT:
            text = ""
        return Draft(row["key"], text, row["about"])

    async def store_draft(
        self, conversation: str, person: bytes, draft: Draft, now: datetime
    ) -> None:
        """Store a draft. One that was sent meanwhile, from another page of the same employee, is
        not stored again."""
        sealed = RING.seal(draft.text.encode(), DESK_DRAFT, bind(conversation, person))
        parameters = conversation, person, draft.key, sealed, draft.about, now
        await with_timeout(ANSWER_SECONDS, self._pool.execute(_STORE, *parameters))

    async def begin(self, answer: GivenAnswer, person: bytes, now: datetime) -> None:
        """Note that an answer is about to be given to the gateway, before it is."""
        sealed = RING.seal(_encode(answer.body), DESK_ANSWER, bind(answer.key))
        parameters = answer.key, answer.conversation, person, answer.covers, sealed, now
        await with_timeout(ANSWER_SECONDS, self._pool.execute(_BEGIN, *parameters))

    async def accepted(self, key: UUID, message: UUID) -> None:
        """Note the id that the gateway gave, and drop the draft: it is sent."""
        await with_timeout(ANSWER_SECONDS, self._pool.execute(_ACCEPTED, key, message))

    async def refused(self, key: UUID) -> None:
        """Forget that an answer was given: the gateway did not take it. The draft stays; so does an
        answer that another page gave under the same key, if it was taken."""
        query = self._pool.execute(_REFUSED, key)
        await with_timeout(ANSWER_SECONDS, query)

    async def find_accepted(self, conversation: str, person: bytes, since: datetime) -> UUID | None:
        """Return the last answer of an employee that the gateway took since then."""
        query = self._pool.fetchval(_LAST, conversation, person, since)
        found: UUID | None = await with_timeout(ANSWER_SECONDS, query)
        return found

    async def find_unsure(self, conversation: str, person: bytes) -> GivenAnswer | None:
        """Return an answer that was given to the gateway, of which nobody knows if it was taken."""
        query = self._pool.fetchrow(_UNSURE, conversation, person)
        row = await with_timeout(ANSWER_SECONDS, query)
        if row is None:
            return None
        try:
            body = _bodies.decode(RING.unseal(row["body"], DESK_ANSWER, bind(row["key"])))
        except SHUT:
            return None
        return GivenAnswer(row["key"], conversation, row["covers"], body)


_FIND = "select key, text, about from desk.draft where conversation = $1 and person = $2"

_STORE = """
insert into desk.draft (conversation, person, key, text, about, written_at)
select $1, $2, $3, $4, $5, $6 where not exists (
    select from desk.answer where key = $3 and message is not null)
on conflict (conversation, person) do update
    set key = excluded.key, text = excluded.text, about = excluded.about,
        written_at = excluded.written_at
"""

_BEGIN = """
insert into desk.answer (key, conversation, person, covers, body, given_at)
values ($1, $2, $3, $4, $5, $6) on conflict (key) do nothing
"""

_ACCEPTED = """
with sent as (
    update desk.answer set message = $2, body = '' where key = $1 returning key)
delete from desk.draft using sent where draft.key = sent.key
"""

_REFUSED = "delete from desk.answer where key = $1 and message is null"

_LAST = """
select message from desk.answer
where conversation = $1 and person = $2 and given_at > $3 and message is not null
    and covers >= 0 -- a reaction answers nothing
order by given_at desc limit 1
"""

_UNSURE = """
select key, covers, body from desk.answer
where conversation = $1 and person = $2 and message is null order by given_at limit 1
"""
