"""Tamperings with the tables themselves: readers see less than the person who verifies, or what is
written does not arrive."""

from tests.support.tamperings.tampering import Tampering

SWALLOW = (
    "create function public.swallow() returns trigger language plpgsql as"
    " $$ begin return null; end $$; "
)
STAMP = "create or replace function access.stamp_operation() returns trigger language plpgsql"
HONEST = """
alter table archiver.entry rename to entry_of_before;
create view archiver.entry as select * from archiver.entry_of_before where position <> 7
    or current_setting('application_name') = 'postkamer-verify';
grant select, insert on archiver.entry to postkamer_archiver
"""
OF_BEFORE = """
alter table archiver.media rename to media_of_before;
create view archiver.media as select * from archiver.media_of_before where state = 'available'
"""

NOT_READY = """
update pg_index set indisready = false where indexrelid in (
    select inhrelid from pg_inherits where inhparent = 'archiver.entry_message'::regclass);
create temporary table other on commit drop as select * from archiver.entry where position = :place;
delete from archiver.entry where position = :place;
insert into archiver.entry select * from other;
update pg_index set indisready = true where not indisready
"""
SUBSCRIPTION = """
create subscription s connection 'dbname=x' publication p with (connect = false);
insert into pg_subscription_rel select oid, 'archiver.checkpoint'::regclass, 'r', null
from pg_subscription where subname = 's'
"""
LABEL = "'archiver.entry'::regclass, 'pg_class'::regclass, 0, 'anon', 'MASKED WITH VALUE 1'"
OVERLOAD = """
create or replace function access.stamp_operation() returns trigger language plpgsql
    set search_path = pg_catalog as $$ begin return new; end $$;
create function pg_catalog.concat(text, text) returns text language sql stable
    as $$ select 'what it was' $$
"""
OPERATOR = """
create function public.shares_none(bigint[], bigint[]) returns bool language sql immutable
    as 'select false';
create operator pg_catalog.&& (leftarg = bigint[], rightarg = bigint[],
    function = public.shares_none)
"""
MISNAMED = """
select archiver.make_processing_months('2031-01-01', 1);
alter table archiver.processing_2031_01 rename to processing_2020_01
"""


def _of(id: str, what: str, act: str, table: str, difference: str) -> Tampering:
    says = f"{table} is not as the migrations made it: {difference}"
    return Tampering(id=f"table-{id}", what=what, act=act, says=says)


def _of_role(id: str, what: str, act: str, service: str, difference: str) -> Tampering:
    return _of(f"role-{id}", what, act, f"role postkamer_{service}", difference)


OF_ROLES = [
    _of_role("setting", "A setting of the archiver's role stops triggers.",
             "alter role postkamer_archiver set session_replication_role = replica",
             "archiver", "it has the setting session_replication_role=replica"),
    _of_role("library", "A setting of the archiver's role loads a library.",
             "alter role postkamer_archiver set session_preload_libraries = other",
             "archiver", "it has the setting session_preload_libraries=other"),
    _of_role("superuser", "The gateway's role gets all rights.",
             "alter role postkamer_gateway superuser", "gateway", "it has superuser"),
    _of_role("policies", "The gateway's role is above policies.",
             "alter role postkamer_gateway bypassrls", "gateway", "it has bypassrls"),
    _of_role("maker", "The gateway's role may make roles.",
             "alter role postkamer_gateway createrole", "gateway", "it has createrole"),
    _of_role("member", "The gateway's role becomes a member of the archiver's.",
             "grant postkamer_archiver to postkamer_gateway",
             "gateway", "it has a membership of postkamer_archiver"),
    _of_role("member-by-another", "The same, by a role in between.",
             "create role between; grant pg_read_all_data to between;"
             "grant between to postkamer_gateway",
             "gateway", "it has a membership of pg_read_all_data"),
    _of_role("parameter", "The archiver's role may switch triggers off.",
             "grant set on parameter session_replication_role to postkamer_archiver",
             "archiver", "it has grant of the parameter session_replication_role"),
]  # fmt: skip
OF_TABLES = [
    _of("row-security", "Row-level security hides entries from the archiver.",
        "alter table archiver.entry enable row level security;"
        "create policy p on archiver.entry to postkamer_archiver using (position <> 7)",
        "archiver.entry", "it has policy p for *"),
    _of("row-security-forced", "Row-level security is forced for the owner too.",
        "alter table archiver.media force row level security",
        "archiver.media", "it has row-level security for the owner too"),
    _of("policy", "A policy is made that nothing enables yet.",
        "create policy p on archiver.entry using (position < 3)",
        "archiver.entry", "it has policy p for *"),
    _of("view", "A view in the place of the files shows some of them.", OF_BEFORE,
        "archiver.media", "it has a view"),
    _of("view-honest-to-one", "A view in the place of the entries is honest to the program that"
        " verifies.", HONEST, "archiver.entry", "it has a view"),
    _of("trigger", "A trigger lets checkpoints not arrive.",
        f"{SWALLOW}create trigger t before insert on archiver.checkpoint for each row"
        " execute function public.swallow()", "archiver.checkpoint", "it has CREATE TRIGGER t"),
    _of("trigger-on-entries", "A trigger lets entries not arrive.",
        f"{SWALLOW}create trigger t before insert on archiver.entry for each row"
        " execute function public.swallow()", "archiver.entry", "it has CREATE TRIGGER t"),
    _of("trigger-disabled", "The trigger that says who wrote an operation is disabled.",
        "alter table access.operation disable trigger stamp", "access.operation", "it has"),
    _of("trigger-dropped", "The trigger that keeps working keys is removed.",
        "drop trigger check_working_key on sealing.working_key", "sealing.working_key", "it lacks"),
    _of("rule", "A rule lets hashes not arrive.",
        "create rule r as on insert to archiver.node do instead nothing",
        "archiver.node", "it has CREATE RULE r"),
    _of("constraint", "A constraint is removed.",
        "alter table archiver.head drop constraint head_only_one_check",
        "archiver.head", "it lacks constraint head_only_one_check"),
    _of("unique-key", "The unique key of entries is removed.",
        "alter table archiver.entry drop constraint entry_pkey", "archiver.entry", "it lacks"),
    _of("unique-token", "The unique key of tokens is removed.",
        "alter table access.token drop constraint token_hash_key", "access.token", "it lacks"),
    _of("foreign-key", "The triggers of a foreign key are disabled.",
        "alter table archiver.conversation_key disable trigger all",
        "archiver.conversation_key", "it has a disabled trigger"),
    _of("index", "An index is removed.", "drop index archiver.media_ciphertext",
        "archiver.media", "it lacks CREATE UNIQUE INDEX media_ciphertext"),
    _of("index-invalid", "An index is marked as invalid, so that nobody uses it.",
        "update pg_index set indisvalid = false"
        " where indexrelid = 'archiver.media_object'::regclass",
        "archiver.media", "it has CREATE UNIQUE INDEX media_object"),
    _of("index-not-live", "An index is marked as dropped, so that nobody writes to it.",
        "update pg_index set indislive = false"
        " where indexrelid = 'archiver.media_object'::regclass",
        "archiver.media", "it has CREATE UNIQUE INDEX media_object"),
    Tampering(
        id="table-index-not-ready", act=NOT_READY, says="_message_idx leads to ",
        what="An index of entries is made not ready, an entry is written again, and the index is"
        " made ready: who reads by it misses the entry.",
    ),
    _of("flag-of-triggers", "The table of operations is marked as one without triggers.",
        "update pg_class set relhastriggers = false where oid = 'access.operation'::regclass",
        "access.operation", "it has a flag that hides its triggers"),
    _of("flag-of-indexes", "The table of files is marked as one without indexes.",
        "update pg_class set relhasindex = false where oid = 'archiver.media'::regclass",
        "archiver.media", "it has a flag that hides its indexes"),
    _of("label", "A label tells an extension to show something else.",
        f"insert into pg_seclabel values ({LABEL})",
        "archiver.entry", "it has the label MASKED WITH VALUE 1 of anon"),
    _of("subscription", "Checkpoints are written by another server.", SUBSCRIPTION,
        "archiver.checkpoint", "it has rows of the subscription s"),
    _of("inherits", "A table that inherits brings rows of its own.",
        "create table public.more () inherits (archiver.media)",
        "archiver.media", "it has rows of public.more"),
    _of("detached", "A part of the entries is detached.",
        "alter table archiver.entry detach partition archiver.entry_elsewhere",
        "archiver.entry_elsewhere", "it has"),
    _of("column-type", "The type of a column is changed.",
        "alter table archiver.media alter column size type int",
        "archiver.media", "it has column size integer"),
    _of("column-default", "The default of a column is changed.",
        "alter table archiver.media alter column scanned set default true",
        "archiver.media", "it has column scanned"),
    _of("column-added", "A column is added.", "alter table archiver.media add column x text",
        "archiver.media", "it has column x text"),
    _of("owner", "The archiver becomes the owner of the entries.",
        "alter table archiver.entry owner to postkamer_archiver",
        "archiver.entry", "it has"),
    _of("grant", "The archiver may delete entries.",
        "grant delete on archiver.entry to postkamer_archiver",
        "archiver.entry", "it has grant of delete to postkamer_archiver"),
    _of("grant-of-column", "The gateway may change the salt of entries.",
        "grant update (salt) on archiver.entry to postkamer_gateway",
        "archiver.entry", "it has grant of update (salt) to postkamer_gateway"),
    _of("grant-to-all", "Everybody may read the keys.",
        "grant select on archiver.conversation_key to public",
        "archiver.conversation_key", "it has grant of select to everybody"),
    _of("right-removed", "The archiver may no longer read checkpoints.",
        "revoke select on archiver.checkpoint from postkamer_archiver",
        "archiver.checkpoint", "it lacks grant of select to postkamer_archiver"),
    _of("function", "The function that says who wrote an operation is replaced.",
        f"{STAMP} set search_path = pg_catalog as $$ begin return null; end $$",
        "access.stamp_operation()", "it has body"),
    _of("function-of-owner", "A function of the archiver runs other code as the owner.",
        "create or replace function archiver.operations_moved(ids uuid[]) returns void language sql"
        " security definer as $$ delete from access.operation $$",
        "archiver.operations_moved(ids uuid[])", "it has body"),
    _of("unlogged", "The checkpoints are kept in a table that a crash empties.",
        "alter table archiver.checkpoint set unlogged",
        "archiver.checkpoint", "it has a table, unlogged"),
    Tampering(
        id="table-dropped", what="A table is removed.", act="drop table archiver.quarantine",
        says="archiver.quarantine is gone",
    ),
    Tampering(
        id="table-made", what="A table is made.", act="create table archiver.other (id int)",
        says="archiver.other: no migration made it",
    ),
    Tampering(
        id="table-setting-of-all", what="A setting of everybody shows another table of a name.",
        act="alter role all set search_path = forged, pg_catalog",
        says="role of everybody: no migration made it (the setting search_path=forged, pg_catalog)",
    ),
    Tampering(
        id="table-event-trigger", what="A trigger runs whenever a table is made.",
        act="create function public.act() returns event_trigger language plpgsql as"
        " $$ begin end $$; create event trigger e on ddl_command_end execute function public.act()",
        says="event trigger e: no migration made it (it calls public.act)",
    ),
    Tampering(
        id="table-overload", act=OVERLOAD, what="A function is replaced, and a new one beside"
        " PostgreSQL's own lets it look unchanged.",
        says="the function concat was added to pg_catalog",
    ),
    Tampering(
        id="table-overload-of-extension", what="The same, as a part of an extension.",
        act=f"{OVERLOAD}; alter extension plpgsql add function pg_catalog.concat(text, text)",
        says="the function concat was added to pg_catalog",
    ),
    Tampering(
        id="table-operator", act=OPERATOR,
        what="An operator beside PostgreSQL's own lets searches find nothing.",
        says="the operator && was added to pg_catalog",
    ),
    Tampering(
        id="table-cast", what="A cast between PostgreSQL's own types is made.",
        act="create cast (text as bigint) with inout as implicit",
        says="the cast to int8 was added to pg_catalog",
    ),
    Tampering(
        id="table-misnamed", act=MISNAMED,
        what="A month of the processing log gets the name of one whose term is over.",
        says="archiver.processing_2020_01 has the bounds of another month: FOR VALUES FROM ('2031",
    ),
    Tampering(
        id="table-sequence", what="The counter of citizens' requests is set back.",
        act="alter sequence archiver.request_number restart 1", found_by="",
        why_not="The next request would get a number that exists, and is refused.",
    ),
    Tampering(
        id="table-destructions", what="The counter of erasures is changed.",
        act="update archiver.head set destructions = destructions + 1", found_by="",
        why_not="It makes the archiver seal a batch once more, and says nothing of any erasure.",
    ),
    Tampering(
        id="table-grant-elsewhere", what="A role of one's own gets rights on the record.",
        act="create role prying; grant usage on schema archiver to prying;"
        "grant select on archiver.entry to prying", found_by="",
        why_not="Rights of other roles are the operator's own matter, for backups and reports."
        " Without the master key that role reads times, departments and ids.",
    ),
]  # fmt: skip
