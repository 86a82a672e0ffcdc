-- Keys of municipalities that came from another installation (services.sealing.brought_keys): with its own
-- the router would recognise none of their people, and none of what Meta repeats. The owner writes them.
create table router.brought_key (
    tenant text primary key,
    sealed bytea not null,              -- under the standing key, which is never destroyed
    brought_at timestamptz not null default now()
);
grant select on router.brought_key to postkamer_router;

-- A router reads the keys when it takes a partition, after its epoch. So with each change of them every
-- partition has to be taken anew: no decision is committed under a key of before. A commit that has
-- begun is waited for, and a router that takes a partition for the first time waits in its turn.
create function router.take_partitions_anew() returns trigger
    language plpgsql set search_path = pg_catalog
    as $$
begin
    lock table router.lease in share row exclusive mode;
    update router.lease set epoch = epoch + 1;
    return null;
end
$$;
revoke all on function router.take_partitions_anew() from public;
create trigger taken_anew after insert or update or delete on router.brought_key
    for each statement execute function router.take_partitions_anew();
create trigger truncated_anew after truncate on router.brought_key
    for each statement execute function router.take_partitions_anew();
