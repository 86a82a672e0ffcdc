"""Read the tables that stand beside the log, as they are."""

from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, TypeVar

import msgspec

from archiver.disclosure.disclosure import DisclosureRefused
from archiver.disclosure.disclosure_store import (
    DISCLOSURES,
    DisclosureStore,
    read_disclosure,
    read_document,
)
from archiver.encryption.key_store import KeyStore
from archiver.encryption.row_batches import fetch_batches
from archiver.open_copy.columns import TABLES, Table
from archiver.open_copy.rows import Row, row_of
from archiver.retention.hold import Secret
from archiver.retention.hold_store import HoldStore, read_hold
from services.event_types import event_source
from services.postgres.database import Connection
from services.sealing.wrapping import CannotDecrypt

Source = Mapping[str, Any]
T = TypeVar("T")


class TableReader:
    """Reads on the connection of one transaction."""

    def __init__(self, connection: Connection, keys: KeyStore, tenant: str) -> None:
        self._connection, self._keys = connection, keys.on(connection)
        self._tenant = tenant
        self.unopened = 0
        """Rows of which a sealed part does not open; the rest of them is copied."""

    async def rows(self, table: Table) -> AsyncIterator[Row]:
        """Yield the rows of a table, in its order."""
        sources = self._sources.get(table.name)
        found = sources() if sources else self._select(table.rows, self._tenant)
        async for source in found:
            yield row_of(table, source)

    @property
    def _sources(self) -> Mapping[str, Any]:
        return {
            "holds": self._holds,
            "disclosure_documents": self._documents,
            "rules": self._rules,
            "approvals": self._approvals,
            "standard_answers": self._standard_answers,
        }

    async def _select(self, rest: str, *arguments: Any) -> AsyncIterator[Source]:
        async for batch in fetch_batches(self._connection, f"select {rest}", *arguments):
            for row in batch:
                yield dict(row)

    async def _holds(self) -> AsyncIterator[Source]:
        """Yield the holds, those that stand with what they are about."""
        store = HoldStore(self._connection, self._keys)
        async for row in self._select(TABLES["holds"].rows, self._tenant):
            secret = await self._opened(store.secret(read_hold(row))) or Secret()
            persons = [msgspec.structs.asdict(each) for each in secret.identities]
            yield {**row, "persons": persons, "words": secret.words}

    async def _documents(self) -> AsyncIterator[Source]:
        """Yield the documents with their redactions, of which those of a destroyed one are gone."""
        store = DisclosureStore(self._connection, self._keys)
        rows = await self._connection.fetch(f"{DISCLOSURES} where tenant = $1", self._tenant)
        found = {row["id"]: read_disclosure(row) for row in rows}
        async for row in self._select(TABLES["disclosure_documents"].rows, self._tenant):
            redactions = None
            if row["sealed"] is not None:
                place = found[row["disclosure"]], read_document(row)
                redactions = await self._opened(store.redactions(*place))
            yield {**row, "redactions": msgspec.to_builtins(redactions)}

    async def _opened(self, work: Awaitable[T]) -> T | None:
        """Return what `work` opens; None if it was altered, which is counted."""
        try:
            return await work
        except (CannotDecrypt, DisclosureRefused):
            self.unopened += 1
            return None

    async def _rules(self) -> AsyncIterator[Source]:
        """Yield the files of each version: they are of all municipalities of an installation, so
        they go along if there is one."""
        if await self._is_alone():
            async for row in self._select(_VERSIONS):
                files = msgspec.msgpack.decode(row["files"], type=dict[str, str])
                for name in sorted(files):
                    yield {**row, "file": name, "text": files[name]}

    async def _approvals(self) -> AsyncIterator[Source]:
        if await self._is_alone():
            async for row in self._select(_APPROVALS):
                yield row

    async def _standard_answers(self) -> AsyncIterator[Source]:
        async for row in self._select(_STANDARD_ANSWERS, event_source(self._tenant)):
            yield row

    async def _is_alone(self) -> bool:
        return bool(await self._connection.fetchval(_IS_ALONE, self._tenant))


_VERSIONS = "v.* from router.version v order by first_at, version"
_APPROVALS = "a.* from router.approval a order by version, at, by"
_STANDARD_ANSWERS = "a.* from desk.standard_answer a where source = $1 order by id"
_IS_ALONE = """
select not exists (select from archiver.municipality_key
    where purpose = 'hash' and tenant not in ('', $1))
"""
