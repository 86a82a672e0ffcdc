-- Secrets end with a destination that no process knows any more: each that knows it says so here.
alter table deliverer.secret add known_at timestamptz not null default now();
