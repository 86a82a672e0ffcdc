-- Logins of persons are members of this role, which has no rights and only says that a login is one
-- person's: `create role "s.jansen" login in role postkamer, postkamer_person`.
do $$
begin
    if not exists (select from pg_roles where rolname = 'postkamer_person') then
        create role postkamer_person nologin;
    end if;
end
$$;

-- proven: by a token of an identity provider, or by a login that is one person's. What was before, and
-- what an older version writes, was stated.
alter table access.operation add column identified text not null default 'stated'
    check (identified in ('proven', 'stated'));
