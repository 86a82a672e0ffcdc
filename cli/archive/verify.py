"""`postkamer archive verify`, `prove`, `checkpoint`, `key`, `receipt`: it is as it was."""

import hashlib
import hmac
import os
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import click
import msgspec

from archiver.audit import media, search_index
from archiver.audit.keys import SAID
from archiver.audit.log import VerifyOptions, findings
from archiver.audit.log_walk import Finding
from archiver.encryption.key_store import KeyStore
from archiver.log.checkpoint_signer import sign
from archiver.log.inclusion_proof import NotProvable, Proof, opened, proof
from archiver.receipt_assembly import AssembledBody, SegmentsDestroyed, assemble
from cli.support.archive_access import (
    Progress,
    keys_if_given,
    load_keys,
    load_object_store,
    load_signer,
    load_trust,
    run_or_fail,
    with_archive,
    write_private_file,
)
from cli.support.audit import Operation, operator, parse_reason, write_operation
from cli.support.database import CommandRefused, print_result
from cli.support.time_options import Time
from services.config import settings
from services.files.object_store import ObjectStore
from services.postgres.database import Connection, Pool, connection_pool

T = TypeVar("T")
MAX_PRINTED = 20
"""Findings that are printed; nobody reads more."""


class Verification(msgspec.Struct, frozen=True, rename="camel"):
    """What came of going over the log, and over the files where that was asked."""

    entries: int
    seconds: float
    outside: bool
    """Whether what is kept outside the database was looked at."""
    findings: list[Finding]
    files: int | None = None
    file_findings: list[media.Finding] = []
    index: bool = False
    """Whether what things are found by was looked at."""
    index_findings: list[Finding] = []

    @property
    def is_right(self) -> bool:
        return not (self.findings or self.file_findings or self.index_findings)


@click.command()
@click.option("--since", type=Time(), help="Only what came after the last checkpoint before then.")
@click.option("--public-key", help="As it was published; else the one of POSTKAMER_ARCHIVE_KEY.")
@click.option("--media", is_flag=True, help="Read every file in the object store too.")
@click.option("--index", is_flag=True, help="Hold what things are found by against what they are.")
@click.option("--json", "as_json", is_flag=True)
def verify(
    since: datetime | None, public_key: str | None, media: bool, index: bool, as_json: bool
) -> None:
    """Go over the whole record, and name the first thing that is not as it was.

    With --public-key the master key is not needed. Checkpoints in POSTKAMER_OBJECT_STORE count too.
    Exit code 1 when anything is wrong.
    """

    async def work() -> Verification:
        outside = load_object_store()
        if media and outside is None:
            raise CommandRefused("POSTKAMER_OBJECT_STORE: is missing")
        url = settings.load(settings.DatabaseSettings, os.environ).database_url.get_secret_value()
        async with connection_pool(url, "postkamer-verify", 2) as pool:
            keys = await load_keys(pool) if index else await keys_if_given(pool)
            done = await _gone_over(
                pool, VerifyOptions(load_trust(public_key), since, outside, keys)
            )
            if index and keys:
                done = await _found_over(pool, keys, done)
            if media and outside:
                done = await _read_over(pool, outside, keys, done)
            return done

    done = run_or_fail("verify", work)
    print_result(done, _verified(done), as_json=as_json)
    raise SystemExit(0 if done.is_right else 1)


async def _gone_over(pool: Pool, asked: VerifyOptions) -> Verification:
    shows = Progress("entries")
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        found = await _first(findings(connection, asked, shows))
    return Verification(shows.done, shows.seconds, asked.outside is not None, found)


async def _found_over(pool: Pool, keys: KeyStore, done: Verification) -> Verification:
    shows = Progress("entries")
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        found = await _first(search_index.findings(connection, keys, shows))
    return msgspec.structs.replace(done, index=True, index_findings=found)


async def _read_over(
    pool: Pool, outside: ObjectStore, keys: KeyStore | None, done: Verification
) -> Verification:
    shows = Progress("files")
    found = await _first(media.damaged(pool, outside, shows, keys))
    return msgspec.structs.replace(done, files=shows.done, file_findings=found)


async def _first(found: AsyncIterator[T]) -> list[T]:
    """As many as are said; the rest is looked for all the same, so that the end is the end."""
    said: list[T] = []
    async for one in found:
        if len(said) < SAID:
            said.append(one)
    return said


def _verified(done: Verification) -> list[str]:
    rate = f"{done.entries:,} entries in {done.seconds:.1f} s, {done.entries / done.seconds:,.0f}/s"
    lines = [] if done.outside else ["Checkpoints outside were not looked at: no object store."]
    lines += _told(rate, [_of(one) for one in done.findings])
    if done.index:
        lines += _told("What things are found by", [_of(one) for one in done.index_findings])
    if done.files is not None:
        files = [f"{one.object}: {one.sentence}" for one in done.file_findings]
        lines += _told(f"{done.files:,} files", files)
    return lines


def _told(what: str, wrong: list[str]) -> list[str]:
    if not wrong:
        return [f"{what}: nothing is wrong."]
    first, *others = wrong
    lines = [f"{what}: not as it was.", "The first thing that is wrong:", f"  {first}"]
    if others:
        lines += ["And:", *(f"  {one}" for one in others[:MAX_PRINTED])]
    if len(others) > MAX_PRINTED:
        lines.append(f"  and {len(others) - MAX_PRINTED} more (--json has up to {SAID})")
    return lines


def _of(finding: Finding) -> str:
    place = "" if finding.position is None else f"{finding.position}: "
    return f"{place}{finding.sentence}" + (f" (entry {finding.entry})" if finding.entry else "")


@click.command()
@click.argument("message", type=click.UUID)
@click.option("--out", type=click.Path(path_type=Path), help="A file; else it is printed.")
@click.option("--open", "opens", is_flag=True, help="With the key by which its content is read.")
@click.option("--why", help="With --open: the reason; on the record. Without personal data.")
def prove(message: UUID, out: Path | None, opens: bool, why: str | None) -> None:
    """Prove that a MESSAGE, or another entry by its id, is in the record.

    A stranger checks it by the recipe in docs/municipality/archive.md. Without --open it tells
    nothing of what was said; with it, that you looked is on the record.
    """

    async def work(pool: Pool, keys: KeyStore) -> Proof:
        own = load_signer()
        async with pool.acquire() as connection, connection.transaction():
            try:
                made = await proof(connection, message, own.verifier)
                if opens:
                    made = await opened(connection, keys, made)
                    await _looked(connection, "archive prove", message, why)
            except NotProvable as error:
                raise CommandRefused(str(error)) from None
        return made

    text = msgspec.json.format(msgspec.json.encode(with_archive("prove", work))).decode() + "\n"
    if out:
        write_private_file(out, text.encode())
        click.echo(f"written to {out}")
    else:
        click.echo(text, nl=False)


@click.command()
@click.option("--json", "as_json", is_flag=True)
def checkpoint(as_json: bool) -> None:
    """Sign the record as it is now, and keep that outside the database too."""

    async def work(pool: Pool, keys: KeyStore) -> Any:
        outside = load_object_store()
        if outside is None:
            raise CommandRefused("POSTKAMER_OBJECT_STORE: is missing")
        return await sign(pool, load_signer(), outside)

    made = with_archive("checkpoint", work)
    found = {"size": made.size, "root": made.root.hex(), "at": made.at}
    print_result(
        found, [f"{made.size:,} entries, signed {made.at:%Y-%m-%d %H:%M:%S}Z"], as_json=as_json
    )


@click.command()
def key() -> None:
    """Print the public key that checkpoints are checked with: publish it, on your website say."""

    async def work() -> str:
        return load_signer().verifier

    click.echo(run_or_fail("key", work))


@click.command()
@click.argument("receipt", type=click.UUID)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A file for the body.")
@click.option("--why", required=True, help="The reason; on the record. Without personal data.")
@click.option("--json", "as_json", is_flag=True)
def receipt(receipt: UUID, out: Path, why: str, as_json: bool) -> None:
    """Put a webhook body together again, as it was signed; that you looked is on the record.

    With POSTKAMER_META_APP_SECRETS its signature is checked once more.
    """

    async def work(pool: Pool, keys: KeyStore) -> AssembledBody:
        async with pool.acquire() as connection, connection.transaction():
            try:
                found = await assemble(connection, keys, receipt)
            except SegmentsDestroyed as error:
                raise CommandRefused(str(error)) from None
            await _looked(connection, "archive receipt", receipt, why)
        return found

    found = with_archive("receipt", work)
    write_private_file(out, found.body)
    holds = _signature_holds(found)
    told = {"bytes": len(found.body), "proof": found.envelope.proof, "signatureHolds": holds}
    words = {True: "and it holds", False: "AND IT DOES NOT HOLD", None: "not checked again"}
    line = f"{len(found.body)} bytes; signature: {found.envelope.proof}, {words[holds]}"
    print_result(told, [line], as_json=as_json)
    raise SystemExit(1 if holds is False else 0)


async def _looked(connection: Connection, what: str, id: UUID, why: str | None) -> None:
    """On the record before anything is shown."""
    operation = Operation(what=what, about=str(id), data={"why": parse_reason(why)})
    await write_operation(connection, operation, operator(os.environ))


def _signature_holds(found: AssembledBody) -> bool | None:
    """None where there is no secret to check it with."""
    given = settings.read("POSTKAMER_META_APP_SECRETS", os.environ)
    if not given or not found.envelope.signature:
        return None
    signed = found.envelope.signature.removeprefix("sha256=")
    secrets = [secret.strip().encode() for secret in given.split(",") if secret.strip()]
    macs = [hmac.new(secret, found.body, hashlib.sha256).hexdigest() for secret in secrets]
    return any(hmac.compare_digest(mac, signed) for mac in macs)


COMMANDS = (verify, prove, checkpoint, key, receipt)
