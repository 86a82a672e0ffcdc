"""`postkamer trace`: where one message, event or command is, and the way that it went."""

import os
import re
import sys
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

import click
import msgspec

from archiver.encryption.key_store import KeyStore
from cli.support.archive_access import with_archive
from cli.support.audit import Operation, parse_reason, record_access
from cli.support.configuration import load_config
from cli.support.options import config_option, json_option, reason_option
from cli.support.output import CommandRefused, fail, print_note, print_result
from cli.support.person import narrow_tenant
from cli.support.working_keys import load_working_keys, opening
from cli.trace.evidence import Evidence, Subject
from cli.trace.rows import MAX_ENTRIES, load_evidence
from cli.trace.search import WAMID, find_subject
from cli.trace.steps import Step, make_steps
from cli.trace.turns import Turn, find_turns
from router.model.hashes import Hashes
from services.config import settings
from services.ids import CONVERSATION, parse_uuid
from services.postgres.database import Pool
from services.sealing import hash_keys
from services.sealing.brought_keys import open_brought_key
from services.sealing.key_ring import RING

LONGEST_ID = 500
PHONE = re.compile(r"\+[0-9]+|0[0-9]{9}|[0-9]{11,15}")
"""Forms of a telephone number. It is refused before anything of it is archived."""
UNKNOWN = (
    "nothing is known under this id: it is of no message (nor Meta's wamid of one), event, receipt,"
    " command, record, conversation, klantcontact, internetaak or zaak. A webhook that no router"
    " has decided waits in a queue, and cannot be found there: see `postkamer status`"
)

ENDED = "Work from before {:%Y-%m-%d %H:%M} (UTC) ended at its term"


class Trace(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The way of one thing; `now` is empty if nothing is left to do."""

    tenant: str = ""
    conversation: str = ""
    messages: list[UUID]
    steps: list[Step]
    now: list[Turn]
    cut: bool
    ended_before: datetime | None = None
    """Time from before which decisions ended at their term: this one is of before. None if it is
    not."""


@click.command("trace")
@click.argument("id")
@config_option
@reason_option
@json_option
def command(id: str, path: Path | None, reason: str, as_json: bool) -> None:
    """Show each step of ID, with its time, and whose turn it is now.

    ID is that of a message, an event, a receipt, a command, a record, a conversation, a
    klantcontact or internetaak in Open Klant, or a zaak. With `-` it is read from standard input:
    Meta's wamid is taken only there, because it holds a telephone number and an argument stays in
    the shell's history.

    The steps have no contents. Each use is archived.

    Needs POSTKAMER_DATABASE_URL, as its owner, POSTKAMER_ARCHIVE_KEY, and for a wamid
    POSTKAMER_CONFIG, and POSTKAMER_WORKING_KEY once a municipality came from another installation.
    """
    reason, id = parse_reason(reason), _read_id(id)
    numbers = _tenants_of_numbers(path) if WAMID.fullmatch(id) else {}

    async def work(pool: Pool, keys: KeyStore) -> Trace:
        masters = settings.load(settings.ArchiveSettings, os.environ).archive_key
        key = settings.derive_key(masters, hash_keys.PURPOSE)
        hashes = Hashes(key, await _load_brought_keys(pool, set(numbers.values())))
        async with (
            pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            subject = await find_subject(connection, id, hashes, numbers)
            evidence = await load_evidence(connection, keys, subject or Subject())
        home = await narrow_tenant(pool, None)
        if home not in ("", make_trace(evidence).tenant):
            evidence = Evidence(ended_before=evidence.ended_before)
        trace = make_trace(evidence)
        data = {"reason": reason, "found": not evidence.is_empty}
        tenant = trace.tenant or home
        operation = Operation(what="trace", about=_about(id, trace), tenant=tenant, data=data)
        await record_access(pool, operation)
        if evidence.is_empty:
            raise CommandRefused(unknown(evidence.ended_before))
        return trace

    trace = with_archive("trace", work)
    print_result(trace, format_trace(trace), as_json=as_json)
    if trace.cut:
        note = f"these are the first {MAX_ENTRIES} entries of the record; there are more"
        print_note(note, as_json=as_json)


def _tenants_of_numbers(path: Path | None) -> dict[str, str]:
    return {number.id: number.tenant for number in load_config(path).numbers}


async def _load_brought_keys(pool: Pool, tenants: Collection[str]) -> dict[str, bytes]:
    """Return the keys that these municipalities brought.

    Raises CommandRefused and SettingsError."""
    query = "select tenant, sealed from router.brought_key where tenant = any($1::text[])"
    rows = await pool.fetch(query, list(tenants))
    if not rows:
        return {}
    await load_working_keys(pool)
    with opening("the hash key of a municipality"):
        return {row["tenant"]: open_brought_key(RING, **row) for row in rows}


def _read_id(given: str) -> str:
    """Return the id, from standard input for `-`; print a fault and exit."""
    if WAMID.fullmatch(given):
        fail("ID: a wamid holds a telephone number: use `-`, and give it on standard input", 2)
    id = (sys.stdin.read(LONGEST_ID + 1) if given == "-" else given).strip()
    if not 0 < len(id) <= LONGEST_ID or not id.isprintable():
        fail("ID: expected one id", 2)
    if PHONE.fullmatch(id):
        fail("ID: a telephone number is no id; `postkamer archive subject` finds a person", 2)
    return id


def make_trace(evidence: Evidence) -> Trace:
    places = [entry for entry in evidence.entries if entry.conversation]
    messages = [entry.message for entry in evidence.entries if entry.message]
    messages += [row["message"] or row["send"] for row in evidence.decided]
    return Trace(
        tenant=places[0].tenant if places else "",
        conversation=places[0].conversation if places else "",
        messages=[id for id in dict.fromkeys(messages) if id],
        steps=make_steps(evidence),
        now=find_turns(evidence),
        cut=evidence.is_cut,
        ended_before=evidence.ended_before if evidence.has_ended else None,
    )


def unknown(ended_before: datetime | None) -> str:
    """Return the refusal of an id that nothing has, with what may have ended at its term."""
    if ended_before is None:
        return UNKNOWN
    return f"{UNKNOWN}. {ENDED.format(ended_before)}; the record has its messages"


def _about(id: str, trace: Trace) -> str:
    """Return the subject of the audit entry: never a wamid, which holds a telephone number, and no
    words or digits that are the id of nothing, for they may be a person's."""
    if WAMID.fullmatch(id):
        return str(trace.messages[0]) if trace.messages else "a wamid"
    is_ours = parse_uuid(id) or CONVERSATION.fullmatch(id)
    return id if is_ours or trace.steps else "an unknown id"


def format_trace(trace: Trace) -> Iterator[str]:
    """Yield a line for each step, and at the end whose turn it is."""
    if trace.conversation:
        yield f"{trace.tenant}  {trace.conversation}"
    day = None
    for step in trace.steps:
        if step.at.date() != day:
            day = step.at.date()
            yield f"{day:%Y-%m-%d} (UTC)"
        detail = "  ".join(f"{name}={value}" for name, value in step.detail.items())
        clock = step.at.strftime("%H:%M:%S.%f")[:-3]
        yield f"  {clock}  {_format_wait(step.seconds):>12}  {step.step}  {detail}".rstrip()
    for turn in trace.now:
        yield f"Now: {turn.state}. Turn: {turn.who}." + (f" {turn.command}" * bool(turn.command))
    if trace.ended_before:
        yield ENDED.format(trace.ended_before) + "; this is from the record"
    if not trace.now:
        yield "Now: done, nothing is left to do."


def _format_wait(seconds: float) -> str:
    """Return a duration: seconds to the millisecond, longer ones in minutes, hours or days."""
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"+{seconds / size:.1f} {unit}"
    return f"+{seconds:.3f} s"
