-- Statuses of which nothing says yet which message they are about: Meta's may overtake its own answer,
-- and not everybody between us hands on the value by which we know our messages.
create table router.early_status (
    wamid_hash bytea not null,          -- keyed: a wamid holds a telephone number
    status text not null,
    number text not null,
    code int not null,
    reason text not null,
    at timestamptz not null,
    pricing bytea not null,             -- JSON, as Meta has it: no personal data
    received_at timestamptz not null,
    primary key (wamid_hash, status)
);
create index early_status_old on router.early_status (received_at);
grant select, insert, delete on router.early_status to postkamer_router;
