"""The version in force and those who stand for one, in PostgreSQL: so all services agree."""

from typing import Any

import msgspec

from services.postgres.database import Connection, Pool
from services.second_person.judgement import Standing, Supporter, VersionInForce


async def read_standing(tables: "Pool | Connection", version: str) -> Standing:
    """Return all that decides if a version counts."""
    row = await tables.fetchrow(_STANDING, version)
    assert row is not None
    in_force = None
    if row["version"] is not None:
        in_force = VersionInForce(row["version"], row["asks"])
    supporters = msgspec.json.decode(row["supporters"], type=tuple[Supporter, ...])
    return Standing(in_force, row["was_in_force"], supporters)


async def load_files_in_force(tables: "Pool | Connection") -> tuple[str, dict[str, str]] | None:
    """Return the version in force with the text of each of its files by its name; None if nothing
    is kept of it."""
    row: Any = await tables.fetchrow(_FILES)
    if row is None:
        return None
    return row["version"], msgspec.msgpack.decode(row["files"], type=dict[str, str])


_NEWEST = "select version, asks from router.in_force order by n desc limit 1"
_STANDING = f"""
select f.version, f.asks,
    exists (select from router.in_force i where i.version = $1) as was_in_force,
    coalesce((select json_agg(json_build_object('by', a.by, 'alone', a.alone))
        from router.approval a where a.version = $1 and a.identified = 'proven'
        and (a.alone or a.confirmed_at is not null)), '[]')::text as supporters
from (select) one left join lateral ({_NEWEST}) f on true
"""
"""An approval counts once the archiver has held its proof against its own providers. In an
emergency nobody waits for that."""
_FILES = "select version, files from router.version_in_force"
