-- A municipality that came from another installation: the log in which its entries stood there. Its
-- hashes are kept, so that what was proved there can be proved here.

-- One row for each log that a municipality came from.
create table archiver.former_log (
    tenant text not null,
    origin text not null,               -- name of that log
    verifier text not null,             -- its published key
    size bigint not null,               -- entries up to the checkpoint
    note text not null,                 -- its newest checkpoint that is known here, with its co-signatures
    loaded bigint not null default 0,   -- position there up to which entries were loaded
    came_at timestamptz not null default now(),
    ended_at timestamptz,               -- when all of it was here
    primary key (tenant, origin)
);

-- Hashes of the leaves of that log, all of them: those of other municipalities tell nothing.
create table archiver.former_leaves (
    tenant text not null,
    origin text not null,
    first bigint not null,              -- position of the first
    leaves bytea not null,              -- 32 bytes each
    primary key (tenant, origin, first),
    foreign key (tenant, origin) references archiver.former_log
);
alter table archiver.former_leaves alter column leaves set storage external;    -- hashes do not shrink

-- Where each entry stood in it. What lay under a key of the whole installation was sealed anew; the
-- leaf is then that of `sealed`, which opens with `key`.
create table archiver.former_entry (
    entry uuid not null,
    tenant text not null,
    origin text not null,
    position bigint not null,
    written_at timestamptz not null,
    leaf bytea not null,
    sealed bytea,
    key bytea,                          -- sealed under the salt and key of the entry here
    primary key (entry, origin),
    unique (tenant, origin, position),
    foreign key (tenant, origin) references archiver.former_log
);

grant select on archiver.former_log, archiver.former_leaves, archiver.former_entry
    to postkamer_archiver;

-- Nothing is asked, held, listed or disclosed any more for a municipality whose final package was begun: it
-- would stay behind.
create function archiver.keep_left() returns trigger
    language plpgsql set search_path = pg_catalog
    as $$ begin
        if exists (select from sharing.stopped_number s
            where s.tenant = new.tenant and s.left_at is not null)
        then
            raise check_violation using message = 'this municipality moves to another installation';
        end if;
        return new;
    end $$;
create trigger keep_left before insert or update of decision, extension, ground on archiver.request
    for each row execute function archiver.keep_left();
create trigger keep_left before insert or update of lifted_at, review_on on archiver.hold
    for each row execute function archiver.keep_left();
-- A list that was being carried out ends.
create trigger keep_left before insert or update of state on archiver.destruction_list
    for each row when (new.state not in ('destroying', 'destroyed'))
    execute function archiver.keep_left();
create trigger keep_left before insert or update of state on archiver.disclosure
    for each row execute function archiver.keep_left();
create trigger keep_left before insert or update of decision on archiver.disclosure_document
    for each row execute function archiver.keep_left();

-- When its final package was begun: from then on a municipality may have started elsewhere.
alter table sharing.stopped_number add column left_at timestamptz;
