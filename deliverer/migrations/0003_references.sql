-- A message that quotes or reacts to another one, and one that carries a file. `about` is the other
-- message as we know it, `about_wamid` as Meta knows it; `media` is an upload of gateway.media.
alter table deliverer.ledger
    add column about uuid,
    add column about_wamid text not null default '',
    add column media uuid;
-- What waits for its file to be at the provider.
create index ledger_media on deliverer.ledger (position)
    where state = 'queued' and media is not null;

-- Under which id an account at Meta or a BSP holds a file of ours.
create table deliverer.upload (
    media uuid not null,
    account text not null,              -- the provider's word and its id of the number
    provider_id text not null default '', -- '': it is not there, or no longer
    attempt int not null default 0,
    due_at timestamptz not null,        -- until then it is there, or somebody is at it, or it waits
    primary key (media, account)
);
grant select, insert, update, delete on deliverer.upload to postkamer_deliverer;

-- The router finds the wamid of a message that it accepted, to know what is quoted.
grant select (id, state, wamid, conversation) on deliverer.ledger to postkamer_router;
