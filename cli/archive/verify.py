"""`postkamer archive verify`, `prove`, `checkpoint`, `key`, `receipt`: integrity of the archive."""

import hashlib
import hmac
import os
from collections.abc import AsyncIterator, Awaitable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import click
import msgspec

from archiver.audit import media, search_index, subject_rows
from archiver.audit.catalogue import verify_catalogue
from archiver.audit.checkpoints import Trust, list_outside
from archiver.audit.cosignatures import UNWATCHED
from archiver.audit.file_faults import FileFinding
from archiver.audit.file_rows import verify_file_rows
from archiver.audit.former_logs import verify_former_logs
from archiver.audit.keys import MAX_FINDINGS
from archiver.audit.log import VerifyOptions, verify_log
from archiver.audit.log_walk import Finding
from archiver.audit.rows.rows_beside import Means, Unseen, verify_rows
from archiver.audit.service_role import ROLE, read_as_service
from archiver.audit.table_indexes import verify_indexes
from archiver.audit.time_stamps import StampAudit
from archiver.destruction.outside_orders import find_false_orders, load_outside
from archiver.encryption.key_store import KeyStore
from archiver.log.accepted_loss import AcceptedLoss, load_accepted
from archiver.log.checkpoint_signer import sign_checkpoint
from archiver.log.former_log import prove_former_inclusion
from archiver.log.inclusion_proof import (
    NO_ENTRY,
    InclusionProof,
    NotProvable,
    find_entry_destruction,
    find_place,
    prove_inclusion,
    with_destruction,
    with_entry_key,
)
from archiver.log.log_loss import describe_loss
from archiver.log.past_destruction import PastDestruction, describe_destruction
from archiver.receipt_assembly import (
    NO_RECEIPT,
    AssembledBody,
    SegmentsDestroyed,
    assemble_body,
    find_places,
)
from archiver.retention.selection import terms_of
from cli.archive.demanded_witnesses import Demanded, WitnessType, ask_witnesses, load_witnesses
from cli.archive.restoration.losses import AcceptedState, accepted_line, show_accepted
from cli.support.archive_access import (
    Progress,
    find_object_store,
    find_verifier,
    keys_if_given,
    load_authorities,
    load_book,
    load_keys,
    load_object_store,
    load_order_keys,
    load_signer,
    load_trust,
    read_outside_heads,
    read_outside_losses,
    refuse_archive_errors,
    require_folder,
    with_archive,
    write_private_file,
)
from cli.support.audit import Operation, parse_reason, write_operation
from cli.support.configuration import path_in_environment
from cli.support.database import run_or_fail, with_database
from cli.support.options import Time, json_option, reason_option, renamed_option
from cli.support.output import (
    CommandMisused,
    CommandRefused,
    CommandUnable,
    count,
    fail,
    fail_as_unable,
    print_result,
)
from cli.support.person import require_reach
from cli.support.reach import Subject
from cli.support.working_keys import ring_if_given
from services.config import loader, settings
from services.files.object_store import ObjectStore
from services.postgres.database import Connection, Pool, snapshot
from services.transparency.cosignature import Witness
from services.transparency.signed_note import InvalidNote, read_verifier

T = TypeVar("T")
AS_OWNER = f"what the archiver itself sees, as this login may not take its role {ROLE}"
MAX_PRINTED = 20
"""Findings that are printed besides the first."""


class Verification(msgspec.Struct, frozen=True, rename="camel"):
    """The result of verifying the log, and the index and files if asked."""

    entries: int
    seconds: float
    outside: bool | None
    """True if the checkpoints outside the database were verified; None if it did not come so
    far."""
    findings: list[Finding]
    table_findings: list[Finding] = []
    """Differences between the tables and what the migrations made."""
    row_findings: list[Finding] = []
    """Rows of the tables beside the log that contradict it: processing, requests, quarantine,
    holds, terms, destruction; and orders of destruction outside that were not carried out here."""
    accepted_losses: list[AcceptedState] = []
    """Entries that restores took from the log, as far as a person accepted that. It is no fault."""
    not_looked_at: list[str] = []
    """Sentences on what was not verified, and why."""
    files: int | None = None
    """Number of files that were read; None if they were not."""
    missing_files: int = 0
    """Number of those of which there is nothing in the object store."""
    file_findings: list[FileFinding] = []
    index: bool = False
    """True if the search index was verified."""
    index_findings: list[Finding] = []
    time_stamps: int | None = None
    """Number of time stamps that were verified; None without the certificates of an authority."""
    first_time_stamp: datetime | None = None
    stamp_findings: list[Finding] = []

    silent_witnesses: tuple[str, ...] = ()
    """Names of the witnesses that did not answer, knew nothing of this log, or have no address."""
    unwatched: bool = False
    """True if too few witnesses answered: the log may have been larger."""

    @property
    def exit_code(self) -> int:
        lists = (
            *(self.findings, self.table_findings, self.row_findings),
            *(self.file_findings, self.index_findings, self.stamp_findings),
        )
        return 1 if any(lists) else CommandUnable.exit_code if self.unwatched else 0


@click.command()
@click.option(
    "--since", type=Time(), help="Only entries after the last checkpoint before this time."
)
@click.option(
    "--public-key",
    help="The published key, then earlier ones, comma separated; left out: that of our signer.",
)
@click.option(
    "--witness",
    "witnesses",
    multiple=True,
    type=WitnessType(),
    help="A witness that must have co-signed: address and key; left out: those of the settings.",
)
@click.option("--media", is_flag=True, help="Also read and open every file in the object store.")
@click.option("--index", is_flag=True, help="Also verify the search index.")
@json_option
def verify(
    since: datetime | None,
    public_key: str | None,
    witnesses: tuple[Witness, ...],
    media: bool,
    index: bool,
    as_json: bool,
) -> None:
    """Verify the whole archive.

    The first entry that was changed or is missing is named. With --public-key the master key is not
    needed. Checkpoints in POSTKAMER_OBJECT_STORE are verified too, and witnesses in
    POSTKAMER_ARCHIVE_WITNESSES are asked what they saw. Exit code 1 if there is any finding, 3 if
    it could not look: the database or a witness is away, or the key is missing.
    """
    trust = _read_trust(public_key) if public_key is not None else None

    async def work(pool: Pool) -> Verification:
        require_folder()
        outside = load_object_store() if media else find_object_store()
        keys = await load_keys(pool) if index else await keys_if_given(pool)
        trusted = trust or load_trust()
        demanded = await ask_witnesses(load_witnesses(witnesses), outside, trusted.origin)
        heads = await read_outside_heads(outside)
        copies = await list_outside(outside) if outside else None
        accepted = await _load_accepted(pool, keys)
        options = VerifyOptions(trusted, since, copies, keys, heads, demanded.options, accepted)
        result = await _with_losses(outside, accepted, await _verify_log(pool, options))
        result = _with_silent(demanded, await _verify_stamps(pool, outside, accepted, result))
        result = await _verify_rows(pool, keys, await _find_means(pool, keys), result)
        result = await _verify_orders(pool, outside, keys, result)
        if index and keys:
            result = await _verify_index(pool, keys, result)
        if media and outside:
            return await _verify_files(pool, outside, keys, result)
        return await _verify_file_rows(pool, keys, result) if keys else result

    with fail_as_unable():
        result = with_database(
            "verify", lambda pool: _or_tables(pool, refuse_archive_errors(work(pool))), 2
        )
    print_result(result, _format_verification(result), as_json=as_json)
    raise SystemExit(result.exit_code)


def _read_trust(public_key: str) -> Trust:
    try:
        keys = [read_verifier(each) for each in public_key.split(",")]
    except InvalidNote as error:
        fail(f"--public-key: {error}", CommandMisused.exit_code)
    if len({origin for origin, _ in keys}) != 1:
        fail("--public-key: expected keys of one log", CommandMisused.exit_code)
    (origin, current), *earlier = keys
    return Trust(origin, current, tuple(key for _, key in earlier))


def _with_silent(demanded: Demanded, result: Verification) -> Verification:
    """Return the result with the witnesses that told nothing. What only those that are away did
    not co-sign is no fault of the log."""
    unseen = [each.sentence for each in result.findings if each.what == UNWATCHED]
    return msgspec.structs.replace(
        result,
        silent_witnesses=demanded.silent,
        unwatched=demanded.too_few_answered or bool(unseen),
        findings=[each for each in result.findings if each.what != UNWATCHED],
        not_looked_at=[*result.not_looked_at, *unseen],
    )


async def _load_accepted(pool: Pool, keys: KeyStore | None) -> list[AcceptedLoss]:
    if keys is None:
        return []
    async with snapshot(pool) as connection:
        await read_as_service(connection)
        return await load_accepted(connection, keys)


async def _with_losses(
    outside: ObjectStore | None, accepted: list[AcceptedLoss], result: Verification
) -> Verification:
    """Return the result with the losses of the log: those that were accepted, and as findings those
    that were not."""
    losses = await read_outside_losses(outside)
    open_losses = [loss for loss in losses if not any(each.is_of(loss) for each in accepted)]
    found = [Finding("loss", describe_loss(loss), loss.size) for loss in open_losses]
    return msgspec.structs.replace(
        result,
        findings=[*result.findings, *found],
        accepted_losses=[show_accepted(each) for each in accepted],
    )


async def _or_tables(pool: Pool, verification: Awaitable[Verification]) -> Verification:
    """Return the verification. If it fails and the tables are not as the migrations made them, that
    is found: it is not that nobody could look."""
    try:
        return await verification
    except Exception as error:
        async with snapshot(pool) as connection:
            tables = (await verify_catalogue(connection))[:MAX_FINDINGS]
        if not tables:
            raise
        sentence = f"the rest could not be verified: {str(error).partition(chr(10))[0]}"
        unread = [Finding("unread", sentence)]
        return Verification(0, 1.0, outside=None, findings=unread, table_findings=tables)


async def _verify_log(pool: Pool, options: VerifyOptions) -> Verification:
    progress = Progress("entries")
    async with snapshot(pool) as connection:
        tables = (await verify_catalogue(connection))[:MAX_FINDINGS]
        of_indexes, unseen = await verify_indexes(connection)
        tables += of_indexes[:MAX_FINDINGS]
        unseen += [] if await read_as_service(connection) else [AS_OWNER]
        found = await _collect(verify_log(connection, options, progress))
    is_outside = options.outside is not None
    return Verification(
        progress.done, progress.seconds, is_outside, found, tables, not_looked_at=unseen
    )


async def _verify_rows(
    pool: Pool, keys: KeyStore | None, means: Means, result: Verification
) -> Verification:
    unseen = Unseen()
    async with snapshot(pool) as connection:
        await read_as_service(connection)
        found = await _collect(verify_rows(connection, keys, unseen, means))
        found += await _collect(verify_former_logs(connection, keys, unseen.sentences))
    sentences = [*result.not_looked_at, *unseen.sentences]
    return msgspec.structs.replace(result, row_findings=found, not_looked_at=sentences)


async def _verify_orders(
    pool: Pool, outside: ObjectStore | None, keys: KeyStore | None, result: Verification
) -> Verification:
    """Verify that the destructions outside were carried out here."""
    if outside is None or keys is None:
        return result
    book = load_book(outside, is_read_only=True)
    orders = await load_outside(pool, book)
    found = [*result.row_findings]
    async with snapshot(pool) as connection:
        await read_as_service(connection)
        async for sentence in find_false_orders(connection, keys, book, orders):
            found += [Finding("order", sentence)] if len(found) < MAX_FINDINGS else []
    return msgspec.structs.replace(result, row_findings=found)


async def _find_means(pool: Pool, keys: KeyStore | None) -> Means:
    """Return what the settings give to look with."""
    path = path_in_environment()
    terms = terms_of(loader.load(path).config) if path else None
    return Means(await ring_if_given(pool), load_order_keys() if keys else (), terms)


async def _verify_stamps(
    pool: Pool, outside: ObjectStore | None, accepted: list[AcceptedLoss], result: Verification
) -> Verification:
    """Verify the time stamps, if the certificates of their authority are configured."""
    authorities = load_authorities()
    if authorities is None:
        return result
    async with snapshot(pool) as connection:
        await read_as_service(connection)
        audit = StampAudit(connection, authorities, outside, accepted)
        found = await _collect(audit.verify())
    totals = audit.totals
    return msgspec.structs.replace(
        result,
        time_stamps=totals.count,
        first_time_stamp=totals.first,
        stamp_findings=found,
    )


async def _verify_index(pool: Pool, keys: KeyStore, result: Verification) -> Verification:
    progress, destroyed = Progress("entries"), 0
    async with snapshot(pool) as connection:
        await read_as_service(connection)
        found = await _collect(search_index.verify_index(connection, keys, progress))
        async for extra in subject_rows.find_extra_subjects(connection, keys):
            found += extra.findings()[: MAX_FINDINGS - len(found)]
            destroyed += extra.unknown
    unseen = list(result.not_looked_at)
    if destroyed:
        rows = count(destroyed, "row|rows")
        unseen.append(f"{rows} of the index of persons: the entry that it names was destroyed")
    return msgspec.structs.replace(result, index=True, index_findings=found, not_looked_at=unseen)


async def _verify_file_rows(pool: Pool, keys: KeyStore, result: Verification) -> Verification:
    found = await _collect(verify_file_rows(pool, keys))
    return msgspec.structs.replace(result, file_findings=found)


async def _verify_files(
    pool: Pool, outside: ObjectStore, keys: KeyStore | None, result: Verification
) -> Verification:
    progress, missing = Progress("files"), 0

    async def counted() -> AsyncIterator[FileFinding]:
        nonlocal missing
        async for finding in media.verify_files(pool, outside, progress, keys):
            missing += finding.what == "missing"
            yield finding

    found = await _collect(counted())
    return msgspec.structs.replace(
        result, files=progress.done, file_findings=found, missing_files=missing
    )


async def _collect(findings: AsyncIterator[T]) -> list[T]:
    """Return the first findings. Consume all, so that the verification covers everything."""
    first: list[T] = []
    async for finding in findings:
        if len(first) < MAX_FINDINGS:
            first.append(finding)
    return first


def _format_verification(result: Verification) -> list[str]:
    per_second = f"{result.entries / result.seconds:,.0f}/s"
    rate = f"{count(result.entries, 'entry|entries')} in {result.seconds:.1f} s, {per_second}"
    is_unseen = result.outside is False
    lines = ["Checkpoints outside were not looked at: no object store."] if is_unseen else []
    lines += [f"Not looked at: {sentence}." for sentence in result.not_looked_at]
    lines += [f"Accepted: {accepted_line(each)}." for each in result.accepted_losses]
    lines += [f"This witness told nothing of this log: {name}." for name in result.silent_witnesses]
    if result.table_findings:
        of_tables = [_format_finding(each) for each in result.table_findings]
        lines += _format_findings("The tables themselves", of_tables)
    lines += _format_findings(rate, [_format_finding(each) for each in result.findings])
    of_rows = [_format_finding(each) for each in result.row_findings]
    lines += _format_findings("The tables beside the log", of_rows)
    if result.time_stamps is not None:
        stamps = count(result.time_stamps, "time stamp|time stamps")
        since = f", from {result.first_time_stamp:%Y-%m-%d} on" if result.first_time_stamp else ""
        of_stamps = [_format_finding(each) for each in result.stamp_findings]
        lines += _format_findings(f"{stamps}{since}", of_stamps)
    if result.index:
        of_index = [_format_finding(each) for each in result.index_findings]
        lines += _format_findings("What things are found by", of_index)
    if result.files is not None or result.file_findings:
        of_files = [_format_file_finding(each) for each in result.file_findings]
        read = "Files" if result.files is None else count(result.files, "file|files")
        if result.missing_files:
            lines.append(_missing_sentence(result.missing_files))
        lines += _format_findings(read, of_files)
    return lines


def _missing_sentence(missing: int) -> str:
    are = "file that the record has is" if missing == 1 else "files that the record has are"
    return (
        f"{missing:,} {are} not in the object store: if it came back from a copy, they are newer."
    )


def _format_findings(subject: str, findings: list[str]) -> list[str]:
    if not findings:
        return [f"{subject}: nothing is wrong."]
    first, *others = findings
    lines = [f"{subject}: not as it was.", "The first thing that is wrong:", f"  {first}"]
    if others:
        lines += ["And:", *(f"  {each}" for each in others[:MAX_PRINTED])]
    if len(others) > MAX_PRINTED:
        lines.append(f"  and {len(others) - MAX_PRINTED} more (--json has up to {MAX_FINDINGS})")
    return lines


def _format_finding(finding: Finding) -> str:
    place = "" if finding.position is None else f"{finding.position}: "
    return f"{place}{finding.sentence}" + (f" (entry {finding.entry})" if finding.entry else "")


def _format_file_finding(finding: FileFinding) -> str:
    message = f" (message {finding.message})" if finding.message else ""
    return f"{finding.object or 'a file'}: {finding.sentence}{message}"


@click.command()
@click.argument("message", type=click.UUID)
@click.option("--out", type=click.Path(path_type=Path), help="A file; left out: print it.")
@click.option("--open", "opens", is_flag=True, help="Include the key that decrypts the content.")
@renamed_option(
    "--reason", former="--why", help="With --open: the reason; archived. Without personal data."
)
@click.option("--former", is_flag=True, help="In the log of the installation that it came from.")
def prove(message: UUID, out: Path | None, opens: bool, reason: str | None, former: bool) -> None:
    """Prove that MESSAGE is in the archive.

    MESSAGE is the id of a message or of another entry. Anyone can check the proof with the recipe
    in docs/municipality/archive.md. Without --open it reveals nothing of the content; with
    --open, your use of this command is archived. An entry whose content was destroyed is proved
    too: the proof says when, on which ground and by which list.
    """
    if former and opens:
        fail("--open: expected without --former", CommandMisused.exit_code)
    reason = parse_reason(reason) if opens else ""

    async def work(pool: Pool, keys: KeyStore) -> tuple[InclusionProof, PastDestruction | None]:
        signer = load_signer()
        async with pool.acquire() as connection, connection.transaction():
            try:
                if former:
                    result = await prove_former_inclusion(connection, message)
                else:
                    result = await prove_inclusion(connection, message, signer.verifier)
                past = await find_entry_destruction(connection, keys, message)
                result = with_destruction(result, past)
                if opens:
                    await _record_opening(connection, message, reason)
                    result = await with_entry_key(connection, keys, result)
            except NotProvable as error:
                raise CommandRefused(str(error)) from None
        return result, past

    proof, past = with_archive("prove", work)
    if past:
        click.echo(f"its content: {describe_destruction(past)}", err=True)
    text = msgspec.json.format(msgspec.json.encode(proof)).decode() + "\n"
    if out:
        write_private_file(out, text.encode())
        click.echo(f"written to {out}")
    else:
        click.echo(text, nl=False)


async def _record_opening(connection: Connection, message: UUID, reason: str) -> None:
    """Write the audit entry of a proof with its key. CommandRefused out of the person's reach."""
    tenant, department = await find_place(connection, message)
    await require_reach(connection, [Subject(tenant, department)], NO_ENTRY)
    await write_operation(connection, _access("archive prove", message, reason, tenant))


@click.command()
@json_option
def checkpoint(as_json: bool) -> None:
    """Sign the archive as it is now.

    The checkpoint is stored outside the database too.
    """

    async def work(pool: Pool, keys: KeyStore) -> Any:
        return await sign_checkpoint(pool, load_signer(), load_object_store())

    signed = with_archive("checkpoint", work)
    result = {"size": signed.size, "root": signed.root.hex(), "at": signed.at}
    line = f"{count(signed.size, 'entry|entries')}, signed {signed.at:%Y-%m-%d %H:%M:%S}Z"
    print_result(result, [line], as_json=as_json)


@click.command()
@json_option
def key(as_json: bool) -> None:
    """Print the public key that verifies checkpoints. Publish it, for example on your website."""

    async def work() -> str:
        return await refuse_archive_errors(find_verifier())

    public_key = run_or_fail("key", work)
    print_result({"publicKey": public_key}, [public_key], as_json=as_json)


@click.command()
@click.argument("receipt", type=click.UUID)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A file for the body.")
@reason_option
@json_option
def receipt(receipt: UUID, out: Path, reason: str, as_json: bool) -> None:
    """Reassemble a webhook body as it was signed. Your use of this command is archived.

    With POSTKAMER_META_APP_SECRETS the signature is verified again.
    """

    reason = parse_reason(reason)

    async def work(pool: Pool, keys: KeyStore) -> AssembledBody:
        async with pool.acquire() as connection, connection.transaction():
            try:
                places = await find_places(connection, receipt) or [("", "")]
                subjects = [Subject(*place) for place in places]
                await require_reach(connection, subjects, NO_RECEIPT)
                assembled = await assemble_body(connection, keys, receipt)
            except SegmentsDestroyed as error:
                raise CommandRefused(str(error)) from None
            tenants = {tenant for tenant, _ in places}
            tenant = tenants.pop() if len(tenants) == 1 else ""
            await write_operation(connection, _access("archive receipt", receipt, reason, tenant))
        return assembled

    assembled = with_archive("receipt", work)
    write_private_file(out, assembled.body)
    is_valid, proof = _is_signature_valid(assembled), assembled.remainder.proof
    result = {"bytes": len(assembled.body), "proof": proof, "signatureHolds": is_valid}
    words = {True: "and it holds", False: "AND IT DOES NOT HOLD", None: "not checked again"}
    line = f"{count(len(assembled.body), 'byte|bytes')}; signature: {proof}, {words[is_valid]}"
    print_result(result, [line], as_json=as_json)
    raise SystemExit(1 if is_valid is False else 0)


def _access(what: str, id: UUID, reason: str, tenant: str) -> Operation:
    return Operation(what=what, about=str(id), tenant=tenant, data={"why": reason})


def _is_signature_valid(assembled: AssembledBody) -> bool | None:
    """Verify the signature of a body; None without a signature or a secret."""
    value = settings.read("POSTKAMER_META_APP_SECRETS", os.environ)
    if not value or not assembled.remainder.signature:
        return None
    signature = assembled.remainder.signature.removeprefix("sha256=")
    secrets = [secret.strip().encode() for secret in value.split(",") if secret.strip()]
    macs = [hmac.new(secret, assembled.body, hashlib.sha256).hexdigest() for secret in secrets]
    return any(hmac.compare_digest(mac, signature) for mac in macs)
