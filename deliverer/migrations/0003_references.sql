-- A message that quotes or reacts to another one, and one that carries a file. `about` is the other
-- message as we know it, `about_wamid` as Meta knows it; `media` is an upload of gateway.media.
alter table deliverer.ledger
    add column about uuid,
    add column about_wamid text not null default '',
    add column media uuid;

-- Under which id an account at Meta or 360dialog holds a file of ours.
create table deliverer.upload (
    media uuid not null,
    account text not null,              -- the provider's word and its id of the number
    provider_id text not null,
    at timestamptz not null,
    primary key (media, account)
);
grant select, insert, update, delete on deliverer.upload to postkamer_deliverer;

-- The router finds the wamid of a message that it accepted, to know what is quoted.
grant select (id, state, wamid, conversation) on deliverer.ledger to postkamer_router;
