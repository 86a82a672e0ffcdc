"""Reasons for which an employee reads a conversation whose department asks for one. Each holds for
one session and one conversation, and is sent to the archive with every look."""

from datetime import datetime, timedelta

from services.postgres.database import ANSWER_SECONDS, Pool
from services.postgres.shut_rows import SHUT
from services.sealing.columns import DESK_REASON, bind
from services.sealing.key_ring import RING
from services.tasks import with_timeout

LIFETIME = timedelta(hours=1)
"""Time for which a reason holds: who reads the conversation later today does so for another one."""
MAX_CHARACTERS = 500
"""Longest reason that the archive takes."""
COMMON = ("own", "colleague", "asked", "complaint")
"""Reasons that one chooses, each a key of words."""
OTHER = "other"


def reason_text(chosen: str, explanation: str) -> str:
    """Return a reason as the record has it, on one line; '' if none was given. Pure."""
    words = " ".join("".join(c if c.isprintable() else " " for c in explanation).split())
    return ": ".join(filter(None, (chosen, words)))[:MAX_CHARACTERS]


class ReasonStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, session: bytes, conversation: str, now: datetime) -> str:
        """Return the reason that holds now; '' if none does."""
        query = self._pool.fetchrow(_FIND, session, conversation, now - LIFETIME)
        row = await with_timeout(ANSWER_SECONDS, query)
        try:
            bound = bind(session, conversation)
            return RING.unseal(row["reason"], DESK_REASON, bound).decode() if row else ""
        except SHUT:
            return ""

    async def store(self, session: bytes, conversation: str, reason: str, now: datetime) -> None:
        sealed = RING.seal(reason.encode(), DESK_REASON, bind(session, conversation))
        query = self._pool.execute(_STORE, session, conversation, sealed, now)
        await with_timeout(ANSWER_SECONDS, query)


_FIND = """
select reason from desk.reason where session = $1 and conversation = $2 and given_at > $3
"""

_STORE = """
insert into desk.reason (session, conversation, reason, given_at) values ($1, $2, $3, $4)
on conflict (session, conversation) do update
    set reason = excluded.reason, given_at = excluded.given_at
"""
