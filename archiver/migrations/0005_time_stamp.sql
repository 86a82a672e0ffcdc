-- Time stamps of an authority on checkpoints (RFC 3161), hourly where one is configured.
create table archiver.time_stamp (
    size bigint primary key,            -- of the checkpoint
    at timestamptz not null,            -- when, by the clock of the authority
    answer bytea not null               -- of the authority, with the stamp, in DER
);
grant select, insert on archiver.time_stamp to postkamer_archiver;
