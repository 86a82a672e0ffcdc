"""`postkamer parked`: deliveries that a destination refused; look, try again, give up."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import msgspec

from cli.destination import configured
from cli.tables import Refused, fail, on_tables, say
from cli.times import Time
from services.contract import Delivery
from services.database import Pool

MOST = 1000
"""Deliveries in one list, the oldest."""
GIVEN_UP = "{} was given up: what was said is in the archive, and not here to be tried again"
NOBODY = (
    "{0!r} is not in the configuration, so nobody would deliver its {1}: put it back there, or say "
    "by --destination which others"
)
PER_SECOND, FASTEST = 20, 200
"""Of what is tried again, unless told otherwise, and at most: it goes between what comes in, and a
deliverer holds twice of it in hand (`deliverer.replays.IN_HAND`)."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which parked deliveries; what is not given does not matter. `unreadable`: envelopes that
    could not be read, which cannot be tried again, or (None) all but these."""

    events: tuple[UUID, ...] = ()
    destination: str | None = None
    tenant: str | None = None
    conversation: str | None = None
    status: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    unreadable: bool = False

    @property
    def narrows(self) -> bool:
        return self != Filter(unreadable=self.unreadable)

    def values(self) -> tuple[Any, ...]:
        """As `WHERE` takes them."""
        return (
            list(self.events) or None, self.destination, self.tenant, self.conversation,
            self.status, self.since, self.until, self.unreadable,
        )  # fmt: skip


WHERE = """state = 'parked' and (event = any($1) or $1::uuid[] is null)
    and ($2::text is null or destination = $2) and ($3::text is null or tenant = $3)
    and ($4::text is null or conversation = $4) and ($5::int is null or status = $5)
    and ($6::timestamptz is null or at >= $6) and ($7::timestamptz is null or at < $7)
    and (conversation = '') = $8"""


class Parked(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Without a word of what was said."""

    event: UUID
    destination: str
    tenant: str
    conversation: str
    at: datetime
    status: int
    attempts: int
    replays: int
    reason: str


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a delivery: itself, and the first kilobyte of the answer that refused it."""

    delivery: Delivery
    answer: bytes


async def listed(pool: Pool, wanted: Filter) -> list[Parked]:
    """The oldest first."""
    rows = await pool.fetch(_LIST, *wanted.values(), MOST)
    return [Parked(**row) for row in rows]


async def counted(pool: Pool, wanted: Filter) -> int:
    count: int = await pool.fetchval(_COUNT, *wanted.values())
    return count


async def kept(pool: Pool, event: UUID) -> list[tuple[Parked, Kept]]:
    """At each destination that refused it."""
    rows = await pool.fetch(_SHOW, *Filter(events=(event,)).values())
    if not rows:
        raise Refused(f"there is no parked delivery {event}")
    return [
        (
            Parked(**{name: row[name] for name in Parked.__struct_fields__}),
            msgspec.msgpack.decode(row["body"], type=Kept),
        )
        for row in rows
    ]


async def replay(pool: Pool, wanted: Filter, per_second: int, to: Sequence[str]) -> int:
    """Have them tried again from now on, the oldest first, so many a second; how many. What is for
    others than these destinations stays as it is."""
    rows = await pool.fetch(_REPLAY, *wanted.values(), per_second, list(to))
    return len(rows)


async def possible(pool: Pool, wanted: Filter, to: Sequence[str]) -> None:
    """Whether there is somebody to deliver all of it."""
    await not_given_up(pool, wanted.events)
    if others := await pool.fetch(_FOR_OTHERS, *wanted.values(), list(to)):
        raise Refused("\n".join(NOBODY.format(row["destination"], row["n"]) for row in others))


async def drop(pool: Pool, wanted: Filter, reason: str) -> int:
    """Give them up, for a reason that goes on the record; how many."""
    rows = await pool.fetch(_DROP, *wanted.values(), reason)
    return len(rows)


async def not_given_up(pool: Pool, events: Sequence[UUID]) -> None:
    """Of what is named: there is nothing left of it to try again."""
    if gone := await pool.fetch(_GIVEN_UP, list(events)):
        raise Refused("\n".join(GIVEN_UP.format(row["event"]) for row in gone))


_FIELDS = "event, destination, tenant, conversation, at, status, attempts, replays, reason"
_LIST = f"select {_FIELDS} from deliverer.delivery where {WHERE} order by at, event limit $9"
_COUNT = f"select count(*) from deliverer.delivery where {WHERE}"
_SHOW = f"select {_FIELDS}, body from deliverer.delivery where {WHERE} order by destination"

_REPLAY = f"""
update deliverer.delivery d set state = 'replay', replays = d.replays + 1, claimed_by = null,
    claimed_until = null, due_at = now() + make_interval(secs => (q.place - 1) / $9::float8)
from (
    select destination, event, row_number() over (partition by destination order by at, event)
        as place
    from (select * from deliverer.delivery where {WHERE} and destination = any($10) for update)
        parked
) q
where (d.destination, d.event) = (q.destination, q.event) returning d.event
"""

_FOR_OTHERS = f"""
select destination, count(*) as n from deliverer.delivery
where {WHERE} and destination <> all($9) group by destination order by destination
"""

# Nobody will deliver it, so nobody needs what was said; the archive has it, for its time.
_DROP = f"""
update deliverer.delivery set state = 'dropped', reason = $9, at = now(), told = false, body = null
where {WHERE} returning event
"""
_GIVEN_UP = """
select distinct event from deliverer.delivery d where event = any($1) and state = 'dropped'
    and not exists (select from deliverer.delivery o where o.event = d.event and o.state = 'parked')
order by event
"""


def _filtered(command: Any) -> Any:
    """With the options that say which."""
    for option in reversed(
        (
            click.argument("events", nargs=-1, type=click.UUID),
            click.option("--destination", help="Its id."),
            click.option("--tenant", help="The municipality's id."),
            click.option("--conversation", help="Its id."),
            click.option("--status", type=int, help="HTTP status of the answer."),
            click.option("--since", type=Time(), help="Parked at or after."),
            click.option("--until", type=Time(), help="Parked before."),
            click.option("--json", "as_json", is_flag=True),
        )
    ):
        command = option(command)
    return command


@click.group("parked")
def group() -> None:
    """Deliveries that a destination refused.

    POSTKAMER_DATABASE_URL, as its owner; for `replay` POSTKAMER_CONFIG too.
    """


@group.command("list")
@_filtered
@click.option("--unreadable", is_flag=True, help="Envelopes that could not be read, instead.")
def list_command(as_json: bool, **given: Any) -> None:
    """Show what is parked, the oldest first; no word of what was said."""
    found = on_tables("parked", lambda pool: listed(pool, Filter(**given)))
    say(found, _lines(found), as_json=as_json)


def _lines(found: Sequence[Parked]) -> Iterator[str]:
    for one in found:
        again = f", set back {one.replays} times" if one.replays else ""
        tried = f"{one.attempts} attempt{'s' * (one.attempts != 1)}{again}"
        yield f"{one.event}  {one.at:%Y-%m-%d %H:%M:%S}Z  {one.destination}  {one.tenant}"
        yield f"    {one.conversation or '-'}  {tried}: {one.reason}"


@group.command("show")
@click.argument("event", type=click.UUID)
@click.option("--content", is_flag=True, help="With what was said, and the answer: personal data.")
@click.option("--json", "as_json", is_flag=True)
def show_command(event: UUID, content: bool, as_json: bool) -> None:
    """Show one, and why it was refused.

    Of the answer its size alone: many a CRM quotes in it what it was sent.
    """
    found = [_shown(*each, content) for each in on_tables("parked", lambda p: kept(p, event))]
    lines = (f"{name}: {value}" for one in found for name, value in one.items())
    say(found, lines, as_json=as_json)


def _shown(parked: Parked, kept: Kept, content: bool) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(parked) | {
        "type": kept.delivery.type,
        "department": kept.delivery.department,
        "sequence": kept.delivery.sequence,
        "receivedAt": kept.delivery.received_at,
        "answerBytes": len(kept.answer),
    }
    if not content:
        return told
    answer = kept.answer.decode(errors="replace")
    return told | {"answer": answer, "data": msgspec.json.decode(kept.delivery.data)}


@group.command("replay")
@_filtered
@click.option("--all", "everything", is_flag=True, help="All that is parked.")
@click.option(
    "--per-second", default=PER_SECOND, type=click.IntRange(1, FASTEST), show_default=True
)
@click.option("--dry-run", is_flag=True, help="Say how many, and do nothing.")
@click.option("--config", "path", type=Path, help="Instead of POSTKAMER_CONFIG.")
def replay_command(
    as_json: bool, everything: bool, per_second: int, dry_run: bool, path: Path | None, **given: Any
) -> None:
    """Deliver them again, under the same ids.

    Between what comes in, as many a second as is said, as long as the destination keeps up. What
    came later in a conversation has been delivered: whoever receives goes by `sequence`.
    """
    wanted, to = _narrow(Filter(**given), everything), configured(path)

    async def work(pool: Pool) -> int:
        await possible(pool, wanted, to)
        return await (counted(pool, wanted) if dry_run else replay(pool, wanted, per_second, to))

    count = on_tables("parked", work)
    words = f"{count} would be tried again" if dry_run else f"{count} are tried again"
    say({"count": count, "dryRun": dry_run}, [words], as_json=as_json)


@group.command("drop")
@_filtered
@click.option("--all", "everything", is_flag=True, help="All that is parked.")
@click.option("--unreadable", is_flag=True, help="Envelopes that could not be read, instead.")
@click.option("--reason", required=True, help="For the record; no personal data.")
@click.option("--dry-run", is_flag=True, help="Say how many, and do nothing.")
def drop_command(as_json: bool, everything: bool, reason: str, dry_run: bool, **given: Any) -> None:
    """Give them up: nobody is told of them any more.

    What was said is erased here, so they cannot be tried again; the archive has the messages all
    the same.
    """
    wanted = _narrow(Filter(**given), everything)
    work = counted if dry_run else lambda pool, wanted: drop(pool, wanted, reason)
    count = on_tables("parked", lambda pool: work(pool, wanted))
    words = f"{count} would be given up" if dry_run else f"{count} are given up"
    say({"count": count, "dryRun": dry_run}, [words], as_json=as_json)


def _narrow(wanted: Filter, everything: bool) -> Filter:
    if not (everything or wanted.narrows):
        fail("which? Name events, or say by --destination, --since ...; --all is all of them", 2)
    return wanted
