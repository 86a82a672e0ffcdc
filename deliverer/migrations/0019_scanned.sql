-- Whether a file was looked at before it was brought: what was brought without a scanner is brought
-- anew, past it, once there is one.
alter table deliverer.upload add column scanned boolean not null default false;
