-- One role a service, each with rights on its own schema and no more than it needs elsewhere.
-- Created without a login: whoever installs gives them a password, or grants them to users of its own.
do $$
declare
    service text;
begin
    foreach service in array array['gateway', 'router', 'deliverer', 'archiver'] loop
        if not exists (select from pg_roles where rolname = 'postkamer_' || service) then
            execute format('create role %I nologin', 'postkamer_' || service);
        end if;
        execute format('create schema if not exists %I', service);
        execute format('grant usage on schema %I to %I', service, 'postkamer_' || service);
    end loop;
end
$$;
