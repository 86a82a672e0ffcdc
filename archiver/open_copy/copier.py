"""Make an open copy: the record, the files and the tables beside the log; then what describes it.

Each step reads as one transaction sees it, and is done again from its last mark after a kill.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from uuid import UUID

import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.open_copy.columns import TABLES
from archiver.open_copy.description import (
    DATAPACKAGE,
    README,
    SUMS,
    Resource,
    describe_package,
    explain,
)
from archiver.open_copy.file_reader import DAMAGED, FoundFile, find_files
from archiver.open_copy.folder import (
    LAST_STEP,
    CopyFolder,
    Plan,
    Tally,
    Written,
    count_rows,
    measure,
)
from archiver.open_copy.gone import Gone
from archiver.open_copy.parquet import write_parquet
from archiver.open_copy.record_reader import (
    WINDOW,
    ReadPlace,
    RecordReader,
    count_conversations,
    find_gone_records,
)
from archiver.open_copy.rows import decode_row, encode_json
from archiver.open_copy.tables_beside import TableReader
from archiver.transfer.exporter import AT_ONCE, Look, Progress
from archiver.transfer.parts import FileDamaged
from archiver.transfer.selection import find_gone
from archiver.transfer.stored_content import read_checked
from services.files.object_store import ObjectStore
from services.postgres.database import Connection, Pool, snapshot
from services.transparency.signed_note import Checkpoint

CONVERSATIONS, BESIDE, FILES = "conversations", "beside", "files"
"""Steps; each table that stands beside the log is one too."""
NO_ID = UUID(int=0)
CHECKED = 500
"""Conversations of which one statement asks if they are still there."""


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """Means of a copy: where it reads, and if it writes Parquet."""

    pool: Pool
    keys: KeyStore
    objects: ObjectStore
    has_parquet: bool


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    rows: Mapping[str, int]
    """Table -> number of its rows."""
    bytes: int
    sha256: str
    """Hash of the list of hashes."""
    tally: Tally


class Copier:
    def __init__(
        self, means: Means, folder: CopyFolder, plan: Plan, checkpoint: Checkpoint
    ) -> None:
        self._means, self._folder, self._plan = means, folder, plan
        self._checkpoint, self._proof_key = checkpoint, b""

    async def run(self, look: Look, progress: Callable[[str], Progress]) -> Summary:
        """Copy what is not there yet, and end the folder. `progress` is given the noun of what is
        counted."""
        with self._folder.open_tables():
            await look([])
            await self._copy(look, progress)
            await self._folder.commit(LAST_STEP, "")
        await self._remove_gone()
        return self._finish(progress("tables"))

    async def _copy(self, look: Look, progress: Callable[[str], Progress]) -> None:
        ended = self._folder.ended
        self._proof_key = (await self._means.keys.index_keys(self._plan.tenant)).proof
        if CONVERSATIONS not in ended:
            await self._copy_conversations(look, progress("conversations"))
        if BESIDE not in ended:
            await self._copy_beside(progress("records"))
        if FILES not in ended:
            await self._copy_files(progress("files"))
        for name, table in TABLES.items():
            if table.is_beside_log and name not in ended:
                await self._copy_table(name)

    async def _copy_conversations(self, look: Look, progress: Progress) -> None:
        mark = self._folder.marks.get(CONVERSATIONS, "")
        async with snapshot(self._means.pool) as connection:
            total = await count_conversations(connection, self._plan.tenant, mark)
        done = total.done
        progress(done, total.conversations)
        while True:
            async with snapshot(self._means.pool) as connection:
                reader = self._reader(connection)
                ids = await reader.conversations(mark, AT_ONCE)
                if not ids:
                    break
                await look(ids)
                async for table, row in reader.rows_of_conversations(ids):
                    self._folder.write(table, row)
            mark, done = ids[-1], done + len(ids)
            await self._folder.commit(CONVERSATIONS, mark, Tally(unopened=reader.unopened))
            progress(done, max(done, total.conversations))
        await self._folder.commit(CONVERSATIONS, mark, is_ended=True)

    async def _copy_beside(self, progress: Progress) -> None:
        size = self._plan.log_size
        for start in range(int(self._folder.marks.get(BESIDE) or 0), size, WINDOW):
            async with snapshot(self._means.pool) as connection:
                reader = self._reader(connection)
                async for table, row in reader.rows_beside(start, start + WINDOW):
                    self._folder.write(table, row)
            end = min(start + WINDOW, size)
            await self._folder.commit(BESIDE, str(end), Tally(unopened=reader.unopened))
            progress(end, size)
        await self._folder.commit(BESIDE, str(size), is_ended=True)

    async def _copy_files(self, progress: Progress) -> None:
        mark, done = UUID(self._folder.marks.get(FILES) or str(NO_ID)), 0
        place = self._plan.tenant, self._plan.log_size
        self._folder.remove_files_after(str(mark))
        while True:
            async with snapshot(self._means.pool) as connection:
                found = await find_files(connection, self._means.keys, place, mark, AT_ONCE)
            if not found:
                break
            damaged = 0
            for each in found:
                damaged += not await self._copy_file(each)
            mark, done = found[-1].message, done + len(found)
            await self._folder.commit(FILES, str(mark), Tally(damaged=damaged))
            progress(done, done)
        await self._folder.commit(FILES, str(mark), is_ended=True)

    async def _copy_file(self, file: FoundFile) -> bool:
        """Copy a file with its row; return False if it is damaged."""
        state, written = file.stored.state, None
        if file.is_there:
            stored = file.stored
            content = read_checked(self._means.objects, stored, file.message, stored.sha256)
            try:
                written = await self._folder.write_file(file.path, content)
            except FileDamaged:
                state = DAMAGED
        self._folder.write(FILES, file.row(state, written))
        return state != DAMAGED

    async def _copy_table(self, name: str) -> None:
        async with snapshot(self._means.pool) as connection:
            reader = TableReader(connection, self._means.keys, self._plan.tenant)
            async for row in reader.rows(TABLES[name]):
                self._folder.write(name, row)
        tally = Tally(unopened=reader.unopened)
        await self._folder.commit(name, "", tally, is_ended=True)

    async def _remove_gone(self) -> None:
        """Take out what was destroyed while the copy was made."""
        gone = await self._find_gone()
        if not (gone.conversations or gone.records):
            return
        for table in TABLES.values():
            if table.is_of_conversations:
                self._folder.remove_rows(table.name, partial(gone.has, table))

    async def _find_gone(self) -> Gone:
        tenant, conversations = self._plan.tenant, set[str]()
        async with self._means.pool.acquire() as connection:
            lines = self._folder.lines(CONVERSATIONS)
            while some := [decode_row(line)["id"] for line in islice(lines, CHECKED)]:
                conversations |= await find_gone(connection, tenant, some)
            found = await find_gone_records(connection, tenant, self._plan.log_size)
        records = {str(id) for id in found}
        rows = map(decode_row, self._folder.lines("messages")) if records else ()
        messages = {row["id"] for row in rows if row["record"] in records}
        return Gone(conversations, records, messages)

    def _finish(self, progress: Progress) -> Summary:
        folder, resources = self._folder, list[Resource]()
        for done, table in enumerate(TABLES, 1):
            resources += self._measure_table(table)
            progress(done, len(TABLES))
        faults = folder.tally.unopened, folder.tally.damaged
        described = describe_package(self._plan.tenant, self._checkpoint, resources)
        text = explain(self._plan.tenant, self._checkpoint, resources, faults)
        indented = msgspec.json.format(encode_json(described), indent=2) + b"\n"
        for name, content in ((DATAPACKAGE, indented), (README, text.encode())):
            folder.other(name).write_bytes(content)
        with folder.other(SUMS).open("w") as sums:
            for digest, path in self._sums(resources):
                sums.write(f"{digest}  {path}\n")
        summary = Summary(
            rows={each.table: each.rows for each in resources},
            bytes=sum(each.bytes for each in resources),
            sha256=measure(folder.other(SUMS), SUMS).sha256,
            tally=folder.tally,
        )
        folder.finish()
        return summary

    def _measure_table(self, name: str) -> Iterator[Resource]:
        """Write a table as Parquet, and yield what there is of it."""
        path, rows = self._folder.path(name), count_rows(self._folder.lines(name))
        yield _resource(name, rows, measure(path, path.name))
        parquet = self._folder.other(f"{name}.parquet")
        parquet.unlink(missing_ok=True)  # of a run that was killed
        if self._means.has_parquet:
            write_parquet(TABLES[name], self._folder.lines(name), parquet)
            yield _resource(name, rows, measure(parquet, parquet.name))

    def _sums(self, resources: Sequence[Resource]) -> Iterator[tuple[str, str]]:
        """Yield the hashes: those of files are in their table."""
        for name in (README, DATAPACKAGE):
            yield measure(self._folder.other(name), name).sha256, name
        yield from ((each.sha256, each.path) for each in resources)
        for row in map(decode_row, self._folder.lines(FILES)):
            if row["path"]:
                yield row["sha256"], row["path"]

    def _reader(self, connection: Connection) -> RecordReader:
        plan = self._plan
        place = ReadPlace(plan.tenant, plan.log_size, self._proof_key)
        return RecordReader(connection, self._means.keys, place)


def _resource(table: str, rows: int, written: Written) -> Resource:
    return Resource(table, written.path, rows, written.bytes, written.sha256)
