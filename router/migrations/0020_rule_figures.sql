-- What people showed of the departments that the rules chose, by month: right, or corrected. By the
-- version of the rules and texts that chose it, so that a change can be held against the one before.
-- Corrections that an older router counts are rows of router.month_figure still.
create table router.rule_figure (
    tenant text not null,
    month date not null check (extract(day from month) = 1),    -- in the Netherlands
    number text not null,
    department text not null,           -- the one that was chosen
    what text not null,                 -- router.figures.judgement
    rule text not null,                 -- '' if only the number's fallback was left
    version text not null,              -- one that has no rows any more ends with its last month
    count bigint not null,
    primary key (tenant, month, number, department, what, rule, version)
) with (fillfactor = 70);               -- a row of this month changes with each batch
create index rule_figure_month on router.rule_figure (month);

grant select, insert, update, delete on router.rule_figure to postkamer_router;

-- No row goes before the lowest term that can be set: access.keep_row.
create trigger keep before delete on router.rule_figure for each row
    when (old.month > now() - interval '366 days')
    execute function access.keep_row();
