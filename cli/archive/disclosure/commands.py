"""`postkamer archive disclosure`: what is made public, or shown to who asked for access."""

from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO, TypeVar

import click
import msgspec

from archiver.disclosure.assessment import Assessor, bind_redactions, picture_ids, propose
from archiver.disclosure.disclosure import (
    DECISIONS,
    KINDS,
    LONGEST_TEXT,
    Decision,
    Disclosure,
    DisclosureEvent,
    DisclosureRefused,
    Document,
    State,
)
from archiver.disclosure.disclosure_store import DisclosureStore
from archiver.disclosure.grounds import ground_fault
from archiver.disclosure.handling import DocumentReader, OpenDocument
from archiver.disclosure.redaction import Redactions, add_redactions
from archiver.disclosure.redaction_list import WrittenList, parse_list, read_redactions
from archiver.disclosure.redactor import find_texts
from archiver.disclosure.remnants import find_remnants
from archiver.encryption.key_store import KeyStore
from archiver.retention.hold_store import HoldStore
from archiver.subject_access.person_finder import TooManyMatches
from archiver.subject_access.requests.fault import OrderRefused
from archiver.transcript.maker import TooLong
from cli.archive.disclosure.export import ExportOrder, write_export
from cli.archive.holds import format_refusal, read_order, review_option
from cli.support.archive_access import change_archive, load_keys, with_archive
from cli.support.audit import Operation, parse_name, parse_reason
from cli.support.configuration import load_config
from cli.support.database import with_database
from cli.support.options import Time, by_option, config_option, json_option, reason_option
from cli.support.output import CommandRefused, count, fail, print_result
from cli.support.person import identify_person, narrow_tenant, require_all_departments
from cli.support.person_options import person_options
from services import clock
from services.config.model import Configuration
from services.postgres.database import Connection, Pool

NO_DISCLOSURE = "there is no disclosure {!r}"
NO_DOCUMENT = "{} has no document {}"
NOT_THEIRS = (
    "--kind access: say of whom, or of which conversation: a selection has other people too"
)
NOTHING = "say what to redact: --list, --propose, or both"
T = TypeVar("T")


class DisclosureView(msgspec.Struct, frozen=True):
    """A disclosure as it is shown."""

    found: Disclosure
    documents: list[Document]
    steps: list[tuple[datetime, DisclosureEvent]]


class Desk(msgspec.Struct, frozen=True):
    """A person with a disclosure that nobody else changes meanwhile."""

    connection: Connection
    keys: KeyStore
    store: DisclosureStore
    found: Disclosure
    person: str

    async def document(self, number: int) -> Document:
        documents = await self.store.documents(self.found.id)
        if not 0 < number <= len(documents):
            raise CommandRefused(NO_DOCUMENT.format(self.found.id, number))
        return documents[number - 1]

    async def opened(self, number: int, config: Configuration) -> OpenDocument:
        reader = DocumentReader(self.connection, self.keys, config)
        return await reader.open(self.found, await self.document(number))

    async def view(self) -> DisclosureView:
        found = await self.store.find(self.found.id) or self.found
        return DisclosureView(
            found, await self.store.documents(found.id), await self.store.steps(found)
        )


text_option = click.option("--text", default="", help="Words about it, archived. Name no citizen.")


@click.group("disclosure")
def group() -> None:
    """Requests under the Woo, and for access.

    They choose conversations, redact them, decide about each, and write what is handed over.

    Who draws, redacts, decides or reviews does not approve.
    """


@group.command("draw")
@click.option("--kind", default="woo", type=click.Choice(KINDS), help="woo unless given.")
@review_option
@click.option("--text", required=True, help="The reference of the case. Archived.")
@click.option("--conversation", help="Its id: the disclosure is of this conversation.")
@click.option("--department", "departments", multiple=True, help="Its id; may be repeated.")
@click.option("--words", help="Words that must all occur in a message or a note, in any form.")
@click.option("--since", type=Time(), help="Received at this time or later, in Amsterdam.")
@click.option("--until", type=Time(), help="Received before this time.")
@click.option("--employee", "named", multiple=True, help="Id of an employee who is named.")
@person_options
@by_option
@json_option
def draw_command(
    *, kind: str, named: Sequence[str], by: str, as_json: bool, **options: Any
) -> None:
    """Draw a disclosure, with the hold that selects its documents.

    It is of one of a conversation, a person and a selection.
    """
    order, name = read_order(ground=kind, **options), parse_name(by)
    if kind == "access" and order.kind == "selection":
        fail(NOT_THEIRS, 2)

    async def draw(connection: Connection, keys: KeyStore) -> tuple[DisclosureView, Operation]:
        await require_all_departments(connection, order.tenant)
        person = await identify_person(connection, name, order.tenant)
        now = clock.now()
        holds = HoldStore(connection, keys, person.identified)
        store = DisclosureStore(connection, keys, person.identified)
        try:
            hold = await holds.place_order(order, person.name, now)
        except OrderRefused as refused:
            raise CommandRefused(format_refusal(refused)) from None
        except TooManyMatches as error:
            raise CommandRefused(str(error)) from None
        drawing = store.draw(kind, hold, named, person.name, order.text, now)  # type: ignore[arg-type]
        desk = Desk(connection, keys, store, await drawing, person.name)
        await refuse(store.refresh(desk.found, person.name, now))
        return await desk.view(), _operation("draw", desk.found, hold=hold.id)

    print_view(change_archive(draw, by=name), as_json=as_json)


@group.command("refresh")
@click.argument("id")
@by_option
@json_option
def refresh_command(id: str, by: str, as_json: bool) -> None:
    """Add what came since the last time to the disclosure ID.

    A document that goes on further is decided anew.
    """
    name = parse_name(by)

    async def refresh(connection: Connection, keys: KeyStore) -> tuple[DisclosureView, Operation]:
        desk = await open_desk(connection, keys, id, name)
        changed = await refuse(desk.store.refresh(desk.found, desk.person, clock.now()))
        return await desk.view(), _operation("refresh", desk.found, documents=len(changed))

    print_view(change_archive(refresh, by=name), as_json=as_json)


@group.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """Show the disclosures, the newest first."""

    async def work(pool: Pool) -> list[Disclosure]:
        async with pool.acquire() as connection:
            store = DisclosureStore(connection, await load_keys(connection))
            return await store.disclosures(await narrow_tenant(connection, None))

    found = with_database("archive", work)
    print_result(found, map(_format, found), as_json=as_json, empty="there is no disclosure")


@group.command("show")
@click.argument("id")
@click.argument("number", type=click.IntRange(1), required=False)
@reason_option
@config_option
@json_option
def show_command(
    id: str, number: int | None, reason: str, path: Path | None, as_json: bool
) -> None:
    """Show the disclosure ID, or its document NUMBER with all its texts.

    Your use of this command is archived.
    """
    why = parse_reason(reason)
    config = load_config(path) if number else None

    async def show(connection: Connection, keys: KeyStore) -> tuple[Any, Operation]:
        desk = await open_desk(connection, keys, id, "")
        operation = _operation("show", desk.found, why=why, number=number or 0)
        if number is None or config is None:
            return await desk.view(), operation
        opened = await refuse(desk.opened(number, config))
        operation.data["conversations"] = [opened.document.conversation]
        redactions = await desk.store.redactions(desk.found, opened.document)
        return _document_json(opened, redactions, config), operation

    shown = change_archive(show)
    if isinstance(shown, DisclosureView):
        print_view(shown, as_json=as_json)
    else:
        print_result(shown, _format_document(shown), as_json=as_json)


@group.command("redact")
@click.argument("id")
@click.argument("number", type=click.IntRange(1))
@click.option("--list", "file", type=click.File(encoding="utf-8"), help="CSV; - for input.")
@click.option(
    "--propose",
    "should_propose",
    is_flag=True,
    help="Add names, numbers and addresses that are found.",
)
@reason_option
@by_option
@config_option
@json_option
def redact_command(
    *,
    id: str,
    number: int,
    file: TextIO | None,
    should_propose: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Redact the document NUMBER of the disclosure ID.

    A list takes the place of all redactions before. The original stays as it is.
    """
    if file is None and not should_propose:
        fail(NOTHING, 2)
    name, why = parse_name(options["by"]), parse_reason(options["reason"])
    config = load_config(options["path"])
    text = _read_text(file) if file else None

    async def redact(connection: Connection, keys: KeyStore) -> tuple[Any, Operation]:
        desk = await open_desk(connection, keys, id, name)
        opened = await refuse(desk.opened(number, config))
        if text is None:
            redactions = await desk.store.redactions(desk.found, opened.document)
        else:
            redactions = _read_list(text, desk.found, find_texts(opened.transcript))
        if should_propose:
            more = Redactions(spans=propose(desk.found, opened, redactions))
            redactions = add_redactions(redactions, more)
        with refusing():
            bound = bind_redactions(opened, redactions, config)
        storing = desk.store.redact(desk.found, opened.document, bound, desk.person, clock.now())
        await refuse(storing)
        conversations = [opened.document.conversation]
        data = {"why": why, "number": number, "conversations": conversations}
        return _document_json(opened, bound, config), _operation("redact", desk.found, **data)

    shown = change_archive(redact, by=name)
    print_result(shown, _format_document(shown), as_json=as_json)


@group.command("decide")
@click.argument("id")
@click.argument("numbers", nargs=-1, required=True, type=click.IntRange(1))
@click.option("--decision", required=True, type=click.Choice(DECISIONS))
@click.option("--ground", "grounds", multiple=True, help="Of a refusal, such as 5.1.2e.")
@by_option
@config_option
@json_option
def decide_command(
    *,
    id: str,
    numbers: Sequence[int],
    decision: Decision,
    grounds: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Decide about the documents NUMBERS of the disclosure ID.

    `partly` gets the grounds of what is left out; `closed` gets those of --ground.
    """
    name, config = parse_name(options["by"]), load_config(options["path"])

    async def decide(connection: Connection, keys: KeyStore) -> tuple[DisclosureView, Operation]:
        desk = await open_desk(connection, keys, id, name)
        for ground in grounds:
            if fault := ground_fault(ground, desk.found.kind):
                raise CommandRefused(f"--ground: {fault}")
        reader = DocumentReader(connection, keys, config)
        assessor = Assessor(desk.store, reader, config, desk.found)
        documents = [await desk.document(each) for each in dict.fromkeys(numbers)]
        judging = (assessor.judge(each, decision, grounds) for each in documents)
        verdicts = [await refuse(each) for each in judging]
        await refuse(desk.store.decide(desk.found, verdicts, desk.person, clock.now()))
        data = {"numbers": [*numbers], "decision": decision}
        return await desk.view(), _operation("decide", desk.found, **data)

    print_view(change_archive(decide, by=name), as_json=as_json)


def _step_command(name: str, step: State, help: str) -> None:
    """Add the command of a step."""

    @group.command(name, help=help)
    @click.argument("id")
    @text_option
    @by_option
    @json_option
    def command(id: str, text: str, by: str, as_json: bool) -> None:
        who, words = parse_name(by), _parse_text(text)

        async def take(connection: Connection, keys: KeyStore) -> tuple[DisclosureView, Operation]:
            desk = await open_desk(connection, keys, id, who)
            await refuse(desk.store.step(desk.found, step, desk.person, words, clock.now()))
            return await desk.view(), _operation(name, desk.found)

        print_view(change_archive(take, by=who), as_json=as_json)


_step_command("review", "reviewed", "Say that everything in the disclosure ID is decided.")
_step_command("return", "drawn", "Return the disclosure ID, to change it after its review.")
_step_command("approve", "approved", "Approve the disclosure ID, as somebody who did none of it.")


@group.command("export")
@click.argument("id")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="A new folder."
)
@reason_option
@config_option
@json_option
def export_command(id: str, out: Path, reason: str, path: Path | None, as_json: bool) -> None:
    """Write the inventory and what is shown to a folder.

    A disclosure that is not approved is marked as a draft. Also needs POSTKAMER_OBJECT_STORE.
    """
    why, config = parse_reason(reason), load_config(path)

    async def note(connection: Connection, keys: KeyStore) -> tuple[ExportOrder, Operation]:
        desk = await open_desk(connection, keys, id, "")
        documents = await desk.store.documents(id)
        if desk.found.state == "approved":
            await desk.store.note_export(desk.found, desk.person, why, clock.now())
        conversations = [each.conversation for each in documents]
        operation = _operation("export", desk.found, why=why, conversations=conversations)
        return ExportOrder(desk.found, documents, config, out), operation

    order = change_archive(note)
    files = with_archive("archive", lambda pool, keys: refuse(write_export(pool, keys, order)))
    print_result(
        {"disclosure": id, "state": order.found.state, "files": files},
        [f"{id} is {order.found.state}: {count(len(files), 'file|files')} in {out}"],
        as_json=as_json,
    )


async def open_desk(connection: Connection, keys: KeyStore, id: str, by: str) -> Desk:
    """Open a disclosure for this person, who reaches every department of its municipality."""
    found = await DisclosureStore(connection, keys).lock(id)
    if found is None:
        raise CommandRefused(NO_DISCLOSURE.format(id))
    await require_all_departments(connection, found.tenant)
    person = await identify_person(connection, by, found.tenant)
    store = DisclosureStore(connection, keys, person.identified)
    return Desk(connection, keys, store, found, person.name)


@contextmanager
def refusing() -> Iterator[None]:
    """Raise CommandRefused if the rules forbid what is done within."""
    try:
        yield
    except (DisclosureRefused, TooLong) as refused:
        raise CommandRefused(str(refused.args[0])) from None


async def refuse(work: Awaitable[T]) -> T:
    """Return the result of `work`. Raises CommandRefused if the rules forbid it."""
    with refusing():
        return await work


def _operation(action: str, found: Disclosure, **data: Any) -> Operation:
    what = f"archive disclosure {action}"
    return Operation(what=what, about=found.id, tenant=found.tenant, data=data)


def _parse_text(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        fail(f"--text: expected at most {LONGEST_TEXT} characters", 2)
    return text.strip()


def _read_text(file: TextIO) -> str:
    try:
        return file.read()
    except UnicodeDecodeError:
        fail("--list: expected UTF-8", 2)


def _read_list(text: str, found: Disclosure, texts: dict[str, str]) -> Redactions:
    written = parse_list(text, found.kind)
    if isinstance(written, WrittenList):
        redactions, faults = read_redactions(written, texts)
        if not faults:
            return redactions
        raise CommandRefused("\n".join(f"--list: {each}" for each in faults))
    raise CommandRefused("\n".join(f"--list: {each}" for each in written))


def _document_json(
    opened: OpenDocument, redactions: Redactions, config: Configuration
) -> dict[str, Any]:
    texts = find_texts(opened.transcript)
    return {
        "document": opened.document,
        "texts": texts,
        "pictures": picture_ids(opened, config),
        "redactions": msgspec.to_builtins(redactions) | {"texts": None},
        "remnants": msgspec.to_builtins(find_remnants(texts, redactions.spans)),
    }


def _format_document(shown: dict[str, Any]) -> Iterator[str]:
    redactions = shown["redactions"]
    yield _format_row(shown["document"])
    for id, text in shown["texts"].items():
        yield f"  {id} ({count(len(text), 'character|characters')}): {text!r}"
        for span in redactions["spans"]:
            if span["message"] == id:
                part = text[span["start"] : span["end"]]
                yield f"    {span['start']}-{span['end']} [{span['ground']}] {part!r}"
    for id in shown["pictures"]:
        boxes = [box for box in redactions["boxes"] if box["message"] == id]
        state = "is shown" if id in redactions["pictures"] else "is shown to nobody but its citizen"
        yield f"  {id}: a picture, {state}, with {count(len(boxes), 'box|boxes')}"
    if remnants := shown["remnants"]:
        times = sum(each["times"] for each in remnants)
        yield f"  left out elsewhere, and still inside other words: {count(times, 'time|times')}"
        for each in remnants:
            yield f"    text {each['text']} ({each['message']}): {each['times']}"


def print_view(view: DisclosureView, *, as_json: bool) -> None:
    result = msgspec.to_builtins(view.found) | {
        "documents": view.documents,
        "steps": [{"at": at, "step": step} for at, step in view.steps],
    }
    print_result(result, _format_view(view), as_json=as_json)


def _format_view(view: DisclosureView) -> Iterator[str]:
    yield _format(view.found)
    for at, step in view.steps:
        by = f"{step.by} ({step.identified})" if step.identified else step.by
        words = (str(step.number or ""), step.decision, *step.grounds, step.text)
        about = " ".join(filter(None, words))
        yield f"  {at:%Y-%m-%d %H:%M}Z {step.event} by {by}" + (f": {about}" if about else "")
    yield from map(_format_row, view.documents)


def _format(found: Disclosure) -> str:
    return f"{found.id} of {found.tenant}: {found.kind}, selected by {found.hold}; {found.state}"


def _format_row(document: Document) -> str:
    decided = document.decision or "undecided"
    grounds = f" ({', '.join(document.grounds)})" if document.grounds else ""
    return f"{document.number:4} {document.conversation}: {decided}{grounds}"
