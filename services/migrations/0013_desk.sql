-- The role of the desk, with rights on its own schema and on the working keys.
do $$
begin
    if not exists (select from pg_roles where rolname = 'postkamer_desk') then
        create role postkamer_desk nologin;
    end if;
end
$$;
create schema desk;
grant usage on schema desk to postkamer_desk;
grant usage on schema sealing to postkamer_desk;
grant select, insert on sealing.working_key to postkamer_desk;
