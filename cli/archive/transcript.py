"""`postkamer archive transcript`: write a whole conversation as a page, as a PDF, or as both."""

from pathlib import Path

import click
import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.media.thumbnail_maker import MakerBusy, ThumbnailMaker
from archiver.transcript.contents import ContentLoader, TooLarge, Wish
from archiver.transcript.maker import ReadConversation, Scope, TooLong, TranscriptReader
from archiver.transcript.page import render_page
from archiver.transcript.pdf import transcript_pdf
from archiver.transcript.transcript import Transcript
from cli.support.archive_access import load_object_store, with_archive, write_private_file
from cli.support.audit import Operation, parse_reason, record_access
from cli.support.configuration import load_config
from cli.support.options import config_option, json_option, reason_option
from cli.support.output import CommandRefused, count, fail, print_result
from cli.support.person import find_reach, require_reach
from cli.support.reach import Subject
from services.config.model import Configuration
from services.ids import CONVERSATION
from services.postgres.database import Pool
from services.printing.typesetter import Unprintable

NO_CONVERSATION = "there is no conversation {}, or it was destroyed"
NO_OUTPUT = "--out: say where it goes: a file .html, a file .pdf or both"
NO_PDF = "--originals: only a PDF has attachments: add --out with a file .pdf"
LONGEST_REASON = 500
FORMS = (".html", ".pdf")
"""Endings of a file's name that say in which form it is written."""


class TranscriptOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Order for a transcript, and its reason."""

    id: str
    forms: frozenset[str]
    has_originals: bool
    reason: str
    config: Configuration


@click.command("transcript")
@click.argument("conversation")
@click.option(
    "--out",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file .html or .pdf, or both, that only its owner can read.",
)
@click.option("--originals", is_flag=True, help="Attach the original files to the PDF.")
@reason_option
@config_option
@json_option
def command(
    conversation: str,
    files: tuple[Path, ...],
    originals: bool,
    reason: str,
    path: Path | None,
    as_json: bool,
) -> None:
    """Write a whole conversation to a file.

    CONVERSATION is its id. A page or PDF/A, in Dutch; the same record gives the same bytes. The
    archive records who made it, and why.

    Also needs POSTKAMER_OBJECT_STORE.
    """
    forms = frozenset(file.suffix for file in files)
    if not forms or not forms <= {*FORMS}:
        fail(NO_OUTPUT, 2)
    if originals and ".pdf" not in forms:
        fail(NO_PDF, 2)
    order = TranscriptOrder(
        id=conversation,
        forms=forms,
        has_originals=originals,
        reason=parse_reason(reason, LONGEST_REASON, noun="one line"),
        config=load_config(path),
    )
    made = with_archive("archive", lambda pool, keys: _make(pool, keys, order))
    for file in files:
        write_private_file(file, made[file.suffix][0])
    rows = next(iter(made.values()))[1]
    line = f"{count(rows, 'row|rows')}: {', '.join(map(str, files))}"
    print_result({"conversation": conversation, "rows": rows}, [line], as_json=as_json)


async def _make(pool: Pool, keys: KeyStore, order: TranscriptOrder) -> dict[str, tuple[bytes, int]]:
    """Return the files by their ending, each with the number of its rows, once the access is on the
    record."""
    loader = ContentLoader(load_object_store(), ThumbnailMaker())
    tenant = await pool.fetchval(_TENANT, order.id) if CONVERSATION.fullmatch(order.id) else None
    if tenant is None:
        raise CommandRefused(NO_CONVERSATION.format(order.id))
    await require_reach(pool, [Subject(tenant)], NO_CONVERSATION.format(order.id))
    reach = await find_reach(pool)
    scope = Scope(tenant, reach.departments if reach else None)
    try:
        read = await _read(pool, keys, order, scope)
        made = {form: await _transcript(read, loader, order, form) for form in sorted(order.forms)}
        written = {form: _write(form, each) for form, each in made.items()}
    except (TooLong, TooLarge, Unprintable) as error:
        raise CommandRefused(str(error)) from None
    except MakerBusy:
        raise CommandRefused("a picture could not be made smaller: try again") from None
    data = {"why": order.reason, "conversations": [order.id]}
    operation = Operation(what="archive transcript", about=order.id, tenant=tenant, data=data)
    await record_access(pool, operation)
    return {form: (body, len(made[form].rows)) for form, body in written.items()}


async def _read(
    pool: Pool, keys: KeyStore, order: TranscriptOrder, scope: Scope
) -> ReadConversation:
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        read = await TranscriptReader(connection, keys, order.config).read(order.id, scope)
    if read is None:
        raise CommandRefused(NO_CONVERSATION.format(order.id))
    return read


async def _transcript(
    read: ReadConversation, loader: ContentLoader, order: TranscriptOrder, form: str
) -> Transcript:
    is_print = form == ".pdf"
    scanned_only = order.config.environment == "production"
    wish = Wish(is_print, order.has_originals and is_print, scanned_only)
    return read.build(await loader.load(read.files, wish))


def _write(form: str, transcript: Transcript) -> bytes:
    return transcript_pdf(transcript) if form == ".pdf" else render_page(transcript)


_TENANT = "select tenant from archiver.entry where conversation = $1 and conversation <> '' limit 1"
