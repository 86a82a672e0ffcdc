-- Current names of the people of whom one name is on a list: the ledger may use the BSUID of a guest
-- who was listed by telephone. Names that an employee put together may be a stranger's, so someone
-- with a merged name, or with two of one kind, is no guest by this view. Always asked by person:
-- there is an index.
create or replace view deliverer.guest_person as
select g.number, n.person, n.kind, n.value
from router.identity n
join router.identity m on m.person = n.person and m.valid_to is null
join deliverer.guest g on g.kind = m.kind and g.value = m.value
where n.valid_to is null and not exists (
    select from router.identity a where a.person = n.person and a.merged)
and not exists (
    select from router.identity a join router.identity b
        on b.person = a.person and b.kind = a.kind and b.scope = a.scope and b.hash <> a.hash
    where a.person = n.person and a.valid_to is null and b.valid_to is null);
