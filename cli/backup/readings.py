"""Reading of what `postkamer backup check` judges: servers, folders, the back-up tool, the copy of
the object store. Nothing is changed by it."""

import asyncio
import gzip
import shlex
import zlib
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from archiver.log.outside_head import EPOCH, MICROSECOND
from archiver.orders.comparison import KnownOrder
from archiver.orders.order import Unreadable
from archiver.orders.order_keeper import known_order
from cli.backup.archived_wal import (
    HISTORY,
    ArchivedWal,
    Fork,
    Piece,
    read_fork,
    read_pieces,
)
from cli.backup.base_backup import BaseBackup, StanzaReport, read_folder_backup, read_pgbackrest
from cli.backup.held_keys import ARCHIVE, is_given
from cli.backup.object_copy import COPYING, SHOWN, CopyState
from cli.backup.server_state import ServerState, Slot
from cli.support.archive_access import Progress, load_book
from services.files import object_store
from services.files.object_store import ObjectStore
from services.postgres.database import Pool
from services.postgres.primary import Primary

TOOL_SECONDS = 60.0
"""Longest run of the back-up tool: it may ask a server of its own."""
SAMPLE = 1000
"""Files that are looked for without `--all`: of a copy that lacks one in 300, it finds that with a
chance of 96 %."""
ROWS, AT_ONCE = 1000, 16
"""Rows in memory, and questions to the copy at a time."""
NEWEST_PIECES = 200
"""Pieces of WAL that are opened without `--all`: the last hours of a quiet
town. Each takes some 10 ms."""
CHUNK_BYTES = 1024 * 1024
HISTORY_BYTES = 64 * 1024
"""Longest history that is read: a line of some 50 for each time line that there was."""
DAMAGE = EOFError, zlib.error, gzip.BadGzipFile
"""Faults of a compressed file that was cut or altered."""
LABEL, MANIFEST = "backup_label", "backup_manifest"


async def read_server(url: str) -> tuple[ServerState, list[Slot]]:
    """Ask with a session that changes no setting, so that the server's own are seen."""
    shown = {"application_name": "postkamer-backup", "default_transaction_read_only": "on"}
    connection = await Primary(url).connect(server_settings=shown)
    try:
        row = await connection.fetchrow(_SERVER)
        assert row is not None
        slots = [Slot(*each) for each in await connection.fetch(_SLOTS)]
        return ServerState(**dict(row)), slots
    finally:
        await connection.close()


def read_bases(folder: Path) -> list[BaseBackup]:
    """Return the base back-up that is this folder, or those in it. Raises OSError."""
    if _parts(folder):
        return [_read_base(folder)]
    return [_read_base(each) for each in sorted(folder.iterdir()) if each.is_dir() and _parts(each)]


def _parts(folder: Path) -> list[Path]:
    return [path for path in (folder / LABEL, folder / MANIFEST) if path.exists()]


def _read_base(folder: Path) -> BaseBackup:
    label, manifest = folder / LABEL, folder / MANIFEST
    changed = max(path.stat().st_mtime for path in _parts(folder))
    return read_folder_backup(
        folder.name,
        label.read_text() if label.exists() else None,
        manifest.read_bytes() if manifest.exists() else None,
        datetime.fromtimestamp(changed, UTC),
    )


def read_wal(folder: Path, piece_bytes: int, *, look_at_all: bool) -> ArchivedWal:
    """Return the pieces of WAL in a folder, and which of them do not open. Raises OSError."""
    names = [path.name for path in folder.iterdir()]
    pieces = read_pieces(names, piece_bytes)
    forks, damaged = _read_forks(folder, sorted(names), piece_bytes)
    progress = Progress("pieces of WAL")
    opened = pieces if look_at_all else pieces[-NEWEST_PIECES:]
    for number, piece in enumerate(opened, start=1):
        if not _is_whole(folder, piece, piece_bytes):
            damaged.append(piece.name)
        progress(number, len(opened))
    return ArchivedWal(pieces=pieces, damaged=damaged, forks=forks)


def _read_forks(
    folder: Path, names: Sequence[str], piece_bytes: int
) -> tuple[dict[int, Fork], list[str]]:
    """Return where each time line begins whose history is there, and the histories that do not
    open."""
    forks, damaged = dict[int, Fork](), list[str]()
    for match in filter(None, map(HISTORY.fullmatch, names)):
        try:
            text = _read_history(folder / match[0])
            forks[int(match[1], 16)] = read_fork(text, piece_bytes)
        except (ValueError, *DAMAGE):
            damaged.append(match[0])
    return forks, damaged


def _read_history(path: Path) -> str:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return file.read(HISTORY_BYTES).decode()


def _is_whole(folder: Path, piece: Piece, piece_bytes: int) -> bool:
    path = folder / piece.name
    if path.suffix != ".gz":
        return path.stat().st_size == piece_bytes
    size = 0
    try:
        with gzip.open(path) as file:
            while chunk := file.read(CHUNK_BYTES):
                size += len(chunk)
    except DAMAGE:
        return False
    return size == piece_bytes


async def ask_pgbackrest(command: str) -> StanzaReport:
    """Run the tool. Raises OSError, TimeoutError, and ValueError for what it does not say."""
    words = [*shlex.split(command), "info", "--output=json"]
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(TOOL_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise ValueError(f"it ended with {process.returncode}")
    return read_pgbackrest(output)


async def read_copy(
    pool: Pool, copy: ObjectStore, store: ObjectStore | None, *, look_at_all: bool
) -> CopyState:
    """Look in the copy for what the database names. Raises StoreUnavailable."""
    copied_at = await _newest_head(copy)
    due = (copied_at or EPOCH) - COPYING
    orders = await pool.fetch(_ORDERS)
    orders_due = [row["number"] for row in orders if row["at"] < due]
    signed = await pool.fetchrow(_CHECKPOINTS, due)
    assert signed is not None
    files = int(await pool.fetchval(_COUNT, due))
    lacking, looked_at = await _find_lacking(pool, copy, due, files, look_at_all=look_at_all)
    has_checkpoint = None
    if signed["size"] is not None:
        has_checkpoint = await copy.exists(object_store.checkpoint_key(signed["size"]))
    return CopyState(
        copied_at=copied_at,
        signed_at=signed["at"],
        files=files,
        looked_at=looked_at,
        lacking=len(lacking),
        lacking_names=tuple(lacking[:SHOWN]),
        has_checkpoint=has_checkpoint,
        lacking_orders=tuple([n async for n in _lacking_orders(copy, orders_due)]),
        wrong_orders=tuple([n async for n in _wrong_orders(copy, map(known_order, orders))]),
        has_first_order=await copy.exists(object_store.order_key(0)),
        lacks_tokens=await _newest_tokens(copy) < await _newest_tokens(store),
    )


async def _newest_head(copy: ObjectStore) -> datetime | None:
    """Return when the newest head was kept: its name says so."""
    names = [name async for name in copy.keys(object_store.HEADS)]
    if not names:
        return None
    return EPOCH + int(max(names).rpartition("/")[2]) * MICROSECOND


async def _newest_tokens(store: ObjectStore | None) -> str:
    """Return the name of what is known of the tokens; '' without a store."""
    if store is None:
        return ""
    return max([name async for name in store.keys(object_store.TOKENS)], default="")


async def _find_lacking(
    pool: Pool, copy: ObjectStore, due: datetime, files: int, *, look_at_all: bool
) -> tuple[list[str], int]:
    """Return the names of files that the copy lacks, and the number of files looked for."""
    progress, lacking, looked_at = Progress("files"), list[str](), 0
    of = files if look_at_all else min(files, SAMPLE)
    after = ""
    while looked_at < of:
        if look_at_all:
            rows = await pool.fetch(_FILES, due, after, ROWS)
        else:
            rows = await pool.fetch(_SAMPLE, due, SAMPLE)
        if not rows:
            break
        names = [object_store.sealed_key(row["name"]) for row in rows]
        lacking += await _lacking_of(copy, names)
        looked_at, after = looked_at + len(rows), rows[-1]["name"]
        progress(looked_at, of)
    return lacking, looked_at


async def _lacking_of(copy: ObjectStore, names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for start in range(0, len(names), AT_ONCE):
        chunk = names[start : start + AT_ONCE]
        there = await asyncio.gather(*(copy.exists(name) for name in chunk))
        found += [name for name, is_there in zip(chunk, there, strict=True) if not is_there]
    return found


async def _lacking_orders(copy: ObjectStore, orders: Iterable[int]) -> AsyncIterator[int]:
    """Yield the numbers of orders of destruction of which the copy lacks a part."""
    for number in orders:
        names = [object_store.order_key(number), object_store.outcome_key(number)]
        if await _lacking_of(copy, names if number else names[:1]):
            yield number


async def _wrong_orders(copy: ObjectStore, orders: Iterable[KnownOrder]) -> AsyncIterator[int]:
    """Yield the numbers of those of which a part does not open, or is another. None without a
    key."""
    if not is_given(ARCHIVE):
        return
    book = load_book(copy, is_read_only=True)
    for known in orders:
        try:
            order = await book.read_order(known.number)
            outcome = await book.read_outcome(known.number)
        except Unreadable:
            yield known.number
            continue
        said = (outcome.digest, outcome.state) if outcome else (known.digest, known.state)
        if (order and order.digest != known.digest) or said != (known.digest, known.state):
            yield known.number


def open_copy(place: str) -> ObjectStore:
    """Open a copy, to read: a folder or a URL. Raises OSError and ValueError."""
    url = place if "://" in place else Path(place).absolute().as_uri()
    return ObjectStore(url, is_read_only=True)


_SERVER = """
select current_setting('archive_mode') as archive_mode,
    current_setting('archive_library') as archive_library,
    replace(current_setting('archive_command'), '(disabled)', '') as archive_command,
    (select setting::int from pg_settings where name = 'archive_timeout') as archive_timeout,
    current_setting('wal_level') as wal_level,
    current_setting('synchronous_commit') as synchronous_commit,
    current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
    current_setting('data_checksums') as data_checksums,
    coalesce(last_archived_wal, '') as last_archived_wal, last_archived_time as last_archived_at,
    last_failed_time as last_failed_at, failed_count::int as failed,
    (pg_current_wal_insert_lsn() - '0/0')::bigint as position,
    (select setting::bigint from pg_settings where name = 'wal_segment_size') as segment_bytes,
    (select system_identifier::text from pg_control_system()) as cluster, now() as now
from pg_stat_archiver
"""
_SLOTS = """
select slot_name, active, coalesce(wal_status, ''),
    coalesce(pg_current_wal_insert_lsn() - restart_lsn, 0)::bigint
from pg_replication_slots order by slot_name
"""
_CHECKPOINTS = """
select max(at) as at, (select max(size) from archiver.checkpoint where at < $1) as size
from archiver.checkpoint
"""
_NAMED = """
from archiver.media where ciphertext_sha256 <> '' and state in ('available', 'quarantined')
    and ended_at < $1
"""
_COUNT = f"select count(*) {_NAMED}"
_FILES = f"""
select ciphertext_sha256 as name {_NAMED} and ciphertext_sha256 > $2
order by ciphertext_sha256 limit $3
"""
_SAMPLE = f"select ciphertext_sha256 as name {_NAMED} order by random() limit $2"
_ORDERS = "select number, digest, state, at from archiver.destruction_order order by number"
