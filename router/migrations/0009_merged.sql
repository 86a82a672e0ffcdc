-- True for a name that came to its person by a merge: an employee said so, and not Meta.
alter table router.identity add column merged boolean not null default false;

-- Names of before that were another person's until they began here. Meta may have moved a few of
-- these; they are taken for merged all the same.
update router.identity i set merged = true where exists (select from router.identity o
    where (o.tenant, o.kind, o.hash) = (i.tenant, i.kind, i.hash)
        and o.person <> i.person and o.valid_to = i.valid_from);
