-- Employees work in ITA, on our tasks in Open Klant: they forward, answer, close and reopen there.

alter sequence deliverer.referentienummer
    -- Open Klant 2.15 goes on from the highest number in the register, and stops after 9999999999.
    -- After a return to 2.15 it has 1,000,000,000 numbers left.
    maxvalue 8999999999;

alter table deliverer.klantcontact
    -- A message whose text is being added, and the length of the text before: a contact that is
    -- longer has it already.
    add column adding uuid,
    add column adding_to integer,
    add column posted_at timestamptz,   -- a post without a number of ours, while it has no answer
    add column zaak text not null default '',           -- zaak that the contact is linked to
    add column closed boolean not null default false;   -- its conversation was closed

-- A contact has one task for ever, whose event is the contact's own. Of contacts with several tasks
-- the newest is that one.
alter table deliverer.internetaak
    add column tenant text not null default '',
    add column posted_at timestamptz,
    add column actors uuid[],           -- actors there, sorted; null until they were read
    add column actors_before uuid[],    -- actors before our last change, which may not have arrived
    add column employee text not null default '', -- employee who took it there
    add column stray boolean not null default false, -- its actors are no department of ours
    add column changing_at timestamptz, -- when we began to end it or to open it again
    add column reopened_at timestamptz, -- when it was last opened again, here or there
    add column reopening boolean not null default false, -- we set it back to te_verwerken
    add column ended_at timestamptz,    -- when it ended, here or there
    add column removed boolean not null default false, -- it was deleted there, which is on record
    add column refused boolean not null default false; -- Open Klant does not show it
create temporary table newest on commit drop as
select destination, contact, max(event::text)::uuid as event
from deliverer.internetaak group by destination, contact;
update deliverer.internetaak t set event = gen_random_uuid() from newest n
where (t.destination, t.contact) = (n.destination, n.contact) and t.event = t.contact
    and t.event <> n.event;
update deliverer.internetaak t set event = t.contact from newest n
where (t.destination, t.event) = (n.destination, n.event) and t.event <> t.contact;
update deliverer.internetaak set ended_at = coalesce(handled_at, now()) where ended;
create index internetaak_there on deliverer.internetaak (destination, internetaak)
    where internetaak is not null;
create index klantcontact_there on deliverer.klantcontact (destination, klantcontact)
    where klantcontact is not null;

-- Contacts that employees registered there on our tasks, each read once.
create table deliverer.registration (
    destination text not null,
    klantcontact uuid not null,         -- id in Open Klant
    contact uuid,                       -- event of our contact that it is about; null if of none
    message uuid,                       -- message that it became; null if it is not sent
    reached boolean not null default false, -- it says that the citizen was reached
    seen bigint not null default 0,     -- last place in the conversation that its task covered
    settled text not null default '',   -- sent, failed or unknown, once one of them is told
    found_at timestamptz not null default now(),
    primary key (destination, klantcontact)
);
create index registration_message on deliverer.registration (message) where message is not null;
create index registration_contact on deliverer.registration (destination, contact)
    where contact is not null;

-- Commands for the router, found in an Open Klant; a row goes when it is published. The text of an
-- answer is here for no longer.
create table deliverer.found_command (
    id uuid primary key,
    position bigint generated always as identity,
    destination text not null,
    conversation text not null,
    department text not null,
    employee text not null default '',  -- author; '' for Open Klant itself
    action jsonb not null,
    waits_for uuid,                     -- message that must be sent first; null to publish at once
    found_at timestamptz not null default now()
);
create index found_command_position on deliverer.found_command (position);
create index found_command_waits on deliverer.found_command (waits_for)
    where waits_for is not null;
insert into deliverer.found_command (id, destination, conversation, department, action, found_at)
select id, destination, conversation, department, jsonb_build_object('action', 'close', 'reason',
    'Afgehandeld in Open Klant', 'outcome', 'handled', 'last_seen_sequence', seen), found_at
from deliverer.closing order by found_at;
drop table deliverer.closing;

alter table deliverer.look
    add column due_at timestamptz not null default now(), -- when the next round is due
    add column listed_at timestamptz,   -- start of the last round that read all open tasks
    -- Channel with which employees register answers, and since when: earlier ones are not sent.
    add column answer_channel text not null default '',
    add column answers_since timestamptz,
    add column answers_read_at timestamptz;

grant select, insert, update on deliverer.registration to postkamer_deliverer;
grant select, insert, update, delete on deliverer.found_command to postkamer_deliverer;
