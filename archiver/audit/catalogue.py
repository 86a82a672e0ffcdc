"""Compare the schemas of the record with what the migrations made of them.

Somebody with all rights on the database can make a table show other rows to a service than to its
owner, or let what is written not arrive: by a policy, a view in its place, a trigger, a rule, a
table that inherits. Their traces are in the system catalogue, which is compared with
`catalogue.toml`. `python -m archiver.audit.catalogue URL` prints that file for a database that has
all migrations and nothing else; a test fails when a migration changes it.
"""

import asyncio
import functools
import json
import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from archiver.audit.log_walk import Finding
from services.package_data import load_table
from services.postgres.database import Connection, connection_pool

SCHEMAS = ("access", "archiver", "balance", "restoration", "sealing")
TABLES = ("router.cleared", "router.quarantine")
"""Tables of other schemas that the record is compared with."""
ROLES = (
    "postkamer_archiver",
    "postkamer_deliverer",
    "postkamer_gateway",
    "postkamer_person",
    "postkamer_router",
)
"""Roles that the migrations make. Their login, password and limits are the operator's own matter,
and so are those who become members of them."""
SETTINGS = (
    "allow_system_table_mods",
    "default_transaction_read_only",
    "event_triggers",
    "fsync",
    "full_page_writes",
    "ignore_checksum_failure",
    "ignore_system_indexes",
    "local_preload_libraries",
    "role",
    "row_security",
    "search_path",
    "session_preload_libraries",
    "session_replication_role",
    "shared_preload_libraries",
    "transform_null_equals",
    "zero_damaged_pages",
)
"""Settings that change what a service sees, or let what it writes not arrive. `fsync`,
`full_page_writes` and `shared_preload_libraries` an operator may have in `postgresql.conf`: only
`alter system`, which needs no more than the database, is a finding."""
MONTH = re.compile(r"\b(entry|searchable|processing)_[0-9]{4}_[0-9]{2}\b")
"""Name of the table of a month. All months of a table are alike."""
MAX_NAMED = 3
"""Differences named in the sentence of an object: the first show what was done."""

Catalogue = Mapping[str, frozenset[str]]
"""Facts by object: a table, a function, a schema, or a role."""


async def verify_catalogue(connection: Connection) -> list[Finding]:
    """Return a finding for each object of PostgreSQL's own that somebody added, or else for each of
    ours that differs: what was added may answer in PostgreSQL's name, and then shows no
    difference. Call it in a transaction: settings of that are changed."""
    return await _find_added(connection) or [
        *await _compare_objects(connection),
        *await _find_misnamed(connection),
    ]


async def _compare_objects(connection: Connection) -> list[Finding]:
    """Return a finding for each object that is not as the migrations made it. Call it in a
    transaction: settings of that are changed."""
    return compare(load_expected(), await load_catalogue(connection))


@functools.cache
def load_expected() -> Catalogue:
    table = load_table("archiver.audit", "catalogue.toml", dict[str, list[str]])
    return {name: frozenset(facts) for name, facts in table.items()}


async def _find_added(connection: Connection) -> list[Finding]:
    """Return a finding for each object that was added to PostgreSQL's own."""
    await connection.execute("set local search_path = pg_catalog")
    return [
        _finding(f"the {kind} {name} was added to pg_catalog, where it answers for PostgreSQL")
        for kind, name in await connection.fetch(_ADDED)
    ]


async def _find_misnamed(connection: Connection) -> list[Finding]:
    """Return a finding for each month that has the name of another one."""
    await connection.execute("set local search_path = pg_catalog; set local timezone = 'UTC'")
    await connection.execute("set local datestyle = 'ISO'")
    return [
        _finding(f"archiver.{name} has the bounds of another month: {bounds}")
        for name, bounds in await connection.fetch(_BOUNDS)
        if MONTH.fullmatch(name) and bounds not in _bounds_of(name)
    ]


def _bounds_of(name: str) -> tuple[str, ...]:
    """Return the bounds that the month of a name has, by id or by time, as PostgreSQL in UTC prints
    them. A name of no month has none."""
    try:
        first = datetime.strptime(name[-7:], "%Y_%m").replace(tzinfo=UTC)
        after = (first + timedelta(days=31)).replace(day=1)
    except (ValueError, OverflowError):
        return ()
    times = [f"{at:%Y-%m-%d %H:%M:%S}+00" for at in (first, after)]
    ids = [str(UUID(int=(int(at.timestamp()) * 1000 % 2**48) << 80)) for at in (first, after)]
    return tuple(f"FOR VALUES FROM ('{low}') TO ('{high}')" for low, high in (times, ids))


async def load_catalogue(connection: Connection) -> Catalogue:
    """Load the facts, printed in one way whatever the defaults of the database are."""
    await connection.execute(_AS_PRINTED)
    facts = defaultdict[str, set[str]](set)
    for row in await connection.fetch(_FACTS, SCHEMAS, ROLES, SETTINGS, TABLES):
        facts[row["object"]].add(row["fact"])
    return {name: frozenset(each) for name, each in facts.items()}


def compare(expected: Catalogue, actual: Catalogue) -> list[Finding]:
    """Return what differs, by object."""
    findings = []
    for name, facts in sorted(actual.items()):
        made = expected.get(_without_month(name))
        if made is None:
            findings.append(_finding(f"{name}: no migration made it ({min(facts)})"))
        elif sentence := _difference(made, frozenset(map(_without_month, facts))):
            findings.append(_finding(f"{name} is not as the migrations made it: {sentence}"))
    gone = expected.keys() - set(map(_without_month, actual))
    return findings + [_finding(f"{name} is gone") for name in sorted(gone)]


def _finding(sentence: str) -> Finding:
    return Finding("catalogue", sentence)


def _difference(made: frozenset[str], facts: frozenset[str]) -> str:
    parts = [_name("it has", facts - made), _name("it lacks", made - facts)]
    return "; ".join(filter(None, parts))


def _name(verb: str, facts: frozenset[str]) -> str:
    """Name the first facts. Indexes and constraints come last: they follow from other changes."""
    if not facts:
        return ""
    ordered = sorted(facts, key=lambda fact: (fact.startswith(_CONSEQUENCES), fact))
    more = f" and {len(facts) - MAX_NAMED} more" if len(facts) > MAX_NAMED else ""
    return f"{verb} {', '.join(ordered[:MAX_NAMED])}{more}"


_CONSEQUENCES = ("CREATE INDEX", "CREATE UNIQUE INDEX", "constraint")


def _without_month(text: str) -> str:
    return MONTH.sub(r"\1_MONTH", text)


def format_catalogue(catalogue: Catalogue) -> str:
    """Return the text of `catalogue.toml`. A JSON string is a string of TOML too."""
    merged = defaultdict[str, set[str]](set)
    for name, facts in catalogue.items():
        merged[_without_month(name)].update(map(_without_month, facts))
    lines = ["# Made by `python -m archiver.audit.catalogue URL`; archiver/audit/catalogue.py."]
    for name, texts in sorted(merged.items()):
        lines += [f"{json.dumps(name)} = ["]
        lines += [*(f"    {json.dumps(text)}," for text in sorted(texts)), "]"]
    return "\n".join(lines) + "\n"


# An empty search path makes PostgreSQL print every name in full.
_AS_PRINTED = """
set local search_path = pg_catalog; set local quote_all_identifiers = off;
set local bytea_output = hex; set local standard_conforming_strings = on
"""
_FACTS = r"""
with recursive s as materialized (
    select oid, nspname, nspowner, nspacl from pg_catalog.pg_namespace
    where nspname = any($1::text[])
), r as materialized (
    select c.*, nspname, nspowner, nspname || '.' || relname as object from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = relnamespace
    where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        and (nspname = any($1) or nspname || '.' || relname = any($4::text[]))
), f as materialized (
    select p.*, nspowner,
        format('%s.%s(%s)', nspname, proname, pg_get_function_identity_arguments(p.oid)) as object
    from pg_catalog.pg_proc p join s on s.oid = pronamespace
), owned (object, owner, schema_owner) as (
    select object, relowner, nspowner from r union all select object, proowner, nspowner from f
), granted (object, owner, acl, what) as (
    select 'schema ' || nspname, nspowner, coalesce(nspacl, acldefault('n', nspowner)), '' from s
    union all select object, relowner,
        coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner)),
        '' from r
    union all select object, proowner, coalesce(proacl, acldefault('f', proowner)), '' from f
    union all select object, relowner, attacl, format(' (%s)', attname)
        from r join pg_catalog.pg_attribute on attrelid = r.oid where attacl is not null
), own as materialized (
    select *, 'role ' || rolname as object from pg_catalog.pg_roles where rolname = any($2::text[])
), membership (object, role) as (
    select object, roleid from own join pg_catalog.pg_auth_members on member = own.oid
    union select object, roleid from membership join pg_catalog.pg_auth_members on member = role
)
select object, 'a ' || case relkind when 'r' then 'table' when 'p' then 'partitioned table'
    when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table'
    else 'sequence' end || case relpersistence when 'u' then ', unlogged' else '' end as fact
from r
union all select 'schema ' || nspname, 'a schema' || case
    when pg_get_userbyid(nspowner) like 'postkamer\_%'
    then ', owned by ' || pg_get_userbyid(nspowner) else '' end from s
union all select object, 'the owner ' || pg_get_userbyid(owner) from owned
    where owner <> schema_owner
union all select object, 'the tablespace ' || spcname
from r join pg_catalog.pg_tablespace t on t.oid = reltablespace
union all select object, 'row-level security' from r where relrowsecurity
union all select object, 'row-level security for the owner too' from r where relforcerowsecurity
union all select object, concat('column ', attname, ' ', format_type(atttypid, atttypmod),
    case when attnotnull then ' not null' end,
    ' default ' || pg_get_expr(adbin, adrelid),
    case when attidentity <> '' then ' identity ' || attidentity::text end,
    case when attgenerated <> '' then ' generated' end,
    case when attcollation <> typcollation
        then ' collation ' || (attcollation::regcollation)::text end)
from r join pg_catalog.pg_attribute a on attrelid = r.oid and attnum > 0 and not attisdropped
join pg_catalog.pg_type t on t.oid = atttypid
left join pg_catalog.pg_attrdef on adrelid = r.oid and adnum = attnum
where relkind <> 'S'
union all select object, concat('constraint ', case when not relispartition then conname || ' ' end,
    pg_get_constraintdef(c.oid), case when not convalidated then ' NOT VALID' end)
from r join pg_catalog.pg_constraint c on conrelid = r.oid and contype <> 'n'
union all select object, concat(case when relispartition
    then regexp_replace(pg_get_indexdef(indexrelid), ' INDEX \S+ ON ', ' INDEX ON ')
    else pg_get_indexdef(indexrelid) end,
    case when not (indisvalid and indisready and indislive and indimmediate) then ' INVALID' end)
from r join pg_catalog.pg_index on indrelid = r.oid
union all select object, 'a flag that hides its ' || what from r cross join lateral (values
    (relhasindex, 'indexes', exists (select from pg_catalog.pg_index where indrelid = r.oid)),
    (relhastriggers, 'triggers', exists (select from pg_catalog.pg_trigger where tgrelid = r.oid)),
    (relhasrules, 'rules', exists (select from pg_catalog.pg_rewrite where ev_class = r.oid)),
    (relhassubclass, 'parts', exists (select from pg_catalog.pg_inherits where inhparent = r.oid)),
    (relchecks = (select count(*) from pg_catalog.pg_constraint
        where conrelid = r.oid and contype = 'c'), 'checks', true)
) as flag (is_set, what, is_there) where is_there and not is_set
union all select object, pg_get_triggerdef(t.oid) || case tgenabled when 'O' then ''
    else ' (enabled: ' || tgenabled::text || ')' end
from r join pg_catalog.pg_trigger t on tgrelid = r.oid and not tgisinternal
union all select object, 'a disabled trigger of the constraint ' || coalesce(conname, '?')
from r join pg_catalog.pg_trigger t on tgrelid = r.oid and tgisinternal and tgenabled <> 'O'
left join pg_catalog.pg_constraint c on c.oid = tgconstraint
union all select object, concat('policy ', polname, ' for ', polcmd::text, ' using ',
    pg_get_expr(polqual, polrelid), ' check ', pg_get_expr(polwithcheck, polrelid))
from r join pg_catalog.pg_policy on polrelid = r.oid
union all select object, pg_get_ruledef(w.oid) || case ev_enabled when 'O' then ''
    else ' (enabled: ' || ev_enabled::text || ')' end
from r join pg_catalog.pg_rewrite w on ev_class = r.oid and rulename <> '_RETURN'
union all select object, case when relispartition then 'its place as partition of '
    else 'what it inherits from ' end || (inhparent::regclass)::text
from r join pg_catalog.pg_inherits on inhrelid = r.oid
union all select object, 'rows of ' || (inhrelid::regclass)::text
from r join pg_catalog.pg_inherits on inhparent = r.oid
join pg_catalog.pg_class c on c.oid = inhrelid and c.relnamespace not in (select oid from s)
union all select object, concat('body ', md5(concat(prosrc, pg_get_function_sqlbody(f.oid))),
    ' in ', lanname, ' returning ', pg_get_function_result(f.oid), ', ', provolatile::text,
    case when prosecdef then ', as its owner' end, ', ' || array_to_string(proconfig, ', '))
from f join pg_catalog.pg_language l on l.oid = prolang
union all select object, format('grant of %s%s to %s', lower(privilege_type), what,
    case grantee when 0 then 'everybody' else pg_get_userbyid(grantee) end)
from granted cross join lateral aclexplode(acl)
where grantee <> owner and (grantee = 0 or pg_get_userbyid(grantee) like 'postkamer\_%')
union all select 'event trigger ' || evtname, format('it calls %s', evtfoid::regproc)
from pg_catalog.pg_event_trigger
union all select object, format('the label %s of %s%s', label, provider, ' on ' || attname)
from r join pg_catalog.pg_seclabel on objoid = r.oid and classoid = 'pg_catalog.pg_class'::regclass
left join pg_catalog.pg_attribute on attrelid = r.oid and attnum = objsubid and objsubid > 0
union all select object, 'rows of the subscription ' || subname
from r join pg_catalog.pg_subscription_rel on srrelid = r.oid
join pg_catalog.pg_subscription u on u.oid = srsubid
union all select object, 'a role' from own
union all select object, what from own cross join lateral (values (rolsuper, 'superuser'),
    (rolbypassrls, 'bypassrls'), (rolcreaterole, 'createrole'), (rolcreatedb, 'createdb'),
    (rolreplication, 'replication')
) as flag (is_set, what) where is_set
union all select object, 'grant of the parameter ' || parname
from pg_catalog.pg_parameter_acl cross join lateral aclexplode(paracl)
join own on grantee in (0, own.oid)
union all select object, 'a membership of ' || rolname
from membership join pg_catalog.pg_roles m on m.oid = role
where rolsuper or rolbypassrls or rolcreaterole or rolname like 'pg\_%' or rolname = any($2)
    or m.oid in (select nspowner from s union select grantee
        from granted cross join lateral aclexplode(acl))
union all select case setrole when 0 then 'role of everybody'
    else 'role ' || pg_get_userbyid(setrole) end, 'the setting ' || setting
from pg_catalog.pg_db_role_setting cross join lateral unnest(setconfig) setting
where (setting ~ '^(session_replication_role|row_security)='
        or split_part(setting, '=', 1) = any($3::text[])
            and (setrole = 0 or pg_get_userbyid(setrole) = any($2)))
    and setting !~ '_preload_libraries=auto_explain$'
    and setting not in (select concat(name, '=', boot_val) from pg_catalog.pg_settings)
    and setdatabase in (0, (select oid from pg_catalog.pg_database
        where datname = current_database()))
union all select 'the server', format('the setting %s=%s', name, setting)
from pg_catalog.pg_settings where name = any($3)
    and source = 'configuration file' and setting is distinct from boot_val
    and not (name ~ '_preload_libraries$'
        and setting ~ '^((auto_explain|pg_stat_statements)(, *|$))+$')
    and (name !~ '^(fsync|full_page_writes|shared_preload_libraries)$'
        or sourcefile ~ '/postgresql\.auto\.conf$')
"""
"""Grants to others than everybody and the roles of the services are the operator's own matter, and
so are publications, which give others what they may read anyway."""

# `initdb` makes objects with an oid below 16384, and `pg_catalog` is 11. Each operator here has two
# operands of one type, as PostgreSQL's own has, so that no other fits as well. A literal is read by
# its type, and calls no cast. Functions in C that an extension made are that extension's; others
# can be added to an extension by hand.
_ADDED = """
select 'function'::pg_catalog.text as kind, p.proname as name from pg_catalog.pg_proc p
where p.pronamespace = '11'::pg_catalog.oid and p.oid >= '16384'::pg_catalog.oid
    and (p.prolang <> '13'::pg_catalog.oid or not exists (select from pg_catalog.pg_depend d
        where d.classid = '1255'::pg_catalog.oid and d.objid = p.oid
            and d.deptype = 'e'::pg_catalog."char"))
union all select 'operator', oprname from pg_catalog.pg_operator
where oprnamespace = '11'::pg_catalog.oid and oid >= '16384'::pg_catalog.oid
union all select 'type', typname from pg_catalog.pg_type
where typnamespace = '11'::pg_catalog.oid and oid >= '16384'::pg_catalog.oid
union all select 'operator class', opcname from pg_catalog.pg_opclass
where opcnamespace = '11'::pg_catalog.oid and oid >= '16384'::pg_catalog.oid
union all select 'cast to', t.typname from pg_catalog.pg_cast c
join pg_catalog.pg_type t on t.oid = c.casttarget
where c.oid >= '16384'::pg_catalog.oid and c.castsource < '16384'::pg_catalog.oid
    and c.casttarget < '16384'::pg_catalog.oid
"""
_BOUNDS = """
select c.relname, pg_get_expr(c.relpartbound, c.oid) from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'archiver' and c.relkind = 'r' and c.relispartition order by 1
"""


async def _print(url: str) -> None:
    async with (
        connection_pool(url, "catalogue", 1) as pool,
        pool.acquire() as connection,
        connection.transaction(readonly=True),
    ):
        sys.stdout.write(format_catalogue(await load_catalogue(connection)))


if __name__ == "__main__":
    asyncio.run(_print(sys.argv[1]))
