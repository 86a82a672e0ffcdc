"""Templates of our numbers in PostgreSQL, and whose turn it is to ask for a list."""

from collections.abc import Mapping

import msgspec

from deliverer.meta.templates.template_page import TemplateList
from services.postgres.database import Connection, Pool
from services.stops.stopped_numbers import not_stopped
from services.whatsapp.templates import MessageTemplate


class TemplateStore:
    def __init__(self, pool: Pool, accounts: Mapping[str, str]) -> None:
        """`accounts` has the provider and its id of each of our numbers, and may grow."""
        self._pool, self._accounts = pool, accounts

    def _known(self) -> tuple[list[str], list[str]]:
        """Return our numbers, and the account of each."""
        return list(self._accounts), list(self._accounts.values())

    async def begin(self) -> None:
        """Forget numbers that are gone or have moved, and make all others due."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_FORGET_LOOKS, *self._known())
            await connection.execute(_FORGET_TEMPLATES)
            await connection.execute(_HASTEN)

    async def claim(self, seconds: float) -> str | None:
        """Claim a number that is due, or about whose templates Meta sent a notice, for so long;
        or return None. Stopped numbers rest."""
        values = *self._known(), seconds, GAP_SECONDS, SETTLING_SECONDS
        number: str | None = await self._pool.fetchval(_CLAIM, *values)
        return number

    async def store(self, number: str, listed: TemplateList) -> None:
        """Replace the templates of a number by this list."""
        async with self._pool.acquire() as connection, connection.transaction():
            # The row is locked first, and no other process deletes between our two statements.
            if await connection.fetchval(_ASKED, number, listed.account, listed.is_complete):
                await _replace(connection, number, list(listed.templates.values()))

    async def finish(self, number: str, seconds: float) -> None:
        """Set the next look at a number."""
        await self._pool.execute(_FINISH, number, seconds)


GAP_SECONDS = 5.0
"""Least time between two looks at a number, however many notices come."""
SETTLING_SECONDS = 60.0
"""Time after a notice in which the list is asked for once more: it may follow later than the
notice, and the gateway's clock may differ from the database's."""


async def _replace(connection: Connection, number: str, templates: list[MessageTemplate]) -> None:
    await connection.execute("delete from deliverer.template where number = $1", number)
    rows = [_row(number, each) for each in templates]
    await connection.executemany(_INSERT, rows)


def _row(number: str, template: MessageTemplate) -> tuple[str, ...]:
    return (
        number,
        template.name,
        template.language,
        template.status,
        template.category,
        template.quality,
        template.parameters,
        msgspec.json.encode(template.parts).decode(),
    )


_FORGET_LOOKS = """
delete from deliverer.template_look l where not exists (
    select from unnest($1::text[], $2::text[]) n (number, account)
    where n.number = l.number and n.account = l.account)
"""
_FORGET_TEMPLATES = """
delete from deliverer.template t where not exists (
    select from deliverer.template_look l where l.number = t.number)
"""
_HASTEN = "update deliverer.template_look set next_at = least(next_at, now())"
# A process that dies leaves its number due, from the end of its claim on.
_CLAIM = f"""
insert into deliverer.template_look as l
    (number, account, waba, next_at, begun_at, claimed_until, complete)
select n.number, n.account, '', now(), now(), now() + make_interval(secs => $3), true
from unnest($1::text[], $2::text[]) n (number, account)
left join deliverer.template_look o on o.number = n.number
where coalesce(o.claimed_until <= now(), true) and (o.number is null or o.next_at <= now()
    or o.begun_at <= now() - make_interval(secs => $4) and exists (
        select from router.template t where t.waba = o.waba and (t.noticed_at > o.begun_at
            or t.noticed_at between o.begun_at - make_interval(secs => $5)
                and now() - make_interval(secs => $5))))
    and {not_stopped("n.number")}
order by n.number limit 1
on conflict (number) do update set next_at = excluded.next_at, begun_at = excluded.begun_at,
    claimed_until = excluded.claimed_until
    where coalesce(l.claimed_until <= now(), true)
returning number
"""
_ASKED = """
update deliverer.template_look set waba = $2, complete = $3, asked_at = begun_at
where number = $1 returning true
"""
_INSERT = """
insert into deliverer.template
    (number, name, language, status, category, quality, parameters, parts)
values ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_FINISH = """
update deliverer.template_look
set next_at = now() + make_interval(secs => $2), claimed_until = null where number = $1
"""
