-- The month's figures: what happened on a day at a department, counted in the transaction of its
-- decision. Who it was is not in it. A number is part of the key because one partition alone writes
-- for it, so that two partitions never wait for each other here.
create table router.figure (
    tenant text not null,
    day date not null,                  -- in the Netherlands
    number text not null,
    department text not null,
    what text not null,                 -- router.figures.tally
    value int not null,                 -- minutes of a first answer, rounded down; else 0
    count bigint not null,
    primary key (tenant, day, number, department, what, value)
) with (fillfactor = 70);               -- a row of today changes with each batch
create index figure_day on router.figure (day);

grant select, insert, update, delete on router.figure to postkamer_router;

-- No row goes before the lowest term that can be set: access.keep_row.
create trigger keep before delete on router.figure for each row
    when (old.day > now() - interval '366 days')
    execute function access.keep_row();
