"""Find a person in the archive of one municipality, by the names asked and all names linked to
them."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import IndexKeys, KeyStore
from archiver.encryption.row_batches import fetch_batches
from archiver.index.blind_index import person_hash
from archiver.index.record_fields import PHONE, Identity, normalise
from archiver.subject_access.identity_evidence import KINDS, identity_evidence
from archiver.subject_access.identity_linking import IdentityGraph, IdentitySighting, Names, Person
from services.postgres.database import Connection

MAX_PLACES = 2_000
"""Most conversations and lone entries read for one person: forty years of one a week."""
MAX_SIGHTINGS = 200_000
"""Most sightings held in memory, some 500 bytes each."""


class TooManyMatches(Exception):
    """The search has more matches than fit in memory; the argument is a sentence for the user."""


class SubjectMatch(msgspec.Struct, frozen=True, kw_only=True):
    """The places in which a person occurs. `others`: number of places in which an asked phone
    number belongs to other people. `hashes`: keyed hashes of all names."""

    asked: Names
    names: Names = frozenset()
    hashes: tuple[bytes, ...] = ()
    conversations: tuple[str, ...] = ()
    """Conversation ids, oldest first."""
    entries: tuple[UUID, ...] = ()
    others: int = 0


class PersonFinder:
    """One search, on the connection of one transaction."""

    def __init__(
        self, connection: Connection, keys: KeyStore, tenant: str, hashing: IndexKeys
    ) -> None:
        self._connection, self._keys, self._tenant = connection, keys, tenant
        self._hashing = hashing
        self._sightings: list[IdentitySighting] = []
        self._read_places: set[str] = set()

    async def find(self, asked: Collection[Identity]) -> SubjectMatch:
        names = frozenset(Identity(each.kind, normalise(each)) for each in asked)
        searched, new, persons = frozenset[Identity](), names, list[Person]()
        while new:
            await self._search(new)
            searched |= new
            persons = IdentityGraph(self._sightings).matching(names)
            new = frozenset[Identity]().union(*(each.reported for each in persons)) - searched
        return self._build_match(names, persons)

    def _build_match(self, asked: Names, persons: Sequence[Person]) -> SubjectMatch:
        places = frozenset[str]().union(*(each.places for each in persons))
        names = frozenset[Identity]().union(*(each.names for each in persons))
        numbers = {name for name in asked if name.kind == PHONE}
        others = {
            each.place
            for each in self._sightings
            if each.place not in places and not each.all_names.isdisjoint(numbers)
        }
        places_by_time = [each.place for each in sorted(self._sightings, key=lambda each: each.at)]
        in_order = [place for place in dict.fromkeys(places_by_time) if place in places]
        return SubjectMatch(
            asked=asked,
            names=names,
            hashes=hash_names(self._hashing.newest, names | asked),
            conversations=tuple(place for place in in_order if not _is_entry(place)),
            entries=tuple(UUID(place) for place in in_order if _is_entry(place)),
            others=len(others),
        )

    async def _search(self, names: Names) -> None:
        """Read every place that has one of these names and was not read yet."""
        hashes = [hash for key in self._hashing.hashes for hash in hash_names(key, names)]
        rows = await self._connection.fetch(_PLACES, self._tenant, hashes, MAX_PLACES + 1)
        conversations = {row["conversation"] for row in rows if row["conversation"]}
        entries = {row["entry"] for row in rows if not row["conversation"]}
        new = {*conversations, *map(str, entries)} - self._read_places
        self._read_places |= new
        if len(self._read_places) > MAX_PLACES:
            raise TooManyMatches(f"they stand in over {MAX_PLACES} places: that is no one person")
        await self._read(_CONVERSATIONS, sorted(conversations & new))
        await self._read(_ENTRIES, sorted(each for each in entries if str(each) in new))

    async def _read(self, query: str, places: Sequence[Any]) -> None:
        if not places:
            return
        async for rows in fetch_batches(self._connection, query, self._tenant, places, KINDS):
            self._sightings += _read_evidence(decrypt_rows(rows, self._keys))
            if len(self._sightings) > MAX_SIGHTINGS:
                raise TooManyMatches(
                    f"they are named over {MAX_SIGHTINGS} times: that is no one person"
                )


async def find_subject(
    connection: Connection, keys: KeyStore, tenant: str, names: Collection[Identity]
) -> SubjectMatch:
    """Find a person. Raises TooManyMatches, and CannotDecrypt without the municipality's key."""
    hashing = await keys.index_keys(tenant)
    return await PersonFinder(connection, keys, tenant, hashing).find(names)


def hash_names(key: bytes, names: Iterable[Identity]) -> tuple[bytes, ...]:
    """Return the hashes of persons under a key, in order. Pure."""
    return tuple(sorted(person_hash(key, name.kind, name.value) for name in names))


def _read_evidence(rows: Iterable[dict[str, Any]]) -> Iterator[IdentitySighting]:
    for row in rows:
        yield from identity_evidence(row)


def _is_entry(place: str) -> bool:
    """Return True for an entry's id, a UUID. A conversation's id is our number's id, a hyphen and
    the rest."""
    return place.count("-") == 4


_PLACES = """
select distinct conversation, case when conversation = '' then entry end as entry
from archiver.subject where tenant = $1 and hash = any($2::bytea[])
limit $3
"""
_CONVERSATIONS = f"""{RECORDS}
where e.tenant = $1 and e.conversation = any($2::text[]) and e.conversation <> ''
    and e.kind = any($3::text[])
order by e.id
"""
_ENTRIES = f"""{RECORDS}
where e.tenant = $1 and e.id = any($2::uuid[]) and e.kind = any($3::text[]) order by e.id
"""
