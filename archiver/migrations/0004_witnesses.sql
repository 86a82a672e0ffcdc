-- Co-signatures of witnesses on checkpoints: what they saw, in the hands of others.

create table archiver.cosignature (
    size bigint not null,
    witness text not null,              -- its public key, as postkamer witness key show prints it
    at timestamptz not null,
    line text not null,                 -- of the signed note; see docs/municipality/archive.md
    primary key (size, witness)
);
create index cosignature_witness on archiver.cosignature (witness, size);

grant select, insert on archiver.cosignature to postkamer_archiver;
