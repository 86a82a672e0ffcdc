"""One database for many tests, emptied before each: some 40 ms, where a copy takes 200 to 300."""

import json

from deploy.local.errors import Refusal
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
# Only tables with rows: truncating all of them takes as long as a copy. The role `replica` skips
# the triggers that keep a log from being emptied.
EMPTY = f"""
set session_replication_role = replica;
do $$ declare one text; is_used boolean; begin
    for one in {TABLES} loop
        execute format('select exists (select from %s)', one) into is_used;
        if is_used then execute format('truncate %s cascade', one); end if;
    end loop;
    perform setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
        from pg_sequences where last_value is not null;
end $$;
"""
CHANGED = "the schema was changed"


class CleanDatabase:
    """A copy of `template`, made again only after a test that changed its schema."""

    def __init__(self, server: Database, name: str, template: str) -> None:
        self._server, self._name, self._template = server, name, template
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
            self._server.execute(ALONE + check + EMPTY + self._rows, self._name)
        except Refusal as refusal:
            if CHANGED not in str(refusal):
                raise
            return False
        return True

    def _copy(self) -> None:
        self._server.execute(
            f"drop database if exists {self._name} with (force);\n"
            f"create database {self._name} template {self._template} strategy file_copy",
            "postgres",
        )
        self._schema = self._server.execute(SCHEMA, self._name)

    def _first_rows(self) -> str:
        """Statements that put back the rows of the template, such as the head of an empty log."""
        statements = []
        for table in self._server.execute(TABLES, self._template).splitlines():
            rows = self._server.execute(f"select json_agg(t) from {table} t", self._template)
            if rows:
                quoted = json.dumps(json.loads(rows)).replace("'", "''")
                statements.append(
                    f"insert into {table} overriding system value"
                    f" select * from json_populate_recordset(null::{table}, '{quoted}');"
                )
        return "\n".join(statements)
