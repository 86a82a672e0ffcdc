-- Numbers on trial take messages from everyone and send only to their guests: docs/decisions/0065.

-- A row is written when a service first sees `trial = true`, or by an operator. It stays, so that only
-- the recorded step ends a trial, and not a line that is deleted from a file.
create table deliverer.trial (
    number text primary key,
    since timestamptz not null default now(),
    live_at timestamptz                 -- null: on trial
);

-- Addresses of colleagues who take part in a trial. An operator fills it; going live empties it.
create table deliverer.guest (
    number text not null,
    kind text not null check (kind in ('phone', 'bsuid')),
    value text not null,                -- as in the ledger
    id uuid not null unique,            -- names the guest without the address
    added_at timestamptz not null default now(),
    primary key (number, kind, value)
);

-- Current names of the people of whom one name is on a list: the ledger may use the BSUID of a guest
-- who was listed by telephone. Someone with two names of one kind may be two people whom an employee
-- merged, so they are no guest by this view. Always asked by person: there is an index.
create view deliverer.guest_person as
select g.number, n.person, n.kind, n.value
from router.identity n
join router.identity m on m.person = n.person and m.valid_to is null
join deliverer.guest g on g.kind = m.kind and g.value = m.value
where n.valid_to is null and not exists (
    select from router.identity a join router.identity b
        on b.person = a.person and b.kind = a.kind and b.scope = a.scope and b.hash <> a.hash
    where a.person = n.person and a.valid_to is null and b.valid_to is null);

create view deliverer.guest_conversation as
select c.id as conversation from router.conversation c
where exists (select from deliverer.guest_person g
    where g.person = c.person and g.number = c.number);

grant select, insert on deliverer.trial to postkamer_deliverer;
grant select on deliverer.guest, deliverer.guest_person to postkamer_deliverer;
grant select on deliverer.trial, deliverer.guest, deliverer.guest_conversation to postkamer_gateway;

-- A message of a test token gets realistic outcomes and never reaches Meta.
alter table deliverer.ledger add column test boolean not null default false;
-- Its statuses come after a moment, as Meta's do.
alter table deliverer.outcome add column due_at timestamptz not null default now();
