"""`postkamer archive handover`: transcripts that go to a target when conversations are closed."""

from collections.abc import Iterator, Sequence

import click

from archiver.encryption.key_store import KeyStore
from archiver.handover.store import HandoverLine, list_handovers, try_again
from cli.support.archive_access import change_archive
from cli.support.audit import Operation, parse_reason
from cli.support.database import with_database
from cli.support.options import json_option, reason_option
from cli.support.output import TO_FETCH, CommandRefused, count, print_list, print_result
from cli.support.person import narrow_tenant, require_all_departments
from services.postgres.database import Connection, Pool

STATES = ("waiting", "parked", "done", "left")
OPEN = ("waiting", "parked")
NOTHING = "no transcript is parked there"
NOT_SAID = "say which: a conversation, --target, or both"


@click.group("handover")
def group() -> None:
    """Transcripts that go to a target when conversations are closed.

    Targets are in the configuration, as `[[tenants.handover]]`.
    """


@group.command("list")
@click.option(
    "--state",
    "states",
    type=click.Choice(STATES),
    multiple=True,
    help="Left: destroyed here, and a copy is, or may be, there. Otherwise what is not done.",
)
@json_option
def list_command(states: tuple[str, ...], as_json: bool) -> None:
    """Show transcripts that wait or are parked.

    The longest closed come first, each with its reason.
    """

    async def load(pool: Pool) -> list[HandoverLine]:
        tenant = await narrow_tenant(pool, None)
        return await list_handovers(pool, tenant, states or OPEN, TO_FETCH)

    lines = with_database("archive", load)
    print_list(lines, _format_lines, as_json=as_json, empty="no transcript is in this state")


def _format_lines(lines: Sequence[HandoverLine]) -> Iterator[str]:
    for each in lines:
        tried = f", tried {count(each.attempts, 'time|times')}" if each.attempts else ""
        about = each.reason or each.document
        words = f"{each.state}{tried}" + (f": {about}" if about else "")
        yield f"{each.closed_at:%Y-%m-%d %H:%M}Z  {each.conversation}  {each.target}  {words}"


@group.command("again")
@click.argument("conversation", default="")
@click.option("--target", default="", help="Its id: what is parked for this target.")
@reason_option
@json_option
def again_command(conversation: str, target: str, reason: str, as_json: bool) -> None:
    """Have parked transcripts tried again.

    Of a CONVERSATION, of a target, or of both.

    Use this when the cause is gone. The target is asked first if it has the document already.
    """
    reason = parse_reason(reason)
    if not (conversation or target):
        raise click.UsageError(NOT_SAID)

    async def again(connection: Connection, _: KeyStore) -> tuple[int, Operation]:
        tenant = await narrow_tenant(connection, None)
        await require_all_departments(connection, tenant)
        rows = await try_again(connection, tenant, target, conversation)
        if not rows:
            raise CommandRefused(NOTHING)
        data = {"why": reason, "conversations": sorted({row["conversation"] for row in rows})}
        about = conversation or target
        operation = Operation(
            what="archive handover again", about=about, tenant=rows[0]["tenant"], data=data
        )
        return len(rows), operation

    tried = change_archive(again)
    line = f"{count(tried, 'transcript|transcripts')} will be tried again"
    print_result({"transcripts": tried}, [line], as_json=as_json)
