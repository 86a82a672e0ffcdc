-- Figures for the open-data portal and the algorithm register, by month: at which hour of the week,
-- and by which rule. By day they would say when one citizen wrote, long after that was destroyed.
create table router.month_figure (
    tenant text not null,
    month date not null check (extract(day from month) = 1),    -- in the Netherlands
    number text not null,
    department text not null,
    what text not null,                 -- router.figures.tally
    hour smallint not null,             -- of the week, from Monday 00:00; -1 if counted by rule
    rule text not null,                 -- '' if counted by hour, or if no rule decided
    count bigint not null,
    primary key (tenant, month, number, department, what, hour, rule)
) with (fillfactor = 70);               -- a row of this month changes with each batch
create index month_figure_month on router.month_figure (month);

grant select, insert, update, delete on router.month_figure to postkamer_router;

-- No row goes before the lowest term that can be set: access.keep_row.
create trigger keep before delete on router.month_figure for each row
    when (old.month > now() - interval '366 days')
    execute function access.keep_row();
