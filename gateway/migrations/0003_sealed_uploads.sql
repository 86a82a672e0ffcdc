-- Objects of before are not sealed.
alter table gateway.media add column is_sealed boolean not null default false;
