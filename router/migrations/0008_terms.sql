-- Rows of the router end at their term (docs/operators/terms.md).

-- How far decisions are cleared, and how far they may be.
create table router.cleared (
    only_one boolean primary key default true check (only_one),
    -- A decision from before this time may be gone, and the balance looks for nothing of it.
    first_at timestamptz not null default '-infinity',
    -- The balance has taken every decision from before this time.
    taken_at timestamptz not null default '-infinity'
);
insert into router.cleared default values;

alter table router.suspect add column at timestamptz not null default now();

create index inbox_decided on router.inbox (decided_at);
-- The deliverer asks if the decision of a message is still here.
create index inbox_send on router.inbox (send) where send is not null;
create index conversation_closed on router.conversation (closed_at) where closed_at is not null;
create index identity_since on router.identity ((coalesce(valid_to, valid_from)));
create index outgoing_refused on router.outgoing (changed_at) where conversation = '';

grant select, update on router.cleared to postkamer_router;
grant select, update (taken_at) on router.cleared to postkamer_archiver;
grant select on router.cleared to postkamer_deliverer;
grant select (send) on router.inbox to postkamer_deliverer;
grant delete on router.inbox, router.quarantine, router.conversation, router.outgoing, router.charge,
    router.consent, router.withdrawal, router.opt_out, router.identity to postkamer_router;

-- No row goes before the lowest term that can be set, nor one that is needed: access.keep_row.
create trigger keep before delete on router.inbox for each row
    when (old.decided_at > now() - interval '8 days')
    execute function access.keep_row();
create trigger keep before delete on router.quarantine for each row
    when (coalesce(old.dropped_at, old.published_at, now()) > now() - interval '8 days')
    execute function access.keep_row();
create trigger keep before delete on router.conversation for each row
    when (coalesce(old.closed_at, now()) > now() - interval '366 days')
    execute function access.keep_row();
create trigger keep before delete on router.outgoing for each row
    when (old.changed_at > now() - interval '366 days')
    execute function access.keep_row();
create trigger keep before delete on router.charge for each row
    when (old.delivered_at > now() - interval '2557 days')
    execute function access.keep_row();
create trigger keep before delete on router.consent for each row
    when (coalesce(old.ended_at, now()) > now() - interval '366 days')
    execute function access.keep_row();
create trigger keep before delete on router.withdrawal for each row
    when (old.at > now() - interval '366 days')
    execute function access.keep_row();
create trigger keep before delete on router.opt_out for each row
    when (old.at > now() - interval '366 days')
    execute function access.keep_row();
create trigger keep before delete on router.identity for each row
    when (coalesce(old.valid_to, old.valid_from) > now() - interval '366 days')
    execute function access.keep_row();
