-- Since when it is being tried, however often that was: what a provider puts off ends after a day.
alter table deliverer.ledger add column first_at timestamptz;
alter table deliverer.upload add column first_at timestamptz;
