"""Read as the archiver itself does: a policy may show other rows to it than to the owner."""

from archiver.audit.clamped_times import clamp_times
from services.postgres.database import Connection

SCHEMA, ROLE = "archiver", "postkamer_archiver"
REFUSED = frozenset(("42501", "22023"))
"""SQLSTATE of a login that may not take the role, and of a role that does not exist."""


async def read_as_service(connection: Connection) -> bool:
    """Take the role of the archiver for the rest of the transaction, and return if that was
    possible.

    It is not for a login that is no member of the role, nor where a right of the role was taken
    away, which `verify_catalogue` names. The search path is closed in any case: a function of
    somebody's own, under the name of one of PostgreSQL's, is not called. A time that cannot be is
    read as the first or last one.
    """
    await connection.execute("set local search_path = pg_catalog")
    await clamp_times(connection)
    try:
        async with connection.transaction():  # a savepoint
            await connection.execute(f"set local role {ROLE}")
    except Exception as error:
        if getattr(error, "sqlstate", None) not in REFUSED:
            raise
        return False
    if not await connection.fetchval(_MAY_READ, SCHEMA):
        await connection.execute("set local role none")
        return False
    return True


_MAY_READ = """
select has_schema_privilege($1::text, 'usage') and coalesce((
    select bool_and(has_table_privilege(format('%I.%I', $1::text, name), 'select'))
    from unnest(array['entry', 'head', 'node', 'checkpoint', 'cosignature', 'conversation_key',
        'municipality_key', 'media', 'searchable', 'subject', 'processing', 'request',
        'quarantine', 'dossier', 'dossier_progress', 'hold', 'declaration', 'destruction_list',
        'destruction_item', 'destruction_order']) as name
    where to_regclass(format('%I.%I', $1::text, name)) is not null), false)
"""
