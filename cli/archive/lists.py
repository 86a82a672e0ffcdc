"""`postkamer archive list`: destruction lists, from drawing them to the declaration."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from archiver.destruction.declaration import read_declaration
from archiver.destruction.declaration_pages import declaration_pdf
from archiver.destruction.declaration_store import Declared, find_declaration
from archiver.destruction.destruction_list import (
    LONGEST_TEXT,
    SPARING_REASONS,
    DestructionList,
    ItemGroup,
    ListEvent,
    ListItem,
    ListRefused,
    Step,
)
from archiver.destruction.handling import MEMBERS, draw_due, spare, term_rules, zero_day_rules
from archiver.destruction.list_store import MAX_LISTED, ListStore, Sparing
from archiver.encryption.key_store import KeyStore
from cli.support.archive_access import change_archive, load_keys, write_private_file
from cli.support.archive_rows import require_tenant
from cli.support.audit import Operation, parse_name
from cli.support.configuration import load_config
from cli.support.database import with_database
from cli.support.options import by_option, config_option, json_option
from cli.support.output import CommandRefused, count, fail, format_table, print_note, print_result
from cli.support.person import (
    identify_person,
    narrow_tenant,
    require_all_departments,
    require_reach,
)
from cli.support.reach import Subject
from services import clock
from services.calendar.opening_hours import day_of
from services.postgres.database import Connection, Pool
from services.printing.typesetter import Unprintable

NO_LIST = "there is no list {!r}"
NO_DECLARATION = "there is no declaration: nothing of {} was destroyed yet"
Day = click.DateTime(["%Y-%m-%d"])
Change = Callable[[ListStore, DestructionList, str], Awaitable[DestructionList]]
"""Changes a list, by a person."""
OPTIONS = {"reason": "--reason", "text": "--text", "until": "--until"}
"""Code of a refusal that is a fault of one member -> option of the command."""


class ListView(NamedTuple):
    """A list as it is shown."""

    found: DestructionList
    counts: dict[str, int]
    groups: list[ItemGroup]
    steps: list[tuple[datetime, ListEvent]]
    items: list[ListItem]


text_option = click.option("--text", default="", help="Words about it, archived; no personal data.")


@click.group("list")
def group() -> None:
    """Destruction lists, up to the declaration.

    Who draws a list does not approve it, nor does who reviews it.
    """


@group.command("draw")
@click.option("--tenant", help="The municipality, if there are several.")
@click.option("--until", type=Day, metavar="DAY", help="Only what was due before it; else today.")
@click.option("--zero-days", is_flag=True, help="Only results that are kept for no day.")
@by_option
@config_option
@json_option
def draw_command(
    tenant: str | None,
    until: datetime | None,
    zero_days: bool,
    by: str,
    path: Path | None,
    as_json: bool,
) -> None:
    """Draw a list of what is due. What is held, or on another list, is not on it.

    With --zero-days the list waits as long as an erasure that was granted.
    """
    config, name, now = load_config(path), parse_name(by), clock.now()
    day = until.date() if until else day_of(now)

    async def draw(connection: Connection, keys: KeyStore) -> tuple[ListView, Operation]:
        town = await require_tenant(connection, await narrow_tenant(connection, tenant) or None)
        await require_all_departments(connection, town)
        store, person = await list_store_of(connection, keys, name, town)
        rules = (zero_day_rules if zero_days else term_rules)(config, town)
        drawing = draw_due(store, rules, town, person, day, now)
        return await view_changed(store, await refuse_list(drawing), "draw")

    print_view(change_archive(draw, by=name), as_json=as_json)


@group.command("show")
@click.argument("id", required=False)
@click.option("--open", "only_open", is_flag=True, help="Only those not destroyed or withdrawn.")
@click.option("--items", is_flag=True, help="The conversations of the list ID too.")
@click.option("--after", default="", help="Only conversations behind this one.")
@json_option
def show_command(id: str | None, only_open: bool, items: bool, after: str, as_json: bool) -> None:
    """Show the lists, or the list ID.

    Of one its steps, and what is on it by department and result.
    """

    async def work(pool: Pool) -> ListView | list[tuple[DestructionList, dict[str, int]]]:
        async with pool.acquire() as connection, connection.transaction():
            store = ListStore(connection, await load_keys(connection))
            if id is None:
                tenant = await narrow_tenant(connection, None)
                lists = await store.lists(tenant, only_open=only_open)
                counts = await store.counts_of([each.id for each in lists])
                return [(each, counts[each.id]) for each in lists]
            found = await _find(store, connection, id)
            listed = await store.items(id, after) if items else []
            return await _view(store, found, listed)

    shown = with_database("archive", work)
    if isinstance(shown, ListView):
        print_view(shown, as_json=as_json)
        return
    summaries = [_summary(*each) for each in shown]
    lines = (_format_list(*each) for each in shown)
    print_result(summaries, lines, as_json=as_json, empty="there is no list")


def _step_command(name: str, step: Step, help: str) -> None:
    """Add the command of a step."""

    @group.command(name, help=help)
    @click.argument("id")
    @text_option
    @by_option
    @json_option
    def command(id: str, text: str, by: str, as_json: bool) -> None:
        async def take(store: ListStore, found: DestructionList, person: str) -> DestructionList:
            return await store.step(found, step, person, parse_text(text), clock.now())

        print_view(_change(id, name, take, by=parse_name(by)), as_json=as_json)


_step_command("review", "reviewed", "Say that the list ID was looked through, as owner of it.")
_step_command("return", "drawn", "Return the list ID, so that it is looked through again.")
_step_command("approve", "approved", "Approve the list ID: after its waiting time it is destroyed.")
_step_command("withdraw", "withdrawn", "Withdraw the list ID: nothing more of it is destroyed.")


@group.command("spare")
@click.argument("id")
@click.argument("conversations", nargs=-1, required=True)
@click.option("--reason", required=True, type=click.Choice(SPARING_REASONS), help="Archived.")
@click.option(
    "--until", type=Day, metavar="DAY", help="Put off until that day, instead of taken off."
)
@text_option
@by_option
@json_option
def spare_command(
    id: str,
    conversations: Sequence[str],
    until: datetime | None,
    by: str,
    as_json: bool,
    **why: Any,
) -> None:
    """Take CONVERSATIONS off the list ID, or put them off. Before its review."""
    day = until.date() if until else None
    sparing = Sparing(why["reason"], parse_text(why["text"]), day)

    async def take(store: ListStore, found: DestructionList, person: str) -> DestructionList:
        await spare(store, found, conversations, sparing, person, clock.now())
        return found

    print_view(_change(id, "spare", take, by=parse_name(by)), as_json=as_json)


@group.command("declaration")
@click.argument("id")
@click.option("--out", type=Path, help="Write it as a PDF (PDF/A), instead of printing the JSON.")
def declaration_command(id: str, out: Path | None) -> None:
    """Print the declaration of what the list ID destroyed."""

    async def work(pool: Pool) -> Declared:
        async with pool.acquire() as connection, connection.transaction():
            await _find(ListStore(connection, await load_keys(connection)), connection, id)
            declared = await find_declaration(connection, id)
        if declared is None:
            raise CommandRefused(NO_DECLARATION.format(id))
        return declared

    declared = with_database("archive", work)
    if out is None:
        click.echo(declared.document)
        print_note(f"entry of the log: {declared.entry}", as_json=False)
        return
    try:
        printed = declaration_pdf(read_declaration(declared.document), str(declared.entry))
    except Unprintable as error:
        fail(str(error))
    write_private_file(out, printed)


def parse_text(text: str) -> str:
    """Return words about a step; print a fault and exit."""
    if len(text) > LONGEST_TEXT:
        fail(f"--text: expected at most {LONGEST_TEXT} characters", 2)
    return text.strip()


def _change(id: str, action: str, change: Change, by: str) -> ListView:
    """Change a list with an audit entry, and return how it stands."""

    async def run(connection: Connection, keys: KeyStore) -> tuple[ListView, Operation]:
        store, person = await list_store_of(connection, keys, by)
        found = await _find(store, connection, id, store.lock)
        changed = await refuse_list(change(store, found, person))
        return await view_changed(store, changed, action)

    return change_archive(run, by)


async def list_store_of(
    connection: Connection, keys: KeyStore, by: str, tenant: str | None = None
) -> tuple[ListStore, str]:
    """Return the store for steps by this person, and their name."""
    person = await identify_person(connection, by, tenant)
    return ListStore(connection, keys, person.identified), person.name


async def _find(
    store: ListStore,
    connection: Connection,
    id: str,
    read: Callable[[str], Awaitable[DestructionList | None]] | None = None,
) -> DestructionList:
    """Return a list of which the person reaches every department."""
    absent = NO_LIST.format(id)
    found = await (read or store.find)(id)
    if found is None:
        raise CommandRefused(absent)
    departments = (await store.departments([id]))[id]
    subjects = [Subject(found.tenant, each) for each in sorted(departments)]
    await require_reach(connection, subjects, absent)
    return found


async def refuse_list(change: Awaitable[DestructionList]) -> DestructionList:
    """Return the changed list. Raises CommandRefused if the rules forbid it."""
    try:
        return await change
    except ListRefused as refused:
        member = f"{OPTIONS[refused.code]}: " if refused.code in MEMBERS else ""
        raise CommandRefused(f"{member}{refused}") from None


async def _view(
    store: ListStore, found: DestructionList, items: list[ListItem] | None = None
) -> ListView:
    counts, groups = await store.counts(found.id), await store.groups(found.id)
    return ListView(found, counts, groups, await store.events(found), items or [])


async def view_changed(
    store: ListStore, found: DestructionList, action: str
) -> tuple[ListView, Operation]:
    """Return how a changed list stands, with the audit entry of the change."""
    view = await _view(store, found)
    data = {"state": found.state, "conversations": view.counts}
    what = f"archive list {action}"
    return view, Operation(what=what, about=found.id, tenant=found.tenant, data=data)


def _summary(found: DestructionList, counts: dict[str, int]) -> dict[str, Any]:
    return msgspec.structs.asdict(found) | {
        "waiting": found.waiting.total_seconds(),
        "destroyed_from": found.destroyed_from,
        "counts": counts,
    }


def print_view(view: ListView, *, as_json: bool) -> None:
    """Print how a list stands."""
    result = _summary(view.found, view.counts) | {
        "groups": view.groups,
        "steps": [{"at": at, "step": step} for at, step in view.steps],
        "items": view.items,
    }
    print_result(result, _format_view(view), as_json=as_json)
    if len(view.items) == MAX_LISTED:
        last = view.items[-1].conversation
        print_note(f"there may be more: --after {last}", as_json=as_json)


def _format_view(view: ListView) -> Iterator[str]:
    yield _format_list(view.found, view.counts)
    for at, step in view.steps:
        by = f"{step.by} ({step.identified})" if step.identified else step.by
        words = (step.conversation, step.reason, step.text, _format_contacts(step))
        about = " ".join(filter(None, words))
        yield f"  {at:%Y-%m-%d %H:%M}Z {step.event} by {by}" + (f": {about}" if about else "")
    yield from format_table([_format_group(each) for each in view.groups])
    for item in view.items:
        until = f" until {item.until}" if item.until else ""
        reason = f" ({item.reason}{until})" if item.reason else ""
        yield f"  {item.conversation} {item.department or '-'} {item.code or '-'}" + (
            f" kept until {_day(item.kept_until)}: {item.state}{reason}"
        )


def _format_contacts(step: ListEvent) -> str:
    """Return what an Open Klant has no more, and how much of it stays there."""
    if not step.destination:
        return ""
    contacts = count(step.contacts or 0, "contact|contacts")
    kept = f", {count(step.kept_count, 'object stays|objects stay')} there"
    return f"{contacts} of {step.destination}" + (kept if step.kept_count else "")


def _format_group(group: ItemGroup) -> list[str]:
    state = f"{group.state} ({group.reason})" if group.reason else group.state
    number = count(group.conversations, "conversation|conversations")
    return ["", group.department or "-", group.code or "-", state, number]


def _format_list(found: DestructionList, counts: dict[str, int]) -> str:
    about = f"due before {found.up_to}" if found.up_to else f"erasure of {found.request}"
    number = count(sum(counts.values()), "conversation|conversations")
    when = found.destroyed_from if found.state == "approved" else None
    from_ = f", destroyed from {when:%Y-%m-%d %H:%M}Z" if when else ""
    return f"{found.id} of {found.tenant}: {about}, {number}; {found.state}{from_}"


def _day(day: date | None) -> str:
    return f"{day}" if day else "-"
