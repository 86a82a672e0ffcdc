-- A person may have a quarantined unit decided again, or give it up.
alter table router.quarantine
    add column entry bytea,             -- MessagePack of the entry that decides it again
    -- Why there is none; '' if there is one.
    add column refusal text not null
        default 'an older version quarantined it, and kept too little to decide it again',
    add column again_at timestamptz,    -- when a person asked for it
    add column published_at timestamptz, -- when its entry went to its partition
    add column dropped_at timestamptz,
    add column drop_reason text not null default '';
create index quarantine_waiting on router.quarantine (at, id)
    where again_at is null and dropped_at is null;
create index quarantine_again on router.quarantine (again_at)
    where again_at is not null and published_at is null;

-- The entry is on its way to be decided: its contents are not needed here any longer.
grant update (raw, entry, published_at) on router.quarantine to postkamer_router;

-- The balance follows what waits here until a person has decided.
grant select (id, again_at, dropped_at) on router.quarantine to postkamer_archiver;
