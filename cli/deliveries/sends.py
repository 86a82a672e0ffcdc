"""`postkamer sends`: messages of which it is not known if Meta sent them; list and settle them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

import click
import msgspec

from cli.support.api_command import (
    build_body,
    print_outcomes,
    run_with_gateway,
    send_command,
)
from cli.support.audit import Operation, parse_reason, run_audited
from cli.support.configuration import require_known
from cli.support.database import with_database
from cli.support.options import by_option, json_option, reason_option
from cli.support.output import TO_FETCH, CommandRefused, count, print_list, print_result
from cli.support.person import narrow_tenant, require_town
from cli.support.recorded import leave_to_archiver
from deliverer.meta.ledger import UNKNOWN_SECONDS
from services.ids import CONVERSATION
from services.postgres.database import Connection, Pool

LONGEST_REASON = 500
"""Longest reason; the gateway's API takes no more."""


class UnconfirmedSend(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A message of which it is not known if Meta sent it, without its contents."""

    message: UUID
    conversation: str
    tenant: str
    department: str
    number: str
    type: str
    author: str
    """Kind of author."""
    at: datetime
    """Time of the attempt."""
    settled_from: datetime | None = None
    """Time from which a person may settle it: until then Meta may still report. None: now."""


_LIST = """
select l.id as message, l.conversation, o.tenant, o.department, l.number, o.type,
    l.author_kind as author, l.claimed_at as at,
    case when l.state = 'unknown' then l.claimed_at + make_interval(secs => $4) end as settled_from
from deliverer.ledger l join router.outgoing o using (id)
where l.state in ('unknown', 'unconfirmed') and ($1::text is null or o.tenant = $1)
    and ($2::text is null or l.number = $2)
order by l.claimed_at limit $3
"""
RUNS = "a deliverer runs: stop it first, as each step of a restore"
_RUNS = """
select exists (select from pg_stat_activity
    where application_name like 'postkamer-deliverer %' and datname = current_database())
"""
# What is not due yet was not due when the machine was lost. The attempt is counted, so that the one
# that may have been made is another than the next.
_DOUBT = """
update deliverer.ledger set state = 'unknown', attempt = attempt + 1, claimed_at = now(),
    claimed_by = null, first_at = coalesce(first_at, now()), stopped = false, code = 0,
    reason = 'the database was restored'
where not test and (state = 'queued' and due_at <= now() or state = 'held' and $1)
returning id
"""
_HELD = "select count(*) from deliverer.ledger where state = 'held' and not test"


@click.group("sends")
def group() -> None:
    """Messages to citizens that may or may not have been sent.

    `list` and `doubt` need POSTKAMER_DATABASE_URL, as its owner; `settle` needs
    POSTKAMER_API_TOKEN, with the role send or kcc.
    """


@group.command("list")
@click.option("--tenant", help="The municipality's id.")
@click.option("--number", help="Its id.")
@json_option
def list_command(tenant: str | None, number: str | None, as_json: bool) -> None:
    """Show the messages in doubt: it is not known if Meta sent them.

    The oldest comes first. Look in WhatsApp Manager or ask the citizen, then settle each. In the
    first ten minutes Meta may still report. The list has no contents.
    """

    async def work(pool: Pool) -> list[UnconfirmedSend]:
        limited = await narrow_tenant(pool, tenant) or None
        rows = await pool.fetch(_LIST, limited, number, TO_FETCH, UNKNOWN_SECONDS)
        return [UnconfirmedSend(**row) for row in rows]

    sends = with_database("sends", work)
    if not sends:
        require_known(number=number, tenant=tenant)
    print_list(sends, _format, as_json=as_json, empty="no message is in doubt")


def _format(sends: Sequence[UnconfirmedSend]) -> Iterator[str]:
    for each in sends:
        yield f"{each.at:%Y-%m-%d %H:%M:%S}Z  {each.number}  {each.tenant}/{each.department}"
        wait = f", to settle from {each.settled_from:%H:%M:%S}Z" if each.settled_from else ""
        yield f"    {each.type or 'text'} by {each.author or 'employee'}{wait}"
        yield f"    {each.conversation} {each.message}"


@group.command("settle")
@click.argument("conversation")
@click.argument("message", type=click.UUID)
@click.option(
    "--saw",
    required=True,
    type=click.Choice(["sent", "not-sent"]),
    help="sent: it arrived. not-sent: it did not, so it is sent again.",
)
@reason_option
@by_option
@json_option
def settle_command(
    conversation: str, message: UUID, saw: str, reason: str, by: str, as_json: bool
) -> None:
    """Settle MESSAGE in CONVERSATION with what you saw at Meta.

    A message that did not arrive is sent again. --reason says where you saw it.
    """
    if not CONVERSATION.fullmatch(conversation):
        raise click.BadParameter("it is no id of a conversation", param_hint="CONVERSATION")
    reason = parse_reason(reason, LONGEST_REASON, noun="one line")
    path = f"/v1/conversations/{conversation}/_settle"
    seen = saw.replace("-", "_")
    body = build_body(by, message=str(message), seen=seen, reason=reason)
    outcome = run_with_gateway(
        lambda gateway: send_command(gateway, "POST", path, body, conversation=conversation)
    )
    print_outcomes([outcome], outcome, "en", as_json=as_json)


class DoubtedSends(msgspec.Struct, frozen=True):
    """Messages that are in doubt since a restore, and answers on hold that are not."""

    doubted: int
    held: int


@group.command("doubt")
@click.option("--held", is_flag=True, help="Also the answers on hold: the back-up is hours old.")
@reason_option
@json_option
def doubt_command(held: bool, reason: str, as_json: bool) -> None:
    """Put in doubt what waited when the restored database was backed up.

    A step of each restore, before the deliverer starts: the deliverer that was lost may have sent
    these messages since, and they would arrive twice. A status of Meta's settles them, and after
    ten minutes a person does.
    """
    reason = parse_reason(reason)

    async def doubt(connection: Connection) -> tuple[DoubtedSends, Operation | None]:
        await require_town(connection)
        if await connection.fetchval(_RUNS):
            raise CommandRefused(RUNS)
        doubted = len(await connection.fetch(_DOUBT, held))
        result = DoubtedSends(doubted, int(await connection.fetchval(_HELD)))
        data = {"why": reason, "count": doubted}
        return result, Operation(what="sends doubt", data=data) if doubted else None

    result = run_audited("sends", doubt, before_commit=lambda _: leave_to_archiver())
    print_result(result, _doubt_lines(result), as_json=as_json)


def _doubt_lines(result: DoubtedSends) -> Iterator[str]:
    yield f"{count(result.doubted, 'message is|messages are')} in doubt"
    if result.held:
        yield f"{count(result.held, 'answer stays|answers stay')} on hold: see --held"
