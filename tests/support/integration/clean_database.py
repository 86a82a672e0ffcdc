"""One database for many tests, emptied before each: some 10 ms, where a copy takes 200 to 300."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import asyncpg

from deploy.local.postgresql import Database

OURS = "nspname !~ '^pg_(toast|temp)' and nspname not in ('pg_catalog', 'information_schema')"
SCHEMA = f"""
select md5(string_agg(line, ' ' order by line)) from (
    select concat_ws(' ', 'relation', c.oid, relname, relkind, relrowsecurity, relacl) as line
        from pg_class c join pg_namespace n on n.oid = relnamespace where {OURS}
    union all select concat_ws(' ', 'column', attrelid, attname, atttypid, attnotnull, attacl)
        from pg_attribute join pg_class c on c.oid = attrelid
        join pg_namespace n on n.oid = relnamespace where {OURS}
    union all select concat_ws(' ', 'constraint', oid, conname) from pg_constraint
    union all select concat_ws(' ', 'trigger', oid, tgname, tgenabled) from pg_trigger
    union all select concat_ws(' ', 'function', p.oid, proname, md5(prosrc), proacl)
        from pg_proc p join pg_namespace n on n.oid = pronamespace where {OURS}
    union all select concat_ws(' ', 'policy', oid, polname) from pg_policy
    union all select concat_ws(' ', 'schema', oid, nspname, nspacl) from pg_namespace where {OURS}
    union all select concat_ws(' ', 'setting', setdatabase, setrole, setconfig)
        from pg_db_role_setting
) as lines
"""
"""Digest of all that migrations make: a test that changes any of it gets a copy after it."""
TABLES = f"""
select format('%I.%I', nspname, relname) from pg_class c join pg_namespace n on n.oid = relnamespace
where relkind = 'r' and {OURS}
"""
"""Those that hold rows: partitions, and not what is divided into them."""
ALONE = """
select pg_terminate_backend(pid, 5000) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid();
"""
# Only tables that were written: truncating all of them takes as long as a copy. One whose rows were
# deleted is truncated too, or the planner would take it for small. The role `replica` skips the
# triggers that keep a log from being emptied.
EMPTY = f"""
set session_replication_role = replica;
do $$ declare one text; begin
    for one in {TABLES} loop
        if pg_relation_size(one::regclass) > 0 then
            execute format('truncate %s cascade', one);
        end if;
    end loop;
    perform setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
        from pg_sequences where last_value is not null;
end $$;
"""
# All tables in one question: one for each takes more than a second of a processor.
FIRST_ROWS = f"""
create function pg_temp.put_back(one text) returns text language plpgsql as $$
declare found json; begin
    execute format('select json_agg(t) from %s t', one) into found;
    return case when found is not null then format(
        'insert into %1$s overriding system value'
        ' select * from json_populate_recordset(null::%1$s, %2$L);', one, found
    ) end;
end $$;
select string_agg(pg_temp.put_back(one), chr(10)) from ({TABLES}) as named (one)
"""
"""Statements that put back the rows that a database has."""
CHANGED = "the schema was changed"
GONE = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)
"""Errors of a connection that a test, or the end of the database, has ended."""


class KeptConnection:
    """A connection for all tests, which know the tables after the first of them. Its event loop has
    a thread of its own, because each test has its own loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._runner = asyncio.Runner()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    def execute(self, url: str, sql: str) -> None:
        self._thread.submit(lambda: self._runner.run(self._execute(url, sql))).result()

    async def _execute(self, url: str, sql: str) -> None:
        try:
            if self._connection:
                await self._connection.execute(sql)
                return
        except GONE:
            self._connection = None
        self._connection = await asyncpg.connect(url)
        await self._connection.execute(sql)

    def close(self) -> None:
        with self._thread as thread:
            thread.submit(self._close).result()

    def _close(self) -> None:
        with self._runner:
            if self._connection:
                self._connection.terminate()


class CleanDatabase:
    """A copy of `template`, made again only after a test that changed its schema."""

    def __init__(self, server: Database, name: str, template: str) -> None:
        self._server, self._name, self._template = server, name, template
        self._connection = KeptConnection()
        self._schema = ""
        self._rows = self._first_rows()

    @property
    def url(self) -> str:
        return f"{self._server.url.rpartition('/')[0]}/{self._name}"

    def renew(self) -> str:
        """End all connections and leave the rows that the template has; return the owner's URL."""
        if not self._schema or not self._empty_unless_changed():
            self._copy()
        return self.url

    def _empty_unless_changed(self) -> bool:
        """Empty the tables; or return False, if the schema is no longer the template's."""
        check = f"""do $$ begin if ({SCHEMA}) <> '{self._schema}' then
            raise exception '{CHANGED}'; end if; end $$;"""
        try:
            self._connection.execute(self.url, ALONE + check + EMPTY + self._rows)
        except asyncpg.RaiseError as error:
            if CHANGED not in str(error):
                raise
            return False
        return True

    def close(self) -> None:
        self._connection.close()

    def _copy(self) -> None:
        self._server.execute(
            f"drop database if exists {self._name} with (force);\n"
            f"create database {self._name} template {self._template} strategy file_copy",
            "postgres",
        )
        self._schema = self._server.execute(SCHEMA, self._name)

    def _first_rows(self) -> str:
        """Statements that put back the rows of the template, such as the head of an empty log."""
        return self._server.execute(FIRST_ROWS, self._template)
